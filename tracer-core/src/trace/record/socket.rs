//! The messages of the sockets that `/proc` lists, and of connections in progress.

use super::fact::same_fields;
use crate::event;
use crate::trace::wire::Peer;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ConnectAnswer {
    #[prost(sint32, tag = "1")]
    fd: i32,
    #[prost(uint32, optional, tag = "2")]
    error: Option<u32>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SocketStates {
    #[prost(uint64, tag = "1")]
    began: u64,
    #[prost(message, repeated, tag = "2")]
    sockets: Vec<SocketState>,
    #[prost(bool, tag = "30")]
    settled: bool,
    #[prost(message, repeated, tag = "31")]
    others: Vec<OtherDescriptors>,
    #[prost(bool, tag = "32")]
    last: bool,
    #[prost(bool, tag = "33")]
    untold: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SocketState {
    #[prost(sint32, tag = "1")]
    fd: i32,
    #[prost(uint64, tag = "2")]
    inode: u64,
    #[prost(uint32, tag = "3")]
    state: u32,
    #[prost(uint64, tag = "30")]
    queued: u64,
    #[prost(message, optional, tag = "31")]
    about: Option<SocketAbout>,
    #[prost(message, optional, tag = "32")]
    traffic: Option<SocketTraffic>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SocketTraffic {
    #[prost(uint64, tag = "1")]
    sent: u64,
    #[prost(uint64, tag = "2")]
    received: u64,
    #[prost(uint64, optional, tag = "30")]
    memory: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SocketAbout {
    #[prost(string, tag = "1")]
    protocol: String,
    #[prost(message, optional, tag = "2")]
    local: Option<Peer>,
    #[prost(message, optional, tag = "3")]
    remote: Option<Peer>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct OtherDescriptors {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(uint64, tag = "2")]
    count: u64,
}

impl From<event::ConnectAnswer> for ConnectAnswer {
    fn from(answer: event::ConnectAnswer) -> Self {
        Self {
            fd: answer.fd,
            error: answer.error.map(|error| error.0),
        }
    }
}

impl From<ConnectAnswer> for event::ConnectAnswer {
    fn from(answer: ConnectAnswer) -> Self {
        Self {
            fd: answer.fd,
            error: answer.error.map(event::Errno),
        }
    }
}

same_fields!(OtherDescriptors, { kind, count });
same_fields!(SocketTraffic, { sent, received, memory });

impl From<&event::SocketStates> for SocketStates {
    fn from(states: &event::SocketStates) -> Self {
        Self {
            began: states.began.0,
            sockets: states.sockets.iter().map(SocketState::from).collect(),
            settled: states.settled,
            last: states.last,
            untold: states.untold,
            others: states.others.iter().map(OtherDescriptors::from).collect(),
        }
    }
}

impl From<SocketStates> for event::SocketStates {
    fn from(states: SocketStates) -> Self {
        let (sockets, others) = (states.sockets.into_iter(), states.others.into_iter());
        Self {
            began: event::Timestamp(states.began),
            sockets: sockets.map(event::SocketState::from).collect(),
            settled: states.settled,
            last: states.last,
            untold: states.untold,
            others: others.map(event::OtherDescriptors::from).collect(),
        }
    }
}

impl From<&event::SocketState> for SocketState {
    fn from(socket: &event::SocketState) -> Self {
        let event::SocketState {
            fd,
            inode,
            state,
            queued,
            traffic,
            about,
        } = socket;
        Self {
            fd: *fd,
            inode: *inode,
            state: *state,
            queued: *queued,
            traffic: traffic.as_ref().map(SocketTraffic::from),
            about: about.as_ref().map(|about| SocketAbout {
                protocol: about.protocol.clone(),
                local: about.local.as_ref().map(Peer::from),
                remote: about.remote.as_ref().map(Peer::from),
            }),
        }
    }
}

impl From<SocketState> for event::SocketState {
    fn from(socket: SocketState) -> Self {
        let peer = |peer: Option<Peer>| peer.and_then(|peer| peer.try_into().ok());
        Self {
            fd: socket.fd,
            inode: socket.inode,
            state: socket.state,
            queued: socket.queued,
            traffic: socket.traffic.map(event::SocketTraffic::from),
            about: socket.about.map(|about| event::SocketAbout {
                protocol: about.protocol,
                local: peer(about.local),
                remote: peer(about.remote),
            }),
        }
    }
}
