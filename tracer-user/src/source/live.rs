//! A live process as a source of events: one loop around rings, maps and `/proc`.

mod samples;

use std::time::{Duration, Instant};

use tracer_core::{
    event::{EndedBy, EventKind, Timestamp},
    ledger::symbols::wanted_symbols,
};

use super::{
    inspect,
    sink::{Sink, now},
    stop::Stop,
};
use crate::{
    failure::{ExitStatus, Failure},
    go::Binary,
    kernel::{
        Family, Programs,
        decode::{Content, Record},
        settle,
    },
    proc::{cgroup, is_gone, maps, target::Target},
    symbols::{self, Query, Worker},
};

/// Between two looks into a busy ring. At 5 M records a second the ring holds 34 ms.
const BUSY_POLL: Duration = Duration::from_millis(2);

/// Between two looks into a quiet ring: what a sudden full load can write until then fits.
const QUIET_POLL: Duration = Duration::from_millis(25);

/// A load of more records than this between two looks is busy.
const BUSY_RECORDS: usize = 500;

/// Between two looks at `/proc` and the trends.
const TICK: Duration = Duration::from_secs(1);

/// The most that a killed recording loses of its trace file.
const FLUSH: Duration = Duration::from_millis(100);

/// The longest the ring is read before the rest of the loop gets its turn.
const DRAIN_LIMIT: Duration = Duration::from_millis(200);

/// How long names are waited for at the end; the report must be out within 2 s.
const SYMBOLS_LIMIT: Duration = Duration::from_millis(1200);

/// How long the accounts may take to settle at the end.
const SETTLE_LIMIT: Duration = Duration::from_millis(300);

/// A process being recorded.
pub struct Live {
    target: Target,
    programs: Programs,
    symbols: Worker,
    cgroup: Option<cgroup::Place>,
    /// Programs the process has run since we look.
    epoch: u32,
    /// When `smaps_rollup` may be read again.
    next_walk: Instant,
    /// Code was mapped since the symbolizer last looked.
    code_mapped: bool,
    /// Processes the kernel had killed in the cgroup when we came.
    oom_kills: Option<u64>,
}

impl Live {
    /// Loads the programs, starts recording, and takes the first samples.
    ///
    /// # Errors
    /// When the kernel refuses, or the target exits meanwhile.
    pub fn start(
        target: Target,
        binary: Option<&Binary>,
        family: Option<Family>,
        sink: &mut Sink,
    ) -> Result<Self, Failure> {
        let pid = target.pid();
        let mut programs = Programs::load(Some(pid), family)?;
        let symbols = Worker::spawn(pid).map_err(|error| gone(&target, &error))?;
        let place = cgroup::find(pid).ok();
        let mappings = maps::read(pid).map_err(|error| gone(&target, &error.into()))?;
        programs.arm(pid, inspect::wire(binary, &mappings, &target.exe_path, 0))?;
        if target.has_exited() {
            return Err(exited(&target));
        }

        let hooks = programs.hooked().family.name();
        sink.push_now(EventKind::Process(inspect::facts(&target, binary, hooks)));
        let mut live = Self {
            target,
            programs,
            symbols,
            cgroup: place,
            epoch: 0,
            next_walk: Instant::now(),
            code_mapped: false,
            oom_kills: None,
        };
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
            let records = self.drain(sink);
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
            let poll = if records > BUSY_RECORDS {
                BUSY_POLL
            } else {
                QUIET_POLL
            };
            let wake = (Instant::now() + poll).min(end.unwrap_or(next_tick));
            tokio::select! {
                () = tokio::time::sleep_until(wake.into()) => {}
                () = stop.wait() => return EndedBy::Signal,
            }
        }
    }

    /// Stops recording and brings everything to its end: samples, records, names, accounts.
    ///
    /// The programs are returned still loaded: unloading takes up to a second, and the report
    /// comes first.
    pub fn finish(mut self, sink: &mut Sink, ended_by: EndedBy) -> Programs {
        // The last sample and the end of the recording are the same instant.
        self.sample(sink);
        self.detail(sink);
        let kills = self.sample_cgroup(sink);
        self.programs.disarm(self.target.pid());
        let mut records = Vec::new();
        let faults = settle(&mut self.programs, SETTLE_LIMIT, |record| {
            records.push(record);
        });
        for record in records {
            self.apply(sink, record);
        }
        let at = now();
        for fault in faults {
            sink.push(at, EventKind::Faults(fault));
        }
        let loss = self.programs.loss();
        let Self {
            symbols,
            programs,
            oom_kills,
            ..
        } = self;
        let symbols = symbols.finish(SYMBOLS_LIMIT);
        if !symbols.is_empty() {
            sink.push_now(EventKind::Symbols(symbols));
        }
        sink.push_now(EventKind::Loss(loss));
        if ended_by == EndedBy::Exit {
            sink.push_now(EventKind::Exit);
        }
        let killed = ended_by == EndedBy::Exit && kills > oom_kills;
        sink.push_now(EventKind::End(if killed { EndedBy::Oom } else { ended_by }));
        programs
    }

    /// Passes on what waits in the ring and what the symbolizer has named.
    fn drain(&mut self, sink: &mut Sink) -> usize {
        let mut records = Vec::new();
        let count = self
            .programs
            .drain(Instant::now() + DRAIN_LIMIT, |record| records.push(record));
        for record in records {
            self.apply(sink, record);
        }
        if std::mem::take(&mut self.code_mapped) {
            self.symbols.refresh();
        }
        let named = self.symbols.try_take();
        if !named.is_empty() {
            sink.push_now(EventKind::Symbols(named));
        }
        count
    }

    fn apply(&mut self, sink: &mut Sink, record: Record) {
        let Record { at, content, .. } = record;
        match content {
            Content::Call(call) => {
                self.code_mapped |= maps_code(&call);
                sink.push(at, EventKind::Call(call));
            }
            Content::Stack(stack) => {
                let wanted = wanted_symbols(&stack);
                let query = |(address, is_return)| Query { address, is_return };
                self.symbols.submit(wanted.into_iter().map(query).collect());
                sink.push(at, EventKind::Stack(stack));
            }
            Content::Exec => self.executed(sink, at),
            Content::Fork { child } => sink.push(at, EventKind::Fork { child }),
            // The process goes on: its own end is seen through its pidfd.
            Content::ThreadExit => {}
        }
    }

    /// The process runs another program: everything known of the old one is void.
    fn executed(&mut self, sink: &mut Sink, at: Timestamp) {
        let pid = self.target.pid();
        self.epoch += 1;
        sink.push(at, EventKind::Exec);
        self.symbols.refresh();
        // When it is gone again already, its exit is noticed next.
        let Some(target) = Target::open(pid)
            .ok()
            .filter(|target| target.process_id() == self.target.process_id())
        else {
            return;
        };
        self.target = target;
        let binary = symbols::read_executable(pid)
            .ok()
            .and_then(|exe| Binary::parse(&exe).ok());
        let mappings = maps::read(pid).unwrap_or_default();
        let wire = inspect::wire(
            binary.as_ref(),
            &mappings,
            &self.target.exe_path,
            self.epoch,
        );
        if let Err(failure) = self.programs.arm(pid, wire) {
            tracing::warn!("stacks of the new program are less complete: {failure}");
        }
        let hooks = self.programs.hooked().family.name();
        sink.push_now(EventKind::Process(inspect::facts(
            &self.target,
            binary.as_ref(),
            hooks,
        )));
        self.snapshot(sink);
    }

    /// What is looked at once a second.
    fn tick(&mut self, sink: &mut Sink) {
        let at = now();
        for fault in self.programs.faults() {
            sink.push(at, EventKind::Faults(fault));
        }
        self.sample(sink);
        self.sample_cgroup(sink);
        sink.push_now(EventKind::Loss(self.programs.loss()));
        sink.push_now(EventKind::Tick);
        self.programs.flush_log();
    }
}

/// Whether the call made code that the symbolizer does not know.
fn maps_code(call: &tracer_core::event::Call) -> bool {
    use tracer_core::event::Syscall;
    const EXECUTABLE: u32 = 4;
    call.outcome.is_ok()
        && match call.what {
            Syscall::Mmap { prot, fd, .. } => prot & EXECUTABLE != 0 && fd >= 0,
            Syscall::Mprotect { prot, .. } => prot & EXECUTABLE != 0,
            _ => false,
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
