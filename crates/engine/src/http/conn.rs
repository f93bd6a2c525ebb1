//! One HTTP/1.1 connection that its holder drives: nothing runs beside the request that is sent or
//! the body that is read, and dropping it closes the socket. Knows nothing of permits and reuse.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::error::Result;
use crate::limit::Flow;

use super::fault;
use super::wire::{Tap, Wire};

/// Most bytes of an answer's head (status line and header fields).
pub(super) const MAX_HEAD: usize = 64 << 10;

/// Most bytes that one read may take in: large reads halve the CPU time per byte.
const MAX_READ: usize = 512 << 10;

type Link = http1::Connection<TokioIo<Wire>, Empty<Bytes>>;

pub(super) struct Conn {
    sender: http1::SendRequest<Empty<Bytes>>,
    /// Bytes received before the last request.
    received_before: u64,
    /// `None` once it is over.
    link: Option<Link>,
    tap: Arc<Tap>,
    flow: Flow,
}

impl Conn {
    pub(super) async fn over(wire: Wire) -> Result<Conn> {
        let tap = wire.tap();
        // The number of fields stays at hyper's own limit of 100, which needs no allocation.
        let (sender, link) = http1::Builder::new()
            .max_buf_size(MAX_READ)
            .max_header_size(MAX_HEAD)
            .handshake(TokioIo::new(wire))
            .await
            .map_err(|cause| fault::head(&cause))?;
        Ok(Conn {
            sender,
            received_before: 0,
            link: Some(link),
            tap,
            flow: Flow::default(),
        })
    }

    /// Bytes received so far.
    pub(super) fn received(&self) -> u64 {
        self.tap.received()
    }

    /// Bytes received since the last request: the head of its answer, and what came of the body.
    pub(super) fn received_of_answer(&self) -> u64 {
        self.received() - self.received_before
    }

    /// Takes note of how long the last answer took from its head to its end.
    pub(super) fn answer_took(&mut self, time: Duration) {
        self.flow.brought(self.received_of_answer(), time);
    }

    /// Bytes/s that it has proven over all its answers.
    pub(super) fn proven_speed(&self) -> u64 {
        self.flow.speed()
    }

    /// Most bytes that one read takes from now on.
    pub(super) fn set_most(&self, bytes: usize) {
        self.tap.set_most(bytes);
    }

    /// How many bytes the kernel gathers before it wakes the reader.
    pub(super) fn set_gather(&self, bytes: u64) {
        self.tap.set_gather(bytes);
    }

    /// Moves bytes. Errors reach whoever waits for the head or the body, so none is returned here.
    pub(super) fn poll_link(&mut self, cx: &mut Context<'_>) {
        if let Some(link) = &mut self.link
            && Pin::new(link).poll(cx).is_ready()
        {
            self.link = None;
        }
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        request: Request<Empty<Bytes>>,
    ) -> Result<Response<Incoming>> {
        self.received_before = self.received();
        let mut sent = pin!(self.sender.send_request(request));
        std::future::poll_fn(|cx| {
            self.poll_link(cx);
            sent.as_mut().poll(cx)
        })
        .await
        .map_err(|cause| fault::head(&cause))
    }

    /// Whether the connection takes another request: still open, the last answer at its end, and
    /// no byte after it.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> bool {
        self.poll_link(cx);
        self.link.is_some() && self.sender.is_ready()
    }

    /// As [`poll_ready`](Conn::poll_ready), from within a task.
    pub(super) async fn is_ready(&mut self) -> bool {
        std::future::poll_fn(|cx| Poll::Ready(self.poll_ready(cx))).await
    }
}
