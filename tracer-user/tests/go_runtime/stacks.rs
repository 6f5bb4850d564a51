//! What `runtime.Stack` prints of all goroutines.

use super::quiet::{Call, Sites, Waits};

/// The sites of goroutines other than the main one.
pub(crate) fn sites(text: &str) -> Sites {
    let stacks = waits(text).into_iter();
    let sites: Sites = stacks
        .map(|(site, stacks)| (site, stacks.values().sum()))
        .collect();
    assert!(sites.len() >= 5, "{text}");
    sites
}

/// Where goroutines other than the main one wait.
///
/// ```text
/// goroutine 18 [chan receive, 2 minutes]:
/// main.receive()
///     programs/quiet/main.go:53 +0x2c
/// created by main.goroutines in goroutine 1
///     programs/quiet/main.go:78 +0x3d
/// ```
pub(crate) fn waits(text: &str) -> Waits {
    let mut found = Waits::new();
    for goroutine in text.split("\n\n") {
        let (head, body) = goroutine.split_once("]:").unwrap();
        let doing = head.split_once('[').unwrap().1;
        let doing = doing.split(',').next().unwrap();
        let Some((stack, created)) = body.split_once("created by ") else {
            continue;
        };
        let site = (
            doing.to_owned(),
            place(created.lines().nth(1).unwrap()).to_owned(),
        );
        *found
            .entry(site)
            .or_default()
            .entry(calls(stack))
            .or_default() += 1;
    }
    found
}

/// The lines of a stack, up to where it is cut in the middle. Older releases print some of the runtime's
/// own where they are inlined.
fn calls(stack: &str) -> Vec<Call> {
    let lines: Vec<&str> = stack.lines().filter(|line| !line.is_empty()).collect();
    let lines = lines.split(|line| line.starts_with("..."));
    let pairs = lines.into_iter().next().unwrap().chunks_exact(2);
    let calls = pairs.map(|pair| {
        // Without its arguments.
        let (function, _) = pair[0].rsplit_once('(').unwrap();
        (function.to_owned(), place(pair[1]).to_owned())
    });
    calls
        .filter(|(function, _)| !function.starts_with("runtime."))
        .collect()
}

fn place(line: &str) -> &str {
    line.trim().split(" +0x").next().unwrap()
}
