//! Our own heap, which has to stay small beside what is watched.

/// Blocks of this size and more are mappings of their own, which go when they are freed; and so does
/// as much at the end of the heap.
#[cfg(target_env = "gnu")]
const OWN_MAPPING: libc::c_int = 128 << 10;

/// Lets what only attaching needs go back to the kernel.
///
/// By itself glibc raises the limit to the largest block that was freed, and keeps what is below on
/// a heap with holes: of 41 MiB that a tracer at rest had, 32 were such.
pub fn keep_small() {
    #[cfg(target_env = "gnu")]
    for limit in [libc::M_MMAP_THRESHOLD, libc::M_TRIM_THRESHOLD] {
        // SAFETY: it changes how memory is handed out from now on. Where it is refused, the heap is
        // larger and nothing else.
        unsafe { libc::mallopt(limit, OWN_MAPPING) };
    }
}
