//! What the pictures show: a real daemon in the middle of its work. Owns which downloads there are and how far
//! each has come, and waits until all of that is so.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use haul_testkit::daemon::Daemon;
use haul_testkit::http;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::interval;

use super::hosts::{File, Hosts};

/// Long enough for anything that is not stuck, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// The port that everybody knows, where it is free.
const PORT: u16 = 8765;

/// Begins what goes wrong with a server.
const OUTAGE: &str = "outage";

/// How a download is to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Completed,
    Failed,
    /// By somebody, at this per cent.
    Paused(u64),
    /// From this per cent on at so many bytes/s of each connection.
    Moving(u64, u64),
    /// From this per cent on for its server.
    Waiting(u64),
    Queued,
}

struct Wanted {
    file: File,
    standing: Standing,
    /// SHA-256, where one is asked for.
    checksum: Option<&'static str>,
}

const fn wanted(standing: Standing, url: &'static str, knobs: &'static str) -> Wanted {
    Wanted {
        file: File { url, knobs },
        standing,
        checksum: None,
    }
}

/// What the details are shown of.
pub(super) const CHOSEN: &str = "debian-13.1.0-amd64-netinst.iso";

/// In the order in which they are added.
const WANTED: &[Wanted] = &[
    Wanted {
        checksum: Some("sha-256=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
        ..wanted(
            Standing::Failed,
            "http://firmware.example.com/router/firmware-4.2.bin",
            "size=9437184&etag=%22r4%22",
        )
    },
    wanted(
        Standing::Moving(36, 640 << 10),
        "http://mirror.example.org/debian/debian-13.1.0-amd64-netinst.iso",
        "size=783286272&etag=%22d13%22",
    ),
    wanted(
        Standing::Moving(41, 410 << 10),
        "http://maps.example.net/extracts/switzerland.osm.pbf",
        "size=521142272&etag=%22s5%22",
    ),
    wanted(
        Standing::Moving(9, 1020 << 10),
        "http://models.example.com/speech/model-00001-of-00003.safetensors",
        "size=1288490188&etag=%22m1%22",
    ),
    wanted(
        Standing::Moving(22, 730 << 10),
        "http://video.example.org/lectures/lecture-07-consensus.mp4",
        "size=281018368&ranges=no&etag=%22l7%22",
    ),
    wanted(
        Standing::Moving(34, 130 << 10),
        "http://data.example.org/telescope/m31-tile-0417.fits",
        "size=155189248&etag=%22t4%22",
    ),
    wanted(
        Standing::Waiting(27),
        "http://podcasts.example.net/shows/archive-2019.tar",
        "size=440401920&etag=%22a7%22&later=status%3D503%26retry_after%3D180&later_on=outage",
    ),
    wanted(
        Standing::Queued,
        "http://media.example.org/films/night-train-1080p.mkv",
        "size=2147483648&etag=%22n1%22",
    ),
    wanted(
        Standing::Queued,
        "http://games.example.com/patches/patch-1.8.2.zip",
        "size=734003200&etag=%22g1%22",
    ),
    wanted(
        Standing::Paused(38),
        "http://library.example.org/zim/encyclopedia-nopic.zim",
        "size=322961408&etag=%22e3%22",
    ),
    wanted(
        Standing::Failed,
        "http://archive.example.org/releases/toolkit-2.1.0.tar.gz",
        "status=404",
    ),
    wanted(
        Standing::Completed,
        "http://docs.example.org/manuals/field-guide-2026.pdf",
        "size=19203811&etag=%22f2%22",
    ),
    wanted(
        Standing::Completed,
        "http://photos.example.net/aurora/IMG_2041.heic",
        "size=4319207&etag=%22p1%22",
    ),
    wanted(
        Standing::Completed,
        "http://music.example.com/live/soundcheck.flac",
        "size=63904127&etag=%22m9%22",
    ),
    wanted(
        Standing::Completed,
        "http://archive.example.org/scans/atlas-1911.djvu",
        "size=34918400&etag=%22a1%22",
    ),
];

/// The daemon and everything around it. Dropping it ends all.
pub(super) struct Scene {
    pub(super) daemon: Daemon,
    hosts: Hosts,
    dir: TempDir,
}

impl Scene {
    /// Starts the daemon `binary`, gives it all there is to do, and returns when each download stands as
    /// wanted.
    pub(super) async fn set(binary: &Path) -> Result<Scene> {
        let dir = directory().context("cannot make a directory")?;
        let files = WANTED.iter().map(|wanted| wanted.file).collect();
        let hosts = Hosts::start(files).await.context("no port is free")?;
        let daemon = start(binary, dir.path(), &hosts.proxy()).await?;
        let scene = Scene { daemon, hosts, dir };
        scene.add_all().await?;
        // The queue begins where no place is left.
        let turns: [fn(Standing) -> bool; 4] = [
            |standing| matches!(standing, Standing::Completed | Standing::Failed),
            |standing| matches!(standing, Standing::Paused(_) | Standing::Waiting(_)),
            |standing| matches!(standing, Standing::Moving(..)),
            |standing| standing == Standing::Queued,
        ];
        for is_meant in turns {
            scene.play(is_meant).await?;
        }
        Ok(scene)
    }

    /// Its directory.
    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Adds everything, to be begun later: lists are sorted by the second in which something was added, and what
    /// was added at once stays in its order.
    async fn add_all(&self) -> Result<()> {
        let (checked, plain): (Vec<&Wanted>, Vec<&Wanted>) =
            WANTED.iter().partition(|wanted| wanted.checksum.is_some());
        for wanted in checked {
            let body = json!({
                "urls": [wanted.file.url], "checksum": wanted.checksum, "paused": true,
            });
            self.call("POST", "/downloads", Some(body)).await?;
        }
        let second = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |now| now.as_secs())
        };
        // Should one of the queue begin after all, it does not take the whole line.
        for (at, wanted) in WANTED.iter().enumerate() {
            if wanted.standing == Standing::Queued {
                self.hosts.slow(at, 1 << 20);
            }
        }
        let begun = second();
        let mut looks = interval(LOOK);
        while second() == begun {
            looks.tick().await;
        }
        let urls: Vec<&str> = plain.iter().map(|wanted| wanted.file.url).collect();
        let body = json!({"urls": urls, "paused": true});
        self.call("POST", "/downloads", Some(body)).await.map(drop)
    }

    /// Lets these begin and waits until they stand as wanted.
    async fn play(&self, is_meant: fn(Standing) -> bool) -> Result<()> {
        let meant = || {
            let all = WANTED.iter().enumerate();
            all.filter(|(_, wanted)| is_meant(wanted.standing))
        };
        let mut known = self.known().await?;
        for (_, wanted) in meant() {
            let id = find(&known, wanted)?["id"].as_str().context("an id")?;
            self.call("POST", &format!("/downloads/{id}/resume"), None)
                .await?;
        }
        let deadline = Instant::now() + PATIENCE;
        let mut looks = interval(LOOK);
        loop {
            looks.tick().await;
            known = self.known().await?;
            let mut late = Vec::new();
            for (at, wanted) in meant() {
                let download = find(&known, wanted)?;
                if !self.stands(at, wanted.standing, download).await? {
                    late.push(download);
                }
            }
            if late.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("waited {PATIENCE:?} in vain for {late:#?}");
            }
        }
    }

    /// What the daemon knows of all downloads.
    async fn known(&self) -> Result<Value> {
        self.call("GET", "/downloads?limit=100", None).await
    }

    /// Whether a download stands as wanted; does what brings it there.
    async fn stands(&self, at: usize, wanted: Standing, download: &Value) -> Result<bool> {
        let status = download["status"].as_str().unwrap_or_default();
        let has_come = |share: u64| {
            let done = download["done"].as_u64().unwrap_or(0);
            let size = download["size"].as_u64().unwrap_or(u64::MAX);
            done >= size / 100 * share
        };
        Ok(match wanted {
            Standing::Completed => status == "completed",
            Standing::Failed => status == "failed",
            Standing::Queued => status == "queued",
            Standing::Paused(share) => {
                if status == "downloading" && has_come(share) {
                    let id = download["id"].as_str().context("an id")?;
                    self.call("POST", &format!("/downloads/{id}/pause"), None)
                        .await?;
                }
                status == "paused" && has_come(share)
            }
            Standing::Waiting(share) => {
                if has_come(share) {
                    self.hosts.open(OUTAGE);
                }
                let reason = download["reason"].as_str().unwrap_or_default();
                reason.contains("asked to wait")
            }
            Standing::Moving(share, pace) => {
                if has_come(share) {
                    self.hosts.slow(at, pace);
                }
                // Until the speed before that is forgotten.
                let threads = download["threads"]["active"].as_u64().unwrap_or(0);
                let speed = download["speed"].as_u64().unwrap_or(u64::MAX);
                has_come(share) && threads > 0 && speed < pace * threads * 13 / 10
            }
        })
    }

    /// Calls the daemon's REST; anything but success is an error.
    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value> {
        let url = self.daemon.url(&format!("/api/v1{path}"));
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let answer = http::request(method, &url, body.as_bytes()).await?;
        if !(200..300).contains(&answer.status) {
            bail!("{method} {path}: {} {}", answer.status, answer.text());
        }
        Ok(serde_json::from_slice(&answer.body)?)
    }
}

fn find<'a>(known: &'a Value, wanted: &Wanted) -> Result<&'a Value> {
    let mut downloads = known["downloads"].as_array().into_iter().flatten();
    let found = downloads.find(|download| download["url"] == wanted.file.url);
    found.context("what was added is listed")
}

/// One with a plain name, for it is to be seen, unless somebody else has it.
pub(super) fn directory() -> std::io::Result<TempDir> {
    let plain = tempfile::Builder::new()
        .prefix("haul")
        .rand_bytes(0)
        .tempdir();
    plain.or_else(|_| TempDir::with_prefix("haul-"))
}

/// On the usual port, unless somebody else has it.
async fn start(binary: &Path, dir: &Path, proxy: &str) -> Result<Daemon> {
    let port = match tokio::net::TcpListener::bind(("127.0.0.1", PORT)).await {
        Ok(_) => PORT,
        Err(_) => 0,
    };
    let port = port.to_string();
    let arguments = [
        ["--port", &port],
        ["--proxy", proxy],
        ["--dir", "Downloads"],
        ["--max-downloads", "5"],
        // So that the list of them leaves room for what is below it.
        ["--threads", "4"],
        // A full temporary directory is no reason to show something else.
        ["--min-free-space", "0"],
        ["--log", "warn"],
    ];
    Ok(Daemon::start(binary, dir, arguments.as_flattened()).await)
}

/// What `haul get` is given, each with bytes/s of each connection.
const GOT: [(File, u64); 5] = [
    got(
        "http://video.example.org/lectures/lecture-01-clocks.mp4",
        "size=72351744&etag=%22c1%22",
        1420 << 10,
    ),
    got(
        "http://video.example.org/lectures/lecture-02-elections.mp4",
        "size=49283072&etag=%22c2%22",
        1170 << 10,
    ),
    got(
        "http://docs.example.org/lectures/slides.pdf",
        "size=7340032&etag=%22c3%22",
        700 << 10,
    ),
    got(
        "http://data.example.org/lectures/traces.csv.gz",
        "size=33554432&ranges=no&etag=%22c4%22",
        3700 << 10,
    ),
    got(
        "http://mirror.example.net/lectures/simulator.tar.zst",
        "size=29360128&etag=%22c5%22&status=503&status_times=1&retry_after=3",
        1600 << 10,
    ),
];

const fn got(url: &'static str, knobs: &'static str, pace: u64) -> (File, u64) {
    (File { url, knobs }, pace)
}

/// The hosts of what `haul get` is given; their URLs stand in `urls.txt` in this directory.
pub(super) async fn hosts_of_get(dir: &Path) -> Result<Hosts> {
    let hosts = Hosts::start(GOT.iter().map(|(file, _)| *file).collect()).await?;
    let mut list = String::new();
    for (at, (file, pace)) in GOT.iter().enumerate() {
        hosts.slow(at, *pace);
        list.push_str(file.url);
        list.push('\n');
    }
    std::fs::write(dir.join("urls.txt"), list).context("cannot write a list")?;
    Ok(hosts)
}
