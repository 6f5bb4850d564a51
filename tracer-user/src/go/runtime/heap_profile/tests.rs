//! Profiles in memory that was made up.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const HEAD: u64 = 0x1000;
const CYCLE: u64 = 0x1008;
const RATE: u64 = 0x1010;
const LOCK: u64 = 0x1018;
/// Where the first bucket lies; each has room for the deepest stack.
const FIRST: u64 = 0x10_0000;
const STEP: u64 = 0x4000;

/// Words by address; what was not written is 0 within the pages that were.
#[derive(Clone, Debug, Default)]
struct Image(BTreeMap<u64, u64>);

impl Image {
    fn write(&mut self, address: u64, words: &[u64]) {
        let addresses = (address..).step_by(8);
        self.0.extend(addresses.zip(words.iter().copied()));
    }

    fn page_exists(&self, address: u64) -> bool {
        let page = address & !0xfff;
        self.0.range(page..page + 0x1000).next().is_some()
    }
}

impl Memory for Image {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        for (index, byte) in into.iter_mut().enumerate() {
            let at = address.wrapping_add(index as u64);
            if index == 0 || at.is_multiple_of(0x1000) {
                let length = 1;
                self.page_exists(at)
                    .then_some(())
                    .ok_or(Unreadable { address, length })?;
            }
            let word = self.0.get(&(at & !7)).copied().unwrap_or(0);
            *byte = word.to_le_bytes()[(at % 8) as usize];
        }
        Ok(())
    }
}

/// A bucket as a test states it: size, stack, then allocs and frees of active and the futures.
type Stated<'a> = (u64, &'a [u64], [[u64; 2]; 4]);

/// A profile of Go 1.`minor`, oldest bucket first.
fn image(minor: u32, cycle: u64, buckets: &[Stated<'_>]) -> Image {
    let mut image = Image::default();
    let layout = Layout::of(minor).expect("a known release");
    image.write(HEAD, &[0, cycle << layout.cycle_shift, 4096, 0]);
    for (index, (size, stack, counts)) in buckets.iter().enumerate() {
        let address = FIRST + index as u64 * STEP;
        let next = image.0[&HEAD];
        let hash = hash(stack, *size);
        let mut words = vec![0xdead, next, 1, hash, *size, stack.len() as u64];
        words.extend(*stack);
        for [allocs, frees] in counts {
            words.extend([*allocs, *frees]);
            if layout.has_bytes() {
                words.extend([allocs * size, frees * size]);
            }
        }
        image.write(address, &words);
        image.write(HEAD, &[address]);
    }
    image
}

/// The hash of a stack, written as `stkbucket` writes it.
fn hash(stack: &[u64], size: u64) -> u64 {
    let mut h: u64 = 0;
    for value in stack.iter().chain([&size]) {
        h = h.wrapping_add(*value);
        h = h.wrapping_add(h << 10);
        h ^= h >> 6;
    }
    h = h.wrapping_add(h << 3);
    h ^ (h >> 11)
}

fn places() -> Places {
    Places {
        buckets: HEAD,
        cycle: CYCLE,
        rate: RATE,
        locks: vec![LOCK],
    }
}

fn read(memory: &impl Memory, minor: u32) -> Result<HeapProfile, Error> {
    HeapProfile::read(memory, &places(), minor, || ())
}

/// Size, allocs, frees and stack of each bucket, newest first.
#[track_caller]
fn check(image: &Image, minor: u32, expected: &[(u64, u64, u64, &[u64])]) {
    let profile = read(image, minor).expect("a profile");
    let buckets = profile.buckets().map(|(bucket, stack)| {
        let Counts { allocs, frees } = bucket.counts;
        (bucket.size, allocs, frees, stack)
    });
    assert_eq!(buckets.collect::<Vec<_>>(), expected, "1.{minor}");
    assert_eq!(profile.rate, 4096);
}

#[track_caller]
fn refused(image: &Image, minor: u32, expected: &str) {
    let error = read(image, minor).expect_err("a refusal");
    assert_eq!(error.to_string(), expected);
}

/// Active counts, and one number for each cycle to come.
fn counts(active: [u64; 2], future: [[u64; 2]; 3]) -> [[u64; 2]; 4] {
    [active, future[0], future[1], future[2]]
}

const NONE: [[u64; 2]; 3] = [[0, 0]; 3];

#[test]
fn every_release_is_read() {
    for minor in 10..=27 {
        let of = |active| counts(active, NONE);
        let two = [
            (48, &[7, 8, 9][..], of([5, 2])),
            (4096, &[7][..], of([3, 3])),
        ];
        let expected = [(4096, 3, 3, &[7][..]), (48, 5, 2, &[7, 8, 9][..])];
        check(&image(minor, 4, &two), minor, &expected);
        check(&image(minor, 0, &[]), minor, &[]);
    }
}

#[test]
fn the_cycle_that_is_due_counts_and_later_ones_do_not() {
    for minor in [18, 19, 27] {
        for cycle in 0..4 {
            let mut future = [[100, 50], [100, 50], [100, 50]];
            future[cycle as usize % 3] = [2, 1];
            let buckets = [(16, &[1][..], counts([10, 4], future))];
            check(&image(minor, cycle, &buckets), minor, &[(16, 12, 5, &[1])]);
        }
    }
}

#[test]
fn before_the_first_collection_all_cycles_count() {
    for minor in [18, 26, 27] {
        let buckets = [
            (16, &[1][..], counts([0, 0], [[0, 0], [4, 1], [8, 0]])),
            (32, &[2][..], counts([0, 0], [[0, 0], [0, 0], [1, 0]])),
        ];
        let all = [(32, 1, 0, &[2][..]), (16, 12, 1, &[1][..])];
        check(&image(minor, 0, &buckets), minor, &all);
        // One that is due: nothing else counts.
        let due = [(32, 1, 0, &[2][..]), (16, 8, 0, &[1][..])];
        check(&image(minor, 2, &buckets), minor, &due);
    }
}

#[test]
fn the_deepest_stacks_are_read() {
    for (minor, depth) in [(11, 32), (22, 32), (23, 1024), (26, 1026)] {
        let stack: Vec<u64> = (1..=depth).collect();
        let of = counts([1, 0], NONE);
        check(
            &image(minor, 0, &[(8, &stack, of)]),
            minor,
            &[(8, 1, 0, &stack)],
        );
        let deeper: Vec<u64> = (0..=depth.max(1026)).collect();
        let why = "the heap profile is damaged: a stack that is too deep";
        refused(&image(minor, 0, &[(8, &deeper, of)]), minor, why);
    }
}

#[test]
fn what_no_release_writes_is_refused() {
    let of = counts([1, 0], NONE);
    let good = || image(20, 0, &[(8, &[1, 2], of), (16, &[3], of)]);
    let newest = FIRST + STEP;
    let changed = |address: u64, word: u64| {
        let mut image = good();
        image.write(address, &[word]);
        image
    };
    let damaged = |address, word, why: &str| {
        let why = format!("the heap profile is damaged: {why}");
        refused(&changed(address, word), 20, &why);
    };
    damaged(newest + 8, newest, "a list without end");
    damaged(FIRST + 8, newest, "a list without end");
    damaged(newest + 8, FIRST + 4, "a bucket that is not aligned");
    damaged(newest + 16, 2, "a bucket of another kind");
    damaged(newest + 40, u64::MAX, "a stack that is too deep");
    damaged(newest + 40, 33, "a stack that is too deep");
    let hash = "a stack under the hash of another";
    damaged(newest + 48, 4, hash);
    damaged(newest + 32, 8, hash);
    damaged(FIRST + 40, 1, hash);
    let gone = "no memory to read at 0x900000, 48 bytes";
    refused(&changed(newest + 8, 0x90_0000), 20, gone);
    let held = "the heap profile did not hold still: the profiler's lock is held";
    refused(&changed(LOCK, 1), 20, held);
    // The bytes of a record of Go 1.26.
    let torn = "the heap profile did not hold still: bytes that are not those of the objects";
    refused(&changed(newest + 48 + 8 + 16, 17), 20, torn);
    let unknown = "the heap profile of Go 1.28 is laid out in an unknown way";
    refused(&good(), 28, unknown);
}

/// The records of one release read as those of another: never numbers.
#[test]
fn records_of_another_release_are_refused() {
    let of = counts([3, 1], [[2, 0], [5, 0], [0, 0]]);
    let why = "the heap profile did not hold still: bytes that are not those of the objects";
    refused(&image(27, 0, &[(48, &[1], of)]), 26, why);
}

type Change = Box<dyn Fn(&mut Image)>;

/// Memory that a collection changes between two reads.
struct Changing {
    image: RefCell<Image>,
    reads: RefCell<usize>,
    /// At this read, this happens.
    change: (usize, Change),
}

impl Memory for Changing {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        *self.reads.borrow_mut() += 1;
        if *self.reads.borrow() == self.change.0 {
            (self.change.1)(&mut self.image.borrow_mut());
        }
        self.image.borrow().read(address, into)
    }
}

/// Whenever it happens, what is read is the state before or after it, of all buckets.
#[track_caller]
fn never_between(change: impl Fn(&mut Image) + Clone + 'static, before: u64, after: u64) {
    let of = counts([1, 0], [[10, 0], [100, 0], [0, 0]]);
    let mut seen = Vec::new();
    for at in 1..60 {
        let memory = Changing {
            image: RefCell::new(image(20, 0, &[(8, &[1], of), (16, &[2], of)])),
            reads: RefCell::new(0),
            change: (at, Box::new(change.clone())),
        };
        let profile = read(&memory, 20).expect("it holds still afterwards");
        let allocs = |(bucket, _): (&Bucket, &[u64])| bucket.counts.allocs;
        let allocs: Vec<u64> = profile.buckets().map(allocs).collect();
        assert!(allocs == [before; 2] || allocs == [after; 2], "{allocs:?}");
        seen.push(allocs[0]);
    }
    seen.dedup();
    assert_eq!(seen, [after, before], "both were seen");
}

/// Moves the counts of a cycle to those published, as `mProf_FlushLocked` does.
fn publish(image: &mut Image, cycle: u64) {
    for index in 0..2 {
        let record = FIRST + index * STEP + 48 + 8;
        let future = record + 32 * (1 + cycle);
        for word in (0..32).step_by(8) {
            let sum = image.0[&(record + word)] + image.0[&(future + word)];
            image.write(record + word, &[sum]);
            image.write(future + word, &[0]);
        }
    }
}

#[test]
fn a_collection_is_seen_whole_or_not_at_all() {
    // What is due is counted already.
    let of = counts([1, 0], [[10, 0], [100, 0], [0, 0]]);
    let mut image = image(20, 0, &[(8, &[1], of), (16, &[2], of)]);
    publish(&mut image, 0);
    check(&image, 20, &[(16, 11, 0, &[2]), (8, 11, 0, &[1])]);

    never_between(
        |image| {
            publish(image, 0);
            image.write(CYCLE, &[1 << 1]);
        },
        11,
        111,
    );
    // `mProf_PostSweep` leaves the cycle as it is.
    never_between(|image| publish(image, 1), 11, 111);
}

#[test]
fn ten_thousand_buckets_take_few_reads() {
    let mut image = Image::default();
    image.write(HEAD, &[0, 0, 4096, 0]);
    let stack: Vec<u64> = (1..=20).collect();
    for index in 0..10_000_u64 {
        let address = FIRST + index * 336;
        let next = image.0[&HEAD];
        let mut words = vec![0, next, 1, hash(&stack, 8 + index), 8 + index, 20];
        words.extend(&stack);
        words.extend([1, 0, 8 + index, 0]);
        words.extend([0; 12]);
        image.write(address, &words);
        image.write(HEAD, &[address]);
    }
    let memory = Changing {
        image: RefCell::new(image),
        reads: RefCell::new(0),
        change: (0, Box::new(|_| ())),
    };
    let profile = read(&memory, 20).expect("a profile");
    assert_eq!(profile.buckets().len(), 10_000);
    let reads = *memory.reads.borrow();
    assert!(reads <= 160, "{reads} reads");
}

proptest! {
    /// Any word anywhere: a profile or an error, soon.
    #[test]
    fn forged_words_are_survived(
        minor in 10_u32..=27,
        changes in prop::collection::vec((0_u64..400, any::<u64>()), 1..6),
        small in prop::collection::vec((0_u64..400, 0_u64..1100), 0..6),
        head in any::<u64>(),
    ) {
        let of = counts([3, 1], [[2, 0], [5, 0], [0, 0]]);
        let good = image(minor, 1, &[(8, &[1, 2, 3], of), (16, &[1], of), (32, &[], of)]);
        let mut image = good.clone();
        for (word, value) in changes.into_iter().chain(small) {
            image.write(FIRST + word / 134 * STEP + word % 134 * 8, &[value]);
        }
        let _ = read(&image, minor);
        let mut image = good;
        image.write(HEAD, &[head]);
        prop_assert!(read(&image, minor).is_err());
    }
}
