//! The program that comes to rest, and what is known of it from outside.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tracer_core::event::{Backing, MappingUse};
use tracer_tests::{Flag, GoVersion, Program as Build};
use tracer_user::go::Binary;
use tracer_user::go::runtime::{
    Budget, Globals, Goroutines, Process, Program, is_runtime_function,
};
use tracer_user::proc::{maps, smaps};

/// How often a site occurs: what its goroutines do, file and line of the `go` statement.
pub(crate) type Sites = BTreeMap<(String, String), u64>;

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
        let table = self.binary.table.as_ref().unwrap();
        let frames = table.lookup(start.wrapping_sub(self.bias));
        is_runtime_function(&frames.last().unwrap().function)
    }

    /// The sites of goroutines other than the main one.
    pub(crate) fn sites(&self, goroutines: &Goroutines) -> Sites {
        let table = self.binary.table.as_ref().unwrap();
        let mut sites = Sites::new();
        for (kind, group) in &goroutines.groups {
            if kind.created_at == 0 || self.is_main(kind.start) {
                continue;
            }
            let frames = table.lookup((kind.created_at - 1).wrapping_sub(self.bias));
            let frame = &frames[0];
            let site = format!("{}:{}", frame.file, frame.line);
            *sites.entry((kind.doing.to_owned(), site)).or_default() += group.count;
        }
        sites
    }

    fn is_main(&self, start: u64) -> bool {
        let table = self.binary.table.as_ref().unwrap();
        let frames = table.lookup(start.wrapping_sub(self.bias));
        frames.last().unwrap().function == "runtime.main"
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
