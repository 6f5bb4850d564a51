//! The stack walker: copies the user stack in slabs and follows the frame pointers inside.
//!
//! ```text
//! sp ─▶ ┌ slab, up to 4 KiB, one probe read ┐
//!       │ … [next fp][return address] …      │ ─▶ frames
//!       └────────────────────────────────────┘ next slab where fp leaves it
//! ```

use core::ffi::c_void;

use aya_ebpf::helpers::generated;
use tracer_ebpf::{Kind, MAX_FRAMES, NO_FRAME, StackHead, StackRecord, TRUNCATED, Target};

use crate::{
    arch::SavedRegisters,
    globals,
    goroutine::{Saved, parked_goroutine, user_word},
    maps::{NO_WAKEUP, RECORDS, SCRATCH, STACKS, Thread, count_lost, count_seen, header},
};

/// Words of a slab. Most Go stacks are shallower than 4 KiB, so one read serves.
const SLAB_WORDS: usize = 512;

/// Slab sizes to try, in bytes: a slab that runs off its mapping cannot be read at all.
const SLAB_BYTES: [u32; 3] = [4096, 512, 16];

/// Working memory of one program on one CPU.
#[repr(C)]
pub(crate) struct Scratch {
    record: StackRecord,
    slab: [u64; SLAB_WORDS],
    walk: Walk,
}

/// A word whose value the verifier cannot follow.
///
/// It checks each combination of values that it can follow, which for a walk are far too many:
/// what it reads from a map is any value at all, and one check serves.
#[repr(transparent)]
struct Word(u64);

impl Word {
    #[inline(always)]
    fn get(&self) -> u64 {
        // SAFETY: a reference is always readable.
        unsafe { core::ptr::read_volatile(&raw const self.0) }
    }

    #[inline(always)]
    fn set(&mut self, value: u64) {
        // SAFETY: a reference is always writable.
        unsafe { core::ptr::write_volatile(&raw mut self.0, value) };
    }
}

/// A walk in progress.
#[repr(C)]
struct Walk {
    /// Address of the slab.
    base: Word,
    /// Bytes of the slab that were read.
    size: Word,
    /// The next frame pointer to follow.
    fp: Word,
    /// Frames so far.
    count: Word,
    /// Running hash of the frames.
    hash: Word,
    /// The last frame.
    last: Word,
    /// 1: stopped at unreadable memory.
    torn: Word,
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
    scratch.begin(user, globals::hash_seed() ^ u64::from(target.epoch));
    scratch.push(user.ip());
    scratch.load_slab();
    let word = if scratch.walk.size.get() == 0 {
        0
    } else {
        scratch.slab[0]
    };
    let leaf_word = if is_code(target, word) { word } else { 0 };
    scratch.mix(leaf_word);
    scratch.follow();

    let mut recovered_at = NO_FRAME;
    if target.g_offset != 0
        && scratch.walk.count.get() < MAX_FRAMES as u64
        && !target
            .goexit
            .contains(scratch.walk.last.get().wrapping_sub(1))
        && let Some(saved) = parked_goroutine(target)
    {
        recovered_at = scratch.walk.count.get() as u16;
        scratch.resume(target, &saved);
    }

    let hash = scratch.hash();
    if STACKS.get_ptr(&hash).is_some() {
        return Some(hash);
    }
    count_seen(Kind::STACK);
    let count = scratch.walk.count.get();
    let truncated = scratch.walk.torn.get() != 0 || count >= MAX_FRAMES as u64;
    scratch.record.head = StackHead {
        header: header(Kind::STACK, thread, hash),
        leaf_word,
        count: count as u16,
        recovered_at,
        flags: if truncated { TRUNCATED } else { 0 },
        reserved: 0,
    };
    if !send(&scratch.record, count) {
        count_lost(Kind::STACK);
        return None;
    }
    // A full table only means that the stack will be sent again.
    let _ = STACKS.insert(&hash, &1, 0);
    Some(hash)
}

/// Sends the head and the first `count` frames.
#[inline(always)]
fn send(record: &StackRecord, count: u64) -> bool {
    // The verifier wants to see the bound.
    let frames = count.min(MAX_FRAMES as u64);
    let size = size_of::<StackHead>() as u64 + 8 * frames;
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

impl Scratch {
    #[inline(always)]
    fn begin(&mut self, user: &SavedRegisters, seed: u64) {
        self.walk.base.set(user.sp() & !7);
        self.walk.size.set(0);
        self.walk.fp.set(user.fp());
        self.walk.count.set(0);
        self.walk.hash.set(seed);
        self.walk.last.set(0);
        self.walk.torn.set(0);
    }

    #[inline(always)]
    fn mix(&mut self, word: u64) {
        let hash = self.walk.hash.get().rotate_left(23) ^ word;
        self.walk.hash.set(hash.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    }

    /// The hash of all frames, never 0.
    #[inline(always)]
    fn hash(&self) -> u64 {
        let hash = self.walk.hash.get();
        let folded = hash ^ (hash >> 32);
        if folded == 0 { 1 } else { folded }
    }

    #[inline(always)]
    fn push(&mut self, address: u64) {
        let count = self.walk.count.get();
        if count < MAX_FRAMES as u64 {
            self.record.frames[count as usize] = address;
            self.walk.count.set(count + 1);
            self.walk.last.set(address);
            self.mix(address);
        }
    }

    /// Reads as much as possible of the memory at the base.
    #[inline(always)]
    fn load_slab(&mut self) {
        self.walk.size.set(0);
        for bytes in SLAB_BYTES {
            // SAFETY: the slab holds the largest size; the helper checks the user address.
            let status = unsafe {
                generated::bpf_probe_read_user(
                    self.slab.as_mut_ptr().cast::<c_void>(),
                    bytes,
                    self.walk.base.get() as *const c_void,
                )
            };
            if status == 0 {
                self.walk.size.set(u64::from(bytes));
                return;
            }
        }
    }

    /// Follows the frame pointers to the end of the chain, the depth limit or unreadable memory.
    #[inline(always)]
    fn follow(&mut self) {
        for _ in 1..MAX_FRAMES {
            let fp = self.walk.fp.get();
            if fp == 0 || fp & 7 != 0 {
                return;
            }
            let offset = fp.wrapping_sub(self.walk.base.get());
            let size = self.walk.size.get();
            if offset >= size || offset.wrapping_add(16) > size {
                self.walk.base.set(fp);
                self.load_slab();
                if self.walk.size.get() == 0 {
                    self.walk.torn.set(1);
                    return;
                }
            }
            let word = fp.wrapping_sub(self.walk.base.get()) >> 3;
            if word >= SLAB_WORDS as u64 - 1 {
                return;
            }
            let next = self.slab[word as usize];
            let caller = self.slab[word as usize + 1];
            if caller == 0 {
                return;
            }
            self.push(caller);
            if next == fp {
                return;
            }
            self.walk.fp.set(next);
        }
    }

    /// Goes on with the goroutine that the system stack works for.
    #[inline(always)]
    fn resume(&mut self, target: &Target, saved: &Saved) {
        let at_switch = target.systemstack_switch.contains(saved.pc);
        let last = self.walk.last.get().wrapping_sub(1);
        let at_growth = !at_switch && target.morestack.contains(last);
        if !at_switch {
            self.push(saved.pc);
        }
        // The function that grows its stack has no frame yet; neither had `systemstack`.
        if (at_growth || (at_switch && target.switch_hides_caller != 0))
            && let Some(caller) = user_word(saved.sp)
        {
            self.push(caller);
        }
        self.walk.fp.set(saved.bp);
        self.follow();
    }
}
