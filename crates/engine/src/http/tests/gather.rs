//! The kernel gathers bytes, and nobody waits for those that it holds back.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::error::Kind;
use crate::http::script::{client, config, get, read};

const FAST: usize = 8 << 20;
const LAST: usize = 10 << 10;

/// Takes one connection and answers its first request with `declared` bytes to come: `FAST` of them
/// fast enough to be gathered, then `LAST`, then nothing. Later requests get "small".
async fn start(declared: usize) -> (Url, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address");
    let served = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.expect("accepted");
        read_head(&mut tcp).await;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {declared}\r\n\r\n");
        tcp.write_all(head.as_bytes()).await.expect("sent");
        // A link of so many bytes/s: a burst could come in one piece and be over.
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        for part in vec![b'x'; FAST].chunks(FAST / 16) {
            pace.tick().await;
            tcp.write_all(part).await.expect("sent");
        }
        tcp.write_all(&[b'x'; LAST]).await.expect("sent");
        loop {
            read_head(&mut tcp).await;
            let small = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsmall";
            tcp.write_all(small).await.expect("sent");
        }
    });
    let url = Url::parse(&format!("http://{address}/")).expect("a URL");
    (url, AbortOnDropHandle::new(served))
}

/// Reads up to the end of a request, or waits for ever.
async fn read_head(tcp: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if tcp.read_buf(&mut head).await.unwrap_or(0) == 0 {
            std::future::pending::<()>().await;
        }
    }
}

#[tokio::test]
async fn the_last_bytes_before_a_stall_are_not_held_back() {
    let (url, _server) = start(2 * FAST).await;
    let mut config = config();
    config.read_timeout = Duration::from_secs(1);
    let (client, _limits) = client(&config);
    let mut body = get(&client, &url).await.expect("a head").body;
    let mut held = 0;
    let error = loop {
        match body.frame().await {
            Ok(Some(bytes)) => held += bytes.len(),
            Ok(None) => panic!("no end was sent"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind, Kind::Timeout);
    assert_eq!(held, FAST + LAST);
}

#[tokio::test]
async fn a_small_answer_after_a_large_one_is_seen_at_once() {
    let (url, _server) = start(FAST + LAST).await;
    let mut config = config();
    config.read_timeout = Duration::from_secs(10);
    let (client, _limits) = client(&config);
    let large = get(&client, &url).await.expect("a head");
    assert_eq!(read(large).await.expect("read").len(), FAST + LAST);
    let small = get(&client, &url)
        .await
        .expect("the same connection answers");
    assert_eq!(read(small).await.expect("read"), "small");
}
