//! Debug information made to take all memory or all time of who reads it.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::elf::Elf;
use super::scene::Library;
use super::session::{LIMIT, Memory, Session};

/// All processes together.
const MAX_MEMORY_MIB: u64 = 256;

/// The function is still named, or it is said why not; in time and without much memory.
fn defused(name: &str, change: impl FnOnce(&mut Elf) -> Result<()>) -> Result<()> {
    let library = Library::new(&[])?;
    let path = library.path("libsample.so");
    let mut elf = Elf::read(&path)?;
    let [calls] = elf.functions(["library_calls"])?;
    change(&mut elf)?;
    fs::write(&path, &elf.bytes)?;
    let begin = std::time::Instant::now();
    let mut session = Session::start(&path)?;
    let memory = Memory::of(session.pid());
    let answer = session.ask(calls)?;
    let took = begin.elapsed();
    let most = memory.most();
    let (code, said) = session.end()?;
    ensure!(code == Some(0) && took < LIMIT, "{name}: {code:?} {took:?}");
    ensure!(most < MAX_MEMORY_MIB, "{name}: {most} MiB");
    ensure!(answer == "library_calls", "{name}: {answer}");
    ensure!(
        said.contains("without source lines: ") || said.contains("damaged"),
        "{name}: {said}"
    );
    Ok(())
}

/// A compressed section: the header says `claimed`, there are `real` zeros in it.
fn zeros(claimed: u64, real: u64) -> Result<Vec<u8>> {
    let mut head = Command::new("head");
    head.args(["-c", &real.to_string(), "/dev/zero"])
        .stdout(Stdio::piped());
    let mut head = head.spawn()?;
    let mut gzip = Command::new("gzip");
    gzip.arg("-1")
        .stdin(head.stdout.take().context("stdout is piped")?);
    let packed = gzip.output()?.stdout;
    head.wait()?;
    // Between the header and the trailer of gzip is what zlib has between its own.
    let deflated = packed.get(10..packed.len() - 8).context("gzip")?;
    let checksum = (((real % 65_521) as u32) << 16) | 1;
    let mut section = Vec::new();
    for word in [1, claimed, 1] {
        section.write_all(&u64::to_le_bytes(word))?;
    }
    section.write_all(&[0x78, 0x01])?;
    section.write_all(deflated)?;
    section.write_all(&checksum.to_be_bytes())?;
    Ok(section)
}

#[test]
fn sections_that_inflate() -> Result<()> {
    // It is not even tried.
    let honest = zeros(300 << 20, 1 << 20)?;
    let liar = zeros(4096, 200 << 20)?;
    let within = zeros(100 << 20, 100 << 20)?;
    for section in [".debug_info", ".debug_abbrev", ".debug_line", ".debug_str"] {
        defused(section, |elf| elf.replace(section, &honest, true))?;
        defused(section, |elf| elf.replace(section, &liar, true))?;
    }
    defused("all", |elf| {
        elf.replace(".debug_info", &within, true)?;
        elf.replace(".debug_abbrev", &within, true)?;
        elf.replace(".debug_line", &within, true)
    })?;
    defused("units without end", |elf| {
        elf.replace(".debug_info", &within, true)
    })
}

/// Each unit of debug information names a table of abbreviations, and reading one takes its size.
#[test]
fn tables_that_are_read_again_and_again() -> Result<()> {
    // Numbers that are not in order take a map: code, tag, no children, no attributes.
    let mut abbreviations = Vec::new();
    for code in (1..400_000_u32).rev() {
        abbreviations.extend(leb128(code * 2));
        abbreviations.extend([0x2e, 0, 0, 0]);
    }
    abbreviations.push(0);
    // Version 4, abbreviations at 0, addresses of 8 bytes, and one entry.
    let unit = [8, 0, 0, 0, 4, 0, 0, 0, 0, 0, 8, 2];
    defused("abbreviations", |elf| {
        elf.replace(".debug_abbrev", &abbreviations, false)?;
        elf.replace(".debug_info", &unit.repeat(100_000), false)
    })
}

fn leb128(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[test]
fn debug_information_of_noise() -> Result<()> {
    let mut noise = Vec::new();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..1 << 17 {
        // xorshift, Marsaglia 2003.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend(state.to_le_bytes());
    }
    for section in [".debug_info", ".debug_abbrev"] {
        defused(section, |elf| elf.replace(section, &noise, false))?;
        defused(section, |elf| elf.replace(section, &noise, true))?;
    }
    Ok(())
}

/// More than a thousand million symbols, and a file that is not there for the most part.
#[test]
fn symbol_tables_of_a_whole_disk() -> Result<()> {
    let library = Library::new(&[])?;
    let path = library.path("libsample.so");
    let mut elf = Elf::read(&path)?;
    let [calls] = elf.functions(["library_calls"])?;
    elf.replace(".symtab", &[], false)?;
    let end = elf.bytes.len() as u64;
    elf.resize(".symtab", 900 << 20)?;
    fs::write(&path, &elf.bytes)?;
    fs::File::options()
        .write(true)
        .open(&path)?
        .set_len(end + (900 << 20))?;
    let mut session = Session::start(&path)?;
    let memory = Memory::of(session.pid());
    let answer = session.ask(calls)?;
    let most = memory.most();
    let (code, said) = session.end()?;
    ensure!(code == Some(0) && answer == "?", "{code:?} {answer}");
    ensure!(most < MAX_MEMORY_MIB, "{most} MiB");
    ensure!(
        said.ends_with("it is damaged, or they need too much memory\n"),
        "{said}"
    );
    Ok(())
}
