//! Where the goroutines of one site wait.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::{Frame, GoroutineGroup, StackId};
use crate::ledger::symbols::Line;
use crate::names;
use crate::process::Process;
use crate::report::stack::{StackFrame, frames, own_line};

/// Places of one site that are told.
const MAX_PLACES: usize = 8;

/// A place where goroutines wait.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WaitLine {
    /// How many: counted where all their stacks were read, else what those that were stand for.
    pub count: u64,
    /// What for.
    pub waiting_on: String,
    /// The innermost line of the service's own code; where none is on the stack, of a module that it
    /// depends on; else of the standard library.
    pub at: StackFrame,
    /// The function of a library, called there, in which they wait.
    pub through: Option<StackFrame>,
    /// The stack of most of them, innermost first.
    pub stack: Vec<StackFrame>,
}

impl WaitLine {
    /// `chan receive at main.worker (worker.go:31)`
    #[must_use]
    pub fn place(&self) -> String {
        let through = self.through.as_ref();
        let through = through.map_or(String::new(), |frame| format!(", by {}", frame.function));
        format!("{} at {}{through}", self.waiting_on, self.at.place())
    }
}

/// The lines of a stack that tell places apart.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Place<'a> {
    doing: &'a str,
    at: &'a Frame,
    through: Option<&'a Frame>,
}

impl<'a> Place<'a> {
    /// `None` where no line of the stack has a name.
    fn of(process: &Process, doing: &'a str, lines: &[Line<'a>]) -> Option<Self> {
        let named = || lines.iter().filter_map(|line| line.frame());
        let public = named().find(|frame| !names::is_plumbing(&frame.function));
        let is_standard = |frame: &Frame| {
            let package = names::package(&frame.function);
            package.is_none_or(|package| names::is_standard(&package))
        };
        let at = own_line(process, lines)
            .or_else(|| named().find(|frame| !is_standard(frame)))
            .or(public)
            .or_else(|| named().next())?;
        Some(Self {
            doing,
            at,
            through: public.filter(|frame| *frame != at),
        })
    }
}

/// Where the goroutines of some groups wait, most first, and how many stacks tell it.
///
/// `scaled` is what a count stands for.
pub(super) fn waits(
    process: &Process,
    groups: &[&GoroutineGroup],
    scaled: impl Fn(u64) -> u64,
) -> (Vec<WaitLine>, u64) {
    let symbols = process.symbols();
    let mut places: BTreeMap<Place<'_>, Counted> = BTreeMap::new();
    let mut stacks = 0_u64;
    for group in groups {
        let read = group.waits.iter().map(|wait| wait.count);
        let read = read.fold(0, u64::saturating_add);
        stacks = stacks.saturating_add(read);
        for wait in &group.waits {
            let lines = symbols.lines(Some(wait.stack));
            let Some(place) = Place::of(process, &group.doing, &lines) else {
                continue;
            };
            let count = share(scaled(group.count), wait.count, read);
            places.entry(place).or_default().add(count, wait.stack);
        }
    }
    let mut places: Vec<(Place<'_>, Counted)> = places.into_iter().collect();
    places.sort_by_key(|(_, counted)| Reverse(counted.count));
    places.truncate(MAX_PLACES);
    let line = |(place, counted): (Place<'_>, Counted)| WaitLine {
        count: counted.count,
        waiting_on: place.doing.to_owned(),
        at: StackFrame::from_frame(place.at),
        through: place.through.map(StackFrame::from_frame),
        stack: frames(process, &symbols.lines(counted.stack)),
    };
    (places.into_iter().map(line).collect(), stacks)
}

/// How many of `all` are like `part` of the `read` ones, to the nearest.
fn share(all: u64, part: u64, read: u64) -> u64 {
    let read = u128::from(read.max(1));
    let share = (u128::from(all) * u128::from(part) + read / 2) / read;
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// Goroutines at one place, and the stack of most of them.
#[derive(Default)]
struct Counted {
    count: u64,
    stack: Option<StackId>,
    most: u64,
}

impl Counted {
    fn add(&mut self, count: u64, stack: StackId) {
        self.count = self.count.saturating_add(count);
        if self.stack.is_none() || count > self.most {
            (self.stack, self.most) = (Some(stack), count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventKind, StackTrace, Symbol, Timestamp};
    use crate::event::{GoroutineWait, ProcessFacts};

    /// Stack 1 waits in own code, 2 in a library called there, 3 and 4 at two lines of a dependency,
    /// 5 in the standard library alone, 6 is not known.
    fn process() -> Process {
        let stacks: [(u64, &[&str]); 5] = [
            (
                1,
                &[
                    "runtime.gopark",
                    "runtime.chanrecv1",
                    "main.worker",
                    "main.run",
                ],
            ),
            (
                2,
                &[
                    "runtime.gopark",
                    "sync.runtime_Semacquire",
                    "sync.(*WaitGroup).Wait",
                    "main.run",
                ],
            ),
            (3, &["runtime.selectgo", "x.io/pool.(*Pool).reap"]),
            (
                4,
                &[
                    "runtime.gopark",
                    "internal/poll.runtime_pollWait",
                    "net.(*netFD).Read",
                    "x.io/pool.(*Pool).read",
                ],
            ),
            (5, &["runtime.gopark", "time.Sleep", "runtime.goexit"]),
        ];
        let mut process = Process::default();
        let mut apply = |kind| process.apply(Timestamp(1), &kind);
        apply(EventKind::Process(Box::new(ProcessFacts {
            main_module: Some("shop".to_owned()),
            dependencies: vec!["x.io/pool".to_owned()],
            ..ProcessFacts::default()
        })));
        for (id, names) in stacks {
            let address = |index: usize| id * 100 + index as u64;
            apply(EventKind::Stack(StackTrace {
                id: StackId(id),
                addresses: (0..names.len()).map(address).collect(),
                leaf_word: None,
                recovered_at: None,
                truncated: false,
            }));
            let symbol = |(index, name): (usize, &&str)| Symbol {
                address: address(index),
                is_return: index > 0,
                frames: vec![Frame {
                    function: (*name).to_owned(),
                    file: "f.go".to_owned(),
                    line: 7,
                    go: true,
                    ..Frame::default()
                }],
                frameless: false,
            };
            let symbols = names.iter().enumerate().map(symbol);
            apply(EventKind::Symbols(symbols.collect()));
        }
        process
    }

    /// What so many goroutines do, and the stacks that were read of some.
    type Group<'a> = (&'a str, u64, &'a [(u64, u64)]);

    #[track_caller]
    fn check(groups: &[Group<'_>], expected: &[(u64, &str, &str, Option<&str>)]) {
        let groups: Vec<GoroutineGroup> = groups
            .iter()
            .map(|(doing, count, waits)| GoroutineGroup {
                doing: (*doing).to_owned(),
                count: *count,
                waits: waits
                    .iter()
                    .map(|(stack, count)| GoroutineWait {
                        stack: StackId(*stack),
                        count: *count,
                    })
                    .collect(),
                ..GoroutineGroup::default()
            })
            .collect();
        let groups: Vec<&GoroutineGroup> = groups.iter().collect();
        let (waits, _) = waits(&process(), &groups, |count| count);
        let found: Vec<_> = waits
            .iter()
            .map(|wait| {
                let through = wait.through.as_ref().map(|frame| frame.function.as_str());
                let doing = wait.waiting_on.as_str();
                (wait.count, doing, wait.at.function.as_str(), through)
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn whose_line_it_is() {
        let receive = "chan receive";
        check(
            &[(receive, 4, &[(1, 4)])],
            &[(4, receive, "main.worker", None)],
        );
        let through = Some("sync.(*WaitGroup).Wait");
        check(
            &[("semacquire", 2, &[(2, 2)])],
            &[(2, "semacquire", "main.run", through)],
        );
        check(
            &[("select", 3, &[(3, 3)]), ("IO wait", 2, &[(4, 2)])],
            &[
                (3, "select", "x.io/pool.(*Pool).reap", None),
                (
                    2,
                    "IO wait",
                    "x.io/pool.(*Pool).read",
                    Some("net.(*netFD).Read"),
                ),
            ],
        );
        check(
            &[("sleep", 1, &[(5, 1)])],
            &[(1, "sleep", "time.Sleep", None)],
        );
        check(&[("sleep", 1, &[(6, 1)])], &[]);
        check(&[("running", 1, &[])], &[]);
    }

    #[test]
    fn those_that_were_read_stand_for_all() {
        check(
            &[("select", 1000, &[(1, 24), (3, 8)])],
            &[
                (750, "select", "main.worker", None),
                (250, "select", "x.io/pool.(*Pool).reap", None),
            ],
        );
        // At the same place, but for different reasons.
        check(
            &[("chan send", 10, &[(1, 1)]), ("select", 5, &[(1, 5)])],
            &[
                (10, "chan send", "main.worker", None),
                (5, "select", "main.worker", None),
            ],
        );
        let (all, most) = (u64::MAX, u64::MAX);
        check(
            &[("select", all, &[(1, most)])],
            &[(all, "select", "main.worker", None)],
        );
    }
}
