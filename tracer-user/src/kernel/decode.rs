//! Records of the ring buffer to events: the border where bytes become types.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tracer_core::event::{
    Advice, Call, ConnectAnswer, Creation, Errno, Peer, StackId, StackTrace, Syscall, Timestamp,
};
use tracer_ebpf::{
    CallRecord, GoroutineRecord, Header, Kind, LifeRecord, MAX_FRAMES, NO_FRAME, SOCKADDR_ARG,
};
use tracer_ebpf::{StackHead, TRUNCATED};
use zerocopy::FromBytes;

/// What one record says.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The kind it is counted under.
    pub kind: Kind,
    /// The process it is about.
    pub tgid: u32,
    /// When it was written.
    pub at: Timestamp,
    /// Its content.
    pub content: Content,
}

/// The contents of records.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A system call returned.
    Call(Call),
    /// A stack was seen for the first time.
    Stack(StackTrace),
    /// A goroutine was created.
    Created(Creation),
    /// What became of a `connect` in progress.
    Answer(ConnectAnswer),
    /// The process replaced its program.
    Exec,
    /// The process forked.
    Fork {
        /// Thread group id of the child.
        child: u32,
    },
    /// A thread ended.
    ThreadExit,
}

/// What each record begins with, of whatever kind.
#[must_use]
pub fn header(bytes: &[u8]) -> Option<Header> {
    let (header, _) = Header::read_from_prefix(bytes).ok()?;
    Some(header)
}

/// Decodes one record; `None` when it is not one of ours.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Record> {
    let header = header(bytes)?;
    let kind = Kind(header.kind);
    let content = match kind {
        Kind::STACK => Content::Stack(stack(bytes)?),
        Kind::GOROUTINE => {
            Content::Created(creation(&GoroutineRecord::read_from_bytes(bytes).ok()?))
        }
        Kind::GETSOCKOPT => Content::Answer(answer(&CallRecord::read_from_bytes(bytes).ok()?)?),
        Kind::EXEC => Content::Exec,
        Kind::EXIT => Content::ThreadExit,
        Kind::FORK => {
            let record = LifeRecord::read_from_bytes(bytes).ok()?;
            Content::Fork {
                child: record.value as u32,
            }
        }
        _ => Content::Call(call(kind, &CallRecord::read_from_bytes(bytes).ok()?)?),
    };
    Some(Record {
        kind,
        tgid: header.tgid,
        at: Timestamp(header.time_ns),
        content,
    })
}

fn creation(record: &GoroutineRecord) -> Creation {
    Creation {
        goroutine: record.goroutine,
        creator: (record.creator != 0).then_some(record.creator),
        stack: (record.header.stack != 0).then_some(StackId(record.header.stack)),
    }
}

/// `None` where the answer could not be read.
fn answer(record: &CallRecord) -> Option<ConnectAnswer> {
    let [fd, _, _, error, ..] = record.args;
    let error = u32::try_from(error).ok()?;
    Some(ConnectAnswer {
        fd: fd as i32,
        error: (error != 0).then_some(Errno(error)),
    })
}

fn stack(bytes: &[u8]) -> Option<StackTrace> {
    let (head, frames) = StackHead::read_from_prefix(bytes).ok()?;
    let count = usize::from(head.count);
    if count > MAX_FRAMES {
        return None;
    }
    let frames = frames.get(..count * 8)?;
    Some(StackTrace {
        id: StackId(head.header.stack),
        addresses: frames
            .as_chunks()
            .0
            .iter()
            .map(|word| u64::from_ne_bytes(*word))
            .collect(),
        leaf_word: (head.leaf_word != 0).then_some(head.leaf_word),
        recovered_at: (head.recovered_at != NO_FRAME).then_some(u32::from(head.recovered_at)),
        truncated: head.flags & TRUNCATED != 0,
    })
}

fn call(kind: Kind, record: &CallRecord) -> Option<Call> {
    let outcome = match record.result {
        // Kernel-internal: the call is not made again, and the program sees EINTR.
        -516 | -514 => Err(Errno(EINTR)),
        // The kernel's errors are -1 to -4095; a high address is not one.
        error @ -4095..=-1 => Err(Errno(error.unsigned_abs() as u32)),
        value => Ok(value as u64),
    };
    Some(Call {
        tid: record.header.tid,
        entered: (record.entered_ns != 0).then_some(Timestamp(record.entered_ns)),
        stack: (record.header.stack != 0).then_some(StackId(record.header.stack)),
        goroutine: (record.goroutine != 0).then_some(record.goroutine),
        outcome,
        what: syscall(kind, record.args)?,
    })
}

fn syscall(kind: Kind, args: [u64; 6]) -> Option<Syscall> {
    let [first, second, third, fourth, fifth, sixth] = args;
    let fd = first as i32;
    Some(match kind {
        Kind::MMAP => Syscall::Mmap {
            addr: first,
            len: second,
            prot: third as u32,
            flags: fourth as u32,
            fd: fifth as i32,
            offset: sixth,
        },
        Kind::MUNMAP => Syscall::Munmap {
            addr: first,
            len: second,
        },
        Kind::MREMAP => Syscall::Mremap {
            addr: first,
            old_len: second,
            new_len: third,
            flags: fourth as u32,
        },
        Kind::BRK => Syscall::Brk { addr: first },
        Kind::MADVISE => Syscall::Madvise {
            addr: first,
            len: second,
            advice: Advice(third as u32),
        },
        Kind::PROCESS_MADVISE => Syscall::ProcessMadvise {
            pidfd: fd,
            vectors: third,
            advice: Advice(fourth as u32),
        },
        Kind::MPROTECT => Syscall::Mprotect {
            addr: first,
            len: second,
            prot: third as u32,
        },
        Kind::SOCKET => Syscall::Socket {
            family: first as u32,
            kind: second as u32,
            protocol: third as u32,
        },
        Kind::CONNECT => Syscall::Connect {
            fd,
            peer: peer(args, second as usize),
        },
        // The kernel does not tell here how long an accepted peer's path is: it mostly has none.
        Kind::ACCEPT => Syscall::Accept {
            fd,
            flags: None,
            peer: peer(args, 0),
        },
        Kind::ACCEPT4 => Syscall::Accept {
            fd,
            flags: Some(second as u32),
            peer: peer(args, 0),
        },
        Kind::CLOSE => Syscall::Close { fd },
        Kind::DUP => Syscall::Dup { fd },
        Kind::DUP2 => Syscall::DupTo {
            fd,
            to: second as i32,
            flags: None,
        },
        Kind::DUP3 => Syscall::DupTo {
            fd,
            to: second as i32,
            flags: Some(third as u32),
        },
        Kind::CLOSE_RANGE => Syscall::CloseRange {
            first: first as u32,
            last: second as u32,
            flags: third as u32,
        },
        Kind::FCNTL => Syscall::Fcntl {
            fd,
            command: second as u32,
            argument: third,
        },
        Kind::SOCKETPAIR => Syscall::SocketPair {
            family: first as u32,
            kind: second as u32,
            protocol: third as u32,
            pair: [fourth as i32, (fourth >> 32) as i32],
        },
        _ => return None,
    })
}

const EINTR: u32 = 4;

const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// The socket address in the last four argument words; `length` bounds the path of a Unix socket.
fn peer(args: [u64; 6], length: usize) -> Option<Peer> {
    let mut bytes = [0; 32];
    for (out, word) in bytes
        .as_chunks_mut()
        .0
        .iter_mut()
        .zip(&args[SOCKADDR_ARG..])
    {
        *out = word.to_ne_bytes();
    }
    let port = u16::from_be_bytes([bytes[2], bytes[3]]);
    Some(match u16::from_ne_bytes([bytes[0], bytes[1]]) {
        0 => return None,
        AF_INET => {
            let [.., a, b, c, d] = *bytes.first_chunk::<8>()?;
            Peer::Inet(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), port))
        }
        AF_INET6 => {
            let address: [u8; 16] = *bytes[8..].first_chunk()?;
            // As the tables of `/proc` are told: a socket of both families may have a peer of IPv4.
            Peer::Inet(SocketAddr::new(
                Ipv6Addr::from(address).to_canonical(),
                port,
            ))
        }
        AF_UNIX => Peer::Unix(unix_path(&bytes[2..length.clamp(2, bytes.len())])),
        other => Peer::Other(other),
    })
}

/// A path ends at its zero byte, an abstract name, which starts with one, at the address's end.
fn unix_path(bytes: &[u8]) -> Vec<u8> {
    let end = bytes
        .iter()
        .skip(1)
        .position(|byte| *byte == 0)
        .map_or(bytes.len(), |at| at + 1);
    match bytes.first() {
        Some(0) => bytes.to_vec(),
        _ => bytes[..end.min(bytes.len())].to_vec(),
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
