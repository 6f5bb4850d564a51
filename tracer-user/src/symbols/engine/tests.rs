//! Addresses of files that are mapped in unusual ways.

use std::fs::File;
use std::ptr::null_mut;

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::*;
use crate::symbols::sample::elf;

const READ: u32 = 4;
const EXECUTE: u32 = 5;
const LOAD: u32 = 1;

/// lld lets two segments share a page of the file, which is then mapped twice.
#[test]
fn a_mapping_that_starts_with_the_end_of_another_segment() {
    let segments = [
        (LOAD, READ, 0, 0, 0x5d0),
        (LOAD, EXECUTE, 0x5d0, 0x15d0, 0x200),
    ];
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("liblld.so");
    std::fs::write(&path, elf(&segments, 0x7d0)).unwrap();
    let file = File::open(&path).unwrap();
    let protection = ProtFlags::READ | ProtFlags::EXEC;
    // SAFETY: the kernel chooses a free place, and nothing refers to it.
    let start = unsafe { mmap(null_mut(), 4096, protection, MapFlags::PRIVATE, &file, 0) };
    let start = start.unwrap();
    let mut symbolizer = Symbolizer::new(std::process::id(), PathBuf::from("/bin/false")).unwrap();
    let base = start as u64;
    let query = |address, is_return| Query { address, is_return };
    for queries in [
        [query(base + 0x5e0, false), query(base + 0x7a0, true)],
        [query(base + 0x7a0, true), query(base + 0x10, false)],
    ] {
        let answer = symbolizer.symbolize(&queries);
        let told = answer.modules.iter();
        let told: Vec<_> = told
            .map(|module| (module.start, module.link_address))
            .collect();
        assert!(
            told.is_empty() || told == [(base, Some(0x1000))],
            "{told:x?}"
        );
        symbolizer.told.clear();
    }
    // SAFETY: nothing refers to it.
    unsafe { munmap(start, 4096) }.unwrap();
}

#[test]
fn a_process_that_is_gone() {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let error = Symbolizer::new(child.id(), PathBuf::new()).unwrap_err();
    assert_eq!(
        format!("{error:#}"),
        "open the process: No such file or directory (os error 2)"
    );
}
