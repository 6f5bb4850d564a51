//! Page faults as values of columns.

use super::column::{Column, Port};
use super::wire;
use crate::event::{Access, Faults};

/// Passes page faults through the columns. `None` also for an unknown access.
pub(super) fn pass<P: Port>(port: &mut P, faults: &mut Faults) -> Option<()> {
    let Faults {
        stack,
        access,
        count,
    } = faults;
    port.stack(Column::StackRefs, stack)?;
    let number = match access {
        Access::Write => wire::Access::Write,
        Access::Read => wire::Access::Read,
        Access::Execute => wire::Access::Execute,
    };
    let number = port.uint(Column::Accesses, number as u64)?;
    *access = match wire::Access::try_from(i32::try_from(number).ok()?).ok()? {
        wire::Access::Unknown => return None,
        wire::Access::Write => Access::Write,
        wire::Access::Read => Access::Read,
        wire::Access::Execute => Access::Execute,
    };
    *count = port.uint(Column::Counts, *count)?;
    Some(())
}
