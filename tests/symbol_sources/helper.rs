//! The process that reads symbols of C: what it may do, and that it goes when the tool goes.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tracer_tests::Tool;

use super::elf::Elf;
use super::scene::{Library, SOON};
use super::session::{LIMIT, Session, children, status, until_gone};

/// A session about the library, and the addresses of two functions.
fn session() -> Result<(Library, Session, [u64; 2])> {
    let library = Library::new(&[])?;
    let path = library.path("libsample.so");
    let addresses = Elf::read(&path)?.functions(["library_calls", "library_inner"])?;
    Ok((library, Session::start(&path)?, addresses))
}

#[track_caller]
fn named(answer: &str, function: &str, has_line: bool) -> Result<()> {
    ensure!(answer.starts_with(function), "{answer}");
    ensure!(answer.contains("library.c:") == has_line, "{answer}");
    Ok(())
}

/// Those that an attached tool has, which itself may do everything.
#[test]
fn they_may_do_next_to_nothing() -> Result<()> {
    let library = Library::new(&[])?;
    let mut program = library.start()?;
    let tool = Tool::attached(program.pid(), &["--any"])?;
    program.send("go")?;
    program.event("counted", SOON)?;
    // The program, its library, the C library.
    let begin = Instant::now();
    while children(tool.pid()).len() < 3 {
        ensure!(begin.elapsed() < LIMIT, "{:?}", children(tool.pid()));
        sleep(Duration::from_millis(5));
    }
    // Each has given up its rights before it answers.
    sleep(Duration::from_millis(500));
    for helper in children(tool.pid()) {
        harmless(helper)?;
    }
    Ok(())
}

fn harmless(helper: u32) -> Result<()> {
    let nobody = ["65534"; 4].join(" ");
    let none = "0000000000000000";
    for (field, expected) in [
        ("Uid", &*nobody),
        ("Gid", &nobody),
        ("Groups", ""),
        ("CapInh", none),
        ("CapPrm", none),
        ("CapEff", none),
        ("CapAmb", none),
        ("NoNewPrivs", "1"),
        ("Threads", "1"),
    ] {
        let found = status(helper, field);
        ensure!(found.as_deref() == Some(expected), "{field}: {found:?}");
    }
    let limits = fs::read_to_string(format!("/proc/{helper}/limits"))?;
    let limit = |name: &str| -> Option<u64> {
        let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
        let mut values = line.split_whitespace().map_while(|word| word.parse().ok());
        values.next().filter(|soft| values.next() == Some(*soft))
    };
    let memory = limit("Max data size");
    ensure!(memory.is_some_and(|bytes| bytes <= 160 << 20), "{limits}");
    ensure!(limit("Max core file size") == Some(0), "{limits}");
    ensure!(limit("Max processes") == Some(0), "{limits}");
    // No program and no map of the tool's is open, and no process or directory.
    for entry in fs::read_dir(format!("/proc/{helper}/fd"))? {
        let target = fs::read_link(entry?.path())?;
        let is_special = target.to_string_lossy().starts_with("anon_inode:");
        ensure!(!is_special && !target.is_dir(), "{}", target.display());
    }
    let environment = fs::read(format!("/proc/{helper}/environ"))?;
    ensure!(environment.is_empty(), "{environment:?}");
    Ok(())
}

#[test]
fn it_ends_with_the_tool() -> Result<()> {
    // A run in the background ignores SIGINT.
    for end in [None, Some(Signal::TERM), Some(Signal::KILL)] {
        let (_library, mut session, [calls, _]) = session()?;
        session.ask(calls)?;
        let helper = session.helper()?;
        match end {
            None => {
                let (code, said) = session.end()?;
                ensure!((code, &*said) == (Some(0), ""), "{code:?} {said}");
                // It was waited for.
                ensure!(status(helper, "State").is_none());
            }
            Some(signal) => {
                session.signal(signal)?;
                until_gone(helper)?;
            }
        }
    }
    Ok(())
}

/// One that is too busy to see that its socket is closed.
#[test]
fn it_ends_with_the_tool_whatever_it_does() -> Result<()> {
    let (_library, mut session, [calls, _]) = session()?;
    session.ask(calls)?;
    let helper = session.helper()?;
    kill_process(
        Pid::from_raw(helper as i32).unwrap_or(Pid::INIT),
        Signal::STOP,
    )?;
    session.signal(Signal::KILL)?;
    until_gone(helper)
}

#[test]
fn one_that_is_slow_or_dead_is_replaced() -> Result<()> {
    for signal in [Signal::STOP, Signal::KILL] {
        let (library, mut session, [calls, inner]) = session()?;
        named(&session.ask(calls)?, "library_calls", true)?;
        let helper = session.helper()?;
        kill_process(Pid::from_raw(helper as i32).unwrap_or(Pid::INIT), signal)?;
        named(&session.ask(inner)?, "library_inner", false)?;
        ensure!(
            status(helper, "State").is_none(),
            "the old one is still there"
        );
        let (code, said) = session.end()?;
        let path = library.path("libsample.so").display().to_string();
        let why = if signal == Signal::STOP {
            "reading its symbols took longer than 750 ms"
        } else {
            "reading its symbols failed: it is damaged, or they need too much memory"
        };
        let warning = format!("warning: {path}: without source lines: {why}\n");
        ensure!((code, said) == (Some(0), warning.clone()), "{warning}");
    }
    Ok(())
}

/// A C++ name is shown as people write it, a C name as it is, however short.
#[test]
fn names_of_languages() -> Result<()> {
    let library = Library::new(&[])?;
    let source = "int f(void) { return 1; }\nint d(void) { return 2; }\n\
                  int mangled(void) __asm__(\"_ZN3one3twoEi\");\nint mangled(void) { return 3; }\n";
    fs::write(library.path("short.c"), source)?;
    for flags in [&["-g"][..], &[]] {
        library.run(
            "cc",
            &["-shared", "-fPIC", "-o", "short.so", "short.c"],
            flags,
        )?;
        let path = library.path("short.so").display().to_string();
        let [f, d, two] = Elf::read(path.as_ref())?.functions(["f", "d", "_ZN3one3twoEi"])?;
        let mut symbols = Command::new(tracer_tests::tracer_binary()?);
        symbols.args(["symbols", &path]);
        symbols.args([f, d, two].map(|address| format!("{address:x}")));
        let answer = String::from_utf8(symbols.output()?.stdout)?;
        let names: Vec<_> = answer
            .lines()
            .map(|line| line.split(' ').nth(1).unwrap_or_default())
            .collect();
        ensure!(names == ["f", "d", "one::two(int)"], "{answer}");
    }
    Ok(())
}
