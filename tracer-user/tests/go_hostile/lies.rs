//! One lie at a time, and the answer to it.

use std::fmt::Write as _;

use tracer_user::go::{Binary, Table};

use crate::mini::{self, Call, FORMATS, Format, Function, Model, Place};

/// `outer` of 10 bytes inlines `middle`, which inlines `inner`; a function before and behind it.
fn model() -> Model {
    let call = |name: &str, caller, line, caller_pc| Call {
        name: name.to_owned(),
        caller,
        file: "outer.go".to_owned(),
        line,
        caller_pc,
    };
    let place = |end, line, call| Place {
        end,
        file: "outer.go".to_owned(),
        line,
        call,
    };
    let simple = |name: &str, line| Function {
        name: name.to_owned(),
        size: 16,
        places: vec![place(16, line, None)],
        calls: Vec::new(),
    };
    let outer = Function {
        name: "main.outer".to_owned(),
        size: 10,
        places: vec![
            place(2, 10, None),
            place(4, 20, Some(0)),
            place(10, 30, Some(1)),
        ],
        calls: vec![
            call("main.middle", None, 10, 0),
            call("main.inner", Some(0), 20, 2),
        ],
    };
    Model {
        functions: vec![simple("main.before", 1), outer, simple("main.behind", 99)],
    }
}

/// `name file:line`, innermost first.
fn frames(table: &Table, pc: u64) -> String {
    let mut text = String::new();
    for frame in table.lookup(pc) {
        let name: String = frame.function.chars().take(20).collect();
        let separator = if text.is_empty() { "" } else { ", " };
        write!(text, "{separator}{name} {}:{}", frame.file, frame.line).unwrap();
    }
    text
}

/// Changes the file and looks up the sixth byte of `outer`, both ways.
#[track_caller]
fn check(format: Format, area: &str, change: impl Fn(&mut [u8]), expected: &str) {
    let mut mini = mini::build(&model(), format);
    let range = mini
        .areas
        .iter()
        .find(|(name, _)| *name == area)
        .unwrap()
        .1
        .clone();
    change(&mut mini.file[range]);
    let table = Binary::parse(&mini.file).unwrap().table;
    let pc = mini.text.start + 16 + 5;
    let found = table
        .as_ref()
        .map_or("no table".to_owned(), |table| frames(table, pc));
    assert_eq!(found, expected, "{format:?} {area}");
    if let Some(table) = table {
        table.lookup_all(&[pc], |_, batch| {
            assert_eq!(batch, table.lookup(pc), "{format:?} {area}");
        });
    }
}

const TRUTH: &str = "main.inner outer.go:30, main.middle outer.go:20, main.outer outer.go:10";

#[test]
fn the_truth() {
    for format in FORMATS {
        check(format, "header", |_| {}, TRUTH);
    }
}

#[test]
fn calls_that_are_their_own_callers() {
    // The caller of the second call is made where the second call is.
    let cut = "main.inner outer.go:30, main.outer outer.go:30";
    check(Format::Go20, "calls", |calls| calls[16 + 8] = 5, cut);
    check(Format::Go18, "calls", |calls| calls[20 + 16] = 5, cut);
    let cut = "main.inner outer.go:30, main.outer outer.go:20";
    check(Format::Go11, "calls", |calls| calls[16] = 1, cut);
    // The first calls the second, which calls the first.
    let circle = "main.inner outer.go:30, main.middle outer.go:20, main.outer outer.go:30";
    check(Format::Go20, "calls", |calls| calls[8] = 5, circle);
}

#[test]
fn calls_nested_deeper_than_any_compiler_does() {
    let depth = 150;
    let places = (0..=depth).map(|level: u32| Place {
        end: level + 1,
        file: "deep.go".to_owned(),
        line: 1000 + level,
        call: (level as usize).checked_sub(1),
    });
    let calls = (0..depth).map(|level| Call {
        name: format!("main.f{level}"),
        caller: (level as usize).checked_sub(1),
        file: "deep.go".to_owned(),
        line: 1000 + level,
        caller_pc: level,
    });
    let function = Function {
        name: "main.deep".to_owned(),
        size: depth + 1,
        places: places.collect(),
        calls: calls.collect(),
    };
    let model = Model {
        functions: vec![function],
    };
    for format in FORMATS {
        let mini = mini::build(&model, format);
        let table = Binary::parse(&mini.file).unwrap().table.unwrap();
        let pc = mini.text.start + u64::from(depth);
        let frames = table.lookup(pc);
        assert_eq!(frames.len(), 101, "{format:?}");
        assert_eq!(frames[0].function, "main.f149", "{format:?}");
        assert_eq!(frames[99].function, "main.f50", "{format:?}");
        assert_eq!(frames[100].function, "main.deep", "{format:?}");
        table.lookup_all(&[pc], |_, batch| assert_eq!(batch, frames, "{format:?}"));
    }
}

#[test]
fn callers_outside_of_the_function() {
    let expected = "main.inner outer.go:30, main.outer :0";
    for pc in [10, 16, 0x7fff_ffff] {
        let set = |calls: &mut [u8]| calls[24..28].copy_from_slice(&i32::to_le_bytes(pc));
        check(Format::Go20, "calls", set, expected);
    }
    // A negative one is no call.
    let set = |calls: &mut [u8]| calls[24..28].copy_from_slice(&(-1_i32).to_le_bytes());
    check(Format::Go20, "calls", set, "main.outer outer.go:30");
}

#[test]
fn names_that_are_none() {
    for name in [-1_i32, i32::MIN, i32::MAX] {
        let set = |calls: &mut [u8]| calls[20..24].copy_from_slice(&name.to_le_bytes());
        check(Format::Go20, "calls", set, "main.outer outer.go:30");
    }
}

#[test]
fn function_tables_out_of_order() {
    let swap = |functab: &mut [u8]| {
        let (first, second) = functab.split_at_mut(8);
        first.swap_with_slice(&mut second[..8]);
    };
    check(Format::Go20, "functab", swap, "no table");
    // Two begin at the same address: the second has the code of both, and no lines there.
    let equal = |functab: &mut [u8]| functab[8..12].fill(0);
    check(Format::Go26, "functab", equal, "main.outer :0");
    // The records lie anywhere.
    let far = |functab: &mut [u8]| functab[12..16].fill(0xff);
    check(Format::Go20, "functab", far, "no table");
}

#[test]
fn tables_without_end() {
    let lines = |tables: &mut [u8]| tables.fill(0x02);
    // Each step is one line and two bytes of code; file 0 and call 0 become 2 and 2.
    let mini = mini::build(&model(), Format::Go20);
    assert!(mini.areas.iter().any(|(name, _)| *name == "pc tables"));
    check(Format::Go20, "pc tables", lines, "main.outer :2");
    // Numbers of more than 32 bits.
    let numbers = |tables: &mut [u8]| tables.fill(0xff);
    check(Format::Go20, "pc tables", numbers, "main.outer :0");
}

#[test]
fn names_of_a_mebibyte() {
    let mut long = model();
    long.functions[1].name = "\x1b[31m".repeat(1 << 18);
    long.functions[1].calls[0].name = "n".repeat(1 << 20);
    long.functions[1].places[2].file = "\u{202e}".repeat(1 << 18);
    for format in FORMATS {
        let mini = mini::build(&long, format);
        let table = Binary::parse(&mini.file).unwrap().table.unwrap();
        let frames = table.lookup(mini.text.start + 16 + 5);
        let sizes: Vec<_> = frames
            .iter()
            .map(|f| (f.function.len(), f.file.len()))
            .collect();
        // Cut at 4096 bytes, and what is no character any more is replaced.
        assert_eq!(sizes, [(10, 4098), (4096, 8), (4096, 8)], "{format:?}");
        assert!(table.memory() <= 2 * table.pclntab_bytes() + (64 << 10));
    }
}

#[test]
fn names_without_end() {
    let expected = "main.inner AAAAAAAAA:30, main.middle AAAAAAAAA:20, main.outer AAAAAAAAA:10";
    check(Format::Go20, "files", |files| files.fill(b'A'), expected);
}
