//! A live process as a source of events: one loop around rings, maps and `/proc`.

mod allocations;
mod budget;
mod creators;
mod finish;
mod go;
mod records;
mod rest;
mod samples;

use std::time::{Duration, Instant};

use tracer_core::event::{EndedBy, EventKind};
use tracer_core::process::KeepsGrowing;
use tracer_ebpf::Target as Wire;

use self::{
    allocations::{Allocations, allocation_places},
    creators::{Creators, places},
    go::go_reader,
    rest::{Rest, Woken},
};
use super::{
    go_reader::GoReader,
    inspect,
    sink::{Sink, now},
    stop::Stop,
};
use crate::{
    cli::{Allocs, Creators as Wanted, Holders},
    failure::{ExitStatus, Failure},
    kernel::{Family, Programs, Stacks, decode::Record},
    proc::{cgroup, is_gone, maps, sockets, target::Target},
    symbols::{Executable, OWN_PROGRAM, Worker},
};

/// Between two looks into busy rings: the smallest is full after 44 ms of the fastest load measured.
const BUSY_POLL: Duration = Duration::from_millis(2);

/// Between two looks into quiet rings: new stacks are to be named while the target lives. A load
/// that begins wakes us before.
const QUIET_POLL: Duration = Duration::from_millis(200);

/// A load of more records than this between two looks is busy.
const BUSY_RECORDS: usize = 500;

/// Between two looks at `/proc` and the trends.
const TICK: Duration = Duration::from_secs(1);

/// The most that a killed recording loses of its trace file: quiet rings are read so often, too.
const FLUSH: Duration = Duration::from_millis(100);

/// The longest the rings are read before the rest of the loop gets its turn.
const DRAIN_LIMIT: Duration = Duration::from_millis(200);

/// How a process is recorded.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How calls are hooked; `None` for the best way.
    pub family: Option<Family>,
    /// Whether it is watched who creates goroutines.
    pub creators: Wanted,
    /// Whether it is watched who allocates.
    pub allocs: Allocs,
    /// Of which events stacks are taken.
    pub stacks: Stacks,
    /// Whether it is searched who holds the heap.
    pub holders: Holders,
}

/// A process being recorded.
pub struct Live {
    target: Target,
    programs: Programs,
    rest: Rest,
    creators: Creators,
    allocations: Allocations,
    sockets: sockets::Reader,
    /// When they may be read again.
    next_sockets: Instant,
    symbols: Worker,
    /// Reads the Go runtime, in a Go program.
    go: Option<GoReader>,
    /// Whether it is still to be searched who holds the heap.
    holders: Holders,
    cgroup: Option<cgroup::Place>,
    /// Programs the process has run since we look.
    epoch: u32,
    /// Where the records of a look wait for their turn, and between two looks those that others may
    /// have come before.
    records: Vec<Record>,
    /// When `smaps_rollup` may be read again.
    next_walk: Instant,
    /// It stood still when we last looked.
    paused: bool,
    /// Code was mapped since the symbolizer last looked.
    code_mapped: bool,
    /// Processes the kernel had killed in the cgroup when we came.
    oom_kills: Option<u64>,
    /// What a watch may cost something for.
    keeps_growing: KeepsGrowing,
}

impl Live {
    /// Loads the programs, starts recording, and takes the first samples.
    ///
    /// # Errors
    /// When the kernel refuses, or the target exits meanwhile.
    pub fn start(
        target: Target,
        executable: Option<Executable>,
        options: Options,
        sink: &mut Sink,
    ) -> Result<Self, Failure> {
        let pid = target.pid();
        let mut programs = Programs::load(Some(pid), options.family, options.stacks)?;
        let place = cgroup::find(pid).ok();
        let mappings = maps::read(pid).map_err(|error| gone(&target, &error.into()))?;
        let binary = executable.as_ref().map(Executable::binary);
        let binary_is_go = binary.is_some_and(|binary| binary.is_go);
        let facts = inspect::facts(&target, binary, Some(programs.hooked()));
        let mut creators = Creators::new(options.creators, places(&target, binary, &mappings));
        let mut allocations = Allocations::new(options.allocs, allocation_places(binary));
        let wire = Wire {
            new_g: creators.new_g(),
            large_size: allocations.large_size(),
            ..inspect::wire(&target, binary, &mappings)
        };
        let rest = Rest::new(programs.rings(), target.pidfd()).map_err(|error| {
            let hint = "close files of this shell, or raise `ulimit -n`";
            Failure::new(
                ExitStatus::Internal,
                format!("wait for records: {error}"),
                hint,
            )
        })?;
        let symbols = Worker::spawn(pid, executable, OWN_PROGRAM.into())
            .map_err(|error| gone(&target, &error))?;
        // Before the recording: what is created from its first moment on is seen.
        let watch = creators.begin_if_asked(&mut programs, pid);
        let allocation_watch = allocations.begin_if_asked(&mut programs, pid);
        programs.arm(pid, 0, wire)?;
        let go = go_reader(&target, binary_is_go);
        if target.has_exited() {
            return Err(exited(&target));
        }

        sink.push_now(EventKind::Process(Box::new(facts)));
        let watches = watch.as_ref().is_some_and(|watch| watch.watching);
        if let Some(watch) = watch {
            sink.push_now(EventKind::CreatorWatch(watch));
        }
        if let Some(watch) = allocation_watch {
            sink.push_now(EventKind::AllocationWatch(watch));
        }
        let mut live = Self {
            target,
            programs,
            rest,
            creators,
            allocations,
            sockets: sockets::Reader::default(),
            next_sockets: Instant::now(),
            symbols,
            go,
            holders: options.holders,
            cgroup: place,
            epoch: 0,
            records: Vec::new(),
            next_walk: Instant::now(),
            paused: false,
            code_mapped: false,
            oom_kills: None,
            keeps_growing: KeepsGrowing::default(),
        };
        if watches {
            live.look_at_births();
        }
        live.look_at_go();
        live.look_if_paused(sink);
        live.snapshot(sink);
        live.sample(sink);
        live.detail(sink);
        live.oom_kills = live.sample_cgroup(sink);
        Ok(live)
    }

    /// Records until the time is up, the user stops it, or the target exits.
    ///
    /// `each_tick` is called about once a second.
    pub async fn run(
        &mut self,
        sink: &mut Sink,
        duration: Option<Duration>,
        stop: &mut Stop,
        mut each_tick: impl FnMut(&Sink),
    ) -> EndedBy {
        let end = duration.map(|duration| Instant::now() + duration);
        let mut next_tick = Instant::now() + TICK;
        let mut next_flush = Instant::now() + FLUSH;
        each_tick(sink);
        loop {
            let records = self.drain(sink).count;
            let requests = sink.requests();
            self.mind_creators(sink, &requests);
            self.mind_allocations(sink, &requests);
            if Instant::now() >= next_flush {
                sink.flush();
                next_flush = Instant::now() + FLUSH;
            }
            if self.target.has_exited() {
                return EndedBy::Exit;
            }
            if Instant::now() >= next_tick {
                self.tick(sink);
                each_tick(sink);
                next_tick = Instant::now() + TICK;
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                return EndedBy::Duration;
            }
            if records > BUSY_RECORDS {
                // A timer of the runtime would wake two threads, hundreds of times a second.
                std::thread::sleep(BUSY_POLL);
                if stop.asked() {
                    return EndedBy::Signal;
                }
                continue;
            }
            let mut wake = next_tick.min(Instant::now() + QUIET_POLL);
            if sink.records() {
                wake = wake.min(next_flush);
            }
            let wake = end.map_or(wake, |end| wake.min(end));
            if self.rest.until(wake, stop).await == Woken::Stopped {
                return EndedBy::Signal;
            }
        }
    }

    /// What is looked at once a second.
    fn tick(&mut self, sink: &mut Sink) {
        let at = now();
        let counted = self.programs.counted();
        self.take_counted(sink, at, &counted);
        self.look_if_paused(sink);
        self.look_at_go();
        self.mind_holders(sink);
        self.sample(sink);
        self.sample_sockets(sink);
        self.sample_cgroup(sink);
        sink.push_now(EventKind::Loss(self.programs.loss(at)));
        sink.push_now(EventKind::Tick);
        self.keeps_growing = sink.keeps_growing();
        self.programs.flush_log();
    }
}

fn gone(target: &Target, error: &anyhow::Error) -> Failure {
    // Its files go before its pidfd tells.
    let gone = error
        .chain()
        .any(|cause| cause.downcast_ref().is_some_and(is_gone));
    if gone || target.has_exited() {
        return exited(target);
    }
    Failure::new(
        ExitStatus::Unsupported,
        format!("cannot read process {}: {error:#}", target.pid()),
        "`tracer doctor --pid PID` shows what is missing",
    )
}

fn exited(target: &Target) -> Failure {
    Failure::unsupported(
        format!(
            "process {} ({}) exited while tracer attached",
            target.pid(),
            target.comm
        ),
        "give the pid of a process that keeps running",
    )
}
