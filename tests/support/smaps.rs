//! Ground truth from `/proc/PID/smaps`, read without any code of the tool.

use std::fs;

use anyhow::{Context as _, Result};

/// Sums over all mappings of a process, in bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Smaps {
    /// Resident set size.
    pub rss: u64,
    /// Resident and anonymous, `LazyFree` included.
    pub anonymous: u64,
    /// Given back with `MADV_FREE`, not yet taken by the kernel.
    pub lazy_free: u64,
    /// In huge anonymous pages.
    pub anon_huge: u64,
    /// Swapped out.
    pub swap: u64,
}

impl Smaps {
    /// Reads the sums of a live process.
    ///
    /// # Errors
    /// If the process is gone or may not be read.
    pub fn read(pid: u32) -> Result<Self> {
        let path = format!("/proc/{pid}/smaps");
        let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        Ok(Self::sum(&text))
    }

    fn sum(text: &str) -> Self {
        let total = |field: &str| {
            text.lines()
                .filter_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
                .filter_map(|value| value.trim().strip_suffix(" kB")?.parse::<u64>().ok())
                .sum::<u64>()
                * 1024
        };
        Self {
            rss: total("Rss"),
            anonymous: total("Anonymous"),
            lazy_free: total("LazyFree"),
            anon_huge: total("AnonHugePages"),
            swap: total("Swap"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_every_mapping() {
        let text = "\
c000000000-c000400000 rw-p 00000000 00:00 0 \n\
Size:               4096 kB\n\
Rss:                 100 kB\n\
Anonymous:            90 kB\n\
LazyFree:             40 kB\n\
Swap:                  8 kB\n\
SwapPss:               8 kB\n\
7ffc0000-7ffc2000 rw-p 00000000 00:00 0                          [stack]\n\
Rss:                  12 kB\n\
Anonymous:            12 kB\n\
LazyFree:              2 kB\n\
AnonHugePages:      2048 kB\n";
        let expected = Smaps {
            rss: 112 << 10,
            anonymous: 102 << 10,
            lazy_free: 42 << 10,
            anon_huge: 2048 << 10,
            swap: 8 << 10,
        };
        assert_eq!(Smaps::sum(text), expected);
    }
}
