//! Why there is no number.

use super::memory::Unreadable;

/// What was read cannot be believed, or could not be read: there is no number then.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Doubt {
    /// Memory that the runtime points to is not there.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// A variable that this release has was not found.
    #[error("the runtime's {0} was not found")]
    NotFound(&'static str),
    /// What it lists is impossible.
    #[error("the runtime's {0} is impossible: {1}")]
    Impossible(&'static str, u64),
    /// It changed at each of several attempts to read it.
    #[error("the runtime's {0} changed while it was read, {1} times in a row")]
    Torn(&'static str, u32),
    /// What only grows has shrunk.
    #[error("the runtime's {name} went back from {before} to {after}")]
    Backwards {
        /// What.
        name: &'static str,
        /// At the last look.
        before: u64,
        /// Now.
        after: u64,
    },
    /// The spans do not add up to what the runtime counts.
    #[error("spans in use hold {spans} bytes, but the runtime counts {counted}")]
    Sum {
        /// By the spans.
        spans: u64,
        /// By the counter, the nearest of those read before and after.
        counted: u64,
    },
    /// Spans of a size that their class does not have.
    #[error("{wrong} of {all} spans in use are not of their size class")]
    Classes {
        /// So many.
        wrong: u64,
        /// Of these.
        all: u64,
    },
}
