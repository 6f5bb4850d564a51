//! Numbers, names and stacks of any kind: boxed, or a union of all events would not fit on the stack.

use proptest::option;
use proptest::prelude::*;
use tracer_core::event::StackId;

/// Any number, and often one at an edge.
pub(crate) fn wide() -> BoxedStrategy<u64> {
    let edges = [
        0,
        1,
        127,
        128,
        i64::MAX as u64,
        1 << 63,
        u64::MAX - 1,
        u64::MAX,
    ];
    prop_oneof![
        any::<u64>(),
        proptest::sample::select(edges.to_vec()),
        0x7f00_0000_0000..0x7f00_0100_0000_u64
    ]
    .boxed()
}

pub(crate) fn word() -> BoxedStrategy<u32> {
    prop_oneof![any::<u32>(), Just(0), Just(u32::MAX)].boxed()
}

pub(crate) fn signed() -> BoxedStrategy<i32> {
    prop_oneof![any::<i32>(), Just(-1), Just(i32::MIN), Just(i32::MAX)].boxed()
}

/// Names as a target may choose them.
pub(crate) fn text() -> BoxedStrategy<String> {
    prop_oneof![
        ".{0,12}",
        Just(String::new()),
        Just("héap 堆\0\n\u{202e}".to_owned())
    ]
    .boxed()
}

pub(crate) fn perhaps() -> impl Strategy<Value = Option<u64>> {
    option::of(wide())
}

pub(crate) fn stack() -> impl Strategy<Value = Option<StackId>> {
    option::of(prop_oneof![wide(), 1..4_u64].prop_map(StackId))
}
