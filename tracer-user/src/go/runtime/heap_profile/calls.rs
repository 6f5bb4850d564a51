//! From the addresses of a bucket's stack to calls, as `runtime/pprof` shows them.
//!
//! Go 1.12 and newer store one address for each call, inlined ones too, so each address stands for
//! the innermost call there. Go 1.11 stores return addresses, each of which may hold several.

use tracer_core::event::FrameKind;

use crate::go::{Frame, Lookups, Table};

/// One call of a stack.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call<'t> {
    /// In the call, as the process addresses it.
    pub address: u64,
    /// `None` outside the code of the executable.
    pub frame: Option<Frame<'t>>,
}

/// Names the calls of stacks of one executable.
#[derive(Debug)]
pub struct Caller<'t> {
    table: &'t Table,
    lookups: Lookups<'t>,
    bias: u64,
    minor: u32,
}

impl<'t> Caller<'t> {
    /// Of an executable of Go 1.`minor`, loaded `bias` above its link-time addresses.
    #[must_use]
    pub fn new(table: &'t Table, bias: u64, minor: u32) -> Self {
        Self {
            table,
            lookups: table.lookups(),
            bias,
            minor,
        }
    }

    /// The calls of a stack, innermost first, without those by which the runtime allocates.
    pub fn calls(&mut self, stack: &[u64]) -> Vec<Call<'t>> {
        let hidden = stack.iter().position(|pc| !self.is_hidden(*pc));
        // Where there is nothing but the runtime, that is what is shown.
        let shown = &stack[hidden.unwrap_or(0)..];
        let mut calls = Vec::with_capacity(shown.len());
        for (index, pc) in shown.iter().enumerate() {
            let is_last = index + 1 == shown.len();
            self.push(*pc, is_last, &mut calls);
        }
        calls
    }

    /// Whether it is one of those that are left out at the beginning of a stack.
    ///
    /// `runtime/pprof` asks for the function at the return address itself, not at the call.
    fn is_hidden(&mut self, pc: u64) -> bool {
        let at = self.lookups.frames(pc.wrapping_sub(self.bias));
        let frame = if self.minor >= 12 {
            at.first()
        } else {
            at.last()
        };
        frame.is_some_and(|frame| {
            let name = &frame.function;
            name.starts_with("runtime.")
                || (self.minor >= 24 && name.starts_with("internal/runtime/"))
        })
    }

    fn push(&mut self, pc: u64, is_last: bool, calls: &mut Vec<Call<'t>>) {
        // Where the machine's stack ends, the runtime puts the entry of a function.
        let linked = pc.wrapping_sub(self.bias);
        let is_entry = self.table.function_entry(linked) == Some(linked);
        let address = pc.wrapping_sub(u64::from(!is_entry));
        let found = self.lookups.frames(address.wrapping_sub(self.bias));
        let Some(first) = found.first() else {
            return calls.push(Call {
                address,
                frame: None,
            });
        };
        if first.function == "runtime.goexit" {
            return;
        }
        // A stack that was cut off may end within inlined calls.
        let all = self.minor <= 11 || (is_last && self.minor >= 14);
        let frames = if all { found } else { &found[..1] };
        let mut inner = FrameKind::Plain;
        for (depth, frame) in frames.iter().enumerate() {
            let is_shown = depth == 0 || !frame.kind.is_elided(inner);
            if is_shown {
                let frame = Some(frame.clone());
                calls.push(Call { address, frame });
            }
            inner = frame.kind;
        }
    }

    /// How many calls, from the first of these on, are one frame of the machine's stack.
    #[must_use]
    pub fn inlined_together(&self, calls: &[Call<'t>]) -> usize {
        let entry = |call: &Call<'_>| {
            let linked = call.address.wrapping_sub(self.bias);
            self.table.function_entry(linked)
        };
        let goes_on = |pair: &[Call<'t>]| {
            let [inner, outer] = pair else { return false };
            let is_inlined =
                |call: &Call<'_>| call.frame.as_ref().is_some_and(|frame| frame.inlined);
            is_inlined(inner) && outer.frame.is_some() && entry(inner) == entry(outer)
        };
        let together = calls.windows(2).take_while(|pair| goes_on(pair)).count();
        (together + 1).min(calls.len())
    }
}
