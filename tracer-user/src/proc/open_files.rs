//! `RLIMIT_NOFILE`: each program, map and hook takes a descriptor.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What attaching takes at most, and some for what comes later.
pub(crate) const NEEDED: u64 = 128;

/// Raises the limit as far as it goes without rights.
pub fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // Refused, it stays as it is, and the doctor says how much that is.
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: maximum,
                maximum,
            },
        );
    }
}

/// How many may be open at once; `None` is any number.
#[must_use]
pub fn limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}
