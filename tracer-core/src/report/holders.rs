//! Who keeps objects alive: a line for each allocation site and owner.

use serde::Serialize;

use super::stack::{StackFrame, frames, own_line};
use crate::event::{HeldSite, Holders as Event, Owner, OwnerKind};
use crate::names::package;
use crate::process::Process;

/// What keeps some of the objects of a site.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HolderLine {
    /// Of the site's live bytes, the part that the owner keeps.
    pub bytes: u64,
    /// The same as a share of 1.
    pub share: f64,
    /// The service's own line in the stack that allocated them.
    pub site: Option<StackFrame>,
    /// That stack, innermost first.
    pub stack: Vec<StackFrame>,
    /// Bytes of an object.
    pub object_bytes: u64,
    /// The owner; `None` for those whose owner was not found.
    pub root: Option<RootLine>,
    /// From the owner to the object, by type; `…` where a type is not known.
    pub path: Vec<String>,
    /// Objects of the site that were followed.
    pub sampled: u64,
    /// Of these, how many the owner keeps.
    pub reached: u64,
    /// Of these, how many others keep as well.
    pub shared: u64,
}

/// An owner.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct RootLine {
    /// `global`, `goroutine`, `timer` or `finalizer`.
    pub kind: &'static str,
    /// The variable, or the function of the goroutine or timer. `None` where that is not certain:
    /// a variable without a symbol may belong to another package than the code that uses it.
    pub name: Option<String>,
    /// `symbol` or `code reference`, for a variable.
    pub named_by: Option<&'static str>,
    /// Functions that use it, or whose frames hold it.
    pub used_by: Vec<String>,
}

/// How the owners were searched.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HolderSearch {
    /// How long it took.
    pub seconds: f64,
    /// Bytes read of the process.
    pub bytes_read: u64,
    /// Why some of it is missing.
    pub incomplete: Option<String>,
}

impl HolderSearch {
    /// Of one search.
    #[must_use]
    pub fn new(search: &Event) -> Self {
        Self {
            seconds: search.took_ns as f64 / 1e9,
            bytes_read: search.bytes_read,
            incomplete: search.incomplete.clone(),
        }
    }
}

impl HolderLine {
    /// The lines of a site, which `stack` allocated; those without an owner come last.
    #[must_use]
    pub fn of_site(found: &HeldSite, site: Option<&StackFrame>, stack: &[StackFrame]) -> Vec<Self> {
        let all = found.sampled.max(1);
        let line = |owner: Option<&Owner>, reached: u64| Self {
            bytes: (u128::from(found.live_bytes) * u128::from(reached) / u128::from(all)) as u64,
            share: reached as f64 / all as f64,
            site: site.cloned(),
            stack: stack.to_vec(),
            object_bytes: found.object_bytes,
            root: owner.map(RootLine::new),
            path: owner.map(|owner| owner.path.clone()).unwrap_or_default(),
            sampled: found.sampled,
            reached,
            shared: owner.map_or(0, |owner| owner.shared),
        };
        let owned = found.owners.iter();
        let mut lines: Vec<Self> = owned
            .map(|owner| line(Some(owner), owner.objects))
            .collect();
        let missing = found.sampled.saturating_sub(found.reached);
        if missing > 0 {
            lines.push(line(None, missing));
        }
        lines
    }

    /// The lines of the last search in a process.
    pub(crate) fn on(process: &Process) -> Option<Vec<Self>> {
        let search = process.go().holders()?;
        let lines = search.sites.iter().flat_map(|found| {
            let addresses = found.site.map_or(&[][..], |site| process.go().site(site));
            let lines = process.symbols().calls(addresses);
            let site = own_line(process, &lines).map(StackFrame::from_frame);
            Self::of_site(found, site.as_ref(), &frames(process, &lines))
        });
        Some(lines.collect())
    }
}

impl RootLine {
    fn new(owner: &Owner) -> Self {
        let (kind, named_by) = match owner.kind {
            OwnerKind::Variable => ("global", Some("symbol")),
            OwnerKind::VariableByCode => ("global", Some("code reference")),
            OwnerKind::Goroutine => ("goroutine", None),
            OwnerKind::Timer => ("timer", None),
            OwnerKind::Finalizer => ("finalizer", None),
        };
        let is_certain = owner.kind != OwnerKind::VariableByCode && !owner.name.is_empty();
        Self {
            kind,
            name: is_certain.then(|| owner.name.clone()),
            named_by,
            used_by: owner.used_by.clone(),
        }
    }

    /// In words: `package variable main.cache`.
    #[must_use]
    pub fn words(&self) -> String {
        let used_by = together(&self.used_by);
        match (self.kind, &self.name) {
            ("global", Some(name)) => format!("the package variable {name}"),
            ("global", None) => format!("a package variable used by {used_by}"),
            ("goroutine", Some(name)) if used_by.is_empty() => format!("goroutines of {name}"),
            ("goroutine", Some(name)) => format!("goroutines of {name} (frames of {used_by})"),
            (kind, None) => format!("a {kind}"),
            (kind, Some(name)) => format!("a {kind} that calls {name}"),
        }
    }
}

/// Functions in a row, the package of several once: `cache.Get, Set, main.load`.
fn together(functions: &[String]) -> String {
    let mut before = None;
    let names = functions.iter().map(|function| {
        let package = package(function);
        let is_known = package.is_some() && package == before;
        let name = package.as_ref().and_then(|package| {
            let rest = function.strip_prefix(package.as_ref())?;
            rest.strip_prefix('.')
        });
        before = package;
        name.filter(|_| is_known).unwrap_or(function)
    });
    names.collect::<Vec<&str>>().join(", ")
}

/// How certain it is that an owner is the owner.
#[must_use]
pub(super) fn certainty(share: f64) -> &'static str {
    match share {
        0.9.. => "held by",
        0.5..0.9 => "mostly held by",
        _ => "some held by",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(functions: &[&str], expected: &str) {
        let functions: Vec<String> = functions.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(together(&functions), expected);
    }

    #[test]
    fn a_package_is_named_once_in_a_row() {
        check(&[], "");
        check(&["a.b/cache.Get"], "a.b/cache.Get");
        check(
            &["a.b/cache.Get", "a.b/cache.(*T).Set", "main.load", "main.f"],
            "a.b/cache.Get, (*T).Set, main.load, f",
        );
    }
}
