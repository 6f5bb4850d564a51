//! What differs between processors: saved registers and system call numbers.

use tracer_ebpf::Kind;

/// Reads a field through a pointer that only the verifier knows to be valid.
macro_rules! peek {
    ($at:expr, $($field:tt)+) => {
        // SAFETY: the verifier has checked the pointer, and a fault reads as 0. Volatile, so that
        // each field is read by its own instruction, as the verifier wants.
        unsafe { (&raw const (*$at).$($field)+).read_volatile() }
    };
}

#[cfg(bpf_target_arch = "aarch64")]
mod aarch64;
#[cfg(bpf_target_arch = "x86_64")]
mod x86_64;

#[cfg(bpf_target_arch = "aarch64")]
use aarch64::CALLS;
#[cfg(bpf_target_arch = "aarch64")]
pub(crate) use aarch64::{PT_REGS_SIZE, SIGNAL_FRAME, SavedRegisters, ends_in_call};
#[cfg(bpf_target_arch = "x86_64")]
use x86_64::CALLS;
#[cfg(bpf_target_arch = "x86_64")]
pub(crate) use x86_64::{PT_REGS_SIZE, SIGNAL_FRAME, SavedRegisters, ends_in_call};

/// Where the frame that the kernel makes for a signal handler has what, in bytes from its start:
/// there stands the handler's return address.
pub(crate) struct SignalFrame {
    /// `uc_link`, which the kernel leaves 0.
    pub(crate) link: usize,
    /// `uc_stack.ss_sp` and `ss_size`: the stack that signal handlers run on.
    pub(crate) stack: usize,
    pub(crate) stack_size: usize,
    /// The interrupted frame pointer and instruction.
    pub(crate) fp: usize,
    pub(crate) ip: usize,
}

/// One more than the highest call number of interest, as a power of two.
const TABLE_SIZE: usize = 512;

/// No kind.
const NONE: u8 = u8::MAX;

/// The kind of each call.
///
/// A table, so that the verifier checks what follows once, and not once for each kind.
static KIND_OF: [u8; TABLE_SIZE] = {
    let mut table = [NONE; TABLE_SIZE];
    let mut at = 0;
    while at < CALLS.len() {
        table[CALLS[at].0] = CALLS[at].1.0 as u8;
        at += 1;
    }
    table
};

/// The kind of a call, if it is of interest.
#[inline(always)]
pub(crate) fn kind_of(call_number: u64) -> Option<Kind> {
    let kind = *KIND_OF.get(call_number as usize)?;
    if kind == NONE {
        None
    } else {
        Some(Kind(u16::from(kind)))
    }
}
