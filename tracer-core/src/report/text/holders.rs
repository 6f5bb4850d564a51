//! Who keeps objects alive.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Page;
use super::details::stack;
use crate::report::holders::certainty;
use crate::report::numbers::{mib, objects};
use crate::report::{HolderLine, HolderSearch, RootLine};

pub(super) fn holders(page: &mut Page, lines: &[HolderLine], search: Option<&HolderSearch>) {
    page.heading("who holds it");
    if let Some(search) = search {
        page.paragraph(&format!(
            "Sampled objects that survived a collection were followed to what keeps them, in {:.1} s \
             ({} read).",
            search.seconds,
            mib(search.bytes_read)
        ));
        if let Some(why) = &search.incomplete {
            page.paragraph(&format!("Incomplete: {why}."));
        }
    }
    by_owner(page, lines);
    let mut before: Option<&HolderLine> = None;
    for line in lines {
        let is_same = |before: &HolderLine| {
            (&before.stack, before.object_bytes) == (&line.stack, line.object_bytes)
        };
        if !before.is_some_and(is_same) {
            site(page, line);
        }
        before = Some(line);
        owner(page, line);
    }
}

/// What each owner keeps of all these sites; what several keep counts for each.
fn by_owner(page: &mut Page, lines: &[HolderLine]) {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for line in lines {
        let owner = line
            .root
            .as_ref()
            .map_or("owner not found".to_owned(), RootLine::words);
        let sum = sums.entry(owner).or_default();
        *sum = sum.saturating_add(line.bytes);
    }
    let mut sums: Vec<(String, u64)> = sums.into_iter().collect();
    sums.sort_by_key(|(_, bytes)| Reverse(*bytes));
    for (owner, bytes) in sums.into_iter().take(OWNERS) {
        page.item(
            &format!("    {:>12}  ", mib(bytes)),
            "                  ",
            &owner,
        );
    }
}

/// Owners shown of all sites together.
const OWNERS: usize = 5;

fn site(page: &mut Page, line: &HolderLine) {
    let few = if line.sampled < FEW {
        ", too few to tell shares"
    } else {
        ""
    };
    let objects = objects(line.object_bytes);
    let by = if line.stack.is_empty() {
        "whoever allocated them"
    } else {
        "allocated by"
    };
    page.line(
        "    ",
        &format!("{objects}, {} followed{few}, {by}", line.sampled),
    );
    stack(page, "        ", &line.stack);
}

/// Fewer objects say little about the rest.
const FEW: u64 = 8;

fn owner(page: &mut Page, line: &HolderLine) {
    let counts = format!("{} of {}, {}", line.reached, line.sampled, mib(line.bytes));
    let Some(root) = &line.root else {
        let text = format!("owner not found: {counts}");
        return page.item("      ", "          ", &text);
    };
    let also = match line.shared {
        0 => String::new(),
        shared if shared == line.reached => "; all of them by others too".to_owned(),
        shared => format!("; {shared} of them by others too"),
    };
    let (how, words) = (certainty(line.share), root.words());
    page.item(
        "      ",
        "          ",
        &format!("{how} {words}: {counts}{also}"),
    );
    if line.path.iter().any(|name| name != "…") {
        page.item(
            "          ",
            "          ",
            &format!("→ {}", line.path.join(" → ")),
        );
    }
}
