//! `GET /api/v1/events`: one subscription as server-sent events. Knows how a stream begins, goes on
//! after a lost connection, and ends; what is said is the subscription's.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use haul_engine::Live;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::frames::Frames;
use super::subscription::Subscription;
use crate::api::App;
use crate::api::error::{ApiError, Edge};
use crate::api::socket::{MOST_BYTES_OUT, MOST_SOCKETS};
use crate::api::types::events;
use crate::api::types::params::Params;
use crate::api::types::requests;

/// A stream without news says that it is alive so often.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(20);

/// A client that takes nothing for so long is given up; it may come back.
const LONGEST_STALL: Duration = Duration::from_secs(60);

/// The name of the only subscription of a stream.
const NAME: &str = "s1";

/// Begins a stream with a snapshot, or with what changed since the event that the client has seen last.
pub(in crate::api) async fn connect(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if app.stop.is_cancelled() {
        return Err(ApiError::edge(Edge::Stopping, "the daemon is stopping"));
    }
    let wanted = Params::query(&query.unwrap_or_default())?.read(requests::subscribe)?;
    let Ok(permit) = app.sockets.clone().try_acquire_owned() else {
        return Err(ApiError::edge(
            Edge::TooManySockets,
            format!("{MOST_SOCKETS} live connections are open; close one or try again later"),
        ));
    };
    let live = app.engine.live();
    let watcher = last_seen(&headers).and_then(|revision| live.watch_since(revision));
    let (subscription, first) = match watcher {
        Some(watcher) => (Subscription::go_on(NAME.to_owned(), wanted, watcher), None),
        None => {
            let (subscription, answer) = Subscription::begin(NAME.to_owned(), wanted, live);
            if answer.len() > MOST_BYTES_OUT {
                return Err(ApiError::edge(
                    Edge::AnswerTooLarge,
                    "the list is too long for one event; ask with \"status\" or \"ids\"",
                ));
            }
            let first = events::snapshot(subscription.told(), &answer);
            (subscription, Some(Bytes::from(first)))
        }
    };
    // One event on the way to the client, and one that waits for it: all later ones merge.
    let (room, taken) = mpsc::channel(1);
    let telling = app.clone();
    app.conversations.spawn(async move {
        let stop = telling.stop.cancelled();
        tokio::select! {
            () = stop => {}
            () = tell(telling.engine.live(), &telling.frames, subscription, first, room) => {}
        }
        drop(permit);
    });
    let body = stream::unfold(taken, async |mut taken| {
        let event: Bytes = taken.recv().await?;
        Some((Ok::<_, Infallible>(event), taken))
    });
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // A proxy that gathers answers would hold events back.
        (
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        ),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// The revision of the last event that a client has seen. What is no number names none of ours.
fn last_seen(headers: &HeaderMap) -> Option<u64> {
    let id = headers.get("last-event-id")?;
    id.to_str().ok()?.trim().parse().ok()
}

/// Tells the client what there is to say whenever there is room for it, until it leaves or takes nothing
/// any more.
async fn tell(
    live: &Live,
    frames: &Frames,
    mut subscription: Subscription,
    first: Option<Bytes>,
    room: mpsc::Sender<Bytes>,
) {
    let mut said = Instant::now();
    let mut next = first;
    loop {
        let Ok(Ok(place)) = timeout(LONGEST_STALL, room.reserve()).await else {
            return;
        };
        let event = match next.take() {
            Some(event) => event,
            None => tokio::select! {
                () = room.closed() => return,
                () = subscription.ready() => {
                    match subscription.event(live, frames) {
                        Some(event) => event,
                        None => continue,
                    }
                }
                () = sleep_until(said + HEARTBEAT_EVERY) => Bytes::from_static(events::HEARTBEAT),
            },
        };
        place.send(event);
        said = Instant::now();
    }
}

#[cfg(test)]
mod tests;
