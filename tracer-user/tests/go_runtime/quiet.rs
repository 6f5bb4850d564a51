//! The program that comes to rest, and what is known of it from outside.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tracer_core::event::FrameKind;
use tracer_core::event::{Backing, MappingUse};
use tracer_tests::{Flag, GoVersion, Program as Build};
use tracer_user::go::runtime::{
    Arch, Budget, Globals, Goroutines, Kind, Process, Program, Unwinder, is_runtime_function,
    read_waits,
};
use tracer_user::go::{Binary, Table};
use tracer_user::proc::{maps, smaps};

/// How often a site occurs: what its goroutines do, file and line of the `go` statement.
pub(crate) type Sites = BTreeMap<(String, String), u64>;

/// Stacks of goroutines by site, innermost first, and how many have each.
pub(crate) type Waits = BTreeMap<(String, String), BTreeMap<Vec<Call>, u64>>;

/// A line of a stack: function, and file and line.
pub(crate) type Call = (String, String);

/// A process at rest.
pub(crate) struct Quiet {
    pub(crate) process: Process,
    pub(crate) globals: Globals,
    /// What `runtime.Stack` said.
    pub(crate) stacks: String,
    /// Of the executable.
    pub(crate) path: String,
    said: Value,
    binary: Binary,
    bias: u64,
    child: Child,
}

impl Quiet {
    /// Starts it and waits until it rests. `PERCENT` in the environment is its `GOGC`.
    pub(crate) fn start(go: GoVersion, flags: &[Flag], environment: &[(&str, &str)]) -> Self {
        let path = Build::build("quiet", go, flags).unwrap();
        let mut command = Command::new(&path);
        for (name, value) in environment {
            if *name == "PERCENT" {
                command.arg(format!("-percent={value}"));
            } else {
                command.env(name, value);
            }
        }
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let mut stacks = vec![0; said["stacks"].as_u64().unwrap() as usize];
        output.read_exact(&mut stacks).unwrap();
        let file = fs::read(&path).unwrap();
        let binary = Binary::parse(&file).unwrap();
        let bias = load_bias(&binary, child.id(), path.to_str().unwrap());
        let process = Process::new(child.id(), Budget::default());
        let program = Program::read(&file, &binary).unwrap();
        Self {
            globals: Globals::locate(&program, bias, &process)
                .unwrap_or_else(|error| panic!("{go:?} {flags:?}: {error}")),
            process,
            path: path.to_str().unwrap().to_owned(),
            stacks: String::from_utf8(stacks).unwrap(),
            said,
            binary,
            bias,
            child,
        }
    }

    /// A number that the program said.
    pub(crate) fn said(&self, name: &str) -> u64 {
        self.said[name].as_u64().unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What its mappings hold.
    pub(crate) fn mappings(&self) -> Vec<MappingUse> {
        smaps::read(self.pid()).unwrap().mappings
    }

    /// Threads that the kernel counts.
    pub(crate) fn threads(&self) -> u64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        tasks.unwrap().count() as u64
    }

    /// Whether goroutines that begin at this address are the runtime's.
    pub(crate) fn is_runtime(&self, start: u64) -> bool {
        let frames = self.table().lookup(start.wrapping_sub(self.bias));
        is_runtime_function(&frames.last().unwrap().function)
    }

    /// The sites of goroutines other than the main one.
    pub(crate) fn sites(&self, goroutines: &Goroutines) -> Sites {
        let mut sites = Sites::new();
        for (kind, group) in &goroutines.groups {
            if let Some(site) = self.site(kind) {
                *sites.entry(site).or_default() += group.count;
            }
        }
        sites
    }

    /// Where goroutines other than the main one wait.
    pub(crate) fn waits(&self, goroutines: &Goroutines) -> Waits {
        let arch = Arch::named(self.binary.arch).unwrap();
        let mut unwinder = Unwinder::new(self.table(), self.bias, arch);
        let mut found = Waits::new();
        let waits = read_waits(&self.process, &self.globals, &mut unwinder, goroutines);
        for (kind, waits) in waits {
            let Some(site) = self.site(&kind) else {
                continue;
            };
            let stacks = found.entry(site).or_default();
            for wait in waits {
                *stacks.entry(self.calls(&wait.addresses)).or_default() += wait.count;
            }
        }
        found
    }

    /// The lines of a stack that `runtime.Stack` prints: without the runtime's own.
    fn calls(&self, addresses: &[u64]) -> Vec<Call> {
        let (mut calls, mut callee) = (Vec::new(), FrameKind::Plain);
        for (index, address) in addresses.iter().enumerate() {
            let pc = address.wrapping_sub(self.bias) - u64::from(index > 0);
            for frame in self.table().lookup(pc) {
                let is_elided = frame.kind.is_elided(callee);
                callee = frame.kind;
                if !is_elided && !frame.function.starts_with("runtime.") {
                    let place = format!("{}:{}", frame.file, frame.line);
                    calls.push((frame.function.into_owned(), place));
                }
            }
        }
        calls
    }

    /// What goroutines do, and file and line of the `go` statement; of the main one none.
    fn site(&self, kind: &Kind) -> Option<(String, String)> {
        if kind.created_at == 0 || self.is_main(kind.start) {
            return None;
        }
        let frames = self
            .table()
            .lookup((kind.created_at - 1).wrapping_sub(self.bias));
        let site = format!("{}:{}", frames[0].file, frames[0].line);
        Some((kind.doing.to_owned(), site))
    }

    fn is_main(&self, start: u64) -> bool {
        let frames = self.table().lookup(start.wrapping_sub(self.bias));
        frames.last().unwrap().function == "runtime.main"
    }

    fn table(&self) -> &Table {
        self.binary.table.as_ref().unwrap()
    }

    /// Ends it.
    pub(crate) fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

fn load_bias(binary: &Binary, pid: u32, path: &str) -> u64 {
    let maps = maps::read(pid).unwrap();
    let mut biases = maps.iter().filter_map(|mapping| match &mapping.backing {
        Backing::File {
            path: found,
            offset,
            ..
        } if found == path => Some(mapping.start.wrapping_sub(binary.address_of(*offset)?)),
        _ => None,
    });
    biases.next().unwrap()
}
