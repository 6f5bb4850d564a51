//! The stacks that hold most, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tracer_core::report::escape;

use super::{Call, Heap, name};

/// Stacks that are shown.
const STACKS: usize = 10;
/// Calls of each that are shown.
const DEPTH: usize = 12;

/// The stacks with the most bytes in use; or, of a difference, those that changed most.
#[must_use]
pub fn text(heap: &Heap<'_>, is_difference: bool) -> String {
    let stacks = by_lines(heap);
    let mib = |bytes| mib(bytes, is_difference);
    let since = if is_difference {
        "meanwhile"
    } else {
        "since the start"
    };
    let mut text = format!(
        "{} in use, {} allocated {since}; {}\n",
        mib(heap.in_use_bytes()),
        mib(heap.alloc_bytes()),
        sampling(heap.rate),
    );
    // Writing to a string cannot fail.
    for (lines, sum) in stacks.iter().take(STACKS) {
        let _ = write!(
            text,
            "\n  {:>12} in use, {} objects",
            mib(sum.bytes),
            sum.objects
        );
        let _ = writeln!(text, ", {} allocated", mib(sum.allocated));
        for line in lines.iter().take(DEPTH) {
            let _ = writeln!(text, "      {line}");
        }
        if lines.len() > DEPTH {
            let _ = writeln!(text, "      … {} more calls", lines.len() - DEPTH);
        }
    }
    let rest = stacks.iter().skip(STACKS);
    let (count, bytes) = rest.fold((0, 0_i64), |(count, bytes), (_, sum)| {
        (count + 1, bytes.saturating_add(sum.bytes))
    });
    if count > 0 {
        let _ = writeln!(
            text,
            "\n  {:>12} in use by {count} other stacks",
            mib(bytes)
        );
    }
    text
}

fn sampling(rate: u64) -> String {
    match rate {
        0 => "sampling is off, so these are the samples of before alone".to_owned(),
        1 => "every allocation is counted".to_owned(),
        rate => format!("estimated from a sample every {rate} bytes"),
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    bytes: i64,
    objects: i64,
    allocated: i64,
}

/// Stacks that read alike are one; most bytes first, without those that hold nothing.
fn by_lines(heap: &Heap<'_>) -> Vec<(Vec<String>, Sum)> {
    let mut sums: BTreeMap<Vec<String>, Sum> = BTreeMap::new();
    for site in heap.sites.iter().filter(|site| site.in_use.1 != 0) {
        let sum = sums
            .entry(site.calls.iter().map(line).collect())
            .or_default();
        sum.bytes = sum.bytes.saturating_add(site.in_use.1);
        sum.objects = sum.objects.saturating_add(site.in_use.0);
        sum.allocated = sum.allocated.saturating_add(site.allocated.1);
    }
    let mut stacks: Vec<_> = sums.into_iter().collect();
    stacks.sort_by_key(|(_, sum)| std::cmp::Reverse(sum.bytes.unsigned_abs()));
    stacks
}

/// `main.load (load.go:12)`.
fn line(call: &Call<'_>) -> String {
    let function = name(call);
    let function = escape(&function);
    match &call.frame {
        Some(frame) if !frame.file.is_empty() => {
            let file = frame.file.rsplit('/').next().unwrap_or_default();
            format!("{function} ({}:{})", escape(file), frame.line)
        }
        _ => function.into_owned(),
    }
}

fn mib(bytes: i64, with_sign: bool) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    if with_sign {
        format!("{mib:+.1} MiB")
    } else {
        format!("{mib:.1} MiB")
    }
}
