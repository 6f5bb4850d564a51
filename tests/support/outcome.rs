//! What a run of the tool left, and what its report says.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// What a finished run of the tool left.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// When the first of that came.
    pub said_at: Option<Instant>,
    /// What it wrote to stderr.
    pub stderr: String,
    /// How long it ran.
    pub took: Duration,
}

impl Outcome {
    /// The report on stdout; exactly one JSON object.
    ///
    /// # Errors
    /// If the run failed, or stdout holds anything else.
    pub fn report(&self) -> Result<Report> {
        if self.code != Some(0) {
            bail!("exit code {:?}, stderr: {}", self.code, self.stderr);
        }
        let value = serde_json::from_str(&self.stdout)
            .with_context(|| format!("not one JSON object: {:?}", self.stdout))?;
        Ok(Report(value))
    }

    /// The `error:` and the `hint:` of a failed run: exactly one line of each on stderr.
    ///
    /// # Errors
    /// If a line is missing or doubled.
    pub fn complaint(&self) -> Result<(&str, &str)> {
        Ok((self.only_line("error: ")?, self.only_line("hint: ")?))
    }

    fn only_line(&self, prefix: &str) -> Result<&str> {
        let mut found = self
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix(prefix));
        match (found.next(), found.next()) {
            (Some(line), None) => Ok(line),
            (None, _) => bail!("no {prefix:?} line in {:?}", self.stderr),
            (Some(_), Some(_)) => bail!("two {prefix:?} lines in {:?}", self.stderr),
        }
    }
}

/// A report as JSON, with the questions that several tests ask of it.
#[derive(Clone, Debug)]
pub struct Report(pub Value);

impl Report {
    /// The verdict of a rule; `null` if there is none.
    #[must_use]
    pub fn verdict(&self, rule: &str) -> &Value {
        find(&self.0["verdicts"], "rule", rule)
    }

    /// Bytes of a line of the ledger.
    #[must_use]
    pub fn ledger(&self, line: &str) -> Option<u64> {
        find(&self.0["ledger"]["lines"], "name", line)["bytes"].as_u64()
    }

    /// Count and bytes of a call, over the origins that `wanted` accepts.
    pub fn calls(&self, call: &str, wanted: impl Fn(&Value) -> bool) -> (u64, u64) {
        list(&find(&self.0["calls"], "call", call)["origins"])
            .iter()
            .filter(|origin| wanted(origin))
            .fold((0, 0), |(count, bytes), origin| {
                let number = |key: &str| origin[key].as_u64().unwrap_or(0);
                (count + number("count"), bytes + number("bytes"))
            })
    }

    /// Events expected, received and lost of a kind.
    #[must_use]
    pub fn loss(&self, kind: &str) -> Option<(u64, u64, u64)> {
        let line = self.loss_line(kind);
        Some((
            line["expected"].as_u64()?,
            line["received"].as_u64()?,
            line["lost"].as_u64()?,
        ))
    }

    /// The account of a kind; `null` if there is none.
    #[must_use]
    pub fn loss_line(&self, kind: &str) -> &Value {
        find(&self.0["loss"], "kind", kind)
    }

    /// Function names of each stack of a call that `wanted` accepts, innermost first.
    pub fn stacks(&self, call: &str, wanted: impl Fn(&Value) -> bool) -> Vec<Vec<String>> {
        let origins = list(&find(&self.0["calls"], "call", call)["origins"]).iter();
        origins
            .filter(|origin| wanted(origin))
            .map(functions)
            .collect()
    }
}

/// Function names of the `stack` of an origin, innermost first.
#[must_use]
pub fn functions(origin: &Value) -> Vec<String> {
    let name = |frame: &Value| frame["function"].as_str().unwrap_or("?").to_owned();
    list(&origin["stack"]).iter().map(name).collect()
}

/// The elements of an array; none of anything else.
#[must_use]
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn find<'a>(array: &'a Value, key: &str, wanted: &str) -> &'a Value {
    list(array)
        .iter()
        .find(|element| element[key] == wanted)
        .unwrap_or(&Value::Null)
}
