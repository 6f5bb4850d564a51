//! `tracer symbols` of what is no address, and of streams that end or do not.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tracer_tests::{Outcome, Program, Running, run, tracer_binary};

use super::ask::{AT_ONCE, DONE, USAGE, address_of_main, fails};

const NO_ADDRESS: &str =
    "give addresses in hexadecimal, such as 4a2c10 or 0x4a2c10; `-` reads them from stdin";

/// `tracer symbols FILE ARGS` with this on stdin.
fn piped(file: &Path, args: &[&str], input: &str) -> Result<Outcome> {
    let place = tempfile::tempdir()?;
    fs::write(place.path().join("input"), input)?;
    let begin = Instant::now();
    let output = Command::new(tracer_binary()?)
        .arg("symbols")
        .arg(file)
        .args(args)
        .stdin(fs::File::open(place.path().join("input"))?)
        .stderr(Stdio::piped())
        .output()?;
    Ok(Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout)?,
        said_at: None,
        stderr: String::from_utf8(output.stderr)?,
        took: begin.elapsed(),
    })
}

#[test]
fn what_is_no_address() -> Result<()> {
    let native = Program::build_c("native")?;
    let line = |pc: &u64| format!("{pc:#x} ?\n");
    let unknown = |pcs: &[u64]| pcs.iter().map(line).collect::<Vec<_>>().concat();
    for (word, shown) in [
        ("", ""),
        ("zz", "zz"),
        ("0x", "0x"),
        ("+1", "+1"),
        ("1g", "1g"),
        ("10000000000000000", "10000000000000000"),
        ("main", "main"),
        ("\u{1b}[31m\n", "\\x1b[31m\\n"),
    ] {
        let error = format!("`{shown}` is no address");
        let answer = piped(&native, &["0", word, "1"], "")?;
        fails(&answer, USAGE, &unknown(&[0]), &error, NO_ADDRESS);
    }
    // As on the command line, what came before a mistake is answered.
    let mixed = piped(&native, &["7", "-"], "0 0x1\n2 xyz 3\n")?;
    let error = "`xyz` is no address";
    fails(&mixed, USAGE, &unknown(&[7, 0, 1, 2]), error, NO_ADDRESS);
    // Ten megabytes without white space.
    let long = piped(&native, &["-"], &"1".repeat(10 << 20))?;
    let error = format!("`{}...` is no address", "1".repeat(64));
    fails(&long, USAGE, "", &error, NO_ADDRESS);
    // And with: the largest that there is, and leading zeros.
    let most = piped(&native, &["-"], &format!("ffffffffffffffff {:0>64}", 5))?;
    ensure!(most.stdout == unknown(&[u64::MAX, 5]), "{most:?}");
    ensure!(
        most.code == Some(DONE) && most.stderr.is_empty(),
        "{most:?}"
    );
    Ok(())
}

#[test]
fn no_address_and_no_input() -> Result<()> {
    let native = Program::build_c("native")?.display().to_string();
    let none = run(&["symbols", &native])?;
    let hint = "`tracer --help` lists the commands, `tracer COMMAND --help` the flags";
    let error = "the following required arguments were not provided: <PC>...";
    fails(&none, USAGE, "", error, hint);
    let nothing = run(&["symbols", &native, "-"])?;
    ensure!(nothing.code == Some(DONE), "{nothing:?}");
    ensure!(nothing.stdout.is_empty() && nothing.stderr.is_empty());
    let mut command = Command::new(tracer_binary()?);
    command
        .args(["symbols", &native, "-"])
        .stdin(fs::File::open("/")?);
    let output = command.output()?;
    let said = String::from_utf8(output.stderr)?;
    let error = "cannot read addresses from stdin: Is a directory (os error 21)";
    ensure!(
        said.starts_with(&format!("error: {error}\nhint: ")),
        "{said}"
    );
    ensure!(output.status.code() == Some(USAGE), "{said}");
    Ok(())
}

/// As with `| head -1`: an endless input is not read on.
#[test]
fn nobody_reads_the_answers() -> Result<()> {
    let native = Program::build_c("native")?;
    let mut yes = Command::new("yes")
        .arg("1000")
        .stdout(Stdio::piped())
        .spawn()?;
    let mut tool = Command::new(tracer_binary()?);
    tool.args(["symbols".as_ref(), native.as_os_str(), "-".as_ref()])
        .stdin(yes.stdout.take().context("stdout is piped")?)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut tool = tool.spawn()?;
    drop(tool.stdout.take());
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = tool.try_wait()? {
            break status;
        }
        if begin.elapsed() > AT_ONCE {
            tool.kill()?;
            yes.kill()?;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let (code, _) = (status.code(), yes.kill());
    yes.wait()?;
    ensure!(code == Some(DONE), "{code:?}");
    Ok(())
}

/// An answer is written before more input is waited for.
#[test]
fn answers_come_at_once() -> Result<()> {
    let native = Program::build_c("native")?;
    let main = address_of_main(&native)?;
    let mut command = Command::new(tracer_binary()?);
    command.args(["symbols".as_ref(), native.as_os_str(), "-".as_ref()]);
    let mut tool = Running::start(&mut command)?;
    for _ in 0..3 {
        tool.send(&main)?;
        let line = tool.line(AT_ONCE)?;
        ensure!(line.starts_with(&format!("{main} main ")), "{line}");
    }
    tool.close_stdin();
    ensure!(tool.ending(AT_ONCE)? == (Some(DONE), None));
    Ok(())
}
