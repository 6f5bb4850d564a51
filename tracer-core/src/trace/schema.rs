//! `tracer.proto` and the Rust messages say the same: compared as text, field by field.

use std::collections::BTreeMap;

use super::kind::{self, Answer, Kind};

const PROTO: &str = include_str!("tracer.proto");

/// All files with messages.
const RUST: &[&str] = &[
    include_str!("wire.rs"),
    include_str!("record.rs"),
    include_str!("record/allocation.rs"),
    include_str!("record/creation.rs"),
    include_str!("record/fact.rs"),
    include_str!("record/go.rs"),
    include_str!("record/goroutine.rs"),
    include_str!("record/holders.rs"),
    include_str!("record/loss.rs"),
    include_str!("record/mapping.rs"),
    include_str!("record/sample.rs"),
    include_str!("record/socket.rs"),
    include_str!("record/symbol.rs"),
];

/// What Rust keeps as bytes and takes apart value by value.
const PACKED: &[&str] = &[
    "repeated sint64",
    "repeated uint64",
    "repeated fixed64",
    "Peers",
    "Records",
];

/// Name of a message or enum, to its fields: number, to name and type.
type Schema = BTreeMap<String, BTreeMap<u32, String>>;

fn proto() -> Schema {
    let mut schema = Schema::new();
    let mut name = String::new();
    for line in PROTO.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        let words: Vec<&str> = line.trim_end_matches(';').split_whitespace().collect();
        match words.as_slice() {
            ["message" | "enum", new, ..] => {
                name = (*new).to_owned();
                schema.entry(name.clone()).or_default();
            }
            [kind @ .., field, "=", number] if !name.is_empty() => {
                let field = match kind {
                    [] => camel(field).trim_start_matches(&name).to_owned(),
                    _ if PACKED.contains(&kind.join(" ").as_str()) => format!("{field}: bytes"),
                    kind => format!("{field}: {}", kind.join(" ")),
                };
                let number = number.parse().expect("a field number");
                let before = schema
                    .entry(name.clone())
                    .or_default()
                    .insert(number, field);
                assert_eq!(before, None, "{name} has {number} twice");
            }
            _ => {}
        }
    }
    schema
}

fn rust() -> Schema {
    let mut schema = Schema::new();
    // Name of a oneof, to the message that has it.
    let mut owners = BTreeMap::new();
    for file in RUST {
        let (mut name, mut attribute, mut derive) = (String::new(), "", "");
        for line in file.lines().map(str::trim) {
            // Its attribute may take several lines.
            if let Some(oneof) = quoted(line, "oneof") {
                owners.insert(oneof.to_owned(), name.clone());
            }
            if let Some(inner) = line.strip_prefix("#[prost(") {
                attribute = inner.trim_end_matches(")]");
            } else if line.starts_with("#[derive") {
                derive = line;
            } else if let Some((_, rest)) = line
                .split_once("struct ")
                .or_else(|| line.split_once("enum "))
            {
                let own = rest.split([' ', ';']).next().unwrap_or_default();
                if derive.contains("Message)") || derive.contains("Enumeration)") {
                    name = own.to_owned();
                    schema.entry(name.clone()).or_default();
                } else if derive.contains("Oneof)") {
                    name.clone_from(&owners[own]);
                } else {
                    name.clear();
                }
                (attribute, derive) = ("", "");
            } else if let Some((number, field)) = rust_field(line, attribute) {
                if !name.is_empty() {
                    schema
                        .entry(name.clone())
                        .or_default()
                        .insert(number, field);
                }
                attribute = "";
            }
        }
    }
    schema
}

/// A field, a variant of a oneof, or a variant of an enumeration.
fn rust_field(line: &str, attribute: &str) -> Option<(u32, String)> {
    if attribute.is_empty() {
        let (variant, number) = line.trim_end_matches(',').split_once(" = ")?;
        return Some((number.parse().ok()?, variant.to_owned()));
    }
    let number = quoted(attribute, "tag")?.parse().ok()?;
    let line = line.trim_start_matches("pub(super) ").trim_end_matches(',');
    let (name, kind) = line
        .split_once(": ")
        .or_else(|| line.trim_end_matches(')').split_once('('))?;
    let kind = kind.rsplit("::").next()?;
    let inner = kind
        .trim_start_matches("Option<")
        .trim_start_matches("Vec<")
        .trim_end_matches('>');
    let mut words: Vec<&str> = attribute.split([',', ' ']).collect();
    let prost = words.remove(0);
    let kind = match prost {
        "message" => inner,
        "enumeration" => quoted(attribute, "enumeration")?,
        other => other,
    };
    let label = ["repeated ", "optional "]
        .into_iter()
        .find(|label| {
            words.contains(&label.trim()) && !(prost == "message" && *label == "optional ")
        })
        .unwrap_or_default();
    Some((number, format!("{}: {label}{kind}", snake(name))))
}

/// The text in `name = "text"`.
fn quoted<'a>(attribute: &'a str, name: &str) -> Option<&'a str> {
    attribute
        .split_once(&format!("{name} = \""))?
        .1
        .split('"')
        .next()
}

/// `ENDED_BY_OOM` to `EndedByOom`.
fn camel(name: &str) -> String {
    name.split('_')
        .map(|word| word[..1].to_owned() + &word[1..].to_lowercase())
        .collect()
}

/// `MemoryDetail` to `memory_detail`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[test]
fn messages_are_as_documented() {
    let mut documented = proto();
    // Lists of messages in a column, and an enum that goes on as a formula.
    for by_hand in ["Peers", "Records", "Kind"] {
        assert!(documented.remove(by_hand).is_some(), "{by_hand}");
    }
    let written = rust();
    for (name, fields) in &documented {
        assert_eq!(Some(fields), written.get(name), "{name}");
    }
    assert_eq!(documented, written);
    assert_eq!(documented["Mapping"][&6], "file: File");
    assert_eq!(documented["Events"].len(), 23);
}

#[test]
fn kinds_are_as_documented() {
    for (number, name) in &proto()["Kind"] {
        let kind = Kind::from_number(u64::from(*number)).map(|kind| format!("{kind:?}"));
        assert_eq!(kind.as_deref().unwrap_or("Unknown"), name);
    }
    let calls: Vec<String> = (0..)
        .map_while(|code| kind::blank_call(code, Answer::Zero, false))
        .enumerate()
        .map(|(code, call)| format!("{code} {}", call.what.kernel_name()))
        .collect();
    let text = PROTO.replace("\n// ", " ");
    assert_eq!(calls.len(), 16);
    for call in calls {
        assert!(text.contains(&call), "{call}");
    }
}
