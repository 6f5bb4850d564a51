//! What the file of a Go program tells about where its runtime keeps its variables.

use std::ops::Range;

use super::code;
use super::layout::{Arch, Layout};
use crate::go::image::Image;
use crate::go::{Binary, Error, Table};

mod release;

pub use release::Unsupported;

/// The variables of the runtime that are read, as the symbol table names them.
pub(super) const VARIABLES: [&str; 17] = [
    "runtime.mheap_",
    "runtime.memstats",
    "runtime.gcController",
    "runtime.gcpercent",
    "runtime.allgs",
    "runtime.allp",
    "runtime.sched",
    "runtime.mbuckets",
    "runtime.mProf",
    "runtime.mProfCycle",
    "runtime.MemProfileRate",
    "runtime.disableMemoryProfiling",
    "runtime.gcphase",
    "runtime.work",
    "runtime.allfin",
    "sync.allPools",
    "sync.oldPools",
];

/// The functions whose code tells where variables are.
pub(super) const FUNCTIONS: [&str; 15] = [
    "runtime.mallocinit",
    "runtime.gcinit",
    "runtime.allgadd",
    "runtime.procresize",
    "runtime.checkmcount",
    "runtime.(*mheap).allocSpan",
    "runtime.gcMarkTermination",
    "runtime.gcSetTriggerRatio",
    "runtime.mProf_FlushLocked",
    "runtime.mProf_Flush",
    "runtime.profilealloc",
    "runtime.nextSample",
    "runtime.schedinit",
    "runtime.queuefinalizer",
    "sync.poolCleanup",
];

/// More code than a function of the runtime has.
const MAX_CODE: usize = 1 << 16;

/// A program whose runtime has a known layout. Addresses are those of the file.
#[derive(Clone, Debug)]
pub struct Program {
    pub(super) layout: Layout,
    pub(super) symbols: [Option<u64>; VARIABLES.len()],
    /// What each of `FUNCTIONS` refers to; empty where the code is not understood.
    pub(super) references: [Vec<u64>; FUNCTIONS.len()],
    /// Where its variables are.
    pub(super) writable: Vec<Range<u64>>,
}

impl Program {
    /// 26 for a program of Go 1.26.
    #[must_use]
    pub fn minor(&self) -> u32 {
        self.layout.minor()
    }

    /// Reads the file of an executable, of which `binary` is what was read before.
    ///
    /// # Errors
    /// When it is no Go program of a release and build with a known layout.
    pub fn read(file: &[u8], binary: &Binary) -> Result<Self, Unsupported> {
        let image = Image::parse(file).map_err(|error| match error {
            Error::Unsupported(machine) => Unsupported::Machine(machine),
            Error::NotElf | Error::Damaged(_) => Unsupported::NotGo,
        })?;
        let minor = release::minor(binary)?;
        let arch = Arch::named(binary.arch).ok_or(Unsupported::Machine(binary.arch))?;
        let version = binary.go_version.clone().unwrap_or_default();
        let layout = Layout::of(minor, arch).ok_or(Unsupported::Version(version))?;
        let table = binary.table.as_ref();
        let references = match (arch, table) {
            (Arch::Amd64, Some(table)) => references(&image, table),
            _ => Default::default(),
        };
        Ok(Self {
            layout,
            symbols: image.variables(VARIABLES),
            references,
            writable: image
                .segments
                .iter()
                .filter(|segment| segment.is_loaded() && segment.writable)
                .filter_map(|segment| {
                    let end = segment.address.checked_add(segment.memory_size)?;
                    Some(segment.address..end)
                })
                .collect(),
        })
    }

    /// The layout of its runtime.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The address of a variable in the symbol table.
    pub(super) fn symbol(&self, name: &str) -> Option<u64> {
        let index = VARIABLES.iter().position(|known| *known == name)?;
        self.symbols[index]
    }

    /// The variables that a function refers to, in the order of its code.
    pub(super) fn references(&self, function: &str) -> &[u64] {
        let index = FUNCTIONS.iter().position(|known| *known == function);
        index.map_or(&[], |index| &self.references[index])
    }
}

fn references(image: &Image<'_>, table: &Table) -> [Vec<u64>; FUNCTIONS.len()] {
    table.function_ranges(FUNCTIONS).map(|range| {
        let code = range.and_then(|range| {
            let len = usize::try_from(range.end.checked_sub(range.start)?).ok()?;
            let code = image.bytes_at(range.start)?;
            Some((range.start, code.get(..len.min(MAX_CODE))?))
        });
        code.map_or_else(Vec::new, |(address, code)| code::references(code, address))
    })
}
