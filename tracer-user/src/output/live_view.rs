//! The live view: a few lines on the terminal, redrawn once a second, gone before the report.

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

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
use tracer_core::report::{GoroutineSite, Report, escape};

/// Lines the view takes; a smaller terminal shows the first of them.
const HEIGHT: u16 = 19;

/// Growing stacks shown.
const STACKS: usize = 4;

/// Parts of RSS in a line.
const PARTS: usize = 4;

/// Origins of open sockets shown.
const ORIGINS: usize = 3;

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

/// What is shown, top-down: the answer so far, memory, who grows it, what was given back, sockets,
/// goroutines, loss.
fn lines(report: &Report, elapsed: Duration, duration: Option<Duration>) -> Vec<String> {
    let process = &report.process;
    let limit = duration.map_or_else(String::new, |limit| format!(" of {}", limit.as_secs()));
    let mut lines = vec![format!(
        "tracer: {} ({})  {}{limit} s  ^C stops and reports",
        escape(&process.comm),
        process.pid,
        elapsed.as_secs(),
    )];
    lines.push(format!(
        "so far: {}: {}",
        report.conclusion.words(),
        escape(&report.why)
    ));
    lines.push(memory(report));
    lines.extend(ledger(report));
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
    lines.extend(origins(report));
    lines.extend(goroutines(report));
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
    let growth = memory.rss_growth_bytes.map_or_else(String::new, grown);
    format!(
        "RSS {}{growth}: anonymous {}{}{}{}",
        size(memory.rss_bytes),
        size(memory.anonymous_bytes),
        part("of it lazily freed", memory.lazy_free_bytes),
        part("huge", memory.huge_bytes.filter(|bytes| *bytes > 0)),
        part("swap", memory.swap_bytes.filter(|bytes| *bytes > 0)),
    )
}

/// Where RSS is, and how each part moved; those that are nothing are left out.
fn ledger(report: &Report) -> Vec<String> {
    let lines = report.ledger.iter().flat_map(|ledger| &ledger.lines);
    let parts: Vec<String> = lines
        .filter_map(|line| {
            let bytes = line.bytes.filter(|bytes| *bytes > 0)?;
            let growth = line.growth_bytes.filter(|growth| *growth != 0);
            let growth = growth.map_or_else(String::new, grown);
            Some(format!("{} {}{growth}", line.name, size(bytes)))
        })
        .collect();
    let rows = parts.chunks(PARTS);
    rows.map(|row| format!("    {}", row.join(", "))).collect()
}

/// Who has most sockets open.
fn origins(report: &Report) -> impl Iterator<Item = String> {
    let sockets = report.sockets.iter();
    let origins = sockets.flat_map(|sockets| &sockets.origins);
    let open = origins.filter(|origin| origin.open > 0).take(ORIGINS);
    open.map(|origin| {
        let (open, opened) = (origin.open, origin.opened);
        let place = origin.place();
        format!("{open:>12}  open of {opened} opened by {}", escape(&place))
    })
}

/// How many there are, and where those wait that grew most.
fn goroutines(report: &Report) -> Option<String> {
    let goroutines = report.goroutines.as_ref()?;
    let signed = |growth: i64| format!("{growth:+}");
    let growth = goroutines.growth.map_or_else(String::new, signed);
    let grown = |site: &&GoroutineSite| site.growth > Some(0);
    let most = goroutines.sites.iter().filter(grown);
    let most = most.max_by_key(|site| site.growth).map(|site| {
        let place = match site.waits.first() {
            Some(wait) => wait.place(),
            None => site.start.place(),
        };
        let growth = site.growth.map_or_else(String::new, signed);
        format!(": {growth} {}", escape(&place))
    });
    let most = most.unwrap_or_default();
    Some(format!("goroutines {} {growth}{most}", goroutines.total))
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

/// By how much something moved: ` (+1.5 MiB)`.
fn grown(bytes: i64) -> String {
    let sign = if bytes > 0 { "+" } else { "" };
    format!(" ({sign}{})", format_size_i(bytes, one_decimal()))
}

fn size(bytes: u64) -> String {
    format_size(bytes, one_decimal())
}

/// One decimal is what a reader can follow from second to second.
fn one_decimal() -> FormatSizeOptions {
    BINARY.decimal_places(1)
}
