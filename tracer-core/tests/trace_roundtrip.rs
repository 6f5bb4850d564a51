//! Any events come back from a trace as they went in, and in the same order.

#[path = "trace_roundtrip/call.rs"]
mod call;
#[path = "trace_roundtrip/fact.rs"]
mod fact;
#[path = "trace_roundtrip/number.rs"]
mod number;

use proptest::collection::vec;
use proptest::prelude::*;
use tracer_core::event::{EndedBy, Event, EventKind, MemoryDetail, ProcessId, Timestamp};
use tracer_core::trace::{Encoder, Index, Reader};

use call::{call, faults};
use fact::{cgroup, descriptor, loss, mapping, mapping_use, memory, process, stack_trace, symbol};
use number::{wide, word};

fn kind() -> impl Strategy<Value = EventKind> {
    let ended_by = [
        EndedBy::Duration,
        EndedBy::Signal,
        EndedBy::Exit,
        EndedBy::Oom,
    ];
    prop_oneof![
        8 => call(),
        2 => faults(),
        1 => process(),
        1 => vec(mapping(), 0..4).prop_map(EventKind::Mappings),
        1 => vec(descriptor(), 0..4).prop_map(EventKind::Descriptors),
        1 => stack_trace(),
        1 => vec(symbol(), 0..4).prop_map(EventKind::Symbols),
        1 => memory(),
        1 => (vec(mapping_use(), 0..4), wide())
            .prop_map(|(mappings, took_ns)| EventKind::MemoryDetail(MemoryDetail { mappings, took_ns })),
        1 => cgroup(),
        1 => Just(EventKind::Exec),
        1 => word().prop_map(|child| EventKind::Fork { child }),
        1 => Just(EventKind::Exit),
        1 => loss(),
        1 => Just(EventKind::Tick),
        1 => proptest::sample::select(ended_by.to_vec()).prop_map(EventKind::End),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let process = prop_oneof![
        3 => Just(ProcessId { tgid: 4711, start_ticks: 123_456 }),
        1 => (word(), wide()).prop_map(|(tgid, start_ticks)| ProcessId { tgid, start_ticks }),
    ];
    (wide().prop_map(Timestamp), process, kind()).prop_map(|(at, process, kind)| Event {
        at,
        process,
        kind,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn events_come_back_as_they_went_in(
        events in vec((event(), proptest::bool::weighted(0.1)), 0..40),
    ) {
        let (mut encoder, mut trace) = Encoder::new();
        let mut blocks = 0;
        for (event, flush) in &events {
            encoder.push(event);
            if *flush {
                trace.extend(encoder.take_block().expect("an event was pushed"));
                prop_assert_eq!(encoder.take_block(), None);
                blocks += 1;
            }
        }
        blocks += u64::from(events.last().is_some_and(|(_, flushed)| !flushed));
        prop_assert_eq!(encoder.events(), events.len() as u64);
        prop_assert_eq!(encoder.refused_events(), 0);
        trace.extend(encoder.finish());

        let mut reader = Reader::new(&trace).expect("a trace");
        for (event, _) in &events {
            let read = reader.next();
            prop_assert_eq!(read.as_ref(), Some(event));
        }
        prop_assert_eq!(reader.next(), None);
        prop_assert!(reader.damage().is_none(), "{:?}", reader.damage());

        let index = Index::of(&trace).expect("a trace");
        prop_assert_eq!(index.entries.iter().map(|entry| entry.blocks).sum::<u64>(), blocks);
        prop_assert_eq!(index, Index::rebuild(&trace).expect("a trace"));
    }
}
