//! System calls: one handler for entry, one for return, whatever the hook family.

use aya_ebpf::helpers::bpf_probe_read_user;
use tracer_ebpf::{CallRecord, Kind, SumKey};

use crate::{
    arch::{SavedRegisters, kind_of},
    goroutine,
    maps::{
        self, Thread, WITHIN, count_lost, count_seen, count_untold, enter_call, leave_call, traced,
    },
    registers,
    rings::{header, ring},
    sampler::takes_stack,
    stack,
    sums::{NO_CALLS, SUMS, count},
};

/// Notes when a releasing call began.
#[inline(always)]
pub(crate) fn entered() {
    if let Some((thread, _)) = traced() {
        enter_call(thread);
    }
}

/// `-ERESTARTSYS` and `-ERESTARTNOINTR` (include/linux/errno.h): after a signal the kernel makes
/// the call again, and its return is seen then.
const RESTARTED: [i64; 2] = [-512, -513];

/// Notes which call began, for hooks whose return may be missed.
#[inline(always)]
pub(crate) fn begun() {
    let Some((thread, _)) = traced() else { return };
    count_missed(thread);
    let Some(user) = registers::current() else {
        return;
    };
    let Some(kind) = kind_of(user.call_number()) else {
        return;
    };
    if !matters(kind, &user) {
        return;
    }
    // Without room a missed return stays unknown.
    let _ = WITHIN.insert(&thread.key(), &u32::from(kind.0), 0);
    if kind.releases() {
        enter_call(thread);
    }
}

/// Notes that the return of the call was not missed.
#[inline(always)]
pub(crate) fn ended() {
    if let Some((thread, _)) = traced() {
        let _ = WITHIN.remove(&thread.key());
    }
}

/// Counts the call that the thread must have left without our being told.
///
/// A kretprobe has room for few threads at once, on some kernels one for each CPU: the returns of
/// more go unseen.
#[inline(always)]
pub(crate) fn count_missed(thread: Thread) {
    // SAFETY: only this thread writes the entry of this thread.
    if let Some(kind) = unsafe { WITHIN.get(&thread.key()) }.copied() {
        let kind = Kind(kind as u16);
        count_untold(kind);
        let _ = WITHIN.remove(&thread.key());
    }
}

/// Commands of `fcntl` that make a descriptor (include/uapi/linux/fcntl.h).
const DUPLICATING: [u64; 2] = [0, 1030];

/// The option of `getsockopt` that tells what became of a `connect`
/// (include/uapi/asm-generic/socket.h).
const SOL_SOCKET: u64 = 1;
const SO_ERROR: u64 = 4;

/// Whether a call may change what the ledgers know: of `fcntl` and `getsockopt` few do.
#[inline(always)]
fn matters(kind: Kind, user: &SavedRegisters) -> bool {
    let args = user.call_args();
    let (second, third) = (args[1] & 0xffff_ffff, args[2] & 0xffff_ffff);
    match kind {
        Kind::FCNTL => DUPLICATING.contains(&second),
        Kind::GETSOCKOPT => second == SOL_SOCKET && third == SO_ERROR,
        _ => true,
    }
}

/// Sends a call that returned `result`.
///
/// `own` names the call when the hook belongs to it alone, and with it the working memory.
#[inline(always)]
pub(crate) fn returned(own: Option<Kind>, result: i64) {
    let Some((thread, armed)) = traced() else {
        return;
    };
    if RESTARTED.contains(&result) {
        return;
    }
    let Some(user) = registers::current() else {
        return count_untold(own.unwrap_or(Kind::UNKNOWN_CALL));
    };
    let Some(kind) = own.or_else(|| kind_of(user.call_number())) else {
        return count_untold(Kind::UNKNOWN_CALL);
    };
    // A refused question has no answer.
    if !matters(kind, &user) || kind == Kind::GETSOCKOPT && result < 0 {
        return;
    }
    let wakeup = count_seen(kind);
    let entered_ns = if kind.releases() {
        leave_call(thread)
    } else {
        0
    };
    let scratch = own.unwrap_or(Kind::MMAP);
    let stack = if kind.has_origin() && takes_stack(kind, || kind.length(&user.call_args())) {
        stack::capture(scratch, thread, armed, &user).unwrap_or(0)
    } else {
        0
    };
    let Some(mut record) = ring().reserve::<CallRecord>(0) else {
        sum_up(kind, thread, stack, result, &user.call_args());
        return count_lost(kind);
    };
    let mut args = user.call_args();
    match kind {
        Kind::CONNECT => args = with_peer(args[0], args[2], args[1]),
        // Without a connection there is no peer to read.
        Kind::ACCEPT => args = with_peer(args[0], 0, if result < 0 { 0 } else { args[1] }),
        // The fourth argument says where the pair of descriptors is: it takes their place.
        Kind::SOCKETPAIR => args[3] = read_words(args[3])[0],
        Kind::ACCEPT4 => args = with_peer(args[0], args[3], if result < 0 { 0 } else { args[1] }),
        // The answer takes the place of its address.
        Kind::GETSOCKOPT => args[3] = read_int(args[3]),
        _ => {}
    }
    let goroutine = if kind.makes_socket() && result >= 0 {
        maps::target(thread)
            .and_then(goroutine::current)
            .unwrap_or(0)
    } else {
        0
    };
    record.write(CallRecord {
        header: header(kind, thread, stack),
        entered_ns,
        result,
        goroutine,
        args,
    });
    record.submit(wakeup);
}

/// Stands for all advice beyond 16 bits, which the kernel refuses.
const NO_ADVICE: u64 = u16::MAX as u64;

/// Counts a call by its stack where it cannot be told on its own: above the rate that the ring takes,
/// counts and bytes stay exact while there is room for the stack.
#[inline(always)]
fn sum_up(kind: Kind, thread: Thread, stack: u64, result: i64, args: &[u64; 6]) {
    if !kind.has_origin() {
        return;
    }
    let failed = kind.is_refusal(result);
    let key = SumKey {
        stack,
        tgid: thread.tgid,
        kind: kind.0,
        advice: match kind {
            Kind::MADVISE => args[2].min(NO_ADVICE) as u16,
            Kind::PROCESS_MADVISE => args[3].min(NO_ADVICE) as u16,
            _ => 0,
        },
    };
    let bytes = match kind {
        _ if failed => 0,
        Kind::PROCESS_MADVISE => result as u64,
        _ => kind.length(args).unwrap_or(0),
    };
    // Without room they are only lost.
    let _ = count(&SUMS, &key, &NO_CALLS, |sum| {
        sum.count += 1;
        sum.failed += u64::from(failed);
        sum.bytes = sum.bytes.wrapping_add(bytes);
    });
}

/// A descriptor, a second argument, and the socket address at `address`; zero where unreadable.
#[inline(always)]
fn with_peer(fd: u64, second: u64, address: u64) -> [u64; 6] {
    // A socket address of IPv4 has 16 bytes, of IPv6 28, and may end at the end of a page.
    let [a, b] = read_words(address);
    let [c, d] = read_words(address.wrapping_add(16));
    [fd, second, a, b, c, d]
}

/// What no `int` is, where it cannot be read.
#[inline(always)]
fn read_int(address: u64) -> u64 {
    // SAFETY: the helper checks the address.
    unsafe { bpf_probe_read_user(address as *const u32) }.map_or(u64::MAX, u64::from)
}

#[inline(always)]
fn read_words(address: u64) -> [u64; 2] {
    // SAFETY: the helper checks the address.
    unsafe { bpf_probe_read_user(address as *const [u64; 2]) }.unwrap_or([0; 2])
}
