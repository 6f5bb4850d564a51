//! Loads an object with programs, and tells them what they have to know of this kernel.

use aya::{Ebpf, EbpfLoader, util::online_cpus};

use super::{
    btf::KernelTypes,
    programs::{chain, internal},
    stacks::Stacks,
};
use crate::failure::Failure;

/// Bytes of a kernel stack (`THREAD_SIZE` on x86-64), for kernels before 5.15 only.
const KERNEL_STACK_SIZE: u64 = 16 << 10;

/// Rings that the programs have.
const RINGS: [&str; 4] = ["RECORDS_0", "RECORDS_1", "RECORDS_2", "RECORDS_3"];

/// Bytes of all rings, shared out evenly: 150 000 calls, of one processor of four or more 37 000. The
/// fastest load measured, 850 000 a second on one, fills these in 44 ms; calls that find no room are added
/// up by stack.
const RING_BYTES: u32 = 16 << 20;

/// The rings in use, one a processor while there are so many: CPUs that share one wait for its lock. Of
/// two that did nothing but call, it made a record 70 ns dearer; with a ring of its own 25.
///
/// Their number is a power of two, as that of their bytes has to be.
pub(super) fn rings() -> &'static [&'static str] {
    let cpus = online_cpus().map_or(1, |cpus| cpus.len());
    &RINGS[..cpus.next_power_of_two().min(RINGS.len())]
}

/// Loads the maps of an object and makes its programs ready for this kernel.
///
/// # Errors
/// What the kernel lacks or refuses.
pub(super) fn load_object(
    object: &[u8],
    only: Option<u32>,
    stacks: Stacks,
) -> Result<Ebpf, Failure> {
    let bytes = std::fs::read("/sys/kernel/btf/vmlinux").map_err(|error| {
        Failure::unsupported(
            format!("the kernel's type information (/sys/kernel/btf/vmlinux) is missing: {error}"),
            "tracer needs a kernel built with CONFIG_DEBUG_INFO_BTF",
        )
    })?;
    let types = KernelTypes::parse(&bytes).map_err(|error| internal("read BTF", &error))?;
    let offset = |structure: &str, path: &str| {
        types.offset_of(structure, path).ok_or_else(|| {
            Failure::unsupported(
                format!("the kernel's type information has no {structure}.{path}"),
                "please report the kernel version (`uname -r`)",
            )
        })
    };
    let tls = if cfg!(target_arch = "aarch64") {
        "thread.uw.tp_value"
    } else {
        "thread.fsbase"
    };
    let task_pt_regs = u64::from(types.has_enumerator("BPF_FUNC_task_pt_regs"));
    let only = u64::from(only.unwrap_or(0));
    let log_level: u8 = if tracing::enabled!(tracing::Level::DEBUG) {
        4
    } else {
        0
    };
    let (stack, tls, tgid) = (
        offset("task_struct", "stack")?,
        offset("task_struct", tls)?,
        offset("task_struct", "tgid")?,
    );
    let seed = seed();
    let no_stacks = u64::from(stacks == Stacks::None);
    let sample_bytes = stacks.sample_bytes().unwrap_or(0);
    let page_size = rustix::param::page_size() as u64;
    let rings = rings();
    let mask = rings.len() as u64 - 1;
    let mut loader = EbpfLoader::new();
    for name in RINGS {
        let bytes = if rings.contains(&name) {
            RING_BYTES / rings.len() as u32
        } else {
            page_size as u32
        };
        loader.map_max_entries(name, bytes);
    }
    loader
        // Only fentry needs the kernel's types, and `hooks` reads them then.
        .btf(None)
        .override_global("ONLY_TGID", &only, true)
        .override_global("HASH_SEED", &seed, true)
        .override_global("NO_STACKS", &no_stacks, true)
        .override_global("SAMPLE_BYTES", &sample_bytes, true)
        .override_global("RING_MASK", &mask, true)
        .override_global("PAGE_SIZE", &page_size, true)
        .override_global("HAS_TASK_PT_REGS", &task_pt_regs, true)
        .override_global("TASK_STACK", &stack, true)
        .override_global("KERNEL_STACK_SIZE", &KERNEL_STACK_SIZE, true)
        .override_global("TASK_TLS", &tls, true)
        .override_global("TASK_TGID", &tgid, true)
        .override_global(aya_log::LEVEL, &log_level, false)
        .load(object)
        .map_err(|error| {
            Failure::unsupported(
                format!("the kernel refused the eBPF maps: {}", chain(&error)),
                "`tracer doctor` shows what this kernel and these capabilities allow",
            )
        })
}

/// Where stack hashes start: not known to the target.
fn seed() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one("stack hash seed")
}
