//! Creations of goroutines as values of a column of their own.

use super::column::{Column, Port};
use crate::event::Creation;

/// Passes a creation through the column; `last` is the goroutine before.
pub(super) fn pass<P: Port>(port: &mut P, last: &mut u64, creation: &mut Creation) -> Option<()> {
    let Creation {
        goroutine,
        creator,
        stack,
    } = creation;
    *goroutine = port.delta(Column::Created, last, *goroutine)?;
    // Mostly a goroutine that is not much older.
    let mut near = *goroutine;
    port.optional(Column::Created, &mut near, creator)?;
    port.stack(Column::Created, stack)
}
