//! From a process to who holds its heap, or why that is not known.

use std::collections::HashMap;

use tracer_core::event::Holders;

use crate::cli::HoldersArgs;
use crate::commands::go_program::{Attempt, GoProgram};
use crate::failure::Failure;
use crate::go::holders::{Subject, Wanted};
use crate::go::runtime::Globals;
use crate::go::runtime::heap_profile::{Caller, HeapProfile};
use crate::proc::target::Target;
use crate::source::holders::{Pace, memory, profile, search};

/// What was found, and what is needed to name stacks.
pub(super) struct Reading {
    pub(super) found: Holders,
    pub(super) opened: GoProgram,
    stacks: HashMap<u64, Vec<u64>>,
}

impl Reading {
    pub(super) fn of(target: &Target, args: &HoldersArgs) -> Result<Self, Failure> {
        let what = "follow the heap of";
        let attempt = Attempt { target, what };
        attempt.unless_gone(Self::read(attempt, args))
    }

    fn read(attempt: Attempt<'_>, args: &HoldersArgs) -> Result<Self, Failure> {
        let target = attempt.target;
        let (opened, file) = attempt.open()?;
        let table = opened.table()?;
        let pace = Pace {
            rest: args.pace,
            limit: args.budget,
        };
        let memory = memory(target.pid(), pace);
        let globals = Globals::locate(&opened.program, opened.bias, &memory)
            .map_err(|error| attempt.stopped(&memory, &error))?;
        let profile = profile(&memory, &globals);
        let mut stacks = HashMap::new();
        for (bucket, stack) in profile.iter().flat_map(HeapProfile::buckets) {
            stacks.insert(bucket.id, stack.to_vec());
        }
        let sites = match args.site.as_deref() {
            Some(pattern) => Some(matching(&mut opened.caller()?, &stacks, pattern)),
            None => None,
        };
        if profile.is_none() && args.site.is_some() {
            return Err(Failure::unsupported(
                "the program has no heap profile, so that no site of an allocation is known",
                "without --site objects are chosen by their size",
            ));
        }
        if sites.as_ref().is_some_and(Vec::is_empty) {
            let pattern = args.site.as_deref().unwrap_or_default();
            return Err(Failure::unsupported(
                format!("no allocation site has {pattern:?} in a function of its stack"),
                format!("`tracer heap --pid {}` shows the sites", target.pid()),
            ));
        }
        let wanted = Wanted {
            sites,
            per_site: args.sample as usize,
            ..Wanted::default()
        };
        let subject = Subject {
            memory: &memory,
            globals: &globals,
            table,
            bias: opened.bias,
        };
        let is_over = || target.has_exited();
        let found = search(&subject, &file, profile.as_ref(), &wanted, pace, is_over)
            .map_err(|error| attempt.stopped(&memory, &error))?;
        Ok(Self {
            found,
            opened,
            stacks,
        })
    }

    /// The stack that allocated the objects of a site.
    pub(super) fn stack(&self, site: u64) -> Option<&[u64]> {
        self.stacks.get(&site).map(Vec::as_slice)
    }
}

/// The sites with a function of this name in their stack.
fn matching(caller: &mut Caller<'_>, stacks: &HashMap<u64, Vec<u64>>, pattern: &str) -> Vec<u64> {
    let mut matches = |stack: &[u64]| {
        let (calls, _) = caller.calls(stack);
        let mut frames = calls.iter().filter_map(|call| call.frame.as_ref());
        frames.any(|frame| frame.function.contains(pattern))
    };
    let sites = stacks.iter().filter(|(_, stack)| matches(stack));
    sites.map(|(id, _)| *id).collect()
}
