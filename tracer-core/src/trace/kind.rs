//! The number that stands for an event in the column of kinds.

use crate::event::{Advice, Call, Errno, EventKind, Syscall};

/// First kind of a call: `FIRST_CALL + 6 * call + 2 * answer + entered`.
const FIRST_CALL: u64 = 16;

/// Number of system calls.
pub(super) const CALLS: usize = 16;

/// What the values of an event are, and where they stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// The next message of the column of records.
    Record,
    Faults,
    Exec,
    Exit,
    Tick,
    Created,
    Allocated,
    Call {
        /// Which one, as `code` numbers them.
        code: u64,
        answer: Answer,
        /// The time of entry is known.
        entered: bool,
    },
}

/// The kernel's answer to a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Answer {
    /// Success and 0, as most have: no value stands in the columns.
    Zero,
    Value,
    Error,
}

impl Answer {
    const ALL: [Self; 3] = [Self::Zero, Self::Value, Self::Error];

    fn of(outcome: Result<u64, Errno>) -> Self {
        match outcome {
            Ok(0) => Self::Zero,
            Ok(_) => Self::Value,
            Err(_) => Self::Error,
        }
    }
}

impl Kind {
    pub(super) fn of(event: &EventKind) -> Self {
        match event {
            EventKind::Call(Call {
                entered,
                outcome,
                what,
                ..
            }) => Self::Call {
                code: code(what),
                answer: Answer::of(*outcome),
                entered: entered.is_some(),
            },
            EventKind::Faults(_) => Self::Faults,
            EventKind::Exec => Self::Exec,
            EventKind::Exit => Self::Exit,
            EventKind::Tick => Self::Tick,
            EventKind::Created(_) => Self::Created,
            EventKind::Allocated(_) => Self::Allocated,
            EventKind::Process(_)
            | EventKind::Mappings(_)
            | EventKind::Descriptors(_)
            | EventKind::Stack(_)
            | EventKind::Modules(_)
            | EventKind::Symbols(_)
            | EventKind::Memory(_)
            | EventKind::MemoryDetail(_)
            | EventKind::Cgroup(_)
            | EventKind::Fork { .. }
            | EventKind::Paused(_)
            | EventKind::Loss(_)
            | EventKind::CallSum(_)
            | EventKind::CreatorWatch(_)
            | EventKind::AllocationWatch(_)
            | EventKind::Ancestors(_)
            | EventKind::SocketStates(_)
            | EventKind::ConnectAnswer(_)
            | EventKind::Holders(_)
            | EventKind::GoRuntime(_)
            | EventKind::GoCounters(_)
            | EventKind::GoSpans(_)
            | EventKind::GoResidency(_)
            | EventKind::HeapSites(_)
            | EventKind::HeapProfile(_)
            | EventKind::Goroutines(_)
            | EventKind::End(_) => Self::Record,
        }
    }

    pub(super) fn to_number(self) -> u64 {
        match self {
            Self::Record => 1,
            Self::Faults => 2,
            Self::Exec => 3,
            Self::Exit => 4,
            Self::Tick => 5,
            Self::Created => 6,
            Self::Allocated => 7,
            Self::Call {
                code,
                answer,
                entered,
            } => FIRST_CALL + 6 * code + 2 * answer as u64 + u64::from(entered),
        }
    }

    /// `None` for a kind that a newer writer knows.
    pub(super) fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::Record,
            2 => Self::Faults,
            3 => Self::Exec,
            4 => Self::Exit,
            5 => Self::Tick,
            6 => Self::Created,
            7 => Self::Allocated,
            _ => {
                let call = number.checked_sub(FIRST_CALL)?;
                let code = call / 6;
                blank(code)?;
                Self::Call {
                    code,
                    answer: Answer::ALL[(call % 6 / 2) as usize],
                    entered: call % 2 != 0,
                }
            }
        })
    }
}

/// The number of a call in the format.
pub(super) fn code(what: &Syscall) -> u64 {
    match what {
        Syscall::Mmap { .. } => 0,
        Syscall::Munmap { .. } => 1,
        Syscall::Mremap { .. } => 2,
        Syscall::Brk { .. } => 3,
        Syscall::Madvise { .. } => 4,
        Syscall::ProcessMadvise { .. } => 5,
        Syscall::Mprotect { .. } => 6,
        Syscall::Socket { .. } => 7,
        Syscall::Connect { .. } => 8,
        Syscall::Accept { .. } => 9,
        Syscall::Close { .. } => 10,
        Syscall::Dup { .. } => 11,
        Syscall::DupTo { .. } => 12,
        Syscall::CloseRange { .. } => 13,
        Syscall::Fcntl { .. } => 14,
        Syscall::SocketPair { .. } => 15,
    }
}

/// The call with this number, its arguments still to be read.
fn blank(code: u64) -> Option<Syscall> {
    Some(match code {
        0 => Syscall::Mmap {
            addr: 0,
            len: 0,
            prot: 0,
            flags: 0,
            fd: 0,
            offset: 0,
        },
        1 => Syscall::Munmap { addr: 0, len: 0 },
        2 => Syscall::Mremap {
            addr: 0,
            old_len: 0,
            new_len: 0,
            flags: 0,
        },
        3 => Syscall::Brk { addr: 0 },
        4 => Syscall::Madvise {
            addr: 0,
            len: 0,
            advice: Advice(0),
        },
        5 => Syscall::ProcessMadvise {
            pidfd: 0,
            vectors: 0,
            advice: Advice(0),
        },
        6 => Syscall::Mprotect {
            addr: 0,
            len: 0,
            prot: 0,
        },
        7 => Syscall::Socket {
            family: 0,
            kind: 0,
            protocol: 0,
        },
        8 => Syscall::Connect { fd: 0, peer: None },
        9 => Syscall::Accept {
            fd: 0,
            flags: None,
            peer: None,
        },
        10 => Syscall::Close { fd: 0 },
        11 => Syscall::Dup { fd: 0 },
        12 => Syscall::DupTo {
            fd: 0,
            to: 0,
            flags: None,
        },
        13 => Syscall::CloseRange {
            first: 0,
            last: 0,
            flags: 0,
        },
        14 => Syscall::Fcntl {
            fd: 0,
            command: 0,
            argument: 0,
        },
        15 => Syscall::SocketPair {
            family: 0,
            kind: 0,
            protocol: 0,
            pair: [0; 2],
        },
        _ => return None,
    })
}

/// The call that a kind announces, its values still to be read.
pub(super) fn blank_call(code: u64, answer: Answer, entered: bool) -> Option<Call> {
    Some(Call {
        tid: 0,
        entered: entered.then(Default::default),
        stack: None,
        goroutine: None,
        outcome: match answer {
            Answer::Zero => Ok(0),
            Answer::Value => Ok(1),
            Answer::Error => Err(Errno(0)),
        },
        what: blank(code)?,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn calls_keep_their_numbers() {
        let names: Vec<String> = (0..CALLS as u64)
            .map(|code| blank(code).unwrap().kernel_name().to_owned())
            .collect();
        assert_eq!(
            names.join(" "),
            "mmap munmap mremap brk madvise process_madvise mprotect socket connect accept close dup \
             dup2 close_range fcntl socketpair",
        );
        assert!(
            names
                .iter()
                .all(|name| Syscall::KERNEL_NAMES.contains(&name.as_str()))
        );
        for number in 0..CALLS as u64 {
            assert_eq!(code(&blank(number).unwrap()), number);
        }
        assert_eq!(blank(CALLS as u64), None);
    }

    #[test]
    fn numbers_stand_for_one_kind_each() {
        let known: Vec<u64> = (0..1000)
            .filter(|number| Kind::from_number(*number).is_some())
            .collect();
        assert_eq!(
            known,
            [1, 2, 3, 4, 5, 6, 7]
                .into_iter()
                .chain(16..112)
                .collect::<Vec<_>>()
        );
        for number in known {
            assert_eq!(Kind::from_number(number).map(Kind::to_number), Some(number));
        }
        assert_eq!(Kind::from_number(u64::MAX), None);
    }
}
