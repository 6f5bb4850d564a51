//! One function with its tables decoded, to look up many of its addresses.

use std::borrow::Cow;

use super::Table;
use super::frames::{Frame, MAX_DEPTH, NAMELESS, line_number};
use super::inlined::Caller;
use super::pc_value::Budget;
use super::records::Function;
use super::runs::Runs;
use super::strings::Strings;

/// A decoder that holds what it read of the last function.
#[derive(Clone, Debug)]
pub(super) struct Decoded<'t> {
    table: &'t Table,
    current: Option<(usize, Function)>,
    name: Cow<'t, str>,
    lines: Runs,
    files: Runs,
    calls: Runs,
    /// Inlined calls that were met, by number.
    links: Vec<Option<Link<'t>>>,
    frames: Vec<Frame<'t>>,
    names: Strings<'t>,
    paths: Strings<'t>,
}

/// An inlined call, and where it is made.
#[derive(Clone, Debug)]
struct Link<'t> {
    name: Cow<'t, str>,
    kind: Option<u8>,
    place: Place<'t>,
    /// The call around it.
    caller: Option<usize>,
}

#[derive(Clone, Debug)]
struct Place<'t> {
    file: Cow<'t, str>,
    line: u32,
}

impl<'t> Decoded<'t> {
    pub(super) fn new(table: &'t Table) -> Self {
        Self {
            table,
            current: None,
            name: Cow::Borrowed(""),
            lines: Runs::default(),
            files: Runs::default(),
            calls: Runs::default(),
            links: Vec::new(),
            frames: Vec::new(),
            names: Strings::new(),
            paths: Strings::new(),
        }
    }

    /// The frames at `pc`, which function number `index` contains; innermost first.
    pub(super) fn frames(&mut self, index: usize, pc: u64, budget: &mut Budget) -> &[Frame<'t>] {
        self.frames.clear();
        let Some(function) = self.enter(index, budget) else {
            return &[];
        };
        let offset = pc.checked_sub(function.entry);
        let offset = offset.and_then(|offset| u32::try_from(offset).ok());
        let (line, file, mut call) = match offset {
            Some(offset) => (
                self.lines.seek(offset),
                self.files.seek(offset),
                self.calls
                    .seek(offset)
                    .and_then(|call| usize::try_from(call).ok()),
            ),
            None => (None, None, None),
        };
        let mut place = self.place(function, file, line, budget);
        while let Some(number) = call.filter(|_| self.frames.len() < MAX_DEPTH) {
            let Some(inlined) = self.link(function, number, budget) else {
                break;
            };
            let kind = self.table.kind(inlined.kind, &inlined.name, &place.file);
            self.frames.push(Frame {
                function: inlined.name,
                file: place.file,
                line: place.line,
                inlined: true,
                kind,
            });
            place = inlined.place;
            // As in `Frames`: a call lies in one of a smaller number.
            call = inlined.caller.filter(|caller| *caller < number);
        }
        let kind = self.table.records().kind_number(function);
        let kind = self.table.kind(kind, &self.name, &place.file);
        self.frames.push(Frame {
            function: self.name.clone(),
            file: place.file,
            line: place.line,
            inlined: false,
            kind,
        });
        &self.frames
    }

    /// Decodes a function, unless it is the last one again.
    fn enter(&mut self, index: usize, budget: &mut Budget) -> Option<Function> {
        if let Some((current, function)) = self.current
            && current == index
        {
            return Some(function);
        }
        self.current = None;
        let records = self.table.records();
        let function = records.function(index)?;
        let fields = self.table.shape.layout.func;
        let size = function.end.saturating_sub(function.entry);
        self.lines
            .fill(records.steps(function, fields.line), size, budget);
        self.files
            .fill(records.steps(function, fields.file), size, budget);
        let calls = records
            .calls_field(function)
            .and_then(|field| records.steps(function, field));
        let highest = self.calls.fill(calls, size, budget);
        // Each call that is met has a pair of its own, so this is paid for.
        let count = usize::try_from(highest).map_or(0, |highest| highest.saturating_add(1));
        self.links.clear();
        self.links.resize(count.min(self.calls.len()), None);
        self.name = records
            .name_offset(function)
            .map(|offset| {
                self.names
                    .get(offset as usize, budget, || records.name(offset))
            })
            .filter(|name| !name.is_empty())
            .unwrap_or(Cow::Borrowed(NAMELESS));
        self.current = Some((index, function));
        Some(function)
    }

    fn link(&mut self, function: Function, index: usize, budget: &mut Budget) -> Option<Link<'t>> {
        if let Some(Some(link)) = self.links.get(index) {
            return Some(link.clone());
        }
        budget.take(1)?;
        let records = self.table.records();
        let calls = self.table.inlined.as_ref()?;
        let call = calls.get(records, function, index)?;
        let read = || records.name(call.name);
        let name = self.names.get(call.name as usize, budget, read);
        if name.is_empty() {
            return None;
        }
        let (file, line, caller) = match call.caller {
            Caller::At(offset) => {
                let offset = u32::try_from(offset).ok()?;
                let around = self.calls.at(offset);
                (
                    self.files.at(offset),
                    self.lines.at(offset),
                    around.and_then(|around| usize::try_from(around).ok()),
                )
            }
            Caller::In { call, file, line } => (Some(file), Some(line), call),
        };
        let made = Link {
            name,
            kind: call.kind,
            place: self.place(function, file, line, budget),
            caller,
        };
        if let Some(slot) = self.links.get_mut(index) {
            *slot = Some(made.clone());
        }
        Some(made)
    }

    fn place(
        &mut self,
        function: Function,
        file: Option<i32>,
        line: Option<i32>,
        budget: &mut Budget,
    ) -> Place<'t> {
        let records = self.table.records();
        let at = file.and_then(|number| records.file_at(function, number));
        let file = at.map(|at| self.paths.get(at, budget, || records.file_name(at)));
        Place {
            file: file.unwrap_or_default(),
            line: line_number(line),
        }
    }
}
