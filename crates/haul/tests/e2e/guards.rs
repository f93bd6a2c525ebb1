//! Pages of other sites, and names that are not ours, get nothing: not over REST, not by an upgrade.

use haul_testkit::daemon::Daemon;
use haul_testkit::http;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};

use crate::world::World;

/// The statuses with which each door answers a request that has this header: reading and writing
/// over REST, the live protocol, the console.
async fn knock(daemon: &Daemon, name: &str, value: &str) -> [u16; 4] {
    [
        ask(daemon, "GET", (name, value)).await,
        ask(daemon, "POST", (name, value)).await,
        upgrade(daemon, "/api/v1/ws", (name, value)).await,
        upgrade(daemon, "/", (name, value)).await,
    ]
}

async fn ask(daemon: &Daemon, method: &str, header: (&str, &str)) -> u16 {
    let url = daemon.url("/api/v1/downloads");
    let (headers, body) = match method {
        "POST" => (
            vec![header, ("Content-Type", "application/json")],
            r#"{"urls":["http://127.0.0.1:1/a"],"paused":true}"#,
        ),
        _ => (vec![header], ""),
    };
    let answer = http::request_with(method, &url, &headers, body.as_bytes()).await;
    answer.expect("an answer").status
}

async fn upgrade(daemon: &Daemon, path: &str, (name, value): (&str, &str)) -> u16 {
    let mut request = daemon.ws(path).into_client_request().expect("a ws URL");
    let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
    let value = HeaderValue::from_str(value).expect("a header's value");
    request.headers_mut().insert(name, value);
    match tokio_tungstenite::connect_async(request).await {
        Ok((_, answer)) => answer.status().as_u16(),
        Err(Error::Http(answer)) => answer.status().as_u16(),
        Err(error) => panic!("{path}: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_is_refused_everywhere() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    for origin in [
        "http://evil.example",
        "http://127.0.0.1:1",
        "http://127.0.0.1.evil.example",
        "null",
    ] {
        assert_eq!(knock(&daemon, "Origin", origin).await, [403; 4], "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_ours_is_refused_everywhere() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let rebound = format!("evil.example:{}", daemon.port());
    for host in ["evil.example", &rebound, "127.0.0.1.evil.example"] {
        assert_eq!(knock(&daemon, "Host", host).await, [403; 4], "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_page_and_listed_origins_are_let_in() {
    let world = World::new();
    let friend = "https://friend.example";
    let daemon = world.daemon(&["--allowed-origins", friend]).await;
    let own = format!("http://127.0.0.1:{}", daemon.port());
    for origin in [own.as_str(), friend] {
        let answers = knock(&daemon, "Origin", origin).await;
        assert_eq!(answers, [200, 201, 101, 101], "{origin}");
    }
}
