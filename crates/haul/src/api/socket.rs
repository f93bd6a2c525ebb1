//! One WebSocket for as long as it lives: one writer, pings, silence, limits, goodbye. Knows
//! nothing of what is talked about; that is a [`Talk`].

mod upgrade;

use std::collections::VecDeque;
use std::future::{poll_fn, ready};
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_util::sync::CancellationToken;

use super::App;
use super::error::{ApiError, Edge};
pub(super) use tokio_tungstenite::tungstenite::Utf8Bytes;
use upgrade::Socket;
pub(super) use upgrade::Upgrade;

/// Most sockets at once.
pub(super) const MOST_SOCKETS: usize = 1024;

/// Most bytes in one message of a client.
const MOST_BYTES_IN: usize = 4 << 20;

/// Most bytes in one message to a client: a snapshot of a very long list.
pub(super) const MOST_BYTES_OUT: usize = 128 << 20;

/// Most bytes of a message that leave at once. A socket keeps room for as much, however long the
/// message is.
const PIECE: usize = 16 << 10;

/// So much is said ahead of a client at most: then a ping goes out, and nothing more until its answer shows
/// that all of it was read. What changes meanwhile is merged by whoever would say it. The buffers on the
/// way would take minutes of small messages instead, and a client that reads slowly would read old news.
const MOST_AHEAD: Ahead = Ahead {
    messages: 32,
    bytes: 128 << 10,
};

/// Most pings and pongs of a client from one ping of ours to the next.
const MOST_CONTROLS: u32 = 1000;

const PING_EVERY: Duration = Duration::from_secs(20);
const LONGEST_SILENCE: Duration = Duration::from_secs(60);
/// How long the client is given to answer our goodbye.
const LONGEST_GOODBYE: Duration = Duration::from_secs(2);
/// How long what was asked before the client left may still take: an `end` is not lost.
const LONGEST_FINISH: Duration = Duration::from_secs(30);

/// One side of a conversation.
pub(super) trait Talk: Send + 'static {
    /// Takes a message of the client.
    fn hear(&mut self, text: String);

    /// Whether it has enough to do; the client is not read from meanwhile.
    fn is_full(&self) -> bool;

    /// Whether nothing that was heard is left to do.
    fn is_settled(&self) -> bool;

    /// Works until there is something to say. Dropping the future loses nothing.
    fn say(&mut self) -> impl Future<Output = Utf8Bytes> + Send;

    /// Until when the client has time to show the token, as long as it has not.
    fn deadline(&self) -> Option<Instant> {
        None
    }
}

/// What was heard and not yet dealt with.
#[derive(Default)]
pub(super) struct Inbox {
    messages: VecDeque<String>,
    bytes: usize,
}

impl Inbox {
    pub(super) fn push(&mut self, message: String) {
        self.bytes += message.len();
        self.messages.push_back(message);
    }

    pub(super) fn pop(&mut self) -> Option<String> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.len();
        Some(message)
    }

    pub(super) fn front(&self) -> Option<&str> {
        self.messages.front().map(String::as_str)
    }

    pub(super) fn contains(&self, message: &str) -> bool {
        self.messages.iter().any(|held| held == message)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Bounded by count and by bytes; the last message may overshoot.
    pub(super) fn is_full(&self) -> bool {
        self.messages.len() >= 1024 || self.bytes >= MOST_BYTES_IN
    }
}

/// Answers the upgrade and holds the conversation that `start` begins.
pub(super) fn open<T: Talk>(
    app: &Arc<App>,
    upgrade: Upgrade,
    start: impl FnOnce(Arc<App>) -> T + Send + 'static,
) -> Result<Response, ApiError> {
    if app.stop.is_cancelled() {
        return Err(ApiError::edge(Edge::Stopping, "the daemon is stopping"));
    }
    let Ok(permit) = app.sockets.clone().try_acquire_owned() else {
        return Err(ApiError::edge(
            Edge::TooManySockets,
            format!("{MOST_SOCKETS} WebSockets are open; close one or try again later"),
        ));
    };
    let (app, conversations) = (app.clone(), app.conversations.clone());
    let (peer, place) = (upgrade.peer(), upgrade.place());
    let (response, socket) = upgrade.grant();
    let conversation = async move {
        match socket.await {
            Ok(socket) => {
                let end = converse(socket, start(app.clone()), &app.stop).await;
                if let Some(code) = end.refusal() {
                    app.audit.connection(peer, code);
                }
            }
            Err(cause) => tracing::debug!(%cause, "a client left before it had its WebSocket"),
        }
        drop((permit, place));
    };
    conversations.spawn(conversation);
    Ok(response)
}

/// Why a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The client said goodbye, or was cut off.
    Left,
    /// We stop.
    Stopping,
    /// Nothing was heard for too long.
    Silent,
    /// The token was not shown in time.
    Stranger,
    /// A message that is too large.
    TooLarge,
    /// A binary message that is not UTF-8.
    NotText,
    /// A text message that is not UTF-8.
    BadText,
    /// Not the WebSocket protocol.
    Protocol,
    /// Pings without end.
    Flood,
}

impl End {
    /// The close code of RFC 6455 §7.4.1 and a reason.
    fn goodbye(self) -> Option<(u16, &'static str)> {
        match self {
            End::Left => None,
            End::Stopping => Some((1001, "the daemon is stopping")),
            End::Silent => Some((1008, "nothing was heard for 60 s")),
            End::Stranger => Some((1008, "the token was not shown in time")),
            End::TooLarge => Some((1009, "a message is at most 4 MiB")),
            End::NotText => Some((1003, "send text")),
            End::BadText => Some((1007, "text is UTF-8")),
            End::Protocol => Some((1002, "not the WebSocket protocol")),
            End::Flood => Some((1008, "too many pings")),
        }
    }

    /// Its code, when the client has done what clients do not do.
    fn refusal(self) -> Option<&'static str> {
        match self {
            End::Left | End::Stopping | End::Silent => None,
            End::Stranger => Some("unauthorized"),
            End::TooLarge => Some("message_too_large"),
            End::NotText => Some("not_text"),
            End::BadText => Some("not_utf8"),
            End::Protocol => Some("not_websocket"),
            End::Flood => Some("too_many_pings"),
        }
    }

    /// Whether the stream is still in step, so that the client's answer can be read.
    fn is_readable(self) -> bool {
        matches!(
            self,
            End::Stopping | End::Silent | End::Stranger | End::NotText
        )
    }

    fn of(error: &Error) -> End {
        match error {
            Error::Capacity(_) => End::TooLarge,
            Error::Utf8(_) => End::BadText,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Left,
            Error::Protocol(_) => End::Protocol,
            _ => End::Left,
        }
    }
}

/// What is left to send of a long message.
#[derive(Default)]
struct Rest(Bytes);

impl Rest {
    /// The beginning of a message; the rest is kept for [`Rest::next`].
    fn begin(&mut self, text: Utf8Bytes) -> Message {
        if text.len() <= PIECE {
            return Message::Text(text);
        }
        let mut bytes = Bytes::from(text);
        let piece = bytes.split_to(PIECE);
        self.0 = bytes;
        Message::Frame(Frame::message(piece, OpCode::Data(Data::Text), false))
    }

    /// The next piece, if there is one.
    fn next(&mut self) -> Option<Message> {
        if self.0.is_empty() {
            return None;
        }
        let piece = self.0.split_to(self.0.len().min(PIECE));
        let is_last = self.0.is_empty();
        let code = OpCode::Data(Data::Continue);
        Some(Message::Frame(Frame::message(piece, code, is_last)))
    }
}

/// What was said since the client has last shown that it keeps up.
#[derive(Default)]
struct Ahead {
    messages: usize,
    bytes: usize,
}

impl Ahead {
    fn said(&mut self, text: &Utf8Bytes) {
        self.messages += 1;
        self.bytes += text.len();
    }

    /// The last message may overshoot.
    fn is_far(&self) -> bool {
        self.messages >= MOST_AHEAD.messages || self.bytes >= MOST_AHEAD.bytes
    }
}

async fn converse(socket: Socket, mut talk: impl Talk, stop: &CancellationToken) -> End {
    let (mut sink, mut stream) = socket.split();
    let end = exchange(&mut sink, &mut stream, &mut talk, stop).await;
    tracing::debug!(?end, "a WebSocket ends");
    match end.goodbye() {
        Some((code, reason)) => say_goodbye(sink, stream, end, code, reason).await,
        None => {
            // Sends the answer to the client's goodbye, if it is still there to hear it.
            let _ = timeout(LONGEST_GOODBYE, sink.flush()).await;
            drop((sink, stream));
            finish(&mut talk, stop).await;
        }
    }
    end
}

async fn exchange(
    sink: &mut (impl Sink<Message> + Unpin),
    stream: &mut (impl Stream<Item = Result<Message, Error>> + Unpin),
    talk: &mut impl Talk,
    stop: &CancellationToken,
) -> End {
    let mut heard = Instant::now();
    let mut ping = heard + PING_EVERY;
    let mut controls = 0;
    // While true, the sink holds one piece of a message that the client has not taken yet, and nothing
    // more is put into it.
    let mut flushing = false;
    // Whether the client had to make room for that piece.
    let mut is_held_up = false;
    let mut rest = Rest::default();
    let mut ahead = Ahead::default();
    // Whether the ping is out whose answer shows that the client keeps up.
    let mut is_asked = false;
    loop {
        let full = talk.is_full();
        if full && !flushing {
            // It is us who keep the client waiting.
            heard = Instant::now();
        }
        // An answer behind all that fills us could not be read before some of that is dealt with.
        let is_far = ahead.is_far() && !full;
        let deadline = talk.deadline();
        let next = tokio::select! {
            biased;
            () = stop.cancelled() => return End::Stopping,
            // Before all that a client can keep us busy with.
            () = sleep_until(deadline.unwrap_or(heard)), if deadline.is_some() => {
                match talk.deadline() {
                    Some(_) => return End::Stranger,
                    // A call that began in time has shown it.
                    None => continue,
                }
            }
            flushed = flush(sink, &mut is_held_up), if flushing => match flushed {
                Ok(()) => {
                    flushing = false;
                    if std::mem::take(&mut is_held_up) {
                        // It has read something.
                        heard = Instant::now();
                    }
                    match rest.next() {
                        Some(piece) => piece,
                        None => continue,
                    }
                }
                Err(_) => return End::Left,
            },
            message = stream.next(), if !full => {
                heard = Instant::now();
                match message {
                    None => return End::Left,
                    Some(Err(error)) => return End::of(&error),
                    Some(Ok(message)) => {
                        // What we asked for is no flood.
                        let was_asked = is_asked && message.is_pong();
                        if keeps_up(&message) {
                            (ahead, is_asked) = (Ahead::default(), false);
                        }
                        match text(message) {
                            Ok(Some(text)) => talk.hear(text),
                            Ok(None) => {
                                controls += u32::from(!was_asked);
                                if controls > MOST_CONTROLS {
                                    return End::Flood;
                                }
                            }
                            Err(end) => return end,
                        }
                    }
                }
                continue;
            }
            () = sleep_until(heard + LONGEST_SILENCE) => return End::Silent,
            () = sleep_until(ping), if !flushing => {
                ping = Instant::now() + PING_EVERY;
                controls = 0;
                Message::Ping(Bytes::new())
            }
            () = ready(()), if !flushing && is_far && !is_asked => {
                is_asked = true;
                Message::Ping(Bytes::new())
            }
            text = talk.say(), if !flushing && !is_far => {
                ahead.said(&text);
                rest.begin(text)
            }
        };
        if sink.feed(next).await.is_err() {
            return End::Left;
        }
        flushing = true;
    }
}

/// Returns when the client, or a buffer on the way to it, has taken all; `is_held_up` is set when it has to be
/// waited for.
async fn flush<S: Sink<Message> + Unpin>(
    sink: &mut S,
    is_held_up: &mut bool,
) -> Result<(), S::Error> {
    poll_fn(|context| {
        let flushed = sink.poll_flush_unpin(context);
        *is_held_up |= flushed.is_pending();
        flushed
    })
    .await
}

/// Whether a client that sends this has read what was said before, or talks while it reads. Its own pings
/// tell nothing: they go on while it does not read.
fn keeps_up(message: &Message) -> bool {
    !matches!(message, Message::Ping(_))
}

/// The text of a message; `None` for what the protocol deals with itself.
fn text(message: Message) -> Result<Option<String>, End> {
    match message {
        Message::Text(text) => Ok(Some(text.as_str().to_owned())),
        Message::Binary(bytes) => match String::from_utf8(bytes.to_vec()) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(End::NotText),
        },
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(None),
        Message::Close(_) => Err(End::Left),
    }
}

async fn say_goodbye(
    mut sink: SplitSink<Socket, Message>,
    mut stream: SplitStream<Socket>,
    end: End,
    code: u16,
    reason: &'static str,
) {
    let close = Message::Close(Some(CloseFrame {
        code: code.into(),
        reason: reason.into(),
    }));
    let goodbye = async {
        if sink.send(close).await.is_err() {
            return;
        }
        if end.is_readable() {
            while let Some(Ok(_)) = stream.next().await {}
        } else {
            // Closing at once with bytes unread would reset the connection, and the client might
            // never see why.
            sleep(LONGEST_GOODBYE).await;
        }
    };
    let _ = timeout(LONGEST_GOODBYE, goodbye).await;
}

/// Does what was asked before the client left.
async fn finish(talk: &mut impl Talk, stop: &CancellationToken) {
    let work = async {
        while !talk.is_settled() {
            talk.say().await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        _ = timeout(LONGEST_FINISH, work) => {}
    }
}

#[cfg(test)]
mod tests;
