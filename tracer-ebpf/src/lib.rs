//! The wire between the kernel side and user space.
//!
//! ```text
//! RECORDS_n (ring) CallRecord | GoroutineRecord | LifeRecord | StackRecord, each led by a Header
//! FAULTS  (hash)   FaultKey → count
//! ALLOCATIONS      AllocationKey → AllocationCount, a hash too
//! SUMS    (hash)   SumKey → SumCount: calls that the ring had no room for
//! ACCOUNTS         per-CPU Account, one slot a Kind
//! READ_AT          when user space last read them
//! TARGETS (hash)   tgid → Target: who is traced, and what is known of it
//! ARMED            Armed of the only target, when the programs are loaded for one
//! ```
//!
//! All integers are fixed-width and in host order; there is no padding and no invalid value.
#![no_std]
#![forbid(unsafe_code)]

mod account;
mod kind;
mod record;
pub mod sampling;
mod target;

pub use account::Account;
pub use kind::Kind;
pub use record::{
    AllocationCount, AllocationKey, CallRecord, FaultKey, GoroutineRecord, Header, LARGE_OBJECT,
    LifeRecord, MAX_FRAMES, NO_FRAME, SOCKADDR_ARG, StackHead, StackRecord, SumCount, SumKey,
    TRUNCATED,
};
pub use target::{Armed, CodeRange, Landmarks, Target};
