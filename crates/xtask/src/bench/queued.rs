//! The work `queued`: a hundred thousand downloads that wait. What each costs in memory, how fast they
//! are added and loaded again, and how long a page of their list takes.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use haul_testkit::daemon::Daemon;
use serde_json::json;
use tokio::net::TcpListener;

use super::Bench;
use super::found::{Found, Goal, Table};
use super::spread::Spread;
use super::watched::{Client, Times, cpu, resident};
use crate::tools;

/// How many wait.
const DOWNLOADS: usize = 100_000;

/// How many in one request.
const BATCH: usize = 1_000;

/// How many aria2c is given: with more of them it takes minutes.
const OF_ARIA2: usize = 10_000;

/// How often each page is asked for.
const PAGES: usize = 200;

/// The first pages of lists, and what they are called.
const LISTS: [(&str, &str); 6] = [
    ("the first page", "limit=100"),
    ("by name", "sort=name&limit=100"),
    (
        "by size, the largest first",
        "sort=size&order=desc&limit=100",
    ),
    ("by progress", "sort=progress&limit=100"),
    (
        "the queued, the newest first",
        "status=queued&order=desc&limit=100",
    ),
    ("the failed", "status=failed,cancelled&limit=100"),
];

/// A text that is looked for in all names and URLs, and is in few.
const SEARCH: (&str, &str) = ("those with a text", "q=-0999&limit=100");

/// What one round has shown of haul.
struct Round {
    /// Bytes for each download, after they were added and after a new start.
    added: f64,
    loaded: f64,
    per_second: f64,
    start: Duration,
    cpu: Duration,
    pages: Vec<(&'static str, Times)>,
    search: Times,
}

pub(super) fn queued(bench: &Bench) -> Result<Found> {
    let mut rounds = Vec::new();
    for _ in 0..bench.runs.min(3) {
        rounds.push(bench.runtime.block_on(round(bench))?);
    }
    let aria2 = bench.runtime.block_on(aria2())?;
    let spread = |figure: fn(&Round) -> f64| {
        let figures: Vec<f64> = rounds.iter().map(figure).collect();
        Spread::of(&figures).context("no round")
    };
    let (added, loaded) = (spread(|round| round.added)?, spread(|round| round.loaded)?);
    let rate = spread(|round| round.per_second)?;
    let start = spread(|round| round.start.as_secs_f64())?;
    let mut pages: Vec<(&str, Times)> = Vec::new();
    let mut search = Times::default();
    for round in &rounds {
        for (at, (name, times)) in round.pages.iter().enumerate() {
            match pages.get_mut(at) {
                Some((_, all)) => all.extend(times.clone()),
                None => pages.push((name, times.clone())),
            }
        }
        search.extend(round.search.clone());
    }
    let worst = pages.iter().map(|(_, times)| times.part_ms(0.99));
    let worst = worst.fold(0.0, f64::max);

    let row = |name: &str, figure: String| vec![name.to_owned(), figure];
    let mut rows = vec![
        row(
            "bytes of memory for each, after they were added",
            added.shown(0),
        ),
        row("the same after a new start", loaded.shown(0)),
        row("added per second", rate.shown(0)),
        row(
            "CPU s to add all",
            spread(|round| round.cpu.as_secs_f64())?.shown(2),
        ),
        row("seconds from the start to the first answer", start.shown(2)),
    ];
    for (name, times) in pages.iter().chain([&(SEARCH.0, search)]) {
        let [half, most, all] = times.cells();
        rows.push(row(
            &format!("{name}: ms, half · 99 % · all"),
            format!("{half} · {most} · {all}"),
        ));
    }
    let each = aria2.map(|bytes| bytes / OF_ARIA2 as f64);
    if let Some(each) = each {
        rows.push(row(
            "aria2c: bytes of memory for each",
            format!("{each:.0}"),
        ));
    }
    let goal = |wanted: &str, measured: String, held| Goal {
        wanted: wanted.to_owned(),
        measured,
        held,
    };
    Ok(Found {
        title: "100,000 queued downloads",
        scene: format!(
            "{DOWNLOADS} URLs of 70 bytes, added over one connection in requests of {BATCH}; all but \
             one wait for their turn, and its server never answers. Memory is what the process holds \
             (VmRSS) beyond what it held empty. Each page has 100 of them and is asked for {PAGES} \
             times in each of {} rounds. aria2c is given {OF_ARIA2} over its RPC.",
            rounds.len()
        ),
        table: Table {
            head: vec![String::new(), "haul".into()],
            rows,
        },
        goals: vec![
            goal(
                "at most 1024 bytes of memory for each",
                format!("{:.0} and {:.0}", added.median, loaded.median),
                added.median <= 1024.0 && loaded.median <= 1024.0,
            ),
            goal(
                "at least 20,000 added per second",
                format!("{:.0}", rate.median),
                rate.median >= 20_000.0,
            ),
            goal(
                "started within 1 s",
                format!("{:.2} s", start.median),
                start.median <= 1.0,
            ),
            goal(
                "99 of 100 pages, whatever the order, within 5 ms",
                format!("{worst:.1} ms"),
                worst <= 5.0,
            ),
        ],
        bars: None,
    })
}

async fn round(bench: &Bench) -> Result<Round> {
    let dir = tempfile::tempdir_in(tools::target())?;
    // The system takes its connections, and nobody answers them.
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let flags = [
        "--max-downloads",
        "1",
        "--read-timeout",
        "10m",
        "--log",
        "warn",
    ];
    let daemon = Daemon::start(&bench.haul, dir.path(), &flags).await;
    let mut client = client(&daemon).await?;
    let bodies: Vec<String> = (0..DOWNLOADS / BATCH)
        .map(|batch| body(silent.local_addr()?.port(), batch))
        .collect::<Result<_>>()?;
    let held = resident(daemon.pid())?;
    let (began, spent) = (Instant::now(), cpu(daemon.pid())?);
    for body in &bodies {
        client.ask("POST", "/api/v1/downloads", body).await?;
    }
    let per_second = DOWNLOADS as f64 / began.elapsed().as_secs_f64();
    let spent = cpu(daemon.pid())? - spent;
    let each = |now: u64| now.saturating_sub(held) as f64 / DOWNLOADS as f64;
    let added = each(resident(daemon.pid())?);
    let mut pages = Vec::new();
    for (name, query) in LISTS {
        pages.push((name, page(&mut client, query, PAGES).await?));
    }
    let search = page(&mut client, SEARCH.1, PAGES / 10).await?;
    daemon.terminate().await;

    let began = Instant::now();
    let daemon = Daemon::start(&bench.haul, dir.path(), &flags).await;
    let mut client = self::client(&daemon).await?;
    let stats = client.json("GET", "/api/v1/stats", "").await?;
    let start = began.elapsed();
    let there = stats["queued"].as_u64().zip(stats["active"].as_u64());
    let there = there.map(|(queued, active)| queued + active);
    anyhow::ensure!(
        there == Some(DOWNLOADS as u64),
        "they were not loaded: {stats}"
    );
    Ok(Round {
        added,
        loaded: each(resident(daemon.pid())?),
        per_second,
        start,
        cpu: spent,
        pages,
        search,
    })
}

async fn client(daemon: &Daemon) -> Result<Client> {
    Client::connect(&format!("127.0.0.1:{}", daemon.port())).await
}

/// A request that adds [`BATCH`] downloads.
fn body(port: u16, batch: usize) -> Result<String> {
    let numbers = batch * BATCH..(batch + 1) * BATCH;
    let urls: Vec<String> = numbers.map(|number| url(port, number)).collect();
    Ok(json!({ "urls": urls }).to_string())
}

/// As long as URLs are in real life.
fn url(port: u16, number: usize) -> String {
    format!("http://127.0.0.1:{port:05}/albums/2026/summer/holiday-video-{number:06}.mp4")
}

async fn page(client: &mut Client, query: &str, count: usize) -> Result<Times> {
    let mut times = Times::default();
    for _ in 0..count {
        let began = Instant::now();
        client
            .ask("GET", &format!("/api/v1/downloads?{query}"), "")
            .await?;
        times.push(began.elapsed());
    }
    Ok(times)
}

/// Bytes of memory that aria2c takes for as many as it is given. `None`: there is none here.
async fn aria2() -> Result<Option<f64>> {
    let Some(program) = tools::find("aria2c") else {
        return Ok(None);
    };
    let dir = tempfile::tempdir_in(tools::target())?;
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let free = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    let mut child = Command::new(program)
        .args([
            "--no-conf",
            "--enable-rpc",
            "--max-concurrent-downloads=1",
            "--quiet",
        ])
        .arg(format!("--rpc-listen-port={free}"))
        .args(["--rpc-max-request-size=16M", "--timeout=600"])
        .current_dir(dir.path())
        .stdout(Stdio::null())
        .spawn()?;
    let taken = fill_aria2(child.id(), free, silent.local_addr()?.port()).await;
    child.kill()?;
    child.wait()?;
    taken.map(Some)
}

async fn fill_aria2(pid: u32, port: u16, origin: u16) -> Result<f64> {
    let host = format!("127.0.0.1:{port}");
    let began = Instant::now();
    let mut client = loop {
        match Client::connect(&host).await {
            Ok(client) => break client,
            Err(why) if began.elapsed() > Duration::from_secs(10) => return Err(why),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let held = resident(pid)?;
    for batch in 0..OF_ARIA2 / BATCH {
        let numbers = batch * BATCH..(batch + 1) * BATCH;
        let calls: Vec<_> = numbers
            .map(|number| {
                let params = [[url(origin, number)]];
                json!({ "methodName": "aria2.addUri", "params": params })
            })
            .collect();
        let body =
            json!({"jsonrpc": "2.0", "id": 1, "method": "system.multicall", "params": [calls]});
        client.ask("POST", "/jsonrpc", &body.to_string()).await?;
    }
    Ok(resident(pid)?.saturating_sub(held) as f64)
}
