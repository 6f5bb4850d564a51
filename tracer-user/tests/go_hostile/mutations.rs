//! A million damaged tables, each damaged where it hurts.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rustix::time::ClockId;
use tracer_user::go::{self, Binary};

use super::program::{ask, model};
use crate::mini::{self, FORMATS, Format, Mini};

const MUTATIONS: u64 = 1_000_000;
/// The test ends then, however many there were; an idle machine needs half of it.
const TIME: Duration = Duration::from_mins(1);
/// Fewer than a busy machine does in that time.
const FEWEST: u64 = 50_000;

/// One damaged file may take so much processor time, and all of them so much memory.
const SLOWEST: Duration = Duration::from_secs(2);
const MEMORY: u64 = 256 << 20;

/// Numbers at which checks go wrong.
const NUMBERS: [u64; 14] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x100,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
    u64::MAX,
    1 << 63,
];

/// A generator whose numbers are the same in every run (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// Changes one thing in one part of the file.
fn damage(file: &mut [u8], areas: &[(&str, Range<usize>)], random: &mut Random) {
    let area = areas[random.below(areas.len())].1.clone();
    let at = area.start + random.below(area.len());
    let word = (at / 4 * 4).min(file.len() - 8);
    match random.below(9) {
        0 | 1 => file[at] ^= 1 << random.below(8),
        2 => file[at] = random.of(&NUMBERS) as u8,
        3 | 4 => {
            let number = random.of(&NUMBERS) as u32;
            file[word..word + 4].copy_from_slice(&number.to_le_bytes());
        }
        5 => file[word..word + 8].copy_from_slice(&random.of(&NUMBERS).to_le_bytes()),
        // A little more or less than it was.
        6 => file[at] = file[at].wrapping_add(random.below(9) as u8).wrapping_sub(4),
        // A part of it twice: entries out of order, arrays that refer to themselves.
        7 => {
            let length = (1 + random.below(32)).min(area.end - at);
            let from = area.start + random.below(area.len() - length + 1);
            file.copy_within(from..from + length, at);
        }
        // Names without end, numbers without end, tables without end.
        _ => file[at..area.end].fill(random.of(&[0xff, 0x80, 0x02, b'A'])),
    }
}

/// Addresses at the entries of functions, inside them, and outside.
fn addresses(mini: &Mini) -> Vec<u64> {
    let size = mini.text.end - mini.text.start;
    let inside = (0..4).map(|part| mini.text.start + size * part / 4 + part);
    inside.chain([0, mini.text.end]).collect()
}

struct Figures {
    mutations: u64,
    tables: u64,
    slowest: Duration,
}

/// Damages one format after the other until it is time.
fn run(seed: u64, share: u64, end: Instant) -> Figures {
    let minis: Vec<(Format, Mini)> = FORMATS
        .into_iter()
        .map(|format| (format, mini::build(model(), format)))
        .collect();
    let (mut random, mut file) = (Random(seed), Vec::new());
    let mut figures = Figures {
        mutations: 0,
        tables: 0,
        slowest: Duration::ZERO,
    };
    for (format, mini) in minis.iter().cycle() {
        if figures.mutations == share || Instant::now() > end {
            break;
        }
        file.clear();
        file.extend_from_slice(&mini.file);
        for _ in 0..=random.below(3) {
            damage(&mut file, &mini.areas, &mut random);
        }
        let pcs = addresses(mini);
        let start = processor_time();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let _ = go::parts(&file);
            let Ok(binary) = Binary::parse(&file) else {
                return false;
            };
            ask(&binary, &pcs);
            binary.table.is_some()
        }));
        let place = || format!("{format:?}, seed {seed:#x}, mutation {}", figures.mutations);
        let found = outcome.unwrap_or_else(|_| panic!("{}", place()));
        let took = processor_time().saturating_sub(start);
        assert!(took < SLOWEST, "{} took {took:?}", place());
        figures.slowest = figures.slowest.max(took);
        figures.tables += u64::from(found);
        figures.mutations += 1;
    }
    figures
}

/// What this thread has used; other tests run beside it.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The most memory this process ever had.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<u64>().unwrap() << 10
}

#[test]
#[expect(clippy::print_stdout, reason = "its figures")]
fn a_million_mutations() {
    // Built before the clock starts.
    model();
    let before = peak_memory();
    let end = Instant::now() + TIME;
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let all: Vec<Figures> = std::thread::scope(|scope| {
        let started: Vec<_> = (1..=threads)
            .map(|thread| {
                let seed = thread.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                scope.spawn(move || run(seed, MUTATIONS / threads, end))
            })
            .collect();
        started
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let mutations: u64 = all.iter().map(|figures| figures.mutations).sum();
    let tables: u64 = all.iter().map(|figures| figures.tables).sum();
    let slowest = all.iter().map(|figures| figures.slowest).max().unwrap();
    let memory = peak_memory() - before;
    println!(
        "{mutations} mutations, {tables} still had a table; slowest {slowest:?}, {memory} bytes more"
    );
    assert!(mutations >= FEWEST, "{mutations} mutations");
    // Damage that only ever keeps the table from being found would test little.
    assert!(
        tables > mutations / 4,
        "{tables} of {mutations} had a table"
    );
    assert!(memory < MEMORY, "{memory} bytes");
}
