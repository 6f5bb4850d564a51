//! Helper programs that do not do what they should; the real one is tested from outside.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::symbols::file::TargetFile;

/// A script in the place of the helper; it counts how often it is started.
fn helper(directory: &Path, script: &str) -> PathBuf {
    let path = directory.join("helper");
    let count = directory.join("starts").display().to_string();
    let text = format!("#!/bin/sh\necho \"$*\" >> '{count}'\n{script}\n");
    // Written by another process: a child of another test could inherit our descriptor, and the
    // kernel runs no file that someone may write.
    let mut write = Command::new("sh");
    write.args(["-c", "printf %s \"$1\" > \"$0\"; chmod 755 \"$0\""]);
    let status = write.arg(&path).arg(text).status();
    assert!(status.unwrap().success());
    path
}

/// What comes of two questions, and with which arguments the helper was started.
#[track_caller]
fn check(script: &str, names: [&str; 2], trouble: Option<&str>, starts: &str) {
    let directory = tempfile::tempdir().unwrap();
    let mut helpers = Helpers::new(helper(directory.path(), script));
    let file = TargetFile::open("/proc/self/exe").unwrap();
    for addresses in [&[1, 2][..], &[3]] {
        let begin = Instant::now();
        let found = helpers.name(&file, addresses);
        // A busy machine adds to it.
        assert!(begin.elapsed() < 2 * LIMIT + LIMIT, "{script}");
        assert_eq!(found.trouble.as_deref(), trouble, "{script:.200}");
        let innermost = found.calls.iter().map(|calls| calls.first());
        let functions = innermost.map(|frame| frame.map_or("", |frame| &frame.function));
        let expected = &names[..addresses.len()];
        assert_eq!(functions.collect::<Vec<_>>(), expected, "{script}");
    }
    drop(helpers);
    let started = fs::read_to_string(directory.path().join("starts")).unwrap_or_default();
    assert_eq!(started, starts, "{script}");
}

const NOTHING: [&str; 2] = ["", ""];
const BOTH: &str = "name-foreign-code\nname-foreign-code --symbols-only\n";
const DIED: &str = "reading its symbols failed: it is damaged, or they need too much memory";
const SLOW: &str = "reading its symbols took longer than 750 ms";

/// Answers any question of two addresses, then one of one.
const ANSWERS: &str = r#"frame() { printf '[{"function":"%s","file":"","line":0,"inlined":false}]' $1; }
read q <&1; echo "{\"calls\":[$(frame a),$(frame b)],\"trouble\":null}"
read q <&1; echo "{\"calls\":[$(frame a)],\"trouble\":null}""#;

#[test]
fn one_helper_answers_question_after_question() {
    check(ANSWERS, ["a", "b"], None, "name-foreign-code\n");
}

#[test]
fn a_helper_that_fails_with_debug_information_is_asked_for_symbols() {
    let script = format!("test \"$2\" || exit 1\n{ANSWERS}");
    let why = format!("without source lines: {DIED}");
    check(&script, ["a", "b"], Some(&why), BOTH);
    let script = format!("test \"$2\" || exec sleep 5\n{ANSWERS}");
    let why = format!("without source lines: {SLOW}");
    check(&script, ["a", "b"], Some(&why), BOTH);
}

#[test]
fn a_helper_that_never_answers_is_not_started_again() {
    for (script, why) in [
        ("exit 0", DIED),
        ("kill -9 $$", DIED),
        ("read q <&1; echo '{\"calls\":[]'", DIED),
        ("read q <&1; echo '{\"calls\":[],\"trouble\":null}'", DIED),
        (
            "read q <&1; echo '{\"calls\":[[],[],[]],\"trouble\":null}'",
            DIED,
        ),
        (
            "read q <&1; echo '{\"calls\":[[7],[]],\"trouble\":null}'",
            DIED,
        ),
        ("read q <&1; echo", DIED),
        ("head -c 9000000 /dev/zero", DIED),
        ("printf x; exec sleep 5", SLOW),
    ] {
        check(script, NOTHING, Some(why), BOTH);
    }
}

#[test]
fn a_long_reason_is_cut() {
    let script = format!(
        "read q <&1; echo '{{\"calls\":[[],[]],\"trouble\":\"{long}\"}}'\n\
         read q <&1; echo '{{\"calls\":[[]],\"trouble\":\"{long}\"}}'",
        long = "ä".repeat(5000)
    );
    let why = "ä".repeat(100);
    check(&script, NOTHING, Some(&why), "name-foreign-code\n");
}

#[test]
fn no_helper_program() {
    let mut helpers = Helpers::new(PathBuf::from("/nonexistent/tracer"));
    let file = TargetFile::open("/proc/self/exe").unwrap();
    let found = helpers.name(&file, &[1, 2, 3]);
    assert_eq!(found.calls, vec![Vec::new(); 3]);
    let why = found.trouble.unwrap();
    assert!(why.starts_with("no helper process: No such file"), "{why}");
}

/// The file is not what it was when it was opened, which nobody noticed before.
#[test]
fn a_file_that_was_changed_has_no_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("library");
    fs::write(&path, "one").unwrap();
    let file = TargetFile::open(&path).unwrap();
    fs::write(&path, "three").unwrap();
    let mut helpers = Helpers::new(helper(directory.path(), ANSWERS));
    let found = helpers.name(&file, &[1, 2]);
    assert_eq!(found.calls, vec![Vec::new(); 2]);
    let why = "it was changed while it was in use";
    assert_eq!(found.trouble.as_deref(), Some(why));
}

#[test]
fn helpers_are_few_and_end_with_their_owner() {
    let directory = tempfile::tempdir().unwrap();
    let script =
        "echo $$ >> ${0%/*}/pids; read q <&1; echo '{\"calls\":[[]],\"trouble\":null}'; read q <&1";
    let mut helpers = Helpers::new(helper(directory.path(), script));
    for index in 0..12 {
        let path = directory.path().join(index.to_string());
        fs::write(&path, "library").unwrap();
        let found = helpers.name(&TargetFile::open(&path).unwrap(), &[1]);
        assert_eq!(found.trouble, None, "{index}");
    }
    let pids = fs::read_to_string(directory.path().join("pids")).unwrap();
    let alive = || {
        let pids = pids
            .lines()
            .filter(|pid| Path::new("/proc").join(pid).exists());
        pids.count()
    };
    assert_eq!((pids.lines().count(), alive()), (12, 8));
    drop(helpers);
    assert_eq!(alive(), 0);
}
