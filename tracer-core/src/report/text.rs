//! The report as text, read from the top: the answer, its reason, what to do, then details.

mod details;
#[cfg(test)]
mod tests;

use super::escape::escape;
use super::numbers::{mib, plural, signed_mib};
use super::verdict::{Status, VerdictLine};
use super::wrap::wrap;
use super::{Conclusion, Overflow, Report};

/// The report as plain text of at most [`super::WIDTH`] columns.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut page = Page::default();
    caveats(&mut page, report);
    page.heading(match report.conclusion {
        Conclusion::Leak => "conclusion: leak",
        Conclusion::NoLeak => "conclusion: no leak",
        Conclusion::CannotTell => "conclusion: cannot tell",
    });
    page.paragraph(&format!("{}.", report.why));
    page.paragraph(&subject(report));
    for verdict in &report.verdicts {
        judgement(&mut page, verdict);
    }
    details::write(&mut page, report);
    page.text
}

/// Lines of text, escaped and wrapped.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    /// A line at the margin, behind an empty one.
    fn heading(&mut self, heading: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.line("", heading);
    }

    fn paragraph(&mut self, text: &str) {
        self.line("  ", text);
    }

    /// A text behind an indent that its further lines share.
    fn line(&mut self, indent: &str, text: &str) {
        self.item(indent, indent, text);
    }

    /// A text behind `first`, its further lines behind `next`.
    fn item(&mut self, first: &str, next: &str, text: &str) {
        self.text.push_str(&wrap(&escape(text), first, next));
        self.text.push('\n');
    }
}

/// What lessens the report, before anything it says.
fn caveats(page: &mut Page, report: &Report) {
    if report.window.ended_by.is_none() {
        page.line(
            "",
            "This recording stops without an end: the tracer was killed or the file is cut off. \
             What follows holds up to there.",
        );
    }
    if let Some(recording) = &report.recording
        && (recording.damaged_blocks > 0 || recording.skipped_bytes > 0)
    {
        let (blocks, bytes) = (recording.damaged_blocks, recording.skipped_bytes);
        page.line(
            "",
            &format!(
                "The file is damaged: {blocks} blocks could not be read, {bytes} bytes were \
                 skipped. What they held is missing below."
            ),
        );
    }
    let lossy = report.loss.iter().filter(|line| line.lost > 0);
    let lost: Vec<String> = lossy
        .map(|line| format!("{} {} of {}", line.kind, line.lost, line.expected))
        .collect();
    if !lost.is_empty() {
        let lost = lost.join(", ");
        page.line(
            "",
            &format!("Events were lost, so counts below are too low: {lost}."),
        );
    }
    overflow(page, report.overflow);
}

/// What did not fit, said in one line.
fn overflow(page: &mut Page, overflow: Overflow) {
    let Overflow {
        regions,
        symbols,
        sockets,
    } = overflow;
    let parts = [
        (regions, "mapped region"),
        (symbols, "stack or name"),
        (sockets, "socket"),
    ];
    let full: Vec<String> = parts
        .iter()
        .filter(|part| part.0 > 0)
        .map(|part| plural(part.0, part.1))
        .collect();
    if !full.is_empty() {
        let full = full.join(", ");
        page.line(
            "",
            &format!("The process is larger than the tables kept of it: {full} left out."),
        );
    }
}

/// Who was watched, and for how long.
fn subject(report: &Report) -> String {
    let process = &report.process;
    let mut parts = vec![format!("pid {} ({})", process.pid, process.comm)];
    parts.extend(process.exe.clone());
    parts.push(
        process
            .go_version
            .clone()
            .unwrap_or_else(|| "not a Go program".to_owned()),
    );
    parts.extend(process.arch.clone());
    for (holds, word) in [
        (process.stripped, "stripped"),
        (process.pie, "position-independent"),
        (process.cgo, "cgo"),
    ] {
        if holds == Some(true) {
            parts.push(word.to_owned());
        }
    }
    let ended = report
        .window
        .ended_by
        .map_or(String::new(), |by| format!(", ended by {by}"));
    parts.push(format!("watched for {:.1} s{ended}", report.window.seconds));
    if process.execs > 0 {
        parts.push("replaced its program: only the last one is reported".to_owned());
    }
    parts.join(", ")
}

fn judgement(page: &mut Page, verdict: &VerdictLine) {
    let status = match (verdict.status, verdict.leak) {
        (Status::Found, true) => "found, a leak",
        (Status::Found, false) => "found, not a leak",
        (Status::Unsure, _) => "cannot be judged",
        (Status::Clear, _) => "not found",
    };
    page.heading(&format!("{}: {status}", verdict.rule));
    if let Some(headline) = &verdict.headline {
        page.paragraph(&format!("{headline}."));
    }
    if let Some(missing) = &verdict.missing {
        page.paragraph(&format!("Missing: {missing}."));
    }
    if !verdict.evidence.is_empty() {
        page.line("  ", "evidence");
    }
    for evidence in &verdict.evidence {
        let bytes = evidence.bytes.map_or(String::new(), |bytes| {
            let text = signed_mib(bytes);
            // Only growth needs its sign.
            if evidence.what.starts_with("growth") {
                text
            } else {
                text.replace('+', "")
            }
        });
        let first = format!("    {bytes:>12}  ");
        page.item(&first, "                  ", &evidence.what);
    }
    for origin in &verdict.origins {
        let opened = origin.opened.map_or(String::new(), |opened| {
            format!(", opened {opened}, closed {}", origin.closed.unwrap_or(0))
        });
        let bytes = origin
            .bytes
            .map_or(String::new(), |bytes| format!(", {}", mib(bytes)));
        page.item(
            "    by ",
            "       ",
            &format!("{}{opened}{bytes}", origin.line.place()),
        );
    }
    for (heading, body) in [
        ("what to do", &verdict.remedy),
        ("would be refuted by", &verdict.refuted_by),
    ] {
        if let Some(body) = body {
            page.line("  ", heading);
            page.line("    ", body);
        }
    }
}
