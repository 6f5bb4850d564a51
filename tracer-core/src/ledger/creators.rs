//! Which goroutine created which: the way from a library's goroutine to the line that asked for it.
//!
//! ```text
//! connect ◀─ goroutine 812 ◀─ created by 640, at this stack ◀─ created by 17, at this stack …
//! ```

use std::collections::BTreeMap;
use std::ops::AddAssign;

use super::tally::ByStack;
use crate::event::{Ancestor, Creation, CreatorWatch, StackId};

/// Goroutines remembered: more than one watch creates. The oldest are forgotten first.
pub(crate) const MAX_GOROUTINES: usize = 1 << 18;
/// Creations followed from one goroutine; real clients need up to four.
pub const MAX_HOPS: usize = 16;
/// The goroutine that runs `main.main`.
const MAIN: u64 = 1;

/// Who created the goroutines that were created while this was watched.
#[derive(Clone, Debug, Default)]
pub struct CreatorLedger {
    by_goroutine: BTreeMap<u64, Creator>,
    seen: u64,
    forgotten: u64,
    watch: Option<CreatorWatch>,
    has_watched: bool,
    /// Creations by stack, since the start.
    created: ByStack<Count>,
    /// All since the start were watched.
    throughout: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count(u64);

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }
}

#[derive(Clone, Copy, Debug)]
struct Creator {
    goroutine: Option<u64>,
    hop: Hop,
}

/// How a goroutine was created.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Hop {
    /// By this stack; `None` where it was lost.
    Seen(Option<StackId>),
    /// Before that was watched, by the `go` statement with this return address: what led there is
    /// not known.
    Listed(u64),
}

/// The creations that led to a goroutine, the last one first.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Chain {
    /// Each `go` statement.
    pub hops: Vec<Hop>,
    /// Where it ends.
    pub end: ChainEnd,
}

/// Why a chain of creations goes no further.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum ChainEnd {
    /// The main goroutine, or one that the runtime made by itself.
    Whole,
    /// A goroutine whose creation was not seen.
    Unseen,
    /// More than [`MAX_HOPS`] creations.
    Cut,
    /// It is not known which goroutine it begins at.
    NoGoroutine,
}

impl CreatorLedger {
    /// Takes a creation.
    pub fn add(&mut self, creation: &Creation) {
        let Creation {
            goroutine,
            creator,
            stack,
        } = *creation;
        self.seen += 1;
        self.created.add(stack, Count(1));
        let creator = Creator {
            goroutine: creator,
            hop: Hop::Seen(stack),
        };
        self.by_goroutine.insert(goroutine, creator);
        if self.by_goroutine.len() > MAX_GOROUTINES {
            self.by_goroutine.pop_first();
            self.forgotten += 1;
        }
    }

    /// Takes goroutines that are older than the watch.
    pub fn add_ancestors(&mut self, ancestors: &[Ancestor]) {
        let room = MAX_GOROUTINES.saturating_sub(self.by_goroutine.len());
        for ancestor in ancestors.iter().take(room) {
            let creator = Creator {
                goroutine: ancestor.creator,
                hop: Hop::Listed(ancestor.created_at),
            };
            self.by_goroutine
                .entry(ancestor.goroutine)
                .or_insert(creator);
        }
    }

    /// Creations are watched from now on, or no longer. `at_start` says that nothing came before.
    pub fn set_watch(&mut self, watch: &CreatorWatch, at_start: bool) {
        self.has_watched |= watch.watching;
        self.throughout = watch.watching && (self.throughout || at_start);
        self.watch = Some(watch.clone());
    }

    /// Counts anew from now on.
    pub fn restart(&mut self) {
        self.created = ByStack::default();
        self.has_watched = self.watch.as_ref().is_some_and(|watch| watch.watching);
        self.throughout = self.has_watched;
    }

    /// How many goroutines each stack has created while that was watched.
    pub fn created(&self) -> impl Iterator<Item = (Option<StackId>, u64)> {
        self.created.iter().map(|(stack, count)| (stack, count.0))
    }

    /// No creation since the start went unwatched.
    #[must_use]
    pub fn throughout(&self) -> bool {
        self.throughout
    }

    /// The newest goroutines, at most so many, with the stacks that created them.
    pub fn newest(&self, most: usize) -> impl Iterator<Item = (u64, StackId)> {
        let newest = self.by_goroutine.iter().rev().take(most);
        newest.filter_map(|(goroutine, creator)| match creator.hop {
            Hop::Seen(Some(stack)) => Some((*goroutine, stack)),
            _ => None,
        })
    }

    /// The goroutine that created another, if that is known.
    #[must_use]
    pub fn creator(&self, goroutine: u64) -> Option<u64> {
        self.by_goroutine.get(&goroutine)?.goroutine
    }

    /// What led to a goroutine.
    #[must_use]
    pub fn chain(&self, goroutine: Option<u64>) -> Chain {
        let mut hops = Vec::new();
        let Some(mut goroutine) = goroutine else {
            return Chain {
                hops,
                end: ChainEnd::NoGoroutine,
            };
        };
        let end = loop {
            if goroutine == MAIN {
                break ChainEnd::Whole;
            }
            if hops.len() >= MAX_HOPS {
                break ChainEnd::Cut;
            }
            let Some(creator) = self.by_goroutine.get(&goroutine) else {
                break ChainEnd::Unseen;
            };
            hops.push(creator.hop);
            match (creator.goroutine, creator.hop) {
                (Some(creator), _) => goroutine = creator,
                (None, Hop::Seen(_)) => break ChainEnd::Whole,
                // Old releases do not say by which goroutine.
                (None, Hop::Listed(_)) => break ChainEnd::Unseen,
            }
        };
        Chain { hops, end }
    }

    /// Whether creations are watched, as last heard.
    #[must_use]
    pub fn watch(&self) -> Option<&CreatorWatch> {
        self.watch.as_ref()
    }

    /// Creations were watched at some time.
    #[must_use]
    pub fn has_watched(&self) -> bool {
        self.has_watched
    }

    /// Creations seen.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Of these, no longer remembered.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goroutine, its creator (0: none), and the number of the stack.
    fn ledger(creations: &[(u64, u64)]) -> CreatorLedger {
        let mut ledger = CreatorLedger::default();
        for (goroutine, creator) in creations {
            ledger.add(&Creation {
                goroutine: *goroutine,
                creator: (*creator != 0).then_some(*creator),
                stack: Some(StackId(*goroutine)),
            });
        }
        ledger
    }

    #[track_caller]
    fn check(creations: &[(u64, u64)], from: Option<u64>, stacks: &[u64], end: ChainEnd) {
        let chain = ledger(creations).chain(from);
        let seen: Vec<Hop> = stacks
            .iter()
            .map(|stack| Hop::Seen(Some(StackId(*stack))))
            .collect();
        assert_eq!((chain.hops, chain.end), (seen, end));
    }

    #[test]
    fn chains() {
        let creations = [(20, 1), (30, 20), (40, 30), (50, 9), (60, 0)];
        check(&creations, Some(40), &[40, 30, 20], ChainEnd::Whole);
        check(&creations, Some(1), &[], ChainEnd::Whole);
        check(&creations, Some(50), &[50], ChainEnd::Unseen);
        check(&creations, Some(60), &[60], ChainEnd::Whole);
        check(&creations, Some(9), &[], ChainEnd::Unseen);
        check(&creations, None, &[], ChainEnd::NoGoroutine);
    }

    #[test]
    fn a_circle_that_no_program_makes_ends() {
        let stacks = [7, 8].repeat(MAX_HOPS / 2);
        check(&[(7, 8), (8, 7)], Some(7), &stacks, ChainEnd::Cut);
    }

    #[test]
    fn of_older_goroutines_the_go_statements_are_known() {
        let mut ledger = ledger(&[(40, 30)]);
        let ancestor = |goroutine, creator| Ancestor {
            goroutine,
            creator,
            created_at: 1000 + goroutine,
        };
        let ancestors = [
            ancestor(30, Some(20)),
            ancestor(20, Some(1)),
            ancestor(40, None),
            ancestor(50, None),
        ];
        ledger.add_ancestors(&ancestors);
        let seen = Hop::Seen(Some(StackId(40)));
        let hops = vec![seen, Hop::Listed(1030), Hop::Listed(1020)];
        let end = ChainEnd::Whole;
        assert_eq!(ledger.chain(Some(40)), Chain { hops, end });
        let (hops, end) = (vec![Hop::Listed(1050)], ChainEnd::Unseen);
        assert_eq!(ledger.chain(Some(50)), Chain { hops, end });
    }

    #[test]
    fn the_oldest_are_forgotten_first() {
        let creations: Vec<(u64, u64)> = (2..=MAX_GOROUTINES as u64 + 2)
            .map(|goroutine| (goroutine, 1))
            .collect();
        let ledger = ledger(&creations);
        assert_eq!(
            (ledger.forgotten(), ledger.by_goroutine.len()),
            (1, MAX_GOROUTINES)
        );
        assert_eq!(ledger.chain(Some(2)).end, ChainEnd::Unseen);
        assert_eq!(ledger.chain(Some(3)).end, ChainEnd::Whole);
    }
}
