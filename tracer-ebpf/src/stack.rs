//! The stack walker: copies the user stack in slabs and follows the frame pointers inside.
//!
//! ```text
//! sp ─▶ ┌ slab, up to 4 KiB, one probe read ┐
//!       │ … [next fp][return address] …      │ ─▶ frames
//!       └────────────────────────────────────┘ next slab where fp leaves it
//! ```

mod slab;
mod step;

use core::ffi::c_void;

use aya_ebpf::helpers::generated;
use tracer_ebpf::{Armed, Kind, MAX_FRAMES, NO_FRAME, StackHead, StackRecord, TRUNCATED, Target};

use self::slab::MAX_BYTES;
pub(crate) use self::slab::Slab;
use self::step::Step;
use crate::{
    arch::SavedRegisters,
    globals,
    maps::{self, SCRATCH, Thread, count_lost, count_seen, count_untold, remember_sent, was_sent},
    rings::{header, ring},
};

/// Frames that are followed before the walk looks up.
const STRIDE: usize = 16;

/// Strides of a walk: those of the deepest stack, and some for the places where it looks around.
const MAX_STRIDES: usize = MAX_FRAMES / STRIDE + 24;

/// Working memory of one program on one CPU.
#[repr(C)]
pub(crate) struct Scratch {
    /// Whose stack it is: a copy, so that looking it up once serves. It is renewed when the target
    /// is another, or another is known of it.
    target: Target,
    work: Work,
}

/// A walk and what it works with: what every walk uses comes first, and lies in few pages.
#[repr(C)]
struct Work {
    walk: Walk,
    /// How far above the stack pointer the last walk ended: the next may well end there too, and
    /// a shorter slab is read faster.
    reach: Word,
    record: StackRecord,
    slab: Slab,
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
    /// What comes next, a `Step`.
    step: Word,
    /// The next frame pointer to follow.
    fp: Word,
    /// The return address that was found last.
    caller: Word,
    /// Where the last frame was found.
    at: Word,
    /// Where the kernel's signal frame may begin, the first place.
    signal: Word,
    /// 1: the next return address is none, but where the function stands.
    exact: Word,
    /// 1: the goroutine that the system stack works for was asked about.
    asked: Word,
    /// Index of the first frame that its saved registers gave.
    recovered_at: Word,
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
    armed: Armed,
    user: &SavedRegisters,
) -> Option<u64> {
    if globals::no_stacks() != 0 {
        return None;
    }
    let scratch = SCRATCH.get_ptr_mut(u32::from(kind.0))?;
    // SAFETY: the slot is this CPU's and this kind's own, and lives as long as the map.
    let Scratch { target, work } = unsafe { &mut *scratch };
    if target.armed.version != armed.version {
        let Some(known) = maps::target(thread) else {
            count_untold(Kind::STACK);
            return None;
        };
        *target = *known;
        target.armed = armed;
    }
    work.begin(user, globals::hash_seed() ^ u64::from(armed.epoch));
    work.push(user.ip());
    let sp = user.sp() & !7;
    work.slab.load(sp, work.reach.get());
    let word = work.slab.first();
    let leaf_word = if step::is_code(target, word) { word } else { 0 };
    work.mix(leaf_word);
    if !walk(u32::from(kind.0)) {
        work.walk.torn.set(1);
    }
    work.remember_reach(sp);

    let hash = work.hash();
    if was_sent(hash) {
        return Some(hash);
    }
    let wakeup = count_seen(Kind::STACK);
    let count = work.walk.count.get();
    let truncated = work.walk.torn.get() != 0 || count >= MAX_FRAMES as u64;
    work.record.head = StackHead {
        header: header(Kind::STACK, thread, hash),
        leaf_word,
        count: count as u16,
        recovered_at: work.walk.recovered_at.get() as u16,
        flags: if truncated { TRUNCATED } else { 0 },
        reserved: 0,
    };
    if !send(&work.record, count, wakeup) {
        count_lost(Kind::STACK);
        return None;
    }
    remember_sent(hash);
    Some(hash)
}

/// Walks to the end of the stack. False when that is too far.
#[inline(always)]
fn walk(slot: u32) -> bool {
    for _ in 0..MAX_STRIDES {
        if stride(slot) == 0 {
            return true;
        }
    }
    false
}

/// Walks some frames on, with the working memory in a slot. 0 at the end of the stack.
///
/// Exported, and given nothing but a number: such a function the verifier checks but once,
/// however often it is called (5.6).
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn stride(slot: u32) -> u64 {
    let Some(scratch) = SCRATCH.get_ptr_mut(slot) else {
        return 0;
    };
    // SAFETY: the slot is this CPU's and the caller's own, and lives as long as the map.
    let Scratch { target, work } = unsafe { &mut *scratch };
    u64::from(work.stride(target))
}

/// Sends the head and the first `count` frames.
#[inline(always)]
fn send(record: &StackRecord, count: u64, wakeup: u64) -> bool {
    // The verifier wants to see the bound.
    let frames = count.min(MAX_FRAMES as u64);
    let size = size_of::<StackHead>() as u64 + 8 * frames;
    // SAFETY: `size` is at most the size of the record.
    unsafe {
        generated::bpf_ringbuf_output(
            core::ptr::from_ref(ring()).cast_mut().cast::<c_void>(),
            core::ptr::from_ref(record).cast_mut().cast::<c_void>(),
            size,
            wakeup,
        ) == 0
    }
}

/// A running hash, one word on.
#[inline(always)]
const fn mixed(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Work {
    #[inline(always)]
    fn begin(&mut self, user: &SavedRegisters, seed: u64) {
        self.walk.step.set(Step::FOLLOW.0);
        self.walk.fp.set(user.fp());
        self.walk.at.set(0);
        self.walk.exact.set(0);
        self.walk.asked.set(0);
        self.walk.recovered_at.set(u64::from(NO_FRAME));
        self.walk.count.set(0);
        self.walk.hash.set(seed);
        self.walk.last.set(0);
        self.walk.torn.set(0);
    }

    #[inline(always)]
    fn mix(&mut self, word: u64) {
        self.walk.hash.set(mixed(self.walk.hash.get(), word));
    }

    /// Follows deeper stacks at once, and shallower ones slowly: several call sites take turns.
    #[inline(always)]
    fn remember_reach(&mut self, sp: u64) {
        let reach = self.walk.at.get().wrapping_sub(sp).wrapping_add(16);
        let before = self.reach.get();
        self.reach
            .set(reach.max(before - (before >> 6)).min(MAX_BYTES));
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
}
