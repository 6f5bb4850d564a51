//! Loads the eBPF programs and moves data between their maps and the engine.

use std::{
    os::fd::BorrowedFd,
    time::{Duration, Instant},
};

use aya::{
    Ebpf, Pod,
    maps::{Array, HashMap, MapData, PerCpuArray, RingBuf},
};
use aya_log::EbpfLogger;
use tracer_core::event::{Loss, Timestamp};
use tracer_ebpf::{
    Account, AllocationCount, AllocationKey, Armed, FaultKey, Kind, SumCount, SumKey, Target,
};

use super::{
    counters::Counters,
    decode::Record,
    hooks::{self, Family, Hooked},
    links::Links,
    object::{load_object, rings},
    ring::Ring,
    stacks::Stacks,
    totals::{self, Counted, Totals},
};
use crate::failure::{ExitStatus, Failure};

/// The programs as the build script compiled them; empty when the BPF tools were missing.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tracer-programs"));

/// A wire type that may cross into a map.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Wire<T>(pub(super) T);

// SAFETY: `Target` is made of integers without padding.
unsafe impl Pod for Wire<Target> {}
// SAFETY: so is `Armed`.
unsafe impl Pod for Wire<Armed> {}
// SAFETY: so is `Account`.
unsafe impl Pod for Wire<Account> {}

/// The loaded programs. Dropping them unhooks and unloads everything.
pub struct Programs {
    pub(super) ebpf: Ebpf,
    rings: Vec<Ring>,
    targets: HashMap<MapData, u32, Wire<Target>>,
    armed: Array<MapData, Wire<Armed>>,
    faults: Totals<FaultKey, u64>,
    allocations: Totals<AllocationKey, AllocationCount>,
    sums: Totals<SumKey, SumCount>,
    counters: Counters,
    log: Option<EbpfLogger<&'static dyn log::Log>>,
    hooked: Hooked,
    _links: Links,
    /// How often a target was told of.
    versions: u32,
}

impl Programs {
    /// Loads the programs and hooks them in. Nothing is recorded before [`Self::arm`].
    ///
    /// # Errors
    /// What the kernel refuses, by name.
    pub fn load(
        only: Option<u32>,
        family: Option<Family>,
        stacks: Stacks,
    ) -> Result<Self, Failure> {
        if OBJECT.is_empty() {
            return Err(Failure::unsupported(
                "this build of tracer has no eBPF programs: bpf-linker was missing",
                "run `cargo xtask setup`, then `cargo build --release` again",
            ));
        }
        let mut ebpf = load_object(OBJECT, only, stacks)?;
        // The map is missing when no program logs.
        let log = EbpfLogger::init(&mut ebpf).ok();
        let (hooked, links) = hooks::attach(&mut ebpf, family, stacks)?;
        let rings = rings()
            .iter()
            .map(|name| take(&mut ebpf, name, RingBuf::try_from).map(Ring::new))
            .collect::<Result<_, _>>()?;
        let targets = take(&mut ebpf, "TARGETS", HashMap::try_from)?;
        let armed = take(&mut ebpf, "ARMED", Array::try_from)?;
        let faults = take(&mut ebpf, "FAULTS", Totals::of)?;
        let allocations = take(&mut ebpf, "ALLOCATIONS", Totals::of)?;
        let sums = take(&mut ebpf, "SUMS", Totals::of)?;
        let accounts = take(&mut ebpf, "ACCOUNTS", PerCpuArray::try_from)?;
        let read_at = take(&mut ebpf, "READ_AT", Array::try_from)?;
        let counters = Counters::new(accounts, read_at);
        Ok(Self {
            ebpf,
            rings,
            targets,
            armed,
            faults,
            allocations,
            sums,
            counters,
            log,
            hooked,
            _links: links,
            versions: 0,
        })
    }

    /// Readable once much waits in them.
    pub fn rings(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.rings.iter().map(Ring::fd)
    }

    /// How the calls are hooked.
    #[must_use]
    pub fn hooked(&self) -> &Hooked {
        &self.hooked
    }

    /// Starts recording a process, or tells more about it; `epoch` counts the programs it has run.
    ///
    /// # Errors
    /// When the map of targets is full.
    pub fn arm(&mut self, tgid: u32, epoch: u32, target: Target) -> Result<(), Failure> {
        self.versions += 1;
        let armed = Armed {
            version: self.versions,
            epoch,
        };
        // In this order: who sees the new version finds what belongs to it.
        self.targets
            .insert(tgid, Wire(Target { armed, ..target }), 0)
            .and_then(|()| self.armed.set(0, Wire(armed), 0))
            .map_err(|error| internal("arm", &error))
    }

    /// Stops recording a process.
    pub fn disarm(&mut self, tgid: u32) {
        // Without the entries there is nothing to stop.
        let _ = self.armed.set(0, Wire(Armed::default()), 0);
        let _ = self.targets.remove(&tgid);
    }

    /// Passes on the records that wait in the rings, ring by ring, at most for `limit`. `at` is a
    /// moment before now.
    pub fn drain(
        &mut self,
        at: Timestamp,
        limit: Duration,
        mut each: impl FnMut(Record),
    ) -> Drained {
        let mut drained = Drained {
            count: 0,
            until: at,
        };
        let share = limit / self.rings.len() as u32;
        for ring in &mut self.rings {
            drained.count += ring.drain(at, share, &mut self.counters, &mut each);
            drained.until = drained.until.min(ring.until());
        }
        drained
    }

    /// What was counted in maps since the last call.
    pub fn counted(&mut self) -> Counted {
        let counted = Counted {
            faults: self.faults.take(),
            allocations: self.allocations.take(),
            sums: self.sums.take(),
        };
        let faults = totals::events(&counted.faults);
        self.counters.received_counts(Kind::PAGE_FAULT, faults);
        let allocations = totals::events(&counted.allocations);
        self.counters.received_counts(Kind::ALLOCATION, allocations);
        counted
    }

    /// The accounts of all kinds so far, and what was dropped since the last call. `at` is a
    /// moment before now.
    pub fn loss(&mut self, at: Timestamp) -> Loss {
        self.counters.read(&self.ebpf, at)
    }

    /// The same at the end of a recording, for each CPU too.
    pub fn final_loss(&mut self, at: Timestamp) -> Loss {
        let loss = self.loss(at);
        Loss {
            by_cpu: self.counters.by_cpu(&[
                (Kind::PAGE_FAULT, self.faults.by_cpu()),
                (Kind::ALLOCATION, self.allocations.by_cpu()),
            ]),
            ..loss
        }
    }

    /// Forwards what the programs logged.
    pub fn flush_log(&mut self) {
        if let Some(log) = &mut self.log {
            log.flush();
        }
    }
}

/// What was read of the rings.
#[derive(Clone, Copy, Debug)]
pub struct Drained {
    /// Records.
    pub count: usize,
    /// All that were written by then have been read, of every ring: later ones wait for their order.
    pub until: Timestamp,
}

/// Far more than reading a full ring takes.
const WHOLE_RING: Duration = Duration::from_secs(10);

/// Drains until the accounts add up: a program may still have been running when it was disarmed.
pub fn settle(programs: &mut Programs, limit: Duration, mut each: impl FnMut(Record)) -> Counted {
    let deadline = Instant::now() + limit;
    let mut counted = Counted::default();
    loop {
        // Whatever time it takes on a busy machine: nobody fills the ring any more.
        programs.drain(Timestamp(0), WHOLE_RING, &mut each);
        counted.extend(programs.counted());
        if programs.counters.are_settled() || Instant::now() >= deadline {
            // What is both lost and added up may have been added up since.
            counted.extend(programs.counted());
            return counted;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn take<T, E: std::error::Error>(
    ebpf: &mut Ebpf,
    name: &str,
    open: impl FnOnce(aya::maps::Map) -> Result<T, E>,
) -> Result<T, Failure> {
    let map = ebpf.take_map(name).ok_or_else(|| {
        Failure::new(
            ExitStatus::Internal,
            format!("the programs have no map {name}"),
            REPORT,
        )
    })?;
    open(map).map_err(|error| internal(name, &error))
}

const REPORT: &str = "this is a bug of tracer: please report it with the output of `tracer doctor`";

pub(super) fn internal(doing: &str, error: &dyn std::error::Error) -> Failure {
    Failure::new(
        ExitStatus::Internal,
        format!("{doing}: {}", chain(error)),
        REPORT,
    )
}

/// An error and its causes on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text.replace('\n', " ")
}
