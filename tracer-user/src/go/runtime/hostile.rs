//! Memory that a hostile process forged: no panic, no end of time, little memory.

use proptest::prelude::*;

use super::forged::{Forged, globals, word};
use super::*;

/// Bytes that may be read, as a budget allows a process.
const BUDGET: usize = 8 << 20;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn forged_memory_gives_doubts_or_bounded_answers(
        minor in 11..=27_u32,
        words in prop::collection::vec(word(), 1..40),
    ) {
        let memory = Forged::new(words, BUDGET);
        let globals = globals(minor);
        if let Ok(heap) = read_heap(&memory, &globals, None, true) {
            prop_assert!(heap.census.classes.len() <= 136);
            prop_assert!(heap.census.object_bytes <= heap.census.in_use_bytes);
            let all = 0..1 << 40;
            let known = residency::Known {
                heap: &heap,
                mappings: &[],
                present: Some(std::slice::from_ref(&all)),
                exe: "",
            };
            prop_assert!(residency::residency(&known).is_none_or(|found| found.by_page));
        }
        memory.refill(BUDGET);
        let _ = read_spans(&memory, &globals, true);
        memory.refill(BUDGET);
        if let Ok(found) = read_goroutines(&memory, &globals, |_| false) {
            prop_assert!(found.groups.len() <= 20_000);
        }
    }
}
