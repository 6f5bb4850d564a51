//! Stacks as readers see them.

use super::*;

fn stack(addresses: &[u64], leaf_word: Option<u64>) -> StackTrace {
    StackTrace {
        id: StackId(1),
        addresses: addresses.to_vec(),
        leaf_word,
        recovered_at: None,
        truncated: false,
    }
}

fn symbol(address: u64, is_return: bool, functions: &[&str]) -> Symbol {
    let frames = functions
        .iter()
        .map(|function| Frame {
            function: (*function).to_owned(),
            ..Frame::default()
        })
        .collect();
    Symbol {
        address,
        is_return,
        frames,
        frameless: functions == ["runtime.madvise.abi0"],
    }
}

#[track_caller]
fn check(stack: &StackTrace, expected: &str) {
    let mut table = SymbolTable::default();
    table.add_stack(stack);
    table.add_symbols(&[
        symbol(1, false, &["runtime.madvise.abi0"]),
        symbol(2, false, &["main.leaf"]),
        symbol(10, true, &["runtime.sysUnused"]),
        symbol(11, true, &["main.inlined", "main.outer"]),
        symbol(12, true, &["runtime.goexit.abi0"]),
        symbol(13, true, &[]),
    ]);
    let text: Vec<String> = table
        .lines(Some(stack.id))
        .iter()
        .map(|line| match line {
            Line::Named(frame) => frame.function.clone(),
            Line::Bare(address) => format!("?{address}"),
        })
        .collect();
    assert_eq!(text.join(" < "), expected);
}

#[test]
fn lines_of_a_stack() {
    check(
        &stack(&[2, 11, 12], None),
        "main.leaf < main.inlined < main.outer",
    );
    check(&stack(&[2, 13, 99], None), "main.leaf < ?13 < ?99");
    // A return address is not looked up as a leaf, nor the other way round.
    check(&stack(&[10, 2], None), "?10 < ?2");
    check(&stack(&[], Some(10)), "");
}

#[test]
fn wrappers_are_left_out_but_where_they_panic() {
    let frame = |function: &str, kind| Frame {
        function: function.to_owned(),
        kind,
        ..Frame::default()
    };
    let wrapper = frame("main.(*T).Read", FrameKind::Wrapper);
    let mut table = SymbolTable::default();
    table.add_stack(&stack(&[1, 2, 3, 4, 9], None));
    let frames = [
        frame("main.T.Read", FrameKind::Plain),
        wrapper.clone(),
        frame("runtime.panicwrap", FrameKind::Panic),
        wrapper,
    ];
    let symbols: Vec<Symbol> = (1..)
        .zip(frames)
        .map(|(address, frame)| Symbol {
            address,
            is_return: address > 1,
            frames: vec![frame],
            frameless: false,
        })
        .collect();
    table.add_symbols(&symbols);
    let lines = table.lines(Some(StackId(1)));
    let names: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.frame())
        .map(|frame| &*frame.function)
        .collect();
    assert_eq!(
        names,
        ["main.T.Read", "runtime.panicwrap", "main.(*T).Read"]
    );
    assert_eq!(lines.last(), Some(&Line::Bare(9)));
}

#[test]
fn the_caller_of_a_frameless_leaf() {
    check(
        &stack(&[1, 11], Some(10)),
        "runtime.madvise.abi0 < runtime.sysUnused < main.inlined < main.outer",
    );
    // The walk has it already.
    check(
        &stack(&[1, 10], Some(10)),
        "runtime.madvise.abi0 < runtime.sysUnused",
    );
    // Noise.
    check(
        &stack(&[1, 10], Some(77)),
        "runtime.madvise.abi0 < runtime.sysUnused",
    );
    check(
        &stack(&[1, 10], Some(13)),
        "runtime.madvise.abi0 < runtime.sysUnused",
    );
    // The leaf has a frame.
    check(
        &stack(&[2, 11], Some(10)),
        "main.leaf < main.inlined < main.outer",
    );
}

#[test]
fn a_lost_stack_has_no_lines() {
    let table = SymbolTable::default();
    assert_eq!(
        (table.lines(None), table.lines(Some(StackId(9)))),
        (vec![], vec![])
    );
}

#[test]
fn what_the_symbolizer_is_asked() {
    let wanted = wanted_symbols(&stack(&[5, 7, 7, 3], Some(9)));
    assert_eq!(wanted, [(3, true), (5, false), (7, true), (9, true)]);
}

#[test]
fn deep_stacks_are_cut_at_the_outer_end() {
    let mut table = SymbolTable::default();
    let addresses: Vec<u64> = (0..5000).collect();
    table.add_stack(&stack(&addresses, None));
    table.add_symbols(&[symbol(0, false, &["f"; 300]), symbol(1, true, &["g"; 300])]);
    let lines = table.lines(Some(StackId(1)));
    let (innermost, outermost) = (lines.first(), lines.last());
    let name = |line: Option<&Line<'_>>| {
        line.and_then(|line| line.frame())
            .map(|f| f.function.clone())
    };
    assert_eq!(lines.len(), MAX_LINES);
    assert_eq!(
        (name(innermost), name(outermost)),
        (Some("f".into()), Some("g".into()))
    );
}

#[test]
fn names_are_bounded() {
    let mut table = SymbolTable::default();
    let mut long = symbol(1, false, &["x"]);
    long.frames[0].function = "x".repeat(MAX_NAME_BYTES + 1);
    table.add_symbols(&[long, symbol(2, false, &["main.leaf"])]);
    assert_eq!((table.symbols.len(), table.dropped()), (1, 1));
    table.add_symbols(&[symbol(2, false, &["main.other"])]);
    assert_eq!(table.name_bytes, "main.other".len());
}
