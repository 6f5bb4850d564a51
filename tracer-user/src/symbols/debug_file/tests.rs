//! Debug files of a C library below a root directory, and what only pretends to be one.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use super::*;
use crate::symbols::sample::{compile, run};

/// What the process calls the library.
const PATH: &str = "/srv/lib/libx.so";

/// A root directory with a stripped library in it, and the library's debug file outside.
struct Place {
    directory: TempDir,
    library: TargetFile,
    build_id_path: PathBuf,
}

impl Place {
    fn new(flags: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let flags = [&["-shared", "-fPIC"], flags].concat();
        compile(
            directory.path(),
            "libx.so",
            "int x(void) { return 1; }\n",
            &flags,
        );
        run(
            "objcopy",
            &["--only-keep-debug", "libx.so", "libx.debug"],
            directory.path(),
        );
        fs::create_dir_all(path("root/srv/lib")).unwrap();
        let link = [
            "--strip-all",
            "--add-gnu-debuglink=libx.debug",
            "libx.so",
            "root/srv/lib/libx.so",
        ];
        run("objcopy", &link, directory.path());
        let library = TargetFile::open(path("root/srv/lib/libx.so")).unwrap();
        let skeleton = library.read_skeleton().unwrap();
        let id = crate::go::Binary::parse(&skeleton.bytes).unwrap().build_id;
        let id = id.unwrap_or_else(|| "none".to_owned());
        let build_id_path = format!("usr/lib/debug/.build-id/{}/{}.debug", &id[..2], &id[2..]);
        Self {
            directory,
            library,
            build_id_path: build_id_path.into(),
        }
    }

    /// A path below the root, whose directory is there.
    fn below(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = self.directory.path().join("root").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn outside(&self) -> PathBuf {
        self.directory.path().join("libx.debug")
    }

    /// Whether a debug file is found.
    #[track_caller]
    fn check(&self, expected: bool) {
        let root = OwnedFd::from(File::open(self.directory.path().join("root")).unwrap());
        let found = find(&self.library, PATH, &root);
        assert_eq!(found.is_some(), expected);
        let id = TargetFile::open(self.outside()).unwrap().id;
        assert!(found.is_none_or(|found| found.id.size == id.size));
    }

    /// The same with the debug file there, and then gone again.
    #[track_caller]
    fn check_at(&self, path: impl AsRef<Path>, expected: bool) {
        fs::copy(self.outside(), self.below(&path)).unwrap();
        self.check(expected);
        fs::remove_file(self.below(&path)).unwrap();
    }
}

#[test]
fn where_they_are_looked_for() {
    for flags in [&[][..], &["-Wl,--build-id=none"]] {
        let place = Place::new(flags);
        place.check(false);
        place.check_at("srv/lib/libx.debug", true);
        place.check_at("srv/lib/.debug/libx.debug", true);
        place.check_at("usr/lib/debug/srv/lib/libx.debug", true);
        place.check_at("usr/lib/debug/libx.debug", false);
        place.check_at(&place.build_id_path, flags.is_empty());
    }
}

#[test]
fn a_file_of_another_build_is_none() {
    for flags in [&[][..], &["-Wl,--build-id=none"]] {
        let (place, other) = (Place::new(flags), Place::new(&[]));
        let path = place.below("srv/lib/libx.debug");
        // By its build id, or by the checksum.
        compile(
            other.directory.path(),
            "other",
            "int y(void) { return 2; }\n",
            &["-shared", "-fPIC"],
        );
        fs::copy(other.directory.path().join("other"), &path).unwrap();
        place.check(false);
        fs::write(&path, b"").unwrap();
        place.check(false);
        fs::write(&path, b"\x7fELF\x02\x01\x01").unwrap();
        place.check(false);
    }
}

#[test]
fn no_link_leads_out_of_the_root_and_nothing_else_is_opened() {
    let place = Place::new(&[]);
    let up = "../../../libx.debug";
    for path in [Path::new("srv/lib/libx.debug"), &place.build_id_path] {
        let path = place.below(path);
        let mut ways_up = vec![PathBuf::from(up), place.outside()];
        ways_up.push(PathBuf::from("../../../../../../libx.debug"));
        for to in ways_up {
            symlink(to, &path).unwrap();
            place.check(false);
            fs::remove_file(&path).unwrap();
        }
        // Within the root it is followed, as the process would.
        fs::copy(place.outside(), place.below("elsewhere")).unwrap();
        symlink("/elsewhere", &path).unwrap();
        place.check(true);
        fs::remove_file(&path).unwrap();
        mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
        place.check(false);
        fs::remove_file(&path).unwrap();
        symlink("/dev/zero", &path).unwrap();
        place.check(false);
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_library_with_symbols_needs_none() {
    let place = Place::new(&[]);
    fs::copy(place.outside(), place.below("srv/lib/libx.debug")).unwrap();
    place.check(true);
    let library = TargetFile::open(place.directory.path().join("libx.so")).unwrap();
    let root = OwnedFd::from(File::open(place.directory.path().join("root")).unwrap());
    assert!(find(&library, PATH, &root).is_none());
}

/// The section with a name in place of `libx.debug`.
#[test]
fn a_link_is_the_name_of_a_file() {
    let place = Place::new(&["-Wl,--build-id=none"]);
    fs::copy(place.outside(), place.below("srv/lib/libx.debug")).unwrap();
    let path = place.below("srv/lib/libx.so");
    let whole = fs::read(&path).unwrap();
    let name = b"libx.debug\0";
    let at = whole
        .windows(name.len())
        .position(|bytes| bytes == name)
        .unwrap();
    for (name, expected) in [
        (b"libx.debug\0", true),
        (b"../lib/lib\0", false),
        (b"..\0.......\0", false),
        (b".\0........\0", false),
        (b"\0.........\0", false),
        (b"/srv/lib/l\0", false),
        (b"\xff\xff\xffx.debug\0", false),
    ] {
        let mut bytes = whole.clone();
        bytes[at..at + name.len()].copy_from_slice(name);
        fs::write(&path, bytes).unwrap();
        let library = TargetFile::open(&path).unwrap();
        let root = OwnedFd::from(File::open(place.directory.path().join("root")).unwrap());
        let found = find(&library, PATH, &root);
        assert_eq!(found.is_some(), expected, "{name:?}");
    }
}
