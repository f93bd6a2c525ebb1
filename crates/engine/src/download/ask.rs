//! Asking servers outside of a transfer: it ends when the download is stopped, and says so when it waits
//! for a connection that is in other hands.

use std::pin::pin;
use std::time::Duration;

use super::Download;
use crate::event::Reason;
use crate::limit::Owner;
use crate::transfer::Halt;

/// How often it is looked whether a connection is waited for.
const LOOK: Duration = Duration::from_millis(200);

impl Download {
    /// What comes of `asking`, which takes its connections as this download.
    pub(super) async fn asking<T>(&self, asking: impl Future<Output = T>) -> Result<T, Halt> {
        let mut asking = pin!(asking);
        let mut told = None;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return Err(Halt::Stopped),
                answer = &mut asking => {
                    if told.is_some() {
                        self.say(None);
                    }
                    return Ok(answer);
                }
                () = tokio::time::sleep(LOOK) => {}
            }
            let waits = self.context.limits.waits(Owner::Download(self.record.id));
            if waits != told {
                self.say(waits.map(|(active, most)| Reason::connections(active, most)));
                told = waits;
            }
        }
    }
}
