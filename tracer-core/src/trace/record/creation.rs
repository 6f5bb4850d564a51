//! The messages about who creates goroutines, beside the creations.

use super::fact::same_fields;
use crate::event;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CreatorWatch {
    #[prost(bool, tag = "1")]
    watching: bool,
    #[prost(string, tag = "2")]
    reason: String,
}

same_fields!(CreatorWatch, { watching, reason });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Ancestors {
    #[prost(message, repeated, tag = "1")]
    ancestors: Vec<Ancestor>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Ancestor {
    #[prost(uint64, tag = "1")]
    goroutine: u64,
    #[prost(uint64, optional, tag = "2")]
    creator: Option<u64>,
    #[prost(uint64, tag = "3")]
    created_at: u64,
}

same_fields!(Ancestor, { goroutine, creator, created_at });

impl From<&[event::Ancestor]> for Ancestors {
    fn from(ancestors: &[event::Ancestor]) -> Self {
        Self {
            ancestors: ancestors.iter().map(Ancestor::from).collect(),
        }
    }
}

impl From<Ancestors> for Vec<event::Ancestor> {
    fn from(message: Ancestors) -> Self {
        let ancestors = message.ancestors.into_iter();
        ancestors.map(event::Ancestor::from).collect()
    }
}
