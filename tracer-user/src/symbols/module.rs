//! One executable or library of a process: its file, held open, and where its symbols may be.

use std::cell::OnceCell;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::MemfdFlags;
use tracer_core::event::{Backing, Mapping};

use super::debug_file;
use super::file::TargetFile;
use super::limit::{LIMIT, within};
use super::root::Root;
use crate::proc::maps;

/// What the kernel calls the mapping of its own code.
pub(super) const VDSO: &str = "[vdso]";

/// A file with code in it.
#[derive(Debug)]
pub(super) struct Module {
    /// The last part of its path, as reports show it.
    pub(super) name: String,
    /// Where the process sees it.
    pub(super) path: String,
    /// Its number, as the mappings tell it; 0 of what is no file.
    inode: u64,
    /// The file, else why it could not be opened.
    pub(super) file: Result<Arc<TargetFile>, String>,
    /// The root directory of the process.
    root: Option<Arc<Root>>,
    debug_file: OnceCell<Option<Arc<TargetFile>>>,
}

impl Module {
    /// The file of a mapping, whatever has become of its path.
    pub(super) fn of_mapping(
        pid: u32,
        mapping: &Mapping,
        path: &str,
        inode: u64,
        root: Option<&Arc<Root>>,
    ) -> Self {
        let file = open(pid, mapping, path, inode, root).map_err(|error| error.to_string());
        Self::new(path, inode, file.map(Arc::new), root.cloned())
    }

    /// A file of ours.
    pub(super) fn of_file(path: &Path, file: Arc<TargetFile>) -> Self {
        Self::new(&path.to_string_lossy(), file.id.inode, Ok(file), None)
    }

    /// The code that the kernel maps into every process: ours is the same.
    pub(super) fn vdso() -> Self {
        let copy = || {
            let own = maps::read(std::process::id())?;
            let is_vdso = |mapping: &&Mapping| matches!(&mapping.backing, Backing::Anonymous { name } if name == VDSO);
            let own = own.iter().find(is_vdso).ok_or(io::ErrorKind::NotFound)?;
            let mut code = vec![0; (own.end - own.start) as usize];
            File::open("/proc/self/mem")?.read_exact_at(&mut code, own.start)?;
            let mut file = File::from(rustix::fs::memfd_create("vdso", MemfdFlags::CLOEXEC)?);
            file.write_all(&code)?;
            TargetFile::of_handle(OwnedFd::from(file))
        };
        let file = copy().map_err(|error: io::Error| error.to_string());
        Self::new(VDSO, 0, file.map(Arc::new), None)
    }

    /// The file of a mapping for which there was no time left.
    pub(super) fn late(path: &str, inode: u64) -> Self {
        let why = "not opened: other files of the process took too long";
        Self::new(path, inode, Err(why.to_owned()), None)
    }

    /// Whether it is what a mapping like its own is of: what is open cannot become another file.
    pub(super) fn is_of(&self, path: &str, inode: u64) -> bool {
        self.file.is_ok() && (self.path.as_str(), self.inode) == (path, inode)
    }

    /// The same file, or one of the same path that could not be opened either.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (&self.file, &other.file) {
            (Ok(file), Ok(other)) if self.path != VDSO => file.id == other.id,
            (Ok(_), Ok(_)) | (Err(_), Err(_)) => self.path == other.path,
            _ => false,
        }
    }

    fn new(
        path: &str,
        inode: u64,
        file: Result<Arc<TargetFile>, String>,
        root: Option<Arc<Root>>,
    ) -> Self {
        Self {
            name: base_name(path),
            path: path.to_owned(),
            inode,
            file,
            root,
            debug_file: OnceCell::new(),
        }
    }

    /// The file that has the symbols of C: itself, or one that was split off for debuggers.
    pub(super) fn symbol_file(&self) -> Result<&Arc<TargetFile>, String> {
        let file = self.file.as_ref().map_err(Clone::clone)?;
        let split = self.debug_file.get_or_init(|| {
            let (file, path) = (Arc::clone(file), self.path.clone());
            let root = Arc::clone(self.root.as_ref()?);
            let find = move || Ok(debug_file::find(&file, &path, &root.directory).map(Arc::new));
            // Without it there are fewer names, as with none at all.
            within(LIMIT, find).unwrap_or_default()
        });
        Ok(split.as_ref().unwrap_or(file))
    }
}

fn open(
    pid: u32,
    mapping: &Mapping,
    path: &str,
    inode: u64,
    root: Option<&Arc<Root>>,
) -> io::Result<TargetFile> {
    let Mapping { start, end, .. } = mapping;
    let link = format!("/proc/{pid}/map_files/{start:x}-{end:x}");
    TargetFile::open(link).or_else(|error| {
        // Following those links takes CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN.
        let (root, path) = (root.cloned(), path.to_owned());
        let find = move || {
            let is_it = |file: &TargetFile| file.id.inode == inode;
            let program = TargetFile::open(format!("/proc/{pid}/exe")).ok();
            let below = || TargetFile::open_below(&root?.directory, &path).ok();
            Ok(program.filter(is_it).or_else(|| below().filter(is_it)))
        };
        within(LIMIT, find)?.ok_or(error)
    })
}

/// The last part of a path as `/proc/PID/maps` shows it.
fn base_name(path: &str) -> String {
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    let name = Path::new(path).file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::base_name;

    #[track_caller]
    fn check(path: &str, expected: &str) {
        assert_eq!(base_name(path), expected);
    }

    #[test]
    fn base_names() {
        check("/usr/lib/libc.so.6", "libc.so.6");
        check("/srv/shop (deleted)", "shop");
        check("/memfd:stage2 (deleted)", "memfd:stage2");
        check("/srv/with space", "with space");
        check("[vdso]", "[vdso]");
        check("", "");
    }
}
