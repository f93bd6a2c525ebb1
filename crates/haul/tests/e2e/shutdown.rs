//! SIGTERM: sockets are told, work is kept, the exit is clean and soon.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use haul_testkit::console::PyConsole;
use haul_testkit::origin::{self, Origin};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::world::{self, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_told_to_end_closes_its_sockets_and_goes_on_later() {
    let world = World::new();
    let origin = Origin::start().await;
    let daemon = world.daemon(&["--block-size", "1M"]).await;
    // Bodies stop at the gate, so that it is surely at work when it is told to end.
    let url = origin.url("/a.bin?size=16M&seed=3&etag=%22v1%22&gate=go&gate_after=64K");
    let id = world::add(&daemon, url.as_str(), json!({})).await;
    origin.wait_gate("go", 1).await;

    let mut console = PyConsole::open(&daemon.ws("/")).await;
    let (mut live, _) = tokio_tungstenite::connect_async(daemon.ws("/api/v1/ws"))
        .await
        .expect("the live protocol is open");
    let subscribe = json!({"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": {}});
    let sent = live.send(Message::text(subscribe.to_string())).await;
    sent.expect("the socket takes a request");
    live.next().await.expect("an answer").expect("an answer");

    let began = Instant::now();
    let (status, closed) = tokio::join!(daemon.terminate(), async {
        loop {
            match live.next().await {
                Some(Ok(Message::Close(frame))) => break frame,
                Some(Ok(_)) => {}
                other => panic!("cut off without a close: {other:?}"),
            }
        }
    });
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "it took too long"
    );
    assert_eq!(status.code(), Some(0));
    let frame = closed.expect("a close with a code");
    assert_eq!(frame.code, CloseCode::Away);
    let told = console.closed().await;
    assert!(told.starts_with("1001"), "{told}");

    let daemon = world.daemon(&["--block-size", "1M"]).await;
    origin.open_gate("go");
    world::until_status(&daemon, &id, "completed").await;
    let file = world.files().join("a.bin");
    assert_eq!(world::sha256(&file), origin::digest(3, 16 << 20));
}
