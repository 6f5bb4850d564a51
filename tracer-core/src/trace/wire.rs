//! The messages of a block, as `tracer.proto` documents them.

use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::column::COLUMNS;
use crate::event;

/// A block of events: the columns, still packed.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Events {
    #[prost(bytes = "vec", tag = "1")]
    kinds: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    times: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    processes: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    stacks: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    stack_refs: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    tids: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    entered: Vec<u8>,
    #[prost(bytes = "vec", tag = "8")]
    outcomes: Vec<u8>,
    #[prost(bytes = "vec", tag = "9")]
    addresses: Vec<u8>,
    #[prost(bytes = "vec", tag = "10")]
    lengths: Vec<u8>,
    #[prost(bytes = "vec", tag = "11")]
    arguments: Vec<u8>,
    #[prost(bytes = "vec", tag = "12")]
    peers: Vec<u8>,
    #[prost(bytes = "vec", tag = "13")]
    accesses: Vec<u8>,
    #[prost(bytes = "vec", tag = "14")]
    counts: Vec<u8>,
    #[prost(bytes = "vec", tag = "15")]
    records: Vec<u8>,
    #[prost(bytes = "vec", tag = "16")]
    goroutines: Vec<u8>,
    #[prost(bytes = "vec", tag = "17")]
    created: Vec<u8>,
    #[prost(bytes = "vec", tag = "18")]
    allocated: Vec<u8>,
    #[prost(bytes = "vec", tag = "19")]
    callers: Vec<u8>,
    #[prost(bytes = "vec", tag = "20")]
    places: Vec<u8>,
    #[prost(bytes = "vec", tag = "21")]
    pages: Vec<u8>,
    #[prost(bytes = "vec", tag = "22")]
    sizes: Vec<u8>,
    #[prost(bytes = "vec", tag = "23")]
    changes: Vec<u8>,
}

impl Events {
    pub(super) fn from_columns(columns: [Vec<u8>; COLUMNS]) -> Self {
        let [
            kinds,
            times,
            processes,
            stacks,
            stack_refs,
            tids,
            entered,
            outcomes,
            addresses,
            lengths,
            arguments,
            peers,
            accesses,
            counts,
            records,
            goroutines,
            created,
            allocated,
            callers,
            places,
            pages,
            sizes,
            changes,
        ] = columns;
        Self {
            kinds,
            times,
            processes,
            stacks,
            stack_refs,
            tids,
            entered,
            outcomes,
            addresses,
            lengths,
            arguments,
            peers,
            accesses,
            counts,
            records,
            goroutines,
            created,
            allocated,
            callers,
            places,
            pages,
            sizes,
            changes,
        }
    }

    pub(super) fn into_columns(self) -> [Vec<u8>; COLUMNS] {
        [
            self.kinds,
            self.times,
            self.processes,
            self.stacks,
            self.stack_refs,
            self.tids,
            self.entered,
            self.outcomes,
            self.addresses,
            self.lengths,
            self.arguments,
            self.peers,
            self.accesses,
            self.counts,
            self.records,
            self.goroutines,
            self.created,
            self.allocated,
            self.callers,
            self.places,
            self.pages,
            self.sizes,
            self.changes,
        ]
    }
}

/// How a page was touched.
#[derive(Clone, Copy, Debug, Eq, PartialEq, prost::Enumeration)]
#[repr(i32)]
pub(super) enum Access {
    Unknown = 0,
    Write = 1,
    Read = 2,
    Execute = 3,
}

/// The other end of a socket.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Peer {
    #[prost(oneof = "PeerKind", tags = "1, 2, 3")]
    kind: Option<PeerKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum PeerKind {
    #[prost(message, tag = "1")]
    Inet(Inet),
    #[prost(bytes = "vec", tag = "2")]
    Unix(Vec<u8>),
    #[prost(uint32, tag = "3")]
    Other(u32),
}

/// An IPv4 or IPv6 address and port.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Inet {
    #[prost(bytes = "vec", tag = "1")]
    address: Vec<u8>,
    #[prost(uint32, tag = "2")]
    port: u32,
    #[prost(uint32, tag = "3")]
    flow_info: u32,
    #[prost(uint32, tag = "4")]
    scope_id: u32,
}

impl From<&event::Peer> for Peer {
    fn from(peer: &event::Peer) -> Self {
        let kind = match peer {
            event::Peer::Inet(address) => PeerKind::Inet((*address).into()),
            event::Peer::Unix(path) => PeerKind::Unix(path.clone()),
            event::Peer::Other(family) => PeerKind::Other(u32::from(*family)),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<Peer> for event::Peer {
    type Error = ();

    fn try_from(peer: Peer) -> Result<Self, ()> {
        Ok(match peer.kind.ok_or(())? {
            PeerKind::Inet(inet) => Self::Inet(inet.try_into()?),
            PeerKind::Unix(path) => Self::Unix(path),
            PeerKind::Other(family) => Self::Other(family.try_into().map_err(|_| ())?),
        })
    }
}

impl From<SocketAddr> for Inet {
    fn from(socket: SocketAddr) -> Self {
        let address = match socket.ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let (flow_info, scope_id) = match socket {
            SocketAddr::V4(_) => (0, 0),
            SocketAddr::V6(v6) => (v6.flowinfo(), v6.scope_id()),
        };
        Self {
            address,
            port: u32::from(socket.port()),
            flow_info,
            scope_id,
        }
    }
}

impl TryFrom<Inet> for SocketAddr {
    type Error = ();

    fn try_from(inet: Inet) -> Result<Self, ()> {
        let port = inet.port.try_into().map_err(|_| ())?;
        let address = inet.address.as_slice();
        if let Ok(v4) = <[u8; 4]>::try_from(address) {
            return Ok(Self::V4(SocketAddrV4::new(v4.into(), port)));
        }
        let v6 = <[u8; 16]>::try_from(address).map_err(|_| ())?;
        Ok(Self::V6(SocketAddrV6::new(
            v6.into(),
            port,
            inet.flow_info,
            inet.scope_id,
        )))
    }
}

/// Where the blocks of events are.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Index {
    #[prost(message, repeated, tag = "1")]
    pub(super) entries: Vec<IndexEntry>,
}

/// One block, or several that follow each other.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct IndexEntry {
    #[prost(uint64, tag = "1")]
    pub(super) offset: u64,
    #[prost(uint64, tag = "2")]
    pub(super) blocks: u64,
    #[prost(uint64, tag = "3")]
    pub(super) events: u64,
    #[prost(uint64, tag = "4")]
    pub(super) first_ns: u64,
    #[prost(uint64, tag = "5")]
    pub(super) last_ns: u64,
}
