//! Fuzz target: whatever a client sends over the live protocol, it gets one answer at most, in the
//! form of JSON-RPC 2.0, and the connection goes on.

use std::time::Duration;

use haul_testkit::fuzz::text;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::LiveTalk;
use crate::api::fuzz::WORLD;
use crate::api::socket::Talk;

const FRAMES: &[&str] = &[
    "{\"jsonrpc\":\"2.0\",\"id\":<n>,\"method\":\"<w>\",\"params\":<w>}",
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"downloads.add\",\"params\":{\"urls\":[\"http://127.0.0.1:1/<n>\"],\"<w>\":<n>}}",
    "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"downloads.list\",\"params\":{\"limit\":<n>,\"q\":\"<w>\"}}",
    "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"subscribe\",\"params\":{\"interval_ms\":<n>,\"detail\":true}}",
    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"subscribe\",\"params\":{\"ids\":[\"<w>\"],\"status\":[\"queued\"]}}",
    "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"unsubscribe\",\"params\":{\"subscription\":\"s<n>\"}}",
    "{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"settings.set\",\"params\":{\"threads\":<n>}}",
    "{\"jsonrpc\":\"2.0\",\"method\":\"stats\"}",
    "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"stats\"}",
    "{\"jsonrpc\":<w>,\"id\":<w>,\"method\":<w>}",
    "[{\"jsonrpc\":\"2.0\",\"id\":6,\"method\":\"settings.get\"},<w>,<w>]",
    "[<w>,<w>]",
    "{\"<w>\":<w>,\"<w>\":<w>}",
    "[[[[<w>",
    "\"<w>\"",
    "{\"id\":\"<w>\"}",
    "{\"urls\":[\"http://127.0.0.1:1/<w>\"]}",
    "downloads.<w>",
    "\"id\":<w>",
    "null",
    "{}",
    "<n>",
];

const MARK: &str = "the mark behind the frame";

#[test]
fn live_frame() {
    bolero::check!()
        .with_generator(text(FRAMES))
        .for_each(|frame| {
            let said = WORLD.runtime.block_on(async {
                WORLD.tidy().await;
                let mut talk = LiveTalk::new(WORLD.app.clone());
                talk.hear(frame.clone());
                talk.hear(json!({"jsonrpc": "2.0", "id": MARK, "method": "stats"}).to_string());
                said_before_the_mark(&mut talk).await
            });
            let answers = said.iter().filter(|said| said.get("method").is_none());
            for answer in answers.clone() {
                assert_answers(answer);
            }
            if let Some(expected) = expected(frame) {
                assert_eq!(answers.count(), expected, "{said:?}");
            }
        });
}

/// How many answers a frame has; `None` for a batch, which may consist of notifications.
fn expected(frame: &str) -> Option<usize> {
    let Ok(frame) = serde_json::from_str::<Value>(frame) else {
        return Some(1);
    };
    if frame.is_array() {
        return None;
    }
    let is_call = frame["jsonrpc"] == "2.0" && frame["method"].is_string();
    let params = &frame["params"];
    let is_whole = params.is_null() || params.is_object() || params.is_array();
    let is_notification = is_call && is_whole && frame.get("id").is_none();
    Some(usize::from(!is_notification))
}

async fn said_before_the_mark(talk: &mut LiveTalk) -> Vec<Value> {
    let mut said = Vec::new();
    loop {
        let next = timeout(Duration::from_secs(20), talk.say()).await;
        let next: Value = serde_json::from_str(&next.expect("an answer")).expect("JSON");
        if next["id"] == MARK {
            assert!(next["result"]["active"].is_u64(), "{next}");
            return said;
        }
        said.push(next);
    }
}

/// The answer to a call, or to a batch of them.
fn assert_answers(answer: &Value) {
    if let Value::Array(answers) = answer {
        assert!(!answers.is_empty());
        return answers.iter().for_each(assert_answers);
    }
    assert_eq!(answer["jsonrpc"], "2.0", "{answer}");
    assert!(
        answer
            .get("id")
            .is_some_and(|id| !id.is_array() && !id.is_object())
    );
    match (answer.get("result"), answer.get("error")) {
        (Some(_), None) => {}
        (None, Some(error)) => {
            let known = [-32700, -32600, -32601, -32602, -32000];
            let number = error["code"].as_i64().expect("a number");
            assert!(known.contains(&number), "{answer}");
            assert!(error["message"].is_string() && error["data"]["code"].is_string());
        }
        _ => panic!("neither result nor error, or both: {answer}"),
    }
}
