//! Who creates goroutines.

use super::StackId;

/// A goroutine that was created while creations were watched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Creation {
    /// Its number, which no other goroutine of the program ever has.
    pub goroutine: u64,
    /// Number of the goroutine that created it.
    pub creator: Option<u64>,
    /// The stack of the `go` statement; `None` when it was lost.
    pub stack: Option<StackId>,
}

/// A goroutine that was found alive when creations began to be watched.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Ancestor {
    /// Its number.
    pub goroutine: u64,
    /// Number of the goroutine that created it (Go 1.21 and newer).
    pub creator: Option<u64>,
    /// The `go` statement, as a return address.
    pub created_at: u64,
}

/// Whether creations of goroutines are watched.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CreatorWatch {
    /// They are, from the time of the event on.
    pub watching: bool,
    /// Why so, or why not.
    pub reason: String,
}
