//! Literal records and what they decode to.
#![expect(clippy::unwrap_used, reason = "tests")]

use tracer_ebpf::TRUNCATED;
use zerocopy::IntoBytes as _;

use super::*;

fn header(kind: Kind) -> Header {
    Header {
        kind: kind.0,
        cpu: 1,
        tid: 12,
        tgid: 11,
        reserved: 0,
        time_ns: 900,
        stack: 77,
    }
}

fn record(kind: Kind, result: i64, args: [u64; 6]) -> CallRecord {
    CallRecord {
        header: header(kind),
        entered_ns: 800,
        result,
        goroutine: 0,
        args,
    }
}

#[track_caller]
fn check(kind: Kind, result: i64, args: [u64; 6], outcome: Result<u64, Errno>, what: Syscall) {
    let expected = Record {
        kind,
        tgid: 11,
        at: Timestamp(900),
        content: Content::Call(Call {
            tid: 12,
            entered: Some(Timestamp(800)),
            stack: Some(StackId(77)),
            goroutine: None,
            outcome,
            what,
        }),
    };
    assert_eq!(
        decode(record(kind, result, args).as_bytes()),
        Some(expected)
    );
}

/// The argument words of a socket address.
fn address(fd: u64, second: u64, bytes: &[u8]) -> [u64; 6] {
    let mut padded = [0; 32];
    padded[..bytes.len()].copy_from_slice(bytes);
    let word = |at: usize| u64::from_ne_bytes(*padded[at..].first_chunk().unwrap());
    [fd, second, word(0), word(8), word(16), word(24)]
}

#[test]
fn both_sides_sample_by_the_same_length() {
    let args = [1, 2, 3, 4, 5, 6];
    for kind in Kind::calls().iter().filter(|kind| kind.has_origin()) {
        let length = syscall(*kind, args).unwrap().length();
        assert_eq!(length, kind.length(&args), "{}", kind.name());
    }
}

#[test]
fn both_sides_call_the_same_answers_refusals() {
    for kind in Kind::calls().iter().filter(|kind| kind.has_origin()) {
        for result in [-4096, -115, -11, -1, 0, 7] {
            let failed = call(*kind, &record(*kind, result, [0; 6]))
                .unwrap()
                .has_failed();
            assert_eq!(failed, kind.is_refusal(result), "{} {result}", kind.name());
        }
    }
}

#[test]
fn both_sides_give_calls_the_same_names() {
    let kinds = Kind::calls().iter().filter(|kind| kind.has_origin());
    let mut names: Vec<&str> = kinds.map(|kind| kind.name()).collect();
    let mut known = Syscall::KERNEL_NAMES;
    names.sort_unstable();
    known.sort_unstable();
    assert_eq!(names, known);
}

#[test]
fn calls() {
    let mmap = Syscall::Mmap {
        addr: 0,
        len: 4096,
        prot: 3,
        flags: 0x22,
        fd: -1,
        offset: 0,
    };
    check(
        Kind::MMAP,
        0x7f00_0000_0000,
        [0, 4096, 3, 0x22, u64::MAX, 0],
        Ok(0x7f00_0000_0000),
        mmap,
    );
    let madvise = Syscall::Madvise {
        addr: 8192,
        len: 4096,
        advice: Advice::FREE,
    };
    check(
        Kind::MADVISE,
        -22,
        [8192, 4096, 8, 0, 0, 0],
        Err(Errno(22)),
        madvise,
    );
    check(
        Kind::CLOSE,
        -9,
        [5, 0, 0, 0, 0, 0],
        Err(Errno(9)),
        Syscall::Close { fd: 5 },
    );
    let dup2 = Syscall::DupTo {
        fd: 3,
        to: 9,
        flags: None,
    };
    check(Kind::DUP2, 9, [3, 9, 99, 0, 0, 0], Ok(9), dup2);
    let range = Syscall::CloseRange {
        first: 3,
        last: u32::MAX,
        flags: 4,
    };
    check(
        Kind::CLOSE_RANGE,
        0,
        [3, 0xffff_ffff, 4, 0, 0, 0],
        Ok(0),
        range,
    );
    let duplicate = Syscall::Fcntl {
        fd: 5,
        command: 1030,
        argument: 10,
    };
    check(Kind::FCNTL, 11, [5, 1030, 10, 0, 0, 0], Ok(11), duplicate);
    let pair = Syscall::SocketPair {
        family: 1,
        kind: 2,
        protocol: 3,
        pair: [7, 8],
    };
    check(
        Kind::SOCKETPAIR,
        0,
        [1, 2, 3, 8 << 32 | 7, 0, 0],
        Ok(0),
        pair,
    );
}

#[test]
fn answers_to_connects_in_progress() {
    let answer = |error| {
        let record = CallRecord {
            header: header(Kind::GETSOCKOPT),
            entered_ns: 0,
            result: 0,
            goroutine: 0,
            args: [5, 1, 4, error, 0, 0],
        };
        decode(record.as_bytes()).map(|record| record.content)
    };
    let expected = |error| Some(Content::Answer(ConnectAnswer { fd: 5, error }));
    assert_eq!(answer(0), expected(None));
    assert_eq!(answer(111), expected(Some(Errno(111))));
    // It could not be read.
    assert_eq!(answer(u64::MAX), None);
}

#[test]
fn peers() {
    let connect = |bytes: &[u8], length: u64, peer| {
        check(
            Kind::CONNECT,
            -115,
            address(4, length, bytes),
            Err(Errno(115)),
            Syscall::Connect { fd: 4, peer },
        );
    };
    let inet = |text: &str| Some(Peer::Inet(text.parse().unwrap()));
    connect(&[2, 0, 1, 187, 10, 0, 0, 7], 16, inet("10.0.0.7:443"));
    let mut v6 = vec![10, 0, 0, 80, 0, 0, 0, 0];
    v6.extend([0; 15]);
    v6.push(1);
    connect(&v6, 28, inet("[::1]:80"));
    let mut mapped = vec![10, 0, 0, 80, 0, 0, 0, 0];
    mapped.extend([0; 10]);
    mapped.extend([255, 255, 10, 0, 0, 9]);
    connect(&mapped, 28, inet("10.0.0.9:80"));
    connect(
        b"\x01\0/run/x\0junk",
        13,
        Some(Peer::Unix(b"/run/x".to_vec())),
    );
    connect(
        b"\x01\0\0abstract",
        11,
        Some(Peer::Unix(b"\0abstract".to_vec())),
    );
    connect(&[16, 0, 1], 12, Some(Peer::Other(16)));
    connect(&[], 0, None);
    let accepted = Syscall::Accept {
        fd: 3,
        flags: Some(0x80800),
        peer: inet("127.0.0.1:256"),
    };
    check(
        Kind::ACCEPT4,
        7,
        address(3, 0x80800, &[2, 0, 1, 0, 127, 0, 0, 1]),
        Ok(7),
        accepted,
    );
}

#[test]
fn stacks() {
    let head = StackHead {
        header: header(Kind::STACK),
        leaf_word: 0,
        count: 2,
        recovered_at: 1,
        flags: TRUNCATED,
        reserved: 0,
    };
    let bytes = [head.as_bytes(), 5_u64.as_bytes(), 6_u64.as_bytes()].concat();
    let expected = StackTrace {
        id: StackId(77),
        addresses: vec![5, 6],
        leaf_word: None,
        recovered_at: Some(1),
        truncated: true,
    };
    assert_eq!(decode(&bytes).unwrap().content, Content::Stack(expected));
    assert_eq!(
        decode(&bytes[..bytes.len() - 1]),
        None,
        "a frame is missing"
    );
}

#[test]
fn damage_is_refused() {
    assert_eq!(decode(&[]), None);
    let unknown = CallRecord {
        header: header(Kind(99)),
        entered_ns: 0,
        result: 0,
        goroutine: 0,
        args: [0; 6],
    };
    assert_eq!(decode(unknown.as_bytes()), None);
    let short = CallRecord {
        header: header(Kind::MMAP),
        entered_ns: 0,
        result: 0,
        goroutine: 0,
        args: [0; 6],
    };
    assert_eq!(decode(&short.as_bytes()[..90]), None);
}
