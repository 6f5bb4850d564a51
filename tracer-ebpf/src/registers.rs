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
    if globals::has_task_pt_regs() != 0 {
        // SAFETY: the helper has no preconditions.
        let task = unsafe { bpf_get_current_task_btf() };
        // SAFETY: the task is the current one, which the helper accepts.
        let saved = unsafe { bpf_task_pt_regs(task) as *const SavedRegisters };
        return Some(SavedRegisters::peek(saved));
    }
    let stack: u64 = task_field(globals::task_stack())?;
    read((stack + globals::kernel_stack_size() - PT_REGS_SIZE) as *const c_void)
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
    if globals::has_task_pt_regs() != 0 {
        // SAFETY: the helper has no preconditions.
        let task = unsafe { bpf_get_current_task_btf() } as *const u64;
        // SAFETY: the verifier knows the task, and the offset as a constant.
        return Some(unsafe { task.wrapping_byte_add(offset as usize).read_volatile() });
    }
    // SAFETY: the helper has no preconditions.
    let task = unsafe { bpf_get_current_task() };
    // SAFETY: the helper checks the address.
    unsafe { bpf_probe_read_kernel((task + offset) as *const u64) }.ok()
}
