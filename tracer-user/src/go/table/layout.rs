//! The formats of pclntab: where each Go version keeps what.
//!
//! Sources: `runtime/symtab.go`, `runtime/symtabinl.go`, `cmd/link/internal/ld/pcln.go` of Go 1.10 to
//! 1.27. The magic number does not tell all of them apart; `table::locate` asks for the rest.

/// Offsets within the tables of one range of Go versions, in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Layout {
    /// Bytes of a pc and of an offset in the function table.
    pub(super) word: usize,
    /// Offset in the header of the word that holds the start of the text, if it has one.
    pub(super) text_start: Option<usize>,
    /// Offset in the header of the five words that hold the offsets of the parts: names,
    /// compilation units, files, pc tables, functions. Without them all offsets count from the header.
    pub(super) parts: Option<usize>,
    /// `_func`, the fixed part of a function's record.
    pub(super) func: Func,
    /// The record of an inlined call.
    pub(super) call: Call,
    /// Index of the pc table that says which inlined call a pc belongs to.
    pub(super) call_index: u32,
    /// Index of the function data that is the array of inlined calls.
    pub(super) call_array: usize,
}

/// Offsets in `_func`. The entry pc comes first and is one `Layout::word` long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Func {
    pub(super) name: usize,
    pub(super) sp: usize,
    pub(super) file: usize,
    pub(super) line: usize,
    pub(super) tables: usize,
    pub(super) unit: Option<usize>,
    /// The byte that says what the function is to stack traces.
    pub(super) kind: Option<usize>,
    pub(super) data: usize,
    pub(super) size: usize,
}

/// Offsets in an inlined call's record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Call {
    pub(super) size: usize,
    pub(super) kind: Option<usize>,
    pub(super) name: usize,
    pub(super) parent: Parent,
}

/// How an inlined call names the call around it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Parent {
    /// Its index is at 0, file and line of the call site are at 4 and 8.
    Index,
    /// The offset from the function's entry to an instruction of the call site is here.
    Pc(usize),
}

const CALL_PARENT_INDEX: Call = Call {
    size: 16,
    kind: None,
    name: 12,
    parent: Parent::Index,
};
const CALL_PARENT_PC: Call = Call {
    size: 20,
    kind: Some(2),
    name: 12,
    parent: Parent::Pc(16),
};
const CALL_START_LINE: Call = Call {
    size: 16,
    kind: Some(0),
    name: 4,
    parent: Parent::Pc(8),
};

/// Go 1.2 to 1.11; inlined calls from 1.9 on.
pub(super) const GO_1_2: Layout = Layout {
    word: 8,
    text_start: None,
    parts: None,
    func: Func {
        name: 8,
        sp: 20,
        file: 24,
        line: 28,
        tables: 32,
        unit: None,
        kind: None,
        data: 36,
        size: 40,
    },
    call: CALL_PARENT_INDEX,
    call_index: 1,
    call_array: 2,
};

/// Go 1.12: the count of function data shrinks to one byte.
pub(super) const GO_1_12: Layout = Layout {
    func: Func {
        kind: Some(36),
        data: 39,
        ..GO_1_2.func
    },
    call: CALL_PARENT_PC,
    ..GO_1_2
};

/// Go 1.13 to 1.15: the indices move.
pub(super) const GO_1_13: Layout = Layout {
    call_index: 2,
    call_array: 4,
    ..GO_1_12
};

/// Go 1.16 and 1.17: a header with parts, files by compilation unit.
pub(super) const GO_1_16: Layout = Layout {
    parts: Some(24),
    func: Func {
        unit: Some(36),
        kind: Some(40),
        data: 43,
        size: 44,
        ..GO_1_12.func
    },
    call_array: 3,
    ..GO_1_13
};

/// Go 1.18 and 1.19: pcs are offsets of 32 bits from the start of the text.
pub(super) const GO_1_18: Layout = Layout {
    word: 4,
    text_start: Some(24),
    parts: Some(32),
    func: Func {
        name: 4,
        sp: 16,
        file: 20,
        line: 24,
        tables: 28,
        unit: Some(32),
        kind: Some(36),
        data: 39,
        size: 40,
    },
    ..GO_1_16
};

/// Go 1.20 to 1.27: functions know their first line.
pub(super) const GO_1_20: Layout = Layout {
    func: Func {
        kind: Some(40),
        data: 43,
        size: 44,
        ..GO_1_18.func
    },
    call: CALL_START_LINE,
    ..GO_1_18
};

/// The magic numbers at the start of the header.
pub(super) const MAGIC_1_2: u32 = 0xffff_fffb;
pub(super) const MAGIC_1_16: u32 = 0xffff_fffa;
pub(super) const MAGIC_1_18: u32 = 0xffff_fff0;
pub(super) const MAGIC_1_20: u32 = 0xffff_fff1;
