//! One executable: who built it, how, and where its Go code lies.

use std::ops::Range;

use object::elf;

use super::build_info::{self, BuildInfo};
use super::image::{Image, Segment};
use super::{Error, Table, notes};

/// Two that only programs with C code have (`runtime/asm_*.s`, `runtime/cgo`), and one that all have.
const FUNCTIONS: [&str; 3] = ["_cgo_topofstack", "crosscall2", "runtime.goexit"];

/// What a packer of executables writes behind the program headers (offset, bytes), and its name.
const PACKERS: [(usize, &[u8], &str); 1] = [(4, b"UPX!", "UPX")];

/// What the file of an executable says. Addresses are link-time virtual addresses.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts, each independent of the others"
)]
pub struct Binary {
    /// It holds Go code: build information, a pclntab, or both.
    pub is_go: bool,
    /// For example `go1.26.8`.
    pub go_version: Option<String>,
    /// Path of the main module; `None` when built by GOPATH.
    pub main_module: Option<String>,
    /// Paths of the modules it depends on, sorted.
    pub dependencies: Vec<String>,
    /// No `.symtab` section.
    pub stripped: bool,
    /// Position-independent executable.
    pub pie: bool,
    /// Needs libraries, or has the C code of `runtime/cgo` in it.
    pub cgo: bool,
    /// GNU build id in hex, else Go's build id.
    pub build_id: Option<String>,
    /// Go's name of the architecture: `amd64`, `arm64`.
    pub arch: &'static str,
    /// Go code: from its first function to the end of its last.
    pub text: Option<Range<u64>>,
    /// `runtime.goexit`, where the stack of every goroutine ends.
    pub goexit: Option<Range<u64>>,
    /// Its pclntab was changed after the linker had written it: names may say nothing.
    pub obfuscated: bool,
    /// The packer whose output it is: the program itself only exists while it runs.
    pub packed: Option<&'static str>,
    /// Functions, lines and inlined calls.
    pub table: Option<Table>,
    segments: Vec<Segment>,
}

impl Binary {
    /// Reads an ELF file of 64 bits.
    ///
    /// # Errors
    /// When it is no such file. Damaged Go tables are no error: what they would say is missing.
    pub fn parse(file: &[u8]) -> Result<Self, Error> {
        let image = Image::parse(file)?;
        let build = BuildInfo::read(&image);
        let mut table = Table::find(&image).unwrap_or_default();
        let is_go = build.is_some() || table.is_some();
        let BuildInfo {
            version,
            main_module,
            dependencies,
        } = build.unwrap_or_default();
        let go_version = version.or_else(|| is_go.then(|| build_info::version_variable(&image))?);
        if let Some(table) = &mut table {
            table.learn_kinds(go_version.as_deref());
        }
        let [topofstack, crosscall, goexit] = table
            .as_ref()
            .map(|table| table.function_ranges(FUNCTIONS))
            .unwrap_or_default();
        let packer = || {
            let place = image.behind_segment_headers()?;
            PACKERS.iter().find_map(|(at, mark, name)| {
                let bytes = place.get(*at..)?;
                bytes.starts_with(mark).then_some(*name)
            })
        };
        Ok(Self {
            is_go,
            go_version,
            main_module,
            dependencies,
            stripped: !image
                .sections
                .iter()
                .any(|section| section.kind == elf::SHT_SYMTAB.0),
            pie: image.is_pie(),
            cgo: image.needs_libraries() || topofstack.is_some() || crosscall.is_some(),
            build_id: notes::build_id(&image),
            arch: image.arch,
            text: table.as_ref().map(Table::text_range),
            goexit,
            obfuscated: table.as_ref().is_some_and(Table::is_obfuscated),
            packed: (!is_go).then(packer).flatten(),
            table,
            segments: image.segments_of(elf::PT_LOAD.0).copied().collect(),
        })
    }

    /// Bytes it takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.table.as_ref().map_or(0, Table::memory)
    }

    /// Whether what is looked up in one may be looked up in the other.
    #[must_use]
    pub fn is_copy_of(&self, other: &Self) -> bool {
        let tables = match (&self.table, &other.table) {
            (Some(ours), Some(theirs)) => ours.is_copy_of(theirs),
            (ours, theirs) => ours.is_none() && theirs.is_none(),
        };
        tables && self.build_id == other.build_id && self.segments == other.segments
    }

    /// The byte of the file that is loaded at an address of code.
    #[must_use]
    pub fn offset_of_code(&self, address: u64) -> Option<u64> {
        let mut segments = self.segments.iter().filter(|segment| segment.executable);
        let offset = |segment: &Segment| {
            let skip = address.checked_sub(segment.address)?;
            (skip < segment.file_size).then(|| segment.offset.checked_add(skip))?
        };
        segments.find_map(offset)
    }

    /// The address of a byte of the file, once loaded. Code wins where ranges share a page.
    ///
    /// The address of a mapping minus the answer for its file offset is the load bias.
    #[must_use]
    pub fn address_of(&self, file_offset: u64) -> Option<u64> {
        let address = |segment: &Segment| {
            let skip = file_offset.checked_sub(segment.offset)?;
            if skip >= segment.file_size {
                return None;
            }
            segment.address.checked_add(skip)
        };
        let code = self
            .segments
            .iter()
            .filter(|segment| segment.executable)
            .find_map(address);
        code.or_else(|| self.segments.iter().find_map(address))
    }
}
