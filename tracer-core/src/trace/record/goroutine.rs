//! Messages of the goroutines that are alive.

use super::go::same_elements;
use crate::event;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Goroutines {
    #[prost(uint64, tag = "1")]
    total: u64,
    #[prost(uint64, tag = "2")]
    sampled: u64,
    #[prost(message, repeated, tag = "3")]
    groups: Vec<GoroutineGroup>,
}

same_elements!(Goroutines, groups: GoroutineGroup, { total, sampled });

#[derive(Clone, PartialEq, prost::Message)]
struct GoroutineGroup {
    #[prost(uint64, tag = "1")]
    created_at: u64,
    #[prost(uint64, tag = "2")]
    start: u64,
    #[prost(string, tag = "3")]
    doing: String,
    #[prost(uint64, tag = "4")]
    count: u64,
    #[prost(uint64, tag = "5")]
    stack_bytes: u64,
    #[prost(uint64, optional, tag = "6")]
    longest_wait_ns: Option<u64>,
    #[prost(message, repeated, tag = "7")]
    waits: Vec<GoroutineWait>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct GoroutineWait {
    #[prost(fixed64, tag = "1")]
    stack: u64,
    #[prost(uint64, tag = "2")]
    count: u64,
}

same_elements!(GoroutineGroup, waits: GoroutineWait, {
    created_at, start, doing, count, stack_bytes, longest_wait_ns,
});

impl From<&event::GoroutineWait> for GoroutineWait {
    fn from(wait: &event::GoroutineWait) -> Self {
        Self {
            stack: wait.stack.0,
            count: wait.count,
        }
    }
}

impl From<GoroutineWait> for event::GoroutineWait {
    fn from(wait: GoroutineWait) -> Self {
        Self {
            stack: event::StackId(wait.stack),
            count: wait.count,
        }
    }
}
