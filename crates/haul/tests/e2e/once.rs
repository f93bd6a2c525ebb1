//! `Idempotency-Key`: a request is done once, also when the daemon is killed between two tries.

use haul_testkit::daemon::Daemon;
use haul_testkit::http;
use serde_json::{Value, json};

use crate::world::{self, World};

/// Nobody listens there, and nothing is asked for.
const BODY: &str =
    r#"{"urls":["http://127.0.0.1:1/a","nonsense","http://127.0.0.1:1/b"],"paused":true}"#;

async fn post(daemon: &Daemon, key: &str, body: &str) -> (u16, Value) {
    let headers = [
        ("Content-Type", "application/json"),
        ("Idempotency-Key", key),
    ];
    let url = daemon.url("/api/v1/downloads");
    let answer = http::request_with("POST", &url, &headers, body.as_bytes()).await;
    let answer = answer.expect("an answer");
    (answer.status, answer.json())
}

fn ids(answer: &Value) -> Vec<&str> {
    let downloads = world::downloads(answer).iter();
    downloads
        .filter_map(|download| download["id"].as_str())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_repeated_after_a_kill_adds_nothing() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let (status, first) = post(&daemon, "one", BODY).await;
    assert_eq!((status, ids(&first).len()), (201, 2), "{first}");
    assert_eq!(first["rejected"][0]["code"], "invalid_url");
    daemon.kill9();

    let daemon = world.daemon(&[]).await;
    let (status, again) = post(&daemon, "one", BODY).await;
    assert_eq!(status, 201, "{again}");
    assert_eq!(ids(&again), ids(&first));
    assert_eq!(again["rejected"], first["rejected"]);
    let other = BODY.replace("/b", "/c");
    let (status, refused) = post(&daemon, "one", &other).await;
    assert_eq!(
        (status, &refused["code"]),
        (422, &json!("key_reused")),
        "{refused}"
    );
    let (status, more) = post(&daemon, "two", &other).await;
    assert_eq!((status, ids(&more).len()), (201, 2), "{more}");
    assert_eq!(world::list(&daemon).await["total"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_come_together_under_one_key_are_one() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let all = futures_util::future::join_all((0..16).map(|_| post(&daemon, "k", BODY))).await;
    for (status, answer) in &all {
        assert_eq!(*status, 201, "{answer}");
        assert_eq!(ids(answer), ids(&all[0].1));
    }
    assert_eq!(world::list(&daemon).await["total"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_remembered_is_refused_and_adds_nothing() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    for key in ["", &"k".repeat(256), "ключ"] {
        let (status, refused) = post(&daemon, key, BODY).await;
        assert_eq!(
            (status, &refused["code"]),
            (422, &json!("invalid_option")),
            "{refused}"
        );
    }
    // Nothing was done, so nothing is remembered.
    let (status, _) = post(&daemon, "k", r#"{"urls":["nonsense"]}"#).await;
    assert_eq!(status, 422);
    let (status, _) = post(&daemon, "k", BODY).await;
    assert_eq!(status, 201);
}
