//! The demo's server: gives its files out at the pace and in the manner that each sample names. It is no
//! example of a good server, and no test of haul: it only makes something move.

use std::convert::Infallible;
use std::future::IntoFuture;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, stream};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::net::TcpListener;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::samples::{Manner, SAMPLES, Sample};

/// How often a body goes on.
const TICK: Duration = Duration::from_millis(50);

/// Connections that a paced file is meant for: as many as haul has threads by default.
const CONNECTIONS: u64 = 8;

/// How often a busy server says so before it answers.
const REFUSALS: u64 = 2;

/// A server on a port of its own, on this machine only.
pub(crate) struct Origin {
    listener: TcpListener,
    length: Duration,
}

struct Served {
    /// How long the demo lasts.
    length: Duration,
    /// Answers that were begun.
    begun: AtomicU64,
    /// Times that the busy file was asked for.
    refused: AtomicU64,
}

impl Origin {
    /// Listens, for a demo that lasts `length`.
    ///
    /// # Errors
    /// When there is no free port on 127.0.0.1.
    pub(crate) async fn listen(length: Duration) -> io::Result<Origin> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Origin { listener, length })
    }

    /// Where it is.
    ///
    /// # Errors
    /// When the system does not know the socket any more.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until dropped.
    pub(crate) async fn serve(self) -> io::Result<()> {
        let served = Served {
            length: self.length,
            begun: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        };
        let router = Router::new()
            .route("/{name}", axum::routing::get(answer))
            .with_state(Arc::new(served));
        axum::serve(self.listener, router).into_future().await
    }
}

async fn answer(
    State(served): State<Arc<Served>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(sample) = SAMPLES.iter().find(|sample| sample.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match sample.manner {
        Manner::Missing => StatusCode::NOT_FOUND.into_response(),
        Manner::Busy if served.refused.fetch_add(1, Ordering::Relaxed) < REFUSALS => {
            let wait = [(header::RETRY_AFTER, "5")];
            (StatusCode::SERVICE_UNAVAILABLE, wait).into_response()
        }
        Manner::Unsized => {
            Body::from_stream(paced(0..sample.size, sample.pace(1, served.length))).into_response()
        }
        Manner::OneStream => whole(sample, sample.pace(1, served.length)),
        Manner::Ranges | Manner::Uneven | Manner::Busy => {
            let pace = sample.pace(CONNECTIONS, served.length);
            let number = served.begun.fetch_add(1, Ordering::Relaxed);
            let crawls = sample.manner == Manner::Uneven && number % 2 == 1;
            ranged(sample, if crawls { pace / 8 } else { pace }, &headers)
        }
    }
}

fn whole(sample: &Sample, pace: u64) -> Response {
    let length = [(header::CONTENT_LENGTH, HeaderValue::from(sample.size))];
    (length, Body::from_stream(paced(0..sample.size, pace))).into_response()
}

fn ranged(sample: &Sample, pace: u64, headers: &HeaderMap) -> Response {
    let Some(range) = headers.get(header::RANGE) else {
        return whole(sample, pace);
    };
    let Some(range) = read_range(range, sample.size) else {
        let size = [(header::CONTENT_RANGE, format!("bytes */{}", sample.size))];
        return (StatusCode::RANGE_NOT_SATISFIABLE, size).into_response();
    };
    let place = format!("bytes {}-{}/{}", range.start, range.end - 1, sample.size);
    let head = [
        (
            header::CONTENT_LENGTH,
            (range.end - range.start).to_string(),
        ),
        (header::CONTENT_RANGE, place),
        (header::ETAG, format!("\"{}\"", sample.name)),
    ];
    let body = Body::from_stream(paced(range, pace));
    (StatusCode::PARTIAL_CONTENT, head, body).into_response()
}

/// The bytes that `bytes=FIRST-LAST` or `bytes=FIRST-` names of so many.
fn read_range(value: &HeaderValue, size: u64) -> Option<Range<u64>> {
    let (first, last) = value
        .to_str()
        .ok()?
        .strip_prefix("bytes=")?
        .split_once('-')?;
    let first = first.parse().ok()?;
    let end = match last {
        "" => size,
        last => size.min(last.parse::<u64>().ok()?.checked_add(1)?),
    };
    (first < end).then_some(first..end)
}

/// The bytes of `range`, so many each second.
fn paced(range: Range<u64>, pace: u64) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let begun = Instant::now();
    let first = range.start;
    stream::unfold((range, ticks), move |(range, mut ticks)| async move {
        if range.is_empty() {
            return None;
        }
        let due = loop {
            ticks.tick().await;
            let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            let due = first.saturating_add(pace.saturating_mul(millis) / 1000);
            if due > range.start {
                break due.min(range.end);
            }
        };
        let mut bytes = vec![0; usize::try_from(due - range.start).unwrap_or(usize::MAX)];
        fill(range.start, &mut bytes);
        Some((Ok(bytes.into()), (due..range.end, ticks)))
    })
}

/// What stands in every file of the demo from `offset` on: bytes that follow from their place and look
/// like noise.
pub(super) fn fill(offset: u64, bytes: &mut [u8]) {
    for (at, byte) in (offset..).zip(bytes) {
        let mixed = (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        *byte = (mixed ^ (mixed >> 29)).to_be_bytes()[3];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Option<Range<u64>> {
        read_range(&HeaderValue::from_static(text), 100)
    }

    #[test]
    fn ranges_lie_inside_the_file() {
        assert_eq!(read("bytes=0-15"), Some(0..16));
        assert_eq!(read("bytes=90-200"), Some(90..100));
        assert_eq!(read("bytes=90-"), Some(90..100));
        for none in [
            "bytes=100-",
            "bytes=9-8",
            "bytes=-5",
            "items=0-1",
            "bytes=0-18446744073709551615",
        ] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn a_byte_depends_on_its_place_only() {
        let mut whole = [0; 64];
        fill(1000, &mut whole);
        let mut part = [0; 24];
        fill(1010, &mut part);
        assert_eq!(whole[10..34], part);
    }
}
