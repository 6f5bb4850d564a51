//! Allocations as values of a column of their own.

use super::column::{Column, Port};
use crate::event::Allocated;

/// Passes an allocation through the column.
pub(super) fn pass<P: Port>(port: &mut P, allocated: &mut Allocated) -> Option<()> {
    let Allocated {
        stack,
        object_bytes,
        spans,
        bytes,
    } = allocated;
    port.stack(Column::Allocated, stack)?;
    for value in [object_bytes, spans, bytes] {
        *value = port.uint(Column::Allocated, *value)?;
    }
    Some(())
}
