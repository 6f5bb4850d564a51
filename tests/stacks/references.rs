//! What the program said of its own stacks.

use std::fmt;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tracer_tests::list;

/// One line of a stack.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Place {
    pub(super) function: String,
    pub(super) file: String,
    pub(super) line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:{}", self.function, self.file, self.line)
    }
}

/// A call that the program marked.
pub(super) struct Reference {
    /// The function that made it.
    pub(super) by: String,
    /// `runtime.Callers` from that function on, without `runtime.goexit`.
    pub(super) lines: Vec<Place>,
}

/// All calls that the program marked; the address of the nth is `region + n * page`.
pub(super) struct References {
    region: u64,
    page: u64,
    pub(super) marks: Vec<Reference>,
}

impl References {
    /// Reads the program's own account.
    pub(super) fn parse(said: &Value) -> Result<Self> {
        let names = list(&said["names"]);
        let name = |at: &Value| -> Result<String> {
            let name = names.get(index(at)?).and_then(Value::as_str);
            Ok(name.context("no such name")?.to_owned())
        };
        let mut frames = Vec::new();
        for frame in list(&said["frames"]) {
            frames.push(Place {
                function: name(&frame[0])?,
                file: name(&frame[1])?,
                line: u32::try_from(index(&frame[2])?)?,
            });
        }
        let mut marks = Vec::new();
        for (stack, by) in list(&said["stacks"]).iter().zip(list(&said["places"])) {
            let mut lines = Vec::new();
            for at in list(stack) {
                lines.push(frames.get(index(at)?).context("no such frame")?.clone());
            }
            // pprof leaves it out, and so do reports.
            lines.pop_if(|line| line.function == "runtime.goexit");
            let by = by.as_str().context("no place")?.to_owned();
            marks.push(Reference { by, lines });
        }
        Ok(Self {
            region: index(&said["region"])? as u64,
            page: index(&said["page"])? as u64,
            marks,
        })
    }

    /// The number of the call that names this address.
    pub(super) fn number(&self, address: u64) -> Option<usize> {
        let number = address.checked_sub(self.region)? / self.page;
        usize::try_from(number)
            .ok()
            .filter(|number| *number < self.marks.len())
    }
}

/// A JSON number that counts something.
pub(super) fn index(value: &Value) -> Result<usize> {
    let number = value.as_u64().context("no number")?;
    Ok(usize::try_from(number)?)
}
