//! Ctrl-C and SIGTERM as one stream.

use tidegate_core::{Result, ResultExt};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Both signals.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Starts listening; from now on neither ends the process by itself.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn listen() -> Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt()).context(|| "SIGINT")?,
            terminate: signal(SignalKind::terminate()).context(|| "SIGTERM")?,
        })
    }
    /// The next of either.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
