//! Who asked the kernel for memory, or gave it back, told from the names in the stack.

use serde::Serialize;

use super::{package, plain};
use crate::event::Frame;

/// Why a call was made.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Class {
    /// Go's runtime returns unused heap by itself.
    #[serde(rename = "background scavenger")]
    BackgroundScavenger,
    /// An allocation made the heap grow, or had to give back first to stay in its limit.
    #[serde(rename = "heap growth")]
    HeapGrowth,
    /// The program called `debug.FreeOSMemory`.
    #[serde(rename = "debug.FreeOSMemory")]
    FreeOsMemory,
    /// Go's runtime for itself: metadata, collector, threads.
    #[serde(rename = "runtime")]
    Runtime,
    /// C code of a Go program.
    #[serde(rename = "cgo")]
    Cgo,
    /// The program called the kernel itself, or through a library.
    #[serde(rename = "user code")]
    UserCode,
    /// The stack was lost or not taken, or nothing in it has a name.
    #[serde(rename = "unknown")]
    Unknown,
}

impl Class {
    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BackgroundScavenger => "background scavenger",
            Self::HeapGrowth => "heap growth",
            Self::FreeOsMemory => "debug.FreeOSMemory",
            Self::Runtime => "runtime",
            Self::Cgo => "cgo",
            Self::UserCode => "user code",
            Self::Unknown => "unknown",
        }
    }
}

/// Go 1.11 to 1.27; closures (`….func1`) count as their function.
const FREE_OS_MEMORY: &[&str] = &[
    "runtime/debug.FreeOSMemory",
    "runtime/debug.freeOSMemory",
    "runtime.runtime_debug_freeOSMemory",
];

/// The goroutine of Go 1.13 and later.
const SCAVENGER: &[&str] = &["runtime.bgscavenge", "runtime.(*scavengerState)"];

/// Before Go 1.13 the monitor thread called one of these.
const MONITOR: &str = "runtime.sysmon";
const MONITOR_RELEASES: &[&str] = &["runtime.(*mheap).scavenge", "runtime.(*mheap).scavengeAll"];

/// Allocation of spans, and the scavenging it pays for (`scavengeLargest` in Go 1.12,
/// `scavengeIfNeededLocked` in 1.13, `allocSpan` itself from 1.19).
const HEAP_GROWTH: &[&str] = &[
    "runtime.(*mheap).grow",
    "runtime.(*mheap).sysAlloc",
    "runtime.(*mheap).allocSpan",
    "runtime.(*mheap).allocSpanLocked",
    "runtime.(*mheap).alloc_m",
    "runtime.(*mheap).scavengeLargest",
    "runtime.(*mheap).scavengeIfNeededLocked",
];

/// The runtime's own doors to the kernel. With cgo its `mmap` passes through libc, so C
/// frames may stand before them.
const RUNTIME_DOORS: &[&str] = &[
    "runtime.mmap",
    "runtime.munmap",
    "runtime.madvise",
    "runtime.sysMmap",
    "runtime.sysMunmap",
    "runtime.callCgoMmap",
    "runtime.callCgoMunmap",
    "runtime.sysAlloc",
    "runtime.sysAllocOS",
    "runtime.sysFree",
    "runtime.sysFreeOS",
    "runtime.sysMap",
    "runtime.sysMapOS",
    "runtime.sysReserve",
    "runtime.sysReserveOS",
    "runtime.sysUnused",
    "runtime.sysUnusedOS",
    "runtime.sysUsed",
    "runtime.sysUsedOS",
    "runtime.sysHugePage",
    "runtime.sysHugePageOS",
    "runtime.sysNoHugePage",
    "runtime.sysNoHugePageOS",
    "runtime.persistentalloc1",
    "runtime.newosproc",
];

/// Packages that only carry a call to the kernel for somebody else.
const CARRIERS: &[&str] = &[
    "syscall",
    "internal/syscall/unix",
    "internal/runtime/syscall",
    "internal/runtime/syscall/linux",
    "runtime/internal/syscall",
    "golang.org/x/sys/unix",
    "vendor/golang.org/x/sys/unix",
];

/// The class of a call by the frames of its stack, innermost first. `is_go` tells
/// whether the process is a Go program: elsewhere C code is the user's own.
#[must_use]
pub fn classify<'a>(frames: impl Iterator<Item = &'a Frame> + Clone, is_go: bool) -> Class {
    let any = |functions: &[&str]| frames.clone().any(|frame| is_one_of(frame, functions));
    if any(FREE_OS_MEMORY) {
        Class::FreeOsMemory
    } else if any(SCAVENGER) || any(&[MONITOR]) && any(MONITOR_RELEASES) {
        Class::BackgroundScavenger
    } else if any(HEAP_GROWTH) {
        Class::HeapGrowth
    } else if any(RUNTIME_DOORS) {
        Class::Runtime
    } else {
        innermost(frames, is_go)
    }
}

/// The class by the innermost frame that is not a mere carrier.
fn innermost<'a>(frames: impl Iterator<Item = &'a Frame>, is_go: bool) -> Class {
    let native = if is_go { Class::Cgo } else { Class::UserCode };
    let mut seen = Class::Unknown;
    for frame in frames {
        if frame.function.is_empty() {
            continue;
        }
        let function = plain(&frame.function);
        let package = package(function);
        let package = package.as_deref().unwrap_or("");
        if CARRIERS.contains(&package) {
            continue;
        }
        let is_runtime = package == "runtime" || package.starts_with("internal/runtime/");
        if function == "runtime.cgocall" {
            return Class::Cgo;
        }
        // Where a thread enters or leaves C: who sent it there stands further out.
        if matches!(function, "runtime.asmcgocall" | "runtime.systemstack") {
            continue;
        }
        if is_runtime {
            return Class::Runtime;
        }
        if frame.go {
            return if seen == native {
                native
            } else {
                Class::UserCode
            };
        }
        seen = native;
    }
    seen
}

/// The frame is one of the functions, or a closure in it, or a method of the type.
fn is_one_of(frame: &Frame, functions: &[&str]) -> bool {
    let name = plain(&frame.function);
    functions.iter().any(|function| {
        name.strip_prefix(function)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

#[cfg(test)]
mod tests;
