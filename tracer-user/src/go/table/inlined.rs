//! The arrays of inlined calls, one for each function that has any. They lie apart from pclntab.

use std::ops::Range;

use super::layout::{Call, Parent};
use super::pc_value::Budget;
use super::records::{Function, Records};
use crate::go::bytes::{i32_at, u8_at};
use crate::go::image::Image;

/// Functions looked at to tell whether an array is one.
const SAMPLE: usize = 4096;

/// Bytes that are copied: as many as pclntab has, within these limits. Real programs have a tenth.
const MIN_COPY: usize = 64 << 10;
const MAX_COPY: usize = 32 << 20;

/// A copy of the part of the file where the arrays lie.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct InlinedCalls {
    pub(super) bytes: Box<[u8]>,
    /// Function data minus this are offsets in `bytes`.
    pub(super) base: u64,
}

/// One element of an array.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallRecord {
    /// Offset of the name of the function that was called.
    pub(super) name: i32,
    pub(super) kind: Option<u8>,
    pub(super) caller: Caller,
}

/// Where a call is made.
#[derive(Clone, Copy, Debug)]
pub(super) enum Caller {
    /// At this offset from the entry of the function.
    At(u64),
    /// Go 1.11: in another inlined call, or in none; the place is spelled out.
    In {
        call: Option<usize>,
        file: i32,
        line: i32,
    },
}

impl InlinedCalls {
    /// The call of this number in the array of `function`.
    pub(super) fn get(
        &self,
        records: Records<'_>,
        function: Function,
        index: usize,
    ) -> Option<CallRecord> {
        let layout = records.shape.layout.call;
        let start = records.calls_pointer(function)?.checked_sub(self.base)?;
        let at = usize::try_from(start)
            .ok()?
            .checked_add(index.checked_mul(layout.size)?)?;
        CallRecord::parse(self.bytes.get(at..)?.get(..layout.size)?, layout)
    }

    /// Finds and copies the arrays; what function data count from is one of `bases`.
    pub(super) fn copy(
        image: &Image<'_>,
        records: Records<'_>,
        bases: impl Iterator<Item = u64>,
    ) -> Option<Self> {
        let range = extent(records)?;
        let most = records.bytes.len().clamp(MIN_COPY, MAX_COPY);
        let len = usize::try_from(range.end - range.start).ok()?.min(most);
        for base in bases {
            let Some(bytes) = base
                .checked_add(range.start)
                .and_then(|start| image.bytes_at(start))
            else {
                continue;
            };
            let bytes = &bytes[..bytes.len().min(len)];
            if make_sense(bytes, range.start, records) {
                return Some(Self {
                    bytes: bytes.into(),
                    base: range.start,
                });
            }
        }
        None
    }
}

impl CallRecord {
    fn parse(bytes: &[u8], layout: Call) -> Option<Self> {
        Some(Self {
            name: i32_at(bytes, layout.name)?,
            kind: layout.kind.and_then(|at| u8_at(bytes, at)),
            caller: match layout.parent {
                Parent::Pc(at) => Caller::At(u64::try_from(i32_at(bytes, at)?).ok()?),
                Parent::Index => Caller::In {
                    call: usize::try_from(i32_at(bytes, 0)?).ok(),
                    file: i32_at(bytes, 4)?,
                    line: i32_at(bytes, 8)?,
                },
            },
        })
    }
}

/// Function data from the first array to the end of the last.
fn extent(records: Records<'_>) -> Option<Range<u64>> {
    let (mut first, mut last) = (u64::MAX, None);
    for index in 0..records.shape.count {
        let Some(function) = records.function(index) else {
            continue;
        };
        let Some(start) = records.calls_pointer(function) else {
            continue;
        };
        first = first.min(start);
        if last.is_none_or(|(highest, _)| highest < start) {
            last = Some((start, function));
        }
    }
    let (start, function) = last?;
    // An array has no length; its last element is the highest that an instruction belongs to.
    let mut budget = Budget::default();
    let mut steps = records.steps(function, records.calls_field(function)?)?;
    let mut count = 0;
    while let Some((_, value)) = steps.next() {
        count = count.max(value.saturating_add(1));
        budget.take(1)?;
    }
    let size = u64::try_from(count).ok()? * records.shape.layout.call.size as u64;
    Some(first..start.checked_add(size)?)
}

/// The first inlined call of each sampled function has a name and a caller inside it.
///
/// Zeros name the first function, called at the entry: few arrays begin so, and all of them where
/// there are no arrays.
fn make_sense(bytes: &[u8], base: u64, records: Records<'_>) -> bool {
    let layout = records.shape.layout.call;
    if layout.parent == Parent::Index {
        return true;
    }
    let sensible = |index| {
        let function = records.function(index)?;
        let start = records.calls_pointer(function)?.checked_sub(base)?;
        let size = function.end.checked_sub(function.entry)?;
        let record = bytes
            .get(usize::try_from(start).ok()?..)
            .and_then(|rest| rest.get(..layout.size))
            // The code, where it is not read, is zeros; a call has a line at least.
            .filter(|record| record.iter().any(|byte| *byte != 0))
            .and_then(|record| CallRecord::parse(record, layout));
        Some(record.map(|record| {
            let inside = matches!(record.caller, Caller::At(pc) if pc < size);
            let name = records.name(record.name);
            let good = inside && name.is_some_and(|name| name.iter().all(|byte| *byte >= b' '));
            let zero = record.name == 0 && matches!(record.caller, Caller::At(0));
            (good, zero)
        }))
    };
    let (mut all, mut zeros) = (0, 0);
    for answer in (0..records.shape.count).filter_map(sensible).take(SAMPLE) {
        let Some((true, zero)) = answer else {
            return false;
        };
        all += 1;
        zeros += usize::from(zero);
    }
    zeros * 2 <= all
}
