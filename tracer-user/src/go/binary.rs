//! One executable: who built it, how, and where its Go code lies.

use std::ops::Range;

use object::elf;

use super::build_info::{self, BuildInfo};
use super::image::{Image, Segment};
use super::{Error, Table, notes};

/// Functions that only programs with C code in them have (`runtime/asm_*.s`, `runtime/cgo`).
const CGO_FUNCTIONS: [&str; 2] = ["_cgo_topofstack", "crosscall2"];

/// ELF machine numbers and Go's names for them; 64 bits, little endian.
const ARCHITECTURES: &[(u16, &str)] = &[
    (elf::EM_X86_64.0, "amd64"),
    (elf::EM_AARCH64.0, "arm64"),
    (elf::EM_RISCV.0, "riscv64"),
    (elf::EM_LOONGARCH.0, "loong64"),
    (elf::EM_PPC64.0, "ppc64le"),
    (elf::EM_MIPS.0, "mips64le"),
];

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
    /// Go's name of the architecture: `amd64`, `arm64`; `unknown` for one Go does not have.
    pub arch: &'static str,
    /// Go code: from its first function to the end of its last.
    pub text: Option<Range<u64>>,
    /// `runtime.goexit`, where the stack of every goroutine ends.
    pub goexit: Option<Range<u64>>,
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
        let table = Table::find(&image, build.is_some()).unwrap_or_default();
        let is_go = build.is_some() || table.is_some();
        let BuildInfo {
            version,
            main_module,
            dependencies,
        } = build.unwrap_or_default();
        let function = |name| table.as_ref().and_then(|table| table.function_range(name));
        Ok(Self {
            is_go,
            go_version: version.or_else(|| is_go.then(|| build_info::version_variable(&image))?),
            main_module,
            dependencies,
            stripped: !image
                .sections
                .iter()
                .any(|section| section.kind == elf::SHT_SYMTAB.0),
            pie: image.is_pie(),
            cgo: image.needs_libraries()
                || CGO_FUNCTIONS.iter().any(|name| function(name).is_some()),
            build_id: notes::build_id(&image),
            arch: ARCHITECTURES
                .iter()
                .find(|(machine, _)| *machine == image.machine)
                .map_or("unknown", |(_, name)| name),
            text: table.as_ref().map(Table::text_range),
            goexit: function("runtime.goexit"),
            table,
            segments: image.segments_of(elf::PT_LOAD.0).copied().collect(),
        })
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
