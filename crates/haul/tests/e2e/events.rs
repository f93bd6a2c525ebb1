//! The live stream as server-sent events, through curl: the same promises as over the WebSocket, and a
//! connection that is lost goes on where it was.

use haul_testkit::daemon::Daemon;
use haul_testkit::http;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use crate::live::{State, apply};
use crate::world::{self, PATIENCE, World, call, program};

/// Nobody listens there, and nothing is asked for.
const URL: &str = "http://127.0.0.1:1/file.bin";

/// One event.
#[derive(Debug)]
struct Event {
    name: String,
    id: u64,
    data: Value,
}

/// A client that holds what it is told.
struct Stream {
    lines: Lines<BufReader<ChildStdout>>,
    _curl: Child,
}

impl Stream {
    fn open(world: &World, daemon: &Daemon, query: &str, last: Option<u64>) -> Stream {
        let url = daemon.url(&format!("/api/v1/events?{query}"));
        let last = last.map(|id| format!("Last-Event-ID: {id}"));
        let mut args = vec!["-sSfN", &url];
        if let Some(header) = &last {
            args.extend(["-H", header]);
        }
        let mut curl = program("curl", &world.subdir("curl"), &args)
            .spawn()
            .expect("curl starts");
        let stdout = curl.stdout.take().expect("it is piped");
        Stream {
            lines: BufReader::new(stdout).lines(),
            _curl: curl,
        }
    }

    async fn next(&mut self) -> Event {
        let read = tokio::time::timeout(PATIENCE, self.read()).await;
        read.expect("an event in time")
    }

    async fn read(&mut self) -> Event {
        let (mut name, mut id, mut data) = (None, None, None);
        loop {
            let line = self.lines.next_line().await.expect("text");
            let line = line.expect("the stream goes on");
            match line.split_once(": ") {
                Some(("event", value)) => name = Some(value.to_owned()),
                Some(("id", value)) => id = Some(value.parse().expect("a revision")),
                Some(("data", value)) => data = Some(serde_json::from_str(value).expect("JSON")),
                _ if line.is_empty() && name.is_some() => {
                    return Event {
                        name: name.expect("it is there"),
                        id: id.expect("every event has an id"),
                        data: data.expect("every event has data"),
                    };
                }
                _ => {}
            }
        }
    }

    /// Applies events until the state is that of the list.
    async fn follow(&mut self, daemon: &Daemon, state: &mut State, revision: &mut u64) {
        loop {
            let page = world::list(daemon).await;
            let wanted = page["revision"].as_u64().expect("a revision");
            while *revision < wanted {
                let event = self.next().await;
                assert_eq!(event.name, "changed");
                assert_eq!(event.data["from"], *revision, "a gap: {}", event.data);
                assert_eq!(event.data["revision"], event.id);
                apply(state, &event.data);
                *revision = event.id;
            }
            if *revision == wanted {
                assert_eq!(*state, held(&page));
                return;
            }
        }
    }
}

fn held(page: &Value) -> State {
    let downloads = world::downloads(page).iter();
    downloads
        .map(|download| {
            let id = download["id"].as_str().expect("an id");
            (id.to_owned(), download.clone())
        })
        .collect()
}

async fn add(daemon: &Daemon) -> String {
    world::add(daemon, URL, json!({"paused": true})).await
}

async fn remove(daemon: &Daemon, id: &str) {
    let (status, answer) = call(daemon, "DELETE", &format!("/downloads/{id}"), None).await;
    assert_eq!(status, 200, "{answer}");
}

async fn change(daemon: &Daemon, id: &str, priority: i32) {
    let body = json!({"priority": priority});
    let (status, answer) = call(daemon, "PATCH", &format!("/downloads/{id}"), Some(body)).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_lost_goes_on_where_it_was_also_past_a_restart() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let (kept, gone) = (add(&daemon).await, add(&daemon).await);

    let mut stream = Stream::open(&world, &daemon, "interval_ms=50", None);
    let first = stream.next().await;
    assert_eq!(first.name, "snapshot");
    assert_eq!(first.data["revision"], first.id);
    let (mut state, mut revision) = (State::new(), first.id);
    apply(&mut state, &first.data);
    assert_eq!(state.len(), 2);
    add(&daemon).await;
    change(&daemon, &kept, 5).await;
    stream.follow(&daemon, &mut state, &mut revision).await;
    drop(stream);

    remove(&daemon, &gone).await;
    change(&daemon, &kept, 6).await;
    add(&daemon).await;
    let mut stream = Stream::open(&world, &daemon, "", Some(revision));
    stream.follow(&daemon, &mut state, &mut revision).await;
    assert_eq!((state.len(), state.contains_key(&gone)), (3, false));
    drop(stream);

    // What happened since an event of another life cannot be told.
    daemon.kill9();
    let daemon = world.daemon(&[]).await;
    let mut stream = Stream::open(&world, &daemon, "", Some(revision));
    let first = stream.next().await;
    assert_eq!(first.name, "snapshot", "{}", first.data);
    assert!(first.id > revision, "revisions only grow");
    assert_eq!(held(&first.data).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_shows_what_it_was_asked_for_and_ends_with_the_daemon() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let (one, other) = (add(&daemon).await, add(&daemon).await);
    let mut some = Stream::open(&world, &daemon, &format!("ids={one}&detail=true"), None);
    let first = some.next().await;
    let shown = world::downloads(&first.data);
    assert_eq!((shown.len(), &shown[0]["id"]), (1, &json!(one)));
    assert!(shown[0]["map"].is_string());
    let mut none = Stream::open(&world, &daemon, "status=completed,failed", None);
    assert_eq!(world::downloads(&none.next().await.data).len(), 0);

    change(&daemon, &other, 1).await;
    change(&daemon, &one, 2).await;
    let told = some.next().await;
    let shown = world::downloads(&told.data);
    assert_eq!(
        (shown.len(), &shown[0]["priority"]),
        (1, &json!(2)),
        "{}",
        told.data
    );

    assert!(daemon.terminate().await.success());
    assert_eq!(
        none.lines.next_line().await.expect("text"),
        None,
        "it ends in order"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_makes_no_sense_or_is_not_allowed_is_refused() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    for (query, headers, status) in [
        ("status=done", &[][..], 422),
        ("ids=x", &[], 404),
        ("interval=5", &[], 422),
        ("", &[("Origin", "http://evil.example")], 403),
        ("", &[("Host", "evil.example")], 403),
    ] {
        let url = daemon.url(&format!("/api/v1/events?{query}"));
        let answer = http::request_with("GET", &url, headers, b"").await;
        assert_eq!(
            answer.expect("an answer").status,
            status,
            "{query} {headers:?}"
        );
    }
}
