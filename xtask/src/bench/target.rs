//! What the figures should be, and whether a run reaches it.

use super::cell::{Cell, short};
use super::sampling::WORST;

/// A figure that is aimed at.
pub(super) struct Target {
    pub(super) id: &'static str,
    pub(super) what: &'static str,
    /// Bench, tool, mode, and the beginning of what it is measured on.
    cell: [&'static str; 4],
    /// When given, the cell whose overhead is divided by that of the first.
    over: Option<[&'static str; 4]>,
    aim: Aim,
    /// What a measurement says about where the rest goes.
    pub(super) reason: &'static str,
}

#[derive(Clone, Copy)]
enum Aim {
    AtMost(f64),
    AtLeast(f64),
}

/// A target and what a run says about it.
pub(super) struct Outcome {
    pub(super) aim: String,
    /// `None` when the run does not have the cell.
    pub(super) value: Option<String>,
    pub(super) reached: bool,
}

use Aim::{AtLeast, AtMost};

const fn of(
    id: &'static str,
    what: &'static str,
    cell: [&'static str; 4],
    aim: Aim,
    reason: &'static str,
) -> Target {
    Target {
        id,
        what,
        cell,
        over: None,
        aim,
        reason,
    }
}

const fn against(
    id: &'static str,
    what: &'static str,
    peer: [&'static str; 4],
    cell: [&'static str; 4],
    aim: f64,
    reason: &'static str,
) -> Target {
    Target {
        id,
        what,
        cell,
        over: Some(peer),
        aim: AtLeast(aim),
        reason,
    }
}

const MM: [&str; 4] = ["mm", "tracer", "full_stacks", ""];

pub(super) const TARGETS: &[Target] = &[
    of(
        "P1",
        "slowdown of `mm`, all events with full stacks",
        MM,
        AtMost(1.25),
        DISPATCH,
    ),
    of(
        "P2",
        "the same, recorded",
        ["mm", "tracer", "trace_file", ""],
        AtMost(1.30),
        DISPATCH,
    ),
    of(
        "P3",
        "slowdown of `mm` without stacks",
        ["mm", "tracer", "no_stacks", ""],
        AtMost(1.08),
        DISPATCH,
    ),
    of(
        "P4",
        "slowdown of `mm`, a sample each 512 KiB",
        ["mm", "tracer", "sampled", ""],
        AtMost(1.04),
        DISPATCH,
    ),
    of(
        "P4",
        "slowdown of `heap`, a sample each 512 KiB",
        ["heap", "tracer", "sampled", ""],
        AtMost(1.02),
        HEAP,
    ),
    of(
        "P5",
        "slowdown of `heap`",
        ["heap", "tracer", "full_stacks", ""],
        AtMost(1.08),
        HEAP,
    ),
    of(
        "P6",
        "slowdown of `conn`",
        ["conn", "tracer", "full_stacks", ""],
        AtMost(1.05),
        CONN,
    ),
    of(
        "P7",
        "HTTP: time per request",
        ["http", "tracer", "full_stacks", "time"],
        AtMost(1.01),
        SERVER,
    ),
    of(
        "P7",
        "HTTP: p99 latency",
        ["http", "tracer", "full_stacks", "p99"],
        AtMost(1.03),
        SERVER,
    ),
    of(
        "P8",
        "untraced `getppid`, busy target",
        ["bystander", "tracer", "full_stacks", "busy target, getppid"],
        AtMost(1.03),
        TAX,
    ),
    of(
        "P8",
        "untraced open and close, busy target",
        [
            "bystander",
            "tracer",
            "full_stacks",
            "busy target, openclose",
        ],
        AtMost(1.03),
        TAX,
    ),
    of(
        "P8",
        "untraced `getppid`, sleeping target",
        [
            "bystander",
            "tracer",
            "full_stacks",
            "sleeping target, getppid",
        ],
        AtMost(1.005),
        TAX,
    ),
    of(
        "P8",
        "untraced open and close, sleeping target",
        [
            "bystander",
            "tracer",
            "full_stacks",
            "sleeping target, openclose",
        ],
        AtMost(1.005),
        TAX,
    ),
    against(
        "P9",
        "overhead of strace -c -f over ours, `mm`",
        ["mm", "strace", "-c -f", ""],
        MM,
        30.0,
        "",
    ),
    against(
        "P9",
        "overhead of perf trace -s over ours, `mm`",
        ["mm", "perf trace", "-s", ""],
        MM,
        70.0,
        PEER,
    ),
    against(
        "P9",
        "overhead of bpftrace ustack over ours, `mm`",
        ["mm", "bpftrace", "@[ustack]", ""],
        MM,
        4.0,
        DISPATCH,
    ),
    of(
        "P10",
        "times cheaper than `bpf_get_stack` at 16 frames",
        ["walker", "tracer", "times cheaper", "16 frames"],
        AtLeast(6.0),
        "",
    ),
    of(
        "P10",
        "frames that are the same, in percent",
        ["walker", "tracer", "equal frames", "worst of all"],
        AtLeast(99.9),
        "",
    ),
    of(
        "P11",
        "lossless events a second without stacks",
        ["rate", "tracer", "no_stacks", ""],
        AtLeast(5e6),
        PRODUCER,
    ),
    of(
        "P12",
        "lossless events a second with stacks",
        ["rate", "tracer", "full_stacks", ""],
        AtLeast(2e6),
        PRODUCER,
    ),
    of(
        "P13",
        "CPU seconds per million events",
        ["agent-cpu", "tracer", "full_stacks", "mm"],
        AtMost(0.06),
        READER,
    ),
    of(
        "P13",
        "the same, recorded",
        ["agent-cpu", "tracer", "trace_file", "mm"],
        AtMost(0.20),
        "",
    ),
    of(
        "P14",
        "CPU with an idle target, in percent",
        ["agent-cpu", "tracer", "full_stacks", "idle"],
        AtMost(0.02),
        POLL,
    ),
    of(
        "P15",
        "peak RSS in MiB",
        ["memory", "tracer", "trace_file", "random, peak"],
        AtMost(48.0),
        "",
    ),
    of(
        "P15",
        "BPF maps in MiB",
        ["memory", "tracer", "trace_file", "random, maps"],
        AtMost(32.0),
        "",
    ),
    of(
        "P17",
        "symbols a second",
        ["symbols", "tracer", "unique_sorted", ""],
        AtLeast(5e6),
        "",
    ),
    of(
        "P19",
        "events a second of `tracer analyze`, regular",
        ["replay", "tracer", "analyze", "mm"],
        AtLeast(10e6),
        ENGINE,
    ),
    of(
        "P19",
        "events a second of `tracer analyze`, random",
        ["replay", "tracer", "analyze", "random"],
        AtLeast(10e6),
        ENGINE,
    ),
    of(
        "P20",
        "bytes per event raw, regular",
        ["size", "tracer", "raw", "mm"],
        AtMost(10.0),
        "",
    ),
    of(
        "P20",
        "bytes per event after zstd, regular",
        ["size", "tracer", "zstd", "mm"],
        AtMost(1.8),
        "",
    ),
    of(
        "P20",
        "bytes per event raw, random",
        ["size", "tracer", "raw", "random"],
        AtMost(14.0),
        "",
    ),
    of(
        "P20",
        "bytes per event after zstd, random",
        ["size", "tracer", "zstd", "random"],
        AtMost(7.0),
        RANDOM,
    ),
    of(
        "P22",
        "bias of estimates from a sample, in percent",
        ["sampling", "tracer", "bias", WORST],
        AtMost(0.5),
        "",
    ),
    of(
        "P22",
        "estimates within three standard deviations, in percent",
        ["sampling", "tracer", "within 3 sigma", WORST],
        AtLeast(99.0),
        "",
    ),
    of(
        "P23",
        "CPU for reading the runtime of a heap of 1 GB, in percent",
        ["reader", "tracer", "full_stacks", "1 GB, share"],
        AtMost(1.0),
        "",
    ),
    of(
        "P23",
        "slowdown of a heap of 1 GB that is collected",
        ["reader", "tracer", "settled", "1 GB, time"],
        AtMost(1.01),
        COLLECTED,
    ),
    of(
        "P24",
        "milliseconds for a look at 100 000 goroutines",
        ["reader", "tracer", "goroutines", "10000"],
        AtMost(50.0),
        "",
    ),
    of(
        "P25",
        "HTTP while holders of 1 GB are searched: time per request",
        ["holders", "tracer", "holders", "1 GB, time"],
        AtMost(1.05),
        SEARCH,
    ),
    of(
        "P25",
        "the same, its clients beside the search",
        [
            "holders",
            "tracer",
            "holders",
            "1 GB, clients beside the tool, time",
        ],
        AtMost(1.05),
        SEARCH,
    ),
    of(
        "P25",
        "seconds to search the holders of 1 GB, unpaced",
        ["holders", "tracer", "holders_unpaced", "1 GB, s"],
        AtMost(4.0),
        "",
    ),
    of(
        "P25",
        "seconds to search the holders of 3 GB, unpaced",
        ["holders", "tracer", "holders_unpaced", "3 GB, s"],
        AtMost(15.6),
        "",
    ),
    of(
        "P25",
        "MiB of memory for it",
        ["holders", "tracer", "holders_unpaced", "3 GB, MiB"],
        AtMost(96.0),
        "",
    ),
];

const DISPATCH: &str = "an operation makes four events and five ways into the kernel's hooks. By `kernel.bpf_stats_enabled` (which adds \
    some 20 ns) the program of a return took 370 ns with its stack and 190 without, that of a page fault 280 and 120, and \
    that of the entry of munmap 80; the rest is the kernel's own way to them. `rate` measures one event (ns/event). Tried: one \
    program for all returns called from many (refused by 6.1 and 6.12), raw sys_enter and sys_exit (dearer).";
const PEER: &str = "it took ×15.6 on this machine: with ours at the aim of P1, ×1.25, that would be 58 times as much.";
const HEAP: &str = "an operation touches 40 pages for the first time. By `kernel.bpf_stats_enabled` each takes 330 ns with its stack and 150 \
    without, which makes ×1.07 and ×1.03; where the rest goes was not found.";
const SERVER: &str = "where there are no fentry and no kprobes, syscall tracepoints take each call of every process, the server's and \
    its clients', through the kernel's slow path, on entry and on return. Until watches by probes stopped where nothing grows, a request \
    took ×1.45.";
const CONN: &str = "an operation makes five calls that are followed. By `kernel.bpf_stats_enabled` each takes 460 ns: the network stack \
    leaves the caches cold, and two of them read the peer and the goroutine, too.";
const TAX: &str = "where the kernel allows no fentry and no kprobes, a syscall tracepoint takes every call of every process \
    through the kernel's slow path. Its getppid took 166 ns, 223 while `perf record -p` had one such tracepoint of another process, \
    which runs nothing in a bystander, and 223 under the tracer, which has nothing to save there.";
const PRODUCER: &str = "one CPU offers no more calls, each of which costs what `rate` says (ns/event); nothing is lost at that.";
const POLL: &str = "a quiet ring is looked at 5 times a second; by the schedstat of the threads what is left is /proc and the Go runtime, \
    each read once a second and about half of it.";
const ENGINE: &str = "under `perf record` a quarter of the time is decoding and a tenth copying events; the rest is spread over the \
    ledgers. Smaller events and fewer searches in the ordered maps made it 1.2 to 1.4 times as fast.";
const COLLECTED: &str = "the pairs lie too far apart to tell, and half of them were discarded. The reader takes less than a hundredth of the \
    processor that the load does not run on.";
const SEARCH: &str = "here the clients share a processor with the search, which works half a millisecond of each nine there; unpaced \
    a request took ×2.1. By `perf sched`, clients that are interrupted go on with a request at a time, where they had sent many at once, and the \
    server's processor waits for them meanwhile.";
const RANDOM: &str = "compressed column by column, the numbers of stacks take 1.9 bytes of it, addresses 2.2, times 1.7 and lengths 1.0: \
    what is random is not guessed. Level 3 of zstd makes it 2 % less.";
const READER: &str = "under `perf record` a fifth of the time is reading the ring and decoding; the largest part of the rest is \
    the ordered maps of the ledgers.";

impl Target {
    pub(super) fn judge(&self, cells: &[Cell]) -> Outcome {
        let find = |[bench, tool, mode, on]: [&str; 4]| {
            cells.iter().find(|cell| {
                [&cell.bench[..], &cell.tool, &cell.mode] == [bench, tool, mode]
                    && cell.on.starts_with(on)
            })
        };
        let own = find(self.cell);
        let value = match self.over {
            None => own.map(|cell| cell.value),
            Some(peer) => find(peer)
                .zip(own)
                .map(|(peer, own)| (peer.value - 1.0) / (own.value - 1.0)),
        };
        let show = |limit: f64| match own {
            Some(cell) if self.over.is_none() => cell.shown(limit),
            _ => short(limit),
        };
        let (aim, reached) = match self.aim {
            AtMost(limit) => (
                format!("≤ {}", show(limit)),
                value.is_some_and(|v| v <= limit),
            ),
            AtLeast(limit) => (
                format!("≥ {}", show(limit)),
                value.is_some_and(|v| v >= limit),
            ),
        };
        Outcome {
            aim,
            value: value.map(show),
            reached,
        }
    }
}
