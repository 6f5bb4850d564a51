//! Findings as lines, as `JUnit`'s XML, and as annotations of GitHub Actions.

use std::fmt::Write as _;

use tracer_core::report::{Conclusion, Report, StackFrame, escape};

use super::{Finding, Kind};

/// A line for each finding; where there is none, or these do not decide, why.
pub(super) fn text(report: &Report, findings: &[Finding<'_>]) -> String {
    let mut text = String::new();
    for finding in findings {
        let kind = match finding.kind {
            Kind::Leak => "leak",
            Kind::NoLeak => "no leak",
            Kind::Allowed | Kind::Clear | Kind::Unsure => continue,
        };
        let line = format!("{kind}: {}: {}", finding.name, sentence(finding));
        text.push_str(&escape(&line));
        text.push('\n');
    }
    let conclusion = match report.conclusion {
        // Only rules that are allowed have found something.
        Conclusion::Leak => "allowed",
        Conclusion::NoLeak => "no leak",
        Conclusion::CannotTell => "cannot tell",
    };
    // What was found and is no leak does not say that there is none.
    let fails = findings.iter().any(|finding| finding.kind == Kind::Leak);
    if text.is_empty() || !fails && report.conclusion != Conclusion::NoLeak {
        let _ = writeln!(text, "{conclusion}: {}", escape(&report.why));
    }
    text
}

/// A test case for each rule: a failure is a leak, skipped is what could not be judged.
pub(super) fn junit(findings: &[Finding<'_>]) -> String {
    let count = |kind| {
        let of_kind = findings.iter().filter(|finding| finding.kind == kind);
        of_kind.count()
    };
    let (failures, skipped) = (count(Kind::Leak), count(Kind::Unsure));
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    let _ = writeln!(
        xml,
        "<testsuite name=\"tracer check\" tests=\"{}\" failures=\"{failures}\" skipped=\"{skipped}\">",
        findings.len()
    );
    for finding in findings {
        let (name, said) = (xml_text(finding.name), xml_text(&sentence(finding)));
        let inside = match finding.kind {
            Kind::Leak => format!("<failure type=\"leak\" message=\"{said}\"/>"),
            Kind::Unsure => format!("<skipped message=\"{said}\"/>"),
            Kind::Allowed | Kind::NoLeak | Kind::Clear => {
                format!("<system-out>{said}</system-out>")
            }
        };
        let _ = writeln!(
            xml,
            "  <testcase classname=\"tracer\" name=\"{name}\">{inside}</testcase>"
        );
    }
    xml.push_str("</testsuite>\n");
    xml
}

/// An error at each guilty line, a notice for what else was found.
pub(super) fn github(findings: &[Finding<'_>]) -> String {
    let mut text = String::new();
    for finding in findings {
        let level = match finding.kind {
            Kind::Leak => "error",
            Kind::NoLeak | Kind::Allowed => "notice",
            Kind::Clear | Kind::Unsure => continue,
        };
        let title = property(finding.name);
        let message = data(&finding.message);
        let lines = finding.places.iter().filter_map(|place| {
            let file = property(place.file.as_deref()?);
            let line = place.line?;
            Some(format!("file={file},line={line},"))
        });
        let mut places: Vec<String> = lines.collect();
        if places.is_empty() {
            places.push(String::new());
        }
        for place in places {
            let _ = writeln!(text, "::{level} {place}title={title}::{message}");
        }
    }
    text
}

fn sentence(finding: &Finding<'_>) -> String {
    let places: Vec<String> = finding
        .places
        .iter()
        .map(|place| StackFrame::place(place))
        .collect();
    match places.as_slice() {
        [] => finding.message.clone(),
        places => format!("{} [{}]", finding.message, places.join(", ")),
    }
}

/// What a document of XML may hold: no control character, and no markup.
fn xml_text(text: &str) -> String {
    let text = escape(text).replace('&', "&amp;");
    let text = text.replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;")
}

/// The text of a workflow command.
fn data(text: &str) -> String {
    escape(text).replace('%', "%25")
}

/// The value of a property of one.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_target_cannot_forge_anything() {
        let place = StackFrame {
            function: "main.<b>&\"\n::error::".to_owned(),
            file: Some("a,b:c%.go".to_owned()),
            line: Some(7),
            inlined: false,
            unsymbolized: None,
        };
        let finding = |kind| Finding {
            name: "heap-growth",
            kind,
            message: "grew by 5 %\n::error::x".to_owned(),
            places: vec![&place],
        };
        let annotations = github(&[finding(Kind::Leak), finding(Kind::Clear)]);
        assert_eq!(annotations.lines().count(), 1);
        assert!(
            annotations.starts_with(
                "::error file=a%2Cb%3Ac%25.go,line=7,title=heap-growth::grew by 5 %25"
            )
        );
        let xml = junit(&[finding(Kind::Leak), finding(Kind::Unsure)]);
        assert_eq!(xml.lines().count(), 5);
        assert!(xml.contains("tests=\"2\" failures=\"1\" skipped=\"1\""));
        assert!(xml.contains("main.&lt;b&gt;&amp;&quot;"));
    }
}
