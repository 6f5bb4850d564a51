//! Who the target is: facts for the report, and what the stack walker needs to know.

use tracer_core::event::{Backing, Mapping, ProcessFacts};
use tracer_ebpf::{CodeRange, Target as Wire};

use crate::{
    go::{Binary, Table},
    proc::target::Target,
};

/// `PROT_EXEC`.
const EXECUTABLE: u32 = 4;

/// The facts about a process that runs `binary`.
pub(super) fn facts(target: &Target, binary: Option<&Binary>, hooks: &str) -> ProcessFacts {
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
        hooks: Some(hooks.to_owned()),
    }
}

/// What the kernel side is told about the process.
pub(super) fn wire(binary: Option<&Binary>, mappings: &[Mapping], exe: &str, epoch: u32) -> Wire {
    let bias = binary
        .and_then(|binary| load_bias(binary, mappings, exe))
        .unwrap_or(0);
    let mut wire = Wire {
        text: span(mappings, |mapping| is_file(mapping, exe)),
        libraries: span(mappings, |mapping| !is_file(mapping, exe)),
        epoch,
        ..Wire::default()
    };
    let Some(binary) = binary.filter(|binary| binary.is_go) else {
        return wire;
    };
    let Some(table) = &binary.table else {
        return wire;
    };
    let range = |name: &str| function(table, name, bias);
    wire.goexit = range("runtime.goexit");
    wire.systemstack_switch = range("runtime.systemstack_switch");
    wire.morestack = range("runtime.morestack");
    if let Some(layout) = binary.go_version.as_deref().and_then(Layout::of) {
        wire.g_offset = G_OFFSET;
        wire.m_gsignal = layout.gsignal;
        wire.m_curg = layout.curg;
        wire.g_sched_bp = layout.sched_bp;
        wire.switch_hides_caller = u32::from(layout.switch_hides_caller);
    }
    wire
}

/// `runtime.tlsg` lies right below the thread pointer of a program whose only thread-local
/// variable it is (linux/amd64). Elsewhere the walker's check of `m.g0` finds no goroutine.
const G_OFFSET: i64 = -8;

/// Where the goroutine's saved registers are, by Go version (`runtime2.go`).
struct Layout {
    gsignal: u32,
    curg: u32,
    sched_bp: u32,
    switch_hides_caller: bool,
}

impl Layout {
    fn of(version: &str) -> Option<Self> {
        let minor: u32 = version
            .strip_prefix("go1.")?
            .split(|c: char| !c.is_ascii_digit())
            .next()?
            .parse()
            .ok()?;
        let (gsignal, curg, sched_bp) = match minor {
            10..=24 => (80, 192, 104),
            25..=27 => (72, 184, 96),
            _ => return None,
        };
        Some(Self {
            gsignal,
            curg,
            sched_bp,
            switch_hides_caller: minor <= 20,
        })
    }
}

fn function(table: &Table, name: &str, bias: u64) -> CodeRange {
    table
        .function_range(name)
        .map_or(CodeRange::default(), |range| CodeRange {
            start: range.start.wrapping_add(bias),
            end: range.end.wrapping_add(bias),
        })
}

/// What was added to the link-time addresses when the executable was mapped.
fn load_bias(binary: &Binary, mappings: &[Mapping], exe: &str) -> Option<u64> {
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

fn is_file(mapping: &Mapping, wanted: &str) -> bool {
    matches!(&mapping.backing, Backing::File { path, .. }
        if path.strip_suffix(" (deleted)").unwrap_or(path) == wanted)
}

/// From the first to the last byte of the code that `belongs`.
fn span(mappings: &[Mapping], belongs: impl Fn(&Mapping) -> bool) -> CodeRange {
    let code = || {
        mappings
            .iter()
            .filter(|m| m.prot & EXECUTABLE != 0 && belongs(m))
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
    fn layouts() {
        let check = |version: &str, expected: Option<(u32, bool)>| {
            let found = Layout::of(version).map(|l| (l.sched_bp, l.switch_hides_caller));
            assert_eq!(found, expected, "{version}");
        };
        check("go1.15.15", Some((104, true)));
        check("go1.20", Some((104, true)));
        check("go1.21rc2", Some((104, false)));
        check("go1.25.5 X:nogreenteagc", Some((96, false)));
        check("go1.28.0", None);
        check("devel +abc", None);
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
        ];
        let text = span(&maps, |m| is_file(m, "/srv/shop"));
        assert_eq!((text.start, text.end), (0x2000, 0x3000));
        let libraries = span(&maps, |m| !is_file(m, "/srv/shop"));
        assert_eq!((libraries.start, libraries.end), (0x9000, 0xc000));
    }
}
