//! `/jsonrpc` over WebSocket: calls, notifications and who hears them, pings.

use futures_util::{SinkExt, StreamExt};
use haul_testkit::daemon::Daemon;
use haul_testkit::origin::Origin;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::world::{self, World};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn socket(daemon: &Daemon) -> Socket {
    let opened = tokio_tungstenite::connect_async(daemon.ws("/jsonrpc")).await;
    opened.expect("a WebSocket").0
}

async fn hear(socket: &mut Socket) -> Value {
    loop {
        let heard = tokio::time::timeout(world::PATIENCE, socket.next()).await;
        let heard = heard.expect("in time").expect("open").expect("whole");
        if let Message::Text(text) = heard {
            return serde_json::from_str(&text).expect("JSON");
        }
    }
}

async fn say(socket: &mut Socket, message: Value) {
    let sent = socket.send(Message::text(message.to_string())).await;
    sent.expect("sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_come_to_a_socket_that_has_shown_the_token_and_to_no_other() {
    let (world, origin) = (World::new(), Origin::start().await);
    let daemon = world.daemon(&["--token", "a secret"]).await;
    let (mut known, mut stranger) = (socket(&daemon).await, socket(&daemon).await);
    let version = |token: &str| json!({"id": token, "method": "aria2.getVersion", "params": [format!("token:{token}")]});
    say(&mut stranger, version("a guess")).await;
    let refused = hear(&mut stranger).await;
    assert_eq!(
        refused["error"],
        json!({"code": 1, "message": "Unauthorized"})
    );
    say(&mut known, version("a secret")).await;
    assert!(hear(&mut known).await["result"]["version"].is_string());

    let url = origin.url("/a.bin?size=1M").to_string();
    let add = json!({"id": 1, "method": "aria2.addUri", "params": ["token:a secret", [url]]});
    say(&mut known, add).await;
    let gid = hear(&mut known).await["result"].clone();
    for method in ["aria2.onDownloadStart", "aria2.onDownloadComplete"] {
        let told = hear(&mut known).await;
        assert_eq!(
            told,
            json!({"jsonrpc": "2.0", "method": method, "params": [{"gid": gid}]})
        );
    }
    // What it hears next is the answer, or on a slow machine that its time is over: nothing was told to
    // it before.
    let methods = json!({"id": 2, "method": "system.listMethods"});
    let unknown = json!({"id": 3, "method": "aria2.nope", "params": []});
    for call in [methods, unknown] {
        let _ = stranger.send(Message::text(call.to_string())).await;
    }
    for expected in ["\"id\":2", "\"Unauthorized\""] {
        let heard = tokio::time::timeout(world::PATIENCE, stranger.next()).await;
        match heard.expect("in time") {
            Some(Ok(Message::Text(text))) => assert!(text.contains(expected), "{text}"),
            Some(Ok(Message::Close(Some(why)))) => {
                assert_eq!(u16::from(why.code), 1008);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_call_causes_that_shows_the_token_is_told() {
    let (world, origin) = (World::new(), Origin::start().await);
    let daemon = world.daemon(&["--token", "a secret"]).await;
    let mut socket = socket(&daemon).await;
    let url = origin.url("/a.bin?size=1M").to_string();
    let add = json!({"id": 1, "method": "aria2.addUri", "params": ["token:a secret", [url]]});
    say(&mut socket, add).await;
    let gid = hear(&mut socket).await["result"].clone();
    for method in ["aria2.onDownloadStart", "aria2.onDownloadComplete"] {
        let told = hear(&mut socket).await;
        assert_eq!(told["method"], method);
        assert_eq!(told["params"], json!([{"gid": gid}]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_is_answered_by_a_pong_alone() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let mut socket = socket(&daemon).await;
    let ping = Message::Ping("hi".into());
    socket.send(ping).await.expect("sent");
    let heard = tokio::time::timeout(world::PATIENCE, socket.next()).await;
    let heard = heard.expect("in time").expect("open").expect("whole");
    assert_eq!(heard, Message::Pong("hi".into()));
    say(
        &mut socket,
        json!([{"id": 1, "method": "aria2.getSessionInfo"}]),
    )
    .await;
    let told = hear(&mut socket).await;
    let session = told[0]["result"]["sessionId"].as_str().expect("an id");
    assert_eq!(session.len(), 40);
}
