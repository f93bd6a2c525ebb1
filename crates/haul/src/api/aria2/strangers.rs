//! The places for those who have not shown the token: few, and only a part of them for one machine.
//! Knows nothing of tokens.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::neighbours::{self, Neighbours};

/// Bodies and sockets of strangers at once.
const MOST: usize = 64;

/// Most of them of one machine; behind a proxy all are one.
const MOST_OF_ONE: usize = MOST / 2;

/// How long a WebSocket may be a stranger's.
pub(super) const LONGEST: Duration = Duration::from_secs(10);

/// Who is here.
pub(super) struct Strangers {
    all: Arc<Semaphore>,
    each: Mutex<Neighbours>,
}

/// A stranger's place, given back on drop.
pub(super) struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_one: neighbours::Place,
}

impl Default for Strangers {
    fn default() -> Strangers {
        Strangers {
            all: Arc::new(Semaphore::new(MOST)),
            each: Mutex::new(Neighbours::new(MOST_OF_ONE)),
        }
    }
}

impl Strangers {
    /// A place for one at this address, if there is one.
    pub(super) fn admit(&self, from: IpAddr) -> Option<Place> {
        // A leaf lock: only counting happens while it is held.
        let of_one = {
            let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
            each.admit(from)?
        };
        let of_all = self.all.clone().try_acquire_owned().ok()?;
        Some(Place {
            _of_all: of_all,
            _of_one: of_one,
        })
    }
}
