//! Counts equal stacks, and keeps the first differences.

use anyhow::{Result, ensure};
use tracer_tests::GoVersion;

use super::recording::Stack;
use super::references::Reference;

/// Functions in which old releases cut the chain of frame pointers, while what they defer is called.
///
/// Up to Go 1.20 a recovered panic leaves a stale frame pointer behind, until the function returns
/// (`recovery` in `runtime/panic.go` restores sp and pc alone). Up to Go 1.25 frames that a panic has
/// left for good are not adjusted when the stack is moved (`adjustframe` in `runtime/stack.go`
/// returns at `continpc == 0`).
const CUTS: [&str; 3] = [
    "main.recoverAndDescend",
    "main.descendOverFault",
    "main.descendOverWrapper",
];

/// Differences shown of each row.
const SHOWN: usize = 3;

/// How the stacks of one kind compare.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) compared: u64,
    pub(super) equal: u64,
    /// Equal up to one of `CUTS`, and cut there.
    pub(super) cut: u64,
    differences: Vec<String>,
}

impl Tally {
    /// Compares `count` times the same stack from the function on that the reference begins with.
    ///
    /// Inside of it nothing may be that `inner` does not accept.
    pub(super) fn compare(
        &mut self,
        count: u64,
        stack: &Stack,
        reference: &Reference,
        inner: impl Fn(&[&str]) -> bool,
    ) {
        self.compared += count;
        match difference(stack, reference, inner) {
            None => self.equal += count,
            Some(Difference::Cut) => self.cut += count,
            Some(Difference::Other(text)) if self.differences.len() < SHOWN => {
                self.differences.push(text);
            }
            Some(Difference::Other(_)) => {}
        }
    }

    /// Adds what another tally has counted.
    pub(super) fn add(&mut self, other: Self) {
        self.compared += other.compared;
        self.equal += other.equal;
        self.cut += other.cut;
        self.differences.extend(other.differences);
        self.differences.truncate(SHOWN);
    }

    /// Prints the row, and demands that 99.9 % are equal of what no old release has cut.
    pub(super) fn check(&self, go: GoVersion, kind: &str, at_least: u64) -> Result<()> {
        let Self {
            compared,
            equal,
            cut,
            differences,
        } = self;
        show(&format!(
            "go {:<8} {kind:<24} compared {compared:>6}  equal {equal:>6}  cut {cut:>4}  other {:>3}",
            go.number(),
            compared - equal - cut,
        ));
        for difference in differences {
            show(&format!("    {difference}"));
        }
        ensure!(*compared >= at_least, "{kind}: only {compared} compared");
        ensure!(
            1000 * equal >= 999 * (compared - cut),
            "{kind}: {equal} of {compared} are equal, {cut} cut: {differences:#?}"
        );
        ensure!(*cut == 0 || go.minor() <= 25, "{kind}: {cut} cut");
        Ok(())
    }
}

enum Difference {
    Cut,
    Other(String),
}

fn difference(
    stack: &Stack,
    reference: &Reference,
    inner: impl Fn(&[&str]) -> bool,
) -> Option<Difference> {
    let other = |what: &str, lines: &[_]| {
        let lines: Vec<_> = lines.iter().take(4).map(ToString::to_string).collect();
        Some(Difference::Other(format!("{what}: {}", lines.join(" < "))))
    };
    let Some(at) = stack.position(&reference.by) else {
        return other(&format!("without {}", reference.by), &stack.lines);
    };
    let functions: Vec<_> = stack.functions().take(at).collect();
    if !inner(&functions) {
        return other("inside", &stack.lines[..at]);
    }
    let (ours, theirs) = (&stack.lines[at..], &reference.lines[..]);
    let same = ours.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    if same < ours.len() {
        let instead: Vec<_> = theirs.iter().skip(same).take(2).collect();
        let behind = same.checked_sub(1).map(|last| &theirs[last]);
        return other(&format!("not {instead:?} behind {behind:?}"), &ours[same..]);
    }
    if same == theirs.len() || stack.truncated {
        return None;
    }
    if ours
        .last()
        .is_some_and(|line| CUTS.contains(&line.function.as_str()))
    {
        return Some(Difference::Cut);
    }
    let last = &theirs[same.saturating_sub(1)];
    other(&format!("ends behind {last}"), &theirs[same..])
}

/// The table is what these tests are for.
#[expect(clippy::print_stdout, reason = "shown with --nocapture")]
fn show(line: &str) {
    println!("{line}");
}
