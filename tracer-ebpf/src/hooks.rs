//! Where the handlers are hooked in: thin wrappers, one file a family.
//!
//! Calls have three families, of which the loader picks one. Faults and the life cycle have the
//! same raw tracepoints on every kernel.

mod fentry;
mod kprobe;
mod raw;
mod tracepoint;
mod uprobe;
