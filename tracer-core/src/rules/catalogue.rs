//! The rules as a text to read: `tracer explain`.

use std::fmt::Write as _;

use super::{RULES, Rule};
use crate::report::wrap;

/// One line for each rule.
#[must_use]
pub fn catalogue() -> String {
    let width = RULES
        .iter()
        .map(|rule| rule.name().len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for rule in RULES {
        let (name, title) = (rule.name(), rule.title());
        // Writing to a string cannot fail.
        _ = writeln!(text, "{name:width$}  {title}");
    }
    text
}

/// All about one rule; `None` when there is none of this name.
#[must_use]
pub fn explain(name: &str) -> Option<String> {
    let rule: &dyn Rule = *RULES.iter().find(|rule| rule.name() == name)?;
    let explanation = rule.explain();
    let mut text = format!("{}: {}\n", rule.name(), rule.title());
    for (heading, body) in [
        ("looks for", explanation.looks_for),
        ("would be refuted by", explanation.refuted_by),
        ("what to do", explanation.remedy),
        ("looks alike, but is not", explanation.false_friends),
    ] {
        _ = writeln!(text, "\n{heading}\n{}", wrap(body, "  ", "  "));
    }
    text.push_str("\nexample\n");
    for line in explanation.example.lines() {
        text.push_str(format!("  {line}").trim_end());
        text.push('\n');
    }
    Some(text)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_listed_and_can_be_explained() {
        for rule in RULES {
            assert!(catalogue().contains(rule.title()));
            let text = explain(rule.name()).unwrap();
            assert!(text.starts_with(&format!("{}: ", rule.name())));
            assert!(text.lines().all(|line| line.chars().count() <= 100));
        }
        assert_eq!(explain("no-such-rule"), None);
    }
}
