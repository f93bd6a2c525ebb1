//! WebSocket frames that no honest client sends: each ends with the right code, soon, and the daemon goes
//! on.

use haul_testkit::daemon::Daemon;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{SOON, connect, downloads};
use crate::world::{World, descriptors, until};

pub(super) const FIN: u8 = 0x80;
pub(super) const TEXT: u8 = 1;
const BINARY: u8 = 2;
const PING: u8 = 9;
const MASKED: u8 = 0x80;

/// A WebSocket at this path.
pub(super) async fn open(daemon: &Daemon, path: &str) -> TcpStream {
    let opened = upgrade(daemon, connect(daemon).await, path).await;
    opened.unwrap_or_else(|head| panic!("{head}"))
}

/// Makes a connection a WebSocket, unless the head of the answer says something else.
pub(super) async fn upgrade(
    daemon: &Daemon,
    mut stream: TcpStream,
    path: &str,
) -> Result<TcpStream, String> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        daemon.port()
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("an answer"));
    }
    match head.starts_with(b"HTTP/1.1 101 ") {
        true => Ok(stream),
        false => Err(String::from_utf8_lossy(&head).into_owned()),
    }
}

/// A masked frame; its mask is zero, so that its bytes are as written.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match u8::try_from(payload.len()) {
        Ok(len @ 0..=125) => bytes.push(MASKED | len),
        _ => {
            bytes.push(MASKED | 127);
            bytes.extend((payload.len() as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// Reads frames until one says goodbye; its code.
pub(super) async fn code(stream: &mut (impl AsyncRead + Unpin)) -> u16 {
    let reading = async {
        loop {
            let [first, len] = [stream.read_u8().await?, stream.read_u8().await?];
            let len = match len {
                126 => u64::from(stream.read_u16().await?),
                127 => stream.read_u64().await?,
                len => u64::from(len),
            };
            let mut payload = vec![0; usize::try_from(len).expect("short")];
            stream.read_exact(&mut payload).await?;
            if first == FIN | 8 {
                return Ok::<_, std::io::Error>(u16::from_be_bytes([payload[0], payload[1]]));
            }
        }
    };
    let code = timeout(SOON, reading).await.expect("in time");
    code.expect("a goodbye")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_breaks_the_protocol_ends_its_socket_with_the_right_code() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let unmasked = [FIN | TEXT, 1, b'a'];
    let endless = [
        &[FIN | TEXT, MASKED | 127][..],
        &(1u64 << 62).to_be_bytes(),
        &[0; 4],
    ]
    .concat();
    let cases: [(&str, Vec<u8>, u16); 11] = [
        ("no mask", unmasked.to_vec(), 1002),
        ("a reserved bit", frame(FIN | 0x40 | TEXT, b"a"), 1002),
        ("a reserved kind", frame(FIN | 3, b"a"), 1002),
        ("a reserved control", frame(FIN | 0xb, b"a"), 1002),
        ("a ping in parts", frame(PING, b"a"), 1002),
        ("a long ping", frame(FIN | PING, &[b'a'; 126]), 1002),
        ("an end without a beginning", frame(FIN, b"a"), 1002),
        (
            "two beginnings",
            [frame(TEXT, b"a"), frame(FIN | TEXT, b"b")].concat(),
            1002,
        ),
        ("text that is none", frame(FIN | TEXT, &[0xff]), 1007),
        ("bytes that are no text", frame(FIN | BINARY, &[0xff]), 1003),
        ("more than there is", endless, 1009),
    ];
    for path in ["/", "/api/v1/ws", "/jsonrpc"] {
        for (what, bytes, expected) in &cases {
            let mut stream = open(&daemon, path).await;
            stream.write_all(bytes).await.expect("sent");
            assert_eq!(code(&mut stream).await, *expected, "{what} at {path}");
        }
    }
    assert_eq!(downloads(&daemon).await, 0, "it still answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_endless_pieces_is_bounded() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let mut stream = open(&daemon, "/").await;
    let piece = vec![b'a'; 1 << 20];
    let (mut reader, mut writer) = stream.split();
    let writing = async {
        let begun = writer.write_all(&frame(TEXT, &piece)).await;
        let mut ended = begun;
        while ended.is_ok() {
            ended = writer.write_all(&frame(0, &piece)).await;
        }
        std::future::pending::<()>().await;
    };
    let reading = async {
        let mut said = Vec::new();
        let _ = timeout(SOON, reader.read_to_end(&mut said)).await;
        said
    };
    let said = tokio::select! {
        () = writing => unreachable!("it never ends"),
        said = reading => said,
    };
    let goodbye = [&[FIN | 8][..], &[0], &1009u16.to_be_bytes()].concat();
    assert!(
        said.len() > 4 && said[0] == goodbye[0] && said[2..4] == goodbye[2..],
        "{said:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_without_end_end_the_socket() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let mut stream = open(&daemon, "/api/v1/ws").await;
    // Far less than a minute's worth of an honest client's, and more than any sends in one breath.
    let flood = frame(FIN | PING, b"").repeat(1_200);
    stream.write_all(&flood).await.expect("sent");
    assert_eq!(code(&mut stream).await, 1008);
    let mut honest = open(&daemon, "/api/v1/ws").await;
    honest
        .write_all(&frame(FIN | PING, b"x"))
        .await
        .expect("sent");
    let mut pong = [0; 3];
    honest.read_exact(&mut pong).await.expect("a pong");
    assert_eq!(pong, [FIN | 0xa, 1, b'x']);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_in_pieces_with_pings_between_them_is_answered() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let call = br#"{"jsonrpc":"2.0","id":"in pieces","method":"stats"}"#;
    for first in [TEXT, BINARY] {
        let mut stream = open(&daemon, "/api/v1/ws").await;
        let (last, pieces) = call.split_last().expect("it is long");
        stream.write_all(&frame(first, b"")).await.expect("sent");
        for byte in pieces {
            stream.write_all(&frame(0, &[*byte])).await.expect("sent");
            stream
                .write_all(&frame(FIN | PING, b""))
                .await
                .expect("sent");
        }
        stream.write_all(&frame(FIN, &[*last])).await.expect("sent");
        let mut said = Vec::new();
        let reading = async {
            while !said.ends_with(b"}}") {
                said.push(stream.read_u8().await.expect("the socket lives"));
            }
        };
        timeout(SOON, reading).await.expect("in time");
        assert!(String::from_utf8_lossy(&said).contains("in pieces"));
    }
}

/// What a client that is out of its mind sends: now and then something that is right.
fn nonsense(rng: &mut fastrand::Rng) -> Vec<u8> {
    let texts: [&[u8]; 6] = [
        br#"{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{"interval_ms":50}}"#,
        br#"[{"jsonrpc":"2.0","id":2,"method":"downloads.list"},7]"#,
        b"start",
        b"\xed\xa0\x80",
        b"{",
        b"",
    ];
    let mut bytes = Vec::new();
    for _ in 0..rng.usize(1..12) {
        let text = texts[rng.usize(..texts.len())];
        match rng.u8(..10) {
            0..4 => bytes.extend(frame(FIN | TEXT, text)),
            4 => bytes.extend(frame(FIN | BINARY, text)),
            5 => {
                let half = text.len() / 2;
                bytes.extend(frame(TEXT, &text[..half]));
                bytes.extend(frame(FIN | PING, &text[..half]));
                bytes.extend(frame(FIN, &text[half..]));
            }
            6 => bytes.extend(frame(FIN | PING, b"").repeat(rng.usize(..1_500))),
            7 => bytes.extend(frame(0, b"").repeat(rng.usize(..3_000))),
            8 => bytes.extend(frame(rng.u8(..), text)),
            _ => bytes.extend((0..rng.usize(..200)).map(|_| rng.u8(..))),
        }
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_out_of_their_minds_leave_nothing_behind() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let before = descriptors(daemon.pid());
    let seed = fastrand::u64(..);
    let mut rng = fastrand::Rng::with_seed(seed);
    for number in 0..200 {
        let path = ["/", "/api/v1/ws", "/jsonrpc"][number % 3];
        let mut stream = open(&daemon, path).await;
        // It may be told goodbye in the middle.
        let _ = stream.write_all(&nonsense(&mut rng)).await;
        match rng.u8(..3) {
            0 => drop(stream),
            1 => drop(stream.shutdown().await),
            _ => drop(timeout(SOON / 100, stream.read_to_end(&mut Vec::new())).await),
        }
    }
    assert_eq!(downloads(&daemon).await, 0, "it still answers, seed {seed}");
    until(
        &format!("every socket to be closed, seed {seed}"),
        async || (descriptors(daemon.pid()) <= before).then_some(()),
    )
    .await;
}
