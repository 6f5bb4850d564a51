//! What is wrong with a process: one rule for each disease, each judged by itself.

#[cfg(test)]
mod bad_input;
mod catalogue;
mod client_per_request;
mod collections;
mod file_mapping_growth;
mod fragmentation;
mod gc_headroom;
mod goroutine_leak;
pub(crate) mod growth;
mod healthy;
mod heap_growth;
mod huge_page_inflation;
mod lazily_freed;
mod memory_limit;
pub(crate) mod missing;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod mutations;
mod native_growth;
mod open_sockets;
mod owners;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod recordings;
mod retained_after_close;
#[cfg(test)]
mod scenes;
mod socket_leak;
mod stand_ins;
mod streams;
mod threshold;
mod words;

pub use catalogue::{catalogue, explain};
pub use client_per_request::ClientPerRequest;
pub use file_mapping_growth::FileMappingGrowth;
pub use fragmentation::Fragmentation;
pub use gc_headroom::GcHeadroom;
pub use goroutine_leak::GoroutineLeak;
pub use healthy::Healthy;
pub use heap_growth::HeapGrowth;
pub use huge_page_inflation::HugePageInflation;
pub use lazily_freed::LazilyFreed;
pub use memory_limit::MemoryLimit;
pub use missing::Need;
pub use native_growth::NativeGrowth;
pub use retained_after_close::RetainedAfterClose;
pub use socket_leak::SocketLeak;

use crate::process::Process;
use crate::report::{Evidence, Origin};

/// Whether something keeps more and more objects, so that it is worth to look who.
#[must_use]
pub fn heap_grows(process: &Process) -> bool {
    matches!(heap_growth::live_heap(process), growth::Growth::Steady(_))
}

/// All rules, in the order of reports.
pub const RULES: &[&dyn Rule] = &[
    &ClientPerRequest,
    &RetainedAfterClose,
    &SocketLeak,
    &GoroutineLeak,
    &HeapGrowth,
    &NativeGrowth,
    &FileMappingGrowth,
    &LazilyFreed,
    &MemoryLimit,
    &GcHeadroom,
    &HugePageInflation,
    &Fragmentation,
    &Healthy,
];

/// Judges one disease.
pub trait Rule: Sync {
    /// The name in reports and on the command line.
    fn name(&self) -> &'static str;
    /// One line for lists.
    fn title(&self) -> &'static str;
    /// What a reader should know about it.
    fn explain(&self) -> Explanation;
    /// Without what it cannot judge.
    fn needs(&self) -> &'static [Need] {
        &[]
    }
    /// What the ledgers say now.
    fn judge(&self, process: &Process) -> Verdict;
}

/// What a rule says, if what it needs was seen.
#[must_use]
pub fn judge(rule: &dyn Rule, process: &Process) -> Verdict {
    match missing::missing(process, rule.needs()) {
        Some(missing) => Verdict::Unsure { missing },
        None => rule.judge(process),
    }
}

/// A rule, told to its reader.
#[derive(Clone, Copy, Debug)]
pub struct Explanation {
    /// What it looks for, and in which numbers.
    pub looks_for: &'static str,
    /// What would show that a finding is wrong.
    pub refuted_by: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
    /// What looks alike and is something else.
    pub false_friends: &'static str,
    /// A small Go program that has it.
    pub example: &'static str,
}

/// What a rule says about a process.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It was looked for and is not there.
    Clear {
        /// One sentence with the numbers.
        headline: String,
        /// The numbers.
        evidence: Vec<Evidence>,
    },
    /// What it rests on could not be seen.
    Unsure {
        /// What is missing.
        missing: String,
    },
    /// It is there.
    Found {
        /// One sentence with the numbers.
        headline: String,
        /// The numbers.
        evidence: Vec<Evidence>,
        /// The service's own lines.
        origins: Vec<Origin>,
        /// What would show that this is wrong.
        refuted_by: String,
        /// What to do.
        remedy: String,
        /// Memory is lost for good, rather than kept for a reason.
        leak: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names the contract allows.
    const NAMES: &[&str] = &[
        "lazily-freed",
        "client-per-request",
        "socket-leak",
        "goroutine-leak",
        "retained-after-close",
        "heap-growth",
        "gc-headroom",
        "memory-limit",
        "native-growth",
        "file-mapping-growth",
        "huge-page-inflation",
        "fragmentation",
        "healthy",
    ];

    #[test]
    fn every_rule_has_a_known_name_and_explains_itself() {
        for rule in RULES {
            assert!(NAMES.contains(&rule.name()), "{}", rule.name());
            let Explanation {
                looks_for,
                refuted_by,
                remedy,
                false_friends,
                example,
            } = rule.explain();
            for text in [
                rule.title(),
                looks_for,
                refuted_by,
                remedy,
                false_friends,
                example,
            ] {
                assert!(text.len() > 20, "{}: {text:?}", rule.name());
            }
            assert!(!rule.title().contains('\n'));
            assert!(example.contains("package main"));
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = RULES.iter().map(|rule| rule.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RULES.len());
    }

    #[test]
    fn nothing_known_is_never_a_finding() {
        for rule in RULES {
            let verdict = rule.judge(&Process::default());
            assert!(
                matches!(verdict, Verdict::Unsure { .. }),
                "{}: {verdict:?}",
                rule.name()
            );
        }
    }
}
