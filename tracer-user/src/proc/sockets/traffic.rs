//! What TCP sockets have sent and received, and the kernel memory that they take, as `ss -im` shows it: only the kernel's socket
//! diagnostics tell it, and only in the network namespace of the socket.

use std::collections::HashMap;
use std::fs::{File, read_link};
use std::io;
use std::os::fd::AsFd as _;
use std::thread;

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::nlas::{MemInfo, Nla};
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags,
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_SOCK_DIAG};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tracer_core::event::SocketTraffic;

/// Sockets of a namespace that are looked at; one with more is read in part.
const MAX_SOCKETS: usize = 100_000;
/// The kernel fills up to 32 KiB at once.
const ANSWER: usize = 64 << 10;

/// Where `struct tcp_info` (`include/uapi/linux/tcp.h`) has its counts; it only ever grew at its end.
const BYTES_RECEIVED: usize = 128;
const BYTES_SENT: usize = 200;
const BYTES_SENT_AGAIN: usize = 208;

/// The TCP sockets in the namespace of a process, by inode.
///
/// # Errors
/// Without the right to enter the namespace, or when the process is gone.
pub(super) fn read(pid: u32) -> io::Result<HashMap<u64, SocketTraffic>> {
    let theirs = format!("/proc/{pid}/ns/net");
    let is_ours = read_link(&theirs)? == read_link("/proc/self/ns/net")?;
    let namespace = File::open(theirs)?;
    // A thread of its own: a thread that has entered a namespace stays in it.
    let reader = thread::Builder::new().name("socket-diag".to_owned());
    let reader = reader.spawn(move || {
        if !is_ours {
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), network)?;
        }
        let mut found = HashMap::new();
        for family in [AF_INET, AF_INET6] {
            dump(family, &mut found)?;
        }
        Ok(found)
    })?;
    reader
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the reader of sockets panicked")))
}

fn dump(family: u8, found: &mut HashMap<u64, SocketTraffic>) -> io::Result<()> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.send(&request(family), 0)?;
    let mut answer = Vec::with_capacity(ANSWER);
    loop {
        answer.clear();
        socket.recv(&mut answer, 0)?;
        if take(&answer, found) || found.len() >= MAX_SOCKETS {
            return Ok(());
        }
    }
}

fn request(family: u8) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let wanted = InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::INFO | ExtensionFlags::SKMEMINFO,
        states: StateFlags::all(),
        socket_id: if family == AF_INET {
            SocketId::new_v4()
        } else {
            SocketId::new_v6()
        },
    };
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(wanted).into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// Takes what one answer tells; `true` after the last, and when the kernel says something else.
fn take(mut answer: &[u8], found: &mut HashMap<u64, SocketTraffic>) -> bool {
    while !answer.is_empty() {
        let Ok(message) = NetlinkMessage::<SockDiagMessage>::deserialize(answer) else {
            return true;
        };
        let NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(socket)) = message.payload
        else {
            return true;
        };
        if let Some(traffic) = traffic(&socket) {
            found.insert(socket.header.inode.into(), traffic);
        }
        // Messages begin at multiples of four bytes.
        let length = (message.header.length as usize).next_multiple_of(4);
        answer = answer.get(length..).unwrap_or_default();
    }
    false
}

fn traffic(socket: &InetResponse) -> Option<SocketTraffic> {
    let info = socket.nlas.iter().find_map(|attribute| match attribute {
        Nla::TcpInfo(info) => Some(info),
        _ => None,
    })?;
    let count = |at: usize| {
        let bytes = info.get(at..at + 8)?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    };
    let memory = socket.nlas.iter().find_map(|attribute| match attribute {
        Nla::MemInfo(info) => Some(buffers(info)),
        _ => None,
    });
    Some(SocketTraffic {
        sent: count(BYTES_SENT)?.saturating_sub(count(BYTES_SENT_AGAIN)?),
        received: count(BYTES_RECEIVED)?,
        memory,
    })
}

/// What a cgroup is charged for: both queues, and the reserve that is kept for them, which may be in
/// debt for a moment.
fn buffers(info: &MemInfo) -> u64 {
    let parts = [info.receive_queue, info.send_queue, info.cache];
    let parts = parts.into_iter().filter(|part| part.cast_signed() > 0);
    parts.map(u64::from).sum()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn what_went_through_our_own_connection() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else {
                // Without IPv6 there is no such address.
                assert!(address.starts_with('['), "{address}");
                continue;
            };
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut server, _) = listener.accept().unwrap();
            client.write_all(&[1; 1000]).unwrap();
            let inode = |socket: &TcpStream| {
                let file = File::from(OwnedFd::from(socket.try_clone().unwrap()));
                file.metadata().unwrap().ino()
            };
            let waiting = read(std::process::id()).unwrap()[&inode(&server)];
            assert!(waiting.memory.unwrap() >= 1000, "{waiting:?}");
            server.read_exact(&mut [0; 1000]).unwrap();
            server.write_all(&[2; 50]).unwrap();
            client.read_exact(&mut [0; 50]).unwrap();
            let found = read(std::process::id()).unwrap();
            let of = |socket: &TcpStream| {
                let traffic = found[&inode(socket)];
                (traffic.sent, traffic.received)
            };
            assert_eq!(of(&client), (1000, 50));
            assert_eq!(of(&server), (50, 1000));
        }
    }

    #[test]
    fn what_the_kernel_never_says_ends_it() {
        assert!(take(&[0; 3], &mut HashMap::new()));
        assert!(take(&[0xff; 64], &mut HashMap::new()));
    }
}
