//! The test programs do what they say: without that, no other test here means anything.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tracer_tests::{Flag, GoVersion, Program, Running, Smaps};

const SOON: Duration = Duration::from_secs(30);
const MIB: u64 = 1 << 20;

/// Counts, each made 100 times by one kind of work; dup3 and close belong to several kinds.
const CALLS: &[(&str, u64)] = &[
    ("accept4", 100),
    ("brk", 100),
    ("close", 300),
    ("close_range", 100),
    ("connect", 200),
    ("dup", 100),
    ("dup3", 200),
    ("madvise_dontneed", 100),
    ("madvise_free", 100),
    ("mmap", 100),
    ("mprotect", 100),
    ("mremap", 100),
    ("munmap", 100),
    ("process_madvise_cold", 100),
    ("socket", 200),
];

#[test]
fn calls_counts_what_it_calls() -> Result<()> {
    for &go in GoVersion::ALL {
        let mut calls = Running::program(&Program::build("calls", go, &[])?, &["-n", "100"])?;
        calls.event("ready", SOON)?;
        calls.send("go")?;
        let counted = calls.event("counted", SOON)?;
        for (call, count) in CALLS {
            ensure!(
                counted["counts"][call] == *count,
                "{go:?} {call}: {counted}"
            );
        }
        calls.send("exit")?;
        assert_eq!(calls.ending(SOON)?, (Some(0), None));
    }
    Ok(())
}

#[test]
fn lazily_freed_memory_stays_resident() -> Result<()> {
    lazily_freed(
        GoVersion::GO_1_15,
        "",
        380 * MIB..=420 * MIB,
        380 * MIB..=440 * MIB,
    )?;
    lazily_freed(
        GoVersion::GO_1_26,
        "madvdontneed=0",
        380 * MIB..=420 * MIB,
        380 * MIB..=440 * MIB,
    )
}

#[test]
fn memory_given_back_at_once_is_not_resident() -> Result<()> {
    lazily_freed(GoVersion::GO_1_15, "madvdontneed=1", 0..=0, 0..=60 * MIB)?;
    lazily_freed(GoVersion::GO_1_26, "", 0..=0, 0..=60 * MIB)
}

#[track_caller]
fn lazily_freed(
    go: GoVersion,
    godebug: &str,
    lazy_free: std::ops::RangeInclusive<u64>,
    rss: std::ops::RangeInclusive<u64>,
) -> Result<()> {
    let executable = Program::build("lazily_freed", go, &[])?;
    let mut program = Running::start(
        Command::new(executable)
            .args(["-hold", "-1"])
            .env("GODEBUG", godebug),
    )?;
    let holding = program.event("ready", SOON)?;
    ensure!(
        holding["phase"] == "holding" && holding["held_bytes"] == 400 * MIB,
        "{holding}"
    );
    ensure!(
        Smaps::read(program.pid())?.lazy_free == 0,
        "lazily freed before the drop"
    );
    program.send("drop")?;
    program.event("ready", SOON)?;
    program.send("free")?;
    program.event("ready", SOON)?;
    let truth = Smaps::read(program.pid())?;
    ensure!(
        lazy_free.contains(&truth.lazy_free),
        "{go:?} {godebug:?}: {truth:?}"
    );
    ensure!(rss.contains(&truth.rss), "{go:?} {godebug:?}: {truth:?}");
    Ok(())
}

#[test]
fn the_background_scavenger_needs_no_help() -> Result<()> {
    let executable = Program::build("lazily_freed", GoVersion::GO_1_15, &[])?;
    let program = Running::program(&executable, &[])?;
    program.event("ready", SOON)?;
    let start = Instant::now();
    while Smaps::read(program.pid())?.lazy_free < 300 * MIB {
        ensure!(
            start.elapsed() < SOON,
            "{:?} after {SOON:?}",
            Smaps::read(program.pid())
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

#[test]
fn faults_touches_fresh_pages() -> Result<()> {
    for &go in GoVersion::ALL {
        let mut faults =
            Running::program(&Program::build("faults", go, &[])?, &["-pages", "9000"])?;
        faults.event("ready", SOON)?;
        let before = minor_faults(faults.pid())?;
        faults.send("go")?;
        let counted = faults.event("counted", SOON)?;
        ensure!(counted["main.writePages"] == 9000 && counted["main.readPages"] == 9000);
        let faulted = minor_faults(faults.pid())? - before;
        ensure!(
            (18_000..18_500).contains(&faulted),
            "{go:?}: {faulted} faults"
        );
    }
    Ok(())
}

/// Field 10 of `/proc/PID/stat`.
fn minor_faults(pid: u32) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    Ok(after_name.split(' ').nth(7).unwrap_or_default().parse()?)
}

#[test]
fn sockets_leaks_only_where_it_says() -> Result<()> {
    for &go in GoVersion::ALL {
        let args = ["-good", "20", "-leaky", "10"];
        let mut sockets = Running::program(&Program::build("sockets", go, &[])?, &args)?;
        sockets.event("ready", SOON)?;
        let before = open_sockets(sockets.pid())?;
        sockets.send("go")?;
        let counted = sockets.event("counted", SOON)?;
        ensure!(counted["open_by_dialer"] == 10 && counted["opened"]["main.serve"] == 30);
        // Both ends lie in this process; the far end of a closed connection closes a little later.
        settles(|| Ok(open_sockets(sockets.pid())? - before), 20)?;
        sockets.send("close")?;
        sockets.event("counted", SOON)?;
        settles(|| Ok(open_sockets(sockets.pid())? - before), 0)?;
    }
    Ok(())
}

fn open_sockets(pid: u32) -> Result<usize> {
    let links = std::fs::read_dir(format!("/proc/{pid}/fd"))?
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    Ok(links
        .filter(|link| link.to_string_lossy().starts_with("socket:"))
        .count())
}

#[track_caller]
fn settles(mut now: impl FnMut() -> Result<usize>, expected: usize) -> Result<()> {
    let start = Instant::now();
    while now()? != expected {
        ensure!(
            start.elapsed() < Duration::from_secs(5),
            "{} instead of {expected}",
            now()?
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

#[test]
fn checksum_repeats_itself() -> Result<()> {
    let mut seen = Vec::new();
    for &go in GoVersion::ALL {
        let executable = Program::build("checksum", go, &[])?;
        for _ in 0..2 {
            let mut checksum = Running::program(&executable, &["-rounds", "200"])?;
            assert_eq!(checksum.line(SOON)?, "ready");
            checksum.close_stdin();
            seen.push(checksum.line(SOON)?);
            assert_eq!(checksum.ending(SOON)?, (Some(7), None));
        }
    }
    ensure!(seen[0].len() == "checksum ".len() + 64, "{seen:?}");
    ensure!(seen.iter().all(|line| *line == seen[0]), "{seen:?}");
    Ok(())
}

#[test]
fn steady_is_steady() -> Result<()> {
    for &go in GoVersion::ALL {
        let mut steady = Running::program(&Program::build("steady", go, &[])?, &[])?;
        let ready = steady.event("ready", SOON)?;
        std::thread::sleep(Duration::from_secs(1));
        steady.send("state")?;
        let state = steady.event("state", SOON)?;
        ensure!(
            state["entries_made"].as_u64() > ready["entries_made"].as_u64(),
            "{state}"
        );
        ensure!(
            state["heap_sys_bytes"] == ready["heap_sys_bytes"],
            "{ready} {state}"
        );
    }
    Ok(())
}

#[test]
fn cgo_memory_comes_and_goes() -> Result<()> {
    for &go in GoVersion::ALL {
        let mut cgo = Running::program(&Program::build("cgo_heap", go, &[Flag::Cgo])?, &[])?;
        cgo.event("ready", SOON)?;
        let before = Smaps::read(cgo.pid())?.rss;
        cgo.send("grow")?;
        cgo.event("grown", SOON)?;
        ensure!(Smaps::read(cgo.pid())?.rss >= before + 100 * MIB);
        cgo.send("release")?;
        cgo.event("released", SOON)?;
        ensure!(Smaps::read(cgo.pid())?.rss < before + 10 * MIB);
    }
    Ok(())
}

#[test]
fn native_counts_what_it_calls() -> Result<()> {
    let mut native = Running::program(&Program::build_c("native")?, &["50"])?;
    native.event("ready", SOON)?;
    native.send("go")?;
    let counted = native.event("counted", SOON)?;
    ensure!(counted["mmap"] == 50 && counted["brk"] == 52, "{counted}");
    ensure!(Smaps::read(native.pid())?.rss > 24 * MIB);
    Ok(())
}

#[test]
fn every_way_of_linking_runs() -> Result<()> {
    const WAYS: &[&[Flag]] = &[
        &[Flag::Stripped],
        &[Flag::Pie],
        &[Flag::Pie, Flag::Stripped],
    ];
    for &go in GoVersion::ALL {
        for flags in WAYS {
            let steady = Running::program(&Program::build("steady", go, flags)?, &["-slots", "1"])?;
            steady.event("ready", SOON)?;
        }
        let sockets = Program::build("sockets", go, &[Flag::Cgo])?;
        Running::program(&sockets, &[])?.event("ready", SOON)?;
    }
    Ok(())
}
