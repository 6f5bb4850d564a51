//! Who the target is: facts for the report, and what the stack walker needs to know.

mod allocation;
mod creation;
mod runtime;
mod tls;

pub(super) use allocation::{AllocationPlaces, allocation_places};
pub(super) use creation::{Places, places};

use std::ops::Range;

use tracer_core::event::{Backing, Mapping, ProcessFacts};
use tracer_ebpf::{CodeRange, Target as Wire};

use crate::{go::Binary, kernel::Hooked, proc::target::Target};

/// First address that no user code has, on any architecture.
const USER_END: u64 = 1 << 63;

/// All but address 0, where every chain ends.
const ALL_USER_CODE: CodeRange = CodeRange {
    start: 1,
    end: USER_END,
};

/// `PROT_EXEC`.
const EXECUTABLE: u32 = 4;

/// The facts about a process that runs `binary`, and how its events are seen.
pub(crate) fn facts(
    target: &Target,
    binary: Option<&Binary>,
    hooked: Option<&Hooked>,
) -> ProcessFacts {
    let go = binary.filter(|binary| binary.is_go);
    ProcessFacts {
        comm: target.comm.clone(),
        exe: Some(target.exe_path.clone()).filter(|path| !path.is_empty()),
        build_id: binary.and_then(|binary| binary.build_id.clone()),
        go_version: go.and_then(|binary| binary.go_version.clone()),
        main_module: go.and_then(|binary| binary.main_module.clone()),
        dependencies: go
            .map(|binary| binary.dependencies.clone())
            .unwrap_or_default(),
        arch: binary.map_or_else(String::new, |binary| binary.arch.to_owned()),
        stripped: binary.map(|binary| binary.stripped),
        pie: binary.map(|binary| binary.pie),
        cgo: go.map(|binary| binary.cgo),
        godebug: target.godebug.clone(),
        page_size: rustix::param::page_size() as u64,
        hooks: hooked.map(Hooked::describe),
        sample_bytes: hooked.and_then(|hooked| hooked.stacks.sample_bytes()),
        sees_answers: hooked.is_some(),
    }
}

/// What the kernel side is told about a process that runs `binary`.
pub(super) fn wire(target: &Target, binary: Option<&Binary>, mappings: &[Mapping]) -> Wire {
    let exe = &target.exe_path;
    let mut wire = Wire {
        text: span(mappings, |mapping| is_file(mapping, exe)),
        libraries: span(mappings, |mapping| !is_file(mapping, exe)),
        trusted: ALL_USER_CODE,
        ..Wire::default()
    };
    let Some(binary) = binary.filter(|binary| binary.is_go) else {
        return wire;
    };
    let bias = load_bias(binary, mappings, exe).unwrap_or(0);
    if runtime::describe(binary, bias, &mut wire) {
        let own = tls::own_offset(target.pid(), binary, bias);
        wire.g_offset = own.unwrap_or(tls::USUAL_OFFSET);
    }
    wire
}

/// Link-time addresses as they are in the process.
fn loaded(range: &Range<u64>, bias: u64) -> CodeRange {
    CodeRange {
        start: range.start.wrapping_add(bias),
        end: range.end.wrapping_add(bias),
    }
}

/// What was added to the link-time addresses when the executable was mapped.
pub(crate) fn load_bias(binary: &Binary, mappings: &[Mapping], exe: &str) -> Option<u64> {
    mappings
        .iter()
        .filter(|mapping| is_file(mapping, exe))
        .find_map(|mapping| {
            let Backing::File { offset, .. } = &mapping.backing else {
                return None;
            };
            Some(mapping.start.wrapping_sub(binary.address_of(*offset)?))
        })
}

/// The release of Go 1 that a version names.
fn minor(version: &str) -> Option<u32> {
    let minor = version.strip_prefix("go1.")?;
    let end = minor.find(|c: char| !c.is_ascii_digit());
    minor[..end.unwrap_or(minor.len())].parse().ok()
}

fn is_file(mapping: &Mapping, wanted: &str) -> bool {
    matches!(&mapping.backing, Backing::File { path, .. }
        if path.strip_suffix(" (deleted)").unwrap_or(path) == wanted)
}

/// From the first to the last byte of the code that `belongs`.
fn span(mappings: &[Mapping], belongs: impl Fn(&Mapping) -> bool) -> CodeRange {
    // `[vsyscall]` lies in the kernel's half.
    let code = || {
        mappings
            .iter()
            .filter(|m| m.prot & EXECUTABLE != 0 && m.end <= USER_END && belongs(m))
    };
    CodeRange {
        start: code().map(|mapping| mapping.start).min().unwrap_or(0),
        end: code().map(|mapping| mapping.end).max().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(minor("go1.14.15"), Some(14));
        assert_eq!(minor("go1.27rc1 X:x"), Some(27));
        assert_eq!(minor("devel"), None);
    }

    #[test]
    fn spans() {
        let mapping = |start, prot, path: &str| Mapping {
            start,
            end: start + 0x1000,
            prot,
            shared: false,
            backing: Backing::File {
                path: path.to_owned(),
                offset: 0,
                inode: 1,
            },
        };
        let maps = [
            mapping(0x1000, 1, "/srv/shop"),
            mapping(0x2000, 5, "/srv/shop (deleted)"),
            mapping(0x9000, 5, "/lib/libc.so.6"),
            mapping(0xb000, 5, "/lib/ld.so"),
            mapping(0xffff_ffff_ff60_0000, 4, "[vsyscall]"),
        ];
        let text = span(&maps, |m| is_file(m, "/srv/shop"));
        assert_eq!((text.start, text.end), (0x2000, 0x3000));
        let libraries = span(&maps, |m| !is_file(m, "/srv/shop"));
        assert_eq!((libraries.start, libraries.end), (0x9000, 0xc000));
    }
}
