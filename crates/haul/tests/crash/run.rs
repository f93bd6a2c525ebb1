//! One run: downloads of every kind, a kill at one place, a restart, and a look at everything. It
//! knows the program by its command line, its REST and its directory.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use haul_engine::Status;
use haul_engine::crash::Point;
use haul_engine::store::Record;
use haul_testkit::crash::{Remains, Wanted, lost, touched};
use haul_testkit::daemon::Daemon;
use haul_testkit::http;
use haul_testkit::origin::{self, Origin};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// The program under test, built with the places.
const HAUL: &str = env!("CARGO_BIN_EXE_haul");

/// Longer than any right run; a hang becomes a failure.
const PATIENCE: Duration = Duration::from_secs(90);

const OPTIONS: [&str; 6] = [
    "--threads",
    "4",
    "--block-size",
    "256K",
    "--max-downloads",
    "10",
];

/// The most bytes/s of one download: four threads at 512 KiB/s.
const RATE: u64 = 4 * (512 << 10);

const CHECKED: &str = "checked.bin";
const CHECKED_URL: &str = "/checked.bin?size=512K&seed=4";
const CHECKED_SEED: u64 = 4;
const CHECKED_SIZE: u64 = 512 << 10;

/// The header that a download is given while it runs.
const EDITED: &str = "X-Edited: 1";

/// How many threads a download is given while it runs or is paused.
const PATCHED_THREADS: u16 = 3;

/// What happens in the life that is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Nothing but downloads.
    Nothing,
    /// Two files have changed since they were begun.
    ChangeBefore,
    /// The large download is paused.
    Pause,
    /// The large download is asked for with another header, as an aria2 client does.
    Edit,
    /// The large download is given fewer threads, which it follows.
    Patch,
    /// The same while it is paused.
    PatchPaused,
    /// The large download is cancelled.
    Cancel,
    /// The large download is removed.
    Remove,
    /// The daemon is asked to end.
    Stop,
}

impl Act {
    /// Whether the large file is given up.
    fn gives_up(self) -> bool {
        matches!(self, Act::Cancel | Act::Remove)
    }
}

pub(crate) struct Run {
    point: Point,
    passage: u64,
    act: Act,
    dir: TempDir,
    origin: Origin,
    remains: Remains,
    wanted: Vec<Wanted>,
    /// Whether the program has lived to say that it added the file with a digest.
    is_checked_answered: bool,
}

impl Run {
    pub(crate) async fn new(point: Point, passage: u64, act: Act) -> Run {
        let dir = TempDir::with_prefix("haul-crash-").expect("a temporary directory");
        Run {
            point,
            passage,
            act,
            remains: Remains::of(dir.path()),
            dir,
            origin: Origin::start().await,
            wanted: Vec::new(),
            is_checked_answered: false,
        }
    }

    /// The whole story.
    pub(crate) async fn go(mut self) {
        let story = format!("killed at {}:{}", self.point.name(), self.passage);
        self.prepare().await;
        let (before, finished) = (self.remains.records().await, self.remains.finished());
        assert!(
            !finished.is_empty(),
            "{story}: something was finished before"
        );
        let requests = self.origin.log().len();

        let end = timeout(PATIENCE, self.armed_life()).await;
        let end = end.unwrap_or_else(|_| panic!("not {story}: nothing came by"));
        assert_eq!(end.signal(), Some(9), "not {story}, but {end}");

        let after = self.remains.records().await;
        self.assert_little_lost(&before, requests, &after, &story);
        self.assert_known(&after, &story);
        let requests = self.origin.log().len();
        self.recover(&story).await;

        let ended = self.remains.records().await;
        let cost = lost(&after, &self.origin.log()[requests..], &ended);
        if self.act != Act::ChangeBefore {
            let none: [&str; 0] = [];
            assert_eq!(
                cost.asked_again, none,
                "{story}: recorded, and fetched again"
            );
        }
        let verdict = self.remains.judge(&self.wanted).await;
        verdict.assert_clean(&story);
        let touched = touched(&finished, &self.remains.finished());
        assert!(touched.is_empty(), "{story}: {touched:?} were touched");
        assert!(self.origin.unknown_knobs().is_empty());
    }

    /// Files that are finished before, and ones that are begun and change meanwhile.
    async fn prepare(&mut self) {
        let daemon = Daemon::start(Path::new(HAUL), self.dir.path(), &OPTIONS).await;
        let finished = [
            "/old-1.bin?size=50K&seed=11",
            "/old-2.bin?size=9K&seed=12&ranges=no",
        ];
        let urls = [
            self.want(finished[0], 11, 50 << 10),
            self.want(finished[1], 12, 9 << 10),
        ];
        add(&daemon, json!({ "urls": urls })).await.expect("added");
        self.until_over(&daemon).await;
        if self.act == Act::ChangeBefore {
            let file = "size=4M&seed=5&rate=512K&change_on=swap";
            let urls = [
                self.want(
                    &format!("/tagged.bin?{file}&etag=%22v1%22"),
                    origin::changed_seed(5),
                    4 << 20,
                ),
                self.want(
                    &format!("/bare.bin?{file}"),
                    origin::changed_seed(5),
                    4 << 20,
                ),
            ];
            add(&daemon, json!({ "urls": urls })).await.expect("added");
            for url in urls {
                until_begun(&daemon, &url).await;
            }
        }
        // What is held now is recorded.
        assert!(daemon.terminate().await.success());
        self.origin.open_gate("swap");
    }

    /// Starts the program with the place armed, keeps it busy, and returns how it ended.
    async fn armed_life(&mut self) -> ExitStatus {
        let armed = format!("{}:{}", self.point.name(), self.passage);
        let environment = [("HAUL_CRASH_AT", armed.as_str())];
        let started =
            Daemon::start_with(Command::new(HAUL), self.dir.path(), &OPTIONS, &environment);
        let daemon = match started.await {
            Ok(daemon) => daemon,
            Err(fallen) => return fallen.ended(PATIENCE).await,
        };
        if self.act == Act::ChangeBefore {
            return daemon.ended(PATIENCE).await;
        }
        // The program may be killed before it answers.
        let _ = add(&daemon, self.batch()).await;
        let checked = self.want(CHECKED_URL, CHECKED_SEED, CHECKED_SIZE);
        self.is_checked_answered = add(&daemon, checked_body(&checked)).await.is_some();
        let large: String = self.origin.url(&self.large().0).into();
        if self.act != Act::Nothing {
            let id = until_begun(&daemon, &large).await;
            self.disturb(&daemon, &id).await;
        }
        daemon.ended(PATIENCE).await
    }

    async fn disturb(&self, daemon: &Daemon, id: &str) {
        let path = format!("/downloads/{id}");
        if self.act == Act::Edit {
            let call = json!({"jsonrpc": "2.0", "id": 1, "method": "aria2.changeOption",
                "params": [id, {"header": [EDITED]}]});
            let url = daemon.url("/jsonrpc");
            // The program is killed before it answers.
            let _ = http::request("POST", &url, call.to_string().as_bytes()).await;
            return;
        }
        let _ = match self.act {
            Act::Nothing | Act::ChangeBefore | Act::Edit => return,
            Act::PatchPaused => {
                let paused = call(daemon, "POST", &format!("{path}/pause"), None).await;
                paused.expect("it is killed later");
                call(daemon, "PATCH", &path, Some(patch())).await
            }
            Act::Patch => call(daemon, "PATCH", &path, Some(patch())).await,
            Act::Stop => return daemon.ask_to_end(),
            Act::Pause => call(daemon, "POST", &format!("{path}/pause"), None).await,
            Act::Cancel => call(daemon, "POST", &format!("{path}/cancel"), None).await,
            Act::Remove => call(daemon, "DELETE", &path, None).await,
        };
    }

    /// The body that adds files of every kind at once.
    fn batch(&mut self) -> Value {
        let mut urls = Vec::new();
        let (large, size) = self.large();
        let large = self.want(&large, 1, size);
        if self.act.gives_up() {
            self.wanted.pop();
        }
        urls.push(large);
        urls.push(self.want("/bare.bin?size=3M&seed=2&rate=256K", 2, 3 << 20));
        urls.push(self.want("/stream.bin?size=300K&seed=3&ranges=no", 3, 300 << 10));
        for (number, size) in [0, 1, 1000, 100_000].into_iter().enumerate() {
            let (number, seed) = (number + 1, size);
            let path = format!("/small-{number}.bin?size={size}&seed={seed}");
            urls.push(self.want(&path, seed, size));
        }
        json!({ "urls": urls })
    }

    /// The large file's path and query, and its size.
    fn large(&self) -> (String, u64) {
        // Long enough for many checkpoints where they are counted.
        let is_counted = self.point == Point::Recorded;
        let size = if is_counted { 16 } else { 6 } << 20;
        (
            format!("/large.bin?size={size}&seed=1&rate=512K&etag=%22v1%22"),
            size,
        )
    }

    /// Notes that a file is wanted; returns its URL.
    fn want(&mut self, path: &str, seed: u64, size: u64) -> String {
        let url = self.origin.url(path);
        self.wanted.push(Wanted {
            url: url.to_string(),
            name: url.path().trim_start_matches('/').to_owned(),
            seed,
            size,
        });
        url.into()
    }

    /// Of what was sent before the kill at most 2 s are lost.
    fn assert_little_lost(&self, before: &[Record], from: usize, after: &[Record], story: &str) {
        let cost = lost(before, &self.origin.log()[from..], after);
        assert!(
            cost.unfounded.is_empty(),
            "{story}: {:?} claim too much",
            cost.unfounded
        );
        // What was given up, or has changed, is lost on purpose.
        if self.act == Act::ChangeBefore || self.act.gives_up() {
            return;
        }
        let (most, allowed) = (cost.most, 2 * RATE);
        assert!(
            most <= allowed,
            "{story}: {most} bytes lost, over {allowed}"
        );
    }

    /// What was answered is recorded, and so is what the kill came right after.
    fn assert_known(&self, records: &[Record], story: &str) {
        let known = |url: &str| records.iter().any(|record| record.spec.url.as_str() == url);
        for wanted in &self.wanted {
            // Whatever kills, it comes after the record of the first request.
            let may_miss = wanted.name == CHECKED && !self.is_checked_answered;
            let (name, url) = (&wanted.name, &wanted.url);
            assert!(
                may_miss || known(url),
                "{story}: the entry of {name} is lost"
            );
        }
        let large = self.origin.url(&self.large().0);
        let mut large = records.iter().filter(|record| record.spec.url == large);
        match self.act {
            Act::Cancel => {
                let status = large.next().map(|record| record.status);
                assert_eq!(status, Some(Status::Cancelled), "{story}");
            }
            Act::Remove => assert_eq!(large.next(), None, "{story}"),
            Act::Edit => {
                let large = large.next().expect("it is known");
                let headers: Vec<String> = (large.spec.headers.iter())
                    .map(|(name, value)| format!("{name}: {value}"))
                    .collect();
                assert_eq!(headers, [EDITED], "{story}");
                // It ran, and nobody has asked for anything else.
                assert_ne!(large.status, Status::Paused, "{story}");
            }
            Act::Patch | Act::PatchPaused => {
                let large = large.next().expect("it is known");
                assert_eq!(large.spec.threads, Some(PATCHED_THREADS), "{story}");
                let is_paused = large.status == Status::Paused;
                assert_eq!(is_paused, self.act == Act::PatchPaused, "{story}");
            }
            _ => {}
        }
    }

    /// Starts the program as it is, and lets everything come to its end.
    async fn recover(&mut self, story: &str) {
        let daemon = Daemon::start(Path::new(HAUL), self.dir.path(), &OPTIONS).await;
        let checked = self.wanted.iter().find(|wanted| wanted.name == CHECKED);
        if let Some(url) = checked.map(|wanted| wanted.url.clone())
            && find(&daemon, &url).await.is_none()
        {
            add(&daemon, checked_body(&url)).await.expect("added");
        }
        self.until_over(&daemon).await;
        assert!(daemon.terminate().await.success(), "{story}");
    }

    /// Returns when everything wanted is over.
    async fn until_over(&self, daemon: &Daemon) {
        let waiting = async {
            for wanted in &self.wanted {
                while !is_over(daemon, &wanted.url).await {
                    sleep(Duration::from_millis(30)).await;
                }
            }
        };
        if timeout(PATIENCE, waiting).await.is_err() {
            panic!("never over; haul said:\n{}", daemon.said());
        }
    }
}

/// The body that changes a download.
fn patch() -> Value {
    json!({ "threads": PATCHED_THREADS })
}

/// The body that adds a file with its digest.
fn checked_body(url: &str) -> Value {
    let digest = origin::digest(CHECKED_SEED, CHECKED_SIZE);
    json!({ "urls": [url], "checksum": format!("sha-256={digest}") })
}

async fn is_over(daemon: &Daemon, url: &str) -> bool {
    let Some(download) = find(daemon, url).await else {
        return false;
    };
    match download["status"].as_str() {
        Some("paused") => {
            let path = format!(
                "/downloads/{}/resume",
                download["id"].as_str().unwrap_or("")
            );
            call(daemon, "POST", &path, None).await.expect("resumed");
            false
        }
        Some(status) => matches!(status, "completed" | "failed" | "cancelled"),
        None => false,
    }
}

/// Returns the id of a download that holds half a mebibyte.
async fn until_begun(daemon: &Daemon, url: &str) -> String {
    let waiting = async {
        loop {
            if let Some(found) = find(daemon, url).await
                && found["done"].as_u64() >= Some(512 << 10)
                && let Some(id) = found["id"].as_str()
            {
                return id.to_owned();
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("it begins")
}

/// The download of a URL, as the API shows it.
async fn find(daemon: &Daemon, url: &str) -> Option<Value> {
    let page = call(daemon, "GET", "/downloads?limit=100", None).await?;
    let downloads = page["downloads"].as_array()?;
    downloads
        .iter()
        .find(|download| download["url"] == url)
        .cloned()
}

/// Adds downloads; `None` when the program was killed meanwhile.
async fn add(daemon: &Daemon, body: Value) -> Option<Value> {
    call(daemon, "POST", "/downloads", Some(body)).await
}

/// Calls the REST; `None` when the program was killed meanwhile.
async fn call(daemon: &Daemon, method: &str, path: &str, body: Option<Value>) -> Option<Value> {
    let url = daemon.url(&format!("/api/v1{path}"));
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let answer = http::request(method, &url, body.as_bytes()).await.ok()?;
    assert!(answer.status < 300, "{method} {path}: {}", answer.text());
    Some(answer.json())
}
