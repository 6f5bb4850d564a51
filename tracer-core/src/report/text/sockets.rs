//! The sockets: how many, by whom, and what else is open.

use super::Page;
use crate::report::numbers::{mib, plural, size};
use crate::report::{
    ConnectCounts, PerOpen, Slope, SocketOrigin, Sockets, UnexplainedSockets, Usage,
};

/// The sockets, by at most `most` origins.
pub(super) fn write(page: &mut Page, sockets: &Sockets, most: usize) {
    page.heading("sockets");
    let known = |count: Option<u64>| count.map_or("unknown".to_owned(), |count| count.to_string());
    let (open, before) = (known(sockets.open), known(sockets.pre_existing));
    let (opened, closed) = (sockets.opened, sockets.closed);
    page.paragraph(&format!(
        "open {open}: {before} from before, {opened} opened, {closed} closed while watching"
    ));
    irregularities(page, sockets);
    let some = |bytes: Option<u64>| bytes.filter(|bytes| *bytes > 0);
    if let Some(bytes) = some(sockets.buffer_bytes) {
        page.paragraph(&format!(
            "kernel memory of TCP buffers, outside RSS but in the cgroup: {}",
            mib(bytes)
        ));
    }
    if let Some(bytes) = some(sockets.queued_bytes) {
        page.paragraph(&format!(
            "waiting in the kernel's buffers, outside RSS: {}",
            mib(bytes)
        ));
    }
    if let Some(creators) = &sockets.creators {
        let seen = plural(creators.created, "creation");
        let state = match (creators.watching, creators.created) {
            (true, _) => "watched",
            (false, 0) => "not watched",
            (false, _) => "not watched any more",
        };
        let text = format!(
            "who creates goroutines: {state}, {seen} seen ({})",
            creators.reason
        );
        page.paragraph(&text);
    }
    per_open(page, &sockets.per_open);
    for line in sockets.origins.iter().take(most) {
        origin(page, line);
    }
    if sockets.origins.len() > most {
        let more = (sockets.origins.len() - most) as u64;
        page.paragraph(&format!("and {}", plural(more, "further origin")));
    }
    unexplained(page, &sockets.unexplained, most);
    other_descriptors(page, sockets);
}

/// What one origin has opened, what became of that, and how it came to be.
fn origin(page: &mut Page, origin: &SocketOrigin) {
    let oldest = origin
        .oldest_seconds
        .map_or(String::new(), |seconds| format!(", oldest {seconds:.1} s"));
    let place = match (&origin.origin, origin.stack.first()) {
        (Some(_), _) | (None, Some(_)) => origin.place(),
        (None, None) if origin.stacks > 1 => plural(origin.stacks, "other stack"),
        (None, None) => "a lost stack".to_owned(),
    };
    page.item(
        "    ",
        "        ",
        &format!(
            "opened {}, closed {}, open {}{oldest} by {place}",
            origin.opened, origin.closed, origin.open
        ),
    );
    if !origin.peers.is_empty() {
        page.line("        ", &format!("to {}", origin.peers.join(", ")));
    }
    let closers = origin.closed_by.iter();
    let closers = closers.map(|closer| format!("{} by {}", closer.closed, closer.at.place()));
    let closers: Vec<String> = closers.collect();
    if !closers.is_empty() {
        let text = format!("closed: {}", closers.join(", "));
        page.item("        ", "          ", &text);
    }
    if let Some(connects) = origin.connects.as_ref().and_then(ConnectCounts::words) {
        page.item("        ", "          ", &connects);
    }
    states(page, origin.states.iter().flatten());
    let (sent, received) = (origin.bytes_sent, origin.bytes_received);
    traffic(page, sent, received, origin.buffer_bytes);
    if let Some(Usage { known, used }) = origin.usage {
        let text =
            format!("of {known} watched for 10 s or longer, {used} carried bytes in the last 10 s");
        page.line("        ", &text);
    }
    for own in &origin.through {
        page.item(
            "        ",
            "          ",
            &format!("through {}", own.place()),
        );
    }
    for hop in &origin.chain {
        let place = hop.created_by.place();
        let when = if hop.listed {
            ", before that was watched"
        } else {
            ""
        };
        let text = format!("in a goroutine that {place} created{when}");
        page.item("        ", "          ", &text);
    }
    if let Some(why) = &origin.origin_missing {
        page.item("        ", "          ", &format!("origin not seen: {why}"));
    }
}

/// What the calls do not tell.
fn irregularities(page: &mut Page, sockets: &Sockets) {
    if sockets.contradictions > 0 {
        page.paragraph(&format!(
            "contradictions in the calls seen: {}; what is open was put right from /proc",
            sockets.contradictions
        ));
    }
    let received = sockets.received.unwrap_or(0);
    if received > 0 {
        page.paragraph(&format!(
            "{} received from another process: in /proc, no call of this one has opened them, and \
             none was missed",
            plural(received, "socket")
        ));
    }
    if sockets.found > received {
        page.paragraph(&format!(
            "{} found in /proc that no call has opened: received from another process, or the call \
             was not seen",
            plural(sockets.found - received, "socket")
        ));
    }
    if let Some(why) = sockets.states_missing {
        page.paragraph(&format!(
            "where sockets lead, their states and their bytes are not known: {why}"
        ));
    }
}

/// What is open from before the start, or was found later.
fn unexplained(page: &mut Page, sockets: &[UnexplainedSockets], most: usize) {
    for group in sockets.iter().take(most) {
        let protocol = group.protocol.as_deref().unwrap_or("of unknown protocol");
        let place = match (group.direction, &group.address) {
            (Some(direction), Some(address)) => format!(" {} {address}", direction.words()),
            (None, Some(address)) => format!(" at {address}"),
            _ => String::new(),
        };
        let whence = if group.received {
            "received from another process"
        } else if group.found {
            "received from another process, or opened unseen"
        } else {
            "open before the attach, so who opened them was not seen"
        };
        let text = format!("{} {protocol}{place}: {whence}", group.open);
        page.item("    ", "        ", &text);
        states(page, group.states.iter().flatten());
        let (sent, received) = (group.bytes_sent, group.bytes_received);
        traffic(page, sent, received, group.buffer_bytes);
    }
    if sockets.len() > most {
        let more: u64 = sockets[most..].iter().map(|group| group.open).sum();
        page.paragraph(&format!("and {} like these", plural(more, "socket")));
    }
}

fn states<'a>(page: &mut Page, states: impl Iterator<Item = (&'a &'static str, &'a u64)>) {
    let states = states.map(|(state, count)| format!("{state} {count}"));
    let states: Vec<String> = states.collect();
    if !states.is_empty() {
        page.line("        ", &states.join(", "));
    }
}

/// What went through the open ones, and what the kernel keeps for them.
fn traffic(page: &mut Page, sent: Option<u64>, received: Option<u64>, buffers: Option<u64>) {
    let buffers = buffers
        .filter(|bytes| *bytes > 0)
        .map_or(String::new(), |bytes| {
            format!(", kernel buffers {}", size(bytes))
        });
    if let (Some(sent), Some(received)) = (sent, received)
        && (sent > 0 || received > 0)
    {
        let text = format!("sent {}, received {}{buffers}", size(sent), size(received));
        page.line("        ", &text);
    }
}

fn other_descriptors(page: &mut Page, sockets: &Sockets) {
    let kinds = sockets.other_descriptors.iter().flatten();
    let kinds = kinds.filter(|kind| kind.open > 0 || kind.growth != 0);
    let kinds = kinds.map(|kind| match kind.growth {
        0 => format!("{} {}", kind.kind, kind.open),
        growth => format!("{} {} ({growth:+})", kind.kind, kind.open),
    });
    let kinds: Vec<String> = kinds.collect();
    if !kinds.is_empty() {
        page.paragraph(&format!("other descriptors: {}", kinds.join(", ")));
    }
}

fn per_open(page: &mut Page, slopes: &PerOpen) {
    let kib = |what: &str, slope: &Option<Slope>| {
        slope.as_ref().map(|slope| {
            let [value, low, high] =
                [slope.value, slope.low, slope.high].map(|bytes| bytes / 1024.0);
            format!("{value:.1} KiB of {what} ({low:.1} to {high:.1})")
        })
    };
    let goroutines = slopes.goroutines.as_ref().map(|slope| {
        let Slope {
            value, low, high, ..
        } = slope;
        format!("{value:.1} goroutines ({low:.1} to {high:.1})")
    });
    let known = [
        kib("live heap", &slopes.live_heap_bytes),
        kib("RSS", &slopes.rss_bytes),
        goroutines,
    ];
    let known: Vec<String> = known.into_iter().flatten().collect();
    if !known.is_empty() {
        page.paragraph(&format!("for each open socket more: {}", known.join(", ")));
    }
}
