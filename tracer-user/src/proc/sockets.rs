//! The sockets that a process holds: `/proc/PID/fd`, and the tables of the network namespace that it
//! is in.

mod table;
mod traffic;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, StatxFlags, getxattr, openat, statx};
use tracer_core::event::{Descriptor, DescriptorKind, OtherDescriptors, SocketState};

use super::{fds, read_capped};
use table::{LISTEN, parse, parse_unix};

/// Bytes of a table that are read: 100 000 sockets of the whole namespace.
const CAP: u64 = 16 << 20;

/// Bytes of a protocol's name; the kernel has 32 for it.
const MAX_NAME: usize = 32;

/// Tables of Internet sockets, all of one shape.
const TABLES: [(&str, &str); 4] = [
    ("tcp", "TCP"),
    ("tcp6", "TCP"),
    ("udp", "UDP"),
    ("udp6", "UDP"),
];

/// The open descriptors of a process at one moment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reading {
    /// Sockets, in the order of their descriptors.
    pub sockets: Vec<SocketState>,
    /// The rest, by kind.
    pub others: Vec<OtherDescriptors>,
    /// The tables of TCP could not be read, or are too large: states and addresses are missing.
    pub untold: bool,
}

/// Reads sockets again and again; says of each once what it is.
#[derive(Debug, Default)]
pub struct Reader {
    /// Inodes that the last reading had.
    known: HashSet<u64>,
}

impl Reader {
    /// What is open now.
    ///
    /// # Errors
    /// When the process is gone, or its descriptors may not be read.
    pub fn read(&mut self, pid: u32) -> io::Result<Reading> {
        let descriptors = fds::read(pid)?;
        let wanted: HashSet<u64> = descriptors.iter().filter_map(inode).collect();
        if wanted.is_empty() {
            self.known.clear();
            // The tables are those of the whole namespace, and take 9 ms even when empty.
            return Ok(Reading {
                others: others(&descriptors),
                ..Reading::default()
            });
        }
        let mut rows = HashMap::new();
        let mut untold = false;
        for (table, protocol) in TABLES {
            match read_capped(format!("/proc/{pid}/net/{table}"), CAP) {
                Ok(table) => rows.extend(parse(&table, protocol, &wanted)),
                Err(error) => untold |= is_missed(table, &error),
            }
        }
        let traffic = if rows.is_empty() {
            HashMap::new()
        } else {
            // Without the right to enter the namespace it stays unknown.
            traffic::read(pid).unwrap_or_default()
        };
        let table = read_capped(format!("/proc/{pid}/net/unix"), CAP).unwrap_or_default();
        rows.extend(parse_unix(&table, &wanted));
        let told = std::mem::replace(&mut self.known, wanted);
        let about = |fd, inode| {
            if told.contains(&inode) {
                return None;
            }
            let row = rows.get(&inode);
            let mut about = row.map(|row| row.about.clone()).unwrap_or_default();
            // The tables know the TCP sockets below an MPTCP one, and not every protocol.
            if row.is_none_or(|row| row.state == LISTEN)
                && let Some(name) = protocol(pid, fd, inode)
            {
                about.protocol = name;
            }
            Some(about)
        };
        let sockets = descriptors.iter().filter_map(|open| {
            let inode = inode(open)?;
            let row = rows.get(&inode);
            Some(SocketState {
                fd: open.fd,
                inode,
                state: row.map_or(0, |row| row.state),
                queued: row.map_or(0, |row| row.queued),
                traffic: traffic.get(&inode).copied(),
                about: about(open.fd, inode),
            })
        });
        Ok(Reading {
            sockets: sockets.collect(),
            others: others(&descriptors),
            untold,
        })
    }
}

/// Whether states are missing without this table. Without IPv6 there is none of its own.
fn is_missed(table: &str, error: &io::Error) -> bool {
    match table {
        "tcp" => true,
        "tcp6" => error.kind() != io::ErrorKind::NotFound,
        _ => false,
    }
}

fn inode(open: &Descriptor) -> Option<u64> {
    match open.kind {
        DescriptorKind::Socket { inode } => Some(inode),
        _ => None,
    }
}

fn others(descriptors: &[Descriptor]) -> Vec<OtherDescriptors> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for open in descriptors {
        let kind = match &open.kind {
            DescriptorKind::Socket { .. } => continue,
            DescriptorKind::Pipe => "pipe",
            DescriptorKind::File => "file",
            DescriptorKind::Anonymous(name) => name,
        };
        *counts.entry(kind).or_default() += 1;
    }
    let other = |(kind, count): (&str, u64)| OtherDescriptors {
        kind: kind.to_owned(),
        count,
    };
    counts.into_iter().map(other).collect()
}

/// What the kernel calls the protocol of a socket. The number may mean something else by now, and
/// asking the file system of a file may hang: so the file is held, and asked only if it is the
/// socket.
fn protocol(pid: u32, fd: i32, inode: u64) -> Option<String> {
    let path = format!("/proc/{pid}/fd/{fd}");
    let held = openat(
        CWD,
        Path::new(&path),
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
    );
    let held = held.ok()?;
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let file = statx(&held, "", flags, StatxFlags::TYPE | StatxFlags::INO).ok()?;
    let kind = FileType::from_raw_mode(file.stx_mode.into());
    if kind != FileType::Socket || file.stx_ino != inode {
        return None;
    }
    let mut name = [0; MAX_NAME];
    let own = format!("/proc/self/fd/{}", held.as_raw_fd());
    let length = getxattr(own, "system.sockprotoname", &mut name[..]).ok()?;
    let name = name.get(..length)?.split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(name).into_owned())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn our_own_sockets_are_told_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (pair, _other) = UnixStream::pair().unwrap();
        let mut reader = Reader::default();
        let found = reader.read(std::process::id()).unwrap();
        assert!(!found.untold);
        let of = |fd: i32| found.sockets.iter().find(|state| state.fd == fd).unwrap();
        let listens = of(listener.as_raw_fd());
        assert_eq!(listens.name(), "LISTEN");
        let connected = of(client.as_raw_fd());
        assert_eq!(connected.name(), "ESTABLISHED");
        let address = listens.about.clone().unwrap().local;
        assert_eq!(connected.about.clone().unwrap().remote, address);
        let unix = of(pair.as_raw_fd()).about.clone().unwrap();
        assert_eq!(unix.protocol, "UNIX");
        let again = reader.read(std::process::id()).unwrap();
        let same = again
            .sockets
            .iter()
            .find(|state| state.inode == listens.inode);
        assert_eq!(same.unwrap().about, None);
    }

    #[test]
    fn tables_that_are_missed() {
        use io::ErrorKind::{FileTooLarge, NotFound, PermissionDenied};
        let check = |table, kind: io::ErrorKind, expected| {
            assert_eq!(is_missed(table, &kind.into()), expected, "{table} {kind}");
        };
        check("tcp", PermissionDenied, true);
        check("tcp", FileTooLarge, true);
        check("tcp6", NotFound, false);
        check("tcp6", FileTooLarge, true);
        check("udp", PermissionDenied, false);
    }

    #[test]
    fn the_kernel_names_the_protocol() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (pid, fd) = (std::process::id(), listener.as_raw_fd());
        let found = Reader::default().read(pid).unwrap();
        let inode = found
            .sockets
            .iter()
            .find(|state| state.fd == fd)
            .unwrap()
            .inode;
        assert_eq!(protocol(pid, fd, inode).as_deref(), Some("TCP"));
        assert_eq!(protocol(pid, fd, inode + 1), None);
        assert_eq!(protocol(pid, -1, inode), None);
    }
}
