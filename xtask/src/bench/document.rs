//! `docs/performance.md`, from a run.

use std::fs;

use anyhow::{Context as _, Result};

use super::cell::{self, Cell};
use super::target::TARGETS;
use crate::command::{answer, command};

const METHOD: &str = "\
The load runs on CPU 0, the tools on CPU 1. One process of the load does a fixed number of operations on command, without
and with a tool in turns: U T U T … U. A ratio is the time of a T over the mean of the two U beside it; it is discarded
where these differ by more than 10 %. The number of operations is chosen so that a U takes 0.6 s; tools that slow the load
down twenty times and more do a twentieth of them. Shown are the median and what 80 % of the pairs lie between. After each
T the report's counts are compared with the load's own: the bench fails unless expected = received + lost. Tools attach to
the running process by its pid, and stop before the next U. Peers count what they say they have seen.

- `mm`: mmap of 64 KiB, a touched page, madvise, munmap. `heap`: `make` of 1 MiB, touched, with collections, and memory given
  back each 64 operations. `conn`: TCP dial, accept, close. `random`: mappings of random sizes, mapped, advised and unmapped in
  random order from 512 stacks.
- `http`: a JSON server and its eight clients on CPU 0; then with the clients on CPU 1, beside the tool. `bystander`: a process that is not traced, on CPU 0,
  while another is, on CPU 1.
- `walker`: brk from stacks of several depths. A stack costs what the kernel counts for the program that takes it, less the same
  without; then all stacks of a recording are compared with those of `bpf_get_stack`.
- `rate`: brk from stacks of which one in a hundred is another; the most that one CPU can offer, or the highest rate without loss.
- `agent-cpu`: CPU time of the tracer under `mm`. `memory`: its RSS and its maps while it records `mm` and `random`.
- `reader`: a load that makes 64 MiB of garbage and collects it beside 1 GB of small objects that lead to each other, four times
  a run, under a `tracer attach` that has just begun and under one that has had its first look at everything (settled); CPU time of the thread that reads the runtime; one look at all spans and at 100 000 goroutines.
- `holders`: searches of an idle JSON server with so much heap beside: seconds, bytes read a second, peak RSS. Then it serves its
  eight clients, which are where those of `http` are, while one search after the other goes on; it collects its garbage between the runs.
- `sampling`: a thousand seeds of the sampler against events of known sizes, without a kernel: how far the mean estimate
  is from the truth, and how many estimates lie within three standard deviations of theory.
- `replay`: `tracer analyze` of a recording, with start and report. `size`: bytes for each event, with everything in the file.
";

/// Writes the page.
pub(super) fn write(cells: &[Cell], pairs: u16) -> Result<()> {
    let directory = tracer_tests::workspace_root().join("docs");
    fs::create_dir_all(&directory)?;
    let path = directory.join("performance.md");
    fs::write(&path, page(cells, pairs, &machine()?))
        .with_context(|| format!("write {}", path.display()))
}

fn page(cells: &[Cell], pairs: u16, machine: &str) -> String {
    format!(
        "# Performance\n\nWritten by `cargo xtask bench`, at most {pairs} pairs a cell, on {machine}.\n\n\
         {METHOD}\n## Targets\n\n{}\n{}\n## All cells\n\n{}",
        targets(cells),
        reasons(cells),
        all(cells),
    )
}

/// The processor, the kernel, and what it is compared with.
fn machine() -> Result<String> {
    let info = fs::read_to_string("/proc/cpuinfo")?;
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("an unnamed processor", |(_, model)| model);
    let virtual_machine = if info.contains("hypervisor") {
        ", a virtual machine"
    } else {
        ""
    };
    let cores = std::thread::available_parallelism()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let kernel = kernel.trim();
    let instructions = if counts_instructions() {
        ""
    } else {
        ", which counts no retired instructions for us"
    };
    Ok(format!(
        "{model} with {cores} CPUs{virtual_machine}{instructions}, Linux {kernel}"
    ))
}

/// Whether `perf stat` has a number, and not words, for the instructions of a command.
fn counts_instructions() -> bool {
    let script = "perf stat -x, -e instructions:u true 2>&1";
    let said = answer(&mut command("sh", &["-c", script])).unwrap_or_default();
    said.starts_with(|first: char| first.is_ascii_digit())
}

fn targets(cells: &[Cell]) -> String {
    let mut text =
        String::from("| target | what | aim | measured | reached |\n|---|---|---|---|---|\n");
    for target in TARGETS {
        let outcome = target.judge(cells);
        let reached = match (&outcome.value, outcome.reached) {
            (None, _) => "not measured",
            (_, true) => "yes",
            (_, false) => "no",
        };
        text += &row(&[
            target.id,
            target.what,
            &outcome.aim,
            outcome.value.as_deref().unwrap_or("-"),
            reached,
        ]);
    }
    text
}

/// Why figures are not reached, as far as it was measured.
fn reasons(cells: &[Cell]) -> String {
    let missed = TARGETS.iter().filter(|target| {
        let outcome = target.judge(cells);
        outcome.value.is_some() && !outcome.reached && !target.reason.is_empty()
    });
    missed
        .map(|target| {
            [
                "- ",
                target.id,
                ", ",
                target.what,
                ": ",
                target.reason,
                "\n",
            ]
            .concat()
        })
        .collect()
}

fn all(cells: &[Cell]) -> String {
    let headings = cell::HEADINGS;
    let mut text = row(&headings);
    text += &row(&headings.map(|_| "---"));
    for cell in cells {
        let words = cell::row(cell);
        text += &row(&words.each_ref().map(String::as_str));
    }
    text
}

fn row(words: &[&str]) -> String {
    format!("| {} |\n", words.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::super::cell::Measure;
    use super::*;

    #[test]
    fn a_page_judges_what_was_measured() {
        let cell = |mode: &str, ratio: f64| {
            Cell::of_runs(["mm", "tracer", mode, ""], Measure::Ratio, vec![ratio])
        };
        let page = page(
            &[cell("full_stacks", 1.2), cell("trace_file", 1.4)],
            11,
            "a machine",
        );
        for line in [
            "Written by `cargo xtask bench`, at most 11 pairs a cell, on a machine.",
            "| P1 | slowdown of `mm`, all events with full stacks | ≤ ×1.250 | ×1.200 | yes |",
            "| P2 | the same, recorded | ≤ ×1.300 | ×1.400 | no |",
            "| P5 | slowdown of `heap` | ≤ 1.08 | - | not measured |",
            "| mm | tracer | full_stacks | ×1.200 | time | ×1.200 | ×1.200 | 1 | - | - |  |",
        ] {
            assert!(page.contains(line), "{line}\n{page}");
        }
    }
}
