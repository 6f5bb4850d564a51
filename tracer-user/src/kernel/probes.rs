//! Probes in a process's own code.

use std::error::Error;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Instant;
use std::{fs, io, thread};

use aya::programs::{UProbe, uprobe::UProbeScope};
use rustix::io::Errno;
use tracer_core::event::{Backing, Mapping};

use super::links::Links;
use super::programs::{Programs, chain};
use crate::proc::maps;

/// Calls that the price of a trap is told from.
const TRIALS: usize = 101;

/// A program for probes in the target.
#[derive(Clone, Copy, Debug)]
pub enum Probe {
    /// Where a goroutine was created.
    Goroutine,
    /// Where a span of small objects is handed out.
    Span,
    /// Where a large object is allocated.
    Large,
}

impl Probe {
    const fn program(self) -> &'static str {
        match self {
            Self::Goroutine => "up_goroutine",
            Self::Span => "up_span",
            Self::Large => "up_large",
        }
    }
}

/// Probes that are in place. Dropping them takes them away behind our back: nobody waits for it.
pub struct Probes(Links);

/// Why there are no probes.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// For the report.
    pub reason: String,
    /// The process has exited, or is about to.
    is_gone: bool,
}

impl Refusal {
    fn of(error: &(dyn Error + 'static), executable: &str) -> Self {
        let is_gone = anyhow::Chain::new(error).any(|cause| {
            let code = cause.downcast_ref().and_then(io::Error::raw_os_error);
            code == Some(Errno::SRCH.raw_os_error())
        });
        Self {
            reason: chain(error),
            // A file that is not found may be one of the kernel's.
            is_gone: is_gone || fs::read_link(executable).is_err(),
        }
    }

    /// Says what is not seen, unless the process is no more.
    pub fn warn(&self, what: &str) {
        if !self.is_gone {
            tracing::warn!("{what} is not seen: {}", self.reason);
        }
    }
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self {
            reason,
            is_gone: false,
        }
    }
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        reason.to_owned().into()
    }
}

impl Programs {
    /// Puts probes at these offsets of the file that the process runs.
    ///
    /// # Errors
    /// Why the kernel refuses.
    pub fn probe(&mut self, pid: u32, places: &[(Probe, u64)]) -> Result<Probes, Refusal> {
        let pid_only = NonZeroU32::new(pid).ok_or("process 0 has no program")?;
        let path = format!("/proc/{pid}/exe");
        let mut links = Links::default();
        for (probe, offset) in places {
            let program = self.ebpf.program_mut(probe.program());
            let program: &mut UProbe = program
                .ok_or("there is no program for it")?
                .try_into()
                .map_err(|error| Refusal::of(&error, &path))?;
            match program.load() {
                Ok(()) | Err(aya::programs::ProgramError::AlreadyLoaded) => {}
                Err(error) => return Err(Refusal::of(&error, &path)),
            }
            let link = program
                .attach(*offset, Path::new(&path), UProbeScope::OneProcess(pid_only))
                .and_then(|id| program.take_link(id))
                .map_err(|error| Refusal::of(&error, &path))?;
            links.push(link);
        }
        Ok(Probes(links))
    }

    /// Nanoseconds that a hit of a probe takes beside what its program does, measured on ourselves;
    /// `None` where that cannot be done.
    pub fn trap_ns(&mut self, probe: Probe) -> Option<u64> {
        let pid = std::process::id();
        let offset = offset_of(pid, stepped as *const () as u64)?;
        let without = median_ns();
        let probes = self.probe(pid, &[(probe, offset)]).ok()?;
        let with = median_ns();
        drop(probes);
        Some(with.saturating_sub(without))
    }
}

/// A function whose first instruction the kernel has to step over, as it has to in Go's.
#[inline(never)]
extern "C" fn stepped(word: u64) -> u64 {
    word.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn median_ns() -> u64 {
    let mut times = [0; TRIALS];
    for (trial, time) in times.iter_mut().enumerate() {
        let began = Instant::now();
        black_box(stepped(black_box(trial as u64)));
        *time = began.elapsed().as_nanos() as u64;
    }
    times.sort_unstable();
    times[TRIALS / 2]
}

/// Where in its file the code at an address is.
fn offset_of(pid: u32, address: u64) -> Option<u64> {
    let mappings: Vec<Mapping> = maps::read(pid).ok()?;
    mappings.iter().find_map(|mapping| {
        let Backing::File { offset, .. } = &mapping.backing else {
            return None;
        };
        let inside = (mapping.start..mapping.end).contains(&address);
        inside.then(|| address - mapping.start + offset)
    })
}

impl Drop for Probes {
    fn drop(&mut self) {
        let links = std::mem::take(&mut self.0);
        // Without a thread it takes the time here.
        let _ = thread::Builder::new()
            .name("unprobe".to_owned())
            .spawn(move || drop(links));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_code_is_found_in_its_file() {
        let address = stepped as *const () as u64;
        let offset = offset_of(std::process::id(), address).expect("code of a file");
        let file = std::fs::read("/proc/self/exe").expect("a file");
        // SAFETY: the function's code is mapped, and longer than that.
        let code = unsafe { std::slice::from_raw_parts(address as *const u8, 4) };
        assert_eq!(&file[offset as usize..][..4], code);
        assert_eq!(offset_of(std::process::id(), 1), None);
    }
}
