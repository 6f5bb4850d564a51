//! Go symbols of real programs, against what Go's own tools and DWARF say about them.

#![expect(clippy::unwrap_used, reason = "tests")]

mod go_symbols {
    mod process;
    pub(crate) mod toolchain;
}

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use blazesym::symbolize::source::{Elf, Source};
use blazesym::symbolize::{CodeInfo, Input, Sym, Symbolizer};
use go_symbols::toolchain::{Build, C, Toolchain};
use tracer_user::go::{Binary, Table};

/// One release of each table format from Go 1.13 on that is still met.
const VERSIONS: [&str; 4] = ["1.15.15", "1.16.15", "1.20.14", "1.26.8"];

const PLAIN: Build = Build {
    stripped: false,
    pie: false,
    c_code: C::None,
};
const PIE: Build = Build { pie: true, ..PLAIN };
const CGO: Build = Build {
    c_code: C::Dynamic,
    ..PLAIN
};
const CGO_PIE: Build = Build { pie: true, ..CGO };
const STATIC_CGO: Build = Build {
    c_code: C::Static,
    ..PLAIN
};

/// Function, file, line.
type Place = (String, String, u32);

/// The test program; built once, and kept for the next run of the tests.
fn program(version: &str, build: Build) -> PathBuf {
    static BUILDING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = BUILDING.lock();
    Toolchain::get(version).build(Path::new(env!("CARGO_TARGET_TMPDIR")), build)
}

fn parse(path: &Path) -> (Binary, Table) {
    let mut binary = Binary::parse(&std::fs::read(path).unwrap()).unwrap();
    let table = binary.table.take().unwrap();
    (binary, table)
}

/// Every function's entry, and addresses inside it.
fn addresses(table: &Table, step: usize) -> Vec<u64> {
    let mut all: Vec<u64> = table.functions().map(|(entry, _)| entry).collect();
    assert!(all.len() > 1000, "{} functions", all.len());
    all.extend(table.text_range().step_by(step));
    all.sort_unstable();
    all.dedup();
    all
}

/// What `go tool addr2line` prints: the outer function, the innermost line.
fn as_addr2line(table: &Table, pc: u64) -> (String, String) {
    let frames = table.lookup(pc);
    let (Some(inner), Some(outer)) = (frames.first(), frames.last()) else {
        return ("?".to_owned(), "?:0".to_owned());
    };
    let place = match (&*inner.file, inner.line) {
        // Between functions, and in C code.
        ("", 0) => ":-1".to_owned(),
        (file, line) => format!("{file}:{line}"),
    };
    (outer.function.clone().into_owned(), place)
}

#[test]
fn names_and_lines_are_those_of_go_tool_addr2line() {
    for version in VERSIONS {
        let toolchain = Toolchain::get(version);
        // It cannot read position-independent programs of Go 1.15 and 1.16; DWARF checks those.
        let builds = if toolchain.minor() < 18 {
            &[PLAIN, CGO][..]
        } else {
            &[PLAIN, CGO, PIE]
        };
        for build in builds {
            let path = program(version, *build);
            let (_, table) = parse(&path);
            let addresses = addresses(&table, 23);
            let expected = toolchain.addr2line(&path, &addresses);
            for (pc, mut expected) in addresses.iter().zip(expected) {
                // Its number for "no line here" depends on what else the table holds.
                if expected.1.starts_with(":-") {
                    expected.1 = ":-1".to_owned();
                }
                assert_eq!(
                    as_addr2line(&table, *pc),
                    expected,
                    "{version} {build:?} {pc:#x}"
                );
            }
            // Go's own symbol table has the C functions, too, and a suffix for assembly.
            let functions = toolchain.functions(&path);
            let ours: Vec<_> = table.functions().collect();
            let go = functions.iter().filter(|(entry, name)| {
                !matches!(name.as_str(), "runtime.text" | "runtime.etext")
                    && table.text_range().contains(entry)
            });
            let mut checked = 0;
            for (entry, name) in go {
                let index = ours.binary_search_by_key(entry, |(entry, _)| *entry);
                let Ok(index) = index else {
                    assert!(build == &CGO, "{version} {build:?} {name} is missing");
                    continue;
                };
                let name = name.trim_end_matches(".abi0");
                // ELF symbols have no middle dots.
                let ours = ours[index].1.replace('·', ".");
                assert_eq!(
                    without_arguments(&ours),
                    without_arguments(name),
                    "{version}"
                );
                checked += 1;
            }
            assert!(checked > 1000, "{version} {build:?}: {checked} functions");
        }
    }
}

#[test]
fn inlined_calls_are_those_of_dwarf() {
    for version in VERSIONS {
        let toolchain = Toolchain::get(version);
        for build in [PLAIN, PIE] {
            let path = program(version, build);
            let (_, table) = parse(&path);
            let addresses = addresses(&table, 29);
            let blazesym = Symbolizer::new();
            let file = Source::Elf(Elf::new(&path));
            let found = blazesym
                .symbolize(&file, Input::VirtOffset(&addresses))
                .unwrap();
            let (mut inlined, mut lost, mut other_lines) = (0, 0, 0);
            for (pc, found) in addresses.iter().zip(found) {
                let ours: Vec<Place> = table
                    .lookup(*pc)
                    .into_iter()
                    .map(|frame| {
                        (
                            frame.function.into_owned(),
                            frame.file.into_owned(),
                            frame.line,
                        )
                    })
                    .collect();
                let Some(found) = found.into_sym() else {
                    continue;
                };
                // Between functions, or no debug information here.
                if ours[0].1.is_empty() || found.code_info.is_none() {
                    continue;
                }
                let dwarf = places(&found);
                let names = |places: &[Place]| -> Vec<String> {
                    places
                        .iter()
                        .map(|(name, ..)| without_arguments(name))
                        .collect()
                };
                let (our_names, dwarf_names) = (names(&ours), names(&dwarf));
                // blazesym loses some nested calls in the DWARF of old releases, never invents any.
                if toolchain.minor() < 18 && our_names.len() > dwarf_names.len() {
                    assert!(
                        our_names.ends_with(&dwarf_names),
                        "{version} {build:?} {pc:#x}"
                    );
                    lost += 1;
                    continue;
                }
                assert_eq!(our_names, dwarf_names, "{version} {build:?} {pc:#x}");
                inlined += usize::from(ours.len() > 1);
                let same = ours
                    .iter()
                    .zip(&dwarf)
                    .all(|(ours, dwarf)| (&ours.1, ours.2) == (&dwarf.1, dwarf.2) || dwarf.2 == 0);
                other_lines += usize::from(!same);
            }
            assert!(
                inlined > 2500,
                "{version} {build:?}: {inlined} addresses in inlined calls"
            );
            assert!(
                lost < inlined / 4,
                "{version} {build:?}: {lost} are not in DWARF"
            );
            // Go drops a few rows of the DWARF line table; `go tool addr2line` agrees with us there.
            let allowed = addresses.len() / 4000;
            assert!(
                other_lines <= allowed,
                "{version} {build:?}: {other_lines} differ"
            );
        }
    }
}

/// Innermost first.
fn places(found: &Sym<'_>) -> Vec<Place> {
    let place = |name: &str, info: Option<&CodeInfo<'_>>| {
        let file = info
            .map(|info| info.to_path().display().to_string())
            .unwrap_or_default();
        let file = file.trim_start_matches("./").to_owned();
        (
            name.to_owned(),
            file,
            info.and_then(|info| info.line).unwrap_or_default(),
        )
    };
    let inlined = found.inlined.iter().rev();
    inlined
        .map(|call| place(&call.name, call.code_info.as_ref()))
        .chain([place(&found.name, found.code_info.as_deref())])
        .collect()
}

/// pclntab writes `[...]` where symbol table and DWARF spell out type arguments and lengths.
fn without_arguments(name: &str) -> String {
    let mut depth = 0;
    let mut short = String::new();
    for character in name.chars() {
        match character {
            '[' => {
                if depth == 0 {
                    short.push_str("[...]");
                }
                depth += 1;
            }
            ']' => depth -= 1,
            other if depth == 0 => short.push(other),
            _ => {}
        }
    }
    short
}

#[test]
fn stripped_programs_lose_nothing() {
    for version in VERSIONS {
        for build in [PLAIN, PIE, CGO] {
            let (_, plain) = parse(&program(version, build));
            let stripped = program(
                version,
                Build {
                    stripped: true,
                    ..build
                },
            );
            let (_, stripped) = parse(&stripped);
            assert_eq!(plain.text_range(), stripped.text_range());
            for pc in addresses(&plain, 17) {
                let (before, after) = (plain.frames(pc), stripped.frames(pc));
                assert!(before.eq(after), "{version} {build:?} {pc:#x}");
                assert_eq!(
                    plain.frameless(pc),
                    stripped.frameless(pc),
                    "{version} {pc:#x}"
                );
            }
        }
    }
}

#[test]
fn facts_of_a_build() {
    for version in VERSIONS {
        for build in [PLAIN, PIE, CGO, CGO_PIE, STATIC_CGO] {
            for stripped in [false, true] {
                let build = Build { stripped, ..build };
                let path = program(version, build);
                let (binary, table) = parse(&path);
                let found = (
                    binary.is_go,
                    binary.stripped,
                    binary.pie,
                    binary.cgo,
                    binary.arch,
                );
                let cgo = build.c_code != C::None;
                assert_eq!(
                    found,
                    (true, stripped, build.pie, cgo, "amd64"),
                    "{version} {build:?}"
                );
                assert_eq!(binary.go_version, Some(format!("go{version}")));
                assert_eq!(binary.main_module.as_deref(), Some("example.org/sample"));
                assert!(
                    binary.build_id.is_some_and(|id| id.len() >= 40),
                    "{version} {build:?}"
                );
                let goexit = binary.goexit.unwrap();
                assert_eq!(table.lookup(goexit.start)[0].function, "runtime.goexit");
                assert_eq!(table.lookup(goexit.end - 1)[0].function, "runtime.goexit");
                assert_eq!(binary.text, Some(table.text_range()));
                check_known_lines(&table);
            }
        }
    }
}

/// `allocate` inlines `top`, which inlines `middle`, which inlines `leaf`.
#[track_caller]
fn check_known_lines(table: &Table) {
    let range = table.function_range("main.allocate").unwrap();
    let stacks: Vec<Vec<String>> = range
        .map(|pc| {
            let frames = table.lookup(pc).into_iter().map(|frame| {
                let file = frame.file.rsplit('/').next().unwrap().to_owned();
                let inlined = if frame.inlined { " inlined" } else { "" };
                format!("{} {file}:{}{inlined}", frame.function, frame.line)
            });
            frames.collect()
        })
        .collect();
    let nested = [
        "main.leaf main.go:30 inlined",
        "main.middle main.go:33 inlined",
        "main.top main.go:40 inlined",
        "main.allocate main.go:45",
    ];
    let single = ["main.leaf main.go:30 inlined", "main.allocate main.go:46"];
    assert!(stacks.iter().any(|stack| stack == &nested), "{stacks:?}");
    assert!(stacks.iter().any(|stack| stack == &single), "{stacks:?}");
}

#[test]
fn frameless_where_the_stack_pointer_holds_the_return_address() {
    for version in VERSIONS {
        let (_, table) = parse(&program(version, PIE));
        let range = |name| table.function_range(name).unwrap();
        for leaf in ["runtime.madvise", "runtime.memclrNoHeapPointers"] {
            // The rest of the range is padding.
            let body = range(leaf).take_while(|pc| !table.lookup(*pc)[0].file.is_empty());
            assert!(body.clone().count() > 8);
            assert!(
                body.clone().all(|pc| table.frameless(pc)),
                "{version} {leaf}"
            );
        }
        let recurse = range("main.recurse");
        assert!(table.frameless(recurse.start));
        // After the stack check and `SUBQ` the word is a local variable, up to the return.
        let framed = recurse.clone().filter(|pc| !table.frameless(*pc)).count();
        assert!(framed > 30, "{version}: {framed}");
        assert!(!table.frameless(0));
    }
}

#[test]
fn damaged_files_never_panic() {
    let build = Build {
        stripped: true,
        ..PIE
    };
    for version in VERSIONS {
        let whole = std::fs::read(program(version, build)).unwrap();
        let sections = u64::from_le_bytes(whole[40..48].try_into().unwrap()) as usize;
        let headers = (0..900).chain(sections..(sections + 1500).min(whole.len()));
        for index in headers.step_by(7) {
            let mut damaged = whole.clone();
            damaged[index] ^= 0x81;
            exercise(&damaged);
        }
        for length in (0..whole.len()).step_by(whole.len() / 60) {
            exercise(&whole[..length]);
        }
    }
    exercise(b"");
    exercise(b"\x7fELF\x02\x01");
}

/// Asks a file whatever a symbolizer would ask it.
fn exercise(file: &[u8]) {
    let _ = tracer_user::go::parts(file);
    let Ok(binary) = Binary::parse(file) else {
        return;
    };
    let _ = binary.address_of(0x1000);
    if let Some(table) = binary.table {
        let range = table.text_range();
        for pc in [
            range.start,
            range.start + 1000,
            range.end.wrapping_sub(1),
            0,
            u64::MAX,
        ] {
            let _ = (table.lookup(pc), table.frameless(pc));
        }
    }
}
