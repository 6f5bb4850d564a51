//! Go executables as a library sees them. Names and lines are compared with those of Go's own tools
//! in the black-box test `symbols`, for each release.

#![expect(clippy::unwrap_used, reason = "tests")]

mod go_symbols {
    mod process;
    pub(crate) mod toolchain;
}

use std::path::{Path, PathBuf};
use std::sync::Mutex;

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
