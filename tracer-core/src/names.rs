//! What the names of functions tell: their package, and whose code it is.

mod class;

pub use class::{Class, classify};

use std::borrow::Cow;

use crate::event::{Frame, ProcessFacts};

/// First elements of the standard library's package paths (Go 1.27).
const STANDARD: &[&str] = &[
    "archive",
    "arena",
    "bufio",
    "bytes",
    "cmp",
    "compress",
    "container",
    "context",
    "crypto",
    "database",
    "debug",
    "embed",
    "encoding",
    "errors",
    "expvar",
    "flag",
    "fmt",
    "go",
    "hash",
    "html",
    "image",
    "index",
    "internal",
    "io",
    "iter",
    "log",
    "maps",
    "math",
    "mime",
    "net",
    "os",
    "path",
    "plugin",
    "reflect",
    "regexp",
    "runtime",
    "slices",
    "sort",
    "strconv",
    "strings",
    "structs",
    "sync",
    "syscall",
    "testing",
    "text",
    "time",
    "unicode",
    "unique",
    "unsafe",
    "vendor",
    "weak",
];

/// The name without the linker's ABI suffix.
#[must_use]
pub fn plain(function: &str) -> &str {
    function
        .strip_suffix(".abi0")
        .or_else(|| function.strip_suffix(".abiinternal"))
        .unwrap_or(function)
}

/// The name as Go's own stack traces and pprof print it: `main.Map[...]` of `main.Map[go.shape.int]`.
///
/// To be asked about Go functions only (`funcNameForPrint` in `runtime/symtab.go`).
#[must_use]
pub fn printed(function: &str) -> Cow<'_, str> {
    match (function.find('['), function.rfind(']')) {
        (Some(open), Some(close)) if open < close => {
            let (before, after) = (&function[..open], &function[close + 1..]);
            Cow::Owned(format!("{before}[...]{after}"))
        }
        _ => Cow::Borrowed(function),
    }
}

/// The package of a Go function: `github.com/a/b` of `github.com/a/b.(*T).M.func1`.
///
/// `None` for names that are not Go's.
#[must_use]
pub fn package(function: &str) -> Option<Cow<'_, str>> {
    // Type arguments may hold slashes and dots of their own.
    let name = function.split('[').next()?;
    let last_element = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = last_element + name[last_element..].find('.')?;
    Some(unescaped(&name[..dot])).filter(|package| !package.is_empty())
}

/// `(*T).M.func1` of `github.com/a/b.(*T).M.func1`.
fn function_in_package(function: &str) -> &str {
    let last_element = function
        .split('[')
        .next()
        .and_then(|name| name.rfind('/'))
        .unwrap_or(0);
    let rest = &function[last_element..];
    rest.split_once('.').map_or(rest, |(_, name)| name)
}

/// The linker writes dots of the last path element as `%2e`.
fn unescaped(path: &str) -> Cow<'_, str> {
    if path.contains('%') {
        Cow::Owned(
            path.replace("%2e", ".")
                .replace("%22", "\"")
                .replace("%25", "%"),
        )
    } else {
        Cow::Borrowed(path)
    }
}

/// The package belongs to the Go distribution.
#[must_use]
pub fn is_standard(package: &str) -> bool {
    let first = package.split('/').next().unwrap_or(package);
    STANDARD.contains(&first)
}

/// Whether a function is of the runtime or a bare system call, or one that programs do not call
/// by themselves: `internal/poll.(*FD).Read`, `sync.runtime_Semacquire`.
#[must_use]
pub fn is_plumbing(function: &str) -> bool {
    let Some(package) = package(function) else {
        return false;
    };
    let is_internal = || package.split('/').any(|element| element == "internal");
    let is_linked = || function_in_package(function).starts_with("runtime_");
    matches!(&*package, "runtime" | "syscall")
        || is_standard(&package) && (is_internal() || is_linked())
}

/// Whether a frame is the service's own code, neither the standard library's nor a
/// dependency's.
///
/// Binaries built by GOPATH have no module path: there a path whose first element has a
/// dot, or that is vendored, is taken for a dependency.
#[must_use]
pub fn is_own(frame: &Frame, facts: &ProcessFacts) -> bool {
    let Some(package) = package(&frame.function) else {
        return false;
    };
    // The wrappers that cgo generates lie in the package that imports "C".
    let rest = function_in_package(&frame.function);
    if rest.starts_with("_Cfunc_") || rest.starts_with("_cgo") {
        return false;
    }
    if package == "main" {
        return true;
    }
    if package.contains("/vendor/") || !frame.go {
        return false;
    }
    let Some(main_module) = &facts.main_module else {
        let first = package.split('/').next().unwrap_or(&package);
        return !is_standard(&package) && !first.contains([':', '.']);
    };
    let depth = |module: &String| lies_in(&package, module).then_some(module.len());
    let dependency = facts.dependencies.iter().filter_map(depth).max();
    // A module may lie inside another one's path: the longer path owns the package.
    depth(main_module).is_some_and(|own| dependency.is_none_or(|other| own > other))
}

fn lies_in(package: &str, module: &str) -> bool {
    package
        .strip_prefix(module)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages() {
        for (function, expected) in [
            ("main.main", Some("main")),
            ("main.(*shop).serve-fm", Some("main")),
            ("net/http.(*conn).serve", Some("net/http")),
            ("github.com/a/b.(*T).M.func1", Some("github.com/a/b")),
            ("gopkg.in/yaml%2ev3.Unmarshal", Some("gopkg.in/yaml.v3")),
            ("main.Map[go.shape.*github.com/x/y.T]", Some("main")),
            (
                "internal/runtime/syscall/linux.Syscall6",
                Some("internal/runtime/syscall/linux"),
            ),
            ("malloc", None),
            ("std::vector<int>::push_back", None),
            ("", None),
            (".text", None),
        ] {
            assert_eq!(package(function).as_deref(), expected, "{function}");
        }
    }

    #[test]
    fn what_programs_do_not_call_by_themselves() {
        for (function, expected) in [
            ("runtime.gopark", true),
            ("internal/runtime/syscall.Syscall6", true),
            ("syscall.Syscall", true),
            ("internal/poll.runtime_pollWait", true),
            ("sync.runtime_SemacquireMutex", true),
            ("sync.(*Mutex).Lock", false),
            ("time.Sleep", false),
            ("net.(*netFD).Read", false),
            ("net/http/internal.(*chunkedReader).Read", true),
            (
                "google.golang.org/grpc/internal/transport.(*controlBuffer).get",
                false,
            ),
            ("main.runtime_", false),
            ("epoll_wait", false),
        ] {
            assert_eq!(is_plumbing(function), expected, "{function}");
        }
    }

    #[track_caller]
    fn check_own(main_module: Option<&str>, dependencies: &[&str], own: &[&str], other: &[&str]) {
        let facts = ProcessFacts {
            main_module: main_module.map(str::to_owned),
            dependencies: dependencies.iter().map(|path| (*path).to_owned()).collect(),
            ..ProcessFacts::default()
        };
        for (functions, expected) in [(own, true), (other, false)] {
            for function in functions {
                let frame = Frame {
                    function: (*function).to_owned(),
                    go: true,
                    ..Frame::default()
                };
                assert_eq!(is_own(&frame, &facts), expected, "{function}");
            }
        }
    }

    #[test]
    fn own_code_with_module_information() {
        check_own(
            Some("example.com/shop"),
            &["example.com/shop/api", "google.golang.org/grpc"],
            &[
                "main.main",
                "example.com/shop.Run",
                "example.com/shop/store.(*DB).Load",
            ],
            &[
                "example.com/shop/api.Call",
                "example.com/shopping.Cart",
                "google.golang.org/grpc.NewClient",
                "net/http.Get",
                "runtime.mallocgc",
                "main._Cfunc__CMalloc",
                "example.com/shop/store._cgo_cmalloc",
                "malloc",
            ],
        );
        check_own(Some("shop"), &[], &["shop/net.Dial"], &["net.Dial"]);
    }

    #[test]
    fn own_code_without_module_information() {
        check_own(
            None,
            &[],
            &["main.main", "shop/store.Load"],
            &[
                "github.com/docker/docker/daemon.New",
                "net.Dial",
                "shop/vendor/x.Y",
                "type:.eq.T",
            ],
        );
    }

    #[test]
    fn type_arguments_are_not_printed() {
        for (function, expected) in [
            ("main.main", "main.main"),
            ("main.Map[go.shape.int]", "main.Map[...]"),
            ("main.Map[...]", "main.Map[...]"),
            (
                "main.(*Tree[go.shape.[]uint8,go.shape.int]).Put.func1",
                "main.(*Tree[...]).Put.func1",
            ),
            ("main.odd]name[", "main.odd]name["),
            ("main.open[", "main.open["),
        ] {
            assert_eq!(printed(function), expected);
        }
    }

    #[test]
    fn abi_suffixes() {
        assert_eq!(plain("runtime.goexit.abi0"), "runtime.goexit");
        assert_eq!(plain("main.abi0x"), "main.abi0x");
    }
}
