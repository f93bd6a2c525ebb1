//! The first bytes of a file, as the probe brought them: on their way, or held in memory until they
//! are written.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::{self, Error, Kind};
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
    Live(Box<Coming>),
    /// Here.
    Held(Held),
}

/// A body that is on its way, and what has come of it.
pub(crate) struct Coming {
    pub(crate) read: Vec<Bytes>,
    pub(crate) body: Body,
}

/// Bytes in memory, with their share of what may be held there.
pub(crate) struct Held {
    pub(crate) pieces: Vec<Bytes>,
    _share: OwnedSemaphorePermit,
}

/// Room in memory for the bodies of small files.
#[derive(Clone)]
pub(crate) struct Shelf(Arc<Semaphore>);

impl Shelf {
    /// Bytes for all of them together.
    const ROOM: u32 = 64 << 20;
    /// Bytes for one of them.
    const MOST: u64 = 256 << 10;
    /// A body that takes longer is not worth the wait.
    const PATIENCE: Duration = Duration::from_secs(2);
    /// The same for a body that is written as soon as it is here: nobody sees how far it has come.
    const AT_ONCE: Duration = Duration::from_millis(200);

    pub(crate) fn new() -> Shelf {
        Shelf(Arc::new(Semaphore::new(Shelf::ROOM as usize)))
    }

    /// Reads a small body to its end, so that its connection serves others and no byte of it is
    /// fetched twice. Lets go of a body that cannot be held, unless it may stay open.
    pub(crate) async fn hold(&self, opened: Opened, otherwise: Otherwise) -> Option<Opened> {
        let (coming, len, share) = match self.small(opened) {
            Ok(small) => small,
            Err(opened) => return Some(opened).filter(|_| otherwise == Otherwise::KeepOpen),
        };
        let held = coming.gather(len, share, Shelf::PATIENCE).await.ok()?;
        Some(Opened {
            // Its turn may come late: the pieces would keep the buffers that they were read into.
            bytes: Opening::Held(held.joined()),
            len: Some(len),
        })
    }

    /// Reads a small body to its end, if it comes at once. What has come of another one stays with it.
    pub(crate) async fn gather(&self, opened: Opened) -> Opened {
        let (coming, len, share) = match self.small(opened) {
            Ok(small) => small,
            Err(opened) => return opened,
        };
        let bytes = match coming.gather(len, share, Shelf::AT_ONCE).await {
            Ok(held) => Opening::Held(held),
            Err(coming) => Opening::Live(coming),
        };
        Opened {
            bytes,
            len: Some(len),
        }
    }

    /// A body that is small enough to be held, its length, and its share of the room.
    fn small(&self, opened: Opened) -> Result<(Box<Coming>, u64, OwnedSemaphorePermit), Opened> {
        let Some(share) = self.share(opened.len) else {
            return Err(opened);
        };
        match opened {
            Opened {
                bytes: Opening::Live(coming),
                len: Some(len),
            } => Ok((coming, len, share)),
            opened => Err(opened),
        }
    }

    fn share(&self, len: Option<u64>) -> Option<OwnedSemaphorePermit> {
        let len = len.filter(|len| *len <= Shelf::MOST)?;
        let len = u32::try_from(len).ok()?;
        self.0.clone().try_acquire_many_owned(len).ok()
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

impl Coming {
    pub(crate) fn new(body: Body) -> Coming {
        Coming {
            read: Vec::new(),
            body,
        }
    }

    /// Reads the first `len` bytes. Whoever goes on with it when they do not come meets the end or the
    /// error that this has met.
    async fn gather(
        mut self: Box<Self>,
        len: u64,
        share: OwnedSemaphorePermit,
        patience: Duration,
    ) -> Result<Held, Box<Coming>> {
        if !matches!(timeout(patience, self.read(len)).await, Ok(Ok(()))) {
            return Err(self);
        }
        self.body.finish();
        Ok(Held {
            pieces: self.read,
            _share: share,
        })
    }

    /// Reads the first `len` bytes, and no more. Dropping the future loses nothing.
    pub(crate) async fn read(&mut self, len: u64) -> error::Result<()> {
        let mut left = len;
        while left > 0 {
            let Some(mut piece) = self.body.frame().await? else {
                let why = "the body was cut short";
                return Err(Error::passing(Kind::Disconnected, why));
            };
            piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            left -= piece.len() as u64;
            self.read.push(piece);
        }
        Ok(())
    }
}

impl Held {
    /// How many bytes they are.
    pub(crate) fn len(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len() as u64).sum()
    }

    /// The same bytes in memory of their own.
    fn joined(self) -> Held {
        let mut bytes = BytesMut::new();
        self.pieces
            .iter()
            .for_each(|piece| bytes.extend_from_slice(piece));
        Held {
            pieces: vec![bytes.freeze()],
            ..self
        }
    }
}
