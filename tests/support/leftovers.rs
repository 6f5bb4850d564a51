//! What the tool has in the kernel, and whether it is gone.

use std::collections::BTreeSet;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use aya::maps::loaded_maps;
use aya::programs::{loaded_links, loaded_programs};

/// What the kernel numbers: it gives no number twice before all are used up.
const KINDS: [&str; 3] = ["prog_id", "map_id", "link_id"];

/// The kernel takes things apart in the background.
const SOON: Duration = Duration::from_mins(1);

/// Programs, maps and links.
#[derive(Clone, Debug)]
pub struct KernelObjects(BTreeSet<(&'static str, u32)>);

impl KernelObjects {
    /// What a process holds, out of the files that tell about its descriptors; some of each kind.
    ///
    /// # Errors
    /// If it is gone, or holds nothing of a kind.
    pub fn held_by(pid: u32) -> Result<Self> {
        let mut ids = BTreeSet::new();
        for entry in fs::read_dir(format!("/proc/{pid}/fdinfo"))? {
            // It may be closed meanwhile.
            let text = fs::read_to_string(entry?.path()).unwrap_or_default();
            for line in text.lines() {
                let Some((name, value)) = line.split_once(':') else {
                    continue;
                };
                if let Some(kind) = KINDS.iter().find(|kind| **kind == name) {
                    ids.insert((*kind, value.trim().parse()?));
                }
            }
        }
        for kind in KINDS {
            ensure!(
                ids.iter().any(|(found, _)| *found == kind),
                "no {kind}: {ids:?}"
            );
        }
        Ok(Self(ids))
    }

    /// Waits until the kernel has none of them, whoever may hold it.
    ///
    /// # Errors
    /// With what is left after a minute.
    pub fn are_gone(&self) -> Result<()> {
        let start = Instant::now();
        loop {
            let left: Vec<_> = in_the_kernel().intersection(&self.0).copied().collect();
            if left.is_empty() {
                return Ok(());
            }
            ensure!(start.elapsed() < SOON, "still there: {left:?}");
            sleep(Duration::from_millis(20));
        }
    }

    /// Whether the kernel has all of them.
    #[must_use]
    pub fn are_there(&self) -> bool {
        self.0.is_subset(&in_the_kernel())
    }
}

fn in_the_kernel() -> BTreeSet<(&'static str, u32)> {
    // One that goes away between being listed and being opened is an error: it is gone.
    let programs = loaded_programs().flatten().map(|it| ("prog_id", it.id()));
    let maps = loaded_maps().flatten().map(|it| ("map_id", it.id()));
    let links = loaded_links().flatten().map(|it| ("link_id", it.id()));
    programs.chain(maps).chain(links).collect()
}
