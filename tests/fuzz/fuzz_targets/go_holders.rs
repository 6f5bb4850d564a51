//! Who holds objects, in the memory of a hostile process: forged spans and stacks, objects that hold
//! each other in circles, words that are others each time they are read.
#![no_main]

use std::cell::Cell;

use libfuzzer_sys::fuzz_target;
use tracer_core::event::FoundBy;
use tracer_fuzz::patch::minis;
use tracer_user::go::Binary;
use tracer_user::go::holders::{Subject, Wanted, find};
use tracer_user::go::runtime::{Arch, Globals, Layout, Memory, Profile, Unreadable};

/// The release whose structures are written out below, and its place among the small executables.
const MINOR: u32 = 26;
const FORMAT: usize = 6;

/// Where what is written out lies: `mheap_`, `allgs`, then lists and structures, the heap, variables.
const HEAP: u64 = 0x10_0000;
const ALL_SPANS: u64 = HEAP + 65864;
const ALL_GS: u64 = 0x20_0000;
const LISTS: [u64; 2] = [0x30_0000, 0x30_8000];
const SPANS: u64 = 0x31_0000;
const GOROUTINES: u64 = 0x32_0000;
const OBJECTS: u64 = 0x4000_0000;
const VARIABLES: u64 = 0x5000_0000;
const STACKS: u64 = 0x6000_0000;
const SPAN: u64 = 160;
const G: u64 = 456;

/// Structures at most of each kind, and bytes that a budget allows to read.
const MAX_LISTED: usize = 64;
const BUDGET: usize = 4 << 20;
/// Chunks after which a search is told to stop.
const MAX_RESTS: u32 = 500;

struct Forged<'d> {
    /// What all memory consists of, apart from the structures.
    bytes: &'d [u8],
    structures: Vec<(u64, Vec<u8>)>,
    changes: bool,
    reads: Cell<usize>,
    left: Cell<usize>,
}

impl Forged<'_> {
    /// In objects, variables and stacks most words are pointers into objects.
    fn word(&self, index: u64) -> u64 {
        let drift = if self.changes {
            self.reads.get() / 16
        } else {
            0
        };
        let at = (index as usize).wrapping_add(drift);
        let byte = |at: usize| u64::from(self.bytes[at % self.bytes.len()]);
        match (index * 8, byte(at)) {
            (OBJECTS.., byte @ 32..) => OBJECTS + (byte - 32) * 1024 + byte % 3 * 8,
            (OBJECTS.., _) => 0,
            _ => (0..8).fold(0, |word, part| {
                word << 8 | byte(at.wrapping_mul(8).wrapping_add(part))
            }),
        }
    }
}

impl Memory for Forged<'_> {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        let length = into.len();
        let left = self.left.get().checked_sub(length);
        self.left.set(left.ok_or(Unreadable { address, length })?);
        self.reads.set(self.reads.get() + 1);
        let mut word = (u64::MAX, [0; 8]);
        for (index, byte) in into.iter_mut().enumerate() {
            let at = address.wrapping_add(index as u64);
            if word.0 != at / 8 {
                word = (at / 8, self.word(at / 8).to_le_bytes());
            }
            *byte = word.1[(at % 8) as usize];
        }
        for (start, bytes) in &self.structures {
            let first = address.max(*start);
            let end = address.saturating_add(length as u64);
            let end = end.min(start + bytes.len() as u64);
            if first < end {
                let (from, to) = ((first - start) as usize, (end - start) as usize);
                let place = (first - address) as usize;
                into[place..place + to - from].copy_from_slice(&bytes[from..to]);
            }
        }
        Ok(())
    }
}

/// A structure of so many bytes with these words, and what else is in it.
fn structure(size: u64, words: &[(usize, u64)]) -> Vec<u8> {
    let mut bytes = vec![0; size as usize];
    for (at, word) in words {
        bytes[*at..*at + 8].copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// `mspan`: a place, a size and a class of the input's choice, which may contradict each other.
fn span(choice: &[u8]) -> Vec<u8> {
    let byte = |at: usize| u64::from(choice.get(at).copied().unwrap_or(0));
    let (pages, slot) = (byte(1) % 16 + 1, 8 << (byte(2) % 14));
    let slots = match byte(3) {
        slots @ 0xc0.. => slots << 4,
        _ => pages * 8192 / slot,
    };
    let state = if byte(5) == 7 { 2 } else { 1 };
    structure(
        SPAN,
        &[
            (24, OBJECTS + byte(0) * 8192),
            (32, pages),
            (48, slots << 16 | byte(3) << 32),
            (64, byte(4) * 8),
            (96, byte(4) % 136 << 16 | state << 24),
            (104, slot),
            (128, if byte(6) % 2 == 0 { 0 } else { byte(6) * 8 }),
            (152, VARIABLES + byte(7) * 8),
        ],
    )
}

/// `g`, which waits in a function of the executable.
fn goroutine(choice: &[u8], text: &std::ops::Range<u64>) -> Vec<u8> {
    let byte = |at: usize| u64::from(choice.get(at).copied().unwrap_or(0));
    let pc = |at: usize| text.start + (byte(at) << 4) % (text.end - text.start);
    let stack = STACKS + byte(0) * 4096;
    structure(
        G,
        &[
            (0, stack),
            (8, stack + (1 << (byte(1) % 24))),
            (56, stack + byte(2) * 8),
            (64, pc(3)),
            (80, OBJECTS + byte(4) * 64),
            (144, byte(5) % 12),
            (288, pc(6)),
            (304, pc(7)),
        ],
    )
}

/// A slice of pointers to structures that lie one behind the other, and these.
fn list(at: u64, pointers: u64, first: u64, all: &[Vec<u8>]) -> Vec<(u64, Vec<u8>)> {
    let count = all.len() as u64;
    let places = all.iter().scan(first, |place, one| {
        let this = *place;
        *place += one.len() as u64;
        Some(this.to_le_bytes())
    });
    let places: Vec<u8> = places.flatten().collect();
    vec![
        (at, structure(24, &[(0, pointers), (8, count), (16, count)])),
        (pointers, places),
        (first, all.concat()),
    ]
}

fuzz_target!(|input: (u8, bool, &[u8], &[u8], &[u8])| {
    let (release, changes, spans, goroutines, bytes) = input;
    // Of any release nothing but the words; of one, structures around them.
    let minor = if release < 128 {
        MINOR
    } else {
        13 + u32::from(release) % 15
    };
    let (Some(layout), false) = (Layout::of(minor, Arch::Amd64), bytes.is_empty()) else {
        return;
    };
    let mini = &minis()[FORMAT];
    let Some(table) = Binary::parse(&mini.file)
        .ok()
        .and_then(|binary| binary.table)
    else {
        return;
    };
    let mut structures = Vec::new();
    if release < 128 {
        let spans: Vec<_> = spans.chunks(8).take(MAX_LISTED).map(span).collect();
        let goroutines = goroutines.chunks(8).take(MAX_LISTED);
        let goroutines: Vec<_> = goroutines
            .map(|choice| goroutine(choice, &mini.text))
            .collect();
        structures.extend(list(ALL_SPANS, LISTS[0], SPANS, &spans));
        structures.extend(list(ALL_GS, LISTS[1], GOROUTINES, &goroutines));
        structures.extend(mini.areas.iter().rev().take(1).map(|(_, area)| {
            let data = (VARIABLES, VARIABLES + 2048);
            let words = [
                (208, data.0),
                (216, data.1),
                (296, VARIABLES),
                (304, VARIABLES + 4096),
                (544, 256),
            ];
            (0x40_0000 + area.start as u64, structure(704, &words))
        }));
    }
    let memory = Forged {
        bytes,
        structures,
        changes,
        reads: Cell::new(0),
        left: Cell::new(BUDGET),
    };
    let globals = Globals {
        layout,
        found_by: FoundBy::Symbols,
        heap: HEAP,
        stats: 1 << 20,
        controller: None,
        gc_percent: None,
        all_gs: ALL_GS,
        all_ps: 0x20_0100,
        sched: None,
        gc_phase: None,
        profile: Profile::default(),
        finalizer_queue: vec![VARIABLES],
        pools: vec![VARIABLES + 64],
    };
    let subject = Subject {
        memory: &memory,
        globals: &globals,
        table: &table,
        bias: 0,
    };
    let mut rests = 0;
    let mut pause = || {
        rests += 1;
        rests < MAX_RESTS
    };
    let wanted = Wanted::default();
    let Ok(found) = find(&subject, &mini.file, None, &wanted, &mut pause) else {
        return;
    };
    assert!(found.sites.len() <= wanted.max_sites);
    for site in &found.sites {
        assert!(site.sampled <= wanted.per_site as u64 && site.reached <= site.sampled);
        assert!(
            site.owners
                .iter()
                .all(|owner| owner.objects <= site.reached)
        );
    }
});
