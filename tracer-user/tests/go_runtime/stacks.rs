//! What `runtime.Stack` prints of all goroutines.

use super::quiet::Sites;

/// The sites of goroutines other than the main one.
///
/// ```text
/// goroutine 18 [chan receive, 2 minutes]:
/// main.receive()
///     programs/quiet/main.go:53 +0x2c
/// created by main.goroutines in goroutine 1
///     programs/quiet/main.go:78 +0x3d
/// ```
pub(crate) fn sites(text: &str) -> Sites {
    let mut sites = Sites::new();
    for goroutine in text.split("\n\n") {
        let (head, body) = goroutine.split_once("]:").unwrap();
        let doing = head.split_once('[').unwrap().1;
        let doing = doing.split(',').next().unwrap();
        let Some((_, created)) = body.split_once("created by ") else {
            continue;
        };
        let place = created.lines().nth(1).unwrap().trim();
        let place = place.split(" +0x").next().unwrap();
        *sites
            .entry((doing.to_owned(), place.to_owned()))
            .or_default() += 1;
    }
    assert!(sites.len() >= 5, "{text}");
    sites
}
