//! Who holds what grows, where that was searched.

use super::threshold::Threshold;
use crate::process::Process;
use crate::report::{Evidence, HeapSiteLine, HolderLine, RootLine, objects, outside_runtime};

/// Owners named.
const MAX_OWNERS: usize = 3;
/// Fewer objects say little about the rest of their site.
const LEAST_SAMPLED: Threshold = Threshold::new(8.0);
/// Who holds a smaller share of a site is not its owner.
const LEAST_SHARE: Threshold = Threshold::new(0.5);

/// The owners of what these sites have allocated.
pub(super) fn owners(process: &Process, sites: &[&HeapSiteLine]) -> Vec<Evidence> {
    let is_of = |line: &HolderLine| sites.iter().any(|site| site.stack == line.stack);
    told(process, is_of)
}

/// Who holds most of what the first of these sites has allocated.
pub(super) fn owner(process: &Process, sites: &[&HeapSiteLine]) -> Option<RootLine> {
    let first = sites.first()?;
    most(process, |line| line.stack == first.stack)
}

/// The owners of objects of these sizes, where no site is known.
pub(super) fn owners_by_size(process: &Process, sizes: &[u64]) -> Vec<Evidence> {
    told(process, |line| is_of_size(line, sizes))
}

/// Who holds most of the objects of the first of these sizes.
pub(super) fn owner_by_size(process: &Process, sizes: &[u64]) -> Option<RootLine> {
    most(process, |line| {
        is_of_size(line, sizes.get(..1).unwrap_or_default())
    })
}

fn is_of_size(line: &HolderLine, sizes: &[u64]) -> bool {
    line.stack.is_empty() && sizes.contains(&line.object_bytes)
}

fn told(process: &Process, is_of: impl Fn(&HolderLine) -> bool) -> Vec<Evidence> {
    let lines = certain(process);
    let lines = lines.iter().filter(|line| is_of(line));
    lines.take(MAX_OWNERS).map(evidence).collect()
}

fn most(process: &Process, is_of: impl Fn(&HolderLine) -> bool) -> Option<RootLine> {
    certain(process).into_iter().find(is_of)?.root
}

/// What goroutines hold.
pub(super) fn held_by_goroutines(process: &Process) -> Vec<Evidence> {
    told(process, |line| {
        let root = line.root.as_ref();
        root.is_some_and(|root| root.kind == "goroutine")
    })
}

fn certain(process: &Process) -> Vec<HolderLine> {
    let mut lines = HolderLine::on(process).unwrap_or_default();
    lines.retain(|line| {
        let is_telling = line.sampled as f64 >= LEAST_SAMPLED.get();
        line.root.is_some() && is_telling && line.share >= LEAST_SHARE.get()
    });
    lines.sort_by_key(|line| std::cmp::Reverse(line.bytes));
    lines
}

fn evidence(line: &HolderLine) -> Evidence {
    let owner = line.root.as_ref().map_or_else(String::new, RootLine::words);
    let (reached, sampled) = (line.reached, line.sampled);
    let what = match outside_runtime(&line.stack).first() {
        Some(frame) => format!(
            "{reached} of {sampled} objects followed that {} allocated",
            frame.place()
        ),
        None => format!(
            "{reached} of {sampled} {} that were followed",
            objects(line.object_bytes)
        ),
    };
    Evidence {
        bytes: i64::try_from(line.bytes).ok(),
        ..Evidence::fact(format!("held by {owner}: {what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::StackFrame;

    #[track_caller]
    fn check(stack: &[&str], object_bytes: u64, expected: &str) {
        let frame = |function: &&str| StackFrame {
            function: (*function).to_owned(),
            file: None,
            line: None,
            inlined: false,
            unsymbolized: None,
        };
        let line = HolderLine {
            bytes: 1 << 20,
            share: 0.9,
            site: None,
            stack: stack.iter().map(frame).collect(),
            object_bytes,
            root: Some(RootLine {
                kind: "timer",
                name: Some("main.expire".to_owned()),
                named_by: None,
                used_by: Vec::new(),
            }),
            path: Vec::new(),
            sampled: 10,
            reached: 9,
            shared: 0,
        };
        assert_eq!(evidence(&line).what, expected);
    }

    #[test]
    fn an_owner_is_told_with_what_it_holds() {
        check(
            &["runtime.mallocgc", "bytes.Repeat", "main.load"],
            48,
            "held by a timer that calls main.expire: 9 of 10 objects followed that bytes.Repeat \
             allocated",
        );
        check(
            &[],
            48,
            "held by a timer that calls main.expire: 9 of 10 objects of 48 bytes that were followed",
        );
        check(
            &[],
            0,
            "held by a timer that calls main.expire: 9 of 10 objects larger than 32 KiB that were \
             followed",
        );
    }
}
