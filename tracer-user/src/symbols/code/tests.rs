//! The code of a process from one look at its mappings to the next.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::slice::from_ref;

use super::*;

const EXECUTABLE_AND_READABLE: u32 = 5;

/// A mapping of a whole file, which the kernel knows nothing of: it is opened by its path.
fn mapping(start: u64, path: &Path) -> Mapping {
    Mapping {
        start,
        end: start + 0x1000,
        prot: EXECUTABLE_AND_READABLE,
        shared: false,
        backing: Backing::File {
            path: path.display().to_string(),
            offset: 0,
            inode: path.metadata().unwrap().ino(),
        },
    }
}

fn open(mappings: &[Mapping], before: &Code) -> Code {
    let root = Arc::new(Root::of(std::process::id()).unwrap());
    Code::open(std::process::id(), mappings, Some(&root), before)
}

#[test]
fn what_changes_between_two_looks() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("a"), "a").unwrap();
    fs::write(path("b"), "b").unwrap();
    let (a, b) = (mapping(0x1000, &path("a")), mapping(0x3000, &path("b")));
    let first = open(from_ref(&a), &Code::default());
    let check = |mappings: &[Mapping], expected| {
        let second = open(mappings, &first);
        assert_eq!(first.change_to(&second), expected);
        second
    };
    check(from_ref(&a), Change::Same);
    let both = check(&[a.clone(), b.clone()], Change::Added);
    check(&[b], Change::Replaced);
    check(&[], Change::Replaced);
    let mut moved = a.clone();
    moved.end += 0x1000;
    check(&[moved], Change::Replaced);
    let mut data = a.clone();
    data.prot = 3;
    check(&[data], Change::Replaced);
    // Another file of the same name.
    fs::write(path("c"), "c").unwrap();
    fs::rename(path("c"), path("a")).unwrap();
    check(&[mapping(0x1000, &path("a"))], Change::Replaced);
    // The file that was mapped is gone, and is still held.
    let kept = check(&[a], Change::Same);
    let held = |code: &Code, address| {
        let piece = code.at(address).unwrap();
        let file = piece.module.file.as_ref().unwrap();
        String::from_utf8(file.read_at(0, 10).unwrap()).unwrap()
    };
    assert_eq!(
        (held(&kept, 0x1fff), held(&both, 0x3000)),
        ("a".to_owned(), "b".to_owned())
    );
    assert!(kept.at(0xfff).is_none() && kept.at(0x2000).is_none());
}

#[test]
fn mappings_of_one_file_share_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    fs::write(&path, "a").unwrap();
    let mappings = [mapping(0x1000, &path), mapping(0x5000, &path)];
    let first = open(&mappings, &Code::default());
    let second = open(&mappings, &first);
    let module = |code: &Code, address| Rc::clone(&code.at(address).unwrap().module);
    assert!(Rc::ptr_eq(&module(&first, 0x1000), &module(&first, 0x5000)));
    assert!(Rc::ptr_eq(
        &module(&first, 0x1000),
        &module(&second, 0x5000)
    ));
}

#[test]
fn files_held_open_are_limited() {
    let directory = tempfile::tempdir().unwrap();
    let mappings: Vec<_> = (0..MAX_FILES as u64 + 20)
        .map(|index| {
            let path = directory.path().join(index.to_string());
            fs::write(&path, "code").unwrap();
            mapping(index * 0x1000, &path)
        })
        .collect();
    let code = open(&mappings, &Code::default());
    assert_eq!((code.pieces.len(), code.is_crowded), (MAX_FILES, true));
    // Those that are held leave no room for others, and stay.
    let again = open(&mappings, &code);
    assert_eq!(code.change_to(&again), Change::Same);
}

#[test]
fn our_own_code_and_the_kernels() {
    let mappings = crate::proc::maps::read(std::process::id()).unwrap();
    let code = open(&mappings, &Code::default());
    let here = our_own_code_and_the_kernels as *const () as u64;
    let exe = fs::metadata("/proc/self/exe").unwrap().ino();
    let piece = code.at(here).unwrap();
    assert_eq!(piece.module.file.as_ref().unwrap().id.inode, exe);
    let vdso = code.pieces.values().find(|piece| piece.module.path == VDSO);
    assert!(vdso.unwrap().module.file.is_ok());
    assert_eq!(code.change_to(&open(&mappings, &code)), Change::Same);
}
