//! `/jsonrpc` as aria2's clients use it, letter for letter: POST, GET with JSONP, tokens, session files.
//! What is said over WebSocket is in `aria2_sockets.rs`.

use std::time::Duration;

use haul_testkit::daemon::Daemon;
use haul_testkit::http::{self, Answer};
use haul_testkit::origin::Origin;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::world::{self, World, until};

pub(crate) async fn post(daemon: &Daemon, body: &str) -> Answer {
    let answer = http::request_with("POST", &daemon.url("/jsonrpc"), &[], body.as_bytes()).await;
    answer.expect("an answer")
}

/// Calls a method; the result, or aria2's words for what is wrong.
pub(crate) async fn call(daemon: &Daemon, method: &str, params: Value) -> Result<Value, String> {
    let call = json!({"jsonrpc": "2.0", "id": "x", "method": method, "params": params});
    let answer = post(daemon, &call.to_string()).await;
    let json = answer.json();
    assert_eq!(json["id"], "x");
    match json.get("error") {
        None => {
            assert_eq!(answer.status, 200);
            Ok(json["result"].clone())
        }
        Some(error) => {
            assert_eq!((answer.status, &error["code"]), (400, &json!(1)));
            Err(error["message"].as_str().expect("a message").to_owned())
        }
    }
}

pub(crate) async fn ok(daemon: &Daemon, method: &str, params: Value) -> Value {
    let result = call(daemon, method, params).await;
    result.unwrap_or_else(|why| panic!("{method}: {why}"))
}

async fn status(daemon: &Daemon, gid: &Value) -> Value {
    ok(daemon, "aria2.tellStatus", json!([gid])).await
}

async fn until_word(daemon: &Daemon, gid: &Value, word: &str) -> Value {
    until(&format!("{gid} to be {word}"), async || {
        let told = status(daemon, gid).await;
        (told["status"] == word).then_some(told)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_call_has_aria2_s_statuses_and_codes() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    for (body, status, expected) in [
        ("{", 500, json!(-32700)),
        (r#""x""#, 400, json!(-32600)),
        (r#"{"method":"aria2.getVersion"}"#, 400, json!(-32600)),
        (
            r#"{"id":1,"method":"aria2.getVersion","params":{}}"#,
            500,
            json!(-32602),
        ),
        (r#"{"id":1,"method":"aria2.nope"}"#, 400, json!(1)),
    ] {
        let answer = post(&daemon, body).await;
        assert_eq!(answer.status, status, "{body}");
        assert_eq!(answer.json()["error"]["code"], expected, "{body}");
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("application/json-rpc"), "{body}");
    }
    let batch = r#"[5,{"id":1,"method":"aria2.nope"},{"id":2,"method":"aria2.getVersion"}]"#;
    let answer = post(&daemon, batch).await;
    assert_eq!(answer.status, 200);
    let json = answer.json();
    assert_eq!(
        json[0]["error"]["message"], "No such method: aria2.nope",
        "{json}"
    );
    assert!(json[1]["result"]["version"].is_string(), "{json}");
    assert_eq!(json.as_array().map(Vec::len), Some(2));
    assert_eq!(post(&daemon, "[]").await.text(), "[]");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_calls_at_once_have_a_result_in_an_array_or_an_error_each() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let calls = json!([[
        {"methodName": "aria2.getGlobalStat"},
        {"methodName": "aria2.tellStatus", "params": ["zz"]},
        5,
        {"params": []},
        {"methodName": "system.multicall", "params": [[]]},
    ]]);
    let results = ok(&daemon, "system.multicall", calls).await;
    assert_eq!(results[0][0]["numActive"], "0");
    let words: Vec<&str> = (1..5)
        .filter_map(|at| results[at]["message"].as_str())
        .collect();
    assert_eq!(
        words,
        [
            "Invalid GID zz",
            "system.multicall expected struct.",
            "Missing methodName.",
            "Recursive system.multicall forbidden.",
        ]
    );
    let methods = ok(&daemon, "system.listMethods", json!([])).await;
    for method in methods.as_array().expect("an array") {
        let method = method.as_str().expect("a name");
        // That one would end the daemon.
        if method.ends_with("hutdown") {
            continue;
        }
        let missing = format!("No such method: {method}");
        assert_ne!(call(&daemon, method, json!([])).await, Err(missing));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_goes_its_way_with_options_headers_and_keys() {
    let (world, origin) = (World::new(), Origin::start().await);
    let daemon = world.daemon(&[]).await;
    let url = origin.url("/a.bin?size=3M&seed=5").to_string();
    let gid = "00000000000000ab";
    let options = json!({
        "gid": gid, "out": "deep/b.bin", "header": ["X-One: 1", "Range: bytes=5-9"],
        "user-agent": "agent/9", "split": "2", "file-allocation": "none", "max-tries": 3,
    });
    let added = ok(&daemon, "aria2.addUri", json!([[url], options])).await;
    assert_eq!(added, gid);
    // The first digits are enough.
    let done = until_word(&daemon, &json!("00000000000000a"), "complete").await;
    let path = world.files().join("deep/b.bin");
    assert_eq!(done["files"][0]["path"], json!(path));
    assert_eq!(done["dir"], json!(world.files().join("deep")));
    assert_eq!(done["completedLength"], "3145728");
    assert_eq!(
        (&done["errorCode"], &done["errorMessage"]),
        (&json!("0"), &json!(""))
    );
    assert_eq!(
        (&done["numPieces"], &done["bitfield"]),
        (&json!("3"), &json!("e0"))
    );
    let bytes = std::fs::read(&path).expect("the file");
    assert_eq!(bytes, haul_testkit::origin::content(5, 0..3 << 20));
    for seen in origin.requests_for("/a.bin") {
        assert_eq!(seen.header("x-one"), Some("1"));
        assert_eq!(seen.header("user-agent"), Some("agent/9"));
        assert_ne!(seen.header("range"), Some("bytes=5-9"));
    }
    let told = ok(&daemon, "aria2.getOption", json!([gid])).await;
    assert_eq!(told["file-allocation"], "none");
    assert_eq!(told["header"], "X-One: 1\nRange: bytes=5-9\n");
    assert_eq!(told["split"], "2");
    assert_eq!(told.get("max-tries"), None, "a number is no value");
    let stopped = ok(
        &daemon,
        "aria2.tellStopped",
        json!([-1, 9, ["gid", "status"]]),
    )
    .await;
    assert_eq!(stopped, json!([{"gid": gid, "status": "complete"}]));
    let again = call(&daemon, "aria2.addUri", json!([[url], {"gid": gid}])).await;
    let why = again.expect_err("taken");
    assert!(why.starts_with("No URI to download."), "{why}");
    assert_eq!(
        ok(&daemon, "aria2.removeDownloadResult", json!([gid])).await,
        "OK"
    );
    let gone = call(&daemon, "aria2.tellStatus", json!([gid])).await;
    assert_eq!(gone, Err(format!("GID {gid} is not found")));
}

#[tokio::test(flavor = "multi_thread")]
async fn options_that_mean_nothing_here_survive_a_kill() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let options = json!({"pause": "true", "piece-length": "2M", "max-download-limit": "1M"});
    let params = json!([["http://127.0.0.1:1/a", "http://127.0.0.1:2/a"], options]);
    let gid = ok(&daemon, "aria2.addUri", params).await;
    ok(
        &daemon,
        "aria2.changeOption",
        json!([gid, {"bt-seed": "x"}]),
    )
    .await;
    daemon.kill9();
    let daemon = world.daemon(&[]).await;
    let told = ok(&daemon, "aria2.getOption", json!([gid])).await;
    assert_eq!(told["piece-length"], "2M");
    assert_eq!(told["bt-seed"], "x");
    assert_eq!(told["max-download-limit"], "1048576");
    let uris = ok(&daemon, "aria2.getUris", json!([gid])).await;
    assert_eq!(uris.as_array().map(Vec::len), Some(2));
}

/// What a running download cannot follow stops it for a moment; no byte is lost by that.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_download_takes_new_headers_and_urls() {
    let (world, origin) = (World::new(), Origin::start().await);
    let daemon = world.daemon(&["--block-size", "256K"]).await;
    let old = origin
        .url("/a.bin?size=4M&seed=6&etag=\"6\"&rate=1M")
        .to_string();
    let new = origin.url("/new.bin?size=4M&seed=6&etag=\"6\"").to_string();
    let gid = ok(&daemon, "aria2.addUri", json!([[old], {"out": "a.bin"}])).await;
    until("some bytes", async || {
        let told = status(&daemon, &gid).await;
        (told["completedLength"] != "0").then_some(())
    })
    .await;
    let header = json!([gid, {"header": ["X-New: 1"]}]);
    assert_eq!(ok(&daemon, "aria2.changeOption", header).await, "OK");
    until("the new header", async || {
        let seen = origin.requests_for("/a.bin");
        let mut seen = seen.iter();
        seen.any(|seen| seen.header("x-new") == Some("1"))
            .then_some(())
    })
    .await;
    let change = json!([gid, 1, [old], [new]]);
    let changed = ok(&daemon, "aria2.changeUri", change).await;
    assert_eq!(changed, json!([1, 1]));
    until_word(&daemon, &gid, "complete").await;
    let bytes = std::fs::read(world.files().join("a.bin")).expect("the file");
    assert_eq!(bytes, haul_testkit::origin::content(6, 0..4 << 20));
    assert!(!origin.requests_for("/new.bin").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_leaves_a_result_only_of_what_was_active() {
    let (world, origin) = (World::new(), Origin::start().await);
    let daemon = world.daemon(&["--max-downloads", "1"]).await;
    let url = |name: &str| origin.url(&format!("/{name}?size=4M&rate=64K")).to_string();
    let first = ok(&daemon, "aria2.addUri", json!([[url("a")]])).await;
    until_word(&daemon, &first, "active").await;
    let second = ok(&daemon, "aria2.addUri", json!([[url("b")]])).await;
    let third = ok(&daemon, "aria2.addUri", json!([[url("c")], {}, 0])).await;
    let waiting = ok(&daemon, "aria2.tellWaiting", json!([0, 9, ["gid"]])).await;
    assert_eq!(waiting, json!([{"gid": third}, {"gid": second}]));
    let moved = json!([third, 9, "POS_CUR"]);
    assert_eq!(ok(&daemon, "aria2.changePosition", moved).await, 1);

    assert_eq!(ok(&daemon, "aria2.remove", json!([second])).await, second);
    let gone = call(&daemon, "aria2.tellStatus", json!([second])).await;
    gone.expect_err("it only waited");
    assert_eq!(
        ok(&daemon, "aria2.forceRemove", json!([first])).await,
        first
    );
    let told = status(&daemon, &first).await;
    assert_eq!(
        (&told["status"], &told["errorCode"]),
        (&json!("removed"), &json!("31"))
    );
    let again = call(&daemon, "aria2.remove", json!([first])).await;
    again.expect_err("it has stopped");
    ok(&daemon, "aria2.pauseAll", json!([])).await;
    assert_eq!(status(&daemon, &third).await["status"], "paused");
    let paused = call(&daemon, "aria2.pause", json!([third])).await;
    let third_text = third.as_str().expect("a gid");
    assert_eq!(
        paused,
        Err(format!("GID#{third_text} cannot be paused now"))
    );
    ok(&daemon, "aria2.purgeDownloadResult", json!([])).await;
    let totals = ok(&daemon, "aria2.getGlobalStat", json!([])).await;
    assert_eq!(
        totals,
        json!({"downloadSpeed": "0", "uploadSpeed": "0", "numActive": "0", "numWaiting": "1",
            "numStopped": "0", "numStoppedTotal": "0"})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leads_out_of_the_download_directory() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let elsewhere = world.subdir("elsewhere");
    std::os::unix::fs::symlink(&elsewhere, world.files().join("link")).expect("a link");
    for options in [
        json!({"dir": elsewhere}),
        json!({"dir": "link/deep"}),
        json!({"out": "../x"}),
        json!({"out": "/etc/cron.d/x"}),
        json!({"dir": ".haul"}),
        json!({"out": ".haul/haul.db", "allow-overwrite": "true"}),
    ] {
        let refused = call(
            &daemon,
            "aria2.addUri",
            json!([["http://127.0.0.1:1/a"], options]),
        );
        refused.await.expect_err("it leads out");
    }
    for path in ["link/session", "../session", "/etc/session"] {
        let refused = call(
            &daemon,
            "aria2.changeGlobalOption",
            json!([{"save-session": path}]),
        );
        refused.await.expect_err("it leads out");
    }
    let unset = call(&daemon, "aria2.saveSession", json!([])).await;
    assert_eq!(unset, Err("Filename is not given.".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_on_in_another_daemon_and_is_taken_once() {
    let (world, origin) = (World::new(), Origin::start().await);
    let daemon = world.daemon(&[]).await;
    let options = json!({"gid": "00000000000000aa", "pause": "true", "max-download-limit": "2M"});
    let params = json!([[origin.url("/a.bin?size=1K").as_str()], options]);
    ok(&daemon, "aria2.addUri", params).await;
    let path = world.files().join("session.txt");
    let set = json!([{"save-session": path}]);
    assert_eq!(ok(&daemon, "aria2.changeGlobalOption", set).await, "OK");
    assert_eq!(ok(&daemon, "aria2.saveSession", json!([])).await, "OK");
    drop(daemon);

    let other = World::new();
    let session = path.to_string_lossy();
    let listed = ["--input-file", &session];
    let daemon = other.daemon(&listed).await;
    let gid = json!("00000000000000aa");
    let told = status(&daemon, &gid).await;
    assert_eq!(told["status"], "paused");
    let limit = ok(&daemon, "aria2.getOption", json!([gid])).await;
    assert_eq!(limit["max-download-limit"], "2097152");
    ok(&daemon, "aria2.unpause", json!([gid])).await;
    until_word(&daemon, &gid, "complete").await;
    drop(daemon);
    let daemon = other.daemon(&listed).await;
    assert_eq!(status(&daemon, &gid).await["status"], "complete");
    assert_eq!(world::downloads(&world::list(&daemon).await).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_a_call_and_a_callback_wraps_its_answer() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    // ["zz"]
    let query = "/jsonrpc?method=aria2.tellStatus&id=7&params=WyJ6eiJd&jsoncallback=cb";
    let answer = http::request("GET", &daemon.url(query), b"").await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.header("content-type"), Some("text/javascript"));
    let text = answer.text();
    let inner = text
        .strip_prefix("cb(")
        .and_then(|text| text.strip_suffix(')'));
    let json: Value = serde_json::from_str(inner.expect("wrapped")).expect("JSON");
    assert_eq!(json["id"], "7");
    assert_eq!(json["error"]["message"], "Invalid GID zz");
}

/// A script of another site's page has no `Origin`, and neither has a program.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_others_get_nothing_and_names_of_others_neither() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let url = daemon.url("/jsonrpc");
    let get = daemon.url("/jsonrpc?method=aria2.getVersion&id=1");
    let body = r#"{"id":1,"method":"aria2.getVersion"}"#;
    for (method, url, header, body) in [
        ("POST", &url, ("Origin", "http://evil.example"), body),
        ("POST", &url, ("Host", "evil.example"), body),
        ("GET", &get, ("Origin", "http://evil.example"), ""),
        ("GET", &get, ("Sec-Fetch-Site", "cross-site"), ""),
    ] {
        let answer = http::request_with(method, url, &[header], body.as_bytes()).await;
        assert_eq!(answer.expect("an answer").status, 403, "{header:?}");
    }
    let mut request = daemon.ws("/jsonrpc").into_client_request().expect("a URL");
    let evil = HeaderValue::from_static("http://evil.example");
    request.headers_mut().insert("Origin", evil);
    match tokio_tungstenite::connect_async(request).await {
        Err(Error::Http(answer)) => assert_eq!(answer.status().as_u16(), 403),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_configured_any_will_do_and_with_one_a_header_does_too() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let version = call(&daemon, "aria2.getVersion", json!(["token:whatever"])).await;
    version.expect("nobody asks for one");
    drop(daemon);
    let daemon = world.daemon(&["--token", "right"]).await;
    let denied = call(&daemon, "aria2.getVersion", json!([])).await;
    assert_eq!(denied, Err("Unauthorized".to_owned()));
    let calls = json!([[
        {"methodName": "aria2.getVersion", "params": ["token:wrong"]},
        {"methodName": "aria2.getSessionInfo", "params": ["token:right"]},
    ]]);
    let results = ok(&daemon, "system.multicall", calls).await;
    assert_eq!(results[0]["message"], "Unauthorized");
    assert!(results[1][0]["sessionId"].is_string());
    let bearer = [("Authorization", "Bearer right")];
    let body = br#"{"id":1,"method":"aria2.getVersion"}"#;
    let answer = http::request_with("POST", &daemon.url("/jsonrpc"), &bearer, body).await;
    assert_eq!(answer.expect("an answer").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn global_options_are_settings_and_defaults_of_later_downloads() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let change = json!([{
        "max-concurrent-downloads": "2", "max-overall-download-limit": "1M",
        "split": "3", "header": ["A: b"], "rpc-secret": "no", "out": "no",
    }]);
    assert_eq!(ok(&daemon, "aria2.changeGlobalOption", change).await, "OK");
    let (_, settings) = world::call(&daemon, "GET", "/settings", None).await;
    assert_eq!(settings["max_downloads"], 2);
    assert_eq!(settings["speed_limit"], 1 << 20);
    let told = ok(&daemon, "aria2.getGlobalOption", json!([])).await;
    assert_eq!(told["max-concurrent-downloads"], "2");
    assert_eq!(told["max-overall-download-limit"], "1048576");
    assert_eq!(told["split"], "3");
    assert_eq!(told["header"], "A: b\n");
    assert!(
        told.get("rpc-secret").is_none() && told.get("out").is_none(),
        "{told}"
    );
    let params =
        json!([["http://127.0.0.1:1/a"], {"pause": "true", "max-connection-per-server": "2"}]);
    let gid = ok(&daemon, "aria2.addUri", params).await;
    let (_, added) = world::call(
        &daemon,
        "GET",
        &format!("/downloads/{}", gid.as_str().expect("a gid")),
        None,
    )
    .await;
    assert_eq!(added["threads"]["limit"], 2);
    let option = ok(&daemon, "aria2.getOption", json!([gid])).await;
    assert_eq!(option["header"], "A: b\n");
    let bad = json!([{"max-concurrent-downloads": "7", "split": "0"}]);
    call(&daemon, "aria2.changeGlobalOption", bad)
        .await
        .expect_err("one is bad");
    let told = ok(&daemon, "aria2.getGlobalOption", json!([])).await;
    assert_eq!(told["max-concurrent-downloads"], "2", "none was taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_can_end_the_daemon() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    assert_eq!(ok(&daemon, "aria2.shutdown", json!([])).await, "OK");
    let ended = daemon.ended(Duration::from_secs(30)).await;
    assert_eq!(ended.code(), Some(0));
}
