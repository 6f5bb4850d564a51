//! What a file is to hold, by its name.

use std::path::Path;

use crate::failure::Failure;

/// A format that heap profiles are written in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Format {
    /// For `go tool pprof` and the services that take its files.
    Pprof,
    /// A line for each stack.
    Folded,
    /// A flame graph.
    Svg,
    /// What stdout shows.
    Text,
}

/// By the end of the name.
const ENDINGS: [(&str, Format); 6] = [
    (".pb.gz", Format::Pprof),
    (".pprof", Format::Pprof),
    (".prof", Format::Pprof),
    (".folded", Format::Folded),
    (".svg", Format::Svg),
    (".txt", Format::Text),
];

impl Format {
    /// That of a file of this name; `-` is pprof's.
    pub(super) fn of(path: &Path) -> Result<Self, Failure> {
        let name = path.to_string_lossy();
        if name == "-" {
            return Ok(Self::Pprof);
        }
        let mut known = ENDINGS.iter();
        let found = known.find(|(ending, _)| name.ends_with(ending));
        found.map(|(_, format)| *format).ok_or_else(|| {
            let endings = ENDINGS.map(|(ending, _)| ending).join(" ");
            Failure::usage(
                format!("the name {name} does not say what to write"),
                format!("end it with one of {endings}"),
            )
        })
    }

    /// The command that shows such a file.
    pub(super) const fn reader(self) -> &'static str {
        match self {
            Self::Pprof => "go tool pprof",
            Self::Folded | Self::Text => "less",
            Self::Svg => "xdg-open",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<Format>) {
        assert_eq!(Format::of(Path::new(name)).ok(), expected);
    }

    #[test]
    fn names() {
        check("-", Some(Format::Pprof));
        check("heap.pb.gz", Some(Format::Pprof));
        check("/tmp/a.b/heap.pprof", Some(Format::Pprof));
        check("heap.prof", Some(Format::Pprof));
        check("heap.folded", Some(Format::Folded));
        check("heap.svg", Some(Format::Svg));
        check("heap.txt", Some(Format::Text));
        check("heap", None);
        check("heap.gz", None);
        check("", None);
    }
}
