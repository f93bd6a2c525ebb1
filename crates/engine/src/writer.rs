//! The way of bytes into one scratch file: one writer at a time, written out while more arrive, and off
//! the transfer threads while the disk is slow. Knows nothing of blocks and requests.
//!
//! Writes go through the page cache and hold the file's lock in the kernel: a second writer would only
//! spin. One that waits here leaves its thread to another connection.

use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use crc32fast::Hasher;
use tokio::sync::{Notify, Semaphore};
use tokio_util::task::AbortOnDropHandle;

use crate::disk::Scratch;
use crate::error::{Error, Kind, Result};
use crate::meter;
use crate::span::Span;

/// So many bytes are worth a pass over what is in memory only.
const STEP: u64 = 32 << 20;

/// A write that takes longer has waited for the disk. Handing one to another thread costs far less.
const SLOW: Duration = Duration::from_millis(20);

/// So many quick writes in a row show that a slow disk is quick again: one that is throttled lets some
/// pass in between.
const QUICK_AGAIN: u32 = 16;

/// Writes into one scratch file.
pub(crate) struct Writer {
    scratch: Arc<dyn Scratch>,
    turn: Arc<Semaphore>,
    /// Where the write under way began; `u64::MAX` while there is none.
    writes_at: AtomicU64,
    /// How many quick writes are wanted before the disk is trusted to be quick.
    wary: AtomicU32,
    /// Bytes written since the last pass over them began.
    in_memory: AtomicU64,
    pass_is_due: Notify,
}

impl Writer {
    pub(crate) fn new(scratch: Arc<dyn Scratch>) -> Arc<Writer> {
        Arc::new(Writer {
            scratch,
            turn: Arc::new(Semaphore::new(1)),
            writes_at: AtomicU64::new(u64::MAX),
            wary: AtomicU32::new(0),
            in_memory: AtomicU64::new(0),
            pass_is_due: Notify::new(),
        })
    }

    /// Writes all of `pieces` behind what `span` has, and seals them there.
    ///
    /// When the future is dropped, the write either does not happen or goes on to its end: see
    /// [`rest`](Writer::rest).
    pub(crate) async fn write(
        self: &Arc<Self>,
        span: &Arc<Span>,
        pieces: Vec<Bytes>,
    ) -> Result<()> {
        let turn = self.turn.clone().acquire_owned().await.map_err(broken)?;
        if self.wary.load(Ordering::Relaxed) == 0 {
            return self.write_now(span, &pieces);
        }
        let (writer, span) = (self.clone(), span.clone());
        self.writes_at.store(span.at(), Ordering::Release);
        let writing = tokio::task::spawn_blocking(move || {
            let written = writer.write_now(&span, &pieces);
            writer.writes_at.store(u64::MAX, Ordering::Release);
            drop(turn);
            written
        });
        writing.await.unwrap_or_else(|cause| Err(broken(cause)))
    }

    /// Where a write under way began that may outlive its thread.
    pub(crate) fn writes_at(&self) -> Option<u64> {
        Some(self.writes_at.load(Ordering::Acquire)).filter(|at| *at < u64::MAX)
    }

    /// Returns when no write is under way.
    pub(crate) async fn rest(&self) {
        // Closed it never is, so this is a turn that is given back at once.
        let _ = self.turn.acquire().await;
    }

    fn write_now(&self, span: &Span, pieces: &[Bytes]) -> Result<()> {
        let len: usize = pieces.iter().map(Bytes::len).sum();
        if len == 0 {
            return Ok(());
        }
        let began = Instant::now();
        let crc = write_sealed(&*self.scratch, pieces, span.at())?;
        let wary = if began.elapsed() > SLOW {
            QUICK_AGAIN
        } else {
            self.wary.load(Ordering::Relaxed).saturating_sub(1)
        };
        self.wary.store(wary, Ordering::Relaxed);
        span.wrote(len as u64, &crc);
        meter::wrote(len as u64);
        self.count(len as u64);
        Ok(())
    }

    fn count(&self, len: u64) {
        let before = self.in_memory.fetch_add(len, Ordering::Relaxed);
        if before < STEP && before + len >= STEP {
            self.pass_is_due.notify_one();
        }
    }

    /// Brings what is written to the medium while more arrives, until dropped: the sync at the end
    /// finds little to do. Promises nothing; what is surely on the disk is the checkpoints' knowledge.
    pub(crate) fn write_out_behind(self: &Arc<Self>) -> AbortOnDropHandle<()> {
        let writer = self.clone();
        AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                writer.pass_is_due.notified().await;
                writer.in_memory.store(0, Ordering::Relaxed);
                let scratch = writer.scratch.clone();
                // It may wait for the device. What fails here fails again when it matters.
                let _ = tokio::task::spawn_blocking(move || scratch.begin_sync()).await;
            }
        }))
    }
}

/// Writes all of `pieces` at `offset`, and returns their checksum.
pub(crate) fn write_sealed(scratch: &dyn Scratch, pieces: &[Bytes], offset: u64) -> Result<Hasher> {
    // Now the bytes are in the cache, and the copy that follows finds them there.
    let mut crc = Hasher::new();
    pieces.iter().for_each(|piece| crc.update(piece));
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let written = scratch.write_at(&mut slices, offset);
    written.map_err(|cause| Error::disk("write to", scratch.path(), &cause))?;
    Ok(crc)
}

fn broken(cause: impl std::fmt::Display) -> Error {
    Error::new(Kind::IllegalState, format!("writing broke off: {cause}"))
}
