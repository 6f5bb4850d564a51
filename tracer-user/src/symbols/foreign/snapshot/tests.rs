//! What is copied of files, hostile ones too, and what blazesym makes of the copy.

use std::fs::read;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use blazesym::helper::ElfResolver;
use object::{Object, ObjectSection};

use super::*;

const PROGRAM: &str = "int main(void) { return 0; }\n";

fn compile(directory: &Path, source: &str) -> PathBuf {
    let (file, program) = (directory.join("a.c"), directory.join("a.out"));
    std::fs::write(&file, source).unwrap();
    let mut command = Command::new("cc");
    let status = command
        .args(["-g", "-gz=zlib", "-o"])
        .arg(&program)
        .arg(&file)
        .status();
    assert!(status.unwrap().success());
    program
}

fn take(path: &Path, depth: Depth) -> Snapshot {
    Snapshot::take(&File::open(path).unwrap(), depth).unwrap()
}

/// Which of these sections the copy has.
fn sections(snapshot: &Snapshot) -> [bool; 4] {
    let copy = read(snapshot.path()).unwrap();
    let file = object::File::parse(&*copy).unwrap();
    [".symtab", ".debug_info", ".text", ".gnu_debuglink"]
        .map(|name| file.section_by_name(name).is_some())
}

#[test]
fn symbols_are_copied_and_code_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let program = compile(directory.path(), PROGRAM);
    let size = program.metadata().unwrap().len();
    for (depth, expected) in [
        (Depth::DebugInformation, [true, true, false, false]),
        (Depth::Symbols, [true, false, false, false]),
    ] {
        let snapshot = take(&program, depth);
        assert_eq!(sections(&snapshot), expected, "{depth:?}");
        assert_eq!((snapshot.depth, &snapshot.trouble), (depth, &None));
        assert!((1000..size).contains(&snapshot.copied), "{snapshot:?}");
        ElfResolver::open(snapshot.path()).unwrap();
    }
}

#[test]
fn a_debug_link_to_a_pipe_is_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    let link = format!(
        "__asm__(\".section .gnu_debuglin_\\n.asciz \\\"{}\\\"\\n.balign 4\\n.long 0\\n.text\");",
        pipe.display()
    );
    let program = compile(directory.path(), &format!("{link}\n{PROGRAM}"));
    // The linker would drop the section under its real name.
    let mut bytes = read(&program).unwrap();
    let name = b".gnu_debuglin_";
    let at = bytes
        .windows(name.len())
        .rposition(|window| window == name)
        .unwrap();
    bytes[at + name.len() - 1] = b'k';
    std::fs::write(&program, &bytes).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    assert!(file.section_by_name(".gnu_debuglink").is_some());
    let snapshot = take(&program, Depth::DebugInformation);
    assert_eq!(sections(&snapshot), [true, true, false, false]);
    // Opening the pipe would wait for ever.
    ElfResolver::open(snapshot.path()).unwrap();
}

/// A compressed section of the program says that it inflates to this much.
fn inflating_to(directory: &Path, size: u64) -> PathBuf {
    let program = compile(directory, PROGRAM);
    let mut bytes = read(&program).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let section = file.section_by_name(".debug_info").unwrap();
    let (at, _) = section.file_range().unwrap();
    bytes[at as usize + 8..][..8].copy_from_slice(&size.to_le_bytes());
    std::fs::write(&program, &bytes).unwrap();
    program
}

#[test]
fn debug_information_that_claims_to_inflate_to_much_is_left_out() {
    let directory = tempfile::tempdir().unwrap();
    for (size, said) in [
        (
            200 << 20,
            "without source lines: its debug information takes 200 MiB, more than 112",
        ),
        (
            u64::MAX,
            "without source lines: its debug information takes 17592186044415 MiB, more than 112",
        ),
    ] {
        let program = inflating_to(directory.path(), size);
        let snapshot = take(&program, Depth::DebugInformation);
        assert_eq!(sections(&snapshot), [true, false, false, false]);
        assert_eq!(snapshot.depth, Depth::Symbols);
        assert_eq!(snapshot.trouble.as_deref(), Some(said));
        ElfResolver::open(snapshot.path()).unwrap();
    }
}

#[test]
fn what_is_not_whole_is_copied_as_far_as_it_goes() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = read(compile(directory.path(), PROGRAM)).unwrap();
    for len in (0..bytes.len()).step_by(251) {
        let mut cut = tempfile::tempfile().unwrap();
        cut.write_all(&bytes[..len]).unwrap();
        let snapshot = Snapshot::take(&cut, Depth::DebugInformation);
        assert_eq!(snapshot.is_ok(), len >= 64, "{len}");
        if let Ok(snapshot) = snapshot {
            assert_eq!(read(snapshot.path()).unwrap().len(), len);
        }
    }
}

#[test]
fn symbol_tables_of_a_whole_disk_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let program = compile(directory.path(), PROGRAM);
    let mut bytes = read(&program).unwrap();
    let start = u64::from_le_bytes(*bytes[40..].first_chunk().unwrap()) as usize;
    for header in bytes[start..].chunks_exact_mut(64) {
        if header[4..8] == SHT_SYMTAB.0.to_le_bytes() {
            header[32..40].copy_from_slice(&(1_u64 << 32).to_le_bytes());
        }
    }
    std::fs::write(&program, &bytes).unwrap();
    let error = Snapshot::take(&File::open(&program).unwrap(), Depth::Symbols).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
}

#[test]
fn where_code_is() {
    let directory = tempfile::tempdir().unwrap();
    let program = compile(directory.path(), PROGRAM);
    let bytes = read(&program).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let text = file.section_by_name(".text").unwrap();
    let (start, end) = (text.address(), text.address() + text.size());
    let debug_file = directory.path().join("a.debug");
    let mut objcopy = Command::new("objcopy");
    objcopy
        .arg("--only-keep-debug")
        .arg(&program)
        .arg(&debug_file);
    assert!(objcopy.status().unwrap().success());
    for path in [program, debug_file] {
        let snapshot = take(&path, Depth::Symbols);
        assert!(snapshot.has_code_at(start) && snapshot.has_code_at(end - 1));
        for address in [0, end + 4096, u64::MAX] {
            assert!(!snapshot.has_code_at(address), "{address:#x}");
        }
    }
}
