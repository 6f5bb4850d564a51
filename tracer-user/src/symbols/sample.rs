//! Files for tests: C programs, and ELF files that no linker would make.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a command that must succeed.
#[track_caller]
pub(super) fn run(program: &str, args: &[&str], directory: &Path) {
    let mut command = Command::new(program);
    let output = command.args(args).current_dir(directory).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {said}");
}

/// Compiles C with debug information to `directory/name`.
pub(super) fn compile(directory: &Path, name: &str, source: &str, flags: &[&str]) -> PathBuf {
    std::fs::write(directory.join("source.c"), source).unwrap();
    let args = [&["-g", "source.c", "-o", name], flags].concat();
    run("cc", &args, directory);
    directory.join(name)
}

/// Compiles a Go program with the `go` command that `cargo xtask setup` installs.
pub(super) fn compile_go(directory: &Path, source: &str) -> PathBuf {
    std::fs::write(directory.join("main.go"), source).unwrap();
    let in_path = Command::new("go").arg("version").output().is_ok();
    let go = if in_path {
        "go"
    } else {
        "/usr/local/go/bin/go"
    };
    run(go, &["build", "-o", "program", "main.go"], directory);
    directory.join("program")
}

/// An executable of amd64 with these segments (kind, flags, file offset, address, size) and `size`
/// bytes, all zero behind the headers.
pub(super) fn elf(segments: &[(u32, u32, u64, u64, u64)], size: usize) -> Vec<u8> {
    let mut file = vec![0; size];
    file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    file[16..20].copy_from_slice(&[2, 0, 62, 0]);
    file[20] = 1;
    file[32] = 64;
    file[52] = 64;
    file[54] = 56;
    file[56] = segments.len() as u8;
    for (index, (kind, flags, offset, address, length)) in segments.iter().enumerate() {
        let header = &mut file[64 + index * 56..][..56];
        header[..4].copy_from_slice(&kind.to_le_bytes());
        header[4..8].copy_from_slice(&flags.to_le_bytes());
        for (at, word) in [(8, offset), (16, address), (32, length), (40, length)] {
            header[at..at + 8].copy_from_slice(&word.to_le_bytes());
        }
    }
    file
}

/// An executable without code that has this GNU build id.
pub(super) fn elf_with_build_id(id: [u8; 8]) -> Vec<u8> {
    let mut file = elf(&[(4, 4, 256, 256, 24)], 512);
    let note = [4_u32, 8, 3, u32::from_le_bytes(*b"GNU\0")];
    for (index, word) in note.iter().enumerate() {
        file[256 + index * 4..][..4].copy_from_slice(&word.to_le_bytes());
    }
    file[272..280].copy_from_slice(&id);
    file
}
