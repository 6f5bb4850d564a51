//! The tables of sockets in `/proc/PID/net`.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tracer_core::event::{Peer, SocketAbout};

use crate::proc::fields::{hexadecimal, lines, number, words};

/// `TCP_LISTEN` (`include/net/tcp_states.h`).
pub(super) const LISTEN: u32 = 10;

/// What a table says of a socket.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) state: u32,
    pub(super) queued: u64,
    pub(super) about: SocketAbout,
}

/// The lines of a table of Internet sockets that are wanted. Sockets without an owner have inode 0.
pub(super) fn parse(table: &[u8], protocol: &str, wanted: &HashSet<u64>) -> HashMap<u64, Row> {
    let is_tcp = protocol == "TCP";
    let line = |line: &[u8]| {
        let fields: Vec<&[u8]> = words(line).take(10).collect();
        let [_, local, remote, state, waiting, _, _, _, _, inode] = fields[..] else {
            return None;
        };
        let inode = number(inode).filter(|inode| wanted.contains(inode))?;
        let state = u32::try_from(hexadecimal(state)?).ok()?;
        let (to_send, to_read) = waiting.split_at_checked(8)?;
        let to_read = to_read.strip_prefix(b":")?;
        let queued = hexadecimal(to_send)?.saturating_add(hexadecimal(to_read)?);
        let about = SocketAbout {
            protocol: protocol.to_owned(),
            local: address(local).map(Peer::Inet),
            remote: address(remote).map(Peer::Inet),
        };
        let row = Row {
            state: if is_tcp { state } else { 0 },
            // Of a listener they count connections.
            queued: if is_tcp && state == LISTEN { 0 } else { queued },
            about,
        };
        Some((inode, row))
    };
    lines(table).skip(1).filter_map(line).collect()
}

/// An address of these tables, words in the byte order of the machine; `None` for the empty one.
fn address(text: &[u8]) -> Option<SocketAddr> {
    let colon = text.iter().position(|byte| *byte == b':')?;
    let port = u16::try_from(hexadecimal(&text[colon + 1..])?).ok()?;
    let word = |word: &[u8]| Some((hexadecimal(word)? as u32).to_ne_bytes());
    let words: Option<Vec<[u8; 4]>> = text[..colon].chunks(8).map(word).collect();
    let ip = match words?[..] {
        [word] => IpAddr::V4(Ipv4Addr::from(word)),
        [a, b, c, d] => {
            let bytes = [a, b, c, d].concat();
            IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?))
        }
        _ => return None,
    };
    let address = SocketAddr::new(ip.to_canonical(), port);
    (!address.ip().is_unspecified() || port != 0).then_some(address)
}

/// The lines of the table of Unix sockets that are wanted.
pub(super) fn parse_unix(table: &[u8], wanted: &HashSet<u64>) -> HashMap<u64, Row> {
    let line = |line: &[u8]| {
        let mut fields = words(line).skip(6);
        let inode = number(fields.next()?).filter(|inode| wanted.contains(inode))?;
        // An abstract name is written with an @ for its zero byte.
        let path = fields.next().map(|path| match path.split_first() {
            Some((b'@', name)) => [&[0], name].concat(),
            _ => path.to_vec(),
        });
        let about = SocketAbout {
            protocol: "UNIX".to_owned(),
            local: path.map(Peer::Unix),
            remote: None,
        };
        let (state, queued) = (0, 0);
        Some((
            inode,
            Row {
                state,
                queued,
                about,
            },
        ))
    };
    lines(table).skip(1).filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(table: &[u8], protocol: &str, expected: &[(u64, u32, u64, &str, &str)]) {
        let wanted = HashSet::from([77, 1060, 78]);
        let text = |peer: &Option<Peer>| match peer {
            Some(Peer::Inet(address)) => address.to_string(),
            _ => String::new(),
        };
        let mut found: Vec<_> = parse(table, protocol, &wanted)
            .into_iter()
            .map(|(inode, row)| {
                let (local, remote) = (text(&row.about.local), text(&row.about.remote));
                (inode, row.state, row.queued, local, remote)
            })
            .collect();
        found.sort();
        let expected: Vec<_> = expected
            .iter()
            .map(|(inode, state, queued, local, remote)| {
                let (local, remote) = ((*local).to_owned(), (*remote).to_owned());
                (*inode, *state, *queued, local, remote)
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn lines_of_the_tables() {
        let table = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode\n\
            \x20  0: 00000000:07E8 00000000:0000 0A 00000000:00000005 00:00000000 00000000     0        0 1060 1 00\n\
            \x20  1: 0100007F:A5E6 0100007F:07E8 08 00000002:00000001 00:00000000 00000000     0        0 77 1 00\n\
            \x20  2: 0100007F:A5E6 0100007F:07E8 06 00000000:00000000 03:00000000 00000000     0        0 0 3 00\n\
            \x20  3: 0100007F:A5E6 0100007F:07E8 01 00000002 00:00000000 00000000     0        0 78 1 00\n\
            cut off\n";
        let (listens, waits) = (
            (1060, 10, 0, "0.0.0.0:2024", ""),
            (77, 8, 3, "127.0.0.1:42470", "127.0.0.1:2024"),
        );
        check(table, "TCP", &[waits, listens]);
        let table = b"head\n\
            0: 0000000000000000FFFF00000100007F:0050 00000000000000000000000001000000:0035 01 00000000:00000000 00:00000000 00000000 0 0 78 1 00\n";
        check(table, "UDP", &[(78, 0, 0, "127.0.0.1:80", "[::1]:53")]);
    }

    #[test]
    fn paths_of_unix_sockets() {
        let table = b"Num       RefCount Protocol Flags    Type St Inode Path\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 77 /run/a.sock\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 78\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 1060 @name\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 5 /run/other\n";
        let rows = parse_unix(table, &HashSet::from([77, 78, 1060]));
        let local = |inode| rows[&inode].about.local.clone();
        assert_eq!(local(77), Some(Peer::Unix(b"/run/a.sock".to_vec())));
        assert_eq!(local(78), None);
        assert_eq!(local(1060), Some(Peer::Unix(b"\0name".to_vec())));
        assert_eq!(rows.len(), 3);
    }
}
