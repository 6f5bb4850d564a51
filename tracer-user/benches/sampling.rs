//! Whether estimates from a sample are right: `cargo bench --bench sampling`.
//!
//! Plays the kernel side's arithmetic and the engine's weights against events of known sizes, with
//! [`SEEDS`] seeds. Prints one JSON object a line: how far the mean of all estimates is from the
//! truth, and how many of them lie within three standard deviations of theory.

#![expect(clippy::print_stdout, reason = "its output")]

use tracer_core::sampling::{Sampling, Weight};
use tracer_ebpf::sampling::is_taken;

const SEEDS: u64 = 1000;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Events of sizes between two, all octaves alike, and of how many bytes one is drawn.
struct Load {
    name: &'static str,
    sizes: [u64; 2],
    mean_bytes: u64,
    events: u64,
}

/// So many events each that theory allows an error of the mean below 0.15 %.
const LOADS: [Load; 8] = [
    Load::of("1 B, one in 4 KiB", [1, 1], 4 * KIB, 2_000_000),
    Load::of("4 KiB, one in 512 KiB", [4 * KIB; 2], 512 * KIB, 130_000),
    Load::of("64 KiB, one in 512 KiB", [64 * KIB; 2], 512 * KIB, 9_000),
    Load::of("512 KiB, one in 512 KiB", [512 * KIB; 2], 512 * KIB, 2_000),
    Load::of("16 MiB, one in 8 GiB", [16 * MIB; 2], 8 * GIB, 500_000),
    Load::of("8 GiB, one in 8 GiB", [8 * GIB; 2], 8 * GIB, 2_000),
    Load::of("64 B to 1 MiB, one in 64 KiB", [64, MIB], 64 * KIB, 100_000),
    Load::of(
        "4 KiB to 8 GiB, one in 512 KiB",
        [4 * KIB, 8 * GIB],
        512 * KIB,
        20_000,
    ),
];

/// An estimate over many seeds.
#[derive(Default)]
struct Score {
    /// Sum of the estimates over the truth, less 1.
    error: f64,
    within: u64,
}

fn main() {
    for load in &LOADS {
        let (mut count, mut bytes) = (Score::default(), Score::default());
        for seed in 1..=SEEDS {
            load.play(seed, &mut count, &mut bytes);
        }
        count.print(load.name, "count");
        bytes.print(load.name, "bytes");
    }
}

impl Load {
    const fn of(name: &'static str, sizes: [u64; 2], mean_bytes: u64, events: u64) -> Self {
        Self {
            name,
            sizes,
            mean_bytes,
            events,
        }
    }

    /// Samples all events with one seed.
    fn play(&self, seed: u64, count: &mut Score, bytes: &mut Score) {
        let sampling = Sampling {
            mean_bytes: self.mean_bytes,
        };
        let mut random = Random(seed);
        let mut left = 0;
        let (mut counted, mut added) = (Sums::default(), Sums::default());
        let (mut before, mut variance) = (0, 0.0);
        for _ in 0..self.events {
            let size = self.size(&mut random);
            if size != before {
                // By theory: how far the estimate of one event lies from it, squared, on average.
                let taken = -(-(size as f64) / self.mean_bytes as f64).exp_m1();
                (before, variance) = (size, (1.0 - taken) / taken);
            }
            counted.add(1.0, variance);
            added.add(size as f64, variance * size as f64 * size as f64);
            if is_taken(&mut left, size, self.mean_bytes, || random.next() as u32) {
                let weight = sampling.weight(size);
                counted.estimate += weight.parts() as f64 / Weight::WHOLE as f64;
                added.estimate += weight.times(size) as f64;
            }
        }
        count.add(&counted);
        bytes.add(&added);
    }

    /// A size, where each octave between the two is as likely.
    fn size(&self, random: &mut Random) -> u64 {
        let [low, high] = self.sizes;
        if low == high {
            return low;
        }
        let share = random.next() as f64 / u64::MAX as f64;
        (low as f64 * (high as f64 / low as f64).powf(share)) as u64
    }
}

/// Of one quantity with one seed.
#[derive(Default)]
struct Sums {
    truth: f64,
    variance: f64,
    estimate: f64,
}

impl Sums {
    fn add(&mut self, amount: f64, variance: f64) {
        self.truth += amount;
        self.variance += variance;
    }
}

impl Score {
    fn add(&mut self, sums: &Sums) {
        let error = sums.estimate - sums.truth;
        self.error += error / sums.truth;
        self.within += u64::from(error.abs() <= 3.0 * sums.variance.sqrt());
    }

    fn print(&self, load: &str, what: &str) {
        let bias = 100.0 * self.error.abs() / SEEDS as f64;
        let within = 100.0 * self.within as f64 / SEEDS as f64;
        for (mode, value) in [("bias", bias), ("within 3 sigma", within)] {
            let line = serde_json::json!({
                "bench": "sampling", "tool": "tracer", "mode": mode, "binary": format!("{what}, {load}"),
                "value": value, "unit": "%", "p10": value, "p90": value, "runs": SEEDS,
            });
            println!("{line}");
        }
    }
}

/// The same numbers in every run (splitmix64, Steele and others 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
