//! Recordings on disks that work, and on disks that do not.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

use rustix::process::{Rlimit, setrlimit};
use tracer_core::{
    event::{EventKind, ProcessId, StackId, StackTrace, Timestamp},
    trace::{Damage, Reader},
};

use super::*;

/// An event that does not compress well.
fn event(number: u64) -> Event {
    let noise = (0..40).map(|i| (number * 41 + i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let stack = StackTrace {
        id: StackId(number + 1),
        addresses: noise.collect(),
        leaf_word: None,
        recovered_at: None,
        truncated: false,
    };
    let process = ProcessId {
        tgid: 4711,
        start_ticks: 9,
    };
    Event {
        at: Timestamp(number),
        process,
        kind: EventKind::Stack(stack),
    }
}

fn read(path: &Path) -> (Vec<Event>, Damage) {
    let bytes = fs::read(path).unwrap();
    let mut reader = Reader::new(&bytes).unwrap();
    let events = reader.by_ref().collect();
    (events, reader.damage())
}

fn events(count: u64) -> Vec<Event> {
    (0..count).map(event).collect()
}

#[test]
fn what_is_recorded_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.trace");
    let mut trace = TraceFile::create(&path, false).unwrap();
    let expected = events(3000);
    for event in &expected {
        trace.record(event);
    }
    // Large blocks do not wait for a tick.
    let before = trace.events_written();
    assert!(before > 1000 && before < 3000, "{before}");
    let written = trace.finish();
    assert!(written.error.is_none());
    assert_eq!((written.events, written.refused_events), (3000, 0));
    assert_eq!(written.bytes, fs::metadata(&path).unwrap().len());
    let (events, damage) = read(&path);
    assert!(events == expected && damage.is_none());
}

#[test]
fn the_file_is_valid_after_each_tick() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.trace");
    let mut trace = TraceFile::create(&path, false).unwrap();
    assert_eq!(read(&path), (vec![], Damage::default()));
    for count in 1..10 {
        trace.record(&event(count - 1));
        assert_eq!(trace.events_written(), count - 1);
        trace.tick();
        assert_eq!(trace.events_written(), count);
        let bytes = trace.bytes_written();
        // Nothing to write, nothing written.
        trace.tick();
        assert_eq!(trace.bytes_written(), bytes);
        assert_eq!(read(&path), (events(count), Damage::default()));
    }
}

#[test]
fn a_recording_that_is_dropped_keeps_its_events_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.trace");
    drop(TraceFile::create(&path, false).unwrap());
    assert!(!path.exists());

    let mut trace = TraceFile::create(&path, false).unwrap();
    trace.record(&event(0));
    drop(trace);
    let (kept, damage) = read(&path);
    assert!(kept == events(1) && damage.is_none());

    // Somebody else's file by now.
    let trace = TraceFile::create(&path, true).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "theirs").unwrap();
    drop(trace);
    assert_eq!(fs::read(&path).unwrap(), b"theirs");
}

#[test]
fn a_disk_that_is_full_from_the_start_ends_the_recording() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut trace = TraceFile::over(full, PathBuf::from("/dev/full"));
    assert_eq!(
        trace.error().map(io::Error::kind),
        Some(io::ErrorKind::StorageFull)
    );
    for event in &events(5000) {
        trace.record(event);
    }
    trace.tick();
    let written = trace.finish();
    assert_eq!(
        written.error.map(|error| error.kind()),
        Some(io::ErrorKind::StorageFull)
    );
    assert_eq!((written.bytes, written.events), (0, 0));
}

/// Set in the child of the next test.
const LIMITED: &str = "TRACER_TEST_LIMITED";

/// Writes fail in the middle of a block, as on a disk that fills up: the kernel takes the bytes
/// up to a limit and refuses the rest. The limit is the process's, so this needs its own.
#[test]
fn a_disk_that_fills_up_leaves_the_whole_blocks() {
    if let Some(path) = std::env::var_os(LIMITED) {
        return fill(Path::new(&path));
    }
    let dir = tempfile::tempdir().unwrap();
    let this = "output::trace_file::tests::a_disk_that_fills_up_leaves_the_whole_blocks";
    // Without the trap, the kernel would end the child at its limit.
    let child = Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", this])
        .env(LIMITED, dir.path().join("x.trace"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

fn fill(path: &Path) {
    let limit = 20_000;
    let mut trace = TraceFile::create(path, false).unwrap();
    setrlimit(
        Resource::Fsize,
        Rlimit {
            current: Some(limit),
            maximum: None,
        },
    )
    .unwrap();
    let mut count = 0;
    while trace.error().is_none() {
        trace.record(&event(count));
        trace.tick();
        count += 1;
        assert!(count < 1000);
    }
    // The block that failed reached the limit before it was cut off.
    assert!(trace.bytes_written() > limit - 1000 && trace.bytes_written() < limit);
    assert_eq!(trace.events_written(), count - 1);
    assert_eq!(read(path), (events(count - 1), Damage::default()));

    // Tracing goes on.
    trace.record(&event(count));
    let written = trace.finish();
    assert_eq!(
        written.error.map(|error| error.kind()),
        Some(io::ErrorKind::FileTooLarge)
    );
    assert_eq!(fs::metadata(path).unwrap().len(), written.bytes);

    // The same limit, known from the start, is never reached.
    let mut trace = TraceFile::create(path, true).unwrap();
    trace.written.bytes = limit;
    trace.record(&event(0));
    trace.tick();
    assert_eq!(
        trace.error().map(io::Error::kind),
        Some(io::ErrorKind::FileTooLarge)
    );
}
