//! The live view: a few lines on the terminal, redrawn once a second, gone before the report.

use std::{
    io::Stderr,
    time::{Duration, Instant},
};

use humansize::{BINARY, FormatSizeOptions, format_size, format_size_i};
use ratatui::{
    Terminal, TerminalOptions, Viewport,
    backend::CrosstermBackend,
    crossterm,
    text::Line,
    widgets::{Paragraph, Widget as _},
};
use tracer_core::report::{Report, escape};

/// Lines the view takes; a smaller terminal shows the first of them.
const HEIGHT: u16 = 14;

/// Growing stacks shown.
const STACKS: usize = 5;

/// The view on stderr, so that stdout holds only the report.
pub struct LiveView {
    terminal: Terminal<CrosstermBackend<Stderr>>,
    began: Instant,
    duration: Option<Duration>,
}

impl LiveView {
    /// Takes the lines below the cursor.
    ///
    /// # Errors
    /// When the terminal does not answer.
    pub fn open(duration: Option<Duration>) -> std::io::Result<Self> {
        let backend = CrosstermBackend::new(std::io::stderr());
        let options = TerminalOptions {
            viewport: Viewport::Inline(HEIGHT),
        };
        let terminal = Terminal::with_options(backend, options)?;
        Ok(Self {
            terminal,
            began: Instant::now(),
            duration,
        })
    }

    /// Shows the state of things.
    pub fn draw(&mut self, report: &Report) {
        let lines = lines(report, self.began.elapsed(), self.duration);
        // A terminal that went away does not end the recording.
        let _ = self.terminal.draw(|frame| {
            let text: Vec<Line<'_>> = lines.into_iter().map(Line::from).collect();
            frame.render_widget(Paragraph::new(text), frame.area());
        });
    }

    /// Writes lines that stay, above the view.
    pub fn say(&mut self, text: &str) {
        let width = self.terminal.get_frame().area().width.max(1);
        let characters: Vec<char> = text.chars().collect();
        let lines = characters.chunks(width.into()).map(String::from_iter);
        let lines: Vec<Line<'_>> = lines.map(Line::from).collect();
        let _ = self.terminal.insert_before(lines.len() as u16, |buffer| {
            Paragraph::new(lines).render(buffer.area, buffer);
        });
    }
}

/// Gives the cursor back when the process ends without closing the view.
pub fn abandon() {
    let _ = crossterm::execute!(std::io::stderr(), crossterm::cursor::Show);
}

impl Drop for LiveView {
    fn drop(&mut self) {
        // Clearing puts the cursor back where it was, in the middle of what was cleared.
        let origin = self.terminal.get_frame().area().as_position();
        let _ = self.terminal.clear();
        let _ = self.terminal.set_cursor_position(origin);
        let _ = self.terminal.show_cursor();
    }
}

/// What is shown, top-down: memory, who grows it, what was given back, sockets, loss.
fn lines(report: &Report, elapsed: Duration, duration: Option<Duration>) -> Vec<String> {
    let process = &report.process;
    let limit = duration.map_or_else(String::new, |limit| format!(" of {}", limit.as_secs()));
    let mut lines = vec![format!(
        "tracer: {} ({})  {}{limit} s  ^C stops and reports",
        escape(&process.comm),
        process.pid,
        elapsed.as_secs(),
    )];
    lines.push(memory(report));
    lines.push(String::new());
    for line in report.growth.iter().take(STACKS) {
        let place = line
            .origin
            .as_ref()
            .or_else(|| line.stack.first())
            .map_or_else(
                || "stack lost".to_owned(),
                |frame| match (&frame.file, frame.line) {
                    (Some(file), Some(line)) => format!("{} {file}:{line}", frame.function),
                    _ => frame.function.clone(),
                },
            );
        let estimated = if line.estimated { " (estimated)" } else { "" };
        lines.push(format!(
            "{:>12}  touched first{estimated} by {}",
            size(line.bytes),
            escape(&place)
        ));
    }
    if report.growth.is_empty() {
        lines.push("no page touched for the first time yet".to_owned());
    }
    lines.push(String::new());
    lines.push(given_back(report));
    lines.push(sockets(report));
    lines.push(loss(report));
    lines
}

fn memory(report: &Report) -> String {
    let Some(memory) = &report.memory else {
        return "RSS not readable".to_owned();
    };
    let part = |name: &str, bytes: Option<u64>| {
        bytes.map_or_else(String::new, |bytes| format!(", {name} {}", size(bytes)))
    };
    let growth = memory.rss_growth_bytes.map_or_else(String::new, |bytes| {
        let sign = if bytes > 0 { "+" } else { "" };
        format!(" ({sign}{})", format_size_i(bytes, one_decimal()))
    });
    format!(
        "RSS {}{growth}: anonymous {}{}{}{}",
        size(memory.rss_bytes),
        size(memory.anonymous_bytes),
        part("of it lazily freed", memory.lazy_free_bytes),
        part("huge", memory.huge_bytes.filter(|bytes| *bytes > 0)),
        part("swap", memory.swap_bytes.filter(|bytes| *bytes > 0)),
    )
}

fn given_back(report: &Report) -> String {
    let advised: Vec<String> = report
        .calls
        .iter()
        .filter(|call| call.call.starts_with("madvise_"))
        .map(|call| {
            let name = call.call.trim_start_matches("madvise_");
            format!("{name} {} in {}", size(call.bytes.unwrap_or(0)), call.count)
        })
        .collect();
    if advised.is_empty() {
        "madvise: none".to_owned()
    } else {
        format!("madvise: {}", advised.join(", "))
    }
}

fn sockets(report: &Report) -> String {
    let Some(sockets) = &report.sockets else {
        return "sockets not readable".to_owned();
    };
    let open = sockets
        .open
        .map_or_else(|| "unknown".to_owned(), |open| open.to_string());
    format!(
        "sockets: {open} open, {} opened, {} closed",
        sockets.opened, sockets.closed
    )
}

fn loss(report: &Report) -> String {
    let seen: u64 = report.loss.iter().map(|kind| kind.expected).sum();
    format!("events: {seen} seen, {} lost", report.lost())
}

fn size(bytes: u64) -> String {
    format_size(bytes, one_decimal())
}

/// One decimal is what a reader can follow from second to second.
fn one_decimal() -> FormatSizeOptions {
    BINARY.decimal_places(1)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tracer_core::{
        event::{
            Event, EventKind, Loss, LossCount, MemorySample, ProcessFacts, ProcessId, Timestamp,
        },
        node::Node,
    };

    use super::*;

    #[test]
    fn says_what_is_known() {
        let mut node = Node::default();
        let sample = MemorySample {
            rss: 491 << 20,
            anonymous: 480 << 20,
            lazy_free: Some(409 << 20),
            ..MemorySample::default()
        };
        let loss = LossCount {
            kind: "mmap".to_owned(),
            expected: 5,
            received: 4,
            lost: 1,
            skipped: 0,
        };
        let facts = ProcessFacts {
            comm: "sh\u{1b}op".to_owned(),
            ..ProcessFacts::default()
        };
        for (second, kind) in [
            (1, EventKind::Process(facts)),
            (2, EventKind::Memory(sample)),
            (
                3,
                EventKind::Loss(Loss {
                    counts: vec![loss],
                    ..Loss::default()
                }),
            ),
        ] {
            let process = ProcessId {
                tgid: 7,
                start_ticks: 1,
            };
            node.apply(&Event {
                at: Timestamp(second * 1_000_000_000),
                process,
                kind,
            });
        }
        let lines = lines(&node.report().unwrap(), Duration::from_secs(3), None);
        let text = lines.join("\n");
        assert!(
            text.starts_with("tracer: sh\\x1bop (7)  3 s  ^C stops and reports\n"),
            "{text}"
        );
        assert!(
            text.contains("RSS 491 MiB: anonymous 480 MiB, of it lazily freed 409 MiB\n"),
            "{text}"
        );
        assert!(text.ends_with("events: 5 seen, 1 lost"), "{text}");
        assert!(!text.contains('\u{1b}'));
    }
}
