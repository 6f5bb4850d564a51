//! Stacks that the tool records equal what the program's own runtime says at the same call.
//!
//! ```text
//! program:  runtime.Callers ─▶ References ─┐ joined by the page
//! tool:     walker ─▶ trace ─▶ Recording ──┘ that a call names ─▶ Tally
//! ```

mod stacks {
    mod native;
    mod recording;
    mod references;
    mod session;
    mod system;
    mod tally;
    mod walks;
}
