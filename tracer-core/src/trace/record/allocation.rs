//! The message about the watch on allocations, beside the allocations.

use super::fact::same_fields;
use crate::event;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AllocationWatch {
    #[prost(bool, tag = "1")]
    watching: bool,
    #[prost(string, tag = "2")]
    reason: String,
    #[prost(uint64, tag = "3")]
    hits: u64,
    #[prost(uint64, optional, tag = "4")]
    trap_ns: Option<u64>,
    #[prost(uint64, tag = "5")]
    inside_ns: u64,
}

same_fields!(AllocationWatch, { watching, reason, hits, trap_ns, inside_ns });
