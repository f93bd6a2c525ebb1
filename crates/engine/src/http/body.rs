//! The body of one answer. Reading it drives its connection; dropping it closes the connection;
//! finishing it gives the connection back.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};
use url::Url;

use crate::error::{Error, Kind, Result};
use crate::limit::Permit;

use super::conn::Conn;
use super::fault;
use super::gather::{Gather, PAUSE};

/// Most bytes that are read and thrown away to save a connection; a new one costs more than these.
const DRAIN: usize = 16 << 10;

/// How far the body has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Within,
    End,
    Broken,
}

/// Whether the connection may serve another request after this answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Keep,
    Close,
}

/// The bytes of an answer, as they arrive.
///
/// The fields close the connection before they return its permit.
pub(crate) struct Body {
    incoming: Incoming,
    conn: Conn,
    permit: Permit,
    place: Place,
    after: After,
    /// How long the answer said to be.
    declared: Option<u64>,
    /// Bytes of those that were not handed over.
    left: Option<u64>,
    gather: Gather,
    /// When the head was there.
    began: Instant,
    read_timeout: Duration,
    /// Armed once per time limit, not per read.
    alarm: Pin<Box<Sleep>>,
    url: Url,
}

impl Body {
    pub(super) fn new(
        incoming: Incoming,
        conn: Conn,
        permit: Permit,
        after: After,
        read_timeout: Duration,
        url: Url,
    ) -> Body {
        let declared = incoming.size_hint().exact();
        let began = Instant::now();
        Body {
            declared,
            left: declared,
            gather: Gather::new(began),
            began,
            incoming,
            conn,
            permit,
            place: Place::Within,
            after,
            read_timeout,
            alarm: Box::pin(tokio::time::sleep(read_timeout)),
            url,
        }
    }

    /// The next bytes, `None` at the proper end.
    ///
    /// A body that ends early is `Kind::Disconnected`, one that brings nothing for `read_timeout`
    /// is `Kind::Timeout`; both pass. Dropping the future loses nothing.
    pub(crate) async fn frame(&mut self) -> Result<Option<Bytes>> {
        match self.place {
            Place::Within => {}
            Place::End => return Ok(None),
            Place::Broken => {
                return Err(Error::passing(
                    Kind::Disconnected,
                    "the connection broke before",
                ));
            }
        }
        let mut since = Instant::now();
        let next = std::future::poll_fn(|cx| {
            loop {
                self.conn.set_gather(self.gather.bytes(self.to_arrive()));
                if let Poll::Ready(next) = self.poll_next(cx) {
                    return Poll::Ready(next);
                }
                ready!(self.poll_alarm(cx, since));
                if !self.gather.holds_back() {
                    return Poll::Ready(Err(fault::stalled(self.read_timeout)));
                }
                // Now the kernel hands over what it has; only then its silence counts.
                since = Instant::now();
                self.gather.paused(since);
            }
        })
        .await;
        next.map_err(|error| {
            self.place = Place::Broken;
            error.at(&self.url)
        })
    }

    /// Most bytes that one read takes from now on; `None` is as much as there is. Under a low rate
    /// small reads make bytes trickle instead of coming in gulps.
    pub(crate) fn read_at_most(&self, bytes: Option<usize>) {
        self.conn.set_most(bytes.unwrap_or(usize::MAX));
    }

    /// Gives the connection back for the next request when the body is at its end, or so close to
    /// it that what was received already finishes it. Otherwise closes the connection.
    pub(crate) fn finish(mut self) {
        if self.after == After::Close {
            return;
        }
        // Nobody waits here, so there is nobody to wake.
        let cx = &mut Context::from_waker(Waker::noop());
        let mut drained = 0;
        while self.place == Place::Within {
            match self.poll_next(cx) {
                Poll::Ready(Ok(Some(bytes))) if drained + bytes.len() <= DRAIN => {
                    drained += bytes.len();
                }
                Poll::Ready(Ok(None)) => {}
                _ => return,
            }
        }
        self.conn.set_gather(1);
        if self.place == Place::End && self.conn.poll_ready(cx) {
            self.conn.set_most(usize::MAX);
            self.conn.answer_took(self.began.elapsed());
            let speed = self.conn.proven_speed();
            self.permit.park(Box::new(self.conn), speed);
        }
    }

    /// The server has refused this request because it has enough of us: fewer connections are
    /// opened to its host for a while. Closes this one.
    pub(crate) fn refused(self, wait: Option<Duration>) {
        self.permit.refused(wait);
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        // The second round hands over at once what the first look at the body has asked for.
        for _ in 0..2 {
            self.conn.poll_link(cx);
            if let Poll::Ready(next) = self.poll_incoming(cx) {
                return Poll::Ready(next);
            }
        }
        Poll::Pending
    }

    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        loop {
            let bytes = match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(self.end()),
                Poll::Ready(Some(Err(cause))) => {
                    return Poll::Ready(Err(fault::body(&cause)));
                }
                Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
            };
            // Trailers say nothing that a download needs.
            if bytes.is_empty() {
                continue;
            }
            if let Some(left) = &mut self.left {
                *left = left.saturating_sub(bytes.len() as u64);
            }
            self.gather.came(bytes.len(), Instant::now());
            return Poll::Ready(Ok(Some(bytes)));
        }
    }

    /// Holds hyper to its word: no end before the declared length.
    fn end(&mut self) -> Result<Option<Bytes>> {
        match self.left {
            None | Some(0) => {
                self.place = Place::End;
                Ok(None)
            }
            Some(left) => Err(Error::passing(
                Kind::Disconnected,
                format!("the connection closed {left} bytes before the end of the answer"),
            )),
        }
    }

    /// At least so many bytes are still to come over the wire. What was received may be more than was
    /// handed over, and the head was part of it.
    fn to_arrive(&self) -> Option<u64> {
        let declared = self.declared?;
        Some(declared.saturating_sub(self.conn.received_of_answer()))
    }

    /// Ready when nothing came for too long.
    fn poll_alarm(&mut self, cx: &mut Context<'_>, since: Instant) -> Poll<()> {
        let patience = if self.gather.holds_back() {
            PAUSE
        } else {
            self.read_timeout
        };
        let limit = since + patience;
        if self.alarm.deadline() > limit {
            self.alarm.as_mut().reset(limit);
        }
        while self.alarm.as_mut().poll(cx).is_ready() {
            if Instant::now() >= limit {
                return Poll::Ready(());
            }
            self.alarm.as_mut().reset(limit);
        }
        Poll::Pending
    }
}
