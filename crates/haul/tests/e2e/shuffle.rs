//! Twenty downloads, paused, resumed, cancelled, removed and added again at random, through REST and
//! the console at once: nothing hangs, nothing leaks, every file is right or absent.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use haul_testkit::daemon::Daemon;
use haul_testkit::servers::{Nginx, NginxOptions};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::world::{self, File, World};

const FILES: u64 = 20;
const SIZE: u64 = 4 << 20;

type Console = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_downloads_survive_being_disturbed_at_random() {
    let world = World::new();
    let root = world.subdir("www");
    let files: Vec<File> = (0..FILES)
        .map(|number| world::make(&root, &format!("/f{number:02}.bin"), SIZE, number))
        .collect();
    let nginx = Nginx::start(&root, NginxOptions::default()).await;
    let daemon = world
        .daemon(&[
            "--max-downloads",
            "20",
            "--block-size",
            "256K",
            "--speed-limit",
            "24M",
        ])
        .await;

    // What is opened once and kept (the database, threads) is open after a first download.
    let warm = world::make(&root, "/warm.bin", SIZE, 99);
    let id = world::add(&daemon, nginx.url(&warm.path).as_str(), json!({})).await;
    world::until_status(&daemon, &id, "completed").await;
    let start = settled(&daemon).await;

    let urls: Vec<String> = files
        .iter()
        .map(|file| nginx.url(&file.path).into())
        .collect();
    disturb(&daemon, &urls).await;
    finish(&daemon).await;

    assert_files(&world, &files);
    let scratch = std::fs::read_dir(world.files().join(".haul/scratch"));
    let left: Vec<_> = scratch.into_iter().flatten().flatten().collect();
    assert!(left.is_empty(), "scratch files are left: {left:?}");
    world::until("descriptors and threads to be given back", async || {
        let now = (
            world::descriptors(daemon.pid()),
            world::threads(daemon.pid()),
        );
        (now.0 <= start.0 && now.1 <= start.1).then_some(())
    })
    .await;
}

/// How many descriptors and threads the daemon has at rest: the fewest seen in three seconds.
async fn settled(daemon: &Daemon) -> (usize, usize) {
    let end = Instant::now() + Duration::from_secs(3);
    let mut fewest = (usize::MAX, usize::MAX);
    while Instant::now() < end {
        let pid = daemon.pid();
        fewest.0 = fewest.0.min(world::descriptors(pid));
        fewest.1 = fewest.1.min(world::threads(pid));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    fewest
}

/// Does one random thing after the other for as long as `HAUL_E2E_SHUFFLE_SECS` says.
#[expect(clippy::print_stderr, reason = "a failure must be repeatable")]
async fn disturb(daemon: &Daemon, urls: &[String]) {
    let seed = world::setting("HAUL_E2E_SHUFFLE_SEED", fastrand::u64(..));
    eprintln!("to do the same again: HAUL_E2E_SHUFFLE_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut console, _) = tokio_tungstenite::connect_async(daemon.ws("/"))
        .await
        .expect("the console is open");
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    let end = Instant::now() + Duration::from_secs(world::setting("HAUL_E2E_SHUFFLE_SECS", 10));
    while Instant::now() < end {
        let url = rng.choice(urls).expect("there are files").clone();
        let Some(id) = ids.get(&url).cloned() else {
            ids.insert(url.clone(), world::add(daemon, &url, json!({})).await);
            continue;
        };
        match rng.u8(..12) {
            0 => {
                let keep_file = rng.bool();
                remove(daemon, &id, keep_file).await;
                ids.remove(&url);
            }
            1 | 2 => step(daemon, &id, "cancel").await,
            3 => step(daemon, &id, "retry").await,
            4 | 5 => step(daemon, &id, "pause").await,
            6 | 7 => step(daemon, &id, "resume").await,
            8 | 9 => say(&mut console, &format!("pause {url}")).await,
            10 => say(&mut console, &format!("resume {url}")).await,
            _ => say(&mut console, &format!("cancel {url}")).await,
        }
    }
}

/// One step over REST. What the download's state forbids is answered with 409.
async fn step(daemon: &Daemon, id: &str, verb: &str) {
    let (status, answer) =
        world::call(daemon, "POST", &format!("/downloads/{id}/{verb}"), None).await;
    assert!(matches!(status, 200 | 409), "{verb}: {status} {answer}");
}

async fn remove(daemon: &Daemon, id: &str, keep_file: bool) {
    let path = format!("/downloads/{id}?files={}", !keep_file);
    let (status, answer) = world::call(daemon, "DELETE", &path, None).await;
    assert!(matches!(status, 200 | 204), "remove: {status} {answer}");
    let (status, _) = world::call(daemon, "GET", &format!("/downloads/{id}"), None).await;
    assert_eq!(status, 404, "it is still there");
}

/// One line to the console, and its answers.
async fn say(console: &mut Console, line: &str) {
    for line in [line, "fence"] {
        console
            .send(Message::text(line))
            .await
            .expect("the console takes a line");
    }
    let answered = tokio::time::timeout(world::PATIENCE, async {
        while let Some(message) = console.next().await {
            let message = message.expect("the console stays open");
            if message
                .to_text()
                .is_ok_and(|text| text == "Команда не найдена.")
            {
                return;
            }
        }
        panic!("the console has closed");
    });
    answered
        .await
        .unwrap_or_else(|_| panic!("no answer to \"{line}\""));
}

/// Lets everything that can come to its end do so.
async fn finish(daemon: &Daemon) {
    let page = world::list(daemon).await;
    for download in world::downloads(&page) {
        let id = download["id"].as_str().expect("an id");
        match download["status"].as_str() {
            Some("paused") => step(daemon, id, "resume").await,
            Some("failed") => panic!("nothing is wrong with the server: {download}"),
            _ => {}
        }
    }
    world::until("everything to end", async || {
        let page = world::list(daemon).await;
        let over = |status: &str| matches!(status, "completed" | "cancelled");
        let all = world::downloads(&page);
        all.iter()
            .all(|download| download["status"].as_str().is_some_and(over))
            .then_some(())
    })
    .await;
}

/// Every file in the directory is one of ours, whole. `f03 (1).bin` is another copy of `f03.bin`.
fn assert_files(world: &World, files: &[File]) {
    let digests: BTreeMap<&str, &str> = files
        .iter()
        .map(|file| {
            (
                file.path.trim_matches(['/']).trim_end_matches(".bin"),
                file.sha256.as_str(),
            )
        })
        .collect();
    for entry in std::fs::read_dir(world.files()).expect("the daemon's directory") {
        let path = entry.expect("a readable directory").path();
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else {
            panic!("an odd name: {}", path.display());
        };
        if matches!(stem, ".haul" | "warm") {
            continue;
        }
        let original = stem.split(" (").next().unwrap_or(stem);
        assert_file(&path, digests.get(original).copied());
    }
}

fn assert_file(path: &Path, expected: Option<&str>) {
    let expected = expected.unwrap_or_else(|| panic!("not one of ours: {}", path.display()));
    assert_eq!(world::sha256(path), expected, "{}", path.display());
}
