//! Messages of the facts learned about a process.

use crate::event;
use crate::trace::MAX_ELEMENTS;
use crate::trace::fields::{put_uint, take_uint, unzigzag, zigzag};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ProcessFacts {
    #[prost(string, tag = "1")]
    comm: String,
    #[prost(string, optional, tag = "2")]
    exe: Option<String>,
    #[prost(string, optional, tag = "3")]
    build_id: Option<String>,
    #[prost(string, optional, tag = "4")]
    go_version: Option<String>,
    #[prost(string, optional, tag = "5")]
    main_module: Option<String>,
    #[prost(string, repeated, tag = "6")]
    dependencies: Vec<String>,
    #[prost(string, tag = "7")]
    arch: String,
    #[prost(bool, optional, tag = "8")]
    stripped: Option<bool>,
    #[prost(bool, optional, tag = "9")]
    pie: Option<bool>,
    #[prost(bool, optional, tag = "10")]
    cgo: Option<bool>,
    #[prost(string, optional, tag = "11")]
    godebug: Option<String>,
    #[prost(uint64, tag = "12")]
    page_size: u64,
    #[prost(string, optional, tag = "13")]
    hooks: Option<String>,
    #[prost(uint64, optional, tag = "14")]
    sample_bytes: Option<u64>,
    #[prost(bool, tag = "15")]
    sees_answers: bool,
}

/// Two types with the same fields, converted into each other; a field in one only is an error.
macro_rules! same_fields {
    ($message:ident, { $($field:ident),* $(,)? }) => {
        impl From<&event::$message> for $message {
            fn from(event: &event::$message) -> Self {
                let event::$message { $($field),* } = event.clone();
                Self { $($field),* }
            }
        }

        impl From<$message> for event::$message {
            fn from(message: $message) -> Self {
                let $message { $($field),* } = message;
                Self { $($field),* }
            }
        }
    };
}
pub(super) use same_fields;

same_fields!(ProcessFacts, {
    comm, exe, build_id, go_version, main_module, dependencies, arch, stripped, pie, cgo, godebug,
    page_size, hooks, sample_bytes, sees_answers,
});

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StackTrace {
    #[prost(fixed64, tag = "1")]
    id: u64,
    #[prost(bytes = "vec", tag = "2")]
    addresses: Vec<u8>,
    #[prost(uint64, optional, tag = "3")]
    leaf_word: Option<u64>,
    #[prost(uint32, optional, tag = "4")]
    recovered_at: Option<u32>,
    #[prost(bool, tag = "5")]
    truncated: bool,
}

impl From<&event::StackTrace> for StackTrace {
    fn from(stack: &event::StackTrace) -> Self {
        let event::StackTrace {
            id,
            addresses,
            leaf_word,
            recovered_at,
            truncated,
        } = stack;
        Self {
            id: id.0,
            addresses: pack(addresses),
            leaf_word: *leaf_word,
            recovered_at: *recovered_at,
            truncated: *truncated,
        }
    }
}

impl StackTrace {
    pub(super) fn into_event(self) -> Option<event::StackTrace> {
        let Self {
            id,
            addresses,
            leaf_word,
            recovered_at,
            truncated,
        } = self;
        Some(event::StackTrace {
            id: event::StackId(id),
            addresses: unpack(&addresses)?,
            leaf_word,
            recovered_at,
            truncated,
        })
    }
}

/// Differences to the address before, as a packed field keeps them.
pub(super) fn pack(addresses: &[u64]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(addresses.len() * 4);
    let mut previous = 0;
    for address in addresses {
        put_uint(&mut packed, zigzag(address.wrapping_sub(previous) as i64));
        previous = *address;
    }
    packed
}

pub(super) fn unpack(packed: &[u8]) -> Option<Vec<u64>> {
    let mut addresses = Vec::new();
    let mut position = 0;
    let mut previous = 0_u64;
    while position < packed.len() && addresses.len() < MAX_ELEMENTS {
        previous = previous.wrapping_add(unzigzag(take_uint(packed, &mut position)?) as u64);
        addresses.push(previous);
    }
    (position == packed.len()).then_some(addresses)
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Paused {
    #[prost(bool, tag = "1")]
    pub(super) paused: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Fork {
    #[prost(uint32, tag = "1")]
    pub(super) child: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct End {
    #[prost(enumeration = "EndedBy", tag = "1")]
    ended_by: i32,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, prost::Enumeration)]
#[repr(i32)]
enum EndedBy {
    Unknown = 0,
    Duration = 1,
    Signal = 2,
    Exit = 3,
    Oom = 4,
}

impl From<event::EndedBy> for End {
    fn from(ended_by: event::EndedBy) -> Self {
        let ended_by = match ended_by {
            event::EndedBy::Duration => EndedBy::Duration,
            event::EndedBy::Signal => EndedBy::Signal,
            event::EndedBy::Exit => EndedBy::Exit,
            event::EndedBy::Oom => EndedBy::Oom,
        };
        Self {
            ended_by: ended_by as i32,
        }
    }
}

impl End {
    pub(super) fn into_event(self) -> Option<event::EndedBy> {
        Some(match EndedBy::try_from(self.ended_by).ok()? {
            EndedBy::Unknown => return None,
            EndedBy::Duration => event::EndedBy::Duration,
            EndedBy::Signal => event::EndedBy::Signal,
            EndedBy::Exit => event::EndedBy::Exit,
            EndedBy::Oom => event::EndedBy::Oom,
        })
    }
}
