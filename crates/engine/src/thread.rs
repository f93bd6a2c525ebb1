//! One thread's work on one block: fetch → disk, with its own tries again. Owns the block's bytes
//! while it runs; the plan learns of them through the [`Span`]; the writer puts them there.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::context::Tuning;
use crate::error::{Error, Kind, Result, Retry};
use crate::event::ThreadState;
use crate::fetch;
use crate::http::{Body, Client};
use crate::limit::Rates;
use crate::meter;
use crate::opened::{Opened, Opening};
use crate::plan::resource::Resource;
use crate::plan::retry::{self, Next, Patience};
use crate::source::Source;
use crate::span::{Span, Trouble};
use crate::writer::Writer;

/// Bytes are handed to the disk in pieces of this size, when that many are at hand: smaller writes
/// cost more than copying.
const WRITE_SIZE: usize = 512 << 10;

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
    pub(crate) writer: Arc<Writer>,
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
            Kind::Protocol if !self.source.has_answered() => self.patience_with_nonsense,
            _ => self.patience.with(error),
        }
    }

    async fn pause_before_next_try(&self, error: Error, wait: Duration, failures: u32) {
        tracing::debug!(%error, wait_ms = wait.as_millis(), "block failed, trying again");
        meter::retried(error.kind);
        let until = Instant::now() + wait;
        self.span.failed(Trouble {
            error,
            until,
            failures,
        });
        tokio::time::sleep_until(until).await;
        self.span.tries_again();
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
        let turn = self.span.turn();
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

    /// Writes the first `wanted` bytes of the pieces at hand, and takes the pieces.
    async fn write(&self, pieces: &mut Vec<Bytes>, wanted: u64) -> Result<()> {
        let mut pieces = std::mem::take(pieces);
        let mut room = usize::try_from(wanted).unwrap_or(usize::MAX);
        for piece in &mut pieces {
            piece.truncate(room);
            room -= piece.len();
        }
        if self.rates.piece().is_some() {
            return self.pay_and_write(pieces).await;
        }
        self.write_in_turn(pieces).await
    }

    /// Whose bytes wait for the disk is not slow: that says nothing of the server that has sent them.
    async fn write_in_turn(&self, pieces: Vec<Bytes>) -> Result<()> {
        let mut writing = pin!(self.writer.write(&self.span, pieces));
        if let Some(written) = writing.as_mut().now_or_never() {
            return written;
        }
        self.span.set_state(ThreadState::Waiting);
        let written = writing.await;
        self.span.set_state(ThreadState::Streaming);
        written
    }

    /// Under a speed limit bytes count only when their time has come, a little at a time.
    async fn pay_and_write(&self, pieces: Vec<Bytes>) -> Result<()> {
        for mut piece in pieces {
            while !piece.is_empty() {
                let part =
                    piece.split_to(self.rates.piece().unwrap_or(usize::MAX).min(piece.len()));
                self.span.set_state(ThreadState::Waiting);
                self.rates.take(part.len() as u64).await;
                self.span.set_state(ThreadState::Streaming);
                self.write_in_turn(vec![part]).await?;
            }
        }
        Ok(())
    }
}
