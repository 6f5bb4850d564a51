//! Files that are mapped and never unmapped.

use super::growth::{Growth, at_rest, how_much_longer};
use super::stand_ins::summed_up;
use super::words::{clear, per_minute, unsure};
use super::{Explanation, Need, Rule, Verdict};
use crate::event::{Backing, MemoryDetail, MemorySample};
use crate::ledger::vma::Content;
use crate::process::Process;
use crate::report::{Evidence, Origin, StackFrame, by_lines, mib, own_line};

/// Lines of the service's own code named.
const MAX_ORIGINS: usize = 5;

/// File mappings, and more and more of them.
pub struct FileMappingGrowth;

/// The mappings of files at one instant.
#[derive(Clone, Copy)]
struct Mapped {
    count: u64,
    bytes: u64,
}

impl Rule for FileMappingGrowth {
    fn name(&self) -> &'static str {
        "file-mapping-growth"
    }

    fn title(&self) -> &'static str {
        "files are mapped into memory and never unmapped"
    }

    fn explain(&self) -> Explanation {
        Explanation {
            looks_for: "Resident pages of files, and the number and size of the mappings they lie \
                in. It is found when both rise steadily. The descriptor of a mapped file may long \
                be closed: only the mapping keeps it.",
            refuted_by: "Mappings that stay as they are while more of their pages are touched: a \
                database that is read. Such pages are cache, and the kernel drops them.",
            remedy: "Unmap what was mapped (syscall.Munmap, Close of the reader or database), or \
                keep one mapping and share it.",
            false_friends: "A memory-mapped database raises RSS up to its size, and is no leak: its \
                pages are dropped when memory is short.",
            example: EXAMPLE,
        }
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Time]
    }

    fn judge(&self, process: &Process) -> Verdict {
        let memory = process.memory();
        let Some((now, Some(before))) = memory.details() else {
            return unsure("the mappings were read less than twice");
        };
        let (now, before) = (Mapped::of(now), Mapped::of(before));
        match Growth::of_bytes(memory.readings(), |sample: &MemorySample| sample.file) {
            Growth::TooEarly { readings, seconds } => {
                unsure(how_much_longer(readings, seconds, "sample"))
            }
            movement @ (Growth::Flat(trend) | Growth::Levelled(trend)) => clear(format!(
                "resident pages of files {}, to {}",
                at_rest(&trend, matches!(movement, Growth::Levelled(_))),
                mib(trend.last)
            )),
            Growth::Steady(trend) | Growth::Unsteady(trend)
                if now.count <= before.count || now.bytes <= before.bytes =>
            {
                clear(format!(
                    "resident pages of files grew by {}, in mappings that stay as they are: a file \
                     that is read. The kernel drops such pages when memory is short",
                    mib(trend.growth().unsigned_abs())
                ))
            }
            Growth::Unsteady(trend) => unsure(format!(
                "mapped files grew by {}, but not steadily. Watch until it stops, or \
                 goes on",
                mib(trend.growth().unsigned_abs())
            )),
            Growth::Steady(trend) => Verdict::Found {
                headline: format!(
                    "mapped files grew from {} to {} mappings, {} of them resident now ({})",
                    before.count,
                    now.count,
                    mib(trend.last),
                    per_minute(trend.slope)
                ),
                evidence: vec![
                    Evidence::bytes("mapped at the start", before.bytes),
                    Evidence::bytes("mapped now", now.bytes),
                    Evidence::growth("growth of resident pages of files", trend.growth()),
                ],
                origins: origins(process),
                refuted_by:
                    "mappings that are unmapped later, or that stay as they are while their \
                    pages are read"
                        .to_owned(),
                remedy: "Unmap what was mapped: a closed descriptor does not end a mapping."
                    .to_owned(),
                leak: true,
            },
        }
    }
}

/// The service's own lines that mapped files while watching, by what is mapped still.
fn origins(process: &Process) -> Vec<Origin> {
    let regions = process.vma().regions();
    let files = regions.filter(|(.., region)| region.content == Content::File);
    // Without a stack it was there before, or the stack was not taken.
    let seen = files.filter(|(.., region)| region.stack.is_some());
    let bytes = seen.map(|(start, end, region)| (region.stack, end - start));
    let lines = by_lines(process, bytes).into_iter();
    let own = lines.filter_map(|(lines, bytes)| {
        let frame = own_line(process, &lines)?;
        Some((StackFrame::from_frame(frame), bytes))
    });
    let mut origins = summed_up(own);
    origins.truncate(MAX_ORIGINS);
    origins
}

impl Mapped {
    fn of(detail: &MemoryDetail) -> Self {
        let files = detail
            .mappings
            .iter()
            .filter(|part| matches!(part.mapping.backing, Backing::File { .. }));
        files.fold(Self { count: 0, bytes: 0 }, |sum, part| Self {
            count: sum.count + 1,
            bytes: sum
                .bytes
                .saturating_add(part.mapping.end.saturating_sub(part.mapping.start)),
        })
    }
}

const EXAMPLE: &str = "\
package main

import (
	\"os\"
	\"syscall\"
	\"time\"
)

func main() {
	for {
		file, _ := os.Open(os.Args[0])
		data, _ := syscall.Mmap(int(file.Fd()), 0, 1<<20, syscall.PROT_READ, syscall.MAP_SHARED)
		file.Close() // the mapping stays
		for at := 0; at < len(data); at += 4096 {
			_ = data[at]
		}
		time.Sleep(100 * time.Millisecond)
	}
}
";
