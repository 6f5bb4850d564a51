//! System calls, counted by name and stack.

#[cfg(test)]
mod tests;

use std::ops::AddAssign;

use super::tally::ByStack;
use crate::event::{Advice, Call, CallSum, StackId, Syscall};
use crate::sampling::{Sampling, Weight, whole};

/// The name of a call in reports, each advice a call of its own. Finitely many exist.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct CallName {
    base: &'static str,
    advice: Option<&'static str>,
}

impl CallName {
    /// The name of this call, as [`Syscall::name`] writes it.
    #[must_use]
    pub fn of(call: &Syscall) -> Self {
        let advice = match call {
            Syscall::Madvise { advice, .. } | Syscall::ProcessMadvise { advice, .. } => {
                Some(advice.name())
            }
            _ => None,
        };
        Self {
            base: call.kernel_name(),
            advice,
        }
    }

    /// The call that the kernel side counts under this name; `None` for a name that is not known, and
    /// for an advice where there is none to give, or the reverse.
    fn named(kind: &str, advice: Option<Advice>) -> Option<Self> {
        let mut known = Syscall::KERNEL_NAMES.into_iter();
        let base = known.find(|name| *name == kind)?;
        let advises = matches!(base, "madvise" | "process_madvise");
        let advice = advice.map(Advice::name);
        (advises == advice.is_some()).then_some(Self { base, advice })
    }

    /// Has a length among its arguments ([`Syscall::length`]), by which stacks may be sampled.
    fn has_length(self) -> bool {
        matches!(
            self.base,
            "mmap" | "munmap" | "mremap" | "madvise" | "mprotect"
        )
    }

    /// `madvise` with `MADV_FREE`.
    pub const MADVISE_FREE: Self = Self {
        base: "madvise",
        advice: Some("free"),
    };

    /// It is `madvise`, with whatever advice.
    #[must_use]
    pub fn is_madvise(self) -> bool {
        self.base == "madvise"
    }
}

impl std::fmt::Display for CallName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.base)?;
        self.advice.map_or(Ok(()), |advice| write!(f, "_{advice}"))
    }
}

/// How often, and how much.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CallCount {
    /// Calls that returned, failed ones included.
    pub count: u64,
    /// Calls the kernel refused.
    pub failed: u64,
    /// Bytes asked for by the calls that succeeded; `None` for calls without a length.
    pub bytes: Option<u64>,
}

impl AddAssign for CallCount {
    fn add_assign(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.failed = self.failed.saturating_add(other.failed);
        self.bytes = sum(self.bytes, other.bytes);
    }
}

fn sum(mine: Option<u64>, theirs: Option<u64>) -> Option<u64> {
    match (mine, theirs) {
        (Some(mine), Some(theirs)) => Some(mine.saturating_add(theirs)),
        (mine, theirs) => mine.or(theirs),
    }
}

/// What the calls of one stack are worth, which may be estimates: numbers in parts of
/// [`Weight::WHOLE`], so that sums are exact.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    count: u128,
    failed: u128,
    bytes: Option<u64>,
}

impl AddAssign for Share {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.failed += other.failed;
        self.bytes = sum(self.bytes, other.bytes);
    }
}

/// All calls of one name.
#[derive(Clone, Debug, Default)]
pub struct CallTally {
    total: CallCount,
    by_stack: ByStack<Share>,
    estimated: bool,
}

impl CallTally {
    /// All of them; exact, however stacks were sampled.
    #[must_use]
    pub fn total(&self) -> CallCount {
        self.total
    }

    /// What is counted by stack is estimated from a sample.
    #[must_use]
    pub fn is_estimated(&self) -> bool {
        self.estimated
    }

    /// The calls by stack.
    pub fn by_stack(&self) -> impl Iterator<Item = (Option<StackId>, CallCount)> {
        self.by_stack.iter().map(|(stack, share)| {
            let count = CallCount {
                count: whole(share.count),
                failed: whole(share.failed),
                bytes: share.bytes,
            };
            (stack, count)
        })
    }
}

/// All calls of a process.
#[derive(Clone, Debug, Default)]
pub struct CallLedger {
    /// In the order of names; so few that to look through them is quicker than to search.
    tallies: Vec<(CallName, CallTally)>,
}

impl CallLedger {
    /// Counts a call. `moved` is by how much a `brk` moved the end of the heap.
    pub fn add(&mut self, call: &Call, moved: Option<u64>, sampling: Option<Sampling>) {
        let length = call.what.length();
        let asked = match call.what {
            Syscall::Brk { .. } => Some(moved.unwrap_or(0)),
            Syscall::ProcessMadvise { .. } => Some(call.outcome.unwrap_or(0)),
            _ => length,
        };
        let failed = call.has_failed();
        let amount = CallCount {
            count: 1,
            failed: u64::from(failed),
            bytes: if failed { asked.map(|_| 0) } else { asked },
        };
        let tally = self.tally(CallName::of(&call.what));
        tally.total += amount;
        let weight = match sampling.zip(length) {
            None => Weight::ONE,
            Some((sampling, length)) => {
                tally.estimated = true;
                // Those that were taken stand for it.
                if call.stack.is_none() {
                    return;
                }
                sampling.weight(length)
            }
        };
        let share = Share {
            count: weight.parts().into(),
            failed: u128::from(weight.parts()) * u128::from(amount.failed),
            bytes: amount.bytes.map(|bytes| weight.times(bytes)),
        };
        tally.by_stack.add(call.stack, share);
    }

    /// Counts calls that were dropped one by one; returns whether they are known.
    pub fn add_sum(&mut self, sum: &CallSum, sampling: Option<Sampling>) -> bool {
        let Some(name) = CallName::named(&sum.kind, sum.advice) else {
            return false;
        };
        // By how much a `brk` moved the end of the heap follows from the one before, which is not known.
        let is_measured = name.has_length() || name.base == "process_madvise";
        let bytes = is_measured.then_some(sum.bytes);
        let tally = self.tally(name);
        tally.total += CallCount {
            count: sum.count,
            failed: sum.failed,
            bytes,
        };
        let parts = |count: u64| u128::from(Weight::WHOLE) * u128::from(count);
        let share = Share {
            count: parts(sum.count),
            failed: parts(sum.failed),
            bytes,
        };
        // How likely each of a sample was to be taken is not known any more: those with a stack do not
        // stand for the others.
        let is_sample = sampling.is_some() && name.has_length();
        let stack = sum.stack.filter(|_| !is_sample);
        tally.by_stack.add(stack, share);
        true
    }

    fn tally(&mut self, name: CallName) -> &mut CallTally {
        let known = self.tallies.iter().position(|(known, _)| *known == name);
        let place = known.unwrap_or_else(|| {
            let place = self.tallies.partition_point(|(known, _)| *known < name);
            self.tallies.insert(place, (name, CallTally::default()));
            place
        });
        &mut self.tallies[place].1
    }

    /// The calls seen, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (CallName, &CallTally)> {
        self.tallies.iter().map(|(name, tally)| (*name, tally))
    }

    /// One call by name.
    #[must_use]
    pub fn get(&self, name: CallName) -> Option<&CallTally> {
        let mut all = self.tallies.iter();
        all.find(|(known, _)| *known == name)
            .map(|(_, tally)| tally)
    }
}
