//! Redirects: where they lead, and what goes along.

use crate::error::Kind;
use crate::http::Ask;
use crate::http::script::{Heard, Reply, Server, client, config, get, read};

#[tokio::test]
async fn redirects_are_followed_over_one_connection() {
    let server = Server::start(|n, _| match n {
        0 => Reply::redirect("b?x=1", ""),
        1 => Reply::redirect("/c", ""),
        _ => Reply::ok("here"),
    })
    .await;
    let (client, limits) = client(&config());
    let answer = get(&client, &server.url("/dir/a"))
        .await
        .expect("an answer");
    assert_eq!(answer.url, server.url("/c"));
    assert_eq!(answer.status, 200);
    assert_eq!(read(answer).await.expect("read"), "here");
    let lines: Vec<String> = server
        .heard()
        .iter()
        .map(|heard| heard.head.lines().next().expect("a line").to_owned())
        .collect();
    let wanted = [
        "GET /dir/a HTTP/1.1",
        "GET /dir/b?x=1 HTTP/1.1",
        "GET /c HTTP/1.1",
    ];
    assert_eq!(lines, wanted);
    assert_eq!(server.connections(), [0, 0, 0]);
    assert_eq!(limits.open_now(), 1);
}

#[tokio::test]
async fn another_origin_gets_the_range_but_no_secrets() {
    let away = Server::start(|_, _| Reply::ok("bytes")).await;
    let there = away.url("/file").to_string();
    let home = Server::start(move |_, _| Reply::redirect(&there, "")).await;
    let (client, _limits) = client(&config());
    let mut url = home.url("/");
    url.set_username("ann").expect("a host");
    let headers = [("X-Key", "k"), ("Cookie", "c=1")].map(|(n, v)| (n.to_owned(), v.to_owned()));
    let ask = Ask {
        url: &url,
        home: &url,
        range: Some((0, 4)),
        headers: &headers,
        owner: crate::limit::Owner::Nobody,
        turn: None,
        ahead: None,
    };
    let answer = client.get(&ask).await.expect("an answer");
    assert_eq!(answer.url, away.url("/file"));
    let at_home = &home.heard()[0];
    assert!(at_home.has("x-key: k") && at_home.has("cookie: c=1"));
    assert!(
        at_home
            .head
            .to_lowercase()
            .contains("authorization: basic ")
    );
    assert_bare(&away.heard()[0]);

    // The threads ask the final URL directly; it is no more home than before.
    let ask = Ask {
        url: &answer.url,
        ..ask
    };
    client.get(&ask).await.expect("an answer");
    assert_bare(&away.heard()[1]);
    assert_eq!(home.heard().len(), 1);
}

/// The request says what is wanted and nothing about who wants it.
fn assert_bare(heard: &Heard) {
    assert!(heard.has("range: bytes=0-4") && heard.has("accept-encoding: identity"));
    for secret in ["x-key", "cookie", "authorization", "if-range"] {
        assert!(!heard.head.to_lowercase().contains(secret), "{heard:?}");
    }
}

#[tokio::test]
async fn a_cookie_set_on_the_way_is_sent_on() {
    let server = Server::start(|n, head| match n {
        // The same URL again, as sites do to see whether cookies work.
        0 => Reply::redirect("/", "Set-Cookie: seen=yes\r\n"),
        _ if head.to_lowercase().contains("cookie: seen=yes") => Reply::ok("welcome"),
        _ => Reply::redirect("/", ""),
    })
    .await;
    let (client, _limits) = client(&config());
    let answer = get(&client, &server.url("/")).await.expect("an answer");
    assert_eq!(read(answer).await.expect("read"), "welcome");
}

#[tokio::test]
async fn a_circle_and_an_endless_walk_end_with_an_error() {
    let (client, limits) = client(&config());
    let circle = Server::start(|n, _| Reply::redirect(["/b", "/a"][n % 2], "")).await;
    let endless = Server::start(|n, _| Reply::redirect(&format!("/{n}?secret"), "")).await;
    for (server, requests) in [(&circle, 2), (&endless, 11)] {
        let error = get(&client, &server.url("/a")).await.err().expect("an end");
        assert_eq!(error.kind, Kind::TooManyRedirects);
        assert_eq!(server.heard().len(), requests);
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(error.url.is_some());
    }
    assert!(limits.open_now() <= 2);
}

#[tokio::test]
async fn any_status_is_an_answer() {
    let server =
        Server::start(|_, _| Reply::keep("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"))
            .await;
    let (client, limits) = client(&config());
    let answer = get(&client, &server.url("/")).await.expect("an answer");
    assert_eq!(answer.status, 404);
    answer.body.finish();
    assert_eq!(
        limits.open_now(),
        1,
        "the rest was read and the connection kept"
    );
}
