//! What differs between processors: saved registers and system call numbers.

#[cfg(bpf_target_arch = "aarch64")]
mod aarch64;
#[cfg(bpf_target_arch = "x86_64")]
mod x86_64;

#[cfg(bpf_target_arch = "aarch64")]
pub(crate) use aarch64::{PT_REGS_SIZE, SavedRegisters, kind_of};
#[cfg(bpf_target_arch = "x86_64")]
pub(crate) use x86_64::{PT_REGS_SIZE, SavedRegisters, kind_of};
