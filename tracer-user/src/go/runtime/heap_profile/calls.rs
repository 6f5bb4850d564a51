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

    /// The calls of a stack, innermost first, without those by which the runtime allocates; and how
    /// many of them are one frame of the machine's stack, for each such frame.
    pub fn calls(&mut self, stack: &[u64]) -> (Vec<Call<'t>>, Vec<usize>) {
        let shown = &stack[self.hidden(stack)..];
        let mut calls = Vec::with_capacity(shown.len());
        for (index, pc) in shown.iter().enumerate() {
            let address = pc.wrapping_sub(u64::from(!self.is_entry(*pc)));
            let is_last = index + 1 == shown.len();
            let found = self.lookups.frames(address.wrapping_sub(self.bias));
            push(address, found, is_last, self.minor, &mut calls);
        }
        let entry = |call: &Call<'_>| {
            let linked = call.address.wrapping_sub(self.bias);
            self.table.function_entry(linked)
        };
        let together = together(&calls, |inner, outer| entry(inner) == entry(outer));
        (calls, together)
    }

    /// How many addresses of a stack are left out, because the runtime allocates there.
    pub fn hidden(&mut self, stack: &[u64]) -> usize {
        // Where there is nothing but the runtime, that is what is shown.
        let shown = stack.iter().position(|pc| !self.is_hidden(*pc));
        shown.unwrap_or(0)
    }

    /// Whether a function begins there: where the machine's stack ends, the runtime puts that in
    /// place of a return address.
    #[must_use]
    pub fn is_entry(&self, pc: u64) -> bool {
        let linked = pc.wrapping_sub(self.bias);
        self.table.function_entry(linked) == Some(linked)
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
}

/// Adds the calls at an address of a program of Go 1.`minor`.
pub fn push<'t>(
    address: u64,
    found: &[Frame<'t>],
    is_last: bool,
    minor: u32,
    calls: &mut Vec<Call<'t>>,
) {
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
    let all = minor <= 11 || (is_last && minor >= 14);
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

/// How many calls are one frame of the machine's stack, for each such frame: what is inlined, and
/// in the same function as its caller.
pub fn together<'t>(
    calls: &[Call<'t>],
    is_same_function: impl Fn(&Call<'t>, &Call<'t>) -> bool,
) -> Vec<usize> {
    let is_inlined = |call: &Call<'_>| call.frame.as_ref().is_some_and(|frame| frame.inlined);
    let goes_on = |inner: &Call<'t>, outer: &Call<'t>| {
        is_inlined(inner) && outer.frame.is_some() && is_same_function(inner, outer)
    };
    let frames = calls.chunk_by(goes_on);
    frames.map(<[Call<'_>]>::len).collect()
}
