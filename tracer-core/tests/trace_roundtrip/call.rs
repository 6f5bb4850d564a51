//! Any calls and faults.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tracer_core::event::{
    Access, Advice, Allocated, AllocationWatch, Call, Creation, Errno, EventKind, Faults, Peer,
    Syscall, Timestamp,
};

use crate::number::{signed, stack, wide, word};

fn peer() -> impl Strategy<Value = Option<Peer>> {
    use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

    let v4 = any::<([u8; 4], u16)>()
        .prop_map(|(ip, port)| SocketAddr::V4(SocketAddrV4::new(ip.into(), port)));
    let v6 = any::<([u8; 16], u16, u32, u32)>().prop_map(|(ip, port, flow, scope)| {
        SocketAddr::V6(SocketAddrV6::new(ip.into(), port, flow, scope))
    });
    option::of(prop_oneof![
        prop_oneof![v4, v6].prop_map(Peer::Inet),
        vec(any::<u8>(), 0..27).prop_map(Peer::Unix),
        any::<u16>().prop_map(Peer::Other),
    ])
}

fn memory_syscall() -> impl Strategy<Value = Syscall> {
    let advice = || word().prop_map(Advice);
    prop_oneof![
        (wide(), wide(), word(), word(), signed(), wide()).prop_map(
            |(addr, len, prot, flags, fd, offset)| Syscall::Mmap {
                addr,
                len,
                prot,
                flags,
                fd,
                offset
            }
        ),
        (wide(), wide()).prop_map(|(addr, len)| Syscall::Munmap { addr, len }),
        (wide(), wide(), wide(), word()).prop_map(|(addr, old_len, new_len, flags)| {
            Syscall::Mremap {
                addr,
                old_len,
                new_len,
                flags,
            }
        }),
        wide().prop_map(|addr| Syscall::Brk { addr }),
        (wide(), wide(), advice()).prop_map(|(addr, len, advice)| Syscall::Madvise {
            addr,
            len,
            advice
        }),
        (signed(), wide(), advice()).prop_map(|(pidfd, vectors, advice)| {
            Syscall::ProcessMadvise {
                pidfd,
                vectors,
                advice,
            }
        }),
        (wide(), wide(), word()).prop_map(|(addr, len, prot)| Syscall::Mprotect {
            addr,
            len,
            prot
        }),
    ]
}

fn descriptor_syscall() -> impl Strategy<Value = Syscall> {
    prop_oneof![
        (word(), word(), word()).prop_map(|(family, kind, protocol)| Syscall::Socket {
            family,
            kind,
            protocol
        }),
        (signed(), peer()).prop_map(|(fd, peer)| Syscall::Connect { fd, peer }),
        (signed(), option::of(word()), peer()).prop_map(|(fd, flags, peer)| Syscall::Accept {
            fd,
            flags,
            peer
        }),
        signed().prop_map(|fd| Syscall::Close { fd }),
        signed().prop_map(|fd| Syscall::Dup { fd }),
        (signed(), signed(), option::of(word())).prop_map(|(fd, to, flags)| Syscall::DupTo {
            fd,
            to,
            flags
        }),
        (word(), word(), word()).prop_map(|(first, last, flags)| Syscall::CloseRange {
            first,
            last,
            flags
        }),
        (signed(), word(), wide()).prop_map(|(fd, command, argument)| Syscall::Fcntl {
            fd,
            command,
            argument
        }),
        (word(), word(), word(), [signed(), signed()]).prop_map(
            |(family, kind, protocol, pair)| Syscall::SocketPair {
                family,
                kind,
                protocol,
                pair
            }
        ),
    ]
}

pub(crate) fn call() -> impl Strategy<Value = EventKind> {
    let outcome = prop_oneof![3 => wide().prop_map(Ok), 1 => word().prop_map(|e| Err(Errno(e)))];
    let entered = option::of(wide().prop_map(Timestamp));
    let what = prop_oneof![memory_syscall(), descriptor_syscall()];
    let goroutine = option::of(wide());
    let values = (word(), entered, stack(), goroutine, outcome, what);
    values.prop_map(|(tid, entered, stack, goroutine, outcome, what)| {
        EventKind::Call(Call {
            tid,
            entered,
            stack,
            goroutine,
            outcome,
            what,
        })
    })
}

pub(crate) fn creation() -> impl Strategy<Value = EventKind> {
    (wide(), option::of(wide()), stack()).prop_map(|(goroutine, creator, stack)| {
        EventKind::Created(Creation {
            goroutine,
            creator,
            stack,
        })
    })
}

pub(crate) fn faults() -> impl Strategy<Value = EventKind> {
    let access = prop_oneof![
        Just(Access::Write),
        Just(Access::Read),
        Just(Access::Execute)
    ];
    (stack(), access, wide()).prop_map(|(stack, access, count)| {
        EventKind::Faults(Faults {
            stack,
            access,
            count,
        })
    })
}

pub(crate) fn allocated() -> impl Strategy<Value = EventKind> {
    (stack(), wide(), wide(), wide()).prop_map(|(stack, object_bytes, spans, bytes)| {
        EventKind::Allocated(Allocated {
            stack,
            object_bytes,
            spans,
            bytes,
        })
    })
}

pub(crate) fn allocation_watch() -> impl Strategy<Value = EventKind> {
    let parts = (any::<bool>(), ".{0,9}", wide(), option::of(wide()), wide());
    parts.prop_map(|(watching, reason, hits, trap_ns, inside_ns)| {
        EventKind::AllocationWatch(AllocationWatch {
            watching,
            reason,
            hits,
            trap_ns,
            inside_ns,
        })
    })
}
