//! The goroutine that a thread on its system stack works for.

use aya_ebpf::helpers::bpf_probe_read_user;
use tracer_ebpf::Target;

use crate::{globals, registers};

/// `g.sched` of a goroutine whose thread runs on the system stack.
pub(crate) struct Saved {
    pub(crate) sp: u64,
    pub(crate) pc: u64,
    pub(crate) bp: u64,
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
pub(crate) fn parked_goroutine(target: &Target) -> Option<Saved> {
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
pub(crate) fn user_word(address: u64) -> Option<u64> {
    // SAFETY: the helper checks the address.
    unsafe { bpf_probe_read_user(address as *const u64) }.ok()
}
