//! A diagnosis as text and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tracer_core::report::escape;

use super::{Diagnosis, Line};

/// Width of the column of `ok`, `limited` and `missing`.
const STATUS: usize = 8;

impl Diagnosis {
    /// Aligned lines, hints below what they are about, the verdict last.
    #[must_use]
    pub fn text(&self) -> String {
        let names = self.lines().map(|line| line.name.len());
        let width = names.max().unwrap_or(0) + 2;
        let mut text = String::new();
        for Line { name, finding, .. } in self.lines() {
            let status = finding.status.name();
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{status:STATUS$}{name:width$}{}",
                escape(&finding.detail)
            );
            if let Some(hint) = &finding.hint {
                let _ = writeln!(text, "{:2$}hint: {}", "", escape(hint), STATUS + width);
            }
        }
        text + &self.verdict() + "\n"
    }

    /// One object with `schema: "tracer/doctor/1"`, on one line.
    #[must_use]
    pub fn json(&self) -> String {
        format!("{}\n", self.object())
    }

    fn object(&self) -> Value {
        let checks: Vec<Value> = self
            .lines()
            .map(|Line { name, finding, .. }| {
                let status = finding.status.name();
                json!({ "name": name, "status": status, "detail": finding.detail, "hint": finding.hint })
            })
            .collect();
        json!({
            "schema": "tracer/doctor/1",
            "checks": checks,
            "hooks": self.hooks(),
            "obstacles": self.obstacles(),
            "pid": self.target.as_ref().map(|visit| visit.pid),
            "can_attach": self.exit_status() == 0,
            "verdict": self.verdict(),
        })
    }

    /// One sentence.
    #[must_use]
    pub fn verdict(&self) -> String {
        let obstacles = self.obstacles();
        let machine = if obstacles.is_empty() {
            let hooks = self.hooks();
            let (chosen, others) = hooks.split_first().unwrap_or((&"none", &[]));
            let others = if others.is_empty() {
                String::new()
            } else {
                format!(" (also there: {})", others.join(", "))
            };
            format!("this machine can run tracer, which hooks calls by {chosen}{others}")
        } else {
            format!(
                "this machine cannot run tracer as it is; missing: {}",
                obstacles.join(", ")
            )
        };
        let target = self.target.as_ref().map_or(String::new(), |visit| {
            let can = if visit.refused.is_some() {
                "cannot"
            } else {
                "can"
            };
            format!("; pid {} {can} be traced", visit.pid)
        });
        machine + &target
    }

    fn lines(&self) -> impl Iterator<Item = &Line> {
        self.machine
            .iter()
            .chain(self.target.iter().flat_map(|visit| &visit.lines))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::target::Visit;
    use crate::doctor::{Finding, Role};
    use crate::failure::ExitStatus;

    fn line(name: &'static str, role: Role, finding: Finding) -> Line {
        Line {
            name,
            role,
            finding,
        }
    }

    fn sick() -> Diagnosis {
        let denied = Finding::missing("there is no process with pid 9", "list them");
        Diagnosis {
            machine: vec![
                line(
                    "capabilities",
                    Role::Required,
                    Finding::missing("without CAP_BPF", "sudo"),
                ),
                line(
                    "kprobe",
                    Role::Hook,
                    Finding::missing("not in this kernel", "build it"),
                ),
                line("tracepoint", Role::Hook, Finding::ok("syscalls:*")),
            ],
            target: Some(Visit {
                pid: 9,
                refused: Some(ExitStatus::Unsupported),
                lines: vec![line("process", Role::Required, denied)],
            }),
        }
    }

    fn healthy() -> Diagnosis {
        Diagnosis {
            machine: vec![
                line(
                    "BTF",
                    Role::Required,
                    Finding::ok("/sys/kernel/btf/vmlinux, 6.1 MiB"),
                ),
                line("fentry", Role::Hook, Finding::ok("hooked")),
                line(
                    "tracepoint",
                    Role::Hook,
                    Finding::limited("slow", "mount it"),
                ),
            ],
            target: None,
        }
    }

    #[test]
    fn text_is_aligned_and_ends_in_the_verdict() {
        let expected = "\
ok      BTF         /sys/kernel/btf/vmlinux, 6.1 MiB
ok      fentry      hooked
limited tracepoint  slow
                    hint: mount it
this machine can run tracer, which hooks calls by fentry (also there: tracepoint)
";
        assert_eq!(healthy().text(), expected);
        let expected = "\
missing capabilities  without CAP_BPF
                      hint: sudo
missing kprobe        not in this kernel
                      hint: build it
ok      tracepoint    syscalls:*
missing process       there is no process with pid 9
                      hint: list them
this machine cannot run tracer as it is; missing: capabilities; pid 9 cannot be traced
";
        assert_eq!(sick().text(), expected);
    }

    #[test]
    fn what_a_target_calls_itself_cannot_draw_on_the_terminal() {
        let mut found = healthy();
        found.machine[0].finding.detail = "9 (a\u{1b}[2J\n) of uid 0".to_owned();
        let text = found.text();
        assert!(!text.contains('\u{1b}'));
        assert_eq!(text.lines().count(), healthy().text().lines().count());
    }

    #[test]
    fn json_has_everything() {
        let expected = json!({
            "schema": "tracer/doctor/1",
            "checks": [
                { "name": "BTF", "status": "ok", "detail": "/sys/kernel/btf/vmlinux, 6.1 MiB", "hint": null },
                { "name": "fentry", "status": "ok", "detail": "hooked", "hint": null },
                { "name": "tracepoint", "status": "limited", "detail": "slow", "hint": "mount it" },
            ],
            "hooks": ["fentry", "tracepoint"],
            "obstacles": [],
            "pid": null,
            "can_attach": true,
            "verdict": "this machine can run tracer, which hooks calls by fentry (also there: tracepoint)",
        });
        assert_eq!(healthy().object(), expected);
        let sick = sick().object();
        assert_eq!(
            (&sick["can_attach"], &sick["pid"]),
            (&json!(false), &json!(9))
        );
        assert_eq!(sick["obstacles"], json!(["capabilities"]));
    }
}
