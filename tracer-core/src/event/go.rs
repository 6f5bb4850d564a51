//! What the Go runtime of the process says of itself, read from outside.

use super::StackId;

/// Whether the runtime can be read: told at the start, after an exec, and when it changes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct GoRuntime {
    /// How its variables were found; `None` when it is not read.
    pub found_by: Option<FoundBy>,
    /// Why it is not read, or no longer.
    pub unreadable: Option<String>,
    /// What its heap profiler does.
    pub heap_profile: Option<HeapProfiling>,
    /// Bytes between two samples of the heap profiler (`runtime.MemProfileRate`).
    pub sample_bytes: Option<u64>,
}

/// How the variables of the runtime were found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FoundBy {
    /// In the symbol table.
    Symbols,
    /// By the code that uses them, or by their shape.
    Code,
}

/// What the heap profiler of the runtime does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HeapProfiling {
    /// It samples.
    On,
    /// The program has switched it off (`runtime.MemProfileRate = 0`).
    Off,
    /// Nothing refers to it, so the linker has left it out (Go 1.17 and newer).
    LinkedOut,
}

/// Counters of the runtime at one instant; bytes, where nothing else is said.
///
/// What a version does not have is `None`. Names and meaning as in `runtime.MemStats`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GoCounters {
    /// Collections that are over.
    pub gc_cycles: u64,
    /// Of these, asked for by the program.
    pub forced_gc_cycles: u64,
    /// When the last one ended, nanoseconds since 1970; 0 before the first.
    pub last_gc_unix_ns: u64,
    /// Nanoseconds that the world was stopped, summed.
    pub pause_total_ns: u64,
    /// Share of the CPU time since the start that collections took.
    pub gc_cpu_fraction: f64,
    /// Allocated objects, garbage that was not swept yet included.
    pub heap_alloc: u64,
    /// Spans with objects.
    pub heap_inuse: u64,
    /// Spans without, not given back.
    pub heap_free: u64,
    /// Given back to the kernel.
    pub heap_released: u64,
    /// Found reachable by the last collection.
    pub heap_marked: u64,
    /// The heap at which the next collection ends.
    pub next_gc: u64,
    /// `GOGC`; `None` when off.
    pub gc_percent: Option<u32>,
    /// `GOMEMLIMIT`; `None` when there is none.
    pub memory_limit: Option<u64>,
    /// Spans with goroutine stacks.
    pub stacks_inuse: u64,
    /// Memory of the runtime itself: spans, caches, profiler, collector, the rest.
    pub runtime_sys: u64,
    /// Goroutines, those of the runtime left out.
    pub goroutines: u64,
    /// Threads that the runtime has made.
    pub threads: Option<u64>,
    /// `GOMAXPROCS`.
    pub processors: Option<u64>,
}

/// The spans of the heap at one instant, by size class.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct GoSpans {
    /// Classes with spans, by element size, then with pointers first.
    pub classes: Vec<SpanClass>,
    /// Spans with goroutine stacks and other memory that the runtime manages by hand.
    pub manual_bytes: u64,
    /// Nanoseconds the census took.
    pub took_ns: u64,
}

/// The spans of one size class.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SpanClass {
    /// Bytes of an object; 0 for objects that have a span of their own.
    pub object_bytes: u64,
    /// Its objects hold no pointers.
    pub no_pointers: bool,
    /// Number of spans.
    pub spans: u64,
    /// Bytes of the spans.
    pub bytes: u64,
    /// Objects in them, garbage that was not swept yet included.
    pub objects: u64,
    /// Objects that would fit.
    pub slots: u64,
}

/// Where resident anonymous memory is, for the `MemoryDetail` that follows; bytes.
///
/// What was given back with `MADV_FREE` is in none of them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct GoResidency {
    /// Objects that the last collection has found reachable.
    pub heap_live: u64,
    /// Other objects: garbage that waits for the sweeper, and what was allocated since, of which only
    /// the next collection tells whether it is garbage.
    pub heap_dead: u64,
    /// Heap without objects: free spans, and free room in spans.
    pub heap_free: u64,
    /// Goroutine stacks.
    pub stacks: u64,
    /// The runtime's own memory, and the variables of the program.
    pub runtime: u64,
    /// Mappings that Go does not know of: C libraries, and what the program maps itself.
    pub native: u64,
    /// Page by page from `/proc/PID/pagemap`; else shared out over mappings.
    pub by_page: bool,
    /// How far the numbers may be off, because the process ran on meanwhile.
    pub jitter: u64,
}

/// An allocation site of the heap profiler, told once.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HeapSite {
    /// The name counts refer to it by: the bucket's address.
    pub id: u64,
    /// Return addresses, innermost first, one for each call, inlined ones included (Go 1.12).
    pub addresses: Vec<u64>,
    /// Bytes of each object; 0 when not known.
    pub object_bytes: u64,
    /// So many of the addresses pprof leaves out, because the runtime allocates there.
    pub hidden: u32,
    /// The last address is no return address, but where a function begins.
    pub ends_at_entry: bool,
}

/// The heap profile as last published by a collection, unscaled.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HeapProfile {
    /// The collection that published it, as the profiler counts.
    pub cycle: u64,
    /// In the order of their ids.
    pub sites: Vec<HeapCount>,
    /// Sites beyond what one reading takes.
    pub left_out: u64,
}

/// What was sampled at a site since the start of the program.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct HeapCount {
    /// The site.
    pub id: u64,
    /// Objects allocated.
    pub allocs: u64,
    /// Objects freed.
    pub frees: u64,
    /// Bytes allocated.
    pub alloc_bytes: u64,
    /// Bytes freed.
    pub free_bytes: u64,
}

/// The goroutines at one instant, by where they were created and what they do.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Goroutines {
    /// All, those of the runtime left out.
    pub total: u64,
    /// Of these, looked at; the counts of groups are of these alone.
    pub sampled: u64,
    /// In a fixed order.
    pub groups: Vec<GoroutineGroup>,
}

/// A place where goroutines wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GoroutineWait {
    /// From where they go on outwards.
    pub stack: StackId,
    /// How many, of those whose stacks were read.
    pub count: u64,
}

/// Goroutines that were created at one place and do the same.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct GoroutineGroup {
    /// The `go` statement, as a return address; 0 for the main goroutine.
    pub created_at: u64,
    /// The function they began with.
    pub start: u64,
    /// What they do: `running`, `runnable`, `syscall`, or what they wait for, as Go prints it.
    pub doing: String,
    /// How many.
    pub count: u64,
    /// Bytes of their stacks.
    pub stack_bytes: u64,
    /// Since when the longest waiting one waits, nanoseconds before the census, where known.
    pub longest_wait_ns: Option<u64>,
    /// Where those wait whose stacks were read: some, or all of a few.
    pub waits: Vec<GoroutineWait>,
}
