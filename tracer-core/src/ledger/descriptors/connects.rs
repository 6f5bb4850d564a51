//! What became of the connections that a process has asked for.

use std::collections::BTreeMap;
use std::mem;
use std::ops::AddAssign;

use super::DescriptorLedger;
use crate::event::{ConnectAnswer, Errno, Peer};

/// Errors that are told apart; the kernel has about twenty for this.
const MAX_ERRORS: usize = 32;
/// Stands for all further ones.
const OTHER: Errno = Errno(0);

const EINTR: Errno = Errno(4);
const EISCONN: Errno = Errno(106);
const EALREADY: Errno = Errno(114);
const EINPROGRESS: Errno = Errno(115);

/// Calls of `connect` by what became of them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Connects {
    /// There was a connection.
    pub made: u64,
    /// There was none, by error.
    pub failed: BTreeMap<Errno, u64>,
    /// No answer yet, or the process has not asked for it.
    pub in_progress: u64,
    /// Closed while in progress: the process has given up.
    pub given_up: u64,
}

impl Connects {
    fn fail(&mut self, error: Errno, times: u64) {
        let is_full = self.failed.len() >= MAX_ERRORS && !self.failed.contains_key(&error);
        *self
            .failed
            .entry(if is_full { OTHER } else { error })
            .or_default() += times;
    }
}

impl AddAssign for Connects {
    fn add_assign(&mut self, other: Self) {
        self.made += other.made;
        self.in_progress += other.in_progress;
        self.given_up += other.given_up;
        for (error, times) in other.failed {
            self.fail(error, times);
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Became {
    InProgress,
    Made,
    Failed(Errno),
}

impl DescriptorLedger {
    /// Takes the answer to a `connect` in progress. One that was decided already stays so: later
    /// errors are those of the connection.
    pub fn answered(&mut self, answer: &ConnectAnswer) {
        if self.is_in_progress(answer.fd) {
            self.became(answer.fd, answer.error.map_or(Became::Made, Became::Failed));
        }
    }

    pub(super) fn connect(&mut self, fd: i32, peer: Option<&Peer>, outcome: Result<u64, Errno>) {
        match outcome {
            // Without an address (AF_UNSPEC) it takes back what was connected.
            Ok(_) if peer.is_none() => {}
            Ok(_) => self.became(fd, Became::Made),
            // Interrupted, it goes on all the same.
            Err(EINPROGRESS | EALREADY | EINTR) => self.became(fd, Became::InProgress),
            Err(EISCONN) if self.is_in_progress(fd) => self.became(fd, Became::Made),
            Err(EISCONN) => {}
            Err(error) => self.became(fd, Became::Failed(error)),
        }
        let socket = self.slots.get(&fd).map(|slot| slot.socket);
        let opened = socket.and_then(|id| self.sockets.get(&id)?.opened);
        if let (Some(opened), Some(peer)) = (opened, peer) {
            self.origins.peer(opened.by, peer);
        }
    }

    /// A list has the socket connected.
    pub(super) fn seen_connected(&mut self, fd: i32) {
        if self.is_in_progress(fd) {
            self.became(fd, Became::Made);
        }
    }

    fn is_in_progress(&self, fd: i32) -> bool {
        let slot = self.slots.get(&fd);
        let socket = slot.and_then(|slot| self.sockets.get(&slot.socket));
        socket.is_some_and(|socket| socket.in_progress)
    }

    /// Counts it for who opened the socket.
    fn became(&mut self, fd: i32, now: Became) {
        let slot = self.slots.get(&fd);
        let Some(socket) = slot.and_then(|slot| self.sockets.get_mut(&slot.socket)) else {
            return;
        };
        // Of others nobody counts it.
        let Some(opened) = socket.opened else { return };
        let was_in_progress = mem::replace(&mut socket.in_progress, now == Became::InProgress);
        let connects = self.origins.connects(opened.by);
        connects.in_progress -= u64::from(was_in_progress);
        match now {
            Became::InProgress => connects.in_progress += 1,
            Became::Made => connects.made += 1,
            Became::Failed(error) => connects.fail(error, 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Call, SocketState, SocketStates, Syscall, Timestamp};
    use crate::ledger::creators::CreatorLedger;

    /// One step in the life of descriptor 3.
    #[derive(Clone, Copy)]
    enum Step {
        Connect(Result<u64, u32>),
        /// To no address.
        Disconnect,
        Answer(u32),
        Close,
        /// Listed in this state.
        State(u32),
    }
    use Step::{Answer, Close, Connect, Disconnect, State};

    const SYN_SENT: u32 = 2;
    const ESTABLISHED: u32 = 1;
    const IN_PROGRESS: Step = Connect(Err(115));
    const REFUSED: u32 = 111;

    fn take(ledger: &mut DescriptorLedger, at: u64, what: Syscall, outcome: Result<u64, u32>) {
        let call = Call {
            tid: 1,
            entered: Some(Timestamp(at - 1)),
            stack: None,
            goroutine: None,
            outcome: outcome.map_err(Errno),
            what,
        };
        ledger.apply(&call, Timestamp(at), &CreatorLedger::default());
    }

    #[track_caller]
    fn check(steps: &[Step], expected: &str) {
        let mut ledger = DescriptorLedger::default();
        ledger.seed(&[], Timestamp(1));
        let socket = Syscall::Socket {
            family: 2,
            kind: 1,
            protocol: 0,
        };
        take(&mut ledger, 5, socket, Ok(3));
        for (step, at) in steps.iter().zip((10_u64..).step_by(10)) {
            match *step {
                Connect(outcome) => {
                    let peer = Some(Peer::Other(7));
                    take(&mut ledger, at, Syscall::Connect { fd: 3, peer }, outcome);
                }
                Disconnect => {
                    let what = Syscall::Connect { fd: 3, peer: None };
                    take(&mut ledger, at, what, Ok(0));
                }
                Answer(error) => ledger.answered(&ConnectAnswer {
                    fd: 3,
                    error: (error != 0).then_some(Errno(error)),
                }),
                Close => take(&mut ledger, at, Syscall::Close { fd: 3 }, Ok(0)),
                State(state) => ledger.observe(&SocketStates {
                    began: Timestamp(at),
                    sockets: vec![SocketState {
                        fd: 3,
                        inode: 30,
                        state,
                        ..SocketState::default()
                    }],
                    ..SocketStates::default()
                }),
            }
        }
        let counts = ledger.origins().next().map(|(_, count, _)| &count.connects);
        let Some(Connects {
            made,
            failed,
            in_progress,
            given_up,
        }) = counts
        else {
            panic!("no origin");
        };
        let failed: Vec<(u32, u64)> = failed.iter().map(|(errno, n)| (errno.0, *n)).collect();
        let found = format!(
            "{made} made, {failed:?} failed, {in_progress} in progress, {given_up} given up"
        );
        assert_eq!(found, expected);
    }

    #[test]
    fn decided_at_once() {
        check(
            &[Connect(Ok(0)), Close],
            "1 made, [] failed, 0 in progress, 0 given up",
        );
        check(
            &[Connect(Err(101)), Close],
            "0 made, [(101, 1)] failed, 0 in progress, 0 given up",
        );
        check(
            &[Connect(Ok(0)), Disconnect, Connect(Ok(0))],
            "2 made, [] failed, 0 in progress, 0 given up",
        );
        // It is asked twice, and the second time a server listens.
        check(
            &[Connect(Err(REFUSED)), Connect(Ok(0))],
            "1 made, [(111, 1)] failed, 0 in progress, 0 given up",
        );
    }

    #[test]
    fn decided_later() {
        check(
            &[IN_PROGRESS],
            "0 made, [] failed, 1 in progress, 0 given up",
        );
        check(
            &[IN_PROGRESS, Answer(0), Close],
            "1 made, [] failed, 0 in progress, 0 given up",
        );
        check(
            &[IN_PROGRESS, Answer(REFUSED), Close],
            "0 made, [(111, 1)] failed, 0 in progress, 0 given up",
        );
        check(
            &[IN_PROGRESS, Close],
            "0 made, [] failed, 0 in progress, 1 given up",
        );
        // Asked by calling again.
        check(
            &[IN_PROGRESS, Connect(Err(114)), Connect(Err(106))],
            "1 made, [] failed, 0 in progress, 0 given up",
        );
        check(
            &[IN_PROGRESS, Connect(Err(REFUSED))],
            "0 made, [(111, 1)] failed, 0 in progress, 0 given up",
        );
    }

    #[test]
    fn what_comes_after_the_decision_is_of_the_connection() {
        check(
            &[IN_PROGRESS, Answer(0), Answer(104), Connect(Err(106))],
            "1 made, [] failed, 0 in progress, 0 given up",
        );
    }

    #[test]
    fn a_list_decides_where_nobody_asks() {
        check(
            &[IN_PROGRESS, State(SYN_SENT), Close],
            "0 made, [] failed, 0 in progress, 1 given up",
        );
        check(
            &[IN_PROGRESS, State(ESTABLISHED), Answer(104), Close],
            "1 made, [] failed, 0 in progress, 0 given up",
        );
    }

    #[test]
    fn errors_that_no_kernel_has_take_little_room() {
        let mut connects = Connects::default();
        for error in 1..1000 {
            connects.fail(Errno(error), 1);
        }
        assert_eq!(connects.failed.len(), MAX_ERRORS + 1);
        assert_eq!(connects.failed.values().sum::<u64>(), 999);
    }
}
