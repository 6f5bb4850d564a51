//! Columns are packed protobuf fields: a protobuf library alone reads them.

use prost::Message;

use super::block::BlockWriter;
use crate::event::{
    Access, Call, Errno, Event, EventKind, Faults, ProcessId, StackId, Syscall, Timestamp,
};

/// The columns as `tracer.proto` has them.
#[derive(Clone, PartialEq, prost::Message)]
struct Packed {
    #[prost(uint64, repeated, tag = "1")]
    kinds: Vec<u64>,
    #[prost(sint64, repeated, tag = "2")]
    times: Vec<i64>,
    #[prost(sint64, repeated, tag = "3")]
    processes: Vec<i64>,
    #[prost(fixed64, repeated, tag = "4")]
    stacks: Vec<u64>,
    #[prost(uint64, repeated, tag = "5")]
    stack_refs: Vec<u64>,
    #[prost(sint64, repeated, tag = "6")]
    tids: Vec<i64>,
    #[prost(sint64, repeated, tag = "7")]
    entered: Vec<i64>,
    #[prost(uint64, repeated, tag = "8")]
    outcomes: Vec<u64>,
    #[prost(sint64, repeated, tag = "11")]
    arguments: Vec<i64>,
    #[prost(uint64, repeated, tag = "13")]
    accesses: Vec<u64>,
    #[prost(uint64, repeated, tag = "14")]
    counts: Vec<u64>,
    #[prost(sint64, repeated, tag = "16")]
    goroutines: Vec<i64>,
    #[prost(uint64, repeated, tag = "19")]
    callers: Vec<u64>,
    #[prost(uint64, repeated, tag = "20")]
    places: Vec<u64>,
    #[prost(uint64, repeated, tag = "21")]
    pages: Vec<u64>,
    #[prost(uint64, repeated, tag = "22")]
    sizes: Vec<u64>,
    #[prost(uint64, repeated, tag = "23")]
    changes: Vec<u64>,
}

#[test]
fn columns_are_packed_protobuf_fields() {
    let stack = Some(StackId(0xfeed));
    let call = |what, outcome, entered| {
        EventKind::Call(Call {
            tid: 4712,
            entered,
            stack,
            goroutine: None,
            outcome,
            what,
        })
    };
    let (addr, len) = (0x7f12_3456_7000, 65536);
    let kinds = [
        call(
            Syscall::Mmap {
                addr: 0,
                len,
                prot: 3,
                flags: 34,
                fd: -1,
                offset: 0,
            },
            Ok(addr),
            None,
        ),
        call(
            Syscall::Munmap { addr, len },
            Err(Errno(22)),
            Some(Timestamp(7000)),
        ),
        EventKind::Faults(Faults {
            stack: None,
            access: Access::Read,
            count: 900,
        }),
        EventKind::Tick,
    ];
    let mut block = BlockWriter::default();
    for (at, kind) in [8000, 9000, 8500, 8500].into_iter().zip(kinds) {
        let process = ProcessId {
            tgid: 4711,
            start_ticks: 99,
        };
        block.push(
            &Event {
                at: Timestamp(at),
                process,
                kind,
            },
            None,
        );
    }
    let expected = Packed {
        kinds: vec![18, 27, 2, 5],
        times: vec![8000, 1000, -500, 0],
        processes: vec![4, 4711, 99],
        stacks: vec![0xfeed],
        stack_refs: vec![1, 1, 0],
        tids: vec![4712],
        entered: vec![2000],
        outcomes: vec![22],
        arguments: vec![3, 34, -1],
        accesses: vec![2],
        counts: vec![900],
        goroutines: vec![0],
        callers: vec![0, 1],
        places: vec![0, 1],
        pages: vec![addr >> 12 << 2],
        sizes: vec![16 << 2, 0],
        changes: vec![0b1110],
    };
    assert_eq!(Packed::decode(block.finish().as_slice()), Ok(expected));
}
