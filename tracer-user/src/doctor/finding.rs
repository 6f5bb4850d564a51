//! What a check says.

use crate::failure::Failure;

/// How a check came out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works, but something is worse for it, which the finding names.
    Limited,
    /// It is not there.
    Missing,
}

impl Status {
    /// The word for it in text and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Limited => "limited",
            Self::Missing => "missing",
        }
    }
}

/// What a check found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// How it came out.
    pub status: Status,
    /// What is there, or why it is not.
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Finding {
    pub(super) fn ok(detail: impl Into<String>) -> Self {
        Self {
            status: Status::Ok,
            detail: detail.into(),
            hint: None,
        }
    }

    pub(super) fn limited(detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            status: Status::Limited,
            detail: detail.into(),
            hint: Some(hint.into()),
        }
    }

    pub(super) fn missing(detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            status: Status::Missing,
            detail: detail.into(),
            hint: Some(hint.into()),
        }
    }

    pub(super) fn refused(failure: &Failure) -> Self {
        Self::missing(failure.error.as_str(), failure.hint.as_str())
    }
}
