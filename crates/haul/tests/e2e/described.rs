//! What the daemon says is what its own descriptions promise, and their examples work as they stand:
//! `openapi.json` over HTTP, `asyncapi.json` over the WebSocket.

use std::collections::BTreeSet;

use futures_util::{SinkExt, StreamExt};
use haul_testkit::daemon::Daemon;
use haul_testkit::http::{self, Answer};
use haul_testkit::origin::Origin;
use haul_testkit::schema::{Check, Description};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::world::{self, PATIENCE, World, add, call, until_status};

/// The download that examples are about.
const EXAMPLE: &str = "9f1c2a7be04d5566";

/// Half of it comes, and the rest when the gate is opened.
const HALF: &str = "/half.bin?size=4M&seed=1&gate=half&gate_after=512K";

async fn description(daemon: &Daemon, name: &str) -> Description {
    let answer = http::request("GET", &daemon.url(&format!("/api/v1/{name}")), b"").await;
    Description::new(answer.expect("an answer").json())
}

/// A daemon whose only place is taken for as long as the gate is shut.
struct Scene {
    origin: Origin,
    daemon: Daemon,
    completed: String,
    _world: World,
}

impl Scene {
    async fn new() -> Scene {
        let world = World::new();
        let origin = Origin::start().await;
        let daemon = world.daemon(&["--max-downloads", "1"]).await;
        let url = origin.url("/done.bin?size=100K&seed=2");
        let completed = add(&daemon, url.as_str(), json!({})).await;
        until_status(&daemon, &completed, "completed").await;
        let half = add(&daemon, origin.url(HALF).as_str(), json!({})).await;
        until_status(&daemon, &half, "downloading").await;
        Scene {
            origin,
            daemon,
            completed,
            _world: world,
        }
    }

    /// A download with which the call of this name can be made.
    async fn download(&self, name: &str) -> String {
        let url = self.origin.url("/file.bin?size=10K&seed=3");
        let waits = matches!(name, "downloads.pause" | "downloads.move");
        let id = add(&self.daemon, url.as_str(), json!({"paused": !waits})).await;
        if name.starts_with("downloads.content") {
            return self.completed.clone();
        }
        if name == "downloads.retry" {
            let cancel = format!("/downloads/{id}/cancel");
            let (status, answer) = call(&self.daemon, "POST", &cancel, None).await;
            assert_eq!(status, 200, "{answer}");
        }
        id
    }

    /// An example of the call of this name, about what is here.
    async fn example(&self, name: &str, example: &Value) -> Value {
        let text = example.to_string();
        let ours = self.origin.url("/").to_string();
        let text = text.replace("https://example.com/", &ours);
        let text = text.replace(EXAMPLE, &self.download(name).await);
        serde_json::from_str(&text).expect("JSON as before")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_rest_works_and_is_answered_as_described() {
    let scene = Scene::new().await;
    let description = description(&scene.daemon, "openapi.json").await;
    let mut tried = BTreeSet::new();
    for (path, item) in members(&description.document()["paths"]) {
        for (method, operation) in members(item) {
            let name = operation["operationId"].as_str().expect("a name");
            // Streams without end, which have tests of their own.
            if matches!(name, "events" | "ws") {
                continue;
            }
            let bodies = &operation["requestBody"]["content"]["application/json"]["examples"];
            let mut bodies: Vec<Value> = members(bodies)
                .map(|(_, body)| body["value"].clone())
                .collect();
            if bodies.is_empty() {
                bodies.push(Value::Null);
            }
            for body in bodies {
                let parameters = json!({"parameters": operation["parameters"], "body": body});
                let example = scene.example(name, &parameters).await;
                let answer = send(&scene.daemon, method, path, &example).await;
                assert_described(&description, operation, &answer);
                assert!(answer.status < 300, "{name}: {}", answer.text());
                tried.insert(name.to_owned());
            }
        }
    }
    assert!(tried.len() > 20, "{tried:?}");
}

async fn send(daemon: &Daemon, method: &str, path: &str, example: &Value) -> Answer {
    let mut url = url::Url::parse(&daemon.url(path)).expect("a URL");
    for parameter in example["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().expect("a name");
        let Some(value) = parameter.get("example") else {
            continue;
        };
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Array(items) => {
                let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                items.join(",")
            }
            other => other.to_string(),
        };
        if parameter["in"] == "path" {
            let path = url.path().replace(&format!("%7B{name}%7D"), &text);
            url.set_path(&path);
        } else {
            url.query_pairs_mut().append_pair(name, &text);
        }
    }
    let body = match &example["body"] {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let method = method.to_ascii_uppercase();
    let answer = http::request(&method, url.as_str(), body.as_bytes()).await;
    answer.unwrap_or_else(|why| panic!("{method} {url}: {why}"))
}

/// The status, the type and, where it is JSON, the body are among what the operation may answer.
fn assert_described(description: &Description, operation: &Value, answer: &Answer) {
    let document = description.document();
    let mut told = &operation["responses"][answer.status.to_string()];
    if let Some(there) = told["$ref"].as_str() {
        let there = there.strip_prefix('#').expect("in the document");
        told = document.pointer(there).expect("it is there");
    }
    let name = &operation["operationId"];
    assert!(
        told.is_object(),
        "{name}: {} is not described: {}",
        answer.status,
        answer.text()
    );
    let Some((kind, content)) = members(&told["content"]).next() else {
        return;
    };
    let said = answer.header("content-type").expect("a type");
    assert!(
        kind == "*/*" || said.starts_with(kind.as_str()),
        "{name}: {said}"
    );
    if kind.ends_with("json") {
        let problem = description
            .check(&content["schema"])
            .problem(&answer.json());
        assert_eq!(problem, None, "{name}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_answered_as_described() {
    let scene = Scene::new().await;
    let description = description(&scene.daemon, "openapi.json").await;
    let operations = &description.document()["paths"];
    let completed = &scene.completed;
    let all_rejected = r#"{"urls": ["nonsense", "ftp://host/"]}"#;
    for (method, path, at, body, status) in [
        (
            "get",
            "/downloads/{id}",
            "/downloads/0000000000000000",
            "",
            404,
        ),
        ("get", "/downloads/{id}", "/downloads/%FF", "", 404),
        ("get", "/downloads/{id}", "/downloads/a%2Fb", "", 404),
        ("get", "/downloads/{id}", "/downloads/", "", 404),
        ("get", "/downloads", "/downloads?limit=0", "", 422),
        ("get", "/downloads", "/downloads?colour=red", "", 422),
        ("get", "/downloads", "/downloads?q=a&q=b", "", 422),
        ("get", "/stats", "/stats?colour=red", "", 422),
        ("post", "/downloads", "/downloads", "{", 400),
        ("post", "/downloads", "/downloads", "null", 422),
        ("post", "/downloads", "/downloads", all_rejected, 422),
        (
            "patch",
            "/settings",
            "/settings",
            r#"{"threads": "8"}"#,
            422,
        ),
        (
            "patch",
            "/downloads/{id}",
            &format!("/downloads/{completed}"),
            r#"{"id": "a"}"#,
            422,
        ),
        (
            "post",
            "/downloads/{id}/pause",
            &format!("/downloads/{completed}/pause"),
            "",
            409,
        ),
        ("get", "/ws", "/ws", "", 426),
    ] {
        let operation = &operations[format!("/api/v1{path}")][method];
        let url = scene.daemon.url(&format!("/api/v1{at}"));
        let method = method.to_ascii_uppercase();
        let answer = http::request(&method, &url, body.as_bytes())
            .await
            .expect("an answer");
        assert_eq!(answer.status, status, "{method} {at}: {}", answer.text());
        assert_described(&description, operation, &answer);
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What frames are compared with: the answer to each method, failures, and `changed`.
struct Frames {
    description: Description,
    failure: Check,
    changed: Check,
}

impl Frames {
    async fn new(daemon: &Daemon) -> Frames {
        let description = description(daemon, "asyncapi.json").await;
        let check = |name: &str| {
            description.check(&description.document()["components"]["messages"][name]["payload"])
        };
        let (failure, changed) = (check("failure"), check("changed"));
        Frames {
            description,
            failure,
            changed,
        }
    }

    fn message(&self, name: &str) -> &Value {
        &self.description.document()["components"]["messages"][name]
    }

    /// The next frame, which is of the description's kind.
    async fn next(&self, socket: &mut Socket, answer: &Check) -> Value {
        let read = async {
            loop {
                let frame = socket
                    .next()
                    .await
                    .expect("the socket lives")
                    .expect("a frame");
                if let Message::Text(text) = frame {
                    return serde_json::from_str::<Value>(&text).expect("JSON");
                }
            }
        };
        let frame = timeout(PATIENCE, read).await.expect("a frame in time");
        let check = match (frame.get("method"), frame.get("error")) {
            (Some(_), _) => &self.changed,
            (_, Some(_)) => &self.failure,
            _ => answer,
        };
        assert_eq!(check.problem(&frame), None, "{frame}");
        frame
    }

    /// Calls, and reads what comes up to the answer.
    async fn call(&self, socket: &mut Socket, name: &str, call: &Value) -> Value {
        let text = call.to_string();
        socket.send(Message::text(text)).await.expect("sent");
        let answer = self
            .description
            .check(&self.message(&format!("{name}.answer"))["payload"]);
        loop {
            let frame = self.next(socket, &answer).await;
            if frame.get("id").is_some() {
                return frame;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_the_live_protocol_works_and_is_answered_as_described() {
    let scene = Scene::new().await;
    let frames = Frames::new(&scene.daemon).await;
    let mut socket = connect(&scene.daemon).await;
    let mut tried = 0;
    for (name, operation) in members(&frames.description.document()["operations"]) {
        if operation["action"] != "receive" {
            continue;
        }
        for example in frames.message(&format!("{name}.call"))["examples"]
            .as_array()
            .expect("examples")
        {
            let call = scene.example(name, &example["payload"]).await;
            let answer = frames.call(&mut socket, name, &call).await;
            assert_eq!(answer["id"], call["id"]);
            assert!(answer.get("result").is_some(), "{call} {answer}");
            tried += 1;
        }
    }
    assert!(tried >= 17, "{tried} calls");
    // What goes wrong is described, too.
    for (method, params, code) in [
        (
            "downloads.get",
            json!({"id": "0000000000000000"}),
            "no_such_download",
        ),
        (
            "downloads.add",
            json!({"urls": ["nonsense"]}),
            "all_rejected",
        ),
        ("downloads.paws", json!({}), "unknown_method"),
        ("stats", json!([1]), "invalid_option"),
        ("stats", json!(7), "invalid_request"),
    ] {
        let call = json!({"jsonrpc": "2.0", "id": "x", "method": method, "params": params});
        let answer = frames.call(&mut socket, "stats", &call).await;
        assert_eq!(answer["error"]["data"]["code"], code, "{answer}");
    }
}

async fn connect(daemon: &Daemon) -> Socket {
    let connected = tokio_tungstenite::connect_async(daemon.ws("/api/v1/ws")).await;
    connected.expect("a WebSocket").0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_is_as_described_from_its_beginning_to_each_of_its_ends() {
    let world = World::new();
    let origin = Origin::start().await;
    let daemon = world
        .daemon(&[
            "--max-downloads",
            "2",
            "--retries",
            "1",
            "--retry-wait",
            "10ms",
        ])
        .await;
    let frames = Frames::new(&daemon).await;
    let mut socket = connect(&daemon).await;
    let subscribe = json!({"jsonrpc": "2.0", "id": 0, "method": "subscribe", "params": {"detail": true, "interval_ms": 50}});
    frames.call(&mut socket, "subscribe", &subscribe).await;

    let rest = description(&daemon, "openapi.json").await;
    let paths = &rest.document()["paths"];
    let ok = |path: &str| {
        let answer = &paths[path]["get"]["responses"]["200"]["content"]["application/json"];
        rest.check(&answer["schema"])
    };
    let (one, page) = (ok("/api/v1/downloads/{id}"), ok("/api/v1/downloads"));
    let look = async |id: &str, status: &str| {
        let download = until_status(&daemon, id, status).await;
        assert_eq!(one.problem(&download), None, "{download}");
        let list = world::list(&daemon).await;
        assert_eq!(page.problem(&list), None, "{list}");
        download
    };

    let slow = add(
        &daemon,
        origin.url("/slow.bin?size=1K&gate=answer").as_str(),
        json!({}),
    )
    .await;
    look(&slow, "probing").await;
    let half = origin.url(HALF);
    let sum = haul_testkit::origin::digest(1, 4 << 20);
    let checksum = format!("sha-256={sum}");
    let half = add(
        &daemon,
        half.as_str(),
        json!({"checksum": checksum, "name": "half, said.bin"}),
    )
    .await;
    world::until("blocks to be shown", async || {
        let running = look(&half, "downloading").await;
        let blocks = running["blocks"].as_array().expect("blocks");
        (!blocks.is_empty()).then_some(())
    })
    .await;
    let lost = add(
        &daemon,
        origin.url("/lost.bin?status=404").as_str(),
        json!({}),
    )
    .await;
    look(&lost, "queued").await;
    let paused = add(
        &daemon,
        origin.url("/p.bin?size=1K").as_str(),
        json!({"paused": true}),
    )
    .await;
    look(&paused, "paused").await;
    let path = format!("/downloads/{paused}/cancel");
    call(&daemon, "POST", &path, None).await;
    look(&paused, "cancelled").await;
    let path = format!("/downloads/{paused}?files=true");
    call(&daemon, "DELETE", &path, None).await;
    origin.open_gate("answer");
    origin.open_gate("half");
    look(&slow, "completed").await;
    let whole = look(&half, "completed").await;
    assert_eq!(whole["checksum"]["verified"], true, "{whole}");
    let failed = look(&lost, "failed").await;
    assert_eq!(failed["error"]["status"], 404, "{failed}");

    // All that was told meanwhile is of its kind, up to the last end.
    let mut left = BTreeSet::from(["completed", "failed"]);
    let stats = frames.description.check(&json!({}));
    while !left.is_empty() {
        let frame = frames.next(&mut socket, &stats).await;
        for change in world::downloads(&frame["params"]) {
            left.remove(change["status"].as_str().unwrap_or_default());
        }
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
