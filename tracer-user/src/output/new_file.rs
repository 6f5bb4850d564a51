//! Making a file for results: new, private, and where the user meant it.

use std::{
    ffi::OsString,
    fs::{self, File, FileType},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, fchown},
    path::Path,
};

use rustix::fs::OFlags;

use crate::failure::{ExitStatus, Failure};

/// It shows what a process does: its owner may read it, others not.
const MODE: u32 = 0o600;

/// Writes a whole file: it belongs to its caller, is readable by nobody else, and is there whole or
/// not at all. With `force`, a regular file of this name is removed first.
///
/// # Errors
/// When the name is taken, is no place for a file, or the disk is full.
pub fn write(path: &Path, force: bool, bytes: &[u8]) -> Result<(), Failure> {
    let mut file = create(path, force)?;
    give_to_caller(&file);
    file.write_all(bytes).map_err(|error| {
        // What is left of it would pose as a result.
        let _ = fs::remove_file(path);
        refusal(path, &error)
    })
}

/// Creates the file at `path`.
pub(super) fn create(path: &Path, force: bool) -> Result<File, Failure> {
    match create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let there = fs::symlink_metadata(path).map_err(|error| refusal(path, &error))?;
            if !(force && there.is_file()) {
                return Err(taken(path, there.file_type()));
            }
            fs::remove_file(path)
                .and_then(|()| create_new(path))
                .map_err(|error| refusal(path, &error))
        }
        created => created.map_err(|error| refusal(path, &error)),
    }
}

fn create_new(path: &Path) -> io::Result<File> {
    File::options()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(path)
}

/// Under `sudo`, gives the file to the user who called it.
pub(super) fn give_to_caller(file: &File) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let variable = |name| std::env::var_os(name);
    if let Some((uid, gid)) = caller(variable("SUDO_UID"), variable("SUDO_GID"))
        && let Err(error) = fchown(file, Some(uid), Some(gid))
    {
        tracing::warn!("the file stays with root, it cannot be given to user {uid}: {error}");
    }
}

/// The user and group that `sudo` left in the environment.
fn caller(uid: Option<OsString>, gid: Option<OsString>) -> Option<(u32, u32)> {
    let number = |text: Option<OsString>| text?.to_str()?.parse().ok();
    Some((number(uid)?, number(gid)?))
}

/// Something of this type is in the way.
fn taken(path: &Path, there: FileType) -> Failure {
    let name = path.display();
    let (what, hint) = if there.is_file() {
        ("exists", "give another name, or --force to replace it")
    } else if there.is_symlink() {
        (
            "is a symbolic link",
            "give the name of a new file, not of a link",
        )
    } else if there.is_dir() {
        ("is a directory", "give the name of a new file in it")
    } else {
        (
            "exists and is not a regular file",
            "give the name of a new file",
        )
    };
    Failure::usage(format!("cannot create {name}: it {what}"), hint)
}

/// The kernel refuses to create it.
fn refusal(path: &Path, error: &io::Error) -> Failure {
    let name = path.display();
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let parent = directory.display();
    let (why, hint) = match error.kind() {
        io::ErrorKind::NotFound if path.as_os_str().is_empty() => (
            "the name is empty".to_owned(),
            "give the name of a new file".to_owned(),
        ),
        // Not so in file systems where files cannot be made, such as /proc.
        io::ErrorKind::NotFound if !directory.is_dir() => (
            format!("there is no directory {parent}"),
            "create the directory first, or give another name".to_owned(),
        ),
        io::ErrorKind::NotADirectory => (
            format!("{parent} is not a directory"),
            "give the name of a new file in a directory".to_owned(),
        ),
        io::ErrorKind::IsADirectory => (
            "it is a directory".to_owned(),
            "give the name of a new file in it".to_owned(),
        ),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => (
            format!("{parent} is not writable"),
            "give a file in a directory that you may write to".to_owned(),
        ),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (
            error.to_string(),
            "free some space, or give a file on another disk".to_owned(),
        ),
        _ => (error.to_string(), "give the name of a new file".to_owned()),
    };
    let status = match error.kind() {
        io::ErrorKind::PermissionDenied => ExitStatus::Unsupported,
        _ => ExitStatus::Usage,
    };
    Failure::new(status, format!("cannot create {name}: {why}"), hint)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use super::*;
    use crate::failure::ExitStatus;

    /// Refuses `name` in a directory that has `file`, `link` to it, `dangling` and `dir`.
    #[track_caller]
    fn check(name: &str, force: bool, error: &str, hint: &str) {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "mine").unwrap();
        symlink(at("file"), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        fs::create_dir(at("dir")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("fifo"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();

        let failure = create(&at(name), force).unwrap_err();
        let place = format!("{}/", dir.path().display());
        let seen = failure.error.replace(&place, "");
        assert_eq!((seen.as_str(), failure.hint.as_str()), (error, hint));
        assert_eq!(failure.status, ExitStatus::Usage);
        assert_eq!(fs::read(at("file")).unwrap(), b"mine");
        assert!(!at("nowhere").exists());
    }

    #[test]
    fn nothing_is_overwritten() {
        let other = "give another name, or --force to replace it";
        let link = "give the name of a new file, not of a link";
        let inside = "give the name of a new file in it";
        let new = "give the name of a new file";
        check("file", false, "cannot create file: it exists", other);
        for force in [false, true] {
            check(
                "link",
                force,
                "cannot create link: it is a symbolic link",
                link,
            );
            check(
                "dangling",
                force,
                "cannot create dangling: it is a symbolic link",
                link,
            );
            check("dir", force, "cannot create dir: it is a directory", inside);
            check(
                "fifo",
                force,
                "cannot create fifo: it exists and is not a regular file",
                new,
            );
        }
    }

    #[test]
    fn a_place_that_does_not_exist_is_named() {
        let first = "create the directory first, or give another name";
        check(
            "no/x.trace",
            false,
            "cannot create no/x.trace: there is no directory no",
            first,
        );
        let in_file = "give the name of a new file in a directory";
        check(
            "file/x",
            true,
            "cannot create file/x: file is not a directory",
            in_file,
        );
        let inside = "give the name of a new file in it";
        check(
            "new/",
            false,
            "cannot create new/: it is a directory",
            inside,
        );
        let long = "x".repeat(300);
        let new = "give the name of a new file";
        let error = format!("cannot create {long}: File name too long (os error 36)");
        check(&long, false, &error, new);
        let empty = create(Path::new(""), false).unwrap_err();
        assert_eq!(empty.error, "cannot create : the name is empty");
    }

    #[test]
    fn refusals_of_the_kernel_say_what_helps() {
        let refused = |kind: io::ErrorKind| {
            let failure = refusal(Path::new("a/b"), &kind.into());
            format!("{}; {}", failure.error, failure.hint)
        };
        for kind in [
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::ReadOnlyFilesystem,
        ] {
            assert_eq!(
                refused(kind),
                "cannot create a/b: a is not writable; \
                 give a file in a directory that you may write to",
            );
        }
        assert_eq!(
            refused(io::ErrorKind::StorageFull),
            "cannot create a/b: no storage space; free some space, or give a file on another disk",
        );
    }

    #[test]
    fn force_replaces_a_file_with_a_private_one() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("x"), dir.path().join("y"));
        fs::write(&path, "old").unwrap();
        fs::hard_link(&path, &other).unwrap();
        let file = create(&path, true).unwrap();
        assert_eq!(file.metadata().unwrap().mode() & 0o7777, 0o600);
        assert_eq!(fs::read(&path).unwrap(), b"");
        // Unlinked, not emptied.
        assert_eq!(fs::read(&other).unwrap(), b"old");
    }

    #[test]
    fn sudo_names_its_caller() {
        let text = |text: &str| Some(OsString::from(text));
        assert_eq!(caller(text("1000"), text("100")), Some((1000, 100)));
        assert_eq!(caller(text("1000"), None), None);
        assert_eq!(caller(None, text("100")), None);
        assert_eq!(caller(text("-1"), text("100")), None);
        assert_eq!(caller(text("me"), text("100")), None);
    }
}
