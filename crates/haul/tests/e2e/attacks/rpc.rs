//! What calls over `/jsonrpc` can ask for at most: each bound is told, and costs no more than it may.

use serde_json::json;

use crate::aria2::{call, ok, post};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_not_shown_the_token_gets_no_endless_answer() {
    let world = World::new();
    let daemon = world.daemon(&["--token", "right"]).await;
    let calls = 10_000;
    let batch = vec![r#"{"id":1,"method":"system.listMethods"}"#; calls].join(",");
    let invalid = vec!["{}"; calls].join(",");
    let inner = vec![r#"{"methodName":"system.listMethods"}"#; calls].join(",");
    let several = format!(r#"{{"id":1,"method":"system.multicall","params":[[{inner}]]}}"#);
    for body in [format!("[{batch}]"), format!("[{invalid}]"), several] {
        let answer = post(&daemon, &body).await;
        assert!(answer.body.len() < 128 << 10, "{} bytes", answer.body.len());
        assert!(answer.text().contains("too large"), "it is told");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_calls_at_once_and_no_more() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let calls = |call: &str, count: usize| vec![call; count].join(",");
    // Two megabytes of these would be answered by more than a hundred.
    let batch = format!("[{}]", calls("{}", 700_000));
    let answer = post(&daemon, &batch).await;
    assert_eq!(answer.status, 400);
    let words = answer.json()["error"]["message"].clone();
    assert_eq!(words, "700000 calls at once; send at most 10000 at a time.");
    let several = json!([[]])
        .to_string()
        .replace("[]", &format!("[{}]", calls("1", 10_001)));
    let several = serde_json::from_str(&several).expect("JSON");
    let refused = call(&daemon, "system.multicall", several).await;
    assert!(refused.expect_err("too many").starts_with("10001 calls"));
    let most = post(&daemon, &format!("[{}]", calls("{}", 10_000))).await;
    assert_eq!(most.json().as_array().map(Vec::len), Some(10_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn options_and_urls_have_bounds_that_are_told() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let uris: Vec<String> = (0..1001)
        .map(|at| format!("http://127.0.0.1:1/{at}"))
        .collect();
    let paused = json!({"pause": "true"});
    let gid = ok(&daemon, "aria2.addUri", json!([uris, paused])).await;
    let more = call(
        &daemon,
        "aria2.changeUri",
        json!([gid, 1, [], ["http://h/"]]),
    )
    .await;
    let why = more.expect_err("one too many");
    assert!(why.contains("1000"), "{why}");
    let changed = json!([gid, 1, [uris[0]], ["http://127.0.0.1:1/x"]]);
    assert_eq!(ok(&daemon, "aria2.changeUri", changed).await, json!([1, 1]));
    for name in ["a", "b", "c"] {
        let given = json!([gid, {name: "x".repeat(20 << 10)}]);
        ok(&daemon, "aria2.changeOption", given).await;
        let given = json!([{name: "x".repeat(20 << 10)}]);
        ok(&daemon, "aria2.changeGlobalOption", given).await;
    }
    let given = json!({"d": "x".repeat(20 << 10)});
    for (method, params) in [
        ("aria2.changeOption", json!([gid, given])),
        ("aria2.changeGlobalOption", json!([given])),
        // Its own and those that hold for all.
        ("aria2.addUri", json!([["http://127.0.0.1:1/a"], given])),
    ] {
        let why = call(&daemon, method, params).await.expect_err(method);
        assert!(why.contains("64 KiB"), "{method}: {why}");
    }
}
