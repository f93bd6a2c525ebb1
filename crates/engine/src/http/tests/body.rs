//! Heads and bodies that lie, break off or never come.

use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Retry};
use crate::http::script::{Reply, Server, client, config, get, read};

/// What reading the whole answer to one scripted reply comes to.
async fn outcome(reply: fn() -> Reply) -> Result<String, Error> {
    let server = Server::start(move |_, _| reply()).await;
    let mut config = config();
    config.read_timeout = Duration::from_millis(200);
    let (client, limits) = client(&config);
    let outcome = match get(&client, &server.url("/f?secret")).await {
        Ok(answer) => read(answer).await,
        Err(error) => Err(error),
    };
    if let Err(error) = &outcome {
        assert_eq!(error.retry, Retry::Wait { after: None }, "{error}");
        assert!(
            error
                .url
                .as_deref()
                .is_some_and(|url| !url.contains("secret"))
        );
        assert_eq!(limits.open_now(), 0, "a broken connection is closed");
    }
    outcome
}

async fn kind(reply: fn() -> Reply) -> Kind {
    outcome(reply).await.expect_err("an error").kind
}

#[tokio::test]
async fn proper_ends_are_ends() {
    for reply in [
        || Reply::keep("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
        || {
            Reply::keep(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\nT: v\r\n\r\n",
            )
        },
        || Reply::close("HTTP/1.1 200 OK\r\n\r\nabc"),
        || Reply::close("HTTP/1.0 200 OK\r\n\r\nabc"),
        || {
            Reply::keep(
                "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
            )
        },
    ] {
        assert_eq!(outcome(reply).await.as_deref(), Ok("abc"));
    }
    let empty = || Reply::keep("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(outcome(empty).await.as_deref(), Ok(""));
    assert_eq!(
        outcome(|| Reply::keep("HTTP/1.1 204 No\r\n\r\n"))
            .await
            .as_deref(),
        Ok("")
    );
}

#[tokio::test]
async fn an_early_end_is_never_taken_for_the_end() {
    for reply in [
        || Reply::close("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcde"),
        || Reply::close("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
        || Reply::close("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"),
        || Reply::close("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
        || Reply::cut("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcde"),
        || Reply::close("HTTP/1.1 200 OK\r\nContent-Le"),
        || Reply::close("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"),
        || Reply::cut(""),
    ] {
        assert_eq!(kind(reply).await, Kind::Disconnected);
    }
}

#[tokio::test]
async fn bytes_before_the_break_are_delivered() {
    let server =
        Server::start(|_, _| Reply::close("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcde"))
            .await;
    let (client, _limits) = client(&config());
    let mut body = get(&client, &server.url("/")).await.expect("a head").body;
    let mut held = Vec::new();
    let error = loop {
        match body.frame().await {
            Ok(Some(bytes)) => held.extend_from_slice(&bytes),
            Ok(None) => panic!("no end was sent"),
            Err(error) => break error,
        }
    };
    assert_eq!(held, b"abcde");
    assert_eq!(error.kind, Kind::Disconnected);
    assert!(body.frame().await.is_err(), "broken stays broken");
}

#[tokio::test]
async fn nonsense_is_a_protocol_error() {
    for reply in [
        || Reply::close("HTTP/9.1 200 OK\r\n\r\n"),
        || Reply::close("HTTP/1.1 abc OK\r\n\r\n"),
        || Reply::close("<html>hello</html>\r\n\r\n"),
        || Reply::close("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
        || Reply::close("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        || Reply::close("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nab"),
        || Reply::close("HTTP/1.1 200 OK\r\nBad Name: 1\r\n\r\n"),
        || {
            Reply::close(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
            )
        },
        || {
            Reply::close(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nab",
            )
        },
        || Reply::close("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
    ] {
        assert_eq!(kind(reply).await, Kind::Protocol);
    }
}

#[tokio::test]
async fn an_endless_head_is_cut_off() {
    let long = || {
        let field = "x".repeat(1 << 20);
        Reply::hang(format!("HTTP/1.1 200 OK\r\nX: {field}\r\n\r\n"))
    };
    let many = || {
        let fields: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();
        Reply::hang(format!("HTTP/1.1 200 OK\r\n{fields}\r\n"))
    };
    assert_eq!(kind(long).await, Kind::Protocol);
    assert_eq!(kind(many).await, Kind::Protocol);
}

#[tokio::test]
async fn silence_ends_in_a_timeout() {
    for reply in [
        || Reply::hang(""),
        || Reply::hang("HTTP/1.1 200 OK\r\nConte"),
        || Reply::hang("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
        || Reply::hang("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcde"),
        || Reply::hang("HTTP/1.1 200 OK\r\n\r\nabcde"),
    ] {
        let start = Instant::now();
        assert_eq!(kind(reply).await, Kind::Timeout);
        assert!(start.elapsed() >= Duration::from_millis(200));
    }
}

#[tokio::test]
async fn a_reader_that_takes_its_time_is_not_a_silent_server() {
    let server = Server::start(|_, _| Reply::ok(&"x".repeat(3 << 20))).await;
    let mut config = config();
    config.read_timeout = Duration::from_secs(30);
    let (client, _limits) = client(&config);
    let mut body = get(&client, &server.url("/")).await.expect("a head").body;
    let mut held = 0;
    let mut waited = false;
    while let Some(bytes) = body.frame().await.expect("bytes") {
        held += bytes.len();
        if !waited {
            // As a thread does that is held back by a rate.
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(60)).await;
            tokio::time::resume();
            waited = true;
        }
    }
    assert_eq!(held, 3 << 20);
}

#[tokio::test]
async fn reads_can_be_kept_small() {
    let server = Server::start(|_, _| Reply::ok(&"x".repeat(1 << 20))).await;
    let (client, _limits) = client(&config());
    let mut body = get(&client, &server.url("/")).await.expect("a head").body;
    body.frame().await.expect("bytes").expect("bytes");
    body.read_at_most(Some(1000));
    // What was read ahead comes first.
    body.frame().await.expect("bytes").expect("bytes");
    body.frame().await.expect("bytes").expect("bytes");
    for _ in 0..10 {
        let bytes = body.frame().await.expect("bytes").expect("bytes");
        assert!(bytes.len() <= 1000, "{}", bytes.len());
    }
    body.read_at_most(None);
    let mut longest = 0;
    while let Some(bytes) = body.frame().await.expect("bytes") {
        longest = longest.max(bytes.len());
    }
    assert!(longest > 4000, "{longest}");
}

#[tokio::test]
async fn many_megabytes_arrive_whole_in_large_reads() {
    let text: String = (0..1_000_000u32).map(|n| format!("{n:07} ")).collect();
    let server = Server::start({
        let text = text.clone();
        move |_, _| Reply::ok(&text)
    })
    .await;
    let (client, _limits) = client(&config());
    let answer = get(&client, &server.url("/")).await.expect("a head");
    assert!(read(answer).await.expect("read") == text);
}
