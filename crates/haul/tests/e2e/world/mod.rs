//! What every test stands on: a directory, the daemon in it, calls to its REST, and waiting for
//! something to become true. It knows nothing of what is being tested.

mod files;
mod lines;
mod process;
mod tmux;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use haul_testkit::daemon::Daemon;
use haul_testkit::http;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) use files::{File, make, sha256};
pub(crate) use lines::{delivered, loading, queued};
pub(crate) use process::{
    Ended, by, descriptors, end, end_within, haul, program, resident, signal, start, threads,
};
pub(crate) use tmux::{PROMPT, Tmux};

/// The program under test.
pub(crate) const HAUL: &str = env!("CARGO_BIN_EXE_haul");

/// Long enough for anything that is not stuck, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// One test's own directory.
pub(crate) struct World {
    dir: TempDir,
}

impl World {
    /// An empty directory; it is gone when the test is.
    pub(crate) fn new() -> World {
        let dir = TempDir::with_prefix("haul-e2e-").expect("a temporary directory");
        World { dir }
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A directory in it, made if missing.
    pub(crate) fn subdir(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(&path).expect("a directory of our own");
        path
    }

    /// Where the daemon puts finished files.
    pub(crate) fn files(&self) -> PathBuf {
        self.path("files")
    }

    /// Starts `haul serve` in it, on a free port.
    pub(crate) async fn daemon(&self, args: &[&str]) -> Daemon {
        Daemon::start(Path::new(HAUL), self.dir.path(), args).await
    }
}

/// Calls the daemon's REST; returns the status and the body, `null` when it is not JSON.
pub(crate) async fn call(
    daemon: &Daemon,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (u16, Value) {
    let url = daemon.url(&format!("/api/v1{path}"));
    let body = body.map(|value| value.to_string()).unwrap_or_default();
    let answer = http::request(method, &url, body.as_bytes()).await;
    let answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    let json = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    (answer.status, json)
}

/// `GET /downloads` in one page.
pub(crate) async fn list(daemon: &Daemon) -> Value {
    let (status, page) = call(daemon, "GET", "/downloads?limit=1000", None).await;
    assert_eq!(status, 200, "{page}");
    assert_eq!(page["next"], Value::Null, "one page holds all: {page}");
    page
}

/// The downloads of a page or snapshot.
pub(crate) fn downloads(page: &Value) -> &[Value] {
    page["downloads"].as_array().expect("a list of downloads")
}

/// Adds one download with these options beside its URL; returns its id.
pub(crate) async fn add(daemon: &Daemon, url: &str, options: Value) -> String {
    let mut body = options;
    body["urls"] = serde_json::json!([url]);
    let (status, answer) = call(daemon, "POST", "/downloads", Some(body)).await;
    assert_eq!(status, 201, "{answer}");
    let id = answer["downloads"][0]["id"].as_str();
    id.expect("the new download has an id").to_owned()
}

/// One download as `GET /downloads/{id}` shows it.
pub(crate) async fn show(daemon: &Daemon, id: &str) -> Value {
    let (status, download) = call(daemon, "GET", &format!("/downloads/{id}"), None).await;
    assert_eq!(status, 200, "{download}");
    download
}

/// Waits until a download has this status.
pub(crate) async fn until_status(daemon: &Daemon, id: &str, status: &str) -> Value {
    until(&format!("{id} to be {status}"), async || {
        let download = show(daemon, id).await;
        let failed = download["status"] == "failed" && status != "failed";
        assert!(!failed, "it failed: {download}");
        (download["status"] == status).then_some(download)
    })
    .await
}

/// Looks again and again until there is something to see.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "waited {PATIENCE:?} in vain for {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A number from the environment, or this one.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => parse_size(&text).unwrap_or_else(|| panic!("{name}={text} is not a number")),
        Err(_) => default,
    }
}

/// Reads `256M`, `1G` or a plain number.
fn parse_size(text: &str) -> Option<u64> {
    let (digits, shift) = match text
        .trim()
        .split_at_checked(text.trim().len().checked_sub(1)?)?
    {
        (digits, "K") => (digits, 10),
        (digits, "M") => (digits, 20),
        (digits, "G") => (digits, 30),
        _ => (text.trim(), 0),
    };
    digits.parse::<u64>().ok().map(|number| number << shift)
}
