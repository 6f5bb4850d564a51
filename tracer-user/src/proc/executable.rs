//! What an executable is that is no Go program: a guess for a message, never for a decision.

use object::read::{Object, ObjectSection, ObjectSymbol};
use object::{File, FileKind, SectionKind};

/// Programs that run programs, by the name of their file.
const INTERPRETERS: &[(&str, &str)] = &[
    ("bash", "a shell"),
    ("beam.smp", "an Erlang or Elixir program"),
    ("bun", "a JavaScript program"),
    ("dash", "a shell"),
    ("deno", "a JavaScript program"),
    ("dotnet", "a .NET program"),
    ("java", "a Java program"),
    ("node", "a Node.js program"),
    ("nodejs", "a Node.js program"),
    ("perl", "a Perl program"),
    ("php", "a PHP program"),
    ("php-fpm", "a PHP program"),
    ("python", "a Python program"),
    ("ruby", "a Ruby program"),
    ("sh", "a shell"),
    ("zsh", "a shell"),
];

/// Libraries that give a language away, the most telling first.
const LIBRARIES: &[(&str, &str)] = &[
    ("libgo.so", "Go compiled by gccgo"),
    ("libjvm.so", "a Java program"),
    ("libpython", "a Python program"),
    ("libnode.so", "a Node.js program"),
    ("libruby", "a Ruby program"),
    ("libswiftCore.so", "Swift"),
    ("libstdc++.so", "C++"),
    ("libc++.so", "C++"),
];

/// Most symbols, and most bytes of all sections with data, that are looked at.
const SYMBOLS: usize = 200_000;
const BYTES: usize = 64 << 20;

/// What a program is, to follow "it looks like": told by the names of its file and its main
/// thread, or by the bytes of its executable, of which the code and unloaded parts may be blank.
#[must_use]
pub fn describe(names: &[&str], bytes: &[u8]) -> String {
    let by_name = names.iter().find_map(|name| interpreter(name));
    by_name.unwrap_or_else(|| by_content(bytes)).to_owned()
}

/// `python3.11` is `python` with a version.
fn interpreter(name: &str) -> Option<&'static str> {
    INTERPRETERS.iter().find_map(|(known, description)| {
        let version = name.strip_prefix(known)?;
        version
            .chars()
            .all(|c| c.is_ascii_digit() || c == '.')
            .then_some(*description)
    })
}

fn by_content(bytes: &[u8]) -> &'static str {
    if bytes.starts_with(b"#!") {
        return "a script";
    }
    if !matches!(
        FileKind::parse(bytes),
        Ok(FileKind::Elf32 | FileKind::Elf64)
    ) {
        return "no ELF executable";
    }
    // Its header stands right behind the ELF headers.
    if contains(bytes.get(..4096).unwrap_or(bytes), b"UPX!") {
        return "a program packed with UPX (unpack it to see what it is)";
    }
    File::parse(bytes).map_or("a damaged ELF executable", |file| by_elf(&file))
}

fn by_elf(file: &File<'_>) -> &'static str {
    let libraries: Vec<&[u8]> = file
        .import_libraries()
        .into_iter()
        .flatten()
        .filter_map(|library| Some(library.ok()?.name()))
        .take(1024)
        .collect();
    let needs = |name: &str| {
        libraries
            .iter()
            .any(|library| library.starts_with(name.as_bytes()))
    };
    let evident = LIBRARIES.iter().find(|(library, _)| needs(library));
    match evident {
        // Rust programs may link C++ code.
        _ if is_rust(file) => "Rust",
        // Beside what the C library that it brings along says.
        _ if section_contains(file, ".comment", b"TinyGo version ") => "Go compiled by TinyGo",
        Some((_, language)) => language,
        None if has_symbol(file, |name| {
            name.starts_with(b"_ZS") || name.starts_with(b"_ZN")
        }) =>
        {
            "C++"
        }
        None if needs("libc.") || has_symbol(file, |name| name == b"__libc_start_main") => "C",
        None if is_c(file) => "C or C++",
        None if libraries.is_empty() => "a statically linked program of unknown language",
        None => "a program of unknown language",
    }
}

/// Panic messages name the compiler's own source tree, also in stripped programs.
fn is_rust(file: &File<'_>) -> bool {
    section_contains(file, ".comment", b"rustc version ")
        || has_symbol(file, |name| {
            name == b"rust_eh_personality"
                || name.starts_with(b"_R")
                || name.starts_with(b"_ZN4core")
        })
        || data_contains(file, b"/rustc/")
}

/// A C library linked statically brings the names of its tunables along.
fn is_c(file: &File<'_>) -> bool {
    section_contains(file, ".comment", b"GCC: (")
        || section_contains(file, ".comment", b"clang version")
        || data_contains(file, b"glibc.malloc.")
}

fn data_contains(file: &File<'_>, wanted: &[u8]) -> bool {
    let mut budget = BYTES;
    file.sections()
        .filter(|section| {
            matches!(
                section.kind(),
                SectionKind::ReadOnlyData | SectionKind::Data
            )
        })
        .filter_map(|section| section.data().ok())
        .any(|data| {
            let data = data.get(..budget).unwrap_or(data);
            budget -= data.len();
            contains(data, wanted)
        })
}

fn has_symbol(file: &File<'_>, wanted: impl Fn(&[u8]) -> bool) -> bool {
    file.symbols()
        .take(SYMBOLS)
        .chain(file.dynamic_symbols().take(SYMBOLS))
        .any(|symbol| symbol.name_bytes().is_ok_and(&wanted))
}

fn section_contains(file: &File<'_>, name: &str, wanted: &[u8]) -> bool {
    file.section_by_name(name)
        .and_then(|section| section.data().ok())
        .is_some_and(|data| contains(data.get(..BYTES).unwrap_or(data), wanted))
}

fn contains(data: &[u8], wanted: &[u8]) -> bool {
    data.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(names: &[&str], bytes: &[u8], expected: &str) {
        assert_eq!(describe(names, bytes), expected);
    }

    #[test]
    fn interpreters_by_name() {
        check(&["python3.11", "worker"], b"", "a Python program");
        check(&["launcher", "java"], b"", "a Java program");
        check(&["php-fpm8.2", ""], b"", "a PHP program");
        check(
            &["node_exporter", "node_exporter"],
            b"",
            "no ELF executable",
        );
    }

    #[test]
    fn what_is_no_program() {
        check(&["x"], b"#!/bin/sh\n", "a script");
        check(&["x"], b"", "no ELF executable");
        check(&["x"], b"\x7fELF\x02\x01\x01", "no ELF executable");
        let mut cut = std::fs::read("/bin/true").unwrap();
        cut.truncate(200);
        check(&["x"], &cut, "a damaged ELF executable");
    }

    #[test]
    fn programs_of_this_machine() {
        check(&["true"], &std::fs::read("/bin/true").unwrap(), "C");
        check(&["test"], &std::fs::read("/proc/self/exe").unwrap(), "Rust");
    }

    #[test]
    fn compiled_here() {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("program");
        let source = directory.path().join("program.c");
        std::fs::write(&source, "int main(void) { return 0; }\n").unwrap();
        let build = |flags: &[&str]| {
            let done = Command::new("cc")
                .args(flags)
                .arg("-o")
                .args([&out, &source])
                .status();
            assert!(done.unwrap().success());
            std::fs::read(&out).unwrap()
        };
        check(&["x"], &build(&["-static"]), "C");
        check(&["x"], &build(&["-s"]), "C");
        let mut stripped = build(&["-static", "-s"]);
        check(&["x"], &stripped, "C or C++");
        // Where the unloaded parts were not read, as of a large file.
        let comment = stripped
            .windows(6)
            .rposition(|window| window == b"GCC: (")
            .unwrap();
        stripped[comment] = 0;
        check(&["x"], &stripped, "C or C++");
        let bare = "-nostdlib -static -s -Wl,-e,main -fno-ident";
        let bare: Vec<&str> = bare.split(' ').collect();
        check(
            &["x"],
            &build(&bare),
            "a statically linked program of unknown language",
        );
        std::fs::write(
            &source,
            "__asm__(\".ident \\\"TinyGo version 0.33.0\\\"\"); int main(void) { return 0; }\n",
        )
        .unwrap();
        check(&["x"], &build(&["-static", "-s"]), "Go compiled by TinyGo");
    }

    #[test]
    fn flipped_bytes_are_survived() {
        let whole = std::fs::read("/bin/true").unwrap();
        // Where the headers are.
        let headers = (0..1024).chain(whole.len() - 1024..whole.len());
        for index in headers.step_by(3) {
            let mut bytes = whole.clone();
            bytes[index] ^= 0xff;
            by_content(&bytes);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let mut elf = b"\x7fELF\x02\x01\x01\0".to_vec();
            elf.extend(&bytes);
            by_content(&elf);
            by_content(&bytes);
        }
    }
}
