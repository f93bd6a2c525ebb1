//! Fuzz targets: whatever an aria2 client sends, in a body or in a query, each call gets one answer in
//! aria2's form, and no file is to lie outside of the download directory.

use haul_testkit::fuzz::text;
use serde_json::Value;

use super::envelope::{self, Message};
use super::standing::Standing;
use super::transport::{Query, answer};
use crate::api::fuzz::{ROOT, WORLD};

const MESSAGES: &[&str] = &[
    "{\"id\":<n>,\"method\":\"aria2.<w>\",\"params\":[<w>,<n>]}",
    "{\"id\":1,\"method\":\"aria2.addUri\",\"params\":[[\"http://127.0.0.1:1/<n>\"],{\"<w>\":\"<w>\",\"pause\":\"true\"}]}",
    "{\"id\":1,\"method\":\"aria2.addUri\",\"params\":[[\"http://127.0.0.1:1/a\"],{\"out\":\"<w>/<w>\",\"dir\":\"<w>\",\"pause\":\"true\"},<n>]}",
    "{\"id\":1,\"method\":\"aria2.addUri\",\"params\":[[<w>,\"<w>\"],{\"header\":[\"<w>: <w>\"],\"split\":\"<n>\",\"gid\":\"00000000000000a<n>\"}]}",
    "{\"id\":\"a\",\"method\":\"aria2.tellStatus\",\"params\":[\"<w>\",[\"<w>\"]]}",
    "{\"id\":\"a\",\"method\":\"aria2.tellWaiting\",\"params\":[-<n>,<n>,[\"gid\",\"files\"]]}",
    "{\"id\":\"a\",\"method\":\"aria2.tellStopped\",\"params\":[<n>,<n>]}",
    "{\"id\":2,\"method\":\"aria2.changePosition\",\"params\":[\"0\",-<n>,\"POS_CUR\"]}",
    "{\"id\":2,\"method\":\"aria2.changeUri\",\"params\":[\"0\",1,[\"<w>\"],[\"http://127.0.0.1:1/<w>\"],<n>]}",
    "{\"id\":2,\"method\":\"aria2.changeOption\",\"params\":[\"0\",{\"<w>\":\"<n>\",\"out\":\"<w>\"}]}",
    "{\"id\":2,\"method\":\"aria2.changeGlobalOption\",\"params\":[{\"save-session\":\"<w>\",\"<w>\":\"<w>\"}]}",
    "{\"id\":3,\"method\":\"system.multicall\",\"params\":[[{\"methodName\":\"aria2.<w>\",\"params\":[<w>]},<w>]]}",
    "{\"id\":null,\"method\":\"aria2.getVersion\",\"params\":[\"token:<w>\"]}",
    "[{\"id\":6,\"method\":\"aria2.getGlobalStat\"},<w>,<w>]",
    "{\"id\":<w>,\"method\":<w>,\"params\":<w>}",
    "[[[[<w>",
    "\"<w>\"",
    "{}",
];

const QUERIES: &[&str] = &[
    "method=aria2.<w>&id=<n>&params=<w>",
    "method=aria2.tellStatus&id=a&params=WyJ6eiJd&jsoncallback=<w>",
    "params=W3siaWQiOjF9XQ%3d%3d",
    "&<w>=<w>",
    "%<n>",
    "+",
];

fn assert_answer(answer: &Value) {
    let members = answer.as_object().expect("an object");
    assert_eq!(members.len(), 3, "{answer}");
    assert!(members.contains_key("id"), "{answer}");
    assert_eq!(answer["jsonrpc"], "2.0");
    if members.contains_key("result") {
        return;
    }
    let code = answer["error"]["code"].as_i64();
    let known = [1, -32600, -32602, -32700].map(Some);
    assert!(known.contains(&code), "{answer}");
    let words = answer["error"]["message"].as_str();
    assert!(words.is_some_and(|words| !words.is_empty()), "{answer}");
}

/// Says a message, and looks at what is said and what comes of it.
fn say(message: Message) {
    let expected = match &message {
        Message::Single(_) => None,
        Message::Batch(calls) => Some(calls.len()),
    };
    let (said, directories) = WORLD.runtime.block_on(async {
        WORLD.tidy().await;
        let said = answer(&WORLD.app, &mut Standing::new(None), message).await;
        let all = WORLD
            .app
            .engine
            .waiting(0, usize::MAX)
            .await
            .expect("a line");
        let directories = all.into_iter().filter_map(|(_, spec)| spec.dir);
        (said, directories.collect::<Vec<_>>())
    });
    for dir in directories {
        let climbs = dir.components().any(|part| part.as_os_str() == "..");
        assert!(dir.starts_with(ROOT) && !climbs, "{}", dir.display());
    }
    let said: Value = serde_json::from_str(&said.body).expect("JSON");
    match expected {
        None => assert_answer(&said),
        Some(calls) => {
            let answers = said.as_array().expect("an array");
            assert_eq!(answers.len(), calls);
            answers.iter().for_each(assert_answer);
        }
    }
}

#[test]
fn aria2_message() {
    bolero::check!()
        .with_generator(text(MESSAGES))
        .for_each(|text| say(envelope::read(text.as_bytes())));
}

#[test]
fn aria2_query() {
    bolero::check!()
        .with_generator(text(QUERIES))
        .for_each(|text| {
            let query = Query::read(text);
            if let Some(name) = &query.callback {
                let is_plain = |c: char| c.is_ascii_alphanumeric() || "_$.".contains(c);
                assert!(name.chars().all(is_plain), "{name:?}");
            }
            say(query.message);
        });
}
