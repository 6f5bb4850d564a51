//! Whatever the events say, the engine neither fails nor contradicts itself.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "trace_roundtrip/go.rs"]
mod go;
#[path = "trace_roundtrip/number.rs"]
#[expect(dead_code, reason = "another test needs the rest")]
mod number;

use go::go;
use proptest::prelude::*;
use serde_json::Value;
use tracer_core::event::{
    Access, Advice, Backing, Call, CallSum, Descriptor, DescriptorKind, Errno, Event, EventKind,
    Faults, Frame, Loss, LossCount, Mapping, MappingUse, MemoryDetail, MemorySample, Peer,
    ProcessFacts, ProcessId, StackId, StackTrace, Symbol, Syscall, Timestamp,
};
use tracer_core::node::Node;
use tracer_core::report::{self, CallLine};

/// Small numbers, so that events meet, and the ends of the range.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => 0..20_u64,
        4 => (0..20_u64).prop_map(|page| page * 4096),
        1 => Just(u64::MAX),
        1 => Just(u64::MAX - 4096),
        1 => any::<u64>(),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("main.main".to_owned()),
        Just("runtime.(*mheap).grow".to_owned()),
        Just("runtime.goexit".to_owned()),
        ".{0,12}",
    ]
}

fn syscall() -> impl Strategy<Value = Syscall> {
    let numbers = (number(), number(), number(), any::<u32>());
    (0..14_u8, numbers, 0..12_i32, 0..12_i32).prop_map(|(which, (a, b, c, flags), fd, to)| {
        let peer = Some(Peer::Unix(vec![0, 0x1b, b'x']));
        match which {
            0 => Syscall::Mmap {
                addr: a,
                len: b,
                prot: flags,
                flags,
                fd,
                offset: c,
            },
            1 => Syscall::Munmap { addr: a, len: b },
            2 => Syscall::Mremap {
                addr: a,
                old_len: b,
                new_len: c,
                flags,
            },
            3 => Syscall::Brk { addr: a },
            4 => Syscall::Madvise {
                addr: a,
                len: b,
                advice: Advice(flags % 10),
            },
            5 => Syscall::ProcessMadvise {
                pidfd: fd,
                vectors: a,
                advice: Advice(flags),
            },
            6 => Syscall::Mprotect {
                addr: a,
                len: b,
                prot: flags,
            },
            7 => Syscall::Socket {
                family: 2,
                kind: flags,
                protocol: 0,
            },
            8 => Syscall::Connect { fd, peer },
            9 => Syscall::Accept {
                fd,
                flags: Some(flags),
                peer,
            },
            10 => Syscall::Close { fd },
            11 => Syscall::Dup { fd },
            12 => Syscall::DupTo {
                fd,
                to,
                flags: None,
            },
            13 => Syscall::CloseRange {
                first: a as u32,
                last: b as u32,
                flags,
            },
            14 => Syscall::Fcntl {
                fd,
                command: flags,
                argument: a,
            },
            _ => Syscall::SocketPair {
                family: 1,
                kind: flags,
                protocol: 0,
                pair: [fd, to],
            },
        }
    })
}

fn call() -> impl Strategy<Value = EventKind> {
    let outcome = prop_oneof![
        6 => (0..12_u64).prop_map(Ok),
        2 => number().prop_map(Ok),
        1 => (0..200_u32).prop_map(|errno| Err(Errno(errno))),
    ];
    let stack = prop::option::of((1..5_u64).prop_map(StackId));
    let entered = prop::option::of((0..200_u64).prop_map(Timestamp));
    let goroutine = prop::option::of(1..6_u64);
    let values = (syscall(), outcome, stack, entered, goroutine);
    values.prop_map(|(what, outcome, stack, entered, goroutine)| {
        EventKind::Call(Call {
            tid: 1,
            entered,
            stack,
            goroutine,
            outcome,
            what,
        })
    })
}

fn mapping() -> impl Strategy<Value = Mapping> {
    (number(), number(), any::<u32>(), any::<bool>(), name()).prop_map(
        |(start, end, prot, shared, name)| {
            let backing = if shared {
                Backing::File {
                    path: name,
                    offset: 0,
                    inode: 1,
                }
            } else {
                Backing::Anonymous {
                    name: "[heap]".to_owned(),
                }
            };
            Mapping {
                start,
                end,
                prot,
                shared,
                backing,
            }
        },
    )
}

fn loss() -> impl Strategy<Value = EventKind> {
    (name(), number(), number()).prop_map(|(kind, expected, lost)| {
        EventKind::Loss(Loss {
            counts: vec![LossCount {
                kind,
                expected,
                received: lost,
                lost,
                skipped: lost,
            }],
            ..Loss::default()
        })
    })
}

fn call_sum() -> impl Strategy<Value = EventKind> {
    let known = prop::sample::select(Syscall::KERNEL_NAMES.to_vec()).prop_map(str::to_owned);
    let kind = prop_oneof![4 => known, 1 => name()];
    let advice = prop::option::of((0..30_u32).prop_map(Advice));
    let stack = prop::option::of((1..5_u64).prop_map(StackId));
    let values = (kind, advice, stack, 0..1000_u64, 0..1000_u64, number());
    values.prop_map(|(kind, advice, stack, count, failed, bytes)| {
        EventKind::CallSum(CallSum {
            kind,
            advice,
            stack,
            count,
            failed,
            bytes,
        })
    })
}

fn kind() -> impl Strategy<Value = EventKind> {
    let sample = (number(), prop::option::of(number())).prop_map(|(rss, lazy_free)| {
        EventKind::Memory(MemorySample {
            rss,
            lazy_free,
            ..MemorySample::default()
        })
    });
    let detail = (mapping(), number(), number(), prop::option::of(number())).prop_map(
        |(mapping, rss, anonymous, lazy_free)| {
            let part = MappingUse {
                mapping,
                rss,
                anonymous,
                lazy_free,
                anon_huge: 0,
                swap: 0,
            };
            EventKind::MemoryDetail(MemoryDetail {
                mappings: vec![part; 2],
                took_ns: 0,
            })
        },
    );
    let descriptors = prop::collection::vec((0..12_i32, 0..4_u64), 0..6).prop_map(|listed| {
        let descriptor = |(fd, inode)| Descriptor {
            fd,
            kind: DescriptorKind::Socket { inode },
        };
        EventKind::Descriptors(listed.into_iter().map(descriptor).collect())
    });
    let stack = (
        1..5_u64,
        prop::collection::vec(0..9_u64, 0..6),
        prop::option::of(0..9_u64),
    )
        .prop_map(|(id, addresses, leaf_word)| {
            let (id, recovered_at) = (StackId(id), leaf_word.map(|word| word as u32));
            EventKind::Stack(StackTrace {
                id,
                addresses,
                leaf_word,
                recovered_at,
                truncated: true,
            })
        });
    let symbol = (0..9_u64, any::<bool>(), any::<bool>(), name()).prop_map(
        |(address, is_return, frameless, function)| {
            let frame = Frame {
                file: function.clone(),
                function,
                go: true,
                ..Frame::default()
            };
            let symbol = Symbol {
                address,
                is_return,
                frames: vec![frame],
                frameless,
            };
            EventKind::Symbols(vec![symbol])
        },
    );
    let numbers = (number(), prop::option::of(number()));
    let facts = (name(), numbers, name()).prop_map(|(comm, numbers, go)| {
        let (page_size, sample_bytes) = numbers;
        let go_version = Some(go);
        EventKind::Process(Box::new(ProcessFacts {
            comm,
            page_size,
            go_version,
            sample_bytes,
            ..ProcessFacts::default()
        }))
    });
    let faults = (prop::option::of(1..5_u64), number()).prop_map(|(stack, count)| {
        let stack = stack.map(StackId);
        EventKind::Faults(Faults {
            stack,
            access: Access::Write,
            count,
        })
    });
    prop_oneof![
        20 => call(),
        2 => sample,
        1 => detail,
        1 => descriptors,
        2 => stack,
        2 => symbol,
        1 => facts,
        1 => loss(),
        1 => call_sum(),
        2 => faults,
        4 => go(),
        1 => prop::collection::vec(mapping(), 0..4).prop_map(EventKind::Mappings),
        1 => Just(EventKind::Exec),
    ]
}

proptest! {
    #[test]
    fn any_events_give_a_report(kinds in prop::collection::vec((0..200_u64, kind()), 1..120)) {
        let process = ProcessId { tgid: 1, start_ticks: 1 };
        let mut node = Node::default();
        for (at, kind) in kinds {
            node.apply(&Event { at: Timestamp(at), process, kind });
        }
        let report = node.report().unwrap();
        let text = report::text(&report);
        prop_assert!(text.lines().all(|line| line.chars().count() <= report::WIDTH));
        prop_assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
        let json: Value = serde_json::from_str(&report::json(&report)).unwrap();
        prop_assert_eq!(&json["process"]["comm"], &Value::from(report.process.comm.as_str()));
        if let Some(sockets) = &report.sockets
            && let (Some(open), Some(before)) = (sockets.open, sockets.pre_existing)
        {
            prop_assert_eq!(before + sockets.opened - sockets.closed, open);
        }
        let exact = |call: &&CallLine| call.origins.iter().any(|origin| !origin.estimated);
        for call in report.calls.iter().filter(exact) {
            let count: u64 = call.origins.iter().map(|origin| origin.count).sum();
            prop_assert_eq!(count, call.count);
        }
    }
}
