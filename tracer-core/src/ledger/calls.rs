//! System calls, counted by name and stack.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use super::tally::ByStack;
use crate::event::{Call, Errno, Syscall};

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
        self.count += other.count;
        self.failed += other.failed;
        self.bytes = match (self.bytes, other.bytes) {
            (Some(mine), Some(theirs)) => Some(mine.saturating_add(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
    }
}

/// All calls of a process.
#[derive(Clone, Debug, Default)]
pub struct CallLedger {
    by_name: BTreeMap<CallName, ByStack<CallCount>>,
}

impl CallLedger {
    /// Counts a call. `moved` is by how much a `brk` moved the end of the heap.
    pub fn add(&mut self, call: &Call, moved: Option<u64>) {
        let asked = match call.what {
            Syscall::Mmap { len, .. }
            | Syscall::Munmap { len, .. }
            | Syscall::Madvise { len, .. }
            | Syscall::Mprotect { len, .. } => Some(len),
            Syscall::Mremap { new_len, .. } => Some(new_len),
            Syscall::Brk { .. } => Some(moved.unwrap_or(0)),
            Syscall::ProcessMadvise { .. } => Some(call.outcome.unwrap_or(0)),
            _ => None,
        };
        let failed = has_failed(call);
        let amount = CallCount {
            count: 1,
            failed: u64::from(failed),
            bytes: if failed { asked.map(|_| 0) } else { asked },
        };
        self.by_name
            .entry(CallName::of(&call.what))
            .or_default()
            .add(call.stack, amount);
    }

    /// The calls seen, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (CallName, &ByStack<CallCount>)> {
        self.by_name.iter().map(|(name, stacks)| (*name, stacks))
    }

    /// One call by name.
    #[must_use]
    pub fn get(&self, name: CallName) -> Option<&ByStack<CallCount>> {
        self.by_name.get(&name)
    }
}

/// Whether a call did not do what it was for.
///
/// A connection of a non-blocking socket goes on being made (`EINPROGRESS`), and to ask it for
/// connections that are not there yet (`EAGAIN`) is how Go waits for them.
fn has_failed(call: &Call) -> bool {
    const EAGAIN: Errno = Errno(11);
    const EINPROGRESS: Errno = Errno(115);
    match (&call.what, call.outcome) {
        (Syscall::Connect { .. }, Err(EINPROGRESS)) | (Syscall::Accept { .. }, Err(EAGAIN)) => {
            false
        }
        (_, outcome) => outcome.is_err(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Advice, StackId};

    #[track_caller]
    fn check(calls: &[(Syscall, Result<u64, Errno>)], expected: &[(&str, u64, u64, Option<u64>)]) {
        let mut ledger = CallLedger::default();
        for (what, outcome) in calls {
            let call = Call {
                tid: 1,
                entered: None,
                stack: Some(StackId(1)),
                goroutine: None,
                outcome: *outcome,
                what: what.clone(),
            };
            assert_eq!(CallName::of(what).to_string(), what.name());
            ledger.add(&call, Some(64));
        }
        let found: Vec<_> = ledger
            .iter()
            .map(|(name, stacks)| {
                let total = stacks.total();
                (name.to_string(), total.count, total.failed, total.bytes)
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, a, b, c)| ((*name).to_owned(), *a, *b, *c))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn each_advice_is_a_call_of_its_own() {
        let advise = |number, len| Syscall::Madvise {
            addr: 0,
            len,
            advice: Advice(number),
        };
        check(
            &[
                (advise(8, 4096), Ok(0)),
                (advise(8, 8192), Ok(0)),
                (advise(4, 4096), Err(Errno(12))),
                (advise(77, 1), Ok(0)),
                (advise(78, 2), Ok(0)),
            ],
            &[
                ("madvise_dontneed", 1, 1, Some(0)),
                ("madvise_free", 2, 0, Some(12288)),
                ("madvise_other", 2, 0, Some(3)),
            ],
        );
    }

    #[test]
    fn to_wait_is_not_to_fail() {
        let connect = Syscall::Connect { fd: 3, peer: None };
        let accept = Syscall::Accept {
            fd: 3,
            flags: Some(0),
            peer: None,
        };
        check(
            &[
                (connect.clone(), Err(Errno(115))),
                (connect.clone(), Err(Errno(111))),
                (connect, Err(Errno(11))),
                (accept.clone(), Err(Errno(11))),
                (accept.clone(), Err(Errno(24))),
                (accept, Ok(4)),
            ],
            &[("accept4", 3, 1, None), ("connect", 3, 2, None)],
        );
    }

    #[test]
    fn bytes_are_what_was_asked_for() {
        check(
            &[
                (Syscall::Brk { addr: 9 }, Ok(9)),
                (
                    Syscall::Mremap {
                        addr: 0,
                        old_len: 1,
                        new_len: 2,
                        flags: 0,
                    },
                    Ok(0),
                ),
                (
                    Syscall::ProcessMadvise {
                        pidfd: 3,
                        vectors: 9,
                        advice: Advice(20),
                    },
                    Ok(4096),
                ),
                (Syscall::Close { fd: 3 }, Ok(0)),
            ],
            &[
                ("brk", 1, 0, Some(64)),
                ("close", 1, 0, None),
                ("mremap", 1, 0, Some(2)),
                ("process_madvise_cold", 1, 0, Some(4096)),
            ],
        );
    }
}
