//! A copy of a file of the target for blazesym, which maps files and follows what they refer to.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use object::Endianness;
use object::elf::{FileHeader64, SHF_COMPRESSED};
use object::read::elf::{FileHeader, SectionHeader};
use rustix::fs::MemfdFlags;

use super::file::{TargetFile, read_skeleton};

/// Larger files are not copied.
const MAX_SIZE: u64 = 256 << 20;

/// What all compressed sections of a file may claim to inflate to.
const MAX_INFLATED: u64 = 512 << 20;

/// Sections that name other files, in the file system where we run: anything, also a pipe.
const LINKS: [&[u8]; 3] = [b".gnu_debuglink", b".gnu_debugaltlink", b".debug_sup"];

/// A copy that nobody else can change or truncate.
#[derive(Debug)]
pub(super) struct Snapshot(File);

impl Snapshot {
    /// Copies the file.
    pub(super) fn take(file: &TargetFile) -> io::Result<Self> {
        if file.id.size > MAX_SIZE {
            let message = format!("{} bytes are more than {MAX_SIZE}", file.id.size);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        let mut copy = File::from(rustix::fs::memfd_create("symbols", MemfdFlags::CLOEXEC)?);
        let mut source = &file.file;
        source.rewind()?;
        io::copy(&mut source.take(MAX_SIZE), &mut copy)?;
        // Read from the copy: the file may have become another one since it was read first.
        let skeleton = read_skeleton(&copy, copy.metadata()?.len())?;
        for header in unwanted_sections(&skeleton, &copy).unwrap_or_default() {
            // Without its name a section is not found.
            copy.write_all_at(&[0; 4], header)?;
        }
        Ok(Self(copy))
    }

    /// A path to it, valid while it lives.
    pub(super) fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.0.as_raw_fd())
    }
}

/// Offsets of the headers of the sections that blazesym is not to see.
fn unwanted_sections(skeleton: &[u8], copy: &File) -> object::Result<Vec<u64>> {
    let header = FileHeader64::<Endianness>::parse(skeleton)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, skeleton)?;
    let mut inflated = 0_u64;
    let mut unwanted = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        let mut refuse = LINKS.contains(&sections.section_name(endian, section)?);
        if section.sh_flags(endian).0 & SHF_COMPRESSED.0 != 0 {
            let size = inflated_size(copy, section.sh_offset(endian)).unwrap_or(u64::MAX);
            inflated = inflated.saturating_add(size);
            refuse |= inflated > MAX_INFLATED;
        }
        if refuse {
            let offset = (index as u64).saturating_mul(size_of_val(section) as u64);
            unwanted.push(header.e_shoff(endian).saturating_add(offset));
        }
    }
    Ok(unwanted)
}

/// What a compressed section says it inflates to (`ch_size` of `Elf64_Chdr`).
fn inflated_size(copy: &File, section: u64) -> Option<u64> {
    let mut size = [0; 8];
    copy.read_exact_at(&mut size, section.checked_add(8)?)
        .ok()?;
    Some(u64::from_le_bytes(size))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs::read;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use blazesym::helper::ElfResolver;
    use object::{Object, ObjectSection};

    use super::*;

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

    fn has(bytes: &[u8], section: &str) -> bool {
        object::File::parse(bytes)
            .unwrap()
            .section_by_name(section)
            .is_some()
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
        let program = compile(
            directory.path(),
            &format!("{link}\nint main(void) {{ return 0; }}\n"),
        );
        // The linker would drop the section under its real name.
        let mut bytes = read(&program).unwrap();
        let name = b".gnu_debuglin_";
        let at = bytes
            .windows(name.len())
            .rposition(|window| window == name)
            .unwrap();
        bytes[at + name.len() - 1] = b'k';
        std::fs::write(&program, &bytes).unwrap();
        assert!(has(&bytes, ".gnu_debuglink"));
        let snapshot = Snapshot::take(&TargetFile::open(&program).unwrap()).unwrap();
        let copy = read(snapshot.path()).unwrap();
        assert_eq!(
            (has(&copy, ".gnu_debuglink"), has(&copy, ".debug_info")),
            (false, true)
        );
        // Opening the pipe would wait for ever.
        ElfResolver::open(snapshot.path()).unwrap();
    }

    #[test]
    fn sections_that_claim_to_inflate_to_much_are_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let program = compile(directory.path(), "int main(void) { return 0; }\n");
        let mut bytes = read(&program).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let (at, _) = file
            .section_by_name(".debug_info")
            .unwrap()
            .file_range()
            .unwrap();
        let size = at as usize + 8;
        bytes[size..size + 8].copy_from_slice(&(1_u64 << 40).to_le_bytes());
        std::fs::write(&program, &bytes).unwrap();
        let snapshot = Snapshot::take(&TargetFile::open(&program).unwrap()).unwrap();
        let copy = read(snapshot.path()).unwrap();
        assert_eq!(
            (has(&copy, ".debug_info"), has(&copy, ".symtab")),
            (false, true)
        );
        ElfResolver::open(snapshot.path()).unwrap();
    }
}
