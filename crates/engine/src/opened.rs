//! The first bytes of a file, as the probe brought them: on their way, or held in memory until the
//! download's turn comes.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Kind, Result};
use crate::http::Body;

/// The file's first bytes.
pub(crate) struct Opened {
    pub(crate) bytes: Opening,
    /// How many they are; `None` until their end.
    pub(crate) len: Option<u64>,
}

/// Where the first bytes are.
pub(crate) enum Opening {
    /// On their way.
    Live(Box<Body>),
    /// Here.
    Held(Held),
}

/// Bytes in memory, with their share of what may be held there.
pub(crate) struct Held {
    pub(crate) bytes: Bytes,
    _share: OwnedSemaphorePermit,
}

/// Room in memory for the bodies of small files that were probed and not started yet.
#[derive(Clone)]
pub(crate) struct Shelf(Arc<Semaphore>);

impl Shelf {
    /// Bytes for all of them together.
    const ROOM: u32 = 64 << 20;
    /// Bytes for one of them.
    const MOST: u64 = 256 << 10;
    /// A body that takes longer is not worth the wait.
    const PATIENCE: Duration = Duration::from_secs(2);

    pub(crate) fn new() -> Shelf {
        Shelf(Arc::new(Semaphore::new(Shelf::ROOM as usize)))
    }

    /// Reads a small body to its end, so that its connection serves others and no byte of it is
    /// fetched twice. Lets go of a body that cannot be held, unless it may stay open.
    pub(crate) async fn hold(&self, opened: Opened, otherwise: Otherwise) -> Option<Opened> {
        let len = opened.len.filter(|len| *len <= Shelf::MOST);
        let share = len.and_then(|len| {
            let len = u32::try_from(len).ok()?;
            self.0.clone().try_acquire_many_owned(len).ok()
        });
        let (body, len, share) = match (opened, share) {
            (
                Opened {
                    bytes: Opening::Live(body),
                    len: Some(len),
                },
                Some(share),
            ) => (body, len, share),
            (opened, _) => return Some(opened).filter(|_| otherwise == Otherwise::KeepOpen),
        };
        let read = tokio::time::timeout(Shelf::PATIENCE, read_all(*body, len)).await;
        let bytes = read.ok()?.ok()?;
        let held = Held {
            bytes,
            _share: share,
        };
        Some(Opened {
            bytes: Opening::Held(held),
            len: Some(len),
        })
    }
}

/// What to do with a body that is too large to be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Otherwise {
    /// It stays open; its connection is not needed elsewhere.
    KeepOpen,
    /// It is closed.
    Close,
}

/// All of a body that brings `len` bytes, and no more of it.
pub(crate) async fn read_all(mut body: Body, len: u64) -> Result<Bytes> {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let mut bytes = BytesMut::new();
    while bytes.len() < len {
        let Some(frame) = body.frame().await? else {
            return Err(Error::passing(Kind::Disconnected, "the body was cut short"));
        };
        bytes.extend_from_slice(&frame);
    }
    bytes.truncate(len);
    body.finish();
    Ok(bytes.freeze())
}
