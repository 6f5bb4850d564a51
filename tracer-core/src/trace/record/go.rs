//! Messages of what the Go runtime said.

use super::fact::{pack, same_fields, unpack};
use crate::event;

/// As `same_fields`, for a message with one list of other such messages.
macro_rules! same_elements {
    ($message:ident, $list:ident: $element:ident, { $($field:ident),* $(,)? }) => {
        impl From<&event::$message> for $message {
            fn from(event: &event::$message) -> Self {
                let event::$message { $list, $($field),* } = event;
                Self {
                    $list: $list.iter().map($element::from).collect(),
                    $($field: Clone::clone($field)),*
                }
            }
        }

        impl From<$message> for event::$message {
            fn from(message: $message) -> Self {
                let $message { $list, $($field),* } = message;
                Self {
                    $list: $list.into_iter().map(event::$element::from).collect(),
                    $($field),*
                }
            }
        }
    };
}
pub(super) use same_elements;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct GoRuntime {
    #[prost(enumeration = "FoundBy", tag = "1")]
    found_by: i32,
    #[prost(string, optional, tag = "2")]
    unreadable: Option<String>,
    #[prost(enumeration = "HeapProfiling", tag = "3")]
    heap_profile: i32,
    #[prost(uint64, optional, tag = "4")]
    sample_bytes: Option<u64>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, prost::Enumeration)]
#[repr(i32)]
enum FoundBy {
    Unknown = 0,
    Symbols = 1,
    Code = 2,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, prost::Enumeration)]
#[repr(i32)]
enum HeapProfiling {
    Unknown = 0,
    On = 1,
    Off = 2,
    LinkedOut = 3,
}

impl From<&event::GoRuntime> for GoRuntime {
    fn from(runtime: &event::GoRuntime) -> Self {
        let event::GoRuntime {
            found_by,
            unreadable,
            heap_profile,
            sample_bytes,
        } = runtime.clone();
        let found_by = match found_by {
            None => FoundBy::Unknown,
            Some(event::FoundBy::Symbols) => FoundBy::Symbols,
            Some(event::FoundBy::Code) => FoundBy::Code,
        } as i32;
        let heap_profile = match heap_profile {
            None => HeapProfiling::Unknown,
            Some(event::HeapProfiling::On) => HeapProfiling::On,
            Some(event::HeapProfiling::Off) => HeapProfiling::Off,
            Some(event::HeapProfiling::LinkedOut) => HeapProfiling::LinkedOut,
        } as i32;
        Self {
            found_by,
            unreadable,
            heap_profile,
            sample_bytes,
        }
    }
}

impl From<GoRuntime> for event::GoRuntime {
    fn from(message: GoRuntime) -> Self {
        let found_by = match message.found_by() {
            FoundBy::Unknown => None,
            FoundBy::Symbols => Some(event::FoundBy::Symbols),
            FoundBy::Code => Some(event::FoundBy::Code),
        };
        let heap_profile = match message.heap_profile() {
            HeapProfiling::Unknown => None,
            HeapProfiling::On => Some(event::HeapProfiling::On),
            HeapProfiling::Off => Some(event::HeapProfiling::Off),
            HeapProfiling::LinkedOut => Some(event::HeapProfiling::LinkedOut),
        };
        Self {
            found_by,
            unreadable: message.unreadable,
            heap_profile,
            sample_bytes: message.sample_bytes,
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct GoCounters {
    #[prost(uint64, tag = "1")]
    gc_cycles: u64,
    #[prost(uint64, tag = "2")]
    forced_gc_cycles: u64,
    #[prost(uint64, tag = "3")]
    last_gc_unix_ns: u64,
    #[prost(uint64, tag = "4")]
    pause_total_ns: u64,
    #[prost(double, tag = "5")]
    gc_cpu_fraction: f64,
    #[prost(uint64, tag = "6")]
    heap_alloc: u64,
    #[prost(uint64, tag = "7")]
    heap_inuse: u64,
    #[prost(uint64, tag = "8")]
    heap_free: u64,
    #[prost(uint64, tag = "9")]
    heap_released: u64,
    #[prost(uint64, tag = "10")]
    heap_marked: u64,
    #[prost(uint64, tag = "11")]
    next_gc: u64,
    #[prost(uint32, optional, tag = "12")]
    gc_percent: Option<u32>,
    #[prost(uint64, optional, tag = "13")]
    memory_limit: Option<u64>,
    #[prost(uint64, tag = "14")]
    stacks_inuse: u64,
    #[prost(uint64, tag = "15")]
    runtime_sys: u64,
    #[prost(uint64, tag = "16")]
    goroutines: u64,
    #[prost(uint64, optional, tag = "17")]
    threads: Option<u64>,
    #[prost(uint64, optional, tag = "18")]
    processors: Option<u64>,
}

same_fields!(GoCounters, {
    gc_cycles, forced_gc_cycles, last_gc_unix_ns, pause_total_ns, gc_cpu_fraction, heap_alloc,
    heap_inuse, heap_free, heap_released, heap_marked, next_gc, gc_percent, memory_limit,
    stacks_inuse, runtime_sys, goroutines, threads, processors,
});

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct GoSpans {
    #[prost(message, repeated, tag = "1")]
    classes: Vec<SpanClass>,
    #[prost(uint64, tag = "2")]
    manual_bytes: u64,
    #[prost(uint64, tag = "3")]
    took_ns: u64,
}

same_elements!(GoSpans, classes: SpanClass, { manual_bytes, took_ns });

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct SpanClass {
    #[prost(uint64, tag = "1")]
    object_bytes: u64,
    #[prost(bool, tag = "2")]
    no_pointers: bool,
    #[prost(uint64, tag = "3")]
    spans: u64,
    #[prost(uint64, tag = "4")]
    bytes: u64,
    #[prost(uint64, tag = "5")]
    objects: u64,
    #[prost(uint64, tag = "6")]
    slots: u64,
}

same_fields!(SpanClass, { object_bytes, no_pointers, spans, bytes, objects, slots });

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct GoResidency {
    #[prost(uint64, tag = "1")]
    heap_live: u64,
    #[prost(uint64, tag = "2")]
    heap_dead: u64,
    #[prost(uint64, tag = "3")]
    heap_free: u64,
    #[prost(uint64, tag = "4")]
    stacks: u64,
    #[prost(uint64, tag = "5")]
    runtime: u64,
    #[prost(bool, tag = "6")]
    by_page: bool,
    #[prost(uint64, tag = "7")]
    jitter: u64,
    #[prost(uint64, tag = "8")]
    native: u64,
}

same_fields!(GoResidency, { heap_live, heap_dead, heap_free, stacks, runtime, by_page, jitter, native });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HeapSites {
    #[prost(message, repeated, tag = "1")]
    sites: Vec<HeapSite>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct HeapSite {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(bytes = "vec", tag = "2")]
    addresses: Vec<u8>,
    #[prost(uint64, tag = "3")]
    object_bytes: u64,
    #[prost(uint32, tag = "4")]
    hidden: u32,
    #[prost(bool, tag = "5")]
    ends_at_entry: bool,
}

impl From<&[event::HeapSite]> for HeapSites {
    fn from(sites: &[event::HeapSite]) -> Self {
        let sites = sites.iter().map(|site| HeapSite {
            id: site.id,
            addresses: pack(&site.addresses),
            object_bytes: site.object_bytes,
            hidden: site.hidden,
            ends_at_entry: site.ends_at_entry,
        });
        Self {
            sites: sites.collect(),
        }
    }
}

impl HeapSites {
    pub(super) fn into_event(self) -> Option<Vec<event::HeapSite>> {
        self.sites
            .into_iter()
            .map(|site| {
                Some(event::HeapSite {
                    id: site.id,
                    addresses: unpack(&site.addresses)?,
                    object_bytes: site.object_bytes,
                    hidden: site.hidden,
                    ends_at_entry: site.ends_at_entry,
                })
            })
            .collect()
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HeapProfile {
    #[prost(uint64, tag = "1")]
    cycle: u64,
    #[prost(message, repeated, tag = "2")]
    sites: Vec<HeapCount>,
    #[prost(uint64, tag = "3")]
    left_out: u64,
}

same_elements!(HeapProfile, sites: HeapCount, { cycle, left_out });

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct HeapCount {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "2")]
    allocs: u64,
    #[prost(uint64, tag = "3")]
    frees: u64,
    #[prost(uint64, tag = "4")]
    alloc_bytes: u64,
    #[prost(uint64, tag = "5")]
    free_bytes: u64,
}

same_fields!(HeapCount, { id, allocs, frees, alloc_bytes, free_bytes });
