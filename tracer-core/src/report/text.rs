//! The report as text, read from the top: the answer, its reason, what to do, then details.

mod details;
mod go;
mod goroutines;
mod holders;
mod sockets;
#[cfg(test)]
mod tests;

use super::conclusion::HEALTHY;
use super::escape::escape;
use super::numbers::{mib, plural, signed_mib};
use super::verdict::{Status, VerdictLine};
use super::wrap::wrap;
use super::{HolderLine, HolderSearch, Overflow, Report};

/// The report as plain text of at most [`super::WIDTH`] columns.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut page = Page::default();
    caveats(&mut page, report);
    page.heading(&format!("conclusion: {}", report.conclusion.words()));
    page.paragraph(&format!("{}.", report.why));
    page.paragraph(&subject(report));
    let with = |status| {
        let verdicts = report.verdicts.iter();
        verdicts.filter(move |verdict| verdict.status == status)
    };
    for verdict in with(Status::Found) {
        judgement(&mut page, verdict, &report.why);
    }
    brief(&mut page, "looked for and not found", with(Status::Clear));
    brief(&mut page, "could not be judged", with(Status::Unsure));
    details::write(&mut page, report);
    page.text
}

/// The part of the report about sockets, as plain text.
#[must_use]
pub fn sockets_text(report: &Report) -> String {
    let mut page = Page::default();
    caveats(&mut page, report);
    match &report.sockets {
        Some(sockets) => sockets::write(&mut page, sockets, usize::MAX),
        None => page.paragraph("its sockets are not known: /proc/PID/fd could not be read"),
    }
    page.text
}

/// Who holds the heap of a process, which `subject` names, as plain text.
#[must_use]
pub fn holders_text(subject: &str, lines: &[HolderLine], search: &HolderSearch) -> String {
    let mut page = Page::default();
    page.line("", subject);
    holders::holders(&mut page, lines, Some(search));
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
    if let Some(bytes) = report.sample_bytes {
        page.line(
            "",
            &format!(
                "Stacks are those of a sample, one of {bytes} bytes on average: how many calls and \
                 bytes an origin has, and what a stack touched first, are estimates. Sums of calls \
                 and all that no stack is asked for are exact."
            ),
        );
    }
    let lossy = report.loss.iter().filter(|line| line.lost > 0);
    let lost: Vec<String> = lossy
        .map(|line| {
            let when = super::loss::span(&line.gaps).map_or_else(String::new, |(from, to)| {
                format!(" ({from:.1} s to {to:.1} s)")
            });
            format!("{} {} of {}{when}", line.kind, line.lost, line.expected)
        })
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

/// What the rules say that found nothing, those together that say the same.
fn brief<'a>(page: &mut Page, heading: &str, verdicts: impl Iterator<Item = &'a VerdictLine>) {
    let mut said: Vec<(&str, Vec<&str>)> = Vec::new();
    for verdict in verdicts {
        let text = verdict.headline.as_ref().or(verdict.missing.as_ref());
        let text = text.map_or("", String::as_str);
        match said.iter_mut().find(|(before, _)| *before == text) {
            Some((_, rules)) => rules.push(verdict.rule),
            None => said.push((text, vec![verdict.rule])),
        }
    }
    if !said.is_empty() {
        page.heading(heading);
    }
    for (text, rules) in said {
        page.item("  ", "      ", &format!("{}: {text}", rules.join(", ")));
    }
}

/// What was found: a disease, what comes of one, or none.
fn title(verdict: &VerdictLine) -> String {
    let rule = verdict.rule;
    match (verdict.explained_by, verdict.leak) {
        (Some(cause), _) => format!("{rule}: an effect of {cause}"),
        (None, true) => format!("{rule}: found, a leak"),
        (None, false) if rule == HEALTHY => rule.to_owned(),
        (None, false) => format!("{rule}: found, not a leak"),
    }
}

/// All that a rule says that found something, but for what stands above as the answer's reason.
fn judgement(page: &mut Page, verdict: &VerdictLine, why: &str) {
    page.heading(&title(verdict));
    if let Some(share) = verdict.explained_share {
        page.paragraph(&format!(
            "{:.0} % of this growth goes with the connections of {}.",
            100.0 * share,
            verdict.explained_by.unwrap_or_default()
        ));
    }
    if let Some(headline) = &verdict.headline
        && headline != why
    {
        page.paragraph(&format!("{headline}."));
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
    if verdict.explained_by.is_some() {
        // What to do about the cause is all there is to do.
        return;
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
