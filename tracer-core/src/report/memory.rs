//! RSS: what it is made of at one instant, and how it moved.

use serde::Serialize;

use super::given_back::GivenBack;
use crate::event::{Backing, GoResidency, MappingUse, MemoryDetail, MemorySample};
use crate::ledger::go::GoLedger;
use crate::ledger::memory::MemoryLedger;
use crate::ledger::trend::difference;

/// The line of what was given back and is still resident.
pub(super) const LAZY_FREE: &str = "lazy_free";

/// Every byte of RSS on one line; what no line explains is the residual.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LedgerTable {
    /// What the kernel reports.
    pub rss_bytes: u64,
    /// The parts.
    pub lines: Vec<LedgerLine>,
    /// The parts of the line `lazy_free`.
    pub lazy_free_by: Vec<GivenBack>,
    /// RSS minus all lines that were measured.
    pub residual_bytes: i64,
}

/// One part of RSS.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LedgerLine {
    /// Its name.
    pub name: &'static str,
    /// Resident; `None` when not measured.
    pub bytes: Option<u64>,
    /// Against the first reading.
    pub growth_bytes: Option<i64>,
}

/// What can be told of one instant.
#[derive(Clone, Copy, Default)]
struct Parts {
    rss: u64,
    go: Option<GoResidency>,
    lazy_free: Option<u64>,
    file: Option<u64>,
    shared: Option<u64>,
}

impl LedgerTable {
    /// From the newest detail, else from the newest sample.
    pub(super) fn on(memory: &MemoryLedger, go: &GoLedger) -> Option<Self> {
        let (now, before) = match memory.details() {
            Some((now, before)) => {
                let (first, last) = (go.residency().first(), go.residency().last());
                (
                    Parts::of_detail(now).with_go(last.copied()),
                    before.map(|before| Parts::of_detail(before).with_go(first.copied())),
                )
            }
            None => (Parts::of_sample(memory.last()?), None),
        };
        let line = |name, part: fn(&Parts) -> Option<u64>| LedgerLine {
            name,
            bytes: part(&now),
            growth_bytes: before
                .as_ref()
                .and_then(|before| Some(difference(part(&now)?, part(before)?))),
        };
        let lines = vec![
            line("go_heap_live", |parts| Some(parts.go?.heap_live)),
            line("go_heap_dead", |parts| Some(parts.go?.heap_dead)),
            line("go_heap_free", |parts| Some(parts.go?.heap_free)),
            line("go_stacks", |parts| Some(parts.go?.stacks)),
            line("go_runtime", |parts| Some(parts.go?.runtime)),
            line(LAZY_FREE, |parts| parts.lazy_free),
            line("native", |parts| Some(parts.go?.native)),
            line("file", |parts| parts.file),
            line("shared", |parts| parts.shared),
        ];
        let known = lines
            .iter()
            .filter_map(|line| line.bytes)
            .fold(0_u64, u64::saturating_add);
        Some(Self {
            rss_bytes: now.rss,
            lines,
            lazy_free_by: Vec::new(),
            residual_bytes: difference(now.rss, known),
        })
    }
}

impl Parts {
    fn of_sample(sample: &MemorySample) -> Self {
        Self {
            rss: sample.rss,
            go: None,
            lazy_free: sample.lazy_free,
            file: sample.file,
            shared: sample.shared,
        }
    }

    fn with_go(self, go: Option<GoResidency>) -> Self {
        Self { go, ..self }
    }

    fn of_detail(detail: &MemoryDetail) -> Self {
        let mut parts = Self {
            file: Some(0),
            shared: Some(0),
            ..Self::default()
        };
        let add = |sum: &mut Option<u64>, bytes: u64| {
            *sum = Some(sum.unwrap_or(0).saturating_add(bytes));
        };
        for part in &detail.mappings {
            parts.rss = parts.rss.saturating_add(part.rss);
            if let Some(lazy_free) = part.lazy_free {
                add(&mut parts.lazy_free, lazy_free);
            }
            let of_file = part.rss.saturating_sub(part.anonymous);
            if is_shared_memory(part) {
                add(&mut parts.shared, of_file);
            } else if matches!(part.mapping.backing, Backing::File { .. }) {
                add(&mut parts.file, of_file);
            }
        }
        parts
    }
}

/// Memory without a file on a disk that several mappings or processes may share.
fn is_shared_memory(part: &MappingUse) -> bool {
    match &part.mapping.backing {
        Backing::Anonymous { .. } => part.mapping.shared,
        // Shared anonymous memory is listed as `/dev/zero (deleted)`.
        Backing::File { path, .. } => ["/dev/zero", "/dev/shm/", "/memfd:", "/SYSV"]
            .iter()
            .any(|prefix| path.starts_with(prefix)),
    }
}

/// RSS over the window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Memory {
    /// Samples taken.
    pub samples: u64,
    /// Resident at the end.
    pub rss_bytes: u64,
    /// Of this, anonymous, lazily freed included.
    pub anonymous_bytes: u64,
    /// Given back with `MADV_FREE` and not yet taken by the kernel.
    pub lazy_free_bytes: Option<u64>,
    /// In huge pages.
    pub huge_bytes: Option<u64>,
    /// Swapped out.
    pub swap_bytes: Option<u64>,
    /// RSS, last minus first.
    pub rss_growth_bytes: Option<i64>,
    /// Median slope of RSS.
    pub rss_bytes_per_minute: Option<i64>,
    /// RSS without what was lazily freed, last minus first.
    pub use_growth_bytes: Option<i64>,
    /// Median slope of RSS without what was lazily freed.
    pub use_bytes_per_minute: Option<i64>,
}

impl Memory {
    pub(super) fn on(memory: &MemoryLedger) -> Option<Self> {
        let last = memory.last()?;
        let (rss, used) = (memory.rss_trend(), memory.use_trend());
        Some(Self {
            samples: memory.samples(),
            rss_bytes: last.rss,
            anonymous_bytes: last.anonymous,
            lazy_free_bytes: last.lazy_free,
            huge_bytes: last.anon_huge,
            swap_bytes: last.swap,
            rss_growth_bytes: rss.map(|trend| trend.growth()),
            rss_bytes_per_minute: rss.map(|trend| (trend.slope * 60.0) as i64),
            use_growth_bytes: used.map(|trend| trend.growth()),
            use_bytes_per_minute: used.map(|trend| (trend.slope * 60.0) as i64),
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::event::Mapping;

    fn part(path: &str, shared: bool, rss: u64, anonymous: u64, lazy_free: u64) -> MappingUse {
        let backing = if path.starts_with('/') {
            Backing::File {
                path: path.to_owned(),
                offset: 0,
                inode: 7,
            }
        } else {
            Backing::Anonymous {
                name: path.to_owned(),
            }
        };
        MappingUse {
            mapping: Mapping {
                start: 0,
                end: 1 << 30,
                prot: 3,
                shared,
                backing,
            },
            rss,
            anonymous,
            lazy_free: Some(lazy_free),
            anon_huge: 0,
            swap: 0,
        }
    }

    /// Expects RSS, then lazily freed, file, shared, residual.
    #[track_caller]
    fn check(mappings: Vec<MappingUse>, expected: (u64, Option<u64>, u64, u64, i64)) {
        let mut memory = MemoryLedger::default();
        memory.add_detail(&MemoryDetail {
            mappings,
            took_ns: 0,
        });
        let table = LedgerTable::on(&memory, &GoLedger::default()).unwrap();
        let line = |name| {
            table
                .lines
                .iter()
                .find(|line| line.name == name)
                .unwrap()
                .bytes
        };
        let (file, shared) = (line("file").unwrap(), line("shared").unwrap());
        let found = (
            table.rss_bytes,
            line("lazy_free"),
            file,
            shared,
            table.residual_bytes,
        );
        assert_eq!(found, expected);
        let sum: u64 = table.lines.iter().filter_map(|line| line.bytes).sum();
        assert_eq!(
            sum.cast_signed() + table.residual_bytes,
            table.rss_bytes.cast_signed()
        );
    }

    #[test]
    fn parts_of_rss() {
        check(
            vec![part("", false, 100, 100, 60)],
            (100, Some(60), 0, 0, 40),
        );
        check(
            vec![part("/srv/shop", false, 50, 10, 0)],
            (50, Some(0), 40, 0, 10),
        );
        check(
            vec![part("/data/db", true, 50, 0, 0)],
            (50, Some(0), 50, 0, 0),
        );
        check(
            vec![part("/dev/zero (deleted)", true, 50, 0, 0)],
            (50, Some(0), 0, 50, 0),
        );
        check(
            vec![part("/memfd:x (deleted)", false, 50, 20, 0)],
            (50, Some(0), 0, 30, 20),
        );
        check(vec![], (0, None, 0, 0, 0));
    }

    #[test]
    fn growth_needs_two_readings() {
        let mut memory = MemoryLedger::default();
        let lazy_free = |memory: &MemoryLedger| {
            LedgerTable::on(memory, &GoLedger::default()).unwrap().lines[5].clone()
        };
        for (bytes, growth) in [(10, None), (30, Some(20)), (5, Some(-5))] {
            let mappings = vec![part("", false, 100, 100, bytes)];
            memory.add_detail(&MemoryDetail {
                mappings,
                took_ns: 0,
            });
            let expected = LedgerLine {
                name: "lazy_free",
                bytes: Some(bytes),
                growth_bytes: growth,
            };
            assert_eq!(lazy_free(&memory), expected);
        }
    }

    #[test]
    fn a_sample_serves_where_there_is_no_detail() {
        let mut memory = MemoryLedger::default();
        assert_eq!(LedgerTable::on(&memory, &GoLedger::default()), None);
        let sample = MemorySample {
            rss: 100,
            lazy_free: Some(60),
            ..MemorySample::default()
        };
        memory.add(crate::event::Timestamp(1), &sample);
        let table = LedgerTable::on(&memory, &GoLedger::default()).unwrap();
        assert_eq!((table.rss_bytes, table.residual_bytes), (100, 40));
        assert_eq!(table.lines[7].bytes, None);
    }
}
