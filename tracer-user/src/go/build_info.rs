//! What the linker wrote down about the build (`debug/buildinfo`): version and modules.
//!
//! ```text
//! "\xff Go buildinf:" pointer-size flags
//!    Go 1.13-1.17: at 16 and 24 the addresses of two Go strings
//!    Go 1.18-    : at 32 two strings, each with its length before it
//! ```

use object::elf;

use super::bytes::{take_varint, u8_at, u64_at};
use super::image::Image;

const MAGIC: &[u8] = b"\xff Go buildinf:";
const ALIGNMENT: usize = 16;
const INLINE_STRINGS: u8 = 2;

/// `devel` versions carry a commit and experiments.
const MAX_VERSION: usize = 1024;
/// Where variables with pointers in them lie.
const VARIABLES: [&[u8]; 3] = [b".data", b".data.rel.ro", b".noptrdata"];
/// Bytes of variables, and strings among them, that are searched for a version.
const MAX_VARIABLES: usize = 64 << 20;
const MAX_STRINGS: u32 = 1 << 20;
/// Some hundred bytes per module; the largest programs have a thousand.
const MAX_MODULES: usize = 4 << 20;
/// Markers before and after the module text (`cmd/go/internal/modload`).
const MARKER: usize = 16;

/// Version and modules of a build.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct BuildInfo {
    pub(super) version: Option<String>,
    pub(super) main_module: Option<String>,
    /// Sorted.
    pub(super) dependencies: Vec<String>,
}

impl BuildInfo {
    /// Finds and reads it; `None` before Go 1.13 and in programs that are not Go.
    pub(super) fn read(image: &Image<'_>) -> Option<Self> {
        let address = match image.section(b".go.buildinfo") {
            Some(section) => section.address,
            None => scan(image)?,
        };
        let data = image.bytes_at(address)?;
        if !data.starts_with(MAGIC) {
            return None;
        }
        let (version, modules) = if u8_at(data, 15)? & INLINE_STRINGS != 0 {
            let mut rest = data.get(32..)?;
            (
                take_string(&mut rest, MAX_VERSION),
                take_string(&mut rest, MAX_MODULES),
            )
        } else {
            // The two words of the header may be relocated, so they are read by their address.
            let string =
                |at: u64, limit| image.go_string(image.pointer(address.checked_add(at)?)?, limit);
            (string(16, MAX_VERSION), string(24, MAX_MODULES))
        };
        let mut info = modules.map(parse_modules).unwrap_or_default();
        info.version = version.and_then(parse_version);
        Some(info)
    }
}

/// Version of a program without build information: the value of `runtime.buildVersion`.
///
/// It is the one string variable whose text is a version; Go 1.10-1.12 and damaged files.
pub(super) fn version_variable(image: &Image<'_>) -> Option<String> {
    let named = VARIABLES.iter().filter_map(|name| image.section(name));
    let named: Vec<_> = named
        .map(|section| (section.address, section.size))
        .collect();
    let areas = if named.is_empty() {
        let segments = image.segments_of(elf::PT_LOAD.0);
        let writable = segments.filter(|segment| segment.writable);
        writable
            .map(|segment| (segment.address, segment.file_size))
            .collect()
    } else {
        named
    };
    let mut strings = MAX_STRINGS;
    areas.into_iter().find_map(|(address, size)| {
        let len = usize::try_from(size).ok()?.min(MAX_VARIABLES);
        let bytes = image.relocated(address, len)?;
        bytes.windows(16).step_by(8).find_map(|header| {
            let len = usize::try_from(u64_at(header, 8)?).ok()?;
            if !(5..=32).contains(&len) {
                return None;
            }
            strings = strings.checked_sub(1)?;
            parse_version(image.bytes_at(u64_at(header, 0)?)?.get(..len)?)
        })
    })
}

/// Looks for the magic where there is no section of that name.
fn scan(image: &Image<'_>) -> Option<u64> {
    let search_in = |code| {
        let mut segments = image.searched(move |segment| segment.executable == code);
        segments.find_map(|(address, bytes)| {
            (0..bytes.len())
                .step_by(ALIGNMENT)
                .find(|at| bytes[*at..].starts_with(MAGIC))
                .and_then(|at| address.checked_add(at as u64))
        })
    };
    search_in(false).or_else(|| search_in(true))
}

pub(super) fn take_string<'d>(data: &mut &'d [u8], limit: usize) -> Option<&'d [u8]> {
    let len = take_varint(data)? as usize;
    let (string, rest) = data.split_at_checked(len)?;
    *data = rest;
    (len <= limit).then_some(string)
}

/// `go1.26.8`, or `devel …` of a toolchain built from source.
fn parse_version(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let plausible = text.strip_prefix("go1.").is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_digit())
            && rest.chars().all(|c| c.is_ascii_graphic() || c == ' ')
    }) || text
        .strip_prefix("devel ")
        .is_some_and(|rest| rest.chars().all(|c| !c.is_control()));
    plausible.then(|| text.to_owned())
}

pub(super) fn parse_modules(text: &[u8]) -> BuildInfo {
    let mut info = BuildInfo::default();
    let Some(text) = text.get(MARKER..text.len().saturating_sub(MARKER)) else {
        return info;
    };
    let text = String::from_utf8_lossy(text);
    for line in text.lines() {
        let mut fields = line.split('\t');
        match (fields.next(), fields.next()) {
            (Some("mod"), Some(path)) => info.main_module = Some(path.to_owned()),
            (Some("dep"), Some(path)) => info.dependencies.push(path.to_owned()),
            _ => {}
        }
    }
    info.dependencies.sort_unstable();
    info.dependencies.dedup();
    info
}

#[cfg(test)]
mod tests {
    use super::{parse_modules, parse_version};

    #[track_caller]
    fn check_version(text: &str, expected: Option<&str>) {
        assert_eq!(parse_version(text.as_bytes()).as_deref(), expected);
    }

    #[test]
    fn versions() {
        check_version("go1.26.8", Some("go1.26.8"));
        check_version("go1.22rc1", Some("go1.22rc1"));
        check_version(
            "go1.24.1 X:nocoverageredesign",
            Some("go1.24.1 X:nocoverageredesign"),
        );
        check_version("devel go1.27-1a2b3c Mon", Some("devel go1.27-1a2b3c Mon"));
        check_version("go1.", None);
        check_version("go1.2\x1b[31m", None);
        check_version("hello", None);
        check_version("", None);
    }

    #[test]
    fn modules_are_read_between_the_markers() {
        let text = "0123456789abcdefpath\texample.org/shop/cmd\nmod\texample.org/shop\t(devel)\t\n\
                    dep\tz.org/b\tv1.0.0\th1:x\n=>\t../b\tv0\t\ndep\ta.org/a\tv2.0.0\th1:y\n\
                    build\tCGO_ENABLED=0\n0123456789abcdef";
        let info = parse_modules(text.as_bytes());
        assert_eq!(info.main_module.as_deref(), Some("example.org/shop"));
        assert_eq!(info.dependencies, ["a.org/a", "z.org/b"]);
        assert_eq!(parse_modules(b"short"), super::BuildInfo::default());
    }
}
