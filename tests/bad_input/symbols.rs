//! `tracer symbols` of what is no program, or not a whole one.

use std::fs;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;
use tracer_tests::{GoVersion, Outcome, Program, run};

use super::ask::{
    AT_ONCE, DAMAGED, DONE, PublicTool, UNSUPPORTED, USAGE, address_of_main, fails, outcome,
};

const NO_FILE: &str = "give an executable or a library; of a process that is /proc/PID/exe";
const NOT_READ: &str =
    "ELF files of 64 bits, little endian, are understood: Linux on amd64 and arm64";
const NOT_WHOLE: &str = "the file is cut off or was changed: fetch or build it again";

/// A directory for files, and the C program `native` with the address of its `main`.
struct Place {
    directory: TempDir,
    native: Vec<u8>,
    main: String,
}

impl Place {
    fn new() -> Result<Self> {
        let native = Program::build_c("native")?;
        Ok(Self {
            directory: tempfile::tempdir()?,
            main: address_of_main(&native)?,
            native: fs::read(native)?,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// `tracer symbols NAME 1000`.
    fn ask(&self, name: &str) -> Result<Outcome> {
        let path = self.path(name).display().to_string();
        run(&["symbols", &path, "1000"])
    }

    #[track_caller]
    fn fails(&self, name: &str, code: i32, why: &str, hint: &str) -> Result<()> {
        let error = format!("cannot look into {}: {why}", self.path(name).display());
        fails(&self.ask(name)?, code, "", &error, hint);
        Ok(())
    }
}

#[test]
fn what_is_no_program() -> Result<()> {
    let place = Place::new()?;
    fs::create_dir(place.path("directory"))?;
    mknodat(CWD, place.path("fifo"), FileType::Fifo, Mode::RWXU, 0)?;
    std::os::unix::fs::symlink(place.path("loop"), place.path("loop"))?;
    fs::write(place.path("empty"), "")?;
    fs::write(place.path("script"), "#!/bin/sh\n")?;
    let missing = "No such file or directory (os error 2)";
    place.fails("missing", USAGE, missing, NO_FILE)?;
    place.fails("fifo", USAGE, "not a regular file", NO_FILE)?;
    place.fails("directory", USAGE, "not a regular file", NO_FILE)?;
    let too_many = "Too many levels of symbolic links (os error 40)";
    place.fails("loop", USAGE, too_many, NO_FILE)?;
    place.fails("empty", UNSUPPORTED, "not an ELF file", NOT_READ)?;
    place.fails("script", UNSUPPORTED, "not an ELF file", NOT_READ)?;
    for device in ["/dev/zero", "/dev/tty", "/proc/self"] {
        let error = format!("cannot look into {device}: not a regular file");
        fails(&run(&["symbols", device, "1"])?, USAGE, "", &error, NO_FILE);
    }
    let sparse = fs::File::create(place.path("large"))?;
    sparse.set_len((1 << 30) + 1)?;
    let large = "1073741825 bytes are more than 1073741824";
    place.fails("large", USAGE, large, NO_FILE)
}

#[test]
fn what_may_not_be_read() -> Result<()> {
    let (place, tool) = (Place::new()?, PublicTool::new()?);
    fs::set_permissions(place.directory.path(), fs::Permissions::from_mode(0o755))?;
    fs::write(place.path("secret"), &place.native)?;
    fs::set_permissions(place.path("secret"), fs::Permissions::from_mode(0o700))?;
    let path = place.path("secret").display().to_string();
    let denied = outcome(&mut tool.as_nobody(&["symbols", &path, "1"]))?;
    let error = format!("cannot look into {path}: Permission denied (os error 13)");
    fails(
        &denied,
        UNSUPPORTED,
        "",
        &error,
        "read it as its owner, or with sudo",
    );
    Ok(())
}

#[test]
fn programs_of_other_machines() -> Result<()> {
    let place = Place::new()?;
    for (at, byte, code) in [
        (4, 1, "code for amd64p32 (32 bits)"),
        (5, 2, "code for an unknown architecture (big endian)"),
        (18, 0xf3, "code for riscv64"),
    ] {
        let mut bytes = place.native.clone();
        bytes[at] = byte;
        fs::write(place.path("other"), bytes)?;
        let why = format!("{code}; only amd64 and arm64 are read");
        place.fails("other", UNSUPPORTED, &why, NOT_READ)?;
    }
    Ok(())
}

/// `None` when the file says nothing; else the answer, which must come with a warning.
fn partial(path: &Path, size: usize, pc: &str) -> Result<Option<String>> {
    let shown = path.display().to_string();
    let answer = run(&["symbols", &shown, pc])?;
    ensure!(answer.took < AT_ONCE, "{answer:?}");
    if answer.code == Some(DAMAGED) {
        let (error, hint) = answer.complaint()?;
        ensure!(error.contains("damaged file: "), "{size}: {error}");
        ensure!(hint == NOT_WHOLE && answer.stdout.is_empty(), "{answer:?}");
        return Ok(None);
    }
    let warning = format!("warning: {shown}: the file ends at byte {size}, before the end of its ");
    ensure!(answer.code == Some(DONE), "{size}: {answer:?}");
    ensure!(answer.stderr.starts_with(&warning), "{size}: {answer:?}");
    Ok(Some(answer.stdout))
}

#[test]
fn a_program_of_c_cut_off_anywhere() -> Result<()> {
    let place = Place::new()?;
    let path = place.path("cut");
    let whole = &place.native;
    for size in (4..whole.len()).step_by(409) {
        fs::write(&path, &whole[..size])?;
        match partial(&path, size, &place.main)? {
            None => ensure!(size < 4096, "{size}: its headers are there"),
            // Its symbols are behind its code.
            Some(found) => ensure!(found == format!("{} ?\n", place.main), "{size}: {found}"),
        }
    }
    fs::write(&path, whole)?;
    let answer = run(&["symbols", &path.display().to_string(), &place.main])?;
    ensure!(answer.stderr.is_empty(), "{answer:?}");
    ensure!(answer.stdout.contains(" main "), "{answer:?}");
    Ok(())
}

/// Its tables are in the middle of the file: what comes behind is not missed, what comes before is.
#[test]
fn a_program_of_go_cut_off_anywhere() -> Result<()> {
    let (place, go) = (
        Place::new()?,
        Program::build("steady", GoVersion::GO_1_26, &[])?,
    );
    let (path, whole) = (place.path("cut"), fs::read(&go)?);
    let nm = GoVersion::GO_1_26
        .command()?
        .args(["tool", "nm"])
        .arg(&go)
        .output()?;
    let symbols = String::from_utf8(nm.stdout)?;
    let main = symbols
        .lines()
        .find_map(|line| line.strip_suffix(" T main.main"));
    let main = format!(
        "{:#x}",
        u64::from_str_radix(main.context("no main")?.trim(), 16)?
    );
    let (mut named, mut unknown) = (0, 0);
    for size in (4096..whole.len()).step_by(64 << 10) {
        fs::write(&path, &whole[..size])?;
        let found = partial(&path, size, &main)?.unwrap_or_default();
        if found.starts_with(&format!("{main} main.main programs/steady/main.go:")) {
            named += 1;
        } else {
            ensure!(named == 0, "{size}: fewer bytes were enough");
            unknown += 1;
        }
    }
    ensure!(named > 5 && unknown > 5, "{named} {unknown}");
    Ok(())
}

#[test]
fn a_section_that_claims_more_than_there_is() -> Result<()> {
    let place = Place::new()?;
    let mut bytes = place.native.clone();
    let start = u64::from_le_bytes(*bytes[40..].first_chunk().context("header")?) as usize;
    for header in bytes[start + 64..].chunks_exact_mut(64) {
        header[32..40].copy_from_slice(&(4_u64 << 30).to_le_bytes());
    }
    let path = place.path("large");
    fs::write(&path, &bytes)?;
    partial(&path, bytes.len(), "1000")?.context("no answer")?;
    Ok(())
}

/// Names come from the symbol table then, and it is said.
#[test]
fn go_without_a_function_table() -> Result<()> {
    let (place, go) = (
        Place::new()?,
        Program::build("steady", GoVersion::GO_1_15, &[])?,
    );
    let path = place.path("damaged");
    fs::copy(go, &path)?;
    let shown = path.display().to_string();
    let bytes = fs::read(&path)?;
    let magic = [0xfb, 0xff, 0xff, 0xff, 0, 0, 1, 8];
    let tables = (0..bytes.len()).step_by(32);
    let mut tables = tables.filter(|at| bytes[*at..].starts_with(&magic));
    let table = tables.next().context("no pclntab")? as u64;
    let file = fs::File::options().write(true).open(&path)?;
    file.write_all_at(&[0xff; 4096], table + 8)?;
    let answer = run(&["symbols", &shown, "401000"])?;
    ensure!(answer.code == Some(DONE), "{answer:?}");
    let why = "its function table (pclntab) is missing or damaged";
    ensure!(
        answer.stderr.trim_end() == format!("warning: {shown}: {why}"),
        "{answer:?}"
    );
    Ok(())
}
