//! A runtime whose variables were found: what one look reads.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tracer_core::event::{EventKind, GoRuntime, HeapProfiling, HeapSite, Holders};

use super::runtime::Found;
use super::stacks::Stacks;
use super::translate;
use crate::go::Binary;
use crate::go::holders::{Subject, Wanted};
use crate::go::runtime::heap_profile::{Caller, HeapProfile, is_linked_out};
use crate::go::runtime::residency::{Known, heap_ranges, present, residency};
use crate::go::runtime::{
    Arch, Budget, Counters, Doubt, Globals, Goroutines, Heap, Memory as _, Process, Program,
    Unwinder, is_runtime_function, read_births, read_counters, read_goroutines, read_heap,
    read_waits,
};
use crate::proc::{maps, memory, smaps};
use crate::source::{holders, inspect::load_bias};
use crate::symbols::read_executable;
/// Between two looks at what costs more than a few reads.
const REST: Duration = Duration::from_secs(2);

/// Of the time such a look took, this often is the rest before the next one: 1 % of a core.
const REST_FACTOR: u32 = 99;

/// Between two looks at a heap profile that changes.
const PAUSE: Duration = Duration::from_millis(2);

/// What a look may cost.
const BUDGET: Budget = Budget {
    time: Duration::from_secs(1),
    bytes: 256 << 20,
};

/// A runtime whose variables were found.
pub(super) struct Open {
    pid: u32,
    exe_path: String,
    process: Process,
    globals: Globals,
    binary: Binary,
    bias: u64,
    counters: Option<Counters>,
    /// When spans and goroutines are looked at next.
    next: Instant,
    /// The collection whose heap profile was read.
    profiled: Option<u32>,
    /// Sites whose stacks were told.
    sites: HashSet<u64>,
    stacks: Stacks,
}

/// Why a runtime cannot be read.
pub(super) struct NotOpened {
    pub(super) why: String,
    /// Another attempt would not change it.
    pub(super) forever: bool,
}

impl Open {
    pub(super) fn find(pid: u32, exe_path: &str) -> Result<Self, NotOpened> {
        let broken = |error: io::Error| NotOpened {
            why: format!("the executable cannot be read: {error}"),
            forever: true,
        };
        let file = read_executable(pid).map_err(broken)?;
        let binary = Binary::parse(&file).map_err(|error| NotOpened {
            why: error.to_string(),
            forever: true,
        })?;
        let program = Program::read(&file, &binary).map_err(|error| NotOpened {
            why: error.to_string(),
            forever: true,
        })?;
        drop(file);
        let mappings = maps::read(pid).map_err(broken)?;
        let bias = load_bias(&binary, &mappings, exe_path).unwrap_or(0);
        let process = Process::new(pid, BUDGET);
        let globals = Globals::locate(&program, bias, &process).map_err(|error| {
            let stop = process.stopped().map(|stop| stop.to_string());
            NotOpened {
                why: stop.unwrap_or_else(|| error.to_string()),
                forever: false,
            }
        })?;
        Ok(Self {
            pid,
            exe_path: exe_path.to_owned(),
            process,
            globals,
            binary,
            bias,
            counters: None,
            next: Instant::now(),
            profiled: None,
            sites: HashSet::new(),
            stacks: Stacks::default(),
        })
    }

    /// Reads what its turn is, or everything; what the runtime is, or why it cannot be read.
    pub(super) fn look(&mut self, everything: bool, found: &mut Found) -> GoRuntime {
        let doubt = self.read(everything, found).err();
        // Its own reason says more than that an address could not be read.
        let unreadable = doubt.map(|doubt| match self.process.stopped() {
            Some(stop) => stop.to_string(),
            None => doubt.to_string(),
        });
        self.describe(unreadable)
    }

    /// Who created the goroutines. Without an answer chains of creations only end sooner.
    pub(super) fn births(&mut self, found: &mut Found) {
        self.process.begin();
        let births = read_births(&self.process, &self.globals).unwrap_or_default();
        for birth in &births {
            found.ask(birth.created_at, true);
        }
        found.events.push(translate::births(&births));
    }

    fn read(&mut self, everything: bool, found: &mut Found) -> Result<(), Doubt> {
        self.process.begin();
        let began = Instant::now();
        if !everything && began < self.next {
            let counters = read_counters(&self.process, &self.globals, self.counters.as_ref())?;
            self.take_counters(counters, found);
            return Ok(());
        }
        let heap = read_heap(&self.process, &self.globals, self.counters.as_ref(), true)?;
        found
            .events
            .push(translate::spans(&heap.census, began.elapsed()));
        self.residency(&heap, found);
        self.take_counters(heap.counters, found);
        let goroutines = self.goroutines(found)?;
        self.heap_profile(found);
        self.waits(&goroutines, found);
        self.next = Instant::now() + REST.max(began.elapsed() * REST_FACTOR);
        Ok(())
    }

    fn take_counters(&mut self, counters: Counters, found: &mut Found) {
        found.events.push(translate::counters(&counters));
        self.counters = Some(counters);
    }

    /// Where resident memory is, and the list of mappings that goes with it.
    fn residency(&self, heap: &Heap, found: &mut Found) {
        let (Ok(before), Ok(detail)) = (memory::cheap(self.pid), smaps::read(self.pid)) else {
            return;
        };
        let ranges = heap_ranges(heap, &detail.mappings);
        let present = present(self.pid, &ranges).ok();
        let known = Known {
            heap,
            mappings: &detail.mappings,
            present: present.as_deref(),
            exe: &self.exe_path,
        };
        let (Some(mut parts), Ok(after)) = (residency(&known), memory::cheap(self.pid)) else {
            return;
        };
        parts.jitter = parts.jitter.saturating_add(before.rss.abs_diff(after.rss));
        found.events.push(EventKind::GoResidency(parts));
        found.events.push(EventKind::MemoryDetail(detail));
    }

    fn goroutines(&self, found: &mut Found) -> Result<Goroutines, Doubt> {
        let is_runtime = |start: u64| {
            let table = self.binary.table.as_ref();
            let frames = table.map(|table| table.lookup(start.wrapping_sub(self.bias)));
            let outermost = frames.as_ref().and_then(|frames| frames.last());
            outermost.is_some_and(|frame| is_runtime_function(&frame.function))
        };
        let goroutines = read_goroutines(&self.process, &self.globals, is_runtime)?;
        for kind in goroutines.groups.keys() {
            found.ask(kind.start, false);
            if kind.created_at != 0 {
                found.ask(kind.created_at, true);
            }
        }
        Ok(goroutines)
    }

    /// Where the goroutines wait, which is the last that a budget is spent on.
    fn waits(&mut self, goroutines: &Goroutines, found: &mut Found) {
        let arch = Arch::named(self.binary.arch);
        let unwinder = self.binary.table.as_ref().zip(arch);
        let waits = unwinder.map_or_else(BTreeMap::new, |(table, arch)| {
            let mut unwinder = Unwinder::new(table, self.bias, arch);
            read_waits(&self.process, &self.globals, &mut unwinder, goroutines)
        });
        let counted = self.counters.as_ref().and_then(|now| now.goroutines);
        let waits = self.stacks.tell(waits, found);
        found
            .events
            .push(translate::goroutines(goroutines, waits, counted));
    }

    /// The heap profile, when a collection has published a new one.
    fn heap_profile(&mut self, found: &mut Found) {
        let cycles = self.counters.as_ref().map(|now| now.gc_cycles);
        if self.profiled.is_some() && self.profiled == cycles {
            return;
        }
        let Some(places) = self.globals.profile.places() else {
            return;
        };
        let minor = self.globals.layout.minor();
        let profile = HeapProfile::read(&self.process, &places, minor, || sleep(PAUSE));
        // While it changes the last one stands.
        let Ok(profile) = profile else { return };
        self.profiled = cycles;
        // Before the runtime set the rate to 0, it may have sampled some.
        if profile.rate == 0 {
            return;
        }
        let table = self.binary.table.as_ref();
        let mut caller = table.map(|table| Caller::new(table, self.bias, minor));
        let mut sites = Vec::new();
        for (bucket, stack) in profile.buckets() {
            if self.sites.insert(bucket.id) {
                for address in stack {
                    found.ask(*address, true);
                }
                let last = stack.last().zip(caller.as_ref());
                let entry = last.filter(|(address, caller)| caller.is_entry(**address));
                if let Some((address, _)) = entry {
                    found.ask(*address, false);
                }
                sites.push(HeapSite {
                    id: bucket.id,
                    addresses: stack.to_vec(),
                    object_bytes: bucket.size,
                    ends_at_entry: entry.is_some(),
                    hidden: caller
                        .as_mut()
                        .map_or(0, |caller| caller.hidden(stack) as u32),
                });
            }
        }
        if !sites.is_empty() {
            found.events.push(EventKind::HeapSites(sites));
        }
        found.events.push(translate::heap_profile(&profile));
    }

    /// Who holds the objects of the sites that were told.
    pub(super) fn find_holders(&self, ending: &AtomicBool) -> Result<Holders, String> {
        let file = read_executable(self.pid).map_err(|error| error.to_string())?;
        let table = self.binary.table.as_ref();
        let table = table.ok_or("the program has no table of its functions (pclntab)")?;
        let pace = holders::Pace::default();
        let memory = holders::memory(self.pid, pace);
        let profile = holders::profile(&memory, &self.globals);
        let subject = Subject {
            memory: &memory,
            globals: &self.globals,
            table,
            bias: self.bias,
        };
        let wanted = Wanted {
            // Only of those that were told the stack is known; without a profile there are none.
            sites: profile
                .is_some()
                .then(|| self.sites.iter().copied().collect()),
            ..Wanted::default()
        };
        let is_over = || ending.load(Ordering::Relaxed);
        let found = holders::search(&subject, &file, profile.as_ref(), &wanted, pace, is_over);
        found.map_err(|error| error.to_string())
    }

    fn describe(&self, unreadable: Option<String>) -> GoRuntime {
        let variables = self.globals.profile;
        let rate = variables.rate.and_then(|at| self.process.word(at).ok());
        let disabled = variables.disabled.and_then(|at| self.process.word(at).ok());
        let heap_profile = rate.map(|rate| match disabled {
            _ if rate > 0 => HeapProfiling::On,
            Some(word) if word & 0xff == 1 => HeapProfiling::LinkedOut,
            None if self.is_linked_out() => HeapProfiling::LinkedOut,
            _ => HeapProfiling::Off,
        });
        GoRuntime {
            found_by: Some(self.globals.found_by),
            unreadable,
            heap_profile,
            sample_bytes: rate.filter(|rate| *rate > 0),
        }
    }

    /// Whether the linker has dropped the function that hands the profile out.
    fn is_linked_out(&self) -> bool {
        is_linked_out(&self.binary, self.globals.layout.minor())
    }
}
