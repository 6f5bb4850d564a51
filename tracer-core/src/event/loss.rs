//! What the kernel side saw and what of it arrived.

use super::{Advice, StackId, Timestamp};

/// The accounts of the kernel's events.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Loss {
    /// Of each kind so far.
    pub counts: Vec<LossCount>,
    /// What was dropped since the accounts were last told.
    pub gaps: Vec<LossGap>,
    /// Of each kind and CPU, at the end of a recording.
    pub by_cpu: Vec<CpuLoss>,
}

/// How many events of one kind the kernel side saw, and what became of them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LossCount {
    /// The kind, as `Syscall::kernel_name` has it, or `page_fault`, `stack`, `exec`, `fork`, `exit`.
    pub kind: String,
    /// Seen by the probe, after the process filter.
    pub expected: u64,
    /// Decoded by user space.
    pub received: u64,
    /// Dropped at a full ring or map, or not understood.
    pub lost: u64,
    /// Runs of the probe that the kernel skipped, before the process filter: those of other
    /// processes count too, so at most so many events more were not seen.
    pub skipped: u64,
}

/// Calls that were dropped one by one, and added up by stack: their time and their arguments are lost;
/// how many they were is exact, and of how many bytes, but for `brk`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CallSum {
    /// As in [`LossCount`], where they are among the lost.
    pub kind: String,
    /// Of `madvise` and `process_madvise`.
    pub advice: Option<Advice>,
    /// Who called; `None` when the stack was lost or not taken.
    pub stack: Option<StackId>,
    /// How many, since the last that was told of them.
    pub count: u64,
    /// How many of them the kernel refused.
    pub failed: u64,
    /// Bytes that the others asked for; 0 for calls without a length.
    pub bytes: u64,
}

/// Events of one kind that one CPU dropped between two tellings.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LossGap {
    /// As in [`LossCount`].
    pub kind: String,
    /// Which CPU.
    pub cpu: u32,
    /// The first of them; maybe earlier, never later.
    pub from: Timestamp,
    /// The last of them.
    pub to: Timestamp,
    /// How many.
    pub lost: u64,
}

/// What one CPU saw of one kind. What the kernel skipped is known of all of them together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CpuLoss {
    /// Which CPU.
    pub cpu: u32,
    /// Its account.
    pub count: LossCount,
}
