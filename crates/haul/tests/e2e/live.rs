//! A subscriber that applies snapshot and changes holds what `GET /downloads` says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use haul_testkit::daemon::Daemon;
use haul_testkit::servers::{Nginx, NginxOptions};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::world::{self, World};

/// Every download by its id.
pub(crate) type State = BTreeMap<String, Value>;

/// What the subscriber has held, by revision.
type History = Arc<Mutex<BTreeMap<u64, State>>>;

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_holds_what_the_server_says_at_each_revision() {
    let world = World::new();
    let root = world.subdir("www");
    let daemon = world
        .daemon(&[
            "--speed-limit",
            "6M",
            "--max-downloads",
            "4",
            "--block-size",
            "1M",
        ])
        .await;
    let nginx = Nginx::start(&root, NginxOptions::default()).await;
    let mut ids = vec![];
    // Half of them are in the snapshot, the others come as changes.
    let mut late = vec![];
    for number in 0..12 {
        let file = world::make(&root, &format!("/{number}.bin"), 6 << 20, number);
        match number % 2 {
            0 => ids.push(world::add(&daemon, nginx.url(&file.path).as_str(), json!({})).await),
            _ => late.push(String::from(nginx.url(&file.path))),
        }
    }

    let history = History::default();
    let (told, revision) = watch::channel(0);
    let mut subscriber = JoinSet::new();
    subscriber.spawn(subscribe(
        daemon.ws("/api/v1/ws"),
        Arc::clone(&history),
        told,
    ));

    let mut rng = fastrand::Rng::with_seed(11);
    let mut met = 0;
    let end = Instant::now() + Duration::from_secs(8);
    while Instant::now() < end {
        for _ in 0..10 {
            met += u32::from(compare(&daemon, &history, &revision).await);
        }
        match late.pop() {
            Some(url) => ids.push(world::add(&daemon, &url, json!({})).await),
            None => disturb(&daemon, &mut rng, &mut ids).await,
        }
    }

    // With everything at rest, the two must meet.
    for id in &ids {
        // Some have come to their end already, which forbids it.
        world::call(&daemon, "POST", &format!("/downloads/{id}/pause"), None).await;
    }
    world::until("both to stand at the same revision", async || {
        compare(&daemon, &history, &revision).await.then_some(())
    })
    .await;
    assert!(met >= 10, "the two met only {met} times");
    if let Some(ended) = subscriber.try_join_next() {
        panic!("the subscriber has ended: {ended:?}");
    }
}

/// Subscribes, applies every change and keeps each state. Panics on a gap in the revisions.
async fn subscribe(url: String, history: History, told: watch::Sender<u64>) {
    let (mut socket, _) = tokio_tungstenite::connect_async(&url)
        .await
        .expect("the live protocol is open");
    let ask =
        json!({"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": {"interval_ms": 50}});
    let ask = Message::text(ask.to_string());
    socket.send(ask).await.expect("the socket takes a request");
    let mut state = State::new();
    let mut revision = None;
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message.expect("the socket stays whole") else {
            continue;
        };
        let message: Value = serde_json::from_str(&text).expect("JSON in every text message");
        let news = match message["method"].as_str() {
            Some("changed") => &message["params"],
            _ => &message["result"],
        };
        let to = news["revision"]
            .as_u64()
            .expect("a revision in each message");
        if let Some(from) = revision {
            assert_eq!(news["from"], from, "a gap: {news}");
            assert!(to >= from, "revisions only grow: {news}");
        }
        apply(&mut state, news);
        revision = Some(to);
        let mut kept = history.lock().expect("nobody panics while holding it");
        kept.insert(to, state.clone());
        told.send_replace(to);
    }
}

/// Merges a snapshot or a change into the state.
pub(crate) fn apply(state: &mut State, news: &Value) {
    for change in world::downloads(news) {
        let id = change["id"].as_str().expect("an id in each entry");
        let held = state.entry(id.to_owned()).or_insert_with(|| json!({}));
        let fields = change.as_object().expect("an object in each entry");
        for (name, value) in fields {
            held[name] = value.clone();
        }
    }
    for id in news["removed"].as_array().into_iter().flatten() {
        state.remove(id.as_str().expect("ids in `removed`"));
    }
}

/// Whether the subscriber has held the revision that the server answers with; if so, the same state.
async fn compare(daemon: &Daemon, history: &History, revision: &watch::Receiver<u64>) -> bool {
    let page = world::list(daemon).await;
    let at = page["revision"].as_u64().expect("a revision in the list");
    let mut revision = revision.clone();
    let reached = revision.wait_for(|told| *told >= at);
    tokio::time::timeout(world::PATIENCE, reached)
        .await
        .unwrap_or_else(|_| panic!("the subscriber was not told of revision {at}"))
        .expect("the subscriber is there");
    let kept = history.lock().expect("nobody panics while holding it");
    let Some(held) = kept.get(&at) else {
        return false;
    };
    let said: State = world::downloads(&page)
        .iter()
        .map(|download| {
            (
                download["id"].as_str().expect("an id").to_owned(),
                download.clone(),
            )
        })
        .collect();
    assert_eq!(held, &said, "at revision {at}");
    true
}

/// Does something to one download.
async fn disturb(daemon: &Daemon, rng: &mut fastrand::Rng, ids: &mut Vec<String>) {
    if ids.is_empty() {
        return;
    }
    let chosen = rng.usize(..ids.len());
    let id = ids[chosen].clone();
    let path = format!("/downloads/{id}");
    // What the state of the download forbids is answered with 409, which is fine here.
    match rng.u8(..10) {
        0 => {
            ids.swap_remove(chosen);
            let (status, _) = world::call(daemon, "DELETE", &path, None).await;
            assert!(matches!(status, 200 | 204), "{status}");
        }
        1 => drop(world::call(daemon, "POST", &format!("{path}/cancel"), None).await),
        2..6 => drop(world::call(daemon, "POST", &format!("{path}/pause"), None).await),
        6..9 => drop(world::call(daemon, "POST", &format!("{path}/resume"), None).await),
        _ => drop(world::call(daemon, "POST", &format!("{path}/retry"), None).await),
    }
}
