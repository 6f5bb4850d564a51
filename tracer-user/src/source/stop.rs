//! When to stop: the first signal ends the recording in good order, the second at once.

use std::io::IsTerminal as _;

use rustix::process::Signal;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::output::live_view;

/// Exit code of a program ended by ^C, as shells report it.
const INTERRUPTED: i32 = 130;

/// Tells whether the user asked to stop.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens for `SIGINT`, `SIGTERM` and `SIGHUP` on the runtime's own thread, so that the
    /// second one is heard even while the first is being obeyed.
    ///
    /// # Errors
    /// When the process can have no more signal handlers.
    pub fn listen() -> std::io::Result<Self> {
        // Past a limit on file sizes a write then fails, as on a full disk, and kills nobody. The
        // handler stays when its listener is gone.
        drop(signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?);
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            let mut heard = false;
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hang_up.recv() => {}
                }
                if heard {
                    // The kernel unloads the programs with our descriptors; the trace is valid
                    // up to its last whole block.
                    if std::io::stderr().is_terminal() {
                        live_view::abandon();
                    }
                    std::process::exit(INTERRUPTED);
                }
                heard = true;
                // Nobody listens any more when the recording is over.
                let _ = sender.send(true);
            }
        });
        Ok(Self(receiver))
    }

    /// Whether a signal came.
    #[must_use]
    pub fn asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for a signal.
    pub async fn wait(&mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            // The listener is gone with the runtime: no signal will come.
            std::future::pending::<()>().await;
        }
    }
}
