//! What a recording that has nothing to read waits for.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::event::epoll;
use tokio::io::{Interest, unix::AsyncFd};

use crate::source::stop::Stop;

/// Why it goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Woken {
    /// The time is up, the kernel side has written much, or the target has exited.
    Look,
    /// The user asks to stop.
    Stopped,
}

/// The rings, and the end of the target.
pub(super) struct Rest {
    /// An epoll of all rings.
    rings: AsyncFd<OwnedFd>,
    exit: AsyncFd<OwnedFd>,
}

impl Rest {
    pub(super) fn new<'r>(
        rings: impl Iterator<Item = BorrowedFd<'r>>,
        pidfd: BorrowedFd<'_>,
    ) -> io::Result<Self> {
        let all = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for ring in rings {
            let events = epoll::EventFlags::IN;
            epoll::add(&all, ring, epoll::EventData::new_u64(0), events)?;
        }
        Ok(Self {
            rings: readable(all.as_fd())?,
            exit: readable(pidfd)?,
        })
    }

    /// Waits until `wake`, or for what is worth a look before.
    pub(super) async fn until(&mut self, wake: Instant, stop: &mut Stop) -> Woken {
        tokio::select! {
            () = tokio::time::sleep_until(wake.into()) => {}
            ready = self.rings.readable() => {
                // The kernel side wakes once for many records; all that are there are read now.
                if let Ok(mut ready) = ready {
                    ready.clear_ready();
                }
            }
            _ = self.exit.readable() => {}
            () = stop.wait() => return Woken::Stopped,
        }
        Woken::Look
    }
}

fn readable(fd: BorrowedFd<'_>) -> io::Result<AsyncFd<OwnedFd>> {
    let own = fd.try_clone_to_owned()?;
    // SAFETY: the descriptor is owned by what it is registered with, and so closed after it.
    unsafe { AsyncFd::register_with_interest(own, Interest::READABLE) }.map_err(Into::into)
}
