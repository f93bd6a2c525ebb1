//! One thread's work on one block: fetch → disk, with its own tries again. Owns the block's bytes
//! while it runs; the plan learns of them through the [`Span`].

use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use crc32fast::Hasher;
use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::context::Tuning;
use crate::disk::Scratch;
use crate::error::{Error, Kind, Result, Retry};
use crate::event::ThreadState;
use crate::fetch;
use crate::http::{Body, Client};
use crate::limit::Rates;
use crate::opened::{Opened, Opening};
use crate::plan::resource::Resource;
use crate::plan::retry::{self, Next, Patience};
use crate::plan::seals::Seal;
use crate::source::Source;

/// Bytes are handed to the disk in pieces of this size, when that many are at hand: smaller writes
/// cost more than copying.
const WRITE_SIZE: usize = 512 << 10;

/// How far a block has come, shared by the thread that writes it and the download that plans it.
pub(crate) struct Span {
    /// The first byte that is not written. Only the thread moves it.
    at: AtomicU64,
    /// One past the last byte. Only the download moves it, and only down.
    end: AtomicU64,
    /// What is written and not sealed. A leaf: nothing is awaited or written while it is locked.
    unsealed: Mutex<Unsealed>,
    state: AtomicU8,
    /// Whether it waits for a connection that is in other hands.
    waits: AtomicBool,
    failures: AtomicU32,
    trouble: Mutex<Option<Trouble>>,
}

/// Why a thread does nothing at the moment.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) error: Error,
    /// When it tries again.
    pub(crate) until: Instant,
    /// Failures in a row, this one included.
    pub(crate) failures: u32,
}

/// Bytes that are written, from `start` on, and their checksum so far.
struct Unsealed {
    start: u64,
    at: u64,
    crc: Hasher,
}

impl Span {
    pub(crate) fn new(start: u64, end: u64) -> Span {
        Span {
            at: AtomicU64::new(start),
            end: AtomicU64::new(end),
            unsealed: Mutex::new(Unsealed {
                start,
                at: start,
                crc: Hasher::new(),
            }),
            state: AtomicU8::new(ThreadState::Connecting as u8),
            waits: AtomicBool::new(false),
            failures: AtomicU32::new(0),
            trouble: Mutex::new(None),
        }
    }

    pub(crate) fn at(&self) -> u64 {
        self.at.load(Ordering::Acquire)
    }

    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// Gives the bytes from `end` on to another thread. A write under way may still go past it, which
    /// writes the same bytes twice and harms nothing.
    pub(crate) fn shrink_to(&self, end: u64) {
        self.end.fetch_min(end, Ordering::AcqRel);
    }

    /// Whether it waits for a connection that is in other hands.
    pub(crate) fn waits(&self) -> bool {
        self.waits.load(Ordering::Relaxed)
    }

    pub(crate) fn state(&self) -> ThreadState {
        if self.waits() {
            return ThreadState::Waiting;
        }
        match self.state.load(Ordering::Relaxed) {
            1 => ThreadState::Streaming,
            2 => ThreadState::Waiting,
            3 => ThreadState::Retrying,
            _ => ThreadState::Connecting,
        }
    }

    /// New tries so far.
    pub(crate) fn failures(&self) -> u32 {
        self.failures.load(Ordering::Relaxed)
    }

    /// What its next try waits for.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.lock_trouble().clone()
    }

    fn lock_trouble(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seals what was written since the last call. The end of the seal is how far the block has come.
    pub(crate) fn seal(&self) -> Seal {
        let mut unsealed = self.unsealed();
        let bytes = unsealed.start..unsealed.at;
        unsealed.start = bytes.end;
        Seal {
            bytes,
            crc: std::mem::take(&mut unsealed.crc).finalize(),
        }
    }

    /// Bytes with this checksum are written behind those that were before.
    fn wrote(&self, len: u64, crc: &Hasher) {
        let mut unsealed = self.unsealed();
        unsealed.at += len;
        unsealed.crc.combine(crc);
        self.at.store(unsealed.at, Ordering::Release);
    }

    fn unsealed(&self) -> MutexGuard<'_, Unsealed> {
        // No step above can leave it half changed, so a panic elsewhere does not spoil it.
        self.unsealed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_state(&self, state: ThreadState) {
        self.state.store(state as u8, Ordering::Relaxed);
    }
}

/// How a thread's work ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Everything up to the block's end is written.
    Filled,
    /// The file's length was unknown, and its body has ended as a body should.
    Ended,
    /// Told to stop.
    Stopped,
    /// The server accepts fewer connections than we hold.
    Crowded(Error),
    /// Given up.
    Failed(Error),
}

/// Everything that a thread needs for one block.
pub(crate) struct Block {
    pub(crate) span: Arc<Span>,
    pub(crate) source: Arc<Source>,
    pub(crate) resource: Arc<Resource>,
    /// The body that the probe opened, for the first block.
    pub(crate) opened: Option<Opened>,
    pub(crate) client: Client,
    pub(crate) scratch: Arc<dyn Scratch>,
    pub(crate) rates: Rates,
    pub(crate) patience: Patience,
    /// Tries that have failed before this block, without a byte since.
    pub(crate) failures: u32,
    /// The patience with answers that are not what was asked for.
    pub(crate) patience_with_nonsense: Patience,
    pub(crate) tuning: watch::Receiver<Tuning>,
    pub(crate) stop: CancellationToken,
}

impl Block {
    /// Fetches and writes the block, trying again as patience allows.
    pub(crate) async fn run(mut self) -> Outcome {
        let stop = self.stop.clone();
        tokio::select! {
            // Bytes that are at hand but not written are fetched again.
            () = stop.cancelled() => Outcome::Stopped,
            outcome = self.work() => outcome,
        }
    }

    async fn work(&mut self) -> Outcome {
        let mut in_a_row = self.failures;
        loop {
            let before = self.span.at();
            let error = match self.fetch().await {
                Ok(()) if self.is_open_ended() => return Outcome::Ended,
                Ok(()) if self.span.at() >= self.span.end() => return Outcome::Filled,
                // A server may give less than asked for; we ask for the rest.
                Ok(()) if self.span.at() > before => continue,
                Ok(()) => Error::passing(Kind::Disconnected, "the server sent nothing")
                    .at(&self.source.home),
                Err(error) => error,
            };
            if self.span.at() > before {
                in_a_row = 0;
            }
            in_a_row += 1;
            if !self.resource.ranges {
                // What was written cannot be built upon: the download starts this file afresh.
                return Outcome::Failed(error);
            }
            if matches!(error.retry, Retry::FewerConnections { .. }) {
                return Outcome::Crowded(error);
            }
            match retry::next(
                &self.patience_with(&error),
                error.retry,
                in_a_row,
                fastrand::f64(),
            ) {
                Next::GiveUp => return Outcome::Failed(error),
                Next::After(wait) => self.pause_before_next_try(error, wait, in_a_row).await,
            }
        }
    }

    fn patience_with(&self, error: &Error) -> Patience {
        match error.kind {
            Kind::Protocol => self.patience_with_nonsense,
            _ => self.patience.with(error),
        }
    }

    async fn pause_before_next_try(&self, error: Error, wait: Duration, failures: u32) {
        tracing::debug!(%error, wait_ms = wait.as_millis(), "block failed, trying again");
        self.span.failures.fetch_add(1, Ordering::Relaxed);
        self.span.set_state(ThreadState::Retrying);
        let until = Instant::now() + wait;
        *self.span.lock_trouble() = Some(Trouble {
            error,
            until,
            failures,
        });
        tokio::time::sleep_until(until).await;
        *self.span.lock_trouble() = None;
    }

    fn is_open_ended(&self) -> bool {
        self.resource.size.is_none()
    }

    /// One request and its body.
    async fn fetch(&mut self) -> Result<()> {
        let (at, end) = (self.span.at(), self.span.end());
        match self.opened.take() {
            Some(Opened {
                bytes: Opening::Live(coming),
                len,
            }) => return self.write_body(coming.body, coming.read, len).await,
            Some(Opened {
                bytes: Opening::Held(held),
                ..
            }) => return self.write(&mut held.pieces.clone(), end - at).await,
            None if at >= end => return Ok(()),
            None => {}
        }
        self.span.set_state(ThreadState::Connecting);
        // The cap may have been lowered since the block was given; the rest is asked for next.
        let last = end.min(at.saturating_add(self.tuning.borrow().block_size)) - 1;
        let turn = &self.span.waits;
        let (body, len) =
            fetch::block(&self.client, &self.source, &self.resource, (at, last), turn).await?;
        self.source.answered_from(at);
        self.write_body(body, Vec::new(), Some(len)).await
    }

    /// Writes a body that brings the bytes from `span.at` on, and of which `pieces` are read already.
    async fn write_body(
        &self,
        mut body: Body,
        mut pieces: Vec<Bytes>,
        len: Option<u64>,
    ) -> Result<()> {
        self.span.set_state(ThreadState::Streaming);
        let promised = len.map_or(u64::MAX, |len| self.span.at().saturating_add(len));
        let mut held = pieces.iter().map(Bytes::len).sum::<usize>();
        loop {
            body.read_at_most(self.rates.piece());
            let wanted = self.span.end().min(promised).saturating_sub(self.span.at());
            if held as u64 >= wanted {
                self.write(&mut pieces, wanted).await?;
                body.finish();
                return Ok(());
            }
            let frame = match body.frame().now_or_never() {
                Some(frame) => frame,
                // Nothing more is at hand: write what there is before waiting.
                None if held > 0 => {
                    self.write(&mut pieces, wanted).await?;
                    held = 0;
                    continue;
                }
                None => body.frame().await,
            };
            match frame {
                Ok(Some(bytes)) => {
                    held += bytes.len();
                    pieces.push(bytes);
                }
                Ok(None) => {
                    self.write(&mut pieces, wanted).await?;
                    body.finish();
                    return Ok(());
                }
                Err(error) => {
                    self.write(&mut pieces, wanted).await?;
                    return Err(error);
                }
            }
            if held >= WRITE_SIZE {
                self.write(&mut pieces, wanted).await?;
                held = 0;
            }
        }
    }

    /// Writes the first `wanted` bytes of the pieces at hand, and forgets the pieces.
    async fn write(&self, pieces: &mut Vec<Bytes>, wanted: u64) -> Result<()> {
        let mut room = usize::try_from(wanted).unwrap_or(usize::MAX);
        for piece in pieces.iter_mut() {
            piece.truncate(room);
            room -= piece.len();
        }
        if self.rates.piece().is_some() {
            self.pay_and_write(pieces).await?;
        } else {
            self.write_now(pieces)?;
        }
        pieces.clear();
        Ok(())
    }

    /// Under a speed limit bytes count only when their time has come, a little at a time.
    async fn pay_and_write(&self, pieces: &mut [Bytes]) -> Result<()> {
        for piece in pieces {
            while !piece.is_empty() {
                let part =
                    piece.split_to(self.rates.piece().unwrap_or(usize::MAX).min(piece.len()));
                self.span.set_state(ThreadState::Waiting);
                self.rates.take(part.len() as u64).await;
                self.span.set_state(ThreadState::Streaming);
                self.write_now(&[part])?;
            }
        }
        Ok(())
    }

    fn write_now(&self, pieces: &[Bytes]) -> Result<()> {
        let len: usize = pieces.iter().map(Bytes::len).sum();
        if len == 0 {
            return Ok(());
        }
        // Now the bytes are in the cache, and the copy that follows finds them there.
        let mut crc = Hasher::new();
        pieces.iter().for_each(|piece| crc.update(piece));
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let at = self.span.at();
        let written = self.scratch.write_at(&mut slices, at);
        written.map_err(|cause| Error::disk("write to", self.scratch.path(), &cause))?;
        self.span.wrote(len as u64, &crc);
        Ok(())
    }
}
