//! Which files share what they say, and how much of it is kept.

use std::fs;
use std::path::Path;

use super::*;
use crate::symbols::sample::{compile, compile_go, elf_with_build_id};

fn open(path: impl AsRef<Path>) -> Arc<TargetFile> {
    Arc::new(TargetFile::open(path).unwrap())
}

fn written(directory: &Path, name: &str, bytes: &[u8]) -> Arc<TargetFile> {
    let path = directory.join(name);
    fs::write(&path, bytes).unwrap();
    open(path)
}

#[test]
fn those_asked_for_last_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let files: Vec<_> = (0..5)
        .map(|index| {
            written(
                directory.path(),
                &index.to_string(),
                &elf_with_build_id([index; 8]),
            )
        })
        .collect();
    let mut tables = Tables::default();
    let size = tables.of(&files[0]).unwrap().binary.memory();
    tables.max_bytes = 3 * size;
    for index in [1, 2, 0, 3, 0, 4] {
        tables.of(&files[index]).unwrap();
        assert!(tables.bytes() <= 3 * size);
    }
    let kept: Vec<_> = tables.kept.iter().map(|(id, _)| *id).collect();
    assert_eq!(kept, [files[3].id, files[0].id, files[4].id]);
    // One that takes all there is and more is kept alone.
    tables.max_bytes = 1;
    tables.of(&files[1]).unwrap();
    assert_eq!(tables.kept.len(), 1);
}

#[test]
fn files_known_are_limited_even_if_they_say_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut tables = Tables::default();
    for index in 0..MAX_FILES + 10 {
        let id = written(directory.path(), &index.to_string(), b"").id;
        tables.kept.push_back((id, Err(Rc::from("empty"))));
    }
    tables.of(&open("/proc/self/exe")).unwrap();
    assert_eq!(tables.kept.len(), MAX_FILES);
}

#[test]
fn equal_files_share_and_a_forged_build_id_is_found_out() {
    let directory = tempfile::tempdir().unwrap();
    let whole = fs::read(compile_go(
        directory.path(),
        "package main\nfunc main() {}\n",
    ))
    .unwrap();
    let name = b"runtime.goexit\0";
    let at = whole.windows(name.len()).position(|window| window == name);
    let mut forged = whole.clone();
    forged[at.unwrap()] = b'R';
    let mut tables = Tables::default();
    let mut program = |name, bytes| tables.of(&written(directory.path(), name, bytes)).unwrap();
    let (first, second) = (program("first", &whole), program("second", &whole));
    let forged = program("forged", &forged);
    assert!(Rc::ptr_eq(&first, &second));
    assert_eq!(first.identity, forged.identity);
    assert!(!Rc::ptr_eq(&first, &forged));
    // What is shared counts once.
    let alone = first.binary.memory();
    assert!(alone > 100_000, "{alone}");
    assert_eq!(tables.bytes(), alone + forged.binary.memory());
}

#[test]
fn a_file_without_build_id_has_a_hash() {
    let directory = tempfile::tempdir().unwrap();
    let source = |value| format!("int value = {value}; int main(void) {{ return 0; }}\n");
    let program = |name, value, flags: &[&str]| {
        let path = compile(directory.path(), name, &source(value), flags);
        Tables::default().of(&open(path)).unwrap()
    };
    let flags = ["-Wl,--build-id=none"];
    let (one, same) = (program("one", 1, &flags), program("same", 1, &flags));
    let other = program("other", 2, &flags);
    let is_hash = |identity: &str| {
        let digits = identity.strip_prefix("xxh3-").unwrap_or_default();
        digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    assert!(is_hash(&one.identity), "{}", one.identity);
    assert_eq!(one.identity, same.identity);
    assert_ne!(one.identity, other.identity);
    let with_build_id = program("id", 1, &["-Wl,--build-id=0x0123456789abcdef"]);
    assert_eq!(with_build_id.identity, "0123456789abcdef");
}

#[test]
fn what_cannot_be_read_is_not_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let file = written(directory.path(), "text", b"#!/bin/sh\n");
    let mut tables = Tables::default();
    let why = tables.of(&file).unwrap_err();
    assert_eq!(&*why, "not an ELF file");
    assert!(Rc::ptr_eq(&why, &tables.of(&file).unwrap_err()));
}
