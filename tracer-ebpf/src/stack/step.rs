//! The steps of a walk: from frame to frame, and over the places where Go changes stacks.
//!
//! ```text
//! signal handler ─▶ what it interrupted        sigtramp
//! system stack   ─▶ goroutine, from g.sched    morestack, mcall, systemstack, C without frames
//! Go called by C ─▶ Go that called C           cgocallback
//! ```
//!
//! A frame that was not there is worse than one too few: where the chain is not sure, it ends.

use tracer_ebpf::{CodeRange, Landmarks, MAX_FRAMES, Target};

use super::{STRIDE, Work, mixed, slab::MAX_BYTES};
use crate::{
    arch::{SIGNAL_FRAME, ends_in_call},
    goroutine::{Saved, parked_goroutine, user_word},
};

/// Words between the frame of `sigtramp`'s callee and the kernel's signal frame; 15 were seen.
const MAX_SIGNAL_GAP: usize = 24;

/// Ordinary frames that are followed at once.
const RUN: usize = 32;

/// What a walk does next.
#[derive(Clone, Copy, Eq, PartialEq)]
#[repr(transparent)]
pub(super) struct Step(pub(super) u64);

impl Step {
    /// Follow the frame pointer.
    pub(super) const FOLLOW: Self = Self(0);
    /// The chain ends.
    const END: Self = Self(1);
    /// The next frame lies below. That is another stack, or a stale frame pointer: old releases
    /// leave one behind after a panic (≤ 1.25).
    const BACK: Self = Self(2);
    /// The landmarks of these names.
    const MORESTACK: Self = Self(3);
    const MCALL: Self = Self(4);
    const SYSTEMSTACK: Self = Self(5);
    const CALLBACK: Self = Self(6);
    /// Look for the kernel's signal frame.
    const SIGNAL: Self = Self(7);
    /// The last frame is in one of the landmarks, or between them.
    const LANDMARK: Self = Self(8);

    /// What to do behind a frame in one of the landmarks, of which no two overlap.
    #[inline(always)]
    fn behind(landmarks: &Landmarks, caller: u64) -> Self {
        Self(
            Self::MORESTACK.0 * within(&landmarks.morestack, caller)
                | Self::MCALL.0 * within(&landmarks.mcall, caller)
                | Self::SYSTEMSTACK.0 * within(&landmarks.systemstack, caller)
                | Self::CALLBACK.0 * within(&landmarks.callback, caller)
                | Self::SIGNAL.0 * within(&landmarks.sigtramp, caller),
        )
    }

    /// The thread has changed stacks here.
    const fn is_switch(self) -> bool {
        matches!(self, Self::MORESTACK | Self::MCALL | Self::SYSTEMSTACK)
    }
}

impl Work {
    /// Follows some frames, or makes another step. False when the walk is over.
    #[inline(always)]
    pub(super) fn stride(&mut self, target: &Target) -> bool {
        self.run(target);
        for _ in 0..STRIDE {
            if self.walk.step.get() != Step::FOLLOW.0 {
                break;
            }
            let next = self.follow(target);
            self.walk.step.set(next.0);
        }
        self.look_around(target)
    }

    /// Follows frames as long as they are ordinary and lie in the slab: most do, and this takes less
    /// for each than `follow`.
    #[inline(always)]
    fn run(&mut self, target: &Target) {
        let ordinary = &target.ordinary;
        let size = ordinary.end.wrapping_sub(ordinary.start);
        // What stands behind these is not ordinary.
        if self.walk.exact.get() != 0 || self.walk.step.get() != Step::FOLLOW.0 {
            return;
        }
        let (mut fp, mut hash) = (self.walk.fp.get(), self.walk.hash.get());
        for _ in 0..RUN {
            let Some((next, caller)) = self.slab.loaded_pair(fp) else {
                break;
            };
            // In memory: an index that is spilled is checked in vain.
            let count = self.walk.count.get();
            if caller.wrapping_sub(ordinary.start) >= size
                || next <= fp
                || count >= MAX_FRAMES as u64
            {
                break;
            }
            self.record.frames[count as usize] = caller;
            self.walk.count.set(count + 1);
            self.walk.last.set(caller);
            self.walk.at.set(fp);
            hash = mixed(hash, caller);
            fp = next;
        }
        self.walk.fp.set(fp);
        self.walk.hash.set(hash);
    }

    /// Does what is next where the chain was left.
    #[inline(always)]
    fn look_around(&mut self, target: &Target) -> bool {
        if self.walk.count.get() >= MAX_FRAMES as u64 {
            return false;
        }
        if self.walk.step.get() == Step::LANDMARK.0 {
            let caller = self.walk.caller.get();
            self.walk
                .exact
                .set(within(&target.landmarks.preempt, caller));
            let step = Step::behind(&target.landmarks, caller);
            self.walk.step.set(step.0);
            // Where `sigtramp` keeps nothing of its own, the signal's frame is next.
            self.walk.signal.set(self.walk.at.get() + 16);
        }
        let step = Step(self.walk.step.get());
        self.walk.step.set(Step::FOLLOW.0);
        match step {
            Step::FOLLOW => true,
            Step::CALLBACK => self.cross_callback(target),
            Step::SIGNAL => self.cross_signal(target) || self.leave_system_stack(target, Step::END),
            _ => self.leave_system_stack(target, step),
        }
    }

    /// Takes the frame that the frame pointer points to.
    #[inline(always)]
    fn follow(&mut self, target: &Target) -> Step {
        let fp = self.walk.fp.get();
        if fp == 0 || fp & 7 != 0 {
            return Step::END;
        }
        let Some((next, caller)) = self.slab.pair(fp) else {
            self.walk.torn.set(1);
            return Step::END;
        };
        self.walk.caller.set(caller);
        // C code without frame pointers leaves anything in the register. A signal handler of C has a
        // frame, and nobody called it.
        if within(&target.trusted, caller) == 0 && !is_return(target, caller) {
            self.walk.signal.set(fp + 8);
            return Step::SIGNAL;
        }
        // What is looked up is the byte before.
        self.push(self.walk.caller.get() + self.walk.exact.get());
        self.walk.at.set(fp);
        self.walk.fp.set(next);
        let caller = self.walk.caller.get();
        self.walk.exact.set(within(&target.sigpanic, caller));
        if within(&target.landmarks.all, caller) != 0 {
            return Step::LANDMARK;
        }
        if self.walk.fp.get() <= self.walk.at.get() {
            return Step::BACK;
        }
        Step::FOLLOW
    }

    /// From a signal handler to what it interrupted.
    #[inline(always)]
    fn cross_signal(&mut self, target: &Target) -> bool {
        let Some(frame) = SIGNAL_FRAME else {
            return false;
        };
        let first = self.walk.signal.get();
        self.slab.load(first, MAX_BYTES);
        for word in 0..MAX_SIGNAL_GAP {
            let field = |offset: usize| self.slab.word(word + offset / 8);
            let at = first + 8 * word as u64;
            let (ip, fp) = (field(frame.ip), field(frame.fp));
            // The frame lies on the very stack that it describes.
            if field(frame.link) == 0
                && field(frame.stack) != 0
                && at.wrapping_sub(field(frame.stack)) < field(frame.stack_size)
                && is_code(target, field(0))
                && is_code(target, ip)
            {
                // What is looked up is the byte before.
                self.push(ip + 1);
                self.walk.fp.set(fp);
                return true;
            }
        }
        false
    }

    /// From Go that C has called to the Go that called C.
    ///
    /// `cgocallback` borrows the goroutine's stack where C was called: above its frame lie the pc
    /// that was saved then and the frame of `cgocall`.
    #[inline(always)]
    fn cross_callback(&mut self, target: &Target) -> bool {
        let at = self.walk.at.get() + u64::from(target.callback_pc);
        let caller_at = at + u64::from(target.callback_caller);
        let (Some(saved), Some(caller)) = (user_word(at), user_word(caller_at)) else {
            return false;
        };
        // Elsewhere C has started the thread, and there is nothing above.
        if !target.cgocall.contains(caller) {
            return false;
        }
        // Some versions save where a function begins.
        let is_entry = saved == target.systemstack_switch.start;
        self.push(saved + u64::from(is_entry));
        self.push(caller);
        let frame = caller_at + u64::from(target.callback_frame);
        self.walk.fp.set(frame);
        true
    }

    /// From the system stack to the goroutine that the thread works for.
    #[inline(always)]
    fn leave_system_stack(&mut self, target: &Target, step: Step) -> bool {
        let last = self.walk.last.get().wrapping_sub(1);
        if target.g_offset == 0 {
            // A program that is not Go may well change to a stack below.
            return step == Step::BACK && self.walk.fp.get() != self.walk.at.get();
        }
        if target.goexit.contains(last) || self.walk.asked.get() != 0 {
            return false;
        }
        self.walk.asked.set(1);
        let saved = parked_goroutine(target).and_then(|goroutine| {
            self.slab.load(goroutine, MAX_BYTES);
            Saved::read(&self.slab, target)
        });
        let Some(saved) = saved else {
            // Better a frame too few. Behind `mcall` there would be wrong ones.
            return match step {
                Step::MORESTACK | Step::SYSTEMSTACK => true,
                Step::BACK => target.systemstack.contains(last),
                _ => false,
            };
        };
        // A chain that has come to the goroutine's stack needs no help.
        if !step.is_switch() && saved.has_on_stack(self.walk.at.get()) {
            return false;
        }
        self.walk.recovered_at.set(self.walk.count.get());
        self.resume(target, &saved, step);
        true
    }

    /// Takes what the goroutine's saved registers say.
    #[inline(always)]
    fn resume(&mut self, target: &Target, saved: &Saved, step: Step) {
        let at_switch =
            target.systemstack_switch.contains(saved.pc) || target.asmcgocall.contains(saved.pc);
        if !at_switch {
            self.push(saved.pc);
        }
        // The function that grows its stack has no frame yet; an old `systemstack` never has.
        let hides_caller = if at_switch {
            target.landmarks.systemstack.start != 0
        } else {
            step == Step::MORESTACK
        };
        if hides_caller && let Some(caller) = user_word(saved.sp) {
            self.push(caller);
        }
        self.walk.fp.set(saved.bp);
    }
}

/// 1 if `address` lies in `range`, else 0. Without branches: each would be two ways to verify.
#[inline(always)]
const fn within(range: &CodeRange, address: u64) -> u64 {
    let offset = address.wrapping_sub(range.start);
    let beyond = offset.wrapping_sub(range.end.wrapping_sub(range.start));
    (!offset & beyond) >> 63
}

/// Whether the instruction before `address` is a call.
#[inline(always)]
fn is_return(target: &Target, address: u64) -> bool {
    is_code(target, address) && user_word(address.wrapping_sub(8)).is_some_and(ends_in_call)
}

/// Whether there is code at `address`.
#[inline(always)]
pub(super) fn is_code(target: &Target, address: u64) -> bool {
    within(&target.text, address) | within(&target.libraries, address) != 0
}
