//! Any events come back from a trace as they went in, and in the same order.

#[path = "trace_roundtrip/call.rs"]
mod call;
#[path = "trace_roundtrip/fact.rs"]
mod fact;
#[path = "trace_roundtrip/go.rs"]
mod go;
#[path = "trace_roundtrip/number.rs"]
mod number;

use proptest::collection::vec;
use proptest::prelude::*;
use tracer_core::event::{
    Ancestor, ConnectAnswer, CreatorWatch, EndedBy, Errno, Event, EventKind, MemoryDetail,
    OtherDescriptors, Peer, ProcessId, SocketAbout, SocketState, SocketStates, SocketTraffic,
    Timestamp,
};
use tracer_core::trace::{Encoder, Index, Reader};

use call::{allocated, allocation_watch, call, creation, faults};
use fact::{
    call_sum, cgroup, descriptor, loss, mapping, mapping_use, memory, module, process, stack_trace,
    symbol,
};
use go::go;
use number::{wide, word};

/// Boxed: a union of all kinds at once would not fit on the stack.
fn goroutines_and_sockets() -> BoxedStrategy<EventKind> {
    prop_oneof![
        2 => creation(),
        2 => allocated(),
        1 => allocation_watch(),
        1 => (-2..9_i32, proptest::option::of(word())).prop_map(|(fd, error)| {
            let error = error.map(Errno);
            EventKind::ConnectAnswer(ConnectAnswer { fd, error })
        }),
        1 => (any::<bool>(), ".{0,9}").prop_map(|(watching, reason)| {
            EventKind::CreatorWatch(CreatorWatch { watching, reason })
        }),
        1 => vec((wide(), proptest::option::of(wide()), wide()), 0..4).prop_map(|ancestors| {
            let ancestor = |(goroutine, creator, created_at)| Ancestor {
                goroutine,
                creator,
                created_at,
            };
            EventKind::Ancestors(ancestors.into_iter().map(ancestor).collect())
        }),
        1 => (wide(), vec((-2..9_i32, wide(), word()), 0..4)).prop_map(|(began, sockets)| {
            let socket = |(fd, inode, state)| SocketState {
                fd,
                inode,
                state,
                queued: inode,
                traffic: (state % 3 == 0).then_some(SocketTraffic { sent: inode, received: 7, memory: (state % 2 == 0).then_some(inode) }),
                about: (state % 2 == 0).then(|| SocketAbout {
                    protocol: "UDP".to_owned(),
                    local: None,
                    remote: Some(Peer::Other(state as u16)),
                }),
            };
            let sockets = sockets.into_iter().map(socket).collect();
            let others = vec![OtherDescriptors { kind: "file".to_owned(), count: began }];
            EventKind::SocketStates(SocketStates {
                began: Timestamp(began),
                sockets,
                settled: began % 2 == 0,
                last: began % 3 == 0,
                untold: began % 5 == 0,
                others,
            })
        }),
    ]
    .boxed()
}

fn kind() -> impl Strategy<Value = EventKind> {
    let ended_by = [
        EndedBy::Duration,
        EndedBy::Signal,
        EndedBy::Exit,
        EndedBy::Oom,
    ];
    prop_oneof![
        8 => call().boxed(),
        2 => faults(),
        5 => goroutines_and_sockets(),
        1 => process(),
        1 => vec(mapping(), 0..4).prop_map(EventKind::Mappings),
        1 => vec(descriptor(), 0..4).prop_map(EventKind::Descriptors),
        1 => stack_trace(),
        1 => vec(symbol(), 0..4).prop_map(EventKind::Symbols),
        1 => vec(module(), 0..4).prop_map(EventKind::Modules),
        1 => memory(),
        1 => (vec(mapping_use(), 0..4), wide())
            .prop_map(|(mappings, took_ns)| EventKind::MemoryDetail(MemoryDetail { mappings, took_ns })),
        1 => cgroup(),
        2 => go(),
        1 => Just(EventKind::Exec),
        1 => word().prop_map(|child| EventKind::Fork { child }),
        1 => any::<bool>().prop_map(EventKind::Paused),
        1 => Just(EventKind::Exit),
        1 => loss(),
        1 => call_sum(),
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
