//! `/proc/PID/pagemap`: which pages of a process are resident, and which are swapped out.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

/// Entries that are read at once, 8 bytes each.
const ENTRIES: usize = 1 << 15;

/// Ranges of resident pages; a heap of 8 GiB of which every second page is resident.
const MAX_RUNS: usize = 1 << 20;

/// The page is in memory (`Documentation/admin-guide/mm/pagemap.rst` of the kernel).
const PRESENT: u64 = 1 << 63;

/// It is mapped nowhere else. The kernel's one page of zeroes, which stands for memory that was only
/// read and is in no RSS, is mapped everywhere; a page shared with a forked child cannot be told
/// from it here.
const EXCLUSIVE: u64 = 1 << 56;

/// Both.
const RESIDENT: u64 = PRESENT | EXCLUSIVE;

/// The page is swapped out.
const SWAPPED: u64 = 1 << 62;

/// The file, one entry of 8 bytes a page.
pub(crate) struct Pagemap {
    file: File,
    page: u64,
    buffer: Vec<u8>,
}

impl Pagemap {
    /// That of a process.
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        Ok(Self {
            file: File::open(format!("/proc/{pid}/pagemap"))?,
            page: rustix::param::page_size() as u64,
            buffer: vec![0; ENTRIES * 8],
        })
    }

    /// Adds the pages that lie in a range and are not swapped out to `runs`.
    pub(crate) fn not_swapped(
        &mut self,
        range: &Range<u64>,
        runs: &mut Vec<Range<u64>>,
    ) -> io::Result<()> {
        self.select(range, is_in_memory, runs)
    }

    fn select(
        &mut self,
        range: &Range<u64>,
        is_wanted: impl Fn(u64) -> bool,
        runs: &mut Vec<Range<u64>>,
    ) -> io::Result<()> {
        let page = self.page;
        let (mut at, end) = (range.start / page, range.end.div_ceil(page));
        while at < end {
            let count = (end - at).min(ENTRIES as u64);
            let bytes = &mut self.buffer[..count as usize * 8];
            self.file.read_exact_at(bytes, at * 8)?;
            collect(at, page, bytes, &is_wanted, runs);
            if runs.len() > MAX_RUNS {
                return Err(io::Error::other("resident memory is in too many pieces"));
            }
            at += count;
        }
        Ok(())
    }
}

/// The resident pages of `ranges`, as ranges in their order.
///
/// # Errors
/// When the kernel does not tell, or they are in more than a million pieces.
pub fn present(pid: u32, ranges: &[Range<u64>]) -> io::Result<Vec<Range<u64>>> {
    let mut pagemap = Pagemap::of(pid)?;
    let mut runs = Vec::new();
    for range in ranges {
        pagemap.select(range, is_resident, &mut runs)?;
    }
    Ok(runs)
}

fn is_resident(entry: u64) -> bool {
    entry & RESIDENT == RESIDENT
}

/// Or nowhere yet: a page that was never touched.
fn is_in_memory(entry: u64) -> bool {
    entry & SWAPPED == 0
}

/// Adds the pages that are wanted of entries that begin with page number `first`.
fn collect(
    first: u64,
    page: u64,
    entries: &[u8],
    is_wanted: impl Fn(u64) -> bool,
    runs: &mut Vec<Range<u64>>,
) {
    let (words, _) = entries.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        if !is_wanted(u64::from_le_bytes(*word)) {
            continue;
        }
        let start = (first + index as u64) * page;
        match runs.last_mut() {
            Some(last) if last.end == start => last.end += page,
            _ => runs.push(start..start + page),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn runs_of_pages() {
        let mut entries = Vec::new();
        for word in [PRESENT, RESIDENT, RESIDENT | 5, EXCLUSIVE, RESIDENT] {
            entries.extend_from_slice(&u64::to_le_bytes(word));
        }
        let mut runs = Vec::new();
        collect(0, 4096, &u64::to_le_bytes(RESIDENT), is_resident, &mut runs);
        collect(1, 4096, &entries, is_resident, &mut runs);
        assert_eq!(runs, [0..4096, 8192..16384, 20480..24576]);
        collect(6, 4096, &entries[8..16], is_resident, &mut runs);
        assert_eq!(runs[2], 20480..28672);
    }

    #[test]
    fn pages_that_are_swapped_out_are_not_wanted() {
        let mut entries = Vec::new();
        for word in [RESIDENT, SWAPPED, 0, SWAPPED | 7] {
            entries.extend_from_slice(&u64::to_le_bytes(word));
        }
        let mut runs = Vec::new();
        collect(0, 4096, &entries, is_in_memory, &mut runs);
        assert_eq!(runs, [0..4096, 8192..12288]);
    }

    #[test]
    fn our_own_touched_pages_are_resident() {
        let memory = vec![1_u8; 1 << 20];
        let start = memory.as_ptr() as u64;
        let inner = start.next_multiple_of(4096)..(start + (1 << 20)) / 4096 * 4096;
        let found = present(std::process::id(), std::slice::from_ref(&inner)).unwrap();
        let bytes: u64 = found.iter().map(|run| run.end - run.start).sum();
        assert_eq!(bytes, inner.end - inner.start);
        assert_eq!(memory[5], 1);
    }
}
