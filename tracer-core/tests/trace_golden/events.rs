//! An event of each kind, and a call of each kind.

use tracer_core::event::{
    Access, Advice, Backing, Call, CgroupSample, CgroupVersion, Descriptor, DescriptorKind,
    EndedBy, Errno, Event, EventKind, Faults, Frame, FrameKind, Loss, LossCount, Mapping,
    MappingUse, MemoryDetail, MemorySample, Peer, ProcessFacts, ProcessId, StackId, StackTrace,
    Symbol, Syscall, Timestamp,
};

fn call(what: Syscall, outcome: Result<u64, Errno>) -> EventKind {
    let entered = Some(Timestamp(1_000_000_000));
    EventKind::Call(Call {
        tid: 4712,
        entered,
        stack: Some(StackId(0xfeed)),
        goroutine: None,
        outcome,
        what,
    })
}

fn mapping() -> Mapping {
    let backing = Backing::File {
        path: "/srv/shop".to_owned(),
        offset: 4096,
        inode: 77,
    };
    Mapping {
        start: 0x40_0000,
        end: 0x50_0000,
        prot: 5,
        shared: true,
        backing,
    }
}

fn facts() -> Vec<EventKind> {
    let text = |text: &str| Some(text.to_owned());
    let heap = Backing::Anonymous {
        name: "[anon: Go: heap]".to_owned(),
    };
    let (start, end) = (0xc0_0000_0000, 0xc0_0400_0000);
    let frame = Frame {
        function: "main.öffne".to_owned(),
        file: "shop.go".to_owned(),
        line: 41,
        inlined: true,
        module: "shop".to_owned(),
        go: true,
        kind: FrameKind::Plain,
    };
    vec![
        EventKind::Process(Box::new(ProcessFacts {
            comm: "shop".to_owned(),
            exe: text("/srv/shop"),
            build_id: text("abc"),
            go_version: text("go1.26.8"),
            main_module: text("example.org/shop"),
            dependencies: vec!["google.golang.org/grpc".to_owned()],
            arch: "amd64".to_owned(),
            stripped: Some(true),
            pie: Some(false),
            cgo: None,
            godebug: text("madvdontneed=0"),
            page_size: 4096,
            hooks: text("tracepoint"),
            sample_bytes: None,
            sees_answers: false,
        })),
        EventKind::Mappings(vec![
            mapping(),
            Mapping {
                start,
                end,
                prot: 3,
                shared: false,
                backing: heap,
            },
        ]),
        EventKind::Descriptors(vec![
            Descriptor {
                fd: 0,
                kind: DescriptorKind::File,
            },
            Descriptor {
                fd: 3,
                kind: DescriptorKind::Anonymous("eventpoll".to_owned()),
            },
            Descriptor {
                fd: 4,
                kind: DescriptorKind::Pipe,
            },
            Descriptor {
                fd: 5,
                kind: DescriptorKind::Socket { inode: 12345 },
            },
        ]),
        EventKind::Stack(StackTrace {
            id: StackId(0xfeed),
            addresses: vec![0x40_1000, 0x40_2000, 0x40_0500],
            leaf_word: Some(0x40_3000),
            recovered_at: Some(2),
            truncated: true,
        }),
        EventKind::Symbols(vec![
            Symbol {
                address: 0x40_1000,
                is_return: false,
                frames: vec![],
                frameless: true,
            },
            Symbol {
                address: 0x40_2000,
                is_return: true,
                frames: vec![
                    frame.clone(),
                    Frame {
                        inlined: false,
                        ..frame
                    },
                ],
                frameless: false,
            },
        ]),
    ]
}

fn samples() -> Vec<EventKind> {
    vec![
        EventKind::Memory(MemorySample {
            rss: 491 << 20,
            anonymous: 480 << 20,
            lazy_free: Some(409 << 20),
            file: Some(0),
            ..MemorySample::default()
        }),
        EventKind::MemoryDetail(MemoryDetail {
            mappings: vec![MappingUse {
                mapping: mapping(),
                rss: 8192,
                anonymous: 4096,
                lazy_free: None,
                anon_huge: 0,
                swap: 12288,
            }],
            took_ns: 250_000,
        }),
        EventKind::Cgroup(Box::new(CgroupSample {
            version: CgroupVersion::V2,
            path: "/shop.service".to_owned(),
            usage: Some(500 << 20),
            limit: None,
            high: None,
            anon: Some(490 << 20),
            file: Some(1),
            sock: None,
            oom_kills: Some(2),
        })),
    ]
}

fn memory_calls() -> Vec<EventKind> {
    let (addr, len) = (0x7f12_3456_7000, 65536);
    vec![
        call(
            Syscall::Mmap {
                addr: 0,
                len,
                prot: 3,
                flags: 0x22,
                fd: -1,
                offset: 0,
            },
            Ok(addr),
        ),
        call(Syscall::Mprotect { addr, len, prot: 1 }, Ok(0)),
        call(
            Syscall::Madvise {
                addr,
                len,
                advice: Advice::FREE,
            },
            Ok(0),
        ),
        call(
            Syscall::ProcessMadvise {
                pidfd: 3,
                vectors: 2,
                advice: Advice::DONTNEED,
            },
            Ok(8192),
        ),
        call(
            Syscall::Mremap {
                addr,
                old_len: len,
                new_len: 131_072,
                flags: 1,
            },
            Ok(addr + 4096),
        ),
        call(
            Syscall::Munmap {
                addr: addr + 4096,
                len: 131_072,
            },
            Err(Errno(22)),
        ),
        call(Syscall::Brk { addr: 0 }, Ok(0x55_0000)),
    ]
}

fn descriptor_calls() -> Vec<EventKind> {
    let peer = |text: &str| Some(Peer::Inet(text.parse().expect("an address")));
    let unix = Some(Peer::Unix(b"\0bus".to_vec()));
    vec![
        call(
            Syscall::Socket {
                family: 2,
                kind: 0x80801,
                protocol: 6,
            },
            Ok(7),
        ),
        call(
            Syscall::Connect {
                fd: 7,
                peer: peer("10.0.0.7:443"),
            },
            Err(Errno(115)),
        ),
        call(Syscall::Connect { fd: 7, peer: unix }, Ok(0)),
        call(
            Syscall::Connect {
                fd: 7,
                peer: Some(Peer::Other(16)),
            },
            Ok(0),
        ),
        call(
            Syscall::Accept {
                fd: 4,
                flags: Some(0x80800),
                peer: peer("[fe80::1%3]:80"),
            },
            Ok(8),
        ),
        call(
            Syscall::Accept {
                fd: 4,
                flags: None,
                peer: None,
            },
            Ok(9),
        ),
        call(Syscall::Dup { fd: 8 }, Ok(10)),
        call(
            Syscall::DupTo {
                fd: 8,
                to: 11,
                flags: Some(0x80000),
            },
            Ok(11),
        ),
        call(
            Syscall::DupTo {
                fd: 8,
                to: 12,
                flags: None,
            },
            Ok(12),
        ),
        call(Syscall::Close { fd: 8 }, Ok(0)),
        call(
            Syscall::CloseRange {
                first: 3,
                last: u32::MAX,
                flags: 4,
            },
            Ok(0),
        ),
    ]
}

fn others() -> Vec<EventKind> {
    vec![
        EventKind::Faults(Faults {
            stack: Some(StackId(0xfeed)),
            access: Access::Write,
            count: 900,
        }),
        EventKind::Faults(Faults {
            stack: None,
            access: Access::Read,
            count: 1,
        }),
        EventKind::Faults(Faults {
            stack: None,
            access: Access::Execute,
            count: 2,
        }),
        EventKind::Exec,
        EventKind::Fork { child: 4800 },
        EventKind::Tick,
        EventKind::Loss(Loss {
            counts: vec![LossCount {
                kind: "mmap".to_owned(),
                expected: 9,
                received: 8,
                lost: 1,
                skipped: 0,
            }],
            ..Loss::default()
        }),
        EventKind::Exit,
        EventKind::End(EndedBy::Oom),
    ]
}

/// Two goroutines that map, advise and unmap ranges, some of them not of whole pages.
pub(crate) fn ranges() -> Vec<Event> {
    let mut kinds = Vec::new();
    for round in 0..6_u64 {
        let goroutine = [None, Some(7), Some(9)][round as usize % 3];
        let mut call = |what, outcome| {
            let tid = 4712 + round as u32 % 2;
            kinds.push(EventKind::Call(Call {
                tid,
                entered: None,
                stack: Some(StackId(0xfeed)),
                goroutine,
                outcome,
                what,
            }));
        };
        let addr = 0x7f12_3456_7000 - round * 0x1_0000;
        let len = 65536 + round / 2 * 10;
        let map = Syscall::Mmap {
            addr: 0,
            len,
            prot: 3,
            flags: 0x22 + round as u32 / 4,
            fd: -1,
            offset: 0,
        };
        call(map, Ok(addr));
        let advice = Advice::DONTNEED;
        call(Syscall::Madvise { addr, len, advice }, Ok(0));
        call(
            Syscall::Munmap {
                addr: addr + 8,
                len,
            },
            Err(Errno(22)),
        );
        call(Syscall::Munmap { addr, len }, Ok(0));
    }
    dated(2_000_000_000, kinds)
}

/// As many as the golden file has.
pub(crate) fn events() -> Vec<Event> {
    let kinds = facts()
        .into_iter()
        .chain(samples())
        .chain(memory_calls())
        .chain(descriptor_calls())
        .chain(others());
    dated(1_000_000_000, kinds)
}

fn dated(first: u64, kinds: impl IntoIterator<Item = EventKind>) -> Vec<Event> {
    let process = ProcessId {
        tgid: 4711,
        start_ticks: 123_456,
    };
    (first..)
        .step_by(1700)
        .zip(kinds)
        .map(|(at, kind)| Event {
            at: Timestamp(at),
            process,
            kind,
        })
        .collect()
}
