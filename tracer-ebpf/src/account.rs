//! What became of the events of a kind on a CPU.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The account of one kind on one CPU.
#[derive(Clone, Copy, Debug, Default, FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(C)]
pub struct Account {
    /// Events that passed the process filter.
    pub seen: u64,
    /// Of these, dropped at a full ring or map.
    pub lost: u64,
    /// When the first was dropped since the accounts were last read; maybe earlier, never later.
    pub first_lost_ns: u64,
    /// When the last was dropped.
    pub last_lost_ns: u64,
}

const _: () = assert!(size_of::<Account>() == 32);
