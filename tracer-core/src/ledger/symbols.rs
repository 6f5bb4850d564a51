//! Stacks as addresses, addresses as names, and from both the stacks a reader sees.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::tally::MAX_STACKS;
use crate::event::{Frame, FrameKind, StackId, StackTrace, Symbol};
use crate::names;

/// Addresses kept of one stack; deeper ones are cut at the outer end.
const MAX_DEPTH: usize = 512;
/// Lines shown of one stack, inlined ones included; cut at the outer end.
const MAX_LINES: usize = 512;
/// Addresses with names; a further one stays a bare address.
const MAX_SYMBOLS: usize = 262_144;
/// Frames inlined at one address.
const MAX_INLINED: usize = 256;
/// Bytes of names of all symbols together; a symbol beyond stays a bare address.
const MAX_NAME_BYTES: usize = 128 << 20;

/// One line of a stack.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Line<'a> {
    /// A named function.
    Named(&'a Frame),
    /// An address without a name.
    Bare(u64),
}

impl<'a> Line<'a> {
    /// The frame, when it has a name.
    #[must_use]
    pub fn frame(self) -> Option<&'a Frame> {
        match self {
            Self::Named(frame) => Some(frame),
            Self::Bare(_) => None,
        }
    }
}

/// Stacks and symbols of a process.
#[derive(Clone, Debug, Default)]
pub struct SymbolTable {
    stacks: BTreeMap<StackId, StackTrace>,
    symbols: BTreeMap<(u64, bool), Symbol>,
    name_bytes: usize,
    dropped: u64,
}

/// What the symbolizer must name for a stack: addresses, each with whether it is a
/// return address, that is to be looked up one byte before.
#[must_use]
pub fn wanted_symbols(stack: &StackTrace) -> Vec<(u64, bool)> {
    let addresses = stack.addresses.iter().take(MAX_DEPTH).enumerate();
    let mut wanted: Vec<(u64, bool)> = addresses.map(|(i, address)| (*address, i > 0)).collect();
    wanted.extend(stack.leaf_word.map(|word| (word, true)));
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

impl SymbolTable {
    /// Takes the addresses of a stack.
    pub fn add_stack(&mut self, stack: &StackTrace) {
        if self.stacks.len() >= MAX_STACKS && !self.stacks.contains_key(&stack.id) {
            self.dropped += 1;
            return;
        }
        let mut stack = stack.clone();
        stack.addresses.truncate(MAX_DEPTH);
        self.stacks.insert(stack.id, stack);
    }

    /// Takes the names of addresses; later names win.
    pub fn add_symbols(&mut self, symbols: &[Symbol]) {
        for symbol in symbols {
            let key = (symbol.address, symbol.is_return);
            if let Some(old) = self.symbols.remove(&key) {
                self.name_bytes -= name_bytes(&old);
            }
            let mut symbol = symbol.clone();
            symbol.frames.truncate(MAX_INLINED);
            let bytes = name_bytes(&symbol);
            if self.symbols.len() >= MAX_SYMBOLS || self.name_bytes + bytes > MAX_NAME_BYTES {
                self.dropped += 1;
                continue;
            }
            self.name_bytes += bytes;
            self.symbols.insert(key, symbol);
        }
    }

    /// Forgets all names: the program was replaced. The kernel side does not send a stack
    /// twice, so the addresses stay.
    pub fn forget_names(&mut self) {
        self.symbols.clear();
        self.name_bytes = 0;
    }

    /// Stacks and symbols that did not fit.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The lines of a stack, innermost first; empty when it was lost.
    #[must_use]
    pub fn lines(&self, stack: Option<StackId>) -> Vec<Line<'_>> {
        let Some(stack) = stack.and_then(|id| self.stacks.get(&id)) else {
            return Vec::new();
        };
        let mut lines = Vec::with_capacity(stack.addresses.len());
        for (index, &address) in stack.addresses.iter().enumerate() {
            self.push(&mut lines, address, index > 0);
            if index == 0 {
                self.push_caller_of_leaf(&mut lines, stack, address);
            }
            if lines.len() >= MAX_LINES {
                lines.truncate(MAX_LINES);
                break;
            }
        }
        // As `runtime.Callers` and pprof print stacks.
        let mut callee = FrameKind::Plain;
        lines.retain(|line| {
            let Some(frame) = line.frame() else {
                callee = FrameKind::Plain;
                return true;
            };
            let elided = frame.kind.is_elided(callee);
            callee = frame.kind;
            !elided && names::plain(&frame.function) != "runtime.goexit"
        });
        lines
    }

    /// One of the addresses of a stack is this one.
    #[must_use]
    pub fn has_address(&self, stack: Option<StackId>, address: u64) -> bool {
        stack
            .and_then(|id| self.stacks.get(&id))
            .is_some_and(|stack| stack.addresses.contains(&address))
    }

    /// The stack goes on beyond what was taken of it.
    #[must_use]
    pub fn is_truncated(&self, stack: Option<StackId>) -> bool {
        let stack = stack.and_then(|id| self.stacks.get(&id));
        stack.is_some_and(|stack| stack.truncated)
    }

    /// The function at an address, the inlined one where there is one.
    #[must_use]
    pub fn innermost(&self, address: u64, is_return: bool) -> Option<&Frame> {
        self.symbols.get(&(address, is_return))?.frames.first()
    }

    /// The calls at an address, innermost first; empty when they are not known.
    #[must_use]
    pub fn frames(&self, address: u64, is_return: bool) -> &[Frame] {
        let symbol = self.symbols.get(&(address, is_return));
        symbol.map_or(&[], |symbol| symbol.frames.as_slice())
    }

    /// The lines of return addresses of which each stands for one call, also where it was inlined:
    /// so the runtime keeps the stacks of its heap profile. As pprof prints them.
    #[must_use]
    pub fn calls(&self, addresses: &[u64]) -> Vec<Line<'_>> {
        addresses
            .iter()
            .map(|address| match self.innermost(*address, true) {
                Some(frame) => Line::Named(frame),
                None => Line::Bare(*address),
            })
            .filter(|line| {
                line.frame()
                    .is_none_or(|frame| names::plain(&frame.function) != "runtime.goexit")
            })
            .collect()
    }

    fn push<'a>(&'a self, lines: &mut Vec<Line<'a>>, address: u64, is_return: bool) {
        match self.symbols.get(&(address, is_return)) {
            Some(symbol) if !symbol.frames.is_empty() => {
                lines.extend(symbol.frames.iter().map(Line::Named));
            }
            _ => lines.push(Line::Bare(address)),
        }
    }

    /// A leaf without a frame of its own hides its caller from the walk; the word at the
    /// stack pointer is the return address into it.
    fn push_caller_of_leaf<'a>(&'a self, lines: &mut Vec<Line<'a>>, stack: &StackTrace, leaf: u64) {
        let frameless = self
            .symbols
            .get(&(leaf, false))
            .is_some_and(|symbol| symbol.frameless);
        let Some(word) = stack.leaf_word.filter(|_| frameless) else {
            return;
        };
        if stack.recovered_at != Some(0)
            && stack.addresses.get(1) != Some(&word)
            && let Some(symbol) = self.symbols.get(&(word, true))
        {
            lines.extend(symbol.frames.iter().map(Line::Named));
        }
    }
}

fn name_bytes(symbol: &Symbol) -> usize {
    let frames = symbol.frames.iter();
    frames
        .map(|frame| frame.function.len() + frame.file.len() + frame.module.len())
        .sum()
}
