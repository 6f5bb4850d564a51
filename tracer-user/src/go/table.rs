//! pclntab, the table with which the Go runtime itself prints stacks: every Go executable has it.
//!
//! ```text
//! pc ─▶ function table ─▶ _func ─▶ name
//!                           ├────▶ pc tables: stack depth, file, line, inlined call
//!                           └────▶ function data: array of inlined calls
//! ```

mod candidate;
#[cfg(test)]
mod damage;
mod decoded;
mod frames;
mod inlined;
mod kind;
mod layout;
mod locate;
mod lookups;
mod module_data;
mod order;
mod pc_value;
#[cfg(test)]
mod properties;
mod records;
mod runs;
mod stack_maps;
mod strings;

use std::borrow::Cow;
use std::ops::Range;

pub use frames::{Frame, Frames};
pub use lookups::Lookups;

use tracer_core::event::FrameKind;

use inlined::InlinedCalls;
use kind::Numbers;
use pc_value::Budget;
use records::{Function, Records, Shape};

/// The functions, lines and inlined calls of one executable.
///
/// All pcs are link-time addresses. What is looked up is decoded where it lies. For one address there
/// is [`Table::lookup`], for many at once [`Table::lookup_all`], for many one by one [`Lookups`].
#[derive(Debug)]
pub struct Table {
    shape: Shape,
    /// From the header to the end of what was found, relocated to base 0.
    bytes: Box<[u8]>,
    inlined: Option<InlinedCalls>,
    /// How this release numbers kinds of functions.
    kinds: Option<&'static Numbers>,
    /// Something in it was changed after the linker had written it.
    obfuscated: bool,
    /// Where `runtime.moduledata` lies, if it was found.
    module_data: Option<u64>,
}

impl Table {
    /// The frames at `pc`, innermost first, the function itself last; empty outside Go code.
    ///
    /// For a return address pass the address minus one: it belongs to the call before it.
    #[must_use]
    pub fn lookup(&self, pc: u64) -> Vec<Frame<'_>> {
        self.frames(pc).collect()
    }

    /// As [`Table::lookup`], one by one and without allocation.
    #[must_use]
    pub fn frames(&self, pc: u64) -> Frames<'_> {
        Frames::new(self, pc)
    }

    /// Whether the word at the stack pointer is the return address when the thread stands at `pc`.
    ///
    /// True at function entries, in leaves without a frame and before `RET` (amd64).
    #[must_use]
    pub fn frameless(&self, pc: u64) -> bool {
        self.stack_depth(pc) == Some(0)
    }

    /// Bytes from the stack pointer to the return address when the thread stands at `pc` (amd64).
    #[must_use]
    pub fn stack_depth(&self, pc: u64) -> Option<u32> {
        let function = self.function_at(pc)?;
        let (field, mut budget) = (self.shape.layout.func.sp, Budget::default());
        let depth = self.records().value(function, field, pc, &mut budget)?;
        u32::try_from(depth).ok()
    }

    /// Addresses of the first instruction and after the last function.
    #[must_use]
    pub fn text_range(&self) -> Range<u64> {
        let records = self.records();
        let end = records.pc(self.shape.count).unwrap_or_default();
        records.pc(0).unwrap_or_default()..end
    }

    /// Bytes it takes: at most twice what pclntab has in the file.
    #[must_use]
    pub fn memory(&self) -> usize {
        let inlined = self.inlined.as_ref().map_or(0, |calls| calls.bytes.len());
        size_of::<Self>() + self.bytes.len() + inlined
    }

    /// Bytes of pclntab alone.
    #[must_use]
    pub fn pclntab_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it was read from the same bytes.
    #[must_use]
    pub fn is_copy_of(&self, other: &Self) -> bool {
        self.shape.text == other.shape.text
            && self.bytes == other.bytes
            && self.inlined == other.inlined
    }

    /// Whether something in it was changed after the linker had written it.
    #[must_use]
    pub fn is_obfuscated(&self) -> bool {
        self.obfuscated
    }

    /// Where `runtime.moduledata` lies, which names this table.
    pub(in crate::go) fn module_data(&self) -> Option<u64> {
        self.module_data
    }

    /// Number of functions.
    #[must_use]
    pub fn function_count(&self) -> usize {
        self.shape.count
    }

    /// Entry and name of each function, in address order.
    pub fn functions(&self) -> impl Iterator<Item = (u64, Cow<'_, str>)> {
        let records = self.records();
        (0..self.shape.count).filter_map(move |index| {
            let function = records.function(index)?;
            let name = records.name(records.name_offset(function)?)?;
            Some((function.entry, text(name)))
        })
    }

    /// Entry of the function that contains `pc`.
    #[must_use]
    pub fn function_entry(&self, pc: u64) -> Option<u64> {
        Some(self.function_at(pc)?.entry)
    }

    /// Addresses from the entry of the function of this name to the entry of the next one.
    #[must_use]
    pub fn function_range(&self, name: &str) -> Option<Range<u64>> {
        let [range] = self.function_ranges([name]);
        range
    }

    /// As [`Table::function_range`], of several functions in one pass over all of them.
    #[must_use]
    pub fn function_ranges<const N: usize>(&self, names: [&str; N]) -> [Option<Range<u64>>; N] {
        let records = self.records();
        let (mut found, mut missing) = ([const { None }; N], N);
        for index in 0..self.shape.count {
            let Some(function) = records.function(index) else {
                continue;
            };
            let start = records
                .name_offset(function)
                .and_then(|offset| records.name_and_rest(offset));
            let Some(start) = start else { continue };
            for (name, range) in names.iter().zip(&mut found) {
                // Compared in place: searching for the end of each name is what takes long.
                let rest = start.strip_prefix(name.as_bytes());
                if range.is_none() && rest.is_some_and(|rest| rest.first() == Some(&0)) {
                    *range = Some(function.entry..function.end);
                    missing -= 1;
                }
            }
            if missing == 0 {
                break;
            }
        }
        found
    }

    /// Learns what the numbers of kinds of functions mean.
    pub(in crate::go) fn learn_kinds(&mut self, version: Option<&str>) {
        let by_version = version.and_then(Numbers::of_version);
        self.kinds = by_version.or_else(|| {
            let names = [
                "runtime.sigpanic",
                "runtime.gopanic",
                "runtime.asyncPreempt",
            ];
            let [sigpanic, gopanic, preempt] = self.function_ranges(names);
            let number =
                |range: Range<u64>| self.records().kind_number(self.function_at(range.start)?);
            Numbers::of_panics(number(sigpanic?)?, number(gopanic?)?, preempt.is_some())
        });
    }

    /// The kind of a function by its number, before Go 1.12 by its name and file.
    fn kind(&self, number: Option<u8>, name: &str, file: &str) -> FrameKind {
        match (number, self.kinds) {
            (None, _) => kind::by_name(name, file),
            (Some(number), Some(numbers)) => numbers.kind(number),
            (Some(_), None) => FrameKind::Plain,
        }
    }

    /// The function that contains `pc`.
    fn function_at(&self, pc: u64) -> Option<Function> {
        if !self.text_range().contains(&pc) {
            return None;
        }
        let records = self.records();
        let (mut low, mut high) = (0, self.shape.count);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if records.pc(middle)? <= pc {
                low = middle;
            } else {
                high = middle;
            }
        }
        records.function(low)
    }

    fn records(&self) -> Records<'_> {
        Records {
            shape: &self.shape,
            bytes: &self.bytes,
        }
    }
}

/// The target chose these bytes; whoever prints them escapes them.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
