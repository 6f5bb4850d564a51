//! The goroutines (`runtime.allgs`), by where they were created and what they do.

use std::collections::BTreeMap;

use super::doubt::Doubt;
use super::globals::Globals;
use super::memory::Memory;
use super::parked::{Parked, described, status};
use super::record::{Record, each};
use super::waits::Waiting;

/// Goroutines that are looked at; of more, one in two, three, … is.
const MAX_LOOKED_AT: u64 = 200_000;

/// Groups that are told apart; what comes after them is counted as left out.
const MAX_GROUPS: usize = 20_000;

/// Stacks larger than the limit of any program (`debug.SetMaxStack`).
const MAX_STACK: u64 = 1 << 34;

/// What tells goroutines apart.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Kind {
    /// The `go` statement, as a return address; 0 for the main goroutine.
    pub created_at: u64,
    /// The function it began with.
    pub start: u64,
    /// What it does: `running`, `runnable`, `syscall`, or what it waits for, as Go prints it.
    pub doing: &'static str,
}

/// Goroutines of one kind.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Group {
    /// How many.
    pub count: u64,
    /// Bytes of their stacks.
    pub stack_bytes: u64,
    /// Since when the longest waiting one waits, on the kernel's monotonic clock, in nanoseconds. The
    /// runtime notes it at collections only.
    pub waiting_since: Option<u64>,
    /// The number of the goroutine that created one of them (Go 1.21 and newer).
    pub parent: Option<u64>,
}

/// The goroutines at one instant, those of the runtime left out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Goroutines {
    /// By kind.
    pub groups: BTreeMap<Kind, Group>,
    /// Looked at, those that had ended included.
    pub sampled: u64,
    /// One of so many was looked at.
    pub stride: u64,
    /// Places for goroutines, those that had ended included.
    pub listed: u64,
    /// Could not be read, or were being made.
    pub torn: u64,
    /// Of kinds beyond what is told apart.
    pub left_out: u64,
    /// Some of those that wait.
    pub(in crate::go) waiting: Waiting,
}

impl Goroutines {
    /// Goroutines that were counted: all when the stride is 1.
    #[must_use]
    pub fn counted(&self) -> u64 {
        let counted: u64 = self.groups.values().map(|group| group.count).sum();
        counted + self.left_out
    }
}

/// Counts the goroutines. `is_runtime` says whether a function, by its entry, is where goroutines of
/// the runtime itself begin.
///
/// # Errors
/// When their list cannot be read, or lists no goroutines.
pub fn read_goroutines<M: Memory + ?Sized>(
    memory: &M,
    globals: &Globals,
    is_runtime: impl Fn(u64) -> bool,
) -> Result<Goroutines, Doubt> {
    let list = memory.slice(globals.all_gs);
    let list = list.ok_or(Doubt::NotFound("list of goroutines (allgs)"))?;
    let stride = list.len.div_ceil(MAX_LOOKED_AT);
    let mut counting = Counting {
        globals,
        is_runtime,
        starts: BTreeMap::new(),
        found: Goroutines {
            stride,
            listed: list.len,
            ..Goroutines::default()
        },
    };
    let size = described(globals);
    let missing = each(memory, list, stride, size, |at, g| counting.count(at, g))?;
    let mut found = counting.found;
    found.sampled += missing;
    found.torn += missing;
    if found.torn > 1 + found.sampled / 100 {
        return Err(Doubt::Impossible("list of goroutines (allgs)", found.torn));
    }
    Ok(found)
}

struct Counting<'l, F> {
    globals: &'l Globals,
    is_runtime: F,
    /// Start functions seen so far; there are few.
    starts: BTreeMap<u64, bool>,
    found: Goroutines,
}

impl<F: Fn(u64) -> bool> Counting<'_, F> {
    fn count(&mut self, address: u64, g: Record<'_>) {
        self.found.sampled += 1;
        let fields = &self.globals.layout.g;
        let status = status(self.globals, g);
        let doing = match status {
            // Being made, ended, kept for a thread that C may make.
            0 | 6 | 11 => return,
            1 => "runnable",
            2 | 8 => "running",
            3 => "syscall",
            // From Go 1.26 on the collector finds some that wait for what cannot happen.
            4 | 10 => match self.globals.layout.wait_reason(g.u8(fields.wait_reason)) {
                Some("") => "waiting",
                Some(reason) => reason,
                None => return self.found.torn += 1,
            },
            9 => "preempted",
            _ => return self.found.torn += 1,
        };
        let start = g.u64(fields.start_pc);
        let stack = g.u64(fields.stack_hi).wrapping_sub(g.u64(fields.stack_lo));
        if stack > MAX_STACK {
            return self.found.torn += 1;
        }
        if self.begins_in_runtime(start) {
            return;
        }
        let kind = Kind {
            created_at: g.u64(fields.creator_pc),
            start,
            doing,
        };
        if self.found.groups.len() >= MAX_GROUPS && !self.found.groups.contains_key(&kind) {
            self.found.left_out += 1;
            return;
        }
        let group = self.found.groups.entry(kind).or_default();
        group.count += 1;
        group.stack_bytes += stack;
        group.parent = fields.parent.map(|field| g.u64(field));
        let since =
            Some(g.u64(fields.wait_since)).filter(|since| *since != 0 && matches!(status, 4 | 10));
        group.waiting_since = match (group.waiting_since, since) {
            (Some(before), Some(since)) => Some(before.min(since)),
            (before, since) => before.or(since),
        };
        if matches!(status, 3 | 4 | 10)
            && let Some(parked) = Parked::read(self.globals, address, g)
        {
            self.found.waiting.add(kind, parked);
        }
    }

    fn begins_in_runtime(&mut self, start: u64) -> bool {
        if let Some(known) = self.starts.get(&start) {
            return *known;
        }
        let runtime = (self.is_runtime)(start);
        if self.starts.len() < MAX_GROUPS {
            self.starts.insert(start, runtime);
        }
        runtime
    }
}

/// Whether goroutines that begin with this function are the runtime's own (`isSystemGoroutine` in
/// `runtime/traceback.go`).
#[must_use]
pub fn is_runtime_function(name: &str) -> bool {
    let user = [
        "runtime.main",
        "runtime.corostart",
        "runtime.handleAsyncEvent",
    ];
    name.starts_with("runtime.") && !user.contains(&name)
}
