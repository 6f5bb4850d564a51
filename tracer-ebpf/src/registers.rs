//! The user registers of the current thread.

use core::ffi::c_void;

use aya_ebpf::helpers::{
    bpf_probe_read_kernel,
    generated::{bpf_get_current_task, bpf_get_current_task_btf, bpf_task_pt_regs},
};

use crate::{
    arch::{PT_REGS_SIZE, SavedRegisters},
    globals,
};

/// The registers with which the current thread entered the kernel.
#[inline(always)]
pub(crate) fn current() -> Option<SavedRegisters> {
    let saved = if globals::has_task_pt_regs() != 0 {
        // SAFETY: the helper has no preconditions.
        let task = unsafe { bpf_get_current_task_btf() };
        // SAFETY: the task is the current one, which the helper accepts.
        unsafe { bpf_task_pt_regs(task) as u64 }
    } else {
        let stack: u64 = task_field(globals::task_stack())?;
        stack + globals::kernel_stack_size() - PT_REGS_SIZE
    };
    read(saved as *const c_void)
}

/// The registers at `saved`, an address in kernel memory.
#[inline(always)]
pub(crate) fn read(saved: *const c_void) -> Option<SavedRegisters> {
    // SAFETY: the helper checks the address.
    unsafe { bpf_probe_read_kernel(saved.cast::<SavedRegisters>()) }.ok()
}

/// A word of the current task at an offset that BTF gave.
#[inline(always)]
pub(crate) fn task_field(offset: u64) -> Option<u64> {
    // SAFETY: the helper has no preconditions.
    let task = unsafe { bpf_get_current_task() };
    // SAFETY: the helper checks the address.
    unsafe { bpf_probe_read_kernel((task + offset) as *const u64) }.ok()
}
