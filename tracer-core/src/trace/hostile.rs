//! Payloads that no writer made, behind good checksums: they end, and early.

use super::block::{BlockReader, BlockWriter};
use super::frame::Unpacker;
use super::record;
use super::scan::Scanner;
use super::window::Window;
use crate::event::{
    Access, Advice, Backing, Call, Descriptor, DescriptorKind, EndedBy, Event, EventKind, Faults,
    Frame, Mapping, Peer, ProcessId, StackId, StackTrace, Symbol, Syscall, Timestamp,
};

fn payload() -> Vec<u8> {
    let stack = Some(StackId(0xfeed));
    let call = |what| {
        let entered = Some(Timestamp(7));
        EventKind::Call(Call {
            tid: 1,
            entered,
            stack,
            goroutine: Some(9),
            outcome: Ok(300),
            what,
        })
    };
    let (addr, len) = (0x7f12_3456_7000, 65536);
    let backing = Backing::File {
        path: "/x".to_owned(),
        offset: 1,
        inode: 2,
    };
    let kinds = [
        call(Syscall::Mmap {
            addr: 0,
            len,
            prot: 3,
            flags: 34,
            fd: -1,
            offset: 0,
        }),
        call(Syscall::Madvise {
            addr,
            len,
            advice: Advice::FREE,
        }),
        call(Syscall::Mremap {
            addr,
            old_len: len + 1,
            new_len: 9,
            flags: 1,
        }),
        call(Syscall::Connect {
            fd: 3,
            peer: Some(Peer::Unix(b"/x".to_vec())),
        }),
        call(Syscall::Close { fd: 3 }),
        EventKind::Faults(Faults {
            stack,
            access: Access::Execute,
            count: 900,
        }),
        EventKind::Mappings(vec![Mapping {
            start: 1,
            end: 2,
            prot: 3,
            shared: true,
            backing,
        }]),
        EventKind::Descriptors(vec![Descriptor {
            fd: 1,
            kind: DescriptorKind::Pipe,
        }]),
        EventKind::Stack(StackTrace {
            id: StackId(0xfeed),
            addresses: vec![1, 2],
            leaf_word: Some(3),
            recovered_at: None,
            truncated: false,
        }),
        EventKind::Symbols(vec![Symbol {
            frames: vec![Frame::default()],
            ..Symbol::default()
        }]),
        EventKind::End(EndedBy::Exit),
    ];
    let mut block = BlockWriter::default();
    for (number, kind) in (0..).zip(kinds) {
        let process = ProcessId {
            tgid: number,
            start_ticks: 9,
        };
        let record = record::encode(&kind);
        block.push(
            &Event {
                at: Timestamp(8),
                process,
                kind,
            },
            record.as_deref(),
        );
    }
    block.finish()
}

/// The second block of a trace of version 1.0, which has calls.
fn old_payload() -> Vec<u8> {
    let hex = include_str!("../../tests/trace_golden/v1_0.hex");
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    let trace: Vec<u8> = digits.chunks(2).filter_map(byte).collect();
    let mut scanner = Scanner::new(Window::new(trace.as_slice()), 0, true);
    scanner.next_block();
    let block = scanner.next_block().expect("a second block");
    let mut unpacker = Unpacker::default();
    let payload = unpacker.unpack(&block.frame, block.payload);
    payload.expect("as its frame says").to_vec()
}

/// Number of events, the unknown ones among them.
fn read(payload: &[u8]) -> usize {
    let Some(mut block) = BlockReader::new(payload) else {
        return 0;
    };
    let (mut events, mut event) = (0, Event::default());
    while let Some(Ok(_)) = block.read_next(&mut event) {
        events += 1;
    }
    events
}

#[test]
fn no_byte_of_a_payload_can_do_harm() {
    check(&payload(), 11);
}

#[test]
fn no_byte_of_an_old_payload_can_do_harm() {
    check(&old_payload(), 27);
}

/// Changes each byte of a block of so many events, and cuts it everywhere.
#[track_caller]
fn check(payload: &[u8], events: usize) {
    assert_eq!(read(payload), events);
    for at in 0..payload.len() {
        for byte in 0..=u8::MAX {
            let mut hostile = payload.to_vec();
            hostile[at] = byte;
            assert!(read(&hostile) <= payload.len(), "byte {at} is {byte}");
        }
        assert!(read(&payload[..at]) <= at);
        assert!(read(&payload[at..]) <= payload.len());
    }
}
