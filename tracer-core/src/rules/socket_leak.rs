//! Sockets that are opened and never closed, with nothing else that grows with them.

use super::open_sockets::{Company, UNKNOWN_COMPANY, kept, left, opening};
use super::words::{clear, unsure};
use super::{Explanation, Need, Rule, Verdict};
use crate::process::Process;
use crate::report::{Evidence, SocketOrigin};

/// The `net` package closes a socket of which nobody knows any more by a finalizer. One collection may
/// be at work when the socket is opened, the next finds it, and before the one after that its finalizer
/// is queued.
const COLLECTIONS: usize = 3;

/// Descriptors that nobody closes.
pub struct SocketLeak;

impl Rule for SocketLeak {
    fn name(&self) -> &'static str {
        "socket-leak"
    }

    fn title(&self) -> &'static str {
        "sockets are opened and never closed"
    }

    fn explain(&self) -> Explanation {
        Explanation {
            looks_for: "Sockets that a line of the service opens all the time and that are not \
                closed: opened minus closed stays open. It is found when at least 8 are open, nine \
                tenths of those opened there, while the number of open sockets rises steadily, and \
                neither goroutines nor live heap grow with them as those of a client would. Sockets \
                that were accepted count when their peer has closed its side and the \
                service has not (CLOSE_WAIT), however many others it closes.",
            refuted_by: "Sockets that are closed later, or a number that levels off.",
            remedy: "Close the connection on every way out (defer conn.Close()), also where an \
                error ends the function early.",
            false_friends: "Connections that are accepted and in use: only the peer knows whether \
                it still needs them. Handlers that wait for ever never close either: see what \
                the goroutines wait for. Sockets that a finalizer closes at the next collection.",
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
        match kept.company() {
            Company::Client => {
                return clear(
                    "the sockets that stay open are those of clients: see client-per-request",
                );
            }
            Company::Unknown => return unsure(UNKNOWN_COMPANY),
            Company::Nothing => {}
        }
        let sick = kept.sick;
        let open: u64 = sick.iter().map(|origin| origin.open).sum();
        let opened: u64 = sick.iter().map(|origin| origin.opened).sum();
        let waiting: u64 = sick.iter().map(left).sum();
        let left = match waiting {
            0 => String::new(),
            waiting => format!(", {waiting} of them although the peer has left (CLOSE_WAIT)"),
        };
        let mut evidence: Vec<_> = sick
            .iter()
            .filter(|origin| origin.origin.is_none())
            .map(|origin| {
                Evidence::fact(format!(
                    "{} opened, {} closed, by {}",
                    origin.opened,
                    origin.closed,
                    origin.place()
                ))
            })
            .collect();
        if !have_outlived_collections(process, &sick) {
            evidence.push(Evidence::fact(format!(
                "fewer than {COLLECTIONS} collections have run since the first of them was opened: \
                 should nobody refer to some of them any more, Go closes those then, late"
            )));
        }
        Verdict::Found {
            headline: format!(
                "{open} of {opened} sockets opened while watching were not closed{left}"
            ),
            evidence,
            origins: sick.iter().filter_map(opening).collect(),
            refuted_by: "sockets that are closed later, or a number that levels off".to_owned(),
            remedy: "Close the connection on every way out of the function that opens it: defer \
                conn.Close()."
                .to_owned(),
            leak: true,
        }
    }
}

/// Whether the oldest of these sockets were there when so many collections ran that a finalizer would
/// have closed them, had nobody referred to them.
fn have_outlived_collections(process: &Process, sick: &[SocketOrigin]) -> bool {
    // Also where only its runtime tells that it is one of Go.
    if !process.is_go() && process.go().counters().seen() == 0 {
        return true;
    }
    let Some(at) = process.go().after_gc().at_from_end(COLLECTIONS - 1) else {
        return false;
    };
    let since = process.last_at().seconds_since(at);
    let age = |origin: &SocketOrigin| origin.oldest_seconds.unwrap_or(0.0);
    sick.iter().all(|origin| age(origin) > since)
}

const EXAMPLE: &str = "\
package main

import (
	\"net\"
	\"time\"
)

var kept []net.Conn

func main() {
	for {
		if conn, err := net.Dial(\"tcp\", \"127.0.0.1:8080\"); err == nil {
			kept = append(kept, conn) // never closed
		}
		time.Sleep(100 * time.Millisecond)
	}
}
";
