//! What the kernel side counts in maps, turned into differences.

use std::collections::BTreeMap;
use std::io;

use aya::maps::{Map, MapData};
use tracer_core::event::{Access, Advice, CallSum, Faults, StackId};
use tracer_ebpf::{AllocationCount, AllocationKey, FaultKey, Kind, LARGE_OBJECT, SumKey};
use zerocopy::FromBytes;

use super::batch::entries;

/// What is added up.
pub(super) trait Count: Copy + Default + PartialEq {
    /// Events.
    fn events(self) -> u64;
    /// Both together.
    fn plus(self, other: Self) -> Self;
    /// What came since `before`; counts never fall.
    fn since(self, before: Self) -> Self;
}

impl Count for u64 {
    fn events(self) -> u64 {
        self
    }

    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    fn since(self, before: Self) -> Self {
        self.saturating_sub(before)
    }
}

/// Makes a struct of counts one: its events are the first field, and all fields are added up.
macro_rules! count {
    ($type:ty, $events:ident $(, $other:ident)*) => {
        impl Count for $type {
            fn events(self) -> u64 {
                self.$events
            }

            fn plus(self, other: Self) -> Self {
                Self {
                    $events: self.$events.plus(other.$events),
                    $($other: self.$other.plus(other.$other),)*
                }
            }

            fn since(self, before: Self) -> Self {
                Self {
                    $events: self.$events.since(before.$events),
                    $($other: self.$other.since(before.$other),)*
                }
            }
        }
    };
}

count!(AllocationCount, spans, bytes, took_ns);
count!(tracer_ebpf::SumCount, count, failed, bytes);

/// Reads the counts of a map and remembers what was passed on: as many entries as the map has.
pub(super) struct Totals<K, C> {
    map: MapData,
    passed_on: BTreeMap<K, C>,
}

impl<K: Copy + FromBytes + Ord, C: Count + FromBytes> Totals<K, C> {
    /// Of a per-CPU hash map with these keys and values.
    pub(super) fn of(map: Map) -> io::Result<Self> {
        let Map::PerCpuHashMap(map) = map else {
            return Err(io::Error::other("it is no hash map of each CPU"));
        };
        Ok(Self {
            map,
            passed_on: BTreeMap::new(),
        })
    }

    /// What was counted since the last call, in the order of keys.
    pub(super) fn take(&mut self) -> BTreeMap<K, C> {
        let mut fresh = BTreeMap::new();
        let Self { map, passed_on } = self;
        // What could not be read is told the next time, or missing in the accounts.
        let _ = entries(map, |key: K, cpus: &[C]| {
            let total = cpus.iter().copied().fold(C::default(), C::plus);
            let before = passed_on.entry(key).or_default();
            let since = total.since(*before);
            // Of an entry that is read while it changes, the rest comes the next time.
            if since != C::default() {
                *before = total;
                fresh.insert(key, since);
            }
        });
        fresh
    }

    /// All events that each CPU has counted, once nothing counts any more.
    pub(super) fn by_cpu(&self) -> Vec<u64> {
        let mut sums = Vec::new();
        // As in `take`.
        let _ = entries(&self.map, |_: K, cpus: &[C]| {
            sums.resize(sums.len().max(cpus.len()), 0);
            for (sum, count) in sums.iter_mut().zip(cpus) {
                *sum += count.events();
            }
        });
        sums
    }
}

/// What was counted in a while.
#[derive(Default)]
pub struct Counted {
    pub(super) faults: BTreeMap<FaultKey, u64>,
    pub(super) allocations: BTreeMap<AllocationKey, AllocationCount>,
    pub(super) sums: BTreeMap<SumKey, tracer_ebpf::SumCount>,
}

/// Spans of one class that one stack was given.
#[derive(Clone, Copy, Debug)]
pub struct Spans {
    /// Who allocated; `None` when the stack was lost.
    pub stack: Option<StackId>,
    /// Go's span class; `None` for objects with a span of their own.
    pub class: Option<u32>,
    /// How many.
    pub spans: u64,
    /// Bytes of the spans, of objects with a span of their own.
    pub bytes: u64,
    /// Nanoseconds that the probes took.
    pub took_ns: u64,
}

impl Counted {
    /// Takes what was counted later.
    pub(super) fn extend(&mut self, later: Self) {
        add(&mut self.faults, later.faults);
        add(&mut self.allocations, later.allocations);
        add(&mut self.sums, later.sums);
    }

    /// First-touch faults, in the order of stacks.
    pub fn faults(&self) -> impl Iterator<Item = Faults> {
        self.faults.iter().map(|(key, count)| Faults {
            stack: stack_id(key.stack),
            access: match key.access {
                1 => Access::Write,
                2 => Access::Execute,
                _ => Access::Read,
            },
            count: *count,
        })
    }

    /// Calls that were dropped one by one, in the order of stacks.
    pub fn sums(&self) -> impl Iterator<Item = CallSum> {
        self.sums.iter().map(|(key, sum)| {
            let kind = Kind(key.kind);
            let advised = matches!(kind, Kind::MADVISE | Kind::PROCESS_MADVISE);
            CallSum {
                kind: kind.name().to_owned(),
                advice: advised.then_some(Advice(key.advice.into())),
                stack: stack_id(key.stack),
                count: sum.count,
                failed: sum.failed,
                bytes: sum.bytes,
            }
        })
    }

    /// Allocations, in the order of stacks.
    pub fn allocations(&self) -> impl Iterator<Item = Spans> {
        self.allocations.iter().map(|(key, count)| Spans {
            stack: stack_id(key.stack),
            class: (key.class != LARGE_OBJECT).then_some(key.class),
            spans: count.spans,
            bytes: count.bytes,
            took_ns: count.took_ns,
        })
    }
}

fn add<K: Ord, C: Count>(sums: &mut BTreeMap<K, C>, later: BTreeMap<K, C>) {
    for (key, count) in later {
        let sum = sums.entry(key).or_default();
        *sum = sum.plus(count);
    }
}

/// Events of all keys.
pub(super) fn events<K, C: Count>(counts: &BTreeMap<K, C>) -> u64 {
    counts.values().map(|count| count.events()).sum()
}

/// The stack that a key names.
fn stack_id(hash: u64) -> Option<StackId> {
    (hash != 0).then_some(StackId(hash))
}
