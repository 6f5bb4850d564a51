//! Which releases and builds have a known layout.

use super::super::layout::Layout;
use crate::go::Binary;

/// Functions that only instrumented builds have (`runtime/race.go`, `msan.go`, `asan.go`).
const INSTRUMENTED: [(&str, &str); 3] = [
    ("runtime.racefuncenter", "-race"),
    ("runtime.msanread", "-msan"),
    ("runtime.asanread", "-asan"),
];

/// Experiments with the language, the compiler or the library that leave the runtime as it is
/// (`internal/goexperiment/flags.go` of the releases).
const ELSEWHERE: [&str; 9] = [
    "boringcrypto",
    "jsonv2",
    "loopvar",
    "rangefunc",
    "aliastypeparams",
    "noaliastypeparams",
    "coverageredesign",
    "nocoverageredesign",
    "newinliner",
];

/// Why the runtime of a program is not read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unsupported {
    /// No program of the Go toolchain: C, `gccgo`, `TinyGo`.
    #[error("no program of the Go toolchain")]
    NotGo,
    /// Go code, but nothing says of which release.
    #[error("the file does not say which Go release built it")]
    NoVersion,
    /// A release that has no layout here.
    #[error("the runtime of {0} is not known here; known are go1.11 to go1.27")]
    Version(String),
    /// Built with changes to the language or the runtime.
    #[error("built with GOEXPERIMENT: {0}")]
    Experiment(String),
    /// Built with the named flag, which changes the runtime.
    #[error("built with {0}")]
    Instrumented(&'static str),
    /// Code for another processor.
    #[error("code for {0}; only amd64 and arm64 are read")]
    Machine(&'static str),
}

/// The minor release of a build without changes to the runtime.
pub(super) fn minor(binary: &Binary) -> Result<u32, Unsupported> {
    if !binary.is_go {
        return Err(Unsupported::NotGo);
    }
    let version = binary.go_version.as_deref();
    let minor = of_version(version.ok_or(Unsupported::NoVersion)?)?;
    if let Some(table) = &binary.table {
        let found = table.function_ranges(INSTRUMENTED.map(|(function, _)| function));
        let flags = INSTRUMENTED.iter().zip(found);
        for ((_, flag), range) in flags {
            if range.is_some() {
                return Err(Unsupported::Instrumented(flag));
            }
        }
    }
    Ok(minor)
}

/// 26 for `go1.26`, `go1.26.8`, and for a vendor's `go1.26.8 (…)` or `go1.26.8-…`.
fn of_version(version: &str) -> Result<u32, Unsupported> {
    let unknown = || Unsupported::Version(version.to_owned());
    let (_, experiments) = version.split_once("X:").unwrap_or_default();
    let experiments = experiments.split(',').filter(|name| !name.is_empty());
    let changes: Vec<&str> = experiments
        .filter(|name| !ELSEWHERE.contains(name))
        .collect();
    if !changes.is_empty() {
        return Err(Unsupported::Experiment(changes.join(",")));
    }
    let rest = version.strip_prefix("go1.").ok_or_else(unknown)?;
    // Development and pre-release versions have the layout of no release.
    let numbers = rest.split(['-', ' ']).next().unwrap_or_default();
    let mut numbers = numbers.split('.').map(str::parse::<u32>);
    let minor = numbers.next().and_then(Result::ok).ok_or_else(unknown)?;
    let patch = numbers.next().unwrap_or(Ok(0));
    if patch.is_err() || numbers.next().is_some() || !Layout::MINORS.contains(&minor) {
        return Err(unknown());
    }
    Ok(minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(version: &str, expected: Result<u32, &str>) {
        let found = of_version(version).map_err(|error| error.to_string());
        assert_eq!(found, expected.map_err(str::to_owned), "{version}");
    }

    #[test]
    fn releases() {
        check("go1.11", Ok(11));
        check("go1.26.8", Ok(26));
        check("go1.22.5 (Red Hat 1.22.5-1.el9)", Ok(22));
        check("go1.19.8-gke.1", Ok(19));
        check("go1.22.5 X:boringcrypto", Ok(22));
        check("go1.25.5 X:jsonv2,boringcrypto", Ok(25));
    }

    #[test]
    fn no_releases() {
        let unknown = "the runtime of VERSION is not known here; known are go1.11 to go1.27";
        for version in [
            "go1.10.8",
            "go1.28.0",
            "go1.27rc1",
            "go1.26beta2",
            "devel go1.28-0123456789 Tue",
            "go2.1",
            "go1.",
            "go1.27.1.1",
            "go1.99999999999",
            "",
        ] {
            check(version, Err(&unknown.replace("VERSION", version)));
        }
        check(
            "go1.26.8 X:nogreenteagc",
            Err("built with GOEXPERIMENT: nogreenteagc"),
        );
        check(
            "go1.26.8 X:boringcrypto,nogreenteagc",
            Err("built with GOEXPERIMENT: nogreenteagc"),
        );
    }
}
