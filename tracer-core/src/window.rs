//! A part of a recording: the engine that counts from one moment to another.

use std::time::Duration;

use crate::event::{EndedBy, Event, EventKind, ProcessId, Timestamp};
use crate::node::Node;

/// From when to when, counted from the first event.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Window {
    /// What was before is known, and not counted.
    pub from: Duration,
    /// What comes later is not known; `None` is the end of the recording.
    pub to: Option<Duration>,
}

/// Feeds a node with what lies in a window.
#[derive(Debug, Default)]
pub struct Windowed {
    node: Node,
    window: Window,
    first: Option<Timestamp>,
    has_begun: bool,
    cut: Option<(Timestamp, ProcessId)>,
}

impl Windowed {
    /// Nothing was seen yet.
    #[must_use]
    pub fn new(window: Window) -> Self {
        Self {
            window,
            has_begun: window.from.is_zero(),
            ..Self::default()
        }
    }

    /// Takes the next event of the whole recording.
    pub fn apply(&mut self, event: &Event) {
        let first = *self.first.get_or_insert(event.at);
        if !self.has_begun && event.at >= later(first, self.window.from) {
            self.has_begun = true;
            self.node.restart(later(first, self.window.from));
        }
        if let Some(end) = self.end().filter(|end| event.at > *end) {
            self.cut = Some((end, event.process));
            // Names are found later than the addresses are seen.
            if matches!(
                event.kind,
                EventKind::Stack(_) | EventKind::Symbols(_) | EventKind::Modules(_)
            ) {
                self.node.apply(&Event {
                    at: end,
                    ..event.clone()
                });
            }
            return;
        }
        self.node.apply(event);
    }

    /// Whether an event of the recording lies behind the window.
    #[must_use]
    pub fn is_over(&self, event: &Event) -> bool {
        self.end().is_some_and(|end| event.at > end)
    }

    /// The last moment of the window, once the recording has begun.
    fn end(&self) -> Option<Timestamp> {
        Some(later(self.first?, self.window.to?))
    }

    /// The node, at the end of the window.
    #[must_use]
    pub fn finish(mut self) -> Node {
        if !self.has_begun {
            // The recording ends before the window begins: nothing of it is counted.
            let from = later(self.first.unwrap_or_default(), self.window.from);
            self.node.restart(from);
        }
        if let Some((at, process)) = self.cut {
            let kind = EventKind::End(EndedBy::Duration);
            self.node.apply(&Event { at, process, kind });
        }
        self.node
    }
}

fn later(first: Timestamp, by: Duration) -> Timestamp {
    let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
    Timestamp(first.0.saturating_add(by))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::event::MemorySample;

    /// Readings of RSS, one a second from 10 s on, as large as the second; seen through a window.
    #[track_caller]
    fn check(from: u64, to: Option<u64>, first: u64, last: u64, seconds: f64) {
        let mut windowed = Windowed::new(Window {
            from: Duration::from_secs(from),
            to: to.map(Duration::from_secs),
        });
        for second in 0..=30 {
            windowed.apply(&Event {
                at: Timestamp((10 + second) * 1_000_000_000),
                process: ProcessId::default(),
                kind: EventKind::Memory(MemorySample {
                    rss: second,
                    ..MemorySample::default()
                }),
            });
        }
        let node = windowed.finish();
        let (_, process) = node.processes().next().unwrap();
        let trend = process.memory().rss_trend().unwrap();
        assert_eq!((trend.first, trend.last), (first, last));
        assert!((process.seconds() - seconds).abs() < 1e-9);
        assert_eq!(process.ended().is_some(), to.is_some());
    }

    #[test]
    fn only_the_window_counts() {
        check(0, None, 0, 30, 30.0);
        check(0, Some(15), 0, 15, 15.0);
        check(10, None, 10, 30, 20.0);
        check(10, Some(20), 10, 20, 10.0);
    }

    #[test]
    fn beyond_the_end_nothing_is_known() {
        let mut windowed = Windowed::new(Window {
            from: Duration::from_mins(1),
            to: None,
        });
        windowed.apply(&Event {
            at: Timestamp(5),
            process: ProcessId::default(),
            kind: EventKind::Memory(MemorySample::default()),
        });
        let node = windowed.finish();
        let (_, process) = node.processes().next().unwrap();
        assert_eq!(process.memory().samples(), 0);
    }
}
