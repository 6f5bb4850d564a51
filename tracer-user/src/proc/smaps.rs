//! `/proc/PID/smaps`: what each mapping holds, read in one pass.
//!
//! The kernel walks all page tables of the process for it, and holds the lock that `mmap` and
//! page faults of the target need while it walks a mapping. The time that took is part of the
//! answer: whoever samples leaves `memory::rest_after` that time before the next read.

use std::io;
use std::time::Instant;

use tracer_core::event::{MappingUse, MemoryDetail};

use super::fields::{kilobytes, lines, named};
use super::{maps, read_capped};

/// 262 144 mappings (four times the default `vm.max_map_count`) at about 800 bytes fit.
const CAP: u64 = 256 << 20;

/// The use of every mapping, and how long the kernel took to say it.
///
/// # Errors
/// When the file cannot be read, or is larger than 256 MiB.
pub fn read(pid: u32) -> io::Result<MemoryDetail> {
    let started = Instant::now();
    // Read whole before parsing: the shorter the read, the more it is one instant.
    let text = read_capped(format!("/proc/{pid}/smaps"), CAP)?;
    let took_ns = started.elapsed().as_nanos() as u64;
    Ok(MemoryDetail {
        mappings: parse(&text),
        took_ns,
    })
}

/// The mappings of a text with their use; a size the kernel does not give is 0, `lazy_free` `None`.
#[must_use]
pub fn parse(text: &[u8]) -> Vec<MappingUse> {
    let mut uses: Vec<MappingUse> = Vec::new();
    for line in lines(text) {
        // Sizes start with a capital letter, mappings with a digit or a small one.
        if line.first().is_some_and(u8::is_ascii_uppercase) {
            if let Some(current) = uses.last_mut() {
                add(current, line);
            }
        } else if let Some(mapping) = maps::mapping(line) {
            maps::leave_out_outgrown(&mut uses, &mapping, |before| &before.mapping);
            uses.push(MappingUse {
                mapping,
                rss: 0,
                anonymous: 0,
                lazy_free: None,
                anon_huge: 0,
                swap: 0,
            });
        }
    }
    uses
}

fn add(current: &mut MappingUse, line: &[u8]) {
    let Some((name, value)) = named(line) else {
        return;
    };
    let Some(bytes) = kilobytes(value) else {
        return;
    };
    match name {
        b"Rss" => current.rss = bytes,
        b"Anonymous" => current.anonymous = bytes,
        b"LazyFree" => current.lazy_free = Some(bytes),
        b"AnonHugePages" => current.anon_huge = bytes,
        b"Swap" => current.swap = bytes,
        _ => {}
    }
}

/// Whether a text of smaps tells pages given back with `MADV_FREE` (Linux 4.12).
#[must_use]
pub fn tells_lazy_free(text: &[u8]) -> bool {
    lines(text).any(|line| line.starts_with(b"LazyFree:"))
}

#[cfg(test)]
#[path = "smaps/tests.rs"]
mod tests;
