//! Whatever happens to a trace: each block that is whole is read, and what is missing is said.

use tracer_core::event::{
    Advice, Call, EndedBy, Event, EventKind, Frame, Loss, LossCount, ProcessId, StackId,
    StackTrace, Symbol, Syscall, Timestamp,
};
use tracer_core::trace::{Damage, Encoder, OpenError, Reader};

/// A trace in its parts.
struct Sample {
    header: Vec<u8>,
    /// Each with its events.
    blocks: Vec<(Vec<u8>, Vec<Event>)>,
    index: Vec<u8>,
}

/// A small trace of `blocks` blocks with 10 events each, as process `tgid`.
fn sample(tgid: u32, blocks: u64) -> Sample {
    let (mut encoder, header) = Encoder::new();
    let mut out = Vec::new();
    for block in 0..blocks {
        let events: Vec<Event> = (0..10)
            .map(|number| event(tgid, block * 10 + number))
            .collect();
        for event in &events {
            encoder.push(event);
        }
        out.push((encoder.take_block().expect("events were pushed"), events));
    }
    Sample {
        header,
        blocks: out,
        index: encoder.finish(),
    }
}

fn event(tgid: u32, number: u64) -> Event {
    let id = StackId(number % 3 + 1);
    let name = format!("main.Größe{number}");
    let frame = Frame {
        function: name,
        file: "größe.go".to_owned(),
        line: 7,
        ..Frame::default()
    };
    let addr = 0xc000_0000_0000 + number * 8192;
    let call = |what, outcome| {
        let entered = Some(Timestamp(number * 1000));
        EventKind::Call(Call {
            tid: tgid + 1,
            entered,
            stack: Some(id),
            goroutine: None,
            outcome: Ok(outcome),
            what,
        })
    };
    let kind = match number % 10 {
        0 => EventKind::Stack(StackTrace {
            id,
            addresses: vec![0x40_1000, 0x40_2000 + number],
            leaf_word: None,
            recovered_at: None,
            truncated: false,
        }),
        1 => EventKind::Symbols(vec![Symbol {
            address: addr,
            frames: vec![frame],
            ..Symbol::default()
        }]),
        2 => EventKind::Loss(Loss {
            counts: vec![LossCount {
                kind: "mmap".to_owned(),
                expected: 9,
                received: 8,
                lost: 1,
                skipped: 0,
            }],
            ..Loss::default()
        }),
        3 => EventKind::End(EndedBy::Duration),
        4 => EventKind::Tick,
        5 | 6 => call(
            Syscall::Mmap {
                addr: 0,
                len: 65536,
                prot: 3,
                flags: 0x22,
                fd: -1,
                offset: 0,
            },
            addr,
        ),
        7 | 8 => call(
            Syscall::Madvise {
                addr,
                len: 65536,
                advice: Advice::FREE,
            },
            0,
        ),
        _ => call(Syscall::Munmap { addr, len: 65536 }, 0),
    };
    Event {
        at: Timestamp(number * 1000 + 500),
        process: ProcessId {
            tgid,
            start_ticks: 99,
        },
        kind,
    }
}

fn read(trace: &[u8]) -> (Vec<Event>, Damage) {
    let mut reader = Reader::new(trace).expect("a trace");
    let events = reader.by_ref().collect();
    (events, reader.damage())
}

impl Sample {
    fn bytes(&self) -> Vec<u8> {
        let blocks = self
            .blocks
            .iter()
            .map(|(bytes, _)| bytes.as_slice())
            .collect::<Vec<_>>()
            .concat();
        [&self.header[..], &blocks, &self.index].concat()
    }

    /// A trace of these of its blocks, and their events.
    fn reordered(&self, order: &[usize]) -> (Vec<u8>, Vec<Event>) {
        let mut trace = self.header.clone();
        let mut events = Vec::new();
        for number in order {
            trace.extend_from_slice(&self.blocks[*number].0);
            events.extend_from_slice(&self.blocks[*number].1);
        }
        trace.extend_from_slice(&self.index);
        (trace, events)
    }
}

#[test]
fn a_trace_cut_anywhere_gives_all_blocks_before_the_cut() {
    let sample = sample(4711, 5);
    let trace = sample.bytes();
    for end in 0..trace.len() {
        if end < 8 {
            assert_eq!(Reader::new(&trace[..end]).err(), Some(OpenError::NotATrace));
            continue;
        }
        let mut expected = Vec::new();
        let mut whole = sample.header.len();
        for (bytes, events) in &sample.blocks {
            if whole + bytes.len() > end {
                break;
            }
            whole += bytes.len();
            expected.extend_from_slice(events);
        }
        let in_header = end < sample.header.len();
        let skipped = if in_header { end } else { end - whole } as u64;
        let (events, damage) = read(&trace[..end]);
        assert!(events == expected, "cut at {end}");
        let expected = Damage {
            header: in_header,
            damaged_blocks: u64::from(!in_header && skipped > 0),
            skipped_bytes: skipped,
            ..Damage::default()
        };
        assert_eq!(damage, expected, "cut at {end}");
    }
    let (events, damage) = read(&trace);
    assert_eq!(events.len(), 50);
    assert!(damage.is_none());
}

#[test]
fn a_flipped_bit_costs_the_block_it_is_in() {
    let sample = sample(4711, 2);
    let trace = sample.bytes();
    // Of each part, where it ends and what it holds.
    let mut end = sample.header.len();
    let mut parts = vec![(end, &[][..])];
    for (bytes, events) in &sample.blocks {
        end += bytes.len();
        parts.push((end, events));
    }
    parts.push((trace.len(), &[]));
    let all: Vec<Event> = parts
        .iter()
        .flat_map(|(_, events)| events.iter().cloned())
        .collect();

    // splitmix64: the same flips in every run.
    let mut state = 0x5eed_u64;
    let mut random = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) as usize
    };
    let mut flipped = trace.clone();
    for round in 0..100_000 {
        let bit = random() % (trace.len() * 8);
        let byte = bit / 8;
        flipped[byte] ^= 1 << (bit % 8);
        let (events, damage) = read(&flipped);
        let hit = parts.partition_point(|(end, _)| *end <= byte);
        let lost = parts[hit].1;
        assert_eq!(events.len(), all.len() - lost.len(), "bit {bit}");
        // The comparison of all is slow without optimization.
        if round % 64 == 0 {
            assert!(
                events
                    .iter()
                    .eq(all.iter().filter(|event| !lost.contains(event))),
                "bit {bit}"
            );
        }
        assert_eq!(damage.missing_events, lost.len() as u64, "bit {bit}");
        assert_eq!(damage.header, hit == 0, "bit {bit}");
        assert_eq!(damage.damaged_blocks, u64::from(hit != 0), "bit {bit}");
        assert_eq!(damage.complete, hit != parts.len() - 1, "bit {bit}");
        assert!(damage.skipped_bytes > 0, "bit {bit}");
        flipped[byte] = trace[byte];
    }
}

#[test]
fn blocks_are_read_where_they_stand() {
    #[track_caller]
    fn check(order: &[usize], misplaced: u64, missing: u64) {
        let (trace, expected) = sample(4711, 4).reordered(order);
        let (events, damage) = read(&trace);
        assert_eq!(events, expected);
        let expected = Damage {
            misplaced_blocks: misplaced,
            missing_events: missing,
            complete: true,
            ..Damage::default()
        };
        assert_eq!(damage, expected);
    }

    check(&[0, 1, 2, 3], 0, 0);
    check(&[0, 2, 1, 3], 1, 0);
    check(&[3, 2, 1, 0], 3, 0);
    check(&[0, 1, 1, 2, 3], 1, 0);
    check(&[0, 3], 0, 20);
    check(&[], 0, 40);
}

#[test]
fn two_traces_spliced_anywhere_give_the_whole_blocks_of_both() {
    let (front, back) = (sample(1, 3), sample(2, 3));
    let (front_bytes, back_bytes) = (front.bytes(), back.bytes());
    for cut in (front.header.len()..front_bytes.len()).step_by(13) {
        for resume in (0..back_bytes.len()).step_by(11) {
            let spliced = [&front_bytes[..cut], &back_bytes[resume..]].concat();
            let (events, _) = read(&spliced);
            // Whole is what is there byte by byte, be it by chance.
            let is_there = |block: &[u8]| spliced.windows(block.len()).any(|bytes| bytes == block);
            let blocks = front.blocks.iter().chain(&back.blocks);
            let whole = blocks.filter(|(bytes, _)| is_there(bytes));
            let expected: Vec<Event> = whole.flat_map(|(_, events)| events.clone()).collect();
            assert!(events == expected, "front up to {cut}, back from {resume}");
        }
    }
}

#[test]
fn a_trace_without_its_first_bytes_is_still_one() {
    let sample = sample(4711, 3);
    let mut trace = sample.bytes();
    let header = sample.header.len();
    let (events, damage) = read(&trace[5..]);
    assert_eq!(
        (events.len(), damage.header, damage.complete),
        (30, true, true)
    );
    // A page that never reached the disk.
    trace[..header + 40].fill(0);
    let (events, damage) = read(&trace);
    assert_eq!(
        (events.len(), damage.header, damage.missing_events),
        (20, true, 10)
    );
}
