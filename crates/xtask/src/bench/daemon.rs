//! The work `daemon`: the small files once more, handed to a running daemon in one request, beside
//! aria2c as a daemon. The time ends when the daemon says that all are done, and it is asked often.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use haul_testkit::daemon::Daemon;
use haul_testkit::http;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::Bench;
use super::files::{SMALL, SMALL_SIZE};
use super::found::{Found, Goal, Whose};
use super::measure::Spent;
use super::outcome::{Column, HAUL, Outcome};
use super::race::{Figures, Ran};
use crate::soak::sample::{cpu_ms, field};
use crate::tools;

/// Between two questions whether all are done.
const LOOK: Duration = Duration::from_millis(5);

const PATIENCE: Duration = Duration::from_secs(90);

const ARIA2C: &str = "aria2c -j16, RPC";

pub(super) fn daemon(bench: &Bench) -> Result<Found> {
    let names = bench.files.small()?;
    let nginx = bench.nginx(None);
    let base = nginx.url("/small/");
    let urls: Vec<String> = names.iter().map(|name| format!("{base}{name}")).collect();
    let aria2c = tools::find("aria2c");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // One round of each warms up.
    for round in 0..=bench.runs {
        let dir = bench.files.output()?;
        rustix::fs::sync();
        let spent = bench.runtime.block_on(haul(&bench.haul, &dir, &urls))?;
        bench.files.small_are_in(&dir.join("files"))?;
        say(HAUL, &spent);
        ours.extend((round > 0).then_some(spent));
        let Some(program) = &aria2c else { continue };
        let dir = bench.files.output()?;
        rustix::fs::sync();
        let spent = bench.runtime.block_on(aria2(program, &dir, &urls))?;
        bench.files.small_are_in(&dir)?;
        say(ARIA2C, &spent);
        theirs.extend((round > 0).then_some(spent));
    }
    let ran = |name: &str, whose, runs: &[Spent]| {
        let figures = Figures::of(runs)?;
        Some(Ran {
            name: name.into(),
            whose,
            figures: Ok(figures),
        })
    };
    let both = [
        ran(HAUL, Whose::Haul, &ours),
        ran(ARIA2C, Whose::Peer, &theirs),
    ];
    let outcome = Outcome(both.into_iter().flatten().collect());
    let speed = SMALL as f64 / outcome.haul().wall.median;
    Ok(Found {
        title: "Many small files through the daemon",
        scene: format!(
            "{SMALL} files of {} KiB in one request to a running daemon, over HTTP to haul, over \
             JSON-RPC to aria2c, until the daemon says that all are done. What haul calls done is in \
             its database and survives a power cut.",
            SMALL_SIZE >> 10
        ),
        table: outcome.table(&[
            Column::Wall,
            Column::Files(SMALL),
            Column::Times,
            Column::Cpu,
            Column::Peak,
        ]),
        goals: vec![Goal {
            wanted: "at least 5,000 files/s".into(),
            measured: format!("{speed:.0} files/s"),
            held: speed >= 5_000.0,
        }],
        bars: Some(outcome.per_second(SMALL)),
    })
}

fn say(name: &str, spent: &Spent) {
    println!(
        "   {name:<24} {:>7.3} s  {:>7.3} CPU-s",
        spent.wall.as_secs_f64(),
        spent.cpu.as_secs_f64()
    );
}

async fn haul(program: &Path, dir: &Path, urls: &[String]) -> Result<Spent> {
    let daemon = Daemon::start(program, dir, &["--log", "warn"]).await;
    let body = json!({ "urls": urls }).to_string();
    let before = Used::of(daemon.pid())?;
    let began = Instant::now();
    let url = daemon.url("/api/v1/downloads");
    let answer = http::request("POST", &url, body.as_bytes()).await?;
    ensure!(answer.status == 201, "haul answers {}", answer.text());
    let url = daemon.url("/api/v1/stats");
    loop {
        let stats = http::request("GET", &url, b"").await?.json();
        let count = |name: &str| stats[name].as_u64().unwrap_or(0);
        ensure!(count("failed") == 0, "a download has failed");
        if count("completed") == urls.len() as u64 {
            break;
        }
        ensure!(began.elapsed() < PATIENCE, "haul is stuck at {stats}");
        sleep(LOOK).await;
    }
    let spent = before.until_now(daemon.pid(), began.elapsed())?;
    let status = daemon.terminate().await;
    ensure!(status.success(), "haul ended with {status}");
    Ok(spent)
}

async fn aria2(program: &Path, dir: &Path, urls: &[String]) -> Result<Spent> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = Command::new(program);
    command.args(["--no-conf", "--quiet", "--enable-rpc", "-j16"]);
    command.args(["--file-allocation=none", "--max-download-result=10000"]);
    command.arg(format!("--rpc-listen-port={port}"));
    command.current_dir(dir).stdout(Stdio::null());
    let aria2 = Aria2 {
        child: command.spawn().context("cannot start aria2c")?,
        url: format!("http://127.0.0.1:{port}/jsonrpc"),
    };
    let began = Instant::now();
    while aria2.ask("aria2.getGlobalStat", &json!([])).await.is_err() {
        ensure!(began.elapsed() < PATIENCE, "aria2c does not listen");
        sleep(LOOK).await;
    }
    let calls: Vec<Value> = urls
        .iter()
        .map(|url| json!({ "methodName": "aria2.addUri", "params": [[url]] }))
        .collect();
    let before = Used::of(aria2.child.id())?;
    let began = Instant::now();
    aria2.ask("system.multicall", &json!([calls])).await?;
    loop {
        let stat = aria2.ask("aria2.getGlobalStat", &json!([])).await?;
        let stopped = stat["numStoppedTotal"].as_str();
        if stopped.and_then(|stopped| stopped.parse().ok()) == Some(urls.len()) {
            break;
        }
        ensure!(began.elapsed() < PATIENCE, "aria2c is stuck at {stat}");
        sleep(LOOK).await;
    }
    before.until_now(aria2.child.id(), began.elapsed())
}

/// A running aria2c; ended when dropped.
struct Aria2 {
    child: Child,
    url: String,
}

impl Aria2 {
    async fn ask(&self, method: &str, params: &Value) -> Result<Value> {
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let answer = http::request("POST", &self.url, call.to_string().as_bytes()).await?;
        ensure!(answer.status == 200, "aria2c answers {}", answer.text());
        Ok(answer.json()["result"].take())
    }
}

impl Drop for Aria2 {
    fn drop(&mut self) {
        // Both fail only when it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a daemon has used so far.
struct Used {
    cpu_ms: u64,
}

impl Used {
    fn of(id: u32) -> Result<Used> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        let cpu_ms = cpu_ms(&stat).context("no CPU time")?;
        Ok(Used { cpu_ms })
    }

    fn until_now(&self, id: u32, wall: Duration) -> Result<Spent> {
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let peak = field(&status, "VmHWM:").context("no peak of memory")?;
        let cpu = Used::of(id)?.cpu_ms - self.cpu_ms;
        Ok(Spent {
            wall,
            cpu: Duration::from_millis(cpu),
            peak: peak << 10,
        })
    }
}
