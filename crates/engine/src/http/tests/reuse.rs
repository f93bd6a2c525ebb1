//! Connections: when one is used again, when it is not, and that permits are never lost.

use std::time::Duration;

use crate::error::Kind;
use crate::http::script::{Reply, Server, client, config, get, read};

#[tokio::test]
async fn a_finished_connection_is_used_again() {
    let server = Server::start(|_, _| Reply::ok("x")).await;
    let (client, limits) = client(&config());
    for _ in 0..3 {
        let answer = get(&client, &server.url("/")).await.expect("an answer");
        assert_eq!(limits.open_now(), 1);
        assert_eq!(read(answer).await.expect("read"), "x");
    }
    assert_eq!(server.connections(), [0, 0, 0]);
}

#[tokio::test]
async fn a_connection_that_has_proven_fast_is_used_before_a_newer_one() {
    let long = "x".repeat(1 << 20);
    let server = Server::start(move |n, _| match n {
        0 => Reply::ok(&long),
        _ => Reply::ok("x"),
    })
    .await;
    let (client, _limits) = client(&config());
    let fast = get(&client, &server.url("/")).await.expect("an answer");
    let unproven = get(&client, &server.url("/")).await.expect("an answer");
    for answer in [fast, unproven] {
        read(answer).await.expect("read");
    }
    get(&client, &server.url("/")).await.expect("an answer");
    assert_eq!(server.connections(), [0, 1, 0]);
}

#[tokio::test]
async fn a_dropped_body_closes_its_connection() {
    let server = Server::start(|_, _| Reply::ok("x")).await;
    let (client, limits) = client(&config());
    drop(get(&client, &server.url("/")).await.expect("an answer"));
    assert_eq!(limits.open_now(), 0);
    get(&client, &server.url("/")).await.expect("an answer");
    assert_eq!(server.connections(), [0, 1]);
}

#[tokio::test]
async fn a_connection_that_dies_idle_is_replaced_at_once() {
    // The second request is read, then the connection closes without a byte.
    let server = Server::start(|n, _| match n {
        1 => Reply::close(""),
        _ => Reply::ok("x"),
    })
    .await;
    let (client, limits) = client(&config());
    for _ in 0..2 {
        let answer = get(&client, &server.url("/")).await.expect("an answer");
        assert_eq!(read(answer).await.expect("read"), "x");
    }
    assert_eq!(server.connections(), [0, 0, 1]);
    assert_eq!(limits.open_now(), 1);
}

#[tokio::test]
async fn a_fresh_connection_that_dies_is_an_error() {
    let server = Server::start(|_, _| Reply::close("")).await;
    let (client, limits) = client(&config());
    let error = get(&client, &server.url("/")).await.err().expect("closed");
    assert_eq!(error.kind, Kind::Disconnected, "{error}");
    assert!(error.retryable());
    assert_eq!(server.heard().len(), 1);
    assert_eq!(limits.open_now(), 0);
}

#[tokio::test]
async fn a_request_is_not_repeated_once_an_answer_has_begun() {
    let server = Server::start(|n, _| match n {
        1 => Reply::close("HTTP/1.1 200 OK\r\nConte"),
        _ => Reply::ok("x"),
    })
    .await;
    let (client, _limits) = client(&config());
    read(get(&client, &server.url("/")).await.expect("an answer"))
        .await
        .expect("read");
    let error = get(&client, &server.url("/")).await.err().expect("cut");
    assert_eq!(error.kind, Kind::Disconnected, "{error}");
    assert_eq!(server.connections(), [0, 0]);
}

#[tokio::test]
async fn bytes_after_an_answer_never_become_the_next_answer() {
    let smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let server = Server::start(move |n, _| match n {
        0 => Reply::keep(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx{smuggled}"
        )),
        _ => Reply::ok("good"),
    })
    .await;
    let (client, _limits) = client(&config());
    for wanted in ["x", "good"] {
        let answer = get(&client, &server.url("/")).await.expect("an answer");
        assert_eq!(read(answer).await.expect("read"), wanted);
    }
    assert_eq!(server.connections(), [0, 1]);
}

#[tokio::test]
async fn doubtful_framing_ends_the_connection() {
    for head in [
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        "Connection: close\r\nContent-Length: 1\r\n\r\nx",
    ] {
        let server =
            Server::start(move |_, _| Reply::keep(format!("HTTP/1.1 200 OK\r\n{head}"))).await;
        let (client, limits) = client(&config());
        let answer = get(&client, &server.url("/")).await.expect("an answer");
        assert_eq!(read(answer).await.expect("read"), "x");
        assert_eq!(limits.open_now(), 0, "{head}");
    }
}

#[tokio::test]
async fn a_long_rest_is_not_read_for_a_connection() {
    let server = Server::start(|_, _| Reply::ok(&"x".repeat(1 << 20))).await;
    let (client, limits) = client(&config());
    get(&client, &server.url("/"))
        .await
        .expect("an answer")
        .body
        .finish();
    assert_eq!(limits.open_now(), 0);
}

#[tokio::test]
async fn who_waits_for_a_permit_gets_the_open_connection() {
    let server = Server::start(|_, _| Reply::ok("x")).await;
    let mut config = config();
    config.settings.max_connections_per_host = 1;
    let (client, limits) = client(&config);
    let url = server.url("/");
    let first = get(&client, &url).await.expect("an answer");
    assert!(limits.is_tight(&url));
    let (second, ()) = tokio::join!(async { read(get(&client, &url).await?).await }, async {
        tokio::task::yield_now().await;
        assert_eq!(server.heard().len(), 1, "the second waits");
        read(first).await.expect("read");
    });
    assert_eq!(second.expect("read"), "x");
    assert_eq!(server.connections(), [0, 0]);
}

#[tokio::test]
async fn a_request_given_up_gives_its_permit_back() {
    let server = Server::start(|_, _| Reply::hang("")).await;
    let (client, limits) = client(&config());
    let url = server.url("/");
    let patience = Duration::from_millis(50);
    let given_up = tokio::time::timeout(patience, get(&client, &url)).await;
    assert!(given_up.is_err());
    assert_eq!(limits.open_now(), 0);
}

#[tokio::test]
async fn idle_connections_close_after_a_while() {
    let server = Server::start(|_, _| Reply::ok("x")).await;
    let (client, limits) = client(&config());
    let answer = get(&client, &server.url("/")).await.expect("an answer");
    read(answer).await.expect("read");
    assert_eq!(limits.open_now(), 1);
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(16)).await;
    assert_eq!(limits.open_now(), 0);
}
