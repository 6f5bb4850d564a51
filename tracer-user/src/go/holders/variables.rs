//! What a package variable is called: by the symbol table, else by the functions that use it.
//!
//! Linked addresses throughout.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use tracer_core::names::package;

use crate::go::Table;
use crate::go::image::{Image, Variable};
use crate::go::runtime::each_reference;

/// From the beginning of a variable to a word of it, where only the beginning is referred to.
const MAX_OFFSET: u64 = 4096;
/// References that are held, 16 bytes each.
const MAX_REFERENCES: usize = 2 << 20;
/// Static structures that lead to each other.
const MAX_STEPS: u32 = 8;
/// References to one variable that are looked at, and functions that are named.
const MAX_USES: usize = 256;
const MAX_NAMED: usize = 4;

/// How the owner of a word is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Name {
    /// Its symbol.
    Symbol(String),
    /// Functions that refer to it. They need not be of the package that declares it.
    Code(Vec<String>),
    /// One of the runtime's own: its symbol, or functions that refer to it.
    Runtime(String),
}

/// All that names variables of a program.
#[derive(Debug)]
pub(super) struct Variables<'t> {
    table: &'t Table,
    symbols: Vec<Variable>,
    /// What code refers to, and where that code is; in order. Empty where there are symbols.
    references: Vec<(u64, u64)>,
    /// Words of variables that point to variables: what to, and where they are; in order.
    pointers: Vec<(u64, u64)>,
}

impl<'t> Variables<'t> {
    /// Reads a file; `ranges` are where its variables are.
    pub(super) fn read(image: &Image<'_>, table: &'t Table, ranges: &[Range<u64>]) -> Self {
        let symbols = image.variables_in(ranges);
        let mut references = Vec::new();
        if symbols.is_empty() && image.arch == "amd64" {
            references = code_references(image, table, ranges);
        }
        let pointers = Vec::new();
        Self {
            table,
            symbols,
            references,
            pointers,
        }
    }

    /// Says which words of variables point to variables: what to, and where they are.
    pub(super) fn set_pointers(&mut self, mut pointers: Vec<(u64, u64)>) {
        pointers.sort_unstable();
        self.pointers = pointers;
    }

    /// The variable that the word at an address belongs to; `None` where that is not certain.
    pub(super) fn name(&self, address: u64) -> Option<Name> {
        self.name_within(address, MAX_STEPS)
    }

    fn name_within(&self, address: u64, steps: u32) -> Option<Name> {
        let steps = steps.checked_sub(1)?;
        let after = self
            .symbols
            .partition_point(|variable| variable.addresses.start <= address);
        let before = after.checked_sub(1).map(|index| &self.symbols[index]);
        if let Some(variable) = before
            && variable.addresses.contains(&address)
        {
            return Some(by_symbol(&variable.name));
        }
        // What a literal was made into has no symbol; who points to it has one.
        let end = before.map_or(0, |variable| variable.addresses.end);
        let lowest = end.max(address.saturating_sub(MAX_OFFSET));
        let code = last(&self.references, lowest, address);
        let data = last(&self.pointers, lowest, address);
        match (code, data) {
            (Some(code), Some(data)) if data > code => self.pointed(data, steps),
            (Some(code), _) => self.by_code(code),
            (None, Some(data)) => self.pointed(data, steps),
            (None, None) => None,
        }
    }

    /// By the variable that points here.
    fn pointed(&self, target: u64, steps: u32) -> Option<Name> {
        let first = self.pointers.partition_point(|(value, _)| *value < target);
        let (_, place) = self.pointers.get(first)?;
        self.name_within(*place, steps)
    }

    /// By the functions that refer to it.
    fn by_code(&self, target: u64) -> Option<Name> {
        let first = self
            .references
            .partition_point(|(value, _)| *value < target);
        let uses = self.references[first..].iter();
        let uses = uses
            .take_while(|(value, _)| *value == target)
            .take(MAX_USES);
        let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut runtime: Option<String> = None;
        for (_, pc) in uses {
            let frames = self.table.lookup(*pc);
            // A mechanism's code works on whatever it is given; the runtime has variables of its own.
            let innermost = frames.first().map(|frame| frame.function.as_ref());
            if let Some(name) = innermost.filter(|name| package_of(name) == "runtime") {
                let known = runtime.get_or_insert_with(String::new);
                known.push_str(name);
                known.push(' ');
                continue;
            }
            let outside = frames
                .iter()
                .find(|frame| !is_mechanism(&package_of(&frame.function)));
            if let Some(frame) = outside {
                let package = package_of(&frame.function).into_owned();
                packages
                    .entry(package)
                    .or_default()
                    .insert(frame.function.to_string());
            }
        }
        if let Some(name) = runtime {
            return Some(Name::Runtime(name));
        }
        let functions = of_each(packages);
        (!functions.is_empty()).then_some(Name::Code(functions))
    }
}

/// Some functions, of each package in turn, where most use it first: an exported variable is often
/// used by others than the package that declares it.
fn of_each(packages: BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut packages: Vec<_> = packages.into_values().collect();
    packages.sort_by_key(|functions| Reverse(functions.len()));
    let mut packages: Vec<_> = packages.into_iter().map(BTreeSet::into_iter).collect();
    let mut named = Vec::new();
    while named.len() < MAX_NAMED {
        let before = named.len();
        named.extend(packages.iter_mut().filter_map(Iterator::next));
        if named.len() == before {
            break;
        }
    }
    named.truncate(MAX_NAMED);
    // Those of one package stand together.
    named.sort();
    named
}

fn by_symbol(name: &str) -> Name {
    // The linker escapes dots in the last part of a path.
    let name = name.replace("%2e", ".");
    if package_of(&name) == "runtime" || name.starts_with("runtime.") {
        Name::Runtime(name)
    } else {
        Name::Symbol(name)
    }
}

/// The highest value between two addresses.
fn last(list: &[(u64, u64)], lowest: u64, address: u64) -> Option<u64> {
    let after = list.partition_point(|(value, _)| *value <= address);
    let (value, _) = list.get(after.checked_sub(1)?)?;
    (*value >= lowest).then_some(*value)
}

fn code_references(image: &Image<'_>, table: &Table, ranges: &[Range<u64>]) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    let mut entries: Vec<u64> = table.functions().map(|(entry, _)| entry).collect();
    entries.push(table.text_range().end);
    for pair in entries.windows(2) {
        let Some(code) = image.bytes_at(pair[0]) else {
            continue;
        };
        let length = pair[1].saturating_sub(pair[0]) as usize;
        let code = &code[..code.len().min(length)];
        each_reference(code, pair[0], |pc, variable| {
            let inside = ranges.iter().any(|range| range.contains(&variable));
            if inside && found.len() < MAX_REFERENCES {
                found.push((variable, pc));
            }
        });
    }
    found.sort_unstable();
    found
}

/// The package of a function; what has none, such as C, stands for itself.
pub(super) fn package_of(function: &str) -> Cow<'_, str> {
    package(function).unwrap_or(Cow::Borrowed(function))
}

/// Packages whose code works on what others own.
fn is_mechanism(package: &str) -> bool {
    package == "sync"
        || package == "runtime"
        || package.starts_with("sync/")
        || package.starts_with("internal/")
        || package.starts_with("container/")
        || package.starts_with("runtime/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(functions: &[&str], expected: &[&str]) {
        let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for function in functions {
            let of_package = packages.entry(package_of(function).into_owned());
            of_package.or_default().insert((*function).to_owned());
        }
        assert_eq!(of_each(packages), expected);
    }

    #[test]
    fn each_package_is_named_that_uses_a_variable() {
        check(&[], &[]);
        check(&["a.F"], &["a.F"]);
        check(
            &["cache.Get", "main.f", "main.g", "main.h", "main.i"],
            &["cache.Get", "main.f", "main.g", "main.h"],
        );
    }
}
