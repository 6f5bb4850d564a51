//! Probes in the target's own code that tell who creates goroutines.

use std::num::NonZeroU32;
use std::path::Path;
use std::thread;

use aya::programs::{
    UProbe,
    uprobe::{UProbeLink, UProbeScope},
};

use super::programs::{Programs, chain};

/// Probes that are in place. Dropping them takes them away, in a thread: that takes the kernel a
/// tenth of a second each.
pub struct CreatorProbes {
    links: Vec<UProbeLink>,
}

impl Programs {
    /// Puts probes at these offsets of the file that the process runs.
    ///
    /// # Errors
    /// Why the kernel refuses.
    pub fn probe_creations(&mut self, pid: u32, offsets: &[u64]) -> Result<CreatorProbes, String> {
        let pid_only = NonZeroU32::new(pid).ok_or("process 0 has no program")?;
        let program = self.ebpf.program_mut("up_goroutine");
        let program: &mut UProbe = program
            .ok_or("there is no program for it")?
            .try_into()
            .map_err(|error| chain(&error))?;
        match program.load() {
            Ok(()) | Err(aya::programs::ProgramError::AlreadyLoaded) => {}
            Err(error) => return Err(chain(&error)),
        }
        let path = format!("/proc/{pid}/exe");
        let mut probes = CreatorProbes { links: Vec::new() };
        for offset in offsets {
            let link = program
                .attach(*offset, Path::new(&path), UProbeScope::OneProcess(pid_only))
                .and_then(|id| program.take_link(id))
                .map_err(|error| chain(&error))?;
            probes.links.push(link);
        }
        Ok(probes)
    }
}

impl Drop for CreatorProbes {
    fn drop(&mut self) {
        let links = std::mem::take(&mut self.links);
        // Without a thread it takes the time here.
        let _ = thread::Builder::new()
            .name("unprobe".to_owned())
            .spawn(move || drop(links));
    }
}
