//! The second half of the text: ledger, calls, growing stacks, sockets, counts.

use super::{Page, go, goroutines, holders, sockets};
use crate::names::Class;
use crate::report::memory::LAZY_FREE;
use crate::report::numbers::{about, mib, plural, signed_mib};
use crate::report::outside_runtime;
use crate::report::{CallLine, GapLine, GivenBack, LedgerTable, Memory, Report, StackFrame};

/// Lines shown of a stack; the JSON report has all.
const STACK_LINES: usize = 6;
/// Growing stacks shown.
const GROWING: usize = 5;
/// Socket origins shown.
const ORIGINS: usize = 10;

pub(super) fn write(page: &mut Page, report: &Report) {
    if let Some(ledger) = &report.ledger {
        resident(page, ledger);
    }
    if let Some(memory) = &report.memory {
        movement(page, memory);
    }
    cgroup(page, report);
    if !report.calls.is_empty() {
        calls(page, &report.calls);
    }
    growing(page, report);
    if let Some(heap) = &report.heap {
        go::heap(page, heap, report.process.heap_profile);
    }
    if let Some(lines) = &report.holders {
        holders::holders(page, lines, report.holder_search.as_ref());
    }
    if let Some(goroutines) = &report.goroutines {
        goroutines::show(page, goroutines);
    }
    if let Some(sockets) = &report.sockets {
        sockets::write(page, sockets, ORIGINS);
    }
    loss(page, report);
}

fn resident(page: &mut Page, ledger: &LedgerTable) {
    page.heading("where RSS is");
    row(page, &mib(ledger.rss_bytes), None, "RSS");
    for line in &ledger.lines {
        if let Some(bytes) = line.bytes {
            row(page, &mib(bytes), line.growth_bytes, line.name);
        }
        if line.name == LAZY_FREE {
            for part in &ledger.lazy_free_by {
                given_back(page, part);
            }
        }
    }
    let residual = signed_mib(ledger.residual_bytes);
    row(
        page,
        residual.trim_start_matches('+'),
        None,
        "residual, not told apart here",
    );
    let unknown: Vec<&str> = ledger
        .lines
        .iter()
        .filter(|line| line.bytes.is_none())
        .map(|line| line.name)
        .collect();
    if !unknown.is_empty() {
        page.line("  ", &format!("not measured: {}", unknown.join(" ")));
    }
}

fn given_back(page: &mut Page, part: &GivenBack) {
    let class = part
        .class
        .map_or("somebody, before this was watched", Class::name);
    let text = format!("{} given back by {class}", mib(part.bytes));
    page.item("                    ", "                      ", &text);
}

fn row(page: &mut Page, bytes: &str, growth: Option<i64>, name: &str) {
    let growth = growth.map_or(String::new(), |growth| format!(" ({})", signed_mib(growth)));
    page.item(
        &format!("  {bytes:>14}  "),
        "                  ",
        &format!("{name}{growth}"),
    );
}

fn movement(page: &mut Page, memory: &Memory) {
    page.heading("how RSS moved");
    let known = |growth: Option<i64>, rate: Option<i64>| {
        let Some((growth, rate)) = growth.zip(rate) else {
            return "not known, too few samples".to_owned();
        };
        format!(
            "{}, median slope {} a minute",
            signed_mib(growth),
            signed_mib(rate)
        )
    };
    let samples = plural(memory.samples, "sample");
    let rss = known(memory.rss_growth_bytes, memory.rss_bytes_per_minute);
    page.paragraph(&format!("RSS: {rss} ({samples})"));
    if memory.lazy_free_bytes.is_some() {
        let used = known(memory.use_growth_bytes, memory.use_bytes_per_minute);
        page.paragraph(&format!("RSS without LazyFree: {used}"));
    }
    for (what, bytes) in [
        ("in huge pages", memory.huge_bytes),
        ("swapped out", memory.swap_bytes),
    ] {
        if let Some(bytes) = bytes.filter(|bytes| *bytes > 0) {
            page.paragraph(&format!("{what}: {}", mib(bytes)));
        }
    }
}

fn cgroup(page: &mut Page, report: &Report) {
    let Some(cgroup) = &report.cgroup else { return };
    page.heading("memory cgroup");
    let bytes = |bytes: Option<u64>, none: &str| bytes.map_or(none.to_owned(), mib);
    let usage = bytes(cgroup.usage_bytes, "usage not known");
    let limit = bytes(cgroup.limit_bytes, "none");
    page.paragraph(&format!(
        "v{} {}: {usage}, limit {limit}",
        cgroup.version, cgroup.path
    ));
}

fn calls(page: &mut Page, calls: &[CallLine]) {
    page.heading("system calls");
    for call in calls {
        let bytes = call
            .bytes
            .map_or(String::new(), |bytes| format!(", {}", mib(bytes)));
        let failed = if call.failed > 0 {
            format!(", {} failed", call.failed)
        } else {
            String::new()
        };
        page.paragraph(&format!("{} {}{bytes}{failed}", call.call, call.count));
        if call.bytes.is_some() {
            let about = about(call.origins.iter().any(|origin| origin.estimated));
            for (class, (count, bytes)) in call.classes() {
                let (name, bytes) = (class.name(), mib(bytes));
                page.line(
                    "      ",
                    &format!("{name}: {about}{}, {bytes}", plural(count, "call")),
                );
            }
        }
    }
}

fn growing(page: &mut Page, report: &Report) {
    let written: Vec<_> = report.growth.iter().filter(|line| line.bytes > 0).collect();
    if written.is_empty() {
        return;
    }
    page.heading("memory touched for the first time while watching, by stack");
    for line in written.iter().take(GROWING) {
        let bytes = format!("{}{}", about(line.estimated), mib(line.bytes));
        let bytes = format!("  {bytes:>14}  ");
        if line.stack.is_empty() {
            page.item(&bytes, "                  ", "without a stack");
        }
        stack(page, &bytes, &line.stack);
    }
}

/// The lines of a stack that say most: the runtime's own innermost ones are left out.
pub(super) fn stack(page: &mut Page, first: &str, stack: &[StackFrame]) {
    let shown = outside_runtime(stack);
    let next = " ".repeat(first.chars().count());
    for (index, frame) in shown.iter().take(STACK_LINES).enumerate() {
        let indent = if index == 0 { first } else { &next };
        page.item(indent, &format!("{next}  "), &frame.place());
    }
    if shown.len() > STACK_LINES {
        let more = shown.len() - STACK_LINES;
        page.line(
            &next,
            &format!("and {} further out", plural(more as u64, "frame")),
        );
    }
}

fn loss(page: &mut Page, report: &Report) {
    let seen: Vec<_> = report
        .loss
        .iter()
        .filter(|line| line.expected > 0 || line.skipped > 0)
        .collect();
    if seen.is_empty() {
        return;
    }
    page.heading("events from the kernel");
    for line in seen {
        let (kind, expected) = (&line.kind, line.expected);
        let (received, lost) = (line.received, line.lost);
        let summed = match line.summed {
            0 => String::new(),
            summed => format!(", {summed} of them counted all the same"),
        };
        let skipped = match line.skipped {
            0 => String::new(),
            most => format!("; the kernel skipped at most {most} more, of all processes"),
        };
        page.paragraph(&format!(
            "{kind}: {expected} expected, {received} received, {lost} lost{summed}{skipped}"
        ));
        gaps(page, &line.gaps);
    }
    let may_call_otherwise = report.process.go_version.is_none();
    if may_call_otherwise && report.process.arch.as_deref() == Some("amd64") {
        page.paragraph("calls of 32 bits (int 0x80) are not seen");
    }
}

/// Gaps of a kind that are shown one by one.
const SHOWN_GAPS: usize = 8;

/// When events were dropped, the largest gaps first.
fn gaps(page: &mut Page, gaps: &[GapLine]) {
    let mut largest: Vec<_> = gaps.iter().collect();
    largest.sort_by_key(|gap| std::cmp::Reverse(gap.lost));
    for gap in largest.iter().take(SHOWN_GAPS) {
        let GapLine {
            cpu,
            from_seconds,
            to_seconds,
            lost,
        } = gap;
        page.paragraph(&format!(
            "  gap: {lost} lost on CPU {cpu} from {from_seconds:.3} s to {to_seconds:.3} s"
        ));
    }
    let more = largest.len().saturating_sub(SHOWN_GAPS);
    if more > 0 {
        page.paragraph(&format!("  and {more} smaller gaps"));
    }
}
