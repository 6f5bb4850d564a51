//! What to do about lazily freed memory, by Go version and settings.

use crate::event::ProcessFacts;

/// What Go's own release does by default.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Release {
    /// `MADV_FREE`: Go 1.12 to 1.15.
    Lazy,
    /// `MADV_DONTNEED`: Go before 1.12 and from 1.16.
    AtOnce,
    /// A Go program of unknown version.
    Unknown,
    /// Not a Go program.
    NotGo,
}

/// What holds for every program.
const NO_HURRY: &str = "Nothing is lost meanwhile: the kernel takes the memory as soon as it, or \
    the cgroup's limit, needs it. Alert on RSS minus LazyFree instead of RSS.";

pub(super) fn remedy(facts: &ProcessFacts) -> String {
    let madvdontneed = setting(facts.godebug.as_deref().unwrap_or(""), "madvdontneed");
    let version = facts.go_version.as_deref().unwrap_or("");
    let advice = match (release(facts), madvdontneed) {
        (Release::Lazy, Some("1")) => format!(
            "{version} is told by GODEBUG=madvdontneed=1 not to use MADV_FREE, so another \
             allocator in the process does: see the callers of madvise_free. {ALLOCATOR}"
        ),
        (Release::Lazy, _) => format!(
            "Start the service with GODEBUG=madvdontneed=1, or build it with Go 1.16 or newer: \
             {version} gives memory back with MADV_FREE unless told otherwise, and RSS falls only \
             when the kernel is short of memory."
        ),
        (Release::AtOnce, Some("0")) => format!(
            "Remove madvdontneed=0 from GODEBUG: {version} then gives memory back with \
             MADV_DONTNEED and RSS falls at once."
        ),
        (Release::AtOnce, _) => format!(
            "{version} gives memory back with MADV_DONTNEED, so another allocator or a library in \
             the process uses MADV_FREE: see the callers of madvise_free. {ALLOCATOR}"
        ),
        (Release::Unknown, _) => "Start the service with GODEBUG=madvdontneed=1, or build it with \
             Go 1.16 or newer and without madvdontneed=0."
            .to_owned(),
        (Release::NotGo, _) => ALLOCATOR.to_owned(),
    };
    format!("{advice} {NO_HURRY}")
}

const ALLOCATOR: &str = "Tell the allocator to give memory back with MADV_DONTNEED (jemalloc: \
    MALLOC_CONF=muzzy_decay_ms:0).";

fn release(facts: &ProcessFacts) -> Release {
    if facts.go_version.is_none() {
        return Release::NotGo;
    }
    match facts.go_minor() {
        Some(12..=15) => Release::Lazy,
        Some(_) => Release::AtOnce,
        None => Release::Unknown,
    }
}

/// The last value of a setting in `GODEBUG`, as the runtime takes it.
fn setting<'a>(godebug: &'a str, name: &str) -> Option<&'a str> {
    let mut settings = godebug
        .split(',')
        .filter_map(|setting| setting.split_once('='));
    settings
        .rfind(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(go_version: Option<&str>, godebug: Option<&str>, expected: &str) {
        let facts = ProcessFacts {
            go_version: go_version.map(str::to_owned),
            godebug: godebug.map(str::to_owned),
            ..ProcessFacts::default()
        };
        let text = remedy(&facts);
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with(NO_HURRY));
    }

    #[test]
    fn the_remedy_depends_on_version_and_settings() {
        let set =
            "Start the service with GODEBUG=madvdontneed=1, or build it with Go 1.16 or newer:";
        let remove = "Remove madvdontneed=0 from GODEBUG";
        check(Some("go1.12.17"), None, set);
        check(Some("go1.15.15"), Some("gctrace=1"), set);
        check(
            Some("go1.15.15"),
            Some("madvdontneed=1"),
            "go1.15.15 is told by GODEBUG",
        );
        check(Some("go1.16.15"), Some("madvdontneed=0"), remove);
        check(Some("go1.26.8"), Some("gctrace=1,madvdontneed=0"), remove);
        check(Some("devel go1.28-0a1b2c"), Some("madvdontneed=0"), remove);
        check(
            Some("go1.26rc1"),
            Some("madvdontneed=0,madvdontneed=1"),
            "go1.26rc1 gives memory",
        );
        check(
            Some("go1.26.8"),
            None,
            "go1.26.8 gives memory back with MADV_DONTNEED, so another",
        );
        check(
            Some("go1.11.13"),
            None,
            "go1.11.13 gives memory back with MADV_DONTNEED",
        );
        check(
            Some("unknown"),
            None,
            "Start the service with GODEBUG=madvdontneed=1, or build",
        );
        check(None, None, "Tell the allocator");
    }
}
