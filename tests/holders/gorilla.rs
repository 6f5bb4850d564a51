//! A story with the real libraries: gorilla/sessions, as it was when it kept what belongs to a request
//! in package variables of gorilla/context, with the request as key of both maps.

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use tracer_tests::{Flag, GoVersion, Program, Running};

use super::answer::{Answer, Line, PATIENCE};

/// Who reads what most of a request is: its headers.
const SITE: &str = "MIMEHeader";

/// Makes the table of common headers, when the first request is read: it belongs to none.
const TABLE: &str = "net/textproto.initCommonHeader";

/// In this time some thousand requests come and go.
const LEAKING: Duration = Duration::from_secs(10);

/// Both are owners; without symbols only their package is known.
const OWNERS: [&str; 2] = [
    "github.com/gorilla/context.data",
    "github.com/gorilla/context.datat",
];

/// Of the headers that have an owner, for each without one.
const LEAST_NAMED: u64 = 9;

/// From this release on the runtime knows the types of the insides of maps.
const TYPED: u32 = 22;

/// From the variable to the header, where types are known.
const PATHS: [&str; 2] = [
    "map[*http.Request]map[interface {}]interface {}",
    "map[*http.Request]int64",
];

#[test]
fn both_variables_and_the_way_to_the_request_are_told() -> Result<()> {
    for go in [GoVersion::GO_1_15, GoVersion::GO_1_22, GoVersion::GO_1_27] {
        for flags in [&[][..], &[Flag::Stripped], &[Flag::Pie, Flag::Stripped]] {
            check(go, flags)?;
        }
    }
    Ok(())
}

fn check(go: GoVersion, flags: &[Flag]) -> Result<()> {
    let program = Program::build("websockets", go, flags)?;
    let mut shop = Running::start(Command::new(program).arg("leak"))?;
    shop.event("ready", PATIENCE)?;
    sleep(LEAKING);
    // It collects, so that what is followed has survived.
    shop.send("state")?;
    shop.event("state", PATIENCE)?;
    let named = format!("go{} {flags:?}", go.number());
    // On a busy machine a search takes long by default, and requests come and go meanwhile.
    let answer = Answer::of(shop.pid(), &["--site", SITE, "--pace", "100"])?;
    let stripped = flags.contains(&Flag::Stripped);
    let (mut counts, mut missing) = ([0; 2], 0);
    let is_of_request = |line: &&Line| !line.is_of_function(TABLE);
    for line in answer.lines().iter().filter(is_of_request) {
        if !line.has_owner() {
            missing += line.reached();
            continue;
        }
        let is_held = |owner: &&str| line.is_held_by("global", owner, stripped);
        let by_name = OWNERS.iter().position(is_held);
        ensure!(by_name.is_some(), "{named}: {line:#?}");
        let path = line.path();
        let by_type = PATHS.iter().position(|map| path.first() == Some(map));
        if go.minor() >= TYPED {
            let is_right = by_type.is_some() && (stripped || by_type == by_name);
            ensure!(is_right && path[1] == "*http.Request", "{named}: {line:#?}");
        }
        counts[by_type.or(by_name).unwrap_or_default()] += line.reached();
    }
    let lines = answer.lines();
    let most = counts[0].max(counts[1]);
    ensure!(most > LEAST_NAMED * missing, "{named}: {lines:#?}");
    let apart = !stripped || go.minor() >= TYPED;
    ensure!(
        !apart || counts[0].min(counts[1]) > 0,
        "{named}: {lines:#?}"
    );
    shop.send("exit")?;
    shop.wait(PATIENCE)?;
    Ok(())
}
