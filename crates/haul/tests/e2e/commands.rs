//! What REST promises of single calls: a change is durable, an answer tells what has taken effect, a page
//! of the list is the page that was asked for.

use haul_testkit::daemon::Daemon;
use haul_testkit::origin::{self, Origin};
use serde_json::{Value, json};

use crate::world::{self, World, call};

/// A file that stops half-way until the gate `go` is open.
const SLOW: &str = "/slow.bin?size=4M&seed=1&etag=%22x%22&gate=go&gate_after=512K";

/// Changes or commands one download; the answer must be it.
async fn done(daemon: &Daemon, method: &str, path: &str, body: Option<Value>) -> Value {
    let (status, answer) = call(daemon, method, path, body).await;
    assert_eq!(status, 200, "{method} {path}: {answer}");
    answer
}

async fn refused(daemon: &Daemon, method: &str, path: &str, body: Option<Value>) -> (u16, String) {
    let (status, answer) = call(daemon, method, path, body).await;
    let code = answer["code"].as_str().unwrap_or_default();
    (status, code.to_owned())
}

fn refusal(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_running_download_is_there_after_a_kill() {
    let (world, origin) = (World::new(), Origin::start().await);
    let daemon = world.daemon(&[]).await;
    let id = world::add(&daemon, origin.url(SLOW).as_str(), json!({})).await;
    world::until_status(&daemon, &id, "downloading").await;
    let path = format!("/downloads/{id}");
    let change = json!({"name": "renamed.bin", "threads": 2, "priority": 3, "speed_limit": "1G"});
    let changed = done(&daemon, "PATCH", &path, Some(change)).await;
    assert_eq!(changed["name"], "renamed.bin");
    daemon.kill9();

    let daemon = world.daemon(&[]).await;
    let shown = world::show(&daemon, &id).await;
    assert_eq!(shown["threads"]["limit"], 2);
    assert_eq!(shown["priority"], 3);
    assert_eq!(shown["speed_limit"], 1 << 30);
    origin.open_gate("go");
    let done = world::until_status(&daemon, &id, "completed").await;
    assert_eq!(done["name"], "renamed.bin");
    let digest = world::sha256(&world.files().join("renamed.bin"));
    assert_eq!(digest, origin::digest(1, 4 << 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_has_expired_is_replaced_over_rest_and_live() {
    let (world, origin) = (World::new(), Origin::start().await);
    let daemon = world
        .daemon(&["--block-size", "1M", "--retries", "0"])
        .await;
    let moved = |n: u8| {
        origin
            .url(&format!("/moved-{n}.bin?size=4M&seed=1&etag=%22x%22"))
            .to_string()
    };
    let url = format!("{}&status=403&status_on=expired", origin.url(SLOW));
    let id = world::add(&daemon, &url, json!({})).await;
    let path = format!("/downloads/{id}");
    world::until("some bytes", async || {
        let shown = world::show(&daemon, &id).await;
        (shown["done"].as_u64()? >= 1 << 20).then_some(())
    })
    .await;
    for (wrong, expected) in [
        (json!({"url": "moved.bin"}), refusal(422, "invalid_url")),
        (json!({"url": 7}), refusal(422, "invalid_option")),
        (json!({"uri": "http://h/"}), refusal(422, "invalid_option")),
    ] {
        assert_eq!(
            refused(&daemon, "PATCH", &path, Some(wrong)).await,
            expected
        );
    }
    origin.open_gate("expired");
    origin.open_gate("go");
    world::until_status(&daemon, &id, "failed").await;
    done(&daemon, "PATCH", &path, Some(json!({"url": moved(1)}))).await;
    let params = json!({"id": id, "url": moved(2)});
    let answer = live(&daemon, "downloads.update", params).await;
    assert_eq!(answer["result"]["url"], moved(2), "{answer}");
    done(&daemon, "POST", &format!("{path}/retry"), None).await;
    let completed = world::until_status(&daemon, &id, "completed").await;
    assert_eq!(completed["final_url"], moved(2));
    assert_eq!(origin.requests_for("/moved-1.bin").len(), 0);
    let digest = world::sha256(&world.files().join("slow.bin"));
    assert_eq!(digest, origin::digest(1, 4 << 20));
    let late = refused(&daemon, "PATCH", &path, Some(json!({"url": moved(1)}))).await;
    assert_eq!(late, refusal(409, "illegal_state"));
}

/// One call of the live protocol.
async fn live(daemon: &Daemon, method: &str, params: Value) -> Value {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::Message;
    let connected = tokio_tungstenite::connect_async(daemon.ws("/api/v1/ws")).await;
    let (mut socket, _) = connected.expect("the live protocol is open");
    let ask = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let ask = Message::text(ask.to_string());
    socket.send(ask).await.expect("the socket takes a request");
    let answer = socket.next().await.expect("an answer").expect("a message");
    serde_json::from_str(answer.to_text().expect("text")).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_settings_that_come_together_all_count() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    for round in 1..=40 {
        let set = async |change: Value| done(&daemon, "PATCH", "/settings", Some(change)).await;
        let key = |name: &str| json!({ name: round });
        tokio::join!(
            set(key("threads")),
            set(key("max_downloads")),
            set(key("max_connections")),
            set(key("speed_limit")),
        );
        let settings = done(&daemon, "GET", "/settings", None).await;
        for name in ["threads", "max_downloads", "max_connections", "speed_limit"] {
            assert_eq!(settings[name], round, "{settings}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_answers_with_what_has_taken_effect() {
    let (world, origin) = (World::new(), Origin::start().await);
    let daemon = world.daemon(&["--max-downloads", "1"]).await;
    let url = |name: &str| origin.url(&format!("/{name}?size=1K&seed=2")).to_string();
    let running = world::add(&daemon, origin.url(SLOW).as_str(), json!({})).await;
    world::until_status(&daemon, &running, "downloading").await;
    let front = world::add(&daemon, &url("front.bin"), json!({})).await;
    let back = world::add(&daemon, &url("back.bin"), json!({})).await;
    let post = async |id: &str, what: &str, body| {
        done(&daemon, "POST", &format!("/downloads/{id}/{what}"), body).await
    };

    let moved = post(&back, "move", Some(json!({"position": 0}))).await;
    assert_eq!(
        (&moved["status"], &moved["position"]),
        (&json!("queued"), &json!(0))
    );
    assert_eq!(world::show(&daemon, &front).await["position"], 1);
    let moved = post(&back, "move", Some(json!({"position": 99}))).await;
    assert_eq!(moved["position"], 1, "past the end is last");

    let cancelled = post(&back, "cancel", None).await;
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(cancelled["position"], Value::Null);
    let retried = post(&back, "retry", None).await;
    assert_eq!(
        (&retried["status"], &retried["position"]),
        (&json!("queued"), &json!(1))
    );

    // The next one starts when this one has stopped, and no answer comes before that.
    let paused = post(&running, "pause", None).await;
    assert_eq!(paused["status"], "paused");
    assert_eq!(
        (&paused["threads"]["active"], &paused["speed"]),
        (&json!(0), &json!(0))
    );
    let scratch = world.files().join(".haul/scratch");
    let parts = || std::fs::read_dir(&scratch).map_or(0, Iterator::count);
    world::until_status(&daemon, &front, "completed").await;
    world::until_status(&daemon, &back, "completed").await;
    assert_eq!(parts(), 1, "the paused one keeps its bytes");
    let cancelled = post(&running, "cancel", None).await;
    assert_eq!(
        (&cancelled["status"], &cancelled["done"]),
        (&json!("cancelled"), &json!(0))
    );
    assert_eq!(parts(), 0, "the answer comes after the bytes are gone");

    let path = format!("/downloads/{front}");
    for what in ["pause", "resume", "retry", "cancel"] {
        let late = refused(&daemon, "POST", &format!("{path}/{what}"), None).await;
        assert_eq!(late, refusal(409, "illegal_state"), "{what}");
    }
    let late = refused(
        &daemon,
        "POST",
        &format!("{path}/move"),
        Some(json!({"position": 0})),
    )
    .await;
    assert_eq!(late, refusal(409, "illegal_state"));
    let without = refused(&daemon, "POST", &format!("{path}/move"), None).await;
    assert_eq!(without, refusal(422, "invalid_option"));
    assert!(world.files().join("front.bin").exists());
    done(&daemon, "DELETE", &format!("{path}?files=true"), None).await;
    assert!(!world.files().join("front.bin").exists());
    for (method, path) in [
        ("DELETE", path.clone()),
        ("GET", path),
        ("GET", "/downloads/x".into()),
    ] {
        let gone = refused(&daemon, method, &path, None).await;
        assert_eq!(gone, refusal(404, "no_such_download"), "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_list_is_the_one_that_was_asked_for() {
    let (world, origin) = (World::new(), Origin::start().await);
    let daemon = world.daemon(&["--max-downloads", "30"]).await;
    // Names in another order than they are added, and as many sizes.
    let name = |n: u64| format!("file-{:02}.bin", n * 7 % 20);
    let mut ids = Vec::new();
    for n in 0..20u64 {
        let url = origin.url(&format!("/{}?size={}&seed={n}", name(n), 100 + n * 13 % 20));
        let options = json!({"paused": n % 2 == 1});
        ids.push(world::add(&daemon, url.as_str(), options).await);
    }
    for id in ids.iter().step_by(2) {
        world::until_status(&daemon, id, "completed").await;
    }
    let page = async |query: &str| done(&daemon, "GET", &format!("/downloads?{query}"), None).await;
    let field = |page: &Value, name: &str| -> Vec<Value> {
        let downloads = world::downloads(page).iter();
        downloads.map(|download| download[name].clone()).collect()
    };

    let added = page("").await;
    assert_eq!(field(&added, "id"), ids, "in the order added");
    assert_eq!(
        (&added["total"], &added["next"]),
        (&json!(20), &Value::Null)
    );
    assert!(added["revision"].is_u64());
    let mut newest = ids.clone();
    newest.reverse();
    assert_eq!(field(&page("sort=added&order=desc").await, "id"), newest);

    let mut names: Vec<String> = (0..20).map(name).collect();
    names.sort();
    assert_eq!(field(&page("sort=name").await, "name"), names);
    let mut sizes: Vec<u64> = (0..20).step_by(2).map(|n| 100 + n * 13 % 20).collect();
    sizes.sort_unstable();
    sizes.reverse();
    let by_size = page("status=completed&sort=size&order=desc").await;
    assert_eq!(field(&by_size, "size"), sizes);
    assert_eq!(by_size["total"], 10);
    // Unknown progress comes before any.
    let by_progress = field(&page("sort=progress").await, "progress");
    assert!(
        by_progress[..10].iter().all(Value::is_null),
        "{by_progress:?}"
    );
    assert!(by_progress[10..].iter().all(|progress| *progress == 100.0));

    let found = page("q=FILE-1&sort=name").await;
    assert_eq!(field(&found, "name"), names[10..], "{found}");
    let both = page("status=completed,paused&q=file-0&limit=3").await;
    assert_eq!(
        (both["total"].as_u64(), world::downloads(&both).len()),
        (Some(10), 3)
    );
    assert_eq!(page("status=failed").await["total"], 0);

    for query in [
        "sort=name",
        "sort=size&order=desc",
        "status=paused",
        "q=file&sort=progress",
    ] {
        let whole = field(&page(query).await, "id");
        let (mut walked, mut cursor) = (Vec::new(), String::new());
        loop {
            let part = page(&format!("{query}&limit=3&cursor={cursor}")).await;
            walked.extend(field(&part, "id"));
            assert_eq!(part["total"], whole.len());
            match part["next"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(walked, whole, "{query}");
    }
    for wrong in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "sort=speed",
        "order=up",
        "status=done",
        "cursor=abc",
        "page=2",
        "limit=1&limit=2",
    ] {
        let answer = refused(&daemon, "GET", &format!("/downloads?{wrong}"), None).await;
        assert_eq!(answer, refusal(422, "invalid_option"), "{wrong}");
    }
}
