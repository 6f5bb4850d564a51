//! The wire between the kernel side and user space.
//!
//! ```text
//! RECORDS (ring)   CallRecord | LifeRecord | StackRecord, each led by a Header
//! FAULTS  (hash)   FaultKey → count
//! SEEN, LOST       per-CPU counters, one slot a Kind
//! TARGETS (hash)   tgid → Target: who is traced, and what is known of it
//! ```
//!
//! All integers are fixed-width and in host order; there is no padding and no invalid value.
#![no_std]
#![forbid(unsafe_code)]

mod kind;
mod record;
mod target;

pub use kind::Kind;
pub use record::{
    CallRecord, FaultKey, Header, LifeRecord, MAX_FRAMES, NO_FRAME, SOCKADDR_ARG, StackHead,
    StackRecord, TRUNCATED,
};
pub use target::{CodeRange, Target};
