//! Better names for the stacks of a trace, from files at hand.
//!
//! A trace has the names that were found when it was recorded. Where a library had no symbols then,
//! its debug file may be at hand later; build ids tell that it is of the same build.

use std::collections::{BTreeMap, BTreeSet};

use tracer_core::event::{Event, EventKind, ProcessId, Symbol};
use tracer_core::ledger::modules::ModuleTable;
use tracer_core::ledger::symbols::wanted_symbols;

use crate::symbols::Listing;

/// Addresses that are asked for; a trace with more keeps the names it has for the others.
const MAX_ADDRESSES: usize = 1 << 20;

/// What the stacks of a trace need, process by process.
#[derive(Debug, Default)]
pub struct Naming {
    processes: BTreeMap<ProcessId, Needs>,
}

#[derive(Debug, Default)]
struct Needs {
    modules: ModuleTable,
    /// Each with whether it is a return address.
    addresses: BTreeSet<(u64, bool)>,
    /// Those whose source line is known.
    complete: BTreeSet<(u64, bool)>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Improved {
    /// The better names.
    pub symbols: Vec<(ProcessId, Vec<Symbol>)>,
    /// Names of the files that are of no build in the trace.
    pub strangers: Vec<String>,
    /// Names of the files that could not be read whole, and why.
    pub troubles: Vec<(String, String)>,
}

impl Naming {
    /// Takes note of what the event tells about addresses.
    pub fn note(&mut self, event: &Event) {
        let needs = self.processes.entry(event.process).or_default();
        match &event.kind {
            EventKind::Modules(modules) => needs.modules.add(modules),
            EventKind::Stack(stack) if needs.addresses.len() < MAX_ADDRESSES => {
                needs.addresses.extend(wanted_symbols(stack));
            }
            EventKind::Symbols(symbols) => {
                for symbol in symbols {
                    let key = (symbol.address, symbol.is_return);
                    if symbol.frames.iter().any(|frame| frame.line > 0) {
                        needs.complete.insert(key);
                    }
                }
            }
            // Another program: what is known of the code is void, and the stacks stay.
            EventKind::Exec => {
                needs.modules = ModuleTable::default();
                needs.complete.clear();
            }
            _ => {}
        }
    }

    /// The names that these files give and the trace lacks.
    pub fn improve(&self, files: &mut [Listing]) -> Improved {
        let mut improved = Improved::default();
        for file in files {
            let (mut known, mut why) = (false, None);
            for (process, needs) in &self.processes {
                let wanted = needs.of_build(file.identity());
                known |= wanted.is_some();
                let Some(wanted) = wanted else {
                    continue;
                };
                let (symbols, trouble) = needs.named_by(file, wanted);
                if !symbols.is_empty() {
                    improved.symbols.push((*process, symbols));
                }
                why = why.or(trouble);
            }
            let name = || file.name_of_file().to_owned();
            improved.troubles.extend(why.map(|why| (name(), why)));
            if !known {
                improved.strangers.push(name());
            }
        }
        improved
    }
}

/// An address, whether it is a return address, and what the linker called it.
type Wanted = (u64, bool, u64);

impl Needs {
    /// The addresses in code of this build that have no line; `None` when there is no such code.
    fn of_build(&self, identity: &str) -> Option<Vec<Wanted>> {
        let of_build = |address: u64| {
            let module = self.modules.at(address)?;
            let is_it = module.identity.as_deref() == Some(identity);
            is_it.then(|| module.link_address_of(address)).flatten()
        };
        let mut modules = self.modules.iter();
        modules.find(|module| module.identity.as_deref() == Some(identity))?;
        let missing = self.addresses.difference(&self.complete);
        let wanted = missing.filter_map(|(address, is_return)| {
            let lookup = address.saturating_sub(u64::from(*is_return));
            Some((*address, *is_return, of_build(lookup)?))
        });
        Some(wanted.collect())
    }

    /// What the file says about these addresses, and why it does not say more.
    fn named_by(&self, file: &mut Listing, wanted: Vec<Wanted>) -> (Vec<Symbol>, Option<String>) {
        let addresses: Vec<u64> = wanted.iter().map(|(.., linked)| *linked).collect();
        let (calls, trouble) = file.name(&addresses);
        let named = wanted.into_iter().zip(calls);
        let named = named.filter(|(_, frames)| !frames.is_empty());
        let symbols = named
            .map(|((address, is_return, linked), mut frames)| {
                // As the process saw the file, whatever it is called here.
                if let Some(module) = self
                    .modules
                    .at(address.saturating_sub(u64::from(is_return)))
                {
                    let name = |frame: &mut tracer_core::event::Frame| {
                        module.name().clone_into(&mut frame.module);
                    };
                    frames.iter_mut().for_each(name);
                }
                Symbol {
                    address,
                    is_return,
                    frames,
                    frameless: !is_return && file.frameless(linked),
                }
            })
            .collect();
        (symbols, trouble)
    }
}
