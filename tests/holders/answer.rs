//! What `tracer holders --json` says, line by line.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tracer_tests::{list, run};

pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// All lines of an answer, or of a report.
pub(crate) struct Answer(Vec<Line>);

/// Objects of one allocation site that have one owner, or none.
#[derive(Clone, Debug)]
pub(crate) struct Line(Value);

impl Answer {
    /// Asks the tool.
    pub(crate) fn of(pid: u32, args: &[&str]) -> Result<Self> {
        let pid = pid.to_string();
        let asked = [&["holders", "--json", "--pid", &pid], args].concat();
        let outcome = run(&asked)?;
        ensure!(outcome.code == Some(0), "{outcome:?}");
        Self::read(&serde_json::from_str(&outcome.stdout)?)
    }

    /// The lines of an object of JSON.
    pub(crate) fn read(answer: &Value) -> Result<Self> {
        let lines = answer["holders"].as_array().context("who holds it")?;
        Ok(Self(lines.iter().cloned().map(Line).collect()))
    }

    pub(crate) fn lines(&self) -> &[Line] {
        &self.0
    }

    /// Those of sites with this function in their stack.
    pub(crate) fn of_function(&self, function: &str) -> Vec<&Line> {
        let lines = self.0.iter();
        lines.filter(|line| line.is_of_function(function)).collect()
    }
}

impl Line {
    /// Whether its site has this function in its stack.
    pub(crate) fn is_of_function(&self, function: &str) -> bool {
        let mut frames = list(&self.0["stack"]).iter();
        frames.any(|frame| frame["function"] == function)
    }

    pub(crate) fn has_owner(&self) -> bool {
        !self.0["root"].is_null()
    }

    /// Of the objects of the site that were followed.
    pub(crate) fn share(&self) -> f64 {
        self.0["share"].as_f64().unwrap_or_default()
    }

    /// Objects.
    pub(crate) fn reached(&self) -> u64 {
        self.0["reached"].as_u64().unwrap_or_default()
    }

    pub(crate) fn path(&self) -> Vec<&str> {
        let names = list(&self.0["path"]).iter();
        names.filter_map(Value::as_str).collect()
    }

    /// Without symbols a variable is one that functions of its package use, and has no name.
    pub(crate) fn is_held_by(&self, kind: &str, owner: &str, stripped: bool) -> bool {
        let root = &self.0["root"];
        let functions = list(&root["used_by"]).iter();
        if kind == "global" && stripped {
            let (package, _) = owner.rsplit_once('.').unwrap_or_default();
            let is_of = |function: &Value| {
                let function = function.as_str().unwrap_or_default();
                let rest = function.strip_prefix(package);
                rest.is_some_and(|rest| rest.starts_with('.'))
            };
            let is_told = root["named_by"] == "code reference" && root["name"].is_null();
            return root["kind"] == kind && is_told && functions.clone().any(is_of);
        }
        // A goroutine that was given arguments begins with a function that the compiler made.
        let mut names = functions.chain([&root["name"]]);
        root["kind"] == kind && names.any(|name| *name == owner)
    }
}
