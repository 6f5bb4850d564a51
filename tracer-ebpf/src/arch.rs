//! What differs between processors: saved registers and system call numbers.

use tracer_ebpf::Kind;

#[cfg(bpf_target_arch = "aarch64")]
mod aarch64;
#[cfg(bpf_target_arch = "x86_64")]
mod x86_64;

#[cfg(bpf_target_arch = "aarch64")]
use aarch64::CALLS;
#[cfg(bpf_target_arch = "aarch64")]
pub(crate) use aarch64::{PT_REGS_SIZE, SavedRegisters};
#[cfg(bpf_target_arch = "x86_64")]
use x86_64::CALLS;
#[cfg(bpf_target_arch = "x86_64")]
pub(crate) use x86_64::{PT_REGS_SIZE, SavedRegisters};

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
