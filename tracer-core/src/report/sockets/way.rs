//! The way to a call: its stack, then the stacks of the creations that led to its goroutine.

use super::ChainHop;
use crate::event::Frame;
use crate::ledger::creators::{ChainEnd, Hop};
use crate::ledger::descriptors::Origin;
use crate::ledger::symbols::Line;
use crate::names;
use crate::process::Process;
use crate::report::stack::{StackFrame, own_lines};

/// Own lines looked at on the way to a call.
pub(super) const MAX_OWN: usize = 16;

/// The stack of the call, then those of the creations, as lines.
#[derive(Clone, Debug)]
pub(super) struct Way<'a> {
    pub(super) hops: Vec<Vec<Line<'a>>>,
    /// From this hop on only the `go` statements are known.
    listed: usize,
    /// The first hop whose stack was lost, or cut off before its own lines.
    broken: Option<usize>,
    /// A stack on the way was cut off.
    is_cut: bool,
    pub(super) end: ChainEnd,
    /// The own lines and the hops they are in, innermost first; at most [`MAX_OWN`].
    pub(super) own: Vec<(usize, &'a Frame)>,
}

impl<'a> Way<'a> {
    pub(super) fn of(process: &'a Process, origin: &Origin) -> Self {
        let symbols = process.symbols();
        let lines = |hop| match hop {
            Hop::Seen(stack) => symbols.lines(stack),
            Hop::Listed(address) => symbols.calls(&[address]),
        };
        let call = Hop::Seen(origin.stack);
        let ways = || std::iter::once(call).chain(origin.chain.hops.iter().copied());
        let hops: Vec<Vec<Line<'a>>> = ways().map(lines).collect();
        let listed = ways().position(|hop| matches!(hop, Hop::Listed(_)));
        let listed = listed.unwrap_or(hops.len());
        let is_broken = |(hop, lines): (Hop, &Vec<Line<'a>>)| {
            let is_cut = matches!(hop, Hop::Seen(stack) if symbols.is_truncated(stack));
            lines.is_empty() || is_cut && own_lines(process, lines).next().is_none()
        };
        let broken = ways().zip(&hops).position(is_broken);
        let is_cut =
            ways().any(|hop| matches!(hop, Hop::Seen(stack) if symbols.is_truncated(stack)));
        // An own line may have led to the first `go` statement of those, or stand where the stack
        // is broken: what lies beyond is no origin.
        let last = broken.map_or(listed, |broken| broken.min(listed));
        let known = hops.iter().enumerate().take(last + 1);
        let lines = known.flat_map(|(hop, lines)| {
            let own = own_lines(process, lines);
            own.map(move |frame| (hop, frame))
        });
        let own = lines.take(MAX_OWN).collect();
        Self {
            hops,
            listed,
            broken,
            is_cut,
            end: origin.chain.end,
            own,
        }
    }

    pub(super) fn own(&self, depth: usize) -> Option<&'a Frame> {
        self.own.get(depth).map(|(_, frame)| *frame)
    }

    /// Every own line on the way is known, as far as they are counted.
    pub(super) fn is_whole(&self) -> bool {
        let is_seen = self.broken.is_none() && !self.is_cut && self.listed == self.hops.len();
        is_seen && self.end == ChainEnd::Whole
    }

    pub(super) fn places(&self) -> Vec<Place<'a>> {
        self.own.iter().map(|(_, frame)| place(frame)).collect()
    }

    /// Where each goroutine on the way to the own line at `depth` was asked for.
    pub(super) fn chain(&self, depth: usize) -> Vec<ChainHop> {
        let own = self.own.get(depth);
        let last = own.map_or(self.hops.len() - 1, |(hop, _)| *hop);
        let outside_runtime = |lines: &Vec<Line<'a>>| {
            let mut frames = lines.iter().filter_map(|line| line.frame());
            frames
                .find(|frame| names::package(&frame.function).as_deref() != Some("runtime"))
                .map(StackFrame::from_frame)
        };
        let hops = self.hops.iter().enumerate().take(last + 1).skip(1);
        hops.filter_map(|(hop, lines)| {
            Some(ChainHop {
                created_by: outside_runtime(lines)?,
                listed: hop >= self.listed,
            })
        })
        .collect()
    }

    /// Why there is no own line.
    pub(super) fn missing(&self, process: &Process) -> Option<String> {
        if !self.own.is_empty() || !process.is_go() {
            return None;
        }
        let creators = process.creators();
        let text = match self.end {
            _ if self.broken == Some(0) => "the stack of the call was lost, or cut off".to_owned(),
            _ if self.broken.is_some() => {
                "the stack of a `go` statement on the way was lost, or cut off".to_owned()
            }
            _ if self.listed < self.hops.len() => {
                "a goroutine on the way is older than the watch on creations, so of what led to it \
                 only the `go` statement is known: attach with --creators on, soon after the \
                 service has started"
                    .to_owned()
            }
            ChainEnd::Whole => "no code of the service itself is on the way to the call".to_owned(),
            ChainEnd::Cut => {
                "too many goroutines stand between the service and the call".to_owned()
            }
            _ if !creators.has_watched() => match creators.watch() {
                Some(watch) => format!("who created the goroutine is not known: {}", watch.reason),
                None => "who created the goroutine was not watched: attach with --creators on"
                    .to_owned(),
            },
            ChainEnd::Unseen if creators.forgotten() > 0 => {
                "a goroutine on the way was created before creations were watched, or so long ago \
                 that who did is forgotten: so many were created since"
                    .to_owned()
            }
            ChainEnd::NoGoroutine => "which goroutine called is not known".to_owned(),
            ChainEnd::Unseen => {
                "a goroutine on the way was created before creations were watched, or \
                 after: attach with --creators on, soon after the service has started"
                    .to_owned()
            }
        };
        Some(text)
    }
}

/// Function, file and line.
pub(super) type Place<'a> = (&'a str, &'a str, u32);

pub(super) fn place(frame: &Frame) -> Place<'_> {
    (&frame.function, &frame.file, frame.line)
}

#[cfg(test)]
mod tests {
    use crate::event::{Creation, CreatorWatch, EventKind, StackId, StackTrace, Timestamp};
    use crate::ledger::creators::MAX_GOROUTINES;
    use crate::process::Process;
    use crate::report::sockets::Sockets;
    use crate::report::sockets::tests::{name, open, shop, stack, watched};

    const DIAL: &[(&str, u32)] = &[("net.Dial", 1), ("lib.worker", 2)];

    /// Goroutine 7 dials, which 8 has created at a stack, and `shop.serve` has created 8.
    fn created_at(process: &mut Process, at: Option<StackId>) {
        let serve = stack(process, &[("lib.start", 3), ("shop.serve", 4)]);
        for (goroutine, creator, stack) in [(7, 8, at), (8, 1, Some(serve))] {
            let creation = Creation {
                goroutine,
                creator: Some(creator),
                stack,
            };
            process.apply(Timestamp(3), &EventKind::Created(creation));
        }
    }

    /// A stack of which more was not taken.
    fn cut(process: &mut Process, lines: &[(&str, u32)]) -> StackId {
        let mut addresses = Vec::new();
        for (function, line) in lines {
            addresses.push(name(process, function, *line));
        }
        let id = StackId(99);
        let trace = StackTrace {
            id,
            addresses,
            leaf_word: None,
            recovered_at: None,
            truncated: true,
        };
        process.apply(Timestamp(2), &EventKind::Stack(trace));
        id
    }

    /// The origin of the only socket, else why there is none.
    #[track_caller]
    fn check(process: &Process, expected: &str) {
        let sockets = Sockets::on(process).expect("sockets");
        let [origin] = &sockets.origins[..] else {
            panic!("{:?}", sockets.origins);
        };
        let own = origin.origin.as_ref().map(|own| own.function.as_str());
        let found = own.or(origin.origin_missing.as_deref()).unwrap_or_default();
        assert!(found.contains(expected), "{found}");
    }

    #[test]
    fn what_lies_beyond_a_lost_stack_is_no_origin() {
        let mut process = shop();
        created_at(&mut process, None);
        open(&mut process, Some(7), DIAL, (1, 0));
        check(
            &process,
            "the stack of a `go` statement on the way was lost",
        );

        let mut process = shop();
        created_at(&mut process, None);
        open(&mut process, Some(8), &[], (1, 0));
        check(&process, "the stack of the call was lost");
    }

    #[test]
    fn what_lies_beyond_a_stack_that_was_cut_off_is_no_origin() {
        let mut process = shop();
        let library = cut(&mut process, &[("lib.pool", 5)]);
        created_at(&mut process, Some(library));
        open(&mut process, Some(7), DIAL, (1, 0));
        check(&process, "on the way was lost, or cut off");

        // The innermost own line was taken.
        let mut process = shop();
        let own = cut(&mut process, &[("lib.pool", 5), ("shop.get", 6)]);
        created_at(&mut process, Some(own));
        open(&mut process, Some(7), DIAL, (1, 0));
        check(&process, "shop.get");
    }

    #[test]
    fn a_watch_that_could_not_begin_says_why() {
        for reason in [
            "`perf_event_open` failed: Operation not permitted (os error 1)",
            "there is no runtime.newproc1",
        ] {
            let mut process = watched(CreatorWatch {
                watching: false,
                reason: reason.to_owned(),
            });
            open(&mut process, Some(7), DIAL, (1, 0));
            check(&process, reason);
        }
    }

    #[test]
    fn more_goroutines_than_are_remembered() {
        let mut process = shop();
        created_at(&mut process, None);
        for goroutine in 9..=MAX_GOROUTINES as u64 + 8 {
            let creation = Creation {
                goroutine,
                creator: Some(1),
                stack: None,
            };
            process.apply(Timestamp(3), &EventKind::Created(creation));
        }
        open(&mut process, Some(7), DIAL, (1, 0));
        check(&process, "so long ago that who did is forgotten");
    }
}
