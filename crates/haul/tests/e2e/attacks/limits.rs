//! Too much of everything: each has a clear answer, and costs no more than it may.

use std::time::Instant;

use haul_testkit::http;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::frames::{open, upgrade};
use super::{SOON, WITH_TOKEN, connect, downloads, send, status_of};
use crate::world::{World, call, resident};

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_answered_though_all_of_it_is_sent() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let url = daemon.url("/api/v1/downloads");
    for size in [(4 << 20) + 1, 16 << 20] {
        let answer = http::request("POST", &url, &vec![b' '; size]).await;
        let answer = answer.unwrap_or_else(|why| panic!("{size} bytes: {why}"));
        assert_eq!(answer.status, 413, "{size}");
        assert_eq!(answer.json()["code"], "body_too_large");
    }
    let most = http::request("POST", &url, &vec![b' '; 4 << 20]).await;
    assert_eq!(most.expect("an answer").json()["code"], "invalid_json");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_a_stranger_is_not_waited_for() {
    let world = World::new();
    let daemon = world.daemon(&WITH_TOKEN).await;
    let begun = Instant::now();
    let lines = ["Host: 127.0.0.1:PORT", "Content-Length: 4000000"];
    let status = status_of(&daemon, "POST /api/v1/downloads", &lines).await;
    assert_eq!(status, 401);
    assert!(begun.elapsed() < SOON);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_is_refused() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let long = format!("X: {}", "x".repeat(64 << 10));
    let status = status_of(&daemon, "GET /", &["Host: 127.0.0.1:PORT", &long]).await;
    assert_eq!(status, 431);
    let many = vec!["X: x"; 200];
    assert_eq!(status_of(&daemon, "GET /", &many).await, 431);
    // One that never ends is cut off at the same length.
    let mut stream = connect(&daemon).await;
    let begun = stream.write_all(b"GET / HTTP/1.1\r\n").await;
    begun.expect("sent");
    let mut sent = 0;
    while sent < 16 << 20 && stream.write_all(&[b'x'; 16 << 10]).await.is_ok() {
        sent += 16 << 10;
    }
    assert!(sent < 16 << 20, "{sent} bytes of a head were taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn crooked_framing_is_refused() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let port = daemon.port();
    for lines in [
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: 2\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: x",
        "Content-Length: -1",
        "Content-Length: +2",
        "Content-Length : 2",
        "X: a\r\n b: c",
    ] {
        let request = format!(
            "POST /api/v1/downloads HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
             {lines}\r\n\r\n{{}}GET /api/v1/stats HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
        );
        // Answered once and closed, or closed at once: never a second answer.
        let mut stream = connect(&daemon).await;
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut said = String::new();
        let read = timeout(SOON, stream.read_to_string(&mut said)).await;
        let _ = read.expect("in time");
        assert!(said.matches("HTTP/1.1 ").count() <= 1, "{lines}: {said}");
        assert!(!said.contains("\"free_space\""), "{lines}: {said}");
    }
}

/// Lets this test hold very many connections.
fn take_many_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).expect("as many as the system grants");
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_websockets_and_no_more() {
    const MOST: usize = 1024;
    take_many_files();
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let paths = ["/", "/api/v1/ws", "/jsonrpc"];
    let mut held = Vec::with_capacity(MOST);
    for path in paths.iter().cycle().take(MOST) {
        held.push(open(&daemon, path).await);
    }
    for path in paths {
        let refused = upgrade(&daemon, connect(&daemon).await, path).await;
        let refused = refused.expect_err("every place is taken");
        assert!(refused.starts_with("HTTP/1.1 503 "), "{path}: {refused}");
    }
    // Whoever only asks is answered as ever.
    assert_eq!(downloads(&daemon).await, 0);
    held.truncate(MOST - 1);
    crate::world::until("a place to be free", async || {
        upgrade(&daemon, connect(&daemon).await, "/").await.ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_machine_never_takes_the_last_place() {
    const HALF: usize = 2048;
    take_many_files();
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let mut held = Vec::with_capacity(HALF);
    // One that has become a WebSocket is a connection like any other.
    for path in ["/", "/api/v1/ws", "/jsonrpc"] {
        held.push(open(&daemon, path).await);
    }
    while held.len() < HALF {
        held.push(connect(&daemon).await);
    }
    // The last one was taken when the daemon answers on it; the next is closed unheard.
    let last = held.last_mut().expect("many");
    let request = format!(
        "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n",
        daemon.port()
    );
    last.write_all(request.as_bytes()).await.expect("sent");
    let mut first = [0; 12];
    last.read_exact(&mut first).await.expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 200");
    let mut more = connect(&daemon).await;
    let _ = more.write_all(request.as_bytes()).await;
    let mut said = Vec::new();
    let _ = timeout(SOON, more.read_to_end(&mut said))
        .await
        .expect("closed");
    assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
    drop(held);
    let answered = crate::world::until("a place to be free", async || {
        send(
            &daemon,
            request
                .replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        )
        .await
        .ok()
    });
    assert_eq!(answered.await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_request_does_not_become_a_large_amount_of_memory() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let headers = json!({"Cookie": "x".repeat(60 << 10)});
    let urls = vec!["http://127.0.0.1:1/a"; 100_000];
    let body = json!({"urls": urls, "headers": headers, "paused": true});
    let before = resident(daemon.pid());
    let (status, answer) = call(&daemon, "POST", "/downloads", Some(body)).await;
    assert_eq!(status, 422, "{answer}");
    let grown = resident(daemon.pid()).saturating_sub(before);
    assert!(grown < 256 << 20, "{grown} bytes for a request of 3 MiB");
    assert_eq!(downloads(&daemon).await, 0);
}
