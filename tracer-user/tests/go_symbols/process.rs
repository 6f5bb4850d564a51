//! Addresses of running programs, also when program and file are gone.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use object::{Object, ObjectSymbol};
use tracer_core::event::{Backing, Frame, FrameKind, Mapping, Symbol};
use tracer_user::go::{Binary, Table};
use tracer_user::proc::maps;
use tracer_user::symbols::{Change, Executable, Query, Symbolizer, Worker};

use super::toolchain::{Build, C, Toolchain};
use crate::program;

/// What names C code in a process of its own.
const TRACER: &str = env!("CARGO_BIN_EXE_tracer");

/// A test program that has reached the end of its `main`; killed when dropped.
struct Running(Child);

impl Running {
    fn start(path: &Path) -> Self {
        let mut command = Command::new(path);
        let mut child = command.arg("wait").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self(child)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The executable mapping of the file of this name.
fn code_of(pid: u32, name: &str) -> Mapping {
    let mappings = maps::read(pid).unwrap();
    let of_file = |mapping: &Mapping| match &mapping.backing {
        Backing::File { path, .. } => {
            mapping.prot & 4 != 0 && path.trim_end_matches(" (deleted)").ends_with(name)
        }
        Backing::Anonymous { .. } => false,
    };
    mappings.into_iter().find(of_file).unwrap()
}

/// What to add to link-time addresses.
fn bias(mapping: &Mapping, binary: &Binary) -> u64 {
    let Backing::File { offset, .. } = mapping.backing else {
        unreachable!()
    };
    mapping.start - binary.address_of(offset).unwrap()
}

fn at(address: u64) -> Query {
    Query {
        address,
        is_return: false,
    }
}

fn returns_to(address: u64) -> Query {
    Query {
        address,
        is_return: true,
    }
}

fn frame(function: &str, file: &str, line: u32, module: &str, go: bool) -> Frame {
    let (function, file, module) = (function.to_owned(), file.to_owned(), module.to_owned());
    Frame {
        function,
        file,
        line,
        inlined: false,
        module,
        go,
        kind: FrameKind::Plain,
    }
}

/// The same with only the last part of each path.
fn shortened(mut symbol: Symbol) -> Symbol {
    for frame in &mut symbol.frames {
        frame.file = frame.file.rsplit('/').next().unwrap().to_owned();
    }
    symbol
}

/// The pc after which the first address of `main.allocate` with four nested calls lies.
fn nested(table: &Table) -> u64 {
    let mut range = table.function_range("main.allocate").unwrap();
    range.find(|pc| table.lookup(*pc).len() == 4).unwrap()
}

#[test]
fn a_stripped_program_is_named_after_its_exit() {
    let directory = tempfile::tempdir().unwrap();
    for version in ["1.15.15", "1.26.8"] {
        let build = Build {
            stripped: true,
            pie: true,
            ..Build::default()
        };
        let kept = program(version, build);
        let path = directory.path().join(kept.file_name().unwrap());
        std::fs::copy(kept, &path).unwrap();
        let binary = Binary::parse(&std::fs::read(&path).unwrap()).unwrap();
        let table = binary.table.as_ref().unwrap();
        let running = Running::start(&path);
        let name = path.file_name().unwrap().to_str().unwrap();
        let bias = bias(&code_of(running.pid(), name), &binary);
        std::fs::remove_file(&path).unwrap();
        let (_, partial) = Executable::read(running.pid()).unwrap();
        let partial = partial.unwrap();
        let partial = partial.binary();
        assert_eq!(partial.go_version, Some(format!("go{version}")));
        assert_eq!(
            (&partial.text, &partial.goexit),
            (&binary.text, &binary.goexit)
        );
        let mut symbolizer = Symbolizer::new(running.pid(), TRACER.into()).unwrap();
        drop(running);
        let recurse = table.function_range("main.recurse").unwrap();
        let queries = [
            at(bias + recurse.start),
            returns_to(bias + recurse.start),
            returns_to(bias + nested(table) + 1),
            at(bias - 4096),
            at(0),
            returns_to(0),
        ];
        let found: Vec<Symbol> = symbolizer
            .symbolize(&queries)
            .symbols
            .into_iter()
            .map(shortened)
            .collect();
        assert_eq!(found.len(), queries.len());
        let function = frame("main.recurse", "main.go", 50, name, true);
        assert_eq!(
            (&found[0].frames, found[0].frameless),
            (&vec![function], true)
        );
        // The byte before the entry belongs to the function before it.
        assert_ne!(
            found[1].frames.first().map(|frame| &*frame.function),
            Some("main.recurse")
        );
        assert!(!found[1].frameless);
        let inlined = |function, line| {
            let frame = frame(function, "main.go", line, name, true);
            Frame {
                inlined: true,
                ..frame
            }
        };
        let expected = [
            inlined("main.leaf", 30),
            inlined("main.middle", 33),
            inlined("main.top", 40),
            frame("main.allocate", "main.go", 45, name, true),
        ];
        assert_eq!(found[2].frames, expected);
        for (query, symbol) in queries.iter().zip(&found) {
            assert_eq!(
                (symbol.address, symbol.is_return),
                (query.address, query.is_return)
            );
        }
        assert!(
            found[3..]
                .iter()
                .all(|symbol| symbol.frames.is_empty() && !symbol.frameless)
        );
        assert!(symbolizer.refresh().is_err(), "it has exited");
        assert_eq!(
            symbolizer.symbolize(&queries[..1]).symbols[0].frames.len(),
            1
        );
    }
}

#[test]
fn c_code_and_libraries_are_named_beside_go() {
    let path = program(
        "1.26.8",
        Build {
            c_code: C::Dynamic,
            ..Build::default()
        },
    );
    let binary = Binary::parse(&std::fs::read(&path).unwrap()).unwrap();
    let running = Running::start(&path);
    let name = path.file_name().unwrap().to_str().unwrap();
    let program = bias(&code_of(running.pid(), name), &binary);
    let functions = Toolchain::get("1.26.8").functions(&path);
    let c_entry = functions
        .iter()
        .find(|(_, name)| name == "c_entry")
        .unwrap()
        .0;
    let main = binary
        .table
        .as_ref()
        .unwrap()
        .function_range("main.main")
        .unwrap();
    let libc_code = code_of(running.pid(), "libc.so.6");
    let Backing::File {
        path: libc_path, ..
    } = &libc_code.backing
    else {
        unreachable!()
    };
    let libc = std::fs::read(libc_path).unwrap();
    let libc_bias = bias(&libc_code, &Binary::parse(&libc).unwrap());
    let malloc = dynamic_symbol(&libc, "malloc");
    let mut symbolizer = Symbolizer::new(running.pid(), TRACER.into()).unwrap();
    drop(running);
    let queries = [program + c_entry, program + main.start, libc_bias + malloc].map(at);
    let found: Vec<Symbol> = symbolizer
        .symbolize(&queries)
        .symbols
        .into_iter()
        .map(shortened)
        .collect();
    let c_frame = &found[0].frames[0];
    let expected = frame("c_entry", "cgo.go", c_frame.line, name, false);
    assert_eq!((c_frame, c_frame.line > 0), (&expected, true));
    assert_eq!(
        found[1].frames,
        [frame("main.main", "main.go", 77, name, true)]
    );
    let in_libc = found[2].frames.last().unwrap();
    assert!(in_libc.function.ends_with("malloc"), "{in_libc:?}");
    assert_eq!((&*in_libc.module, in_libc.go), ("libc.so.6", false));
}

fn dynamic_symbol(elf: &[u8], name: &str) -> u64 {
    let file = object::File::parse(elf).unwrap();
    let mut symbols = file.dynamic_symbols();
    symbols
        .find(|symbol| symbol.is_definition() && symbol.name() == Ok(name))
        .unwrap()
        .address()
}

#[test]
fn rust_and_vdso_of_this_process() {
    let pid = std::process::id();
    let mappings = maps::read(pid).unwrap();
    let is_vdso = |mapping: &&Mapping| matches!(&mapping.backing, Backing::Anonymous { name } if name == "[vdso]");
    let vdso = mappings.iter().find(is_vdso).unwrap();
    let mut image = vec![0; (vdso.end - vdso.start) as usize];
    File::open("/proc/self/mem")
        .unwrap()
        .read_exact_at(&mut image, vdso.start)
        .unwrap();
    let clock = vdso.start + dynamic_symbol(&image, "__vdso_clock_gettime");
    let function = rust_and_vdso_of_this_process as fn() as usize as u64;
    let start = Instant::now();
    let found = loop {
        let mut symbolizer = Symbolizer::new(pid, TRACER.into()).unwrap();
        let found = symbolizer.symbolize(&[at(function), at(clock)]).symbols;
        // On a busy machine the debug information of this large file takes longer than is allowed.
        let has_file = found[0].frames.iter().any(|frame| !frame.file.is_empty());
        if has_file || start.elapsed() > Duration::from_secs(30) {
            break found;
        }
    };
    let rust = found[0].frames.last().unwrap();
    assert!(
        rust.function
            .ends_with("process::rust_and_vdso_of_this_process"),
        "{rust:?}"
    );
    assert!(
        rust.file.ends_with("tests/go_symbols/process.rs") && !rust.go,
        "{rust:?}"
    );
    assert!(
        found[1].frames[0].function.ends_with("clock_gettime"),
        "{:?}",
        found[1]
    );
    assert_eq!(found[1].frames[0].module, "[vdso]");
}

#[test]
fn a_worker_answers_each_address_once() {
    let path = program("1.26.8", Build::default());
    let binary = Binary::parse(&std::fs::read(&path).unwrap()).unwrap();
    let table = binary.table.as_ref().unwrap();
    let running = Running::start(&path);
    let worker = Worker::spawn(running.pid(), None, TRACER.into()).unwrap();
    let entries: Vec<Query> = table.functions().map(|(entry, _)| at(entry)).collect();
    worker.submit(entries[..100].to_vec());
    let start = Instant::now();
    let mut found = Vec::new();
    while found.len() < 100 && start.elapsed() < Duration::from_secs(20) {
        found.extend(worker.try_take().symbols);
    }
    worker.refresh();
    drop(running);
    worker.submit(entries[..200].to_vec());
    worker.submit(entries.clone());
    // As a return address it is another question.
    worker.submit(vec![returns_to(entries[0].address + 1)]);
    found.extend(worker.finish(Duration::from_secs(20)).symbols);
    assert_eq!(found.len(), entries.len() + 1);
    assert!(
        found.iter().all(|symbol| symbol.frames.len() == 1),
        "all are known"
    );
    assert_eq!(
        found[0].frames[0].function,
        found[entries.len()].frames[0].function
    );
}

#[test]
fn after_exec_the_new_program_is_known() {
    let path = program("1.26.8", Build::default());
    let binary = Binary::parse(&std::fs::read(&path).unwrap()).unwrap();
    let script = "read line; exec \"$0\" wait";
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(script)
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    let code = Instant::now();
    let mut symbolizer = loop {
        // Until the shell has loaded its libraries, they come one by one.
        let mut symbolizer = Symbolizer::new(running.pid(), TRACER.into()).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        let settled = symbolizer.refresh().unwrap() == Change::Same;
        if settled || code.elapsed() > Duration::from_secs(20) {
            break symbolizer;
        }
    };
    let main = at(binary
        .table
        .as_ref()
        .unwrap()
        .function_range("main.main")
        .unwrap()
        .start);
    assert_eq!(symbolizer.symbolize(&[main]).symbols[0].frames, []);
    running.0.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    let mut line = String::new();
    BufReader::new(running.0.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(symbolizer.refresh().unwrap(), Change::Replaced);
    assert_eq!(
        symbolizer.symbolize(&[main]).symbols[0].frames[0].function,
        "main.main"
    );
    assert_eq!(symbolizer.refresh().unwrap(), Change::Same);
}

#[test]
fn a_process_that_is_not_there_is_an_error() {
    assert!(Symbolizer::new(4_194_305, TRACER.into()).is_err());
    assert!(Worker::spawn(4_194_305, None, TRACER.into()).is_err());
    assert!(Executable::read(4_194_305).is_err());
}
