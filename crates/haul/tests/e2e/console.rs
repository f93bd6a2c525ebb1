//! URLs in, files out, through the real console client: against nginx, and against a server that
//! knows no ranges.

use std::collections::{BTreeMap, BTreeSet};

use haul_testkit::console::PyConsole;
use haul_testkit::daemon::Daemon;
use haul_testkit::ledger::Ledger;
use haul_testkit::servers::{Nginx, NginxOptions, PythonServer};

use crate::world::{self, File, World};

const THREADS: u64 = 4;
const BLOCK: u64 = 4 << 20;
const EMPTY: &str = "Список пуст.";

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_from_nginx_arrives_whole_and_within_its_caps() {
    let world = World::new();
    let root = world.subdir("www");
    let big = world::make(
        &root,
        "/big.bin",
        world::setting("HAUL_E2E_BIG", 256 << 20),
        1,
    );
    let mut files = vec![];
    for number in 0..200 {
        // From empty to a few packets long.
        files.push(world::make(
            &root,
            &format!("/small/{number:03}.bin"),
            number * 331,
            2 + number,
        ));
    }
    let nginx = Nginx::start(&root, NginxOptions::default()).await;
    // About five seconds, so that there is something to look at.
    let limit = (big.size / 5).to_string();
    let daemon = world
        .daemon(&[
            "--threads",
            &THREADS.to_string(),
            "--block-size",
            &BLOCK.to_string(),
            "--speed-limit",
            &limit,
        ])
        .await;

    let mut console = PyConsole::open(&daemon.ws("/")).await;
    console.send("start");
    console.send(nginx.url(&big.path).as_str());
    for file in &files {
        console.send(nginx.url(&file.path).as_str());
    }
    console.send("end");
    // Accepted URLs are not answered, so the first answer is the one to `end`.
    console.expect("Отправка urls на обработку.").await;

    files.push(big);
    let sizes: BTreeMap<String, u64> = files
        .iter()
        .map(|file| (nginx.url(&file.path).into(), file.size))
        .collect();
    let seen = watch_lists(&mut console, &sizes).await;
    assert!(seen.queue, "nothing was ever shown in the queue");
    assert!(
        seen.side_by_side,
        "the big file never had two threads at once"
    );

    assert_files(&daemon, &world, &files, &nginx).await;
    assert_big_requests(&nginx);
}

/// What the three lists have shown.
#[derive(Default)]
struct Seen {
    queue: bool,
    side_by_side: bool,
}

/// Asks for the three lists, checking every line, until all is delivered.
async fn watch_lists(console: &mut PyConsole, sizes: &BTreeMap<String, u64>) -> Seen {
    let mut seen = Seen::default();
    let mut percents: BTreeMap<String, f64> = BTreeMap::new();
    world::until("every file to be delivered", async || {
        for line in list(console, "queue").await {
            let url = world::queued(&line).unwrap_or_else(|| panic!("not as documented: {line}"));
            assert!(sizes.contains_key(url), "{line}");
            seen.queue = true;
        }
        let loading = list(console, "loading").await;
        assert!(
            loading.len() <= 5,
            "more than max_downloads at once: {loading:?}"
        );
        for line in loading {
            let line = world::loading(&line).unwrap_or_else(|| panic!("not as documented: {line}"));
            assert_eq!(sizes.get(&line.url), Some(&line.size), "{}", line.url);
            assert!(line.threads <= THREADS, "{} threads", line.threads);
            let before = percents
                .insert(line.url.clone(), line.percent)
                .unwrap_or(0.0);
            assert!(
                line.percent >= before,
                "{} went back from {before}",
                line.url
            );
            seen.side_by_side |= line.threads > 1;
        }
        let delivered = list(console, "download").await;
        (delivered.len() == sizes.len()).then_some(())
    })
    .await;
    assert_eq!(list(console, "queue").await, [""; 0]);
    assert_eq!(list(console, "loading").await, [""; 0]);

    let mut urls = BTreeSet::new();
    for line in list(console, "download").await {
        let line = world::delivered(&line).unwrap_or_else(|| panic!("not as documented: {line}"));
        assert_eq!(sizes.get(&line.url), Some(&line.size), "{}", line.url);
        let on_disk = std::fs::metadata(&line.path).expect("the file that the console names");
        assert_eq!(on_disk.len(), line.size);
        urls.insert(line.url);
    }
    assert_eq!(urls.len(), sizes.len(), "one line for each file");
    seen
}

/// The lines of one list. Answers come in order, so that of a command that does not exist ends them.
async fn list(console: &mut PyConsole, command: &str) -> Vec<String> {
    console.send(command);
    console.send("fence");
    let mut lines = vec![];
    loop {
        let line = console.read(world::PATIENCE).await;
        let line = line.unwrap_or_else(|| panic!("{command} was not answered"));
        if line == "Команда не найдена." {
            break;
        }
        lines.push(line);
    }
    assert!(!lines.is_empty(), "{command} was not answered");
    if lines == [EMPTY] {
        return vec![];
    }
    lines
}

async fn assert_files(daemon: &Daemon, world: &World, files: &[File], nginx: &Nginx) {
    let page = world::list(daemon).await;
    assert_eq!(world::downloads(&page).len(), files.len());
    for file in files {
        let url = nginx.url(&file.path);
        let found = world::downloads(&page)
            .iter()
            .find(|it| it["url"] == url.as_str());
        let download = found.unwrap_or_else(|| panic!("{url} is not in the list"));
        assert_eq!(download["status"], "completed", "{download}");
        assert_eq!(download["done"], file.size, "{download}");
        let path = std::path::Path::new(download["path"].as_str().expect("it has a path"));
        assert!(path.starts_with(world.files()), "{download}");
        assert_eq!(world::sha256(path), file.sha256, "{url}");
    }
}

/// Only ranges, none too long, over more than one connection.
fn assert_big_requests(nginx: &Nginx) {
    let mut log = nginx.log();
    log.retain(|request| request.path() == "/big.bin");
    Ledger::new(log.clone()).assert_no_range_longer_than(BLOCK);
    for request in &log {
        assert_eq!(request.status, 206, "{request:?}");
    }
    let connections: BTreeSet<u64> = log.iter().map(|request| request.connection).collect();
    assert!(connections.len() > 1, "one connection only");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_ranges_gives_the_right_file_to_one_thread() {
    let world = World::new();
    let root = world.subdir("www");
    let file = world::make(&root, "/single.bin", 8 << 20, 7);
    let server = PythonServer::start(&root).await;
    let daemon = world.daemon(&["--speed-limit", "4M"]).await;

    let mut console = PyConsole::open(&daemon.ws("/")).await;
    console.send("start");
    console.send(server.url(&file.path).as_str());
    console.send("end");
    console.expect("Отправка urls на обработку.").await;

    let mut was_loading = false;
    let done = world::until("the file to be delivered", async || {
        let page = world::list(&daemon).await;
        let download = world::downloads(&page)
            .first()
            .expect("the one download")
            .clone();
        let threads = download["threads"]["active"]
            .as_u64()
            .expect("a number of threads");
        assert!(threads <= 1, "{download}");
        if download["status"] == "downloading" {
            assert_eq!(download["ranges"], false, "{download}");
            was_loading = true;
        }
        (download["status"] == "completed").then_some(download)
    })
    .await;
    assert!(was_loading, "it was never seen at work");
    assert_eq!(done["ranges"], false);
    assert_eq!(
        world::sha256(&world.files().join("single.bin")),
        file.sha256
    );
    // The request that tried the URL is the download.
    assert_eq!(server.said().matches("\"GET /single.bin").count(), 1);
}
