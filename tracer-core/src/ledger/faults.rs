//! First touches of pages, by stack: where resident memory comes from.

use std::ops::AddAssign;

use super::tally::ByStack;
use crate::event::{Access, Faults};

/// First touches, by how the page was touched.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FaultCount {
    /// Each brought in at least one page of the process's own.
    pub write: u64,
    /// Mapped in a page of a file, or the shared zero page.
    pub read: u64,
    /// Mapped in instructions.
    pub execute: u64,
}

impl AddAssign for FaultCount {
    fn add_assign(&mut self, other: Self) {
        self.write = self.write.saturating_add(other.write);
        self.read = self.read.saturating_add(other.read);
        self.execute = self.execute.saturating_add(other.execute);
    }
}

/// All first touches of a process.
#[derive(Clone, Debug, Default)]
pub struct FaultLedger {
    by_stack: ByStack<FaultCount>,
}

impl FaultLedger {
    /// Adds the touches of one stack.
    pub fn add(&mut self, faults: &Faults) {
        let mut amount = FaultCount::default();
        match faults.access {
            Access::Write => amount.write = faults.count,
            Access::Read => amount.read = faults.count,
            Access::Execute => amount.execute = faults.count,
        }
        self.by_stack.add(faults.stack, amount);
    }

    /// Touches by stack.
    #[must_use]
    pub fn by_stack(&self) -> &ByStack<FaultCount> {
        &self.by_stack
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::StackId;

    #[test]
    fn writes_reads_and_executions_are_counted_apart() {
        let mut ledger = FaultLedger::default();
        for (stack, access, count) in [
            (Some(StackId(1)), Access::Write, 5),
            (Some(StackId(1)), Access::Read, 7),
            (Some(StackId(1)), Access::Write, 2),
            (None, Access::Execute, 1),
        ] {
            ledger.add(&Faults {
                stack,
                access,
                count,
            });
        }
        let found: Vec<_> = ledger.by_stack().iter().collect();
        assert_eq!(
            found,
            [
                (
                    None,
                    FaultCount {
                        write: 0,
                        read: 0,
                        execute: 1
                    }
                ),
                (
                    Some(StackId(1)),
                    FaultCount {
                        write: 7,
                        read: 7,
                        execute: 0
                    }
                ),
            ]
        );
    }
}
