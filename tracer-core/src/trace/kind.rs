//! The number that stands for an event in the column of kinds.

use super::call;
use crate::event::{Call, Errno, EventKind};

/// First kind of a call: `CALLS + 4 * call + 2 * failed + entered`.
const CALLS: u64 = 16;

/// What the values of an event are, and where they stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// The next message of the column of records.
    Record,
    Faults,
    Exec,
    Exit,
    Tick,
    Call {
        /// Which one, as `call::code` numbers them.
        code: u64,
        /// The outcome is an error number.
        failed: bool,
        /// The time of entry is known.
        entered: bool,
    },
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
                code: call::code(what),
                failed: outcome.is_err(),
                entered: entered.is_some(),
            },
            EventKind::Faults(_) => Self::Faults,
            EventKind::Exec => Self::Exec,
            EventKind::Exit => Self::Exit,
            EventKind::Tick => Self::Tick,
            EventKind::Process(_)
            | EventKind::Mappings(_)
            | EventKind::Descriptors(_)
            | EventKind::Stack(_)
            | EventKind::Symbols(_)
            | EventKind::Memory(_)
            | EventKind::MemoryDetail(_)
            | EventKind::Cgroup(_)
            | EventKind::Fork { .. }
            | EventKind::Loss(_)
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
            Self::Call {
                code,
                failed,
                entered,
            } => CALLS + 4 * code + 2 * u64::from(failed) + u64::from(entered),
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
            _ => {
                let call = number.checked_sub(CALLS)?;
                let code = call / 4;
                call::blank(code)?;
                Self::Call {
                    code,
                    failed: call & 2 != 0,
                    entered: call & 1 != 0,
                }
            }
        })
    }
}

/// The call that a kind announces, its values still to be read.
pub(super) fn blank_call(code: u64, failed: bool, entered: bool) -> Option<Call> {
    Some(Call {
        tid: 0,
        entered: entered.then(Default::default),
        stack: None,
        outcome: if failed { Err(Errno(0)) } else { Ok(0) },
        what: call::blank(code)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_for_one_kind_each() {
        let known: Vec<u64> = (0..1000)
            .filter(|number| Kind::from_number(*number).is_some())
            .collect();
        assert_eq!(
            known,
            [1, 2, 3, 4, 5]
                .into_iter()
                .chain(16..72)
                .collect::<Vec<_>>()
        );
        for number in known {
            assert_eq!(Kind::from_number(number).map(Kind::to_number), Some(number));
        }
        assert_eq!(Kind::from_number(u64::MAX), None);
    }
}
