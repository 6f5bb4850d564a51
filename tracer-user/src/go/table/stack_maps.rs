//! Which words of a frame hold pointers: what the collector itself goes by.
//!
//! Sources: `runtime/funcdata.h`, `runtime/stkframe.go` (`getStackMap`) of Go 1.13 to 1.27.

use super::Table;
use super::pc_value::Budget;

/// `PCDATA_StackMapIndex`.
const MAP_INDEX: u32 = 1;
/// `FUNCDATA_ArgsPointerMaps` and `FUNCDATA_LocalsPointerMaps`.
const ARGUMENTS: usize = 0;
const LOCALS: usize = 1;

/// The maps of a frame. Their addresses count as those of [`Table`]; from Go 1.18 on they are
/// offsets from `moduledata.gofunc`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::go) struct StackMaps {
    /// Which of the bitmaps of each map.
    pub(in crate::go) index: u32,
    pub(in crate::go) arguments: Option<u64>,
    pub(in crate::go) locals: Option<u64>,
    /// The list of variables whose address is taken (`FUNCDATA_StackObjects`).
    pub(in crate::go) objects: Option<u64>,
    /// The addresses are offsets.
    pub(in crate::go) relative: bool,
}

impl Table {
    /// The maps of a frame whose thread goes on at `pc`, for which `call` is the call before it.
    pub(in crate::go) fn stack_maps(&self, call: u64) -> Option<StackMaps> {
        let (function, records) = (self.function_at(call)?, self.records());
        let layout = self.shape.layout;
        let field = records.table_field(function, MAP_INDEX);
        let index = field.and_then(|field| {
            let mut budget = Budget::default();
            records.value(function, field, call, &mut budget)
        });
        Some(StackMaps {
            // Where there is none the frame is as at its entry.
            index: index
                .and_then(|index| u32::try_from(index).ok())
                .unwrap_or(0),
            arguments: records.data_pointer(function, ARGUMENTS),
            locals: records.data_pointer(function, LOCALS),
            // Right before the array of inlined calls, in all of these releases.
            objects: records.data_pointer(function, layout.call_array.checked_sub(1)?),
            relative: layout.word == 4,
        })
    }
}
