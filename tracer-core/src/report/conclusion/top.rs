//! Who comes first where it is not told who leaks.

use super::LEAST_MATERIAL;
use crate::report::growth::GrowthLine;
use crate::report::heap::{Heap, HeapSiteLine};
use crate::report::numbers::{about, mib, signed_mib};
use crate::report::stack::{StackFrame, outside_runtime};

/// Who allocated what grew most in the heap profile, else where most of the new memory was touched, if
/// it was enough to be news.
pub(super) fn top(heap: Option<&Heap>, growth: &[GrowthLine]) -> String {
    if let Some(site) = heap.and_then(|heap| grew_most(&heap.sites)) {
        return format!("; in the heap profile {site}");
    }
    let Some((first, frame)) = growth
        .iter()
        .filter(|line| line.bytes as f64 >= LEAST_MATERIAL)
        .find_map(|line| Some((line, place(line.origin.as_ref(), &line.stack)?)))
    else {
        return String::new();
    };
    let all = growth.iter().map(|line| line.bytes);
    let all = all.fold(0, u64::saturating_add);
    let part = if first.bytes > all / 2 {
        "most"
    } else {
        "the largest part"
    };
    format!(
        "; {part} was touched first under {} ({}{})",
        frame.place(),
        about(first.estimated),
        mib(first.bytes)
    )
}

/// The site that grew most, if it was enough to be news.
fn grew_most(sites: &[HeapSiteLine]) -> Option<String> {
    let grown = sites
        .iter()
        .filter_map(|site| Some((site.growth_bytes?, site)));
    let (bytes, site) = grown.max_by_key(|(bytes, _)| *bytes)?;
    let frame = place(site.origin.as_ref(), &site.stack)?;
    let is_news = bytes as f64 >= LEAST_MATERIAL;
    is_news.then(|| format!("{} grew most ({})", frame.place(), signed_mib(bytes)))
}

/// The service's own line, else the innermost one outside of the runtime.
fn place<'a>(origin: Option<&'a StackFrame>, stack: &'a [StackFrame]) -> Option<&'a StackFrame> {
    origin.or_else(|| outside_runtime(stack).first())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_site_that_grew_most_is_told_by_its_own_line() {
        let frame = |function: &str| StackFrame {
            function: function.to_owned(),
            file: None,
            line: None,
            inlined: false,
            unsymbolized: None,
        };
        let site = |growth_bytes, own: &str| HeapSiteLine {
            inuse_objects: None,
            inuse_bytes: None,
            alloc_bytes: 0,
            growth_bytes,
            origin: Some(frame(own)).filter(|own| !own.function.is_empty()),
            stack: vec![
                frame("runtime.makeslice"),
                frame("library.Read"),
                frame(own),
            ],
        };
        let large = |own| site(Some(9 << 20), own);
        let sites = [
            site(Some(5 << 20), "main.small"),
            large("main.large"),
            site(None, "main.b"),
        ];
        assert_eq!(
            grew_most(&sites).as_deref(),
            Some("main.large grew most (+9.0 MiB)")
        );
        assert_eq!(
            grew_most(&[large("")]).as_deref(),
            Some("library.Read grew most (+9.0 MiB)")
        );
        assert_eq!(grew_most(&[site(Some(2 << 20), "main.small")]), None);
        assert_eq!(grew_most(&[site(None, "main.b")]), None);
    }
}
