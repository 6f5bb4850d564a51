//! Tests: each part of pclntab, given anything at all.

use proptest::collection::vec;
use proptest::prelude::*;

use super::inlined::{CallRecord, InlinedCalls};
use super::layout::{self, Layout};
use super::pc_value::{Budget, Steps};
use super::records::{Parts, Records, Shape};

const LAYOUTS: [Layout; 6] = [
    layout::GO_1_2,
    layout::GO_1_12,
    layout::GO_1_13,
    layout::GO_1_16,
    layout::GO_1_18,
    layout::GO_1_20,
];

/// Numbers of 32 bits, mostly such that point into a table.
fn table() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![
        5 => 0_u32..600,
        1 => any::<u32>(),
        1 => Just(u32::MAX),
    ];
    vec(number, 8..200).prop_map(|all| all.into_iter().flat_map(u32::to_le_bytes).collect())
}

fn shape() -> impl Strategy<Value = Shape> {
    let part = || prop_oneof![4 => 0_usize..400, 1 => any::<usize>()];
    let parts = (part(), part(), part(), part(), part());
    let text = prop_oneof![Just(0_u64), Just(0x40_0000), any::<u64>()];
    let count = prop_oneof![0_usize..20, any::<usize>()];
    (0..LAYOUTS.len(), parts, text, count, any::<u8>()).prop_map(
        |(layout, (names, units, files, pc_tables, functions), text, count, quantum)| Shape {
            layout: LAYOUTS[layout],
            quantum: u32::from(quantum),
            text,
            count,
            parts: Parts {
                names,
                units,
                files,
                pc_tables,
                functions,
            },
        },
    )
}

proptest! {
    #[test]
    fn values_are_those_of_the_steps(
        changes in vec((-9_i32..9, 1_u32..300), 1..30),
        quantum in prop_oneof![Just(1_u32), Just(4)],
        at in 0_u64..10_000,
    ) {
        let mut bytes = Vec::new();
        let (mut value, mut end, mut expected) = (-1, 0, None);
        for (index, (change, advance)) in changes.into_iter().enumerate() {
            // A change of 0 ends the table.
            if change == 0 && index > 0 {
                continue;
            }
            value += change;
            end += u64::from(advance * quantum);
            if expected.is_none() && at < end {
                expected = Some(value);
            }
            bytes.push(((change << 1) ^ (change >> 31)) as u8);
            if advance < 0x80 {
                bytes.push(advance as u8);
            } else {
                bytes.extend([advance as u8 | 0x80, (advance >> 7) as u8]);
            }
        }
        bytes.push(0);
        let steps = Steps::new(&bytes, quantum);
        prop_assert_eq!(steps.value_at(at, &mut Budget::default()), expected);
    }

    #[test]
    fn pc_tables_take_no_more_than_their_budget(
        bytes in vec(any::<u8>(), 0..400),
        quantum in any::<u32>(),
        at in any::<u64>(),
        steps in 1_u64..100,
    ) {
        let mut budget = Budget::new(steps);
        let _ = Steps::new(&bytes, quantum).value_at(at, &mut budget);
        prop_assert!(budget.left() <= steps);
        let mut all = Steps::new(&bytes, quantum);
        let (mut last, mut count) = (0, 0);
        while let Some((end, _)) = all.next() {
            prop_assert!(end >= last);
            (last, count) = (end, count + 1);
        }
        prop_assert!(count <= bytes.len() / 2);
    }

    #[test]
    fn records_of_any_shape(
        shape in shape(),
        bytes in table(),
        index in prop_oneof![0_usize..20, any::<usize>()],
        number in any::<i32>(),
        pc in any::<u64>(),
    ) {
        let records = Records { shape: &shape, bytes: &bytes };
        if let Some(found) = records.index_of(pc, index) {
            prop_assert!(found >= index);
        }
        let Some(function) = records.function(index) else {
            return Ok(());
        };
        let name = records.name_offset(function).and_then(|offset| records.name(offset));
        prop_assert!(name.is_none_or(|name| (1..=4096).contains(&name.len())));
        for number in [number, number % 100] {
            let file = records.file_at(function, number).and_then(|at| records.file_name(at));
            prop_assert!(file.is_none_or(|file| file.len() <= 4096));
        }
        let field = records.calls_field(function);
        let mut budget = Budget::default();
        let _ = field.and_then(|field| records.value(function, field, pc, &mut budget));
        let _ = (records.own_entry(function), records.kind_number(function));
        let _ = (records.calls_pointer(function), records.record_end(function));
    }

    #[test]
    fn arrays_of_inlined_calls(
        shape in shape(),
        bytes in table(),
        array in vec(any::<u8>(), 0..100),
        base in prop_oneof![Just(0_u64), any::<u64>()],
        index in prop_oneof![0_usize..8, any::<usize>()],
    ) {
        let records = Records { shape: &shape, bytes: &bytes };
        let calls = InlinedCalls { bytes: array.into(), base };
        let Some(function) = records.function(0) else {
            return Ok(());
        };
        let found: Option<CallRecord> = calls.get(records, function, index);
        prop_assert!(found.is_none() || index < 100 / shape.layout.call.size);
    }
}
