//! One WebSocket for as long as it lives: one writer, pings, silence, limits, goodbye. Knows
//! nothing of what is talked about; that is a [`Talk`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite;
use tokio_util::sync::CancellationToken;

use super::App;
use super::error::{ApiError, Edge};

/// Most WebSockets at once.
pub(super) const MOST_SOCKETS: usize = 1024;

/// Most bytes in one message of a client.
const MOST_BYTES_IN: usize = 4 << 20;

/// Most bytes in one message to a client: a snapshot of a very long list.
pub(super) const MOST_BYTES_OUT: usize = 128 << 20;

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
    fn say(&mut self) -> impl Future<Output = String> + Send;
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
    upgrade: WebSocketUpgrade,
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
    let tracked = app.conversations.token();
    let app = app.clone();
    let response = limited(upgrade).on_upgrade(move |socket| async move {
        let stop = app.stop.clone();
        converse(socket, start(app), &stop).await;
        drop((permit, tracked));
    });
    Ok(response)
}

/// Bounds what one socket may hold in memory.
fn limited(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        // Messages are short as a rule; the library's own buffers are 128 KiB per socket.
        .read_buffer_size(8 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(MOST_BYTES_OUT + (1 << 20))
        .max_message_size(MOST_BYTES_IN)
        .max_frame_size(MOST_BYTES_IN)
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
    /// A message that is too large.
    TooLarge,
    /// A binary message that is not UTF-8.
    NotText,
    /// A text message that is not UTF-8.
    BadText,
    /// Not the WebSocket protocol.
    Protocol,
}

impl End {
    /// The close code of RFC 6455 §7.4.1 and a reason.
    fn goodbye(self) -> Option<(u16, &'static str)> {
        match self {
            End::Left => None,
            End::Stopping => Some((1001, "the daemon is stopping")),
            End::Silent => Some((1008, "nothing was heard for 60 s")),
            End::TooLarge => Some((1009, "a message is at most 4 MiB")),
            End::NotText => Some((1003, "send text")),
            End::BadText => Some((1007, "text is UTF-8")),
            End::Protocol => Some((1002, "not the WebSocket protocol")),
        }
    }

    /// Whether the stream is still in step, so that the client's answer can be read.
    fn is_readable(self) -> bool {
        matches!(self, End::Stopping | End::Silent | End::NotText)
    }

    fn of(error: axum::Error) -> End {
        let cause = error.into_inner();
        match cause.downcast_ref::<tungstenite::Error>() {
            Some(tungstenite::Error::Capacity(_)) => End::TooLarge,
            Some(tungstenite::Error::Utf8(_)) => End::BadText,
            Some(tungstenite::Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            )) => End::Left,
            Some(tungstenite::Error::Protocol(_)) => End::Protocol,
            _ => End::Left,
        }
    }
}

async fn converse(socket: WebSocket, mut talk: impl Talk, stop: &CancellationToken) {
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
}

async fn exchange(
    sink: &mut (impl Sink<Message> + Unpin),
    stream: &mut (impl Stream<Item = Result<Message, axum::Error>> + Unpin),
    talk: &mut impl Talk,
    stop: &CancellationToken,
) -> End {
    let mut heard = Instant::now();
    let mut ping = heard + PING_EVERY;
    // While true, the sink holds one message that the client has not taken yet, and nothing more
    // is put into it.
    let mut flushing = false;
    loop {
        let full = talk.is_full();
        if full && !flushing {
            // It is us who keep the client waiting.
            heard = Instant::now();
        }
        let next = tokio::select! {
            biased;
            () = stop.cancelled() => return End::Stopping,
            flushed = sink.flush(), if flushing => match flushed {
                Ok(()) => {
                    flushing = false;
                    continue;
                }
                Err(_) => return End::Left,
            },
            message = stream.next(), if !full => {
                heard = Instant::now();
                match message {
                    None => return End::Left,
                    Some(Err(error)) => return End::of(error),
                    Some(Ok(message)) => match text(message) {
                        Ok(Some(text)) => talk.hear(text),
                        Ok(None) => {}
                        Err(end) => return end,
                    },
                }
                continue;
            }
            () = sleep_until(heard + LONGEST_SILENCE) => return End::Silent,
            () = sleep_until(ping), if !flushing => {
                ping = Instant::now() + PING_EVERY;
                Message::Ping(Bytes::new())
            }
            text = talk.say(), if !flushing => Message::Text(text.into()),
        };
        if sink.feed(next).await.is_err() {
            return End::Left;
        }
        flushing = true;
    }
}

/// The text of a message; `None` for what the protocol deals with itself.
fn text(message: Message) -> Result<Option<String>, End> {
    match message {
        Message::Text(text) => Ok(Some(text.as_str().to_owned())),
        Message::Binary(bytes) => match String::from_utf8(bytes.into()) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(End::NotText),
        },
        Message::Ping(_) | Message::Pong(_) => Ok(None),
        Message::Close(_) => Err(End::Left),
    }
}

async fn say_goodbye(
    mut sink: SplitSink<WebSocket, Message>,
    mut stream: SplitStream<WebSocket>,
    end: End,
    code: u16,
    reason: &'static str,
) {
    let close = Message::Close(Some(CloseFrame {
        code,
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
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::get;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_tungstenite::tungstenite::Message as Sent;
    use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
    use tokio_util::task::AbortOnDropHandle;

    /// Says what it hears; says `flood` without end.
    #[derive(Default)]
    struct Echo {
        inbox: Inbox,
        flood: Option<(String, Arc<AtomicUsize>)>,
    }

    impl Talk for Echo {
        fn hear(&mut self, text: String) {
            self.inbox.push(text);
        }

        fn is_full(&self) -> bool {
            self.inbox.is_full()
        }

        fn is_settled(&self) -> bool {
            self.inbox.is_empty()
        }

        async fn say(&mut self) -> String {
            if let Some((text, said)) = &self.flood {
                said.fetch_add(1, Ordering::Relaxed);
                return text.clone();
            }
            match self.inbox.pop() {
                Some(text) => text,
                None => std::future::pending().await,
            }
        }
    }

    type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

    struct Server {
        client: Client,
        stop: CancellationToken,
        ended: tokio::sync::mpsc::Receiver<()>,
        _server: AbortOnDropHandle<()>,
    }

    /// A server whose only path holds one conversation with `flood`.
    async fn server(flood: Option<(String, Arc<AtomicUsize>)>) -> Server {
        let stop = CancellationToken::new();
        let (end, ended) = tokio::sync::mpsc::channel(1);
        let token = stop.clone();
        let connect = move |upgrade: WebSocketUpgrade| async move {
            limited(upgrade).on_upgrade(move |socket| async move {
                let talk = Echo {
                    flood,
                    ..Echo::default()
                };
                converse(socket, talk, &token).await;
                let _ = end.send(()).await;
            })
        };
        let router = Router::new().route("/", get(connect));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server =
            tokio::spawn(async move { axum::serve(listener, router).await.expect("serving") });
        let (client, _) = connect_async(format!("ws://{address}/"))
            .await
            .expect("an upgrade");
        Server {
            client,
            stop,
            ended,
            _server: AbortOnDropHandle::new(server),
        }
    }

    async fn hear(client: &mut Client) -> Sent {
        let next = timeout(Duration::from_secs(10), client.next());
        next.await
            .expect("in time")
            .expect("not over")
            .expect("a message")
    }

    async fn code(client: &mut Client) -> u16 {
        loop {
            if let Sent::Close(Some(frame)) = hear(client).await {
                return frame.code.into();
            }
        }
    }

    #[tokio::test]
    async fn text_and_binary_text_are_heard_and_other_bytes_are_refused() {
        let mut server = server(None).await;
        server
            .client
            .send(Sent::text("привет"))
            .await
            .expect("sent");
        assert_eq!(hear(&mut server.client).await, Sent::text("привет"));
        server
            .client
            .send(Sent::binary("привет"))
            .await
            .expect("sent");
        assert_eq!(hear(&mut server.client).await, Sent::text("привет"));
        server
            .client
            .send(Sent::binary(vec![0xff]))
            .await
            .expect("sent");
        assert_eq!(code(&mut server.client).await, 1003);
    }

    #[tokio::test]
    async fn a_message_that_is_too_large_is_refused_with_its_code() {
        let mut server = server(None).await;
        let most = "x".repeat(MOST_BYTES_IN);
        server
            .client
            .send(Sent::text(most.clone()))
            .await
            .expect("sent");
        assert_eq!(hear(&mut server.client).await, Sent::text(most));
        let (mut sink, mut stream) = server.client.split();
        // The server stops reading in the middle of it: the client writes and reads at once.
        let write = sink.send(Sent::text("x".repeat(MOST_BYTES_IN + 1)));
        let read = async {
            loop {
                match stream.next().await {
                    Some(Ok(Sent::Close(Some(frame)))) => return u16::from(frame.code),
                    Some(Ok(_)) => {}
                    other => panic!("{other:?}"),
                }
            }
        };
        let code = tokio::select! {
            code = read => code,
            _ = async { let _ = write.await; std::future::pending::<()>().await } => unreachable!(),
        };
        assert_eq!(code, 1009);
    }

    #[tokio::test]
    async fn stopping_says_goodbye() {
        let mut server = server(None).await;
        server.stop.cancel();
        assert_eq!(code(&mut server.client).await, 1001);
        assert_eq!(server.ended.recv().await, Some(()));
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_is_not_written_for_in_advance_and_does_not_hold_up_stopping()
     {
        let said = Arc::new(AtomicUsize::new(0));
        let mut server = server(Some(("x".repeat(1 << 20), said.clone()))).await;
        // Nobody reads, so at some point the sockets' buffers are full and nothing more is said.
        let mut before = 0;
        loop {
            sleep(Duration::from_millis(100)).await;
            let now = said.load(Ordering::Relaxed);
            assert!(now < 64, "{now} frames of 1 MiB for nobody");
            if now > 0 && now == before {
                break;
            }
            before = now;
        }
        server.stop.cancel();
        let ended = timeout(LONGEST_GOODBYE * 2, server.ended.recv()).await;
        assert_eq!(ended, Ok(Some(())));
    }

    /// A client made of channels, so that time can be made to pass.
    fn channels() -> (
        impl Sink<Message> + Unpin,
        futures_util::stream::Pending<Result<Message, axum::Error>>,
        tokio::sync::mpsc::UnboundedReceiver<Message>,
    ) {
        let (send, sent) = tokio::sync::mpsc::unbounded_channel();
        let sink = futures_util::sink::unfold(send, |send, message| async move {
            send.send(message).map_err(|_| ())?;
            Ok::<_, ()>(send)
        });
        (Box::pin(sink), futures_util::stream::pending(), sent)
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_is_pinged_and_then_given_up() {
        let (mut sink, mut stream, mut sent) = channels();
        let begun = Instant::now();
        let stop = CancellationToken::new();
        let end = exchange(&mut sink, &mut stream, &mut Echo::default(), &stop).await;
        assert_eq!(end, End::Silent);
        assert_eq!(begun.elapsed(), LONGEST_SILENCE);
        drop(sink);
        let mut pings = 0;
        while let Some(message) = sent.recv().await {
            assert!(matches!(message, Message::Ping(_)));
            pings += 1;
        }
        assert_eq!(pings, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_answers_pings_stays() {
        let (mut sink, _, _sent) = channels();
        let mut stream = Box::pin(futures_util::stream::unfold(0, |pongs| async move {
            sleep(PING_EVERY).await;
            (pongs < 10).then(|| (Ok(Message::Pong(Bytes::new())), pongs + 1))
        }));
        let begun = Instant::now();
        let stop = CancellationToken::new();
        let end = exchange(&mut sink, &mut stream, &mut Echo::default(), &stop).await;
        assert_eq!(end, End::Left);
        assert_eq!(begun.elapsed(), PING_EVERY * 11);
    }

    #[test]
    fn an_inbox_is_bounded_by_count_and_by_bytes() {
        let mut inbox = Inbox::default();
        inbox.push("x".repeat(MOST_BYTES_IN));
        assert!(inbox.is_full());
        assert_eq!(inbox.pop().map(|text| text.len()), Some(MOST_BYTES_IN));
        assert!(!inbox.is_full());
        for _ in 0..1024 {
            inbox.push(String::new());
        }
        assert!(inbox.is_full());
    }
}
