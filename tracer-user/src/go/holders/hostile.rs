//! A heap that a hostile process forged: no panic, no end of time, little memory.

#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::module::Module;
use super::objects::Objects;
use super::queue;
use super::roots::Roots;
use super::search::Search;
use super::types::Types;
use crate::go::runtime::forged::{Forged, globals, word};

/// Bytes that may be read, as a budget allows a process.
const BUDGET: usize = 16 << 20;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn forged_heaps_end(
        minor in 13..=27_u32,
        words in prop::collection::vec(word(), 1..40),
    ) {
        let memory = Forged::new(words, BUDGET);
        let globals = globals(minor);
        let layout = globals.layout.objects.unwrap();
        let module = Module::read(&memory, &layout, 0x1000);
        let Ok(mut objects) = Objects::read(&memory, &globals, &layout) else { return Ok(()) };
        memory.refill(BUDGET);
        let kept = objects.kept(&layout);
        let mut roots = Roots::default();
        roots.add_processors(&objects, &memory, &globals, &layout);
        roots.add_kept(&kept);
        roots.add_pools(&objects, &memory, &globals.pools);
        memory.refill(BUDGET);
        if let Some(module) = module {
            queue::add(&mut roots, &memory, &module, &globals.finalizer_queue);
            let mut types = Types::new(&memory, module.types.clone(), &layout);
            let _ = types.behind_interface(module.types.start);
        }
        roots.seal();
        memory.refill(BUDGET);
        let samples: Vec<(u64, u64)> =
            objects.spans().iter().take(9).map(|span| (span.start, span.slot)).collect();
        let mut rests = 0;
        let mut pause = || {
            rests += 1;
            rests < 500
        };
        let mut search = Search::new(&memory, &mut objects, &roots, &mut pause);
        search.run(&samples);
        for node in 0..search.graph.nodes.len().min(64) as u32 {
            let Some(root) = search.graph.owner(node) else { continue };
            let steps = search.graph.path(node, |node| super::owners::owner_by(node, root));
            prop_assert!(!steps.is_empty());
        }
    }
}
