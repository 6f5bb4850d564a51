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
        // An own line may have led to the first `go` statement of those: what lies beyond it
        // is no origin.
        let known = hops.iter().enumerate().take(listed + 1);
        let lines = known.flat_map(|(hop, lines)| {
            let own = own_lines(process, lines);
            own.map(move |frame| (hop, frame))
        });
        let own = lines.take(MAX_OWN).collect();
        Self {
            hops,
            listed,
            end: origin.chain.end,
            own,
        }
    }

    pub(super) fn own(&self, depth: usize) -> Option<&'a Frame> {
        self.own.get(depth).map(|(_, frame)| *frame)
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
            _ if self.hops.first().is_none_or(Vec::is_empty) => {
                "the stack of the call was lost".to_owned()
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
