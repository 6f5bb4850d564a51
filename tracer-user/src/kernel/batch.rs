//! Per-CPU hash maps read in a few calls; entry by entry, each takes two.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};

use aya::maps::MapData;
use aya::util::nr_cpus;
use zerocopy::FromBytes;

/// Entries that one call returns at most.
const ROOM: usize = 1024;

/// `BPF_MAP_LOOKUP_BATCH` of the kernel's `include/uapi/linux/bpf.h`; since Linux 5.6, older than our ring.
const LOOKUP_BATCH: libc::c_int = 24;

/// What of `union bpf_attr` belongs to it.
#[repr(C)]
struct Lookup {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

/// Tells each entry: its key, and its value on each CPU that there may be.
///
/// An entry that comes meanwhile may not be told. Each is told once: a bucket of the table is read as a
/// whole, and what never loses an entry keeps the others in their buckets.
///
/// # Errors
/// When the kernel refuses; some entries may have been told.
pub(super) fn entries<K: FromBytes, V: FromBytes>(
    map: &MapData,
    mut each: impl FnMut(K, &[V]),
) -> io::Result<()> {
    let cpus = nr_cpus().map_err(|(_, error)| error)?;
    // The kernel leaves eight bytes, or a multiple of them, to each value.
    let stride = size_of::<V>().next_multiple_of(8);
    let mut keys = vec![0_u8; ROOM * size_of::<K>()];
    let mut values = vec![0_u8; ROOM * stride * cpus];
    let mut of_key = Vec::with_capacity(cpus);
    let (mut from, mut next) = (0_u32, 0_u32);
    let mut is_first = true;
    loop {
        let mut lookup = Lookup {
            in_batch: if is_first {
                0
            } else {
                (&raw const from).expose_provenance() as u64
            },
            out_batch: (&raw mut next).expose_provenance() as u64,
            keys: keys.as_mut_ptr().expose_provenance() as u64,
            values: values.as_mut_ptr().expose_provenance() as u64,
            count: ROOM as u32,
            map_fd: map.fd().as_fd().as_raw_fd() as u32,
            elem_flags: 0,
            flags: 0,
        };
        // SAFETY: the kernel writes a word to `next`, and at most `ROOM` keys and values, for which
        // there is room on each CPU that there may be; all of them outlive the call.
        let result = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                LOOKUP_BATCH,
                &raw mut lookup,
                size_of::<Lookup>(),
            )
        };
        let error = (result < 0).then(io::Error::last_os_error);
        let is_last = match error {
            None => false,
            Some(error) if error.raw_os_error() == Some(libc::ENOENT) => true,
            Some(error) => return Err(error),
        };
        let count = (lookup.count as usize).min(ROOM);
        let keys = keys.chunks_exact(size_of::<K>()).take(count);
        for (key, on_cpus) in keys.zip(values.chunks_exact(stride * cpus)) {
            let Ok(key) = K::read_from_bytes(key) else {
                continue;
            };
            of_key.clear();
            let on_cpus = on_cpus.chunks_exact(stride);
            of_key.extend(on_cpus.filter_map(|value| Some(V::read_from_prefix(value).ok()?.0)));
            each(key, &of_key);
        }
        if is_last {
            return Ok(());
        }
        (from, is_first) = (next, false);
    }
}
