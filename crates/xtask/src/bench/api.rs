//! The work `api`: how long the API takes to answer while one large file runs at full rate, until it is
//! synced and at its place.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use haul_testkit::daemon::Daemon;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};

use super::Bench;
use super::big::path_of;
use super::files::same;
use super::found::{Found, Goal, Table};
use super::watched::{Client, Times, ask_steadily};
use crate::tools;

/// Bytes of the file.
const SIZE: u64 = 2 << 30;

/// 150 requests per second.
const PAUSE: Duration = Duration::from_micros(6_667);

/// How many have finished before, so that the list has something to show.
const LISTED: usize = 100;

pub(super) fn api(bench: &Bench) -> Result<Found> {
    let file = bench.files.of(SIZE)?;
    let nginx = bench.nginx(None);
    let url: String = nginx.url(&path_of(&file)).into();
    // A runtime of its own: what asks must not wait for what serves.
    let asking = Builder::new_current_thread().enable_all().build()?;
    let mut haul = Times::default();
    let mut others = Times::default();
    for _ in 0..bench.runs {
        let out = bench.files.output()?;
        haul.extend(asking.block_on(of_haul(&bench.haul, &out, &url, &file))?);
        bench.files.done_with(&out)?;
        if let Some(program) = tools::find("aria2c") {
            let out = bench.files.output()?;
            others.extend(asking.block_on(of_aria2(&program, &out, &url))?);
            bench.files.done_with(&out)?;
        }
    }
    let row = |name: &str, times: &Times| {
        let mut cells = vec![name.to_owned()];
        cells.extend(times.cells());
        cells
    };
    let (most, worst) = (haul.part_ms(0.99), haul.part_ms(1.0));
    Ok(Found {
        title: "The API while a large file runs",
        scene: format!(
            "2 GiB from nginx over 8 threads, {} times. From the moment at which it is added until it is \
             completed, which is after its last sync, 150 requests per second: totals and a page of \
             the list in turn. A request that is held up counts from when it was due. The server, the \
             client and the program share the cores. aria2c is asked for its totals over its RPC.",
            bench.runs
        ),
        table: Table {
            head: ["", "half, ms", "99 %, ms", "all, ms"]
                .map(str::to_owned)
                .to_vec(),
            rows: vec![row("haul", &haul), row("aria2c -x8 -s8", &others)],
        },
        goals: vec![
            Goal {
                wanted: "99 of 100 answers within 10 ms".into(),
                measured: format!("{most:.1} ms"),
                held: most <= 10.0,
            },
            Goal {
                wanted: "every answer within 50 ms".into(),
                measured: format!("{worst:.1} ms"),
                held: worst <= 50.0,
            },
        ],
        bars: None,
    })
}

async fn of_haul(program: &Path, out: &Path, url: &str, file: &Path) -> Result<Times> {
    let flags = ["--log", "warn", "--threads", "8"];
    let daemon = Daemon::start(program, out, &flags).await;
    let mut client = Client::connect(&format!("127.0.0.1:{}", daemon.port())).await?;
    let waiting: Vec<String> = (0..LISTED).map(|n| format!("{url}?{n}")).collect();
    let waiting = json!({ "urls": waiting, "paused": true }).to_string();
    client.ask("POST", "/api/v1/downloads", &waiting).await?;
    let added = json!({ "urls": [url], "name": "it" }).to_string();
    client.ask("POST", "/api/v1/downloads", &added).await?;
    let requests = [
        ("GET", "/api/v1/stats", ""),
        ("GET", "/api/v1/downloads?order=desc&limit=100", ""),
    ];
    let over = |answer: &[u8]| {
        let stats: Value = serde_json::from_slice(answer).unwrap_or_default();
        stats["completed"] == 1 || stats["failed"] == 1
    };
    let times = ask_steadily(&mut client, &requests, PAUSE, over).await?;
    daemon.terminate().await;
    same(file, &out.join("files/it")).context("haul")?;
    Ok(times)
}

async fn of_aria2(program: &Path, out: &Path, url: &str) -> Result<Times> {
    let free = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    let mut child = Command::new(program)
        .args([
            "--no-conf",
            "--enable-rpc",
            "--quiet",
            "-x8",
            "-s8",
            "--file-allocation=falloc",
        ])
        .arg(format!("--rpc-listen-port={free}"))
        .current_dir(out)
        .stdout(Stdio::null())
        .spawn()?;
    let times = ask_aria2(free, url).await;
    child.kill()?;
    child.wait()?;
    times
}

async fn ask_aria2(port: u16, url: &str) -> Result<Times> {
    let host = format!("127.0.0.1:{port}");
    let began = Instant::now();
    let mut client = loop {
        match Client::connect(&host).await {
            Ok(client) => break client,
            Err(why) if began.elapsed() > Duration::from_secs(10) => return Err(why),
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    };
    let call = |method: &str, params: Value| {
        json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
    };
    let added = call("aria2.addUri", json!([[url]]));
    let added = client.json("POST", "/jsonrpc", &added).await?;
    ensure!(added["result"].is_string(), "aria2c answers {added}");
    let total = call("aria2.getGlobalStat", json!([]));
    let over = |answer: &[u8]| {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        answer["result"]["numActive"] == "0"
    };
    ask_steadily(&mut client, &[("POST", "/jsonrpc", &total)], PAUSE, over).await
}
