//! Constants that the loader sets before the verifier runs: offsets from BTF, and the seed.

/// Declares a read-only global and its reader.
macro_rules! global {
    ($(#[$doc:meta])* $name:ident, $reader:ident) => {
        $(#[$doc])*
        #[unsafe(no_mangle)]
        static $name: u64 = 0;

        $(#[$doc])*
        #[inline(always)]
        pub(crate) fn $reader() -> u64 {
            // SAFETY: a static is always readable; volatile, because the loader replaces it.
            unsafe { core::ptr::read_volatile(&raw const $name) }
        }
    };
}

global!(
    /// The only process traced, or 0 when `TARGETS` alone decides.
    ONLY_TGID,
    only_tgid
);
global!(
    /// Where stack hashes start, so that a target cannot prepare collisions.
    HASH_SEED,
    hash_seed
);
global!(
    /// 1: stacks are not taken.
    NO_STACKS,
    no_stacks
);
global!(
    /// Of so many bytes one is drawn, and its event keeps its stack; 0: all keep theirs.
    SAMPLE_BYTES,
    sample_bytes
);
global!(
    /// One less than the number of rings in use, a power of two.
    RING_MASK,
    ring_mask
);
global!(
    /// Bytes of a page.
    PAGE_SIZE,
    page_size
);
global!(
    /// 1: the kernel has `bpf_task_pt_regs` (5.15).
    HAS_TASK_PT_REGS,
    has_task_pt_regs
);
global!(
    /// Offset of `stack` in `task_struct`.
    TASK_STACK,
    task_stack
);
global!(
    /// Bytes of a kernel stack.
    KERNEL_STACK_SIZE,
    kernel_stack_size
);
global!(
    /// Offset of `thread.fsbase` (x86) or `thread.uw.tp_value` (arm64) in `task_struct`.
    TASK_TLS,
    task_tls
);
global!(
    /// Offset of `tgid` in `task_struct`.
    TASK_TGID,
    task_tgid
);
