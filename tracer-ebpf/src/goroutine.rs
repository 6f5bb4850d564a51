//! The goroutine that a thread on its system stack works for.

use aya_ebpf::helpers::bpf_probe_read_user;
use tracer_ebpf::Target;

use crate::{globals, registers, stack::Slab};

/// Offsets that are the same from Go 1.10 to 1.27 (facts: `runtime2.go`).
const G_STACK_LOW: usize = 0;
const G_STACK_HIGH: usize = 8;
const G_M: u64 = 48;
const G_SCHED_SP: usize = 56;
const G_SCHED_PC: usize = 64;
const M_G0: u64 = 0;

/// `g.sched` of a goroutine whose thread runs on the system stack.
pub(crate) struct Saved {
    pub(crate) sp: u64,
    pub(crate) pc: u64,
    pub(crate) bp: u64,
    /// The goroutine's stack, `g.stack`.
    low: u64,
    high: u64,
}

impl Saved {
    /// From the words of a `runtime.g`; `None` when they are stale.
    #[inline(always)]
    pub(crate) fn read(g: &Slab, target: &Target) -> Option<Self> {
        // SAFETY: a reference is always readable. Volatile, or it is read early and spilled.
        let bp = unsafe { (&raw const target.g_sched_bp).read_volatile() };
        let saved = Self {
            sp: g.word(G_SCHED_SP / 8),
            pc: g.word(G_SCHED_PC / 8),
            bp: g.word(bp as usize / 8),
            low: g.word(G_STACK_LOW / 8),
            high: g.word(G_STACK_HIGH / 8),
        };
        // The runtime clears what it saved when the goroutine runs again.
        saved.has_on_stack(saved.sp).then_some(saved)
    }

    /// Whether `address` lies in the goroutine's stack.
    #[inline(always)]
    pub(crate) fn has_on_stack(&self, address: u64) -> bool {
        self.low <= address && address < self.high
    }
}

/// The address of the goroutine that the current thread works for, if the thread is on its system
/// stack.
///
/// On its own stack the goroutine's saved registers are stale, and the chain needs no help. On the
/// signal stack they may be stale too: the signal may have come while the goroutine ran.
#[inline(always)]
pub(crate) fn parked_goroutine(target: &Target) -> Option<u64> {
    let tls = registers::task_field(globals::task_tls())?;
    let g = user_word(tls.wrapping_add_signed(target.g_offset))?;
    let m = user_word(g.wrapping_add(G_M))?;
    if user_word(m.wrapping_add(M_G0))? != g {
        return None;
    }
    user_word(m.wrapping_add(u64::from(target.m_curg))).filter(|goroutine| *goroutine != 0)
}

/// The number of the goroutine that the current thread works for, on whatever stack it is.
#[inline(always)]
pub(crate) fn current(target: &Target) -> Option<u64> {
    if target.g_goid == 0 {
        return None;
    }
    let tls = registers::task_field(globals::task_tls())?;
    let g = user_word(tls.wrapping_add_signed(target.g_offset))?;
    if let Some(own) = number(target, g) {
        return Some(own);
    }
    // On one of the runtime's own stacks.
    let m = user_word(g.wrapping_add(G_M))?;
    let goroutine = user_word(m.wrapping_add(u64::from(target.m_curg)))?;
    number(target, goroutine)
}

/// The number of the goroutine whose g is there; `None` for one of the runtime's own stacks.
#[inline(always)]
pub(crate) fn number(target: &Target, g: u64) -> Option<u64> {
    user_word(g.wrapping_add(u64::from(target.g_goid))).filter(|number| *number != 0)
}

#[inline(always)]
pub(crate) fn user_word(address: u64) -> Option<u64> {
    // SAFETY: the helper checks the address.
    unsafe { bpf_probe_read_user(address as *const u64) }.ok()
}
