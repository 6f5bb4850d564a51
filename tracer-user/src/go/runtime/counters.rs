//! What the runtime counts: memory, collections, goroutines, threads.

use super::doubt::Doubt;
use super::globals::Globals;
use super::memory::Memory;
use super::record::{Record, read};

mod goal;

/// Attempts to read the counters between two collections.
const ATTEMPTS: u32 = 4;

/// Pauses that the runtime remembers.
const PAUSES: u64 = 256;

/// More than any machine has.
const MAX_PROCESSORS: u64 = 4096;

/// The counters at one instant; bytes where nothing else is said.
///
/// Names and meaning as in `runtime.MemStats`; `None` is what a release does not keep. Words are
/// read one by one while the process runs: sums over several are off by what it did meanwhile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counters {
    /// Spans with objects.
    pub heap_inuse: u64,
    /// Spans without objects, given back or not.
    pub heap_idle: u64,
    /// Of these, given back to the kernel.
    pub heap_released: u64,
    /// Address space of the heap that was made usable, stacks left out.
    pub heap_sys: u64,
    /// Objects, garbage that was not swept yet included; exact but for what the caches of
    /// processors hold. Go 1.19 and newer.
    pub heap_alloc: Option<u64>,
    /// What the collector's pacer takes for live: marked by the last collection, and since then
    /// allocated.
    pub heap_live: u64,
    /// Marked by the last collection.
    pub heap_marked: u64,
    /// The heap at which the next collection ends; `u64::MAX` is never.
    pub next_gc: u64,
    /// Spans with goroutine stacks.
    pub stack_inuse: u64,
    /// These, and stacks of threads that Go allocated.
    pub stack_sys: u64,
    /// Memory for spans.
    pub mspan_sys: u64,
    /// Memory for the caches of processors.
    pub mcache_sys: u64,
    /// Memory for the sites of profiles.
    pub buck_hash_sys: u64,
    /// Memory for the collector.
    pub gc_sys: u64,
    /// Other memory of the runtime.
    pub other_sys: u64,
    /// Collections that are over, a number.
    pub gc_cycles: u32,
    /// Of these, asked for by the program.
    pub forced_gc_cycles: u32,
    /// When the last one ended, nanoseconds since 1970; 0 before the first.
    pub last_gc_unix_ns: u64,
    /// Nanoseconds that the world stood still, summed.
    pub pause_total_ns: u64,
    /// Of the last collection, in nanoseconds; `None` before the first.
    pub last_pause_ns: Option<u64>,
    /// Share of the CPU time since the start that collections took.
    pub gc_cpu_fraction: f64,
    /// `GOGC`; `None` when off.
    pub gc_percent: Option<u32>,
    /// `GOMEMLIMIT`; `None` when there is none.
    pub memory_limit: Option<u64>,
    /// Goroutines, those of the runtime left out.
    pub goroutines: Option<u64>,
    /// Threads that the runtime knows; with C code one more, kept for a thread that C may make.
    pub threads: Option<u64>,
    /// `GOMAXPROCS`.
    pub processors: u64,
}

/// Reads the counters.
///
/// # Errors
/// When they cannot be read, or contradict themselves or `previous` ones of the same process.
pub fn read_counters<M: Memory + ?Sized>(
    memory: &M,
    globals: &Globals,
    previous: Option<&Counters>,
) -> Result<Counters, Doubt> {
    for _ in 0..ATTEMPTS {
        let before = once(memory, globals)?;
        let after = once(memory, globals)?;
        // The end of a collection sets many of them.
        if before.gc_cycles == after.gc_cycles && before.pause_total_ns == after.pause_total_ns {
            monotone(&before, &after)?;
            if let Some(previous) = previous {
                monotone(previous, &after)?;
            }
            return Ok(after);
        }
    }
    Err(Doubt::Torn("count of collections", ATTEMPTS))
}

fn monotone(before: &Counters, after: &Counters) -> Result<(), Doubt> {
    let both = |name, of: fn(&Counters) -> u64| (name, of(before), of(after));
    let pairs = [
        both("count of collections", |c| u64::from(c.gc_cycles)),
        both("count of forced collections", |c| {
            u64::from(c.forced_gc_cycles)
        }),
        both("sum of pauses", |c| c.pause_total_ns),
        both("memory for spans", |c| c.mspan_sys),
        both("memory for profiles", |c| c.buck_hash_sys),
    ];
    match pairs.into_iter().find(|(_, before, after)| before > after) {
        Some((name, before, after)) => Err(Doubt::Backwards {
            name,
            before,
            after,
        }),
        None => Ok(()),
    }
}

fn once<M: Memory + ?Sized>(memory: &M, globals: &Globals) -> Result<Counters, Doubt> {
    let layout = &globals.layout;
    let stats = read(memory, globals.stats, layout.stats.size)?;
    let controller = match (globals.controller, layout.controller.heap_live) {
        (_, None) => Vec::new(),
        (Some(address), Some(_)) => read(memory, address, goal::CONTROLLER_SIZE)?,
        (None, Some(_)) => return Err(Doubt::NotFound("collector (gcController)")),
    };
    let (stats, controller) = (Record(&stats), Record(&controller));
    let mut counters = Counters::default();
    counters.take_stats(stats, globals);
    counters.take_heap(stats, controller, globals);
    counters.take_pacing(memory, stats, controller, globals)?;
    counters.take_scheduler(memory, globals)?;
    Ok(counters)
}

impl Counters {
    /// What all releases keep in `memstats`.
    fn take_stats(&mut self, stats: Record<'_>, globals: &Globals) {
        let fields = &globals.layout.stats;
        self.mspan_sys = stats.u64(fields.mspan_sys);
        self.mcache_sys = stats.u64(fields.mcache_sys);
        self.buck_hash_sys = stats.u64(fields.buckhash_sys);
        self.gc_sys = stats.u64(fields.gc_sys);
        self.other_sys = stats.u64(fields.other_sys);
        self.gc_cycles = stats.u32(fields.gc_cycles);
        self.forced_gc_cycles = stats.u32(fields.forced_gc_cycles);
        self.last_gc_unix_ns = stats.u64(fields.last_gc_unix);
        self.pause_total_ns = stats.u64(fields.pause_total);
        self.gc_cpu_fraction = f64::from_bits(stats.u64(fields.gc_cpu_fraction));
        let last = u64::from(self.gc_cycles).checked_sub(1);
        self.last_pause_ns = last.map(|last| stats.u64(fields.pauses + last % PAUSES * 8));
        self.stack_inuse = match (fields.stacks_inuse, fields.heap_stats) {
            (_, Some(deltas)) => {
                let delta = &globals.layout.delta;
                // Three generations, of which each thread writes one; only their sum counts.
                let sum = |field: Option<u64>| {
                    let size = delta.size.unwrap_or_default();
                    let places = (0..3).map(|index| deltas + index * size);
                    places.fold(0_u64, |sum, place| match field {
                        Some(field) => sum.wrapping_add(stats.u64(place + field)),
                        None => sum,
                    })
                };
                self.gc_sys = self
                    .gc_sys
                    .wrapping_add(sum(delta.in_work_bufs))
                    .wrapping_add(sum(delta.in_ptr_scalar_bits));
                sum(delta.in_stacks)
            }
            (Some(field), None) => stats.u64(field),
            (None, None) => 0,
        };
        self.stack_sys = self.stack_inuse.wrapping_add(stats.u64(fields.stacks_sys));
    }

    /// The heap, in `memstats` up to Go 1.18, then in `gcController`.
    fn take_heap(&mut self, stats: Record<'_>, controller: Record<'_>, globals: &Globals) {
        let (old, new) = (&globals.layout.stats, &globals.layout.controller);
        let either = |old: Option<u64>, new: Option<u64>| match (old, new) {
            (_, Some(field)) => controller.u64(field),
            (Some(field), None) => stats.u64(field),
            (None, None) => 0,
        };
        self.heap_inuse = either(old.heap_inuse, new.heap_in_use);
        self.heap_released = either(old.heap_released, new.heap_released);
        self.heap_live = either(old.heap_live, new.heap_live);
        self.heap_marked = either(old.heap_marked, new.heap_marked);
        if let Some(free) = new.heap_free {
            self.heap_idle = controller.u64(free).wrapping_add(self.heap_released);
            self.heap_sys = self.heap_inuse.wrapping_add(self.heap_idle);
        } else {
            self.heap_sys = old.heap_sys.map_or(0, |field| stats.u64(field));
            self.heap_idle = self.heap_sys.wrapping_sub(self.heap_inuse);
        }
        self.heap_alloc = new
            .total_alloc
            .zip(new.total_free)
            .map(|(alloc, free)| controller.u64(alloc).wrapping_sub(controller.u64(free)));
    }

    /// `GOGC`, `GOMEMLIMIT`, and the goal that follows from them.
    fn take_pacing<M: Memory + ?Sized>(
        &mut self,
        memory: &M,
        stats: Record<'_>,
        controller: Record<'_>,
        globals: &Globals,
    ) -> Result<(), Doubt> {
        let fields = &globals.layout.controller;
        let percent = match (fields.gc_percent, globals.gc_percent) {
            (Some(field), _) => controller.u32(field),
            (None, Some(address)) => memory.word(address)? as u32,
            (None, None) => return Err(Doubt::NotFound("GOGC (gcpercent)")),
        };
        self.gc_percent = (percent.cast_signed() >= 0).then_some(percent);
        let limit = fields.memory_limit.map(|field| controller.u64(field));
        self.memory_limit = limit.filter(|limit| *limit != i64::MAX.cast_unsigned());
        self.next_gc = match (globals.layout.stats.next_gc, fields.heap_goal) {
            (Some(field), None) => stats.u64(field),
            _ => goal::of(controller, &globals.layout),
        };
        Ok(())
    }

    /// Goroutines (`gcount` in `runtime/proc.go`), threads (`mcount`) and processors.
    fn take_scheduler<M: Memory + ?Sized>(
        &mut self,
        memory: &M,
        globals: &Globals,
    ) -> Result<(), Doubt> {
        let layout = &globals.layout;
        let ps = memory.slice(globals.all_ps);
        let ps = ps.ok_or(Doubt::NotFound("list of processors (allp)"))?;
        if ps.len > MAX_PROCESSORS {
            return Err(Doubt::Impossible("number of processors", ps.len));
        }
        self.processors = ps.len;
        let gs = memory.slice(globals.all_gs);
        let gs = gs.ok_or(Doubt::NotFound("list of goroutines (allgs)"))?;
        let Some(sched) = globals.sched else {
            return Ok(());
        };
        let field = |offset: u64| memory.word(sched.wrapping_add(offset));
        let int = |offset: u64| Ok::<i64, Doubt>(i64::from(field(offset)? as i32));
        let mut free = int(layout.sched.free_gs)? + int(layout.sched.system_gs)?;
        if let Some(offset) = layout.sched.free_gs_no_stack {
            free += int(offset)?;
        }
        let made = field(layout.sched.next_m)?;
        let gone = field(layout.sched.freed_ms)?;
        self.threads = made.checked_sub(gone);
        for index in 0..ps.len {
            let p = memory.word(ps.pointer.wrapping_add(index * 8))?;
            free += i64::from(memory.word(p.wrapping_add(layout.p.free_gs))? as i32);
        }
        // Not one instant: some may have ended in between. One of them is running.
        let left = gs.len.cast_signed().saturating_sub(free).max(1);
        self.goroutines = Some(left.cast_unsigned());
        Ok(())
    }
}
