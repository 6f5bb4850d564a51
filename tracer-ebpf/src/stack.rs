//! The stack walker: copies the user stack in slabs and follows the frame pointers inside.
//!
//! ```text
//! sp ─▶ ┌ slab, up to 4 KiB, one probe read ┐
//!       │ … [next fp][return address] …      │ ─▶ frames
//!       └────────────────────────────────────┘ next slab where fp leaves it
//! ```

use core::ffi::c_void;

use aya_ebpf::helpers::{bpf_probe_read_user, generated};
use tracer_ebpf::{Kind, MAX_FRAMES, NO_FRAME, StackHead, StackRecord, TRUNCATED, Target};

use crate::{
    arch::SavedRegisters,
    globals,
    maps::{NO_WAKEUP, RECORDS, SCRATCH, STACKS, Thread, count_lost, count_seen, header},
    registers,
};

/// Words of a slab. Most Go stacks are shallower than 4 KiB, so one read serves.
const SLAB_WORDS: usize = 512;

/// Slab sizes to try, in bytes: a slab that runs off its mapping cannot be read at all.
const SLAB_BYTES: [u32; 4] = [4096, 1024, 256, 16];

/// Working memory of one program on one CPU.
#[repr(C)]
pub(crate) struct Scratch {
    record: StackRecord,
    slab: [u64; SLAB_WORDS],
}

/// A walk in progress.
struct Walk {
    /// Address of the slab.
    base: u64,
    /// Bytes of the slab that were read.
    size: u64,
    /// The next frame pointer to follow.
    fp: u64,
    /// Frames so far.
    count: usize,
    /// Running hash of the frames.
    hash: u64,
    /// The last frame.
    last: u64,
    /// Stopped at unreadable memory.
    torn: bool,
}

/// Takes the current thread's stack, sends it when it is new, and returns its hash.
#[inline(always)]
pub(crate) fn capture(
    kind: Kind,
    thread: Thread,
    target: &Target,
    user: &SavedRegisters,
) -> Option<u64> {
    let scratch = SCRATCH.get_ptr_mut(u32::from(kind.0))?;
    // SAFETY: the slot is this CPU's and this kind's own, and lives as long as the map.
    let scratch = unsafe { &mut *scratch };
    let mut walk = Walk {
        base: user.sp() & !7,
        size: 0,
        fp: user.fp(),
        count: 0,
        hash: globals::hash_seed(),
        last: 0,
        torn: false,
    };
    walk.push(scratch, user.ip());
    walk.load_slab(scratch);
    let leaf_word = if walk.size == 0 { 0 } else { scratch.slab[0] };
    let leaf_word = if is_code(target, leaf_word) {
        leaf_word
    } else {
        0
    };
    walk.mix(leaf_word);
    walk.follow(scratch);

    let mut recovered_at = NO_FRAME;
    if target.g_offset != 0
        && walk.count < MAX_FRAMES
        && !target.goexit.contains(walk.last.wrapping_sub(1))
        && let Some(saved) = parked_goroutine(target)
    {
        recovered_at = walk.count as u16;
        walk.resume(scratch, target, &saved);
    }

    let hash = walk.finish();
    if STACKS.get_ptr(&hash).is_some() {
        return Some(hash);
    }
    count_seen(Kind::STACK);
    scratch.record.head = StackHead {
        header: header(Kind::STACK, thread, hash),
        leaf_word,
        count: walk.count as u16,
        recovered_at,
        flags: if walk.torn || walk.count == MAX_FRAMES {
            TRUNCATED
        } else {
            0
        },
        reserved: 0,
    };
    if !send(&scratch.record, walk.count) {
        count_lost(Kind::STACK);
        return None;
    }
    // A full table only means that the stack will be sent again.
    let _ = STACKS.insert(&hash, &1, 0);
    Some(hash)
}

/// Sends the head and the first `count` frames.
#[inline(always)]
fn send(record: &StackRecord, count: usize) -> bool {
    // The verifier wants to see the bound.
    let frames = if count > MAX_FRAMES {
        MAX_FRAMES
    } else {
        count
    };
    let size = (size_of::<StackHead>() + 8 * frames) as u64;
    // SAFETY: `size` is at most the size of the record.
    unsafe {
        generated::bpf_ringbuf_output(
            (&raw const RECORDS).cast_mut().cast::<c_void>(),
            core::ptr::from_ref(record).cast_mut().cast::<c_void>(),
            size,
            NO_WAKEUP,
        ) == 0
    }
}

#[inline(always)]
fn is_code(target: &Target, word: u64) -> bool {
    target.text.contains(word) || target.libraries.contains(word)
}

impl Walk {
    #[inline(always)]
    fn mix(&mut self, word: u64) {
        self.hash = (self.hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    #[inline(always)]
    fn push(&mut self, scratch: &mut Scratch, address: u64) {
        if self.count < MAX_FRAMES {
            scratch.record.frames[self.count] = address;
            self.count += 1;
            self.last = address;
            self.mix(address);
        }
    }

    /// Reads as much as possible of the memory at `base`.
    #[inline(always)]
    fn load_slab(&mut self, scratch: &mut Scratch) {
        self.size = 0;
        for bytes in SLAB_BYTES {
            // SAFETY: the slab holds the largest size; the helper checks the user address.
            let status = unsafe {
                generated::bpf_probe_read_user(
                    scratch.slab.as_mut_ptr().cast::<c_void>(),
                    bytes,
                    self.base as *const c_void,
                )
            };
            if status == 0 {
                self.size = u64::from(bytes);
                return;
            }
        }
    }

    /// Follows the frame pointers to the end of the chain, the depth limit or unreadable memory.
    #[inline(always)]
    fn follow(&mut self, scratch: &mut Scratch) {
        for _ in 1..MAX_FRAMES {
            if self.fp == 0 || self.fp & 7 != 0 || self.count >= MAX_FRAMES {
                return;
            }
            let mut offset = self.fp.wrapping_sub(self.base);
            if offset.wrapping_add(16) > self.size || offset > self.size {
                self.base = self.fp;
                offset = 0;
                self.load_slab(scratch);
                if self.size == 0 {
                    self.torn = true;
                    return;
                }
            }
            let word = (offset >> 3) as usize;
            if word >= SLAB_WORDS - 1 {
                return;
            }
            let next = scratch.slab[word];
            let caller = scratch.slab[word + 1];
            if caller == 0 {
                return;
            }
            self.push(scratch, caller);
            if next == self.fp {
                return;
            }
            self.fp = next;
        }
    }

    /// Goes on with the goroutine that the system stack works for.
    #[inline(always)]
    fn resume(&mut self, scratch: &mut Scratch, target: &Target, saved: &Saved) {
        let at_switch = target.systemstack_switch.contains(saved.pc);
        let at_growth = !at_switch && target.morestack.contains(self.last.wrapping_sub(1));
        if !at_switch {
            self.push(scratch, saved.pc);
        }
        // The function that grows its stack has no frame yet; neither had `systemstack`.
        if (at_growth || (at_switch && target.switch_hides_caller != 0))
            && let Some(caller) = user_word(saved.sp)
        {
            self.push(scratch, caller);
        }
        self.fp = saved.bp;
        self.follow(scratch);
    }

    /// The hash of all frames, never 0.
    #[inline(always)]
    fn finish(&self) -> u64 {
        let folded = self.hash ^ (self.hash >> 32);
        if folded == 0 { 1 } else { folded }
    }
}

/// `g.sched` of a goroutine whose thread runs on the system stack.
struct Saved {
    sp: u64,
    pc: u64,
    bp: u64,
}

/// Offsets that are the same from Go 1.10 to 1.27 (facts: `runtime2.go`).
const G_M: u64 = 48;
const G_SCHED_SP: u64 = 56;
const G_SCHED_PC: u64 = 64;
const M_G0: u64 = 0;

/// The goroutine the current thread works for, if the thread is on its system or signal stack.
///
/// On its own stack the goroutine's saved registers are stale, and the chain needs no help.
#[inline(always)]
fn parked_goroutine(target: &Target) -> Option<Saved> {
    let tls = registers::task_field(globals::task_tls())?;
    let g = user_word(tls.wrapping_add_signed(target.g_offset))?;
    let m = user_word(g.wrapping_add(G_M))?;
    if user_word(m.wrapping_add(M_G0))? != g
        && user_word(m.wrapping_add(u64::from(target.m_gsignal)))? != g
    {
        return None;
    }
    let goroutine = user_word(m.wrapping_add(u64::from(target.m_curg)))?;
    if goroutine == 0 {
        return None;
    }
    Some(Saved {
        sp: user_word(goroutine.wrapping_add(G_SCHED_SP))?,
        pc: user_word(goroutine.wrapping_add(G_SCHED_PC))?,
        bp: user_word(goroutine.wrapping_add(u64::from(target.g_sched_bp)))?,
    })
}

#[inline(always)]
fn user_word(address: u64) -> Option<u64> {
    // SAFETY: the helper checks the address.
    unsafe { bpf_probe_read_user(address as *const u64) }.ok()
}
