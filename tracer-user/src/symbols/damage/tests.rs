//! Files that are cut off anywhere say so, whole ones do not.

use std::fs::{self, File};
use std::io::Write as _;

use super::*;
use crate::symbols::sample::{compile, elf, run};

/// What is said of a file, if it is understood at all.
fn said(bytes: &[u8]) -> Result<Option<String>, crate::go::Error> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let skeleton = Skeleton::read(&file, bytes.len() as u64).unwrap();
    Binary::parse(&skeleton.bytes).map(|binary| of(&skeleton, &binary))
}

#[track_caller]
fn check(bytes: &[u8], expected: Option<&str>) {
    assert_eq!(said(bytes).unwrap().as_deref(), expected);
}

#[test]
fn whole_files_are_not_complained_about() {
    let directory = tempfile::tempdir().unwrap();
    let program = compile(directory.path(), "a", "int main(void) { return 0; }\n", &[]);
    check(&fs::read(&program).unwrap(), None);
    for (flag, name) in [
        ("--only-keep-debug", "a.debug"),
        ("--strip-all", "stripped"),
    ] {
        run("objcopy", &[flag, "a", name], directory.path());
        check(&fs::read(directory.path().join(name)).unwrap(), None);
    }
    check(&elf(&[(1, 5, 0, 0x1000, 256)], 256), None);
}

#[test]
fn what_lies_behind_the_end_is_named() {
    check(
        &elf(&[(1, 4, 0, 0, 256), (1, 5, 200, 0x1000, 100)], 256),
        Some("the file ends at byte 256, before the end of its segment at 0x1000"),
    );
    check(
        &elf(&[(1, 5, u64::MAX, 0x1000, 256)], 256),
        Some("the file ends at byte 256, before the end of its segment at 0x1000"),
    );
    let mut headers = elf(&[(1, 5, 0, 0x1000, 256)], 256);
    headers[40..48].copy_from_slice(&1000_u64.to_le_bytes());
    headers[58] = 64;
    headers[60] = 5;
    check(
        &headers,
        Some("the file ends at byte 256, before the end of its section headers"),
    );
    // The names of sections claim 4 GiB, so that no section has a name.
    let mut sections = elf(&[(1, 5, 0, 0x1000, 256)], 512);
    sections[40..48].copy_from_slice(&256_u64.to_le_bytes());
    (sections[58], sections[60], sections[62]) = (64, 2, 1);
    sections[256 + 64 + 4] = 3;
    sections[256 + 64 + 36] = 1;
    check(
        &sections,
        Some("the file ends at byte 512, before the end of its section 1"),
    );
}

#[test]
fn a_file_cut_off_anywhere_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let program = compile(directory.path(), "a", "int main(void) { return 0; }\n", &[]);
    let whole = fs::read(program).unwrap();
    let mut parts = std::collections::BTreeSet::new();
    for len in (0..whole.len()).step_by(7) {
        match said(&whole[..len]) {
            Err(_) => assert!(len < 4096, "{len}"),
            Ok(None) => panic!("a file of {len} bytes passes for whole"),
            Ok(Some(said)) => {
                let part = said.rsplit("its ").next().unwrap_or_default();
                parts.insert(part.split(" at").next().unwrap_or_default().to_owned());
            }
        }
    }
    assert_eq!(
        parts.into_iter().collect::<Vec<_>>(),
        ["section headers", "segment"]
    );
}

#[test]
fn go_without_its_function_table_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let source = "__asm__(\".section .go.buildinfo,\\\"aw\\\"\\n.balign 16\\n\
                  .ascii \\\"\\\\xff Go buildinf:\\\"\\n.byte 8, 2\\n.balign 32\\n\
                  .byte 8\\n.ascii \\\"go1.26.8\\\"\\n.byte 0\\n.text\");\n\
                  int main(void) { return 0; }\n";
    let program = compile(directory.path(), "a", source, &[]);
    check(
        &fs::read(program).unwrap(),
        Some("its function table (pclntab) is missing or damaged"),
    );
}

#[test]
fn data_that_was_not_read_is_counted() {
    let file = File::open("/proc/self/exe").unwrap();
    let size = file.metadata().unwrap().len();
    let mut skeleton = Skeleton::read(&file, size).unwrap();
    skeleton.missing = 5 << 20;
    let binary = Binary::parse(&skeleton.bytes).unwrap();
    assert_eq!(
        of(&skeleton, &binary).as_deref(),
        Some("5 MiB of its data were not read: it is too much")
    );
}
