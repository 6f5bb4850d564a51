//! Where Go's heap hands out memory: places for probes.
//!
//! Each is the beginning of a function, which its name in pclntab gives, stripped or not.

use crate::go::Binary;
use crate::kernel::Probe;

/// Behind the return address, and the receiver where there is one.
const FIRST_ARGUMENT: u32 = 8;
const SECOND_ARGUMENT: u32 = 16;

/// Where probes go.
#[derive(Clone, Debug)]
pub(in crate::source) struct AllocationPlaces {
    /// Offsets in the file, and what to put there.
    pub(in crate::source) probes: Vec<(Probe, u64)>,
    /// As `Target::large_size`.
    pub(in crate::source) large_size: u32,
    /// Of Go 1: its span classes have the sizes of this release.
    pub(in crate::source) minor: u32,
}

/// The places in a process that runs `binary`; else why there are none.
pub(in crate::source) fn allocation_places(binary: &Binary) -> Result<AllocationPlaces, String> {
    if binary.arch != "amd64" {
        return Err(format!("it is not known how on {}", binary.arch));
    }
    let minor = binary.go_version.as_deref().and_then(super::minor);
    let minor = minor.filter(|minor| (11..=27).contains(minor));
    let minor = minor.ok_or("the version of Go is not known")?;
    let table = binary.table.as_ref().ok_or("there is no pclntab")?;
    let large = if minor >= 16 {
        "runtime.(*mcache).allocLarge"
    } else {
        "runtime.largeAlloc"
    };
    let names = ["runtime.(*mcache).refill", large];
    let ranges = table.function_ranges(names);
    let mut probes = Vec::new();
    for ((range, name), probe) in ranges
        .into_iter()
        .zip(names)
        .zip([Probe::Span, Probe::Large])
    {
        let start = range.map(|range| range.start);
        let offset = start.and_then(|start| binary.offset_of_code(start));
        probes.push((probe, offset.ok_or(format!("there is no {name}"))?));
    }
    let large_size = match minor {
        ..16 => FIRST_ARGUMENT,
        16 => SECOND_ARGUMENT,
        _ => 0,
    };
    Ok(AllocationPlaces {
        probes,
        large_size,
        minor,
    })
}
