//! How a run is asked to stop: SIGTERM and SIGINT. Knows nothing of what has to be stopped.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What an interrupted command exits with by convention: 128 and the number of SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// The signals that ask for a stop.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on these signals no longer end the process by themselves.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub(crate) fn listen() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next signal. Cancel-safe.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Runs `closing` to its end, unless another signal comes: then the process ends at once, with
    /// nothing lost but what the last checkpoint does not hold.
    #[expect(
        clippy::disallowed_methods,
        reason = "a second signal asks for exactly that: not to wait for the last checkpoint"
    )]
    pub(crate) async fn unless_repeated<T>(&mut self, closing: impl Future<Output = T>) -> T {
        tokio::select! {
            done = closing => done,
            () = self.next() => std::process::exit(i32::from(INTERRUPTED)),
        }
    }
}
