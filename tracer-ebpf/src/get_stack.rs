//! The kernel's own way to take a stack, for `cargo xtask bench walker`; the tool has none of it.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(target_arch = "bpf")]
mod programs {
    use aya_ebpf::{
        EbpfContext as _,
        bindings::BPF_F_USER_STACK,
        helpers::{bpf_get_current_pid_tgid, generated::bpf_get_stack},
        macros::{map, tracepoint},
        maps::{HashMap, PerCpuArray},
        programs::TracePointContext,
    };

    /// The leaf, then the return addresses, then zeros. A key of a map has at most 512 bytes.
    type Frames = [u64; 64];

    #[unsafe(no_mangle)]
    static ONLY_TGID: u64 = 0;

    #[map]
    static SCRATCH: PerCpuArray<Frames> = PerCpuArray::with_max_entries(1, 0);

    /// How often each stack was seen.
    #[map]
    static STACKS: HashMap<Frames, u64> = HashMap::with_max_entries(4096, 0);

    /// What the others do beside.
    #[tracepoint]
    fn no_stack(_: TracePointContext) -> u32 {
        u32::from(is_traced())
    }

    #[tracepoint]
    fn get_stack(ctx: TracePointContext) -> u32 {
        u32::from(is_traced() && taken(&ctx).is_some())
    }

    #[tracepoint]
    fn count_stack(ctx: TracePointContext) -> u32 {
        if !is_traced() {
            return 0;
        }
        let Some(frames) = taken(&ctx) else { return 0 };
        // SAFETY: the load that is measured has one thread that calls.
        match STACKS.get_ptr_mut(frames) {
            Some(count) => unsafe { *count += 1 },
            // A stack without room is missing in the comparison, which then fails.
            None => drop(STACKS.insert(frames, &1, 0)),
        }
        0
    }

    #[inline(always)]
    fn is_traced() -> bool {
        // SAFETY: a static is always readable; volatile, because the loader replaces it.
        let only = unsafe { core::ptr::read_volatile(&raw const ONLY_TGID) };
        bpf_get_current_pid_tgid() >> 32 == only
    }

    #[inline(always)]
    fn taken(ctx: &TracePointContext) -> Option<&'static Frames> {
        let frames = SCRATCH.get_ptr_mut(0)?;
        // SAFETY: the slot is this CPU's own, has this size, and lives as long as the map.
        unsafe {
            let size = size_of::<Frames>() as u32;
            let flags = u64::from(BPF_F_USER_STACK);
            (bpf_get_stack(ctx.as_ptr(), frames.cast(), size, flags) > 0).then(|| &*frames)
        }
    }

    #[unsafe(link_section = "license")]
    #[unsafe(no_mangle)]
    static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
        loop {}
    }
}

/// The programs are built for the BPF target by the build script of `tracer-user`.
#[cfg(not(target_arch = "bpf"))]
fn main() {}
