//! What a rule says, flattened for the reader.

use serde::Serialize;

use super::StackFrame;
use crate::rules::Verdict;

/// A number that decided, or a fact where there is no number.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Evidence {
    /// What it is.
    pub what: String,
    /// How much; `None` where `what` says it all. May be below 0 for growth.
    pub bytes: Option<i64>,
}

impl Evidence {
    /// A number.
    #[must_use]
    pub fn bytes(what: impl Into<String>, bytes: u64) -> Self {
        Self {
            what: what.into(),
            bytes: Some(i64::try_from(bytes).unwrap_or(i64::MAX)),
        }
    }

    /// A number that may be below 0.
    #[must_use]
    pub fn growth(what: impl Into<String>, bytes: i64) -> Self {
        Self {
            what: what.into(),
            bytes: Some(bytes),
        }
    }

    /// A fact.
    #[must_use]
    pub fn fact(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            bytes: None,
        }
    }
}

/// A line of the service's own code, and what it did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Origin {
    /// Where.
    #[serde(flatten)]
    pub line: StackFrame,
    /// Opened there; `None` when nothing is opened.
    pub opened: Option<u64>,
    /// Of these, closed.
    pub closed: Option<u64>,
    /// Bytes it is about.
    pub bytes: Option<u64>,
}

/// How a verdict turned out.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is there.
    Found,
    /// It could not be judged.
    Unsure,
    /// It is not there.
    Clear,
}

/// What one rule says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VerdictLine {
    /// Name of the rule.
    pub rule: &'static str,
    /// How it turned out.
    pub status: Status,
    /// Memory is lost for good.
    pub leak: bool,
    /// One sentence with the numbers.
    pub headline: Option<String>,
    /// The numbers.
    pub evidence: Vec<Evidence>,
    /// The service's own lines.
    pub origins: Vec<Origin>,
    /// What would show that it is wrong.
    pub refuted_by: Option<String>,
    /// What to do.
    pub remedy: Option<String>,
    /// What could not be seen.
    pub missing: Option<String>,
    /// Other findings that are effects of this one.
    pub explains: Vec<&'static str>,
    /// The finding of which this is an effect.
    pub explained_by: Option<&'static str>,
    /// How much of its growth goes with that finding, from 0 to 1; `None` where it was not measured.
    pub explained_share: Option<f64>,
}

impl VerdictLine {
    pub(super) fn new(rule: &'static str, verdict: Verdict) -> Self {
        let empty = Self {
            rule,
            status: Status::Unsure,
            leak: false,
            headline: None,
            evidence: Vec::new(),
            origins: Vec::new(),
            refuted_by: None,
            remedy: None,
            missing: None,
            explains: Vec::new(),
            explained_by: None,
            explained_share: None,
        };
        match verdict {
            Verdict::Clear { headline, evidence } => Self {
                status: Status::Clear,
                headline: Some(headline),
                evidence,
                ..empty
            },
            Verdict::Unsure { missing } => Self {
                missing: Some(missing),
                ..empty
            },
            Verdict::Found {
                headline,
                evidence,
                origins,
                refuted_by,
                remedy,
                leak,
            } => Self {
                status: Status::Found,
                leak,
                headline: Some(headline),
                evidence,
                origins,
                refuted_by: Some(refuted_by),
                remedy: Some(remedy),
                ..empty
            },
        }
    }
}
