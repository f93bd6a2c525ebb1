//! A socket against an echo: limits, codes, silence, slowness.

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

    async fn say(&mut self) -> Utf8Bytes {
        if let Some((text, said)) = &self.flood {
            said.fetch_add(1, Ordering::Relaxed);
            return text.clone().into();
        }
        match self.inbox.pop() {
            Some(text) => text.into(),
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
    let connect = move |upgrade: Upgrade| async move {
        let (response, socket) = upgrade.grant();
        tokio::spawn(async move {
            let talk = Echo {
                flood,
                ..Echo::default()
            };
            converse(socket.await.expect("a socket"), talk, &token).await;
            let _ = end.send(()).await;
        });
        response
    };
    let router = Router::new().route("/", get(connect));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving") });
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

/// The next message; the client has answered the pings before it.
async fn hear(client: &mut Client) -> Sent {
    loop {
        let next = timeout(Duration::from_secs(10), client.next());
        let next = next.await.expect("in time").expect("not over");
        let message = next.expect("a message");
        if !message.is_ping() {
            return message;
        }
    }
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
async fn a_long_message_arrives_whole_though_it_leaves_in_pieces() {
    let mut server = server(None).await;
    // Two bytes for each letter: some are cut in the middle.
    for len in [1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE, 5 * PIECE + 7] {
        let said = format!("{}{}", "x".repeat(len % 2), "й".repeat(len / 2));
        let sent = server.client.send(Sent::text(said.clone())).await;
        sent.expect("sent");
        assert_eq!(hear(&mut server.client).await, Sent::text(said), "{len}");
    }
    let mut rest = Rest::default();
    let mut pieces = vec![rest.begin("x".repeat(3 * PIECE - 1).into())];
    pieces.extend(std::iter::from_fn(|| rest.next()));
    let piece = |message: &Message| match message {
        Message::Frame(frame) => (frame.payload().len(), frame.header().is_final),
        other => panic!("{other:?} is no piece"),
    };
    let pieces: Vec<_> = pieces.iter().map(piece).collect();
    assert_eq!(pieces, [(PIECE, false), (PIECE, false), (PIECE - 1, true)]);
}

#[tokio::test]
async fn stopping_says_goodbye() {
    let mut server = server(None).await;
    server.stop.cancel();
    assert_eq!(code(&mut server.client).await, 1001);
    assert_eq!(server.ended.recv().await, Some(()));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_not_written_for_in_advance_and_does_not_hold_up_stopping() {
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
    futures_util::stream::Pending<Result<Message, Error>>,
    tokio::sync::mpsc::Receiver<Message>,
) {
    let (send, sent) = tokio::sync::mpsc::channel(16);
    let sink = futures_util::sink::unfold(send, |send, message| async move {
        send.send(message).await.map_err(|_| ())?;
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

#[tokio::test]
async fn a_client_that_reads_slowly_is_not_told_more_than_a_little_in_advance() {
    let said = Arc::new(AtomicUsize::new(0));
    let mut server = server(Some(("x".repeat(100), said.clone()))).await;
    // It answers pings as it reads, as all do.
    for read in 0..10 * MOST_AHEAD.messages {
        hear(&mut server.client).await;
        let ahead = said.load(Ordering::Relaxed) - read;
        assert!(
            ahead <= 2 * MOST_AHEAD.messages,
            "{ahead} messages for later"
        );
    }
}

#[tokio::test]
async fn a_client_that_answers_each_ping_of_ours_is_no_flood() {
    let mut server = server(Some(("x".to_owned(), Arc::default()))).await;
    let pings = usize::try_from(MOST_CONTROLS).expect("few") + 10;
    for _ in 0..pings * MOST_AHEAD.messages {
        assert!(hear(&mut server.client).await.is_text());
    }
}

/// The answer to a ping of ours stands behind all that was sent before.
#[tokio::test]
async fn a_client_that_sends_much_before_it_reads_is_answered() {
    let mut server = server(None).await;
    for number in 0..3000 {
        let text = Sent::text(number.to_string());
        server.client.feed(text).await.expect("sent");
    }
    server.client.flush().await.expect("sent");
    for number in 0..3000 {
        assert_eq!(
            hear(&mut server.client).await,
            Sent::text(number.to_string())
        );
    }
}

/// A talk that never runs out of long messages.
fn endless(len: usize) -> Echo {
    Echo {
        flood: Some(("x".repeat(len), Arc::default())),
        ..Echo::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_bytes_now_and_then_stays() {
    let (mut sink, mut stream, mut sent) = channels();
    let begun = Instant::now();
    let stop = CancellationToken::new();
    let reads = async {
        // One message of many pieces: no answer to a ping can come before its end.
        for _ in 0..10 {
            sleep(LONGEST_SILENCE - Duration::from_secs(1)).await;
            sent.recv().await.expect("a piece");
        }
        std::future::pending::<()>().await;
    };
    let mut talk = endless(40 * PIECE);
    let end = tokio::select! {
        end = exchange(&mut sink, &mut stream, &mut talk, &stop) => end,
        () = reads => unreachable!("it never returns"),
    };
    assert_eq!(end, End::Silent, "who takes nothing more is given up");
    let stayed = begun.elapsed();
    assert!(stayed > LONGEST_SILENCE * 10, "{stayed:?}");
    assert!(stayed < LONGEST_SILENCE * 11, "{stayed:?}");
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
