//! Clients that are made again and again and never closed: connections, goroutines and buffers of each.

use super::open_sockets::{Company, Kept, UNKNOWN_COMPANY, kept, kib, opening};
use super::threshold::Threshold;
use super::words::{clear, unsure};
use super::{Explanation, Need, Rule, Verdict};
use crate::process::Process;
use crate::report::{Evidence, SocketOrigin, Sockets, plural};

/// A line that closes this share of what it opens does it right.
const GOOD_SHARE: Threshold = Threshold::new(0.9);
/// Call sites that do it right, named to tell them apart.
const MAX_GOOD: usize = 10;

/// A new client for each request, where one would serve all.
pub struct ClientPerRequest;

impl Rule for ClientPerRequest {
    fn name(&self) -> &'static str {
        "client-per-request"
    }

    fn title(&self) -> &'static str {
        "clients are made again and again, and never closed"
    }

    fn explain(&self) -> Explanation {
        Explanation {
            looks_for: "Connections that one line of the service opens all the time and that are \
                not closed, each with goroutines or live heap of its own: a client was made for \
                each request. It is found when at least 8 are open, nine tenths of those opened \
                there, while the number of open sockets rises steadily, and most of those that were watched for ten seconds \
                carry nothing any more. The line is found through \
                the goroutines that the library created in between.",
            refuted_by: "Connections that are closed later, or a number that levels off: a pool \
                that fills up to its limit.",
            remedy: "Make one client when the program starts and use it everywhere, or close the \
                client when the request is done (defer client.Close()).",
            false_friends: "A pool up to its limit: it dials only while all its connections are in use, \
                so as long as it fills hardly any is silent, and then this rule is not sure. Clients that are opened and closed for each \
                request: slow, but no leak. With a shared pool, the line that opens a connection \
                need not be the one that does not give it back.",
            example: EXAMPLE,
        }
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Time, Need::Sockets]
    }

    fn judge(&self, process: &Process) -> Verdict {
        let kept = match kept(process) {
            Ok(kept) => kept,
            Err(verdict) => return verdict,
        };
        let Kept {
            sockets,
            sick,
            good,
        } = &kept;
        match kept.company() {
            Company::Client => {}
            Company::Nothing => {
                let own = match sockets.per_open.live_heap_bytes {
                    Some(_) => "goroutines or live heap of their own",
                    None => {
                        "goroutines of their own (how much live heap comes with each is not known yet)"
                    }
                };
                return clear(format!(
                    "connections stay open, but none that were dialled with {own}: see socket-leak"
                ));
            }
            Company::Unknown => return unsure(UNKNOWN_COMPANY),
        }
        Verdict::Found {
            headline: headline(sockets, sick),
            evidence: evidence(process, sockets, sick, good),
            origins: sick.iter().filter_map(opening).collect(),
            refuted_by:
                "connections that are closed later, or a number that levels off: a pool up \
                to its limit"
                    .to_owned(),
            remedy:
                "Make the client once, when the program starts, and share it; or close it when \
                the request is done: defer client.Close(), for HTTP resp.Body.Close() and one \
                http.Client for all. If it is shared already, its connections are not given back: look \
                at each line that uses it, not only at the one that dialled."
                    .to_owned(),
            leak: true,
        }
    }
}

fn headline(sockets: &Sockets, sick: &[SocketOrigin]) -> String {
    let opened: u64 = sick.iter().map(|origin| origin.opened).sum();
    let closed: u64 = sick.iter().map(|origin| origin.closed).sum();
    let lines = match sick {
        [only] => only.place(),
        several => plural(several.len() as u64, "call site"),
    };
    let each = sockets.per_open.live_heap_bytes.as_ref();
    let each = each.map_or(String::new(), |each| {
        format!("; each keeps about {} of live heap", kib(each.value))
    });
    let peer = sick.iter().find_map(|origin| origin.peers.first());
    let peer = peer.map_or(String::new(), |peer| format!(" to {peer}"));
    format!("{opened} connections{peer} opened by {lines}, {closed} closed{each}")
}

fn evidence(
    process: &Process,
    sockets: &Sockets,
    sick: &[SocketOrigin],
    good: &[SocketOrigin],
) -> Vec<Evidence> {
    let mut evidence = Vec::new();
    let ages = sick.iter().filter_map(|origin| origin.oldest_seconds);
    if let Some(oldest) = ages.reduce(f64::max) {
        evidence.push(Evidence::fact(format!(
            "the oldest of them is open for {oldest:.0} s"
        )));
    }
    for origin in sick.iter().filter(|origin| origin.origin.is_none()) {
        evidence.push(Evidence::fact(format!(
            "{} opened, {} closed, where no line of the service was seen: {}",
            origin.opened,
            origin.closed,
            origin.place()
        )));
    }
    if let Some(each) = &sockets.per_open.live_heap_bytes {
        evidence.push(Evidence::fact(format!(
            "live heap for each open connection: {} ({} to {} with 95 % confidence)",
            kib(each.value),
            kib(each.low),
            kib(each.high)
        )));
    }
    if sockets.per_open.live_heap_bytes.is_none()
        && let Some(each) = &sockets.per_open.rss_bytes
    {
        evidence.push(Evidence::fact(format!(
            "RSS for each open connection: {} (too few collections ran to tell the live heap)",
            kib(each.value)
        )));
    }
    if let Some(each) = &sockets.per_open.goroutines {
        evidence.push(Evidence::fact(format!(
            "goroutines for each open connection: {:.1}",
            each.value
        )));
    }
    let chain = sick.iter().find(|origin| !origin.chain.is_empty());
    if let Some(origin) = chain {
        let hops: Vec<String> = origin
            .chain
            .iter()
            .map(|hop| hop.created_by.place())
            .collect();
        evidence.push(Evidence::fact(format!(
            "between that line and the connection: its goroutine was started at {}",
            hops.join(", by one that was started at ")
        )));
    }
    let closes =
        |origin: &&SocketOrigin| origin.closed as f64 >= GOOD_SHARE.get() * origin.opened as f64;
    for origin in good.iter().filter(closes).take(MAX_GOOD) {
        evidence.push(Evidence::fact(format!(
            "closes what it opens: {} ({} opened, {} closed)",
            origin.place(),
            origin.opened,
            origin.closed
        )));
    }
    if process.creators().watch().is_none() {
        evidence.push(Evidence::fact(
            "who created the goroutines was not watched: with --creators on, lines behind a \
             library are seen too",
        ));
    }
    evidence
}

const EXAMPLE: &str = "\
package main

import (
	\"net/http\"
	\"time\"
)

func main() {
	for {
		client := &http.Client{Transport: &http.Transport{}} // a pool of its own, for one request
		if resp, err := client.Get(\"http://127.0.0.1:8080/\"); err == nil {
			resp.Body.Close() // the connection goes back into a pool that nobody has any more
		}
		time.Sleep(100 * time.Millisecond)
	}
}
";
