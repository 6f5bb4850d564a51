//! Functions as a symbolizer sees them, taken from a real program.

use tracer_user::go::{Frame, Table};

/// Some functions of a program, in the order of their addresses.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Model {
    pub functions: Vec<Function>,
}

/// A function and its code.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Function {
    pub name: String,
    /// Bytes of code.
    pub size: u32,
    /// Places in its code, in order; the last one ends at `size`.
    pub places: Vec<Place>,
    /// Calls that were inlined; callers before callees.
    pub calls: Vec<Call>,
}

/// What some instructions belong to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// Offset from the entry where the next place begins.
    pub end: u32,
    pub file: String,
    pub line: u32,
    /// The innermost inlined call.
    pub call: Option<usize>,
}

/// An inlined call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    pub name: String,
    /// The call around it, and the place where it is made.
    pub caller: Option<usize>,
    pub file: String,
    pub line: u32,
    /// Offset from the entry of an instruction of that place.
    pub caller_pc: u32,
}

impl Model {
    /// The functions of these names; those with a call site that no instruction is left of are
    /// not taken.
    #[must_use]
    pub fn of(table: &Table, names: &[&str]) -> Self {
        let entries = table.functions();
        let found: Vec<u64> = entries
            .filter(|(_, name)| names.contains(&&**name))
            .map(|(entry, _)| entry)
            .collect();
        Self {
            functions: found
                .into_iter()
                .filter_map(|entry| function(table, entry))
                .collect(),
        }
    }

    /// Source files, each once.
    pub(super) fn files(&self) -> Vec<String> {
        let functions = self.functions.iter();
        let mut files: Vec<String> = functions
            .flat_map(|function| {
                let places = function.places.iter().map(|place| place.file.clone());
                places.chain(function.calls.iter().map(|call| call.file.clone()))
            })
            .collect();
        files.sort_unstable();
        files.dedup();
        files
    }
}

fn function(table: &Table, entry: u64) -> Option<Function> {
    let mut function = Function::default();
    for pc in entry.. {
        if table.function_entry(pc) != Some(entry) {
            break;
        }
        let frames = table.lookup(pc);
        let (inner, outer) = (frames.first()?, frames.last()?);
        // Behind the code there is padding without lines.
        if inner.line == 0 {
            break;
        }
        function.name = outer.function.to_string();
        function.size = u32::try_from(pc - entry).ok()? + 1;
        let place = Place {
            end: function.size,
            file: base_name(&inner.file),
            line: inner.line,
            call: call(&mut function.calls, &frames),
        };
        match function.places.last_mut() {
            Some(last) if is_same(last, &place) => last.end = place.end,
            _ => function.places.push(place),
        }
    }
    for index in 0..function.calls.len() {
        let Call {
            caller, file, line, ..
        } = function.calls[index].clone();
        let site = function
            .places
            .iter()
            .find(|place| (place.call, &place.file, place.line) == (caller, &file, line))?;
        function.calls[index].caller_pc = site.end - 1;
    }
    (function.size > 0).then_some(function)
}

fn is_same(one: &Place, other: &Place) -> bool {
    (one.call, &one.file, one.line) == (other.call, &other.file, other.line)
}

/// The number of the innermost of these calls, which are added where they are new.
fn call(calls: &mut Vec<Call>, frames: &[Frame<'_>]) -> Option<usize> {
    let mut caller = None;
    // From the outermost inlined call inwards; each is made where the frame around it stands.
    for pair in frames.windows(2).rev() {
        let call = Call {
            name: pair[0].function.to_string(),
            caller,
            file: base_name(&pair[1].file),
            line: pair[1].line,
            caller_pc: 0,
        };
        let known = calls.iter().position(|known| *known == call);
        caller = Some(known.unwrap_or_else(|| {
            calls.push(call);
            calls.len() - 1
        }));
    }
    caller
}

/// Directories differ between machines.
fn base_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or_default().to_owned()
}
