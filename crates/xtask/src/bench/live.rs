//! The work `live`: a thousand live subscribers of a daemon in which everything changes all the time.

mod subscriber;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use haul_testkit::daemon::Daemon;
use haul_testkit::origin::Origin;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::Bench;
use super::found::{Found, Goal, Table};
use super::watched::{Client, Times, cpu, resident};
use crate::tools;
use subscriber::{Heard, Subscriber};

/// Live subscribers of everything.
const SUBSCRIBERS: usize = 1_000;

/// Downloads at work.
const ACTIVE: usize = 100;

/// How many are left for the look at what a subscriber costs when little changes.
const FEW: usize = 10;

/// How long each look takes.
const LOOK: Duration = Duration::from_secs(8);

/// What one look has shown.
struct Look {
    subscribers: usize,
    active: usize,
    /// Processor seconds of the daemon, per second.
    cores: f64,
    /// Messages for each subscriber, per second.
    messages: f64,
    /// Bytes to all, per second.
    bytes: f64,
    lag: Times,
}

pub(super) fn live(bench: &Bench) -> Result<Found> {
    let dir = tempfile::tempdir_in(tools::target())?;
    let (looks, each) = bench.runtime.block_on(looks(bench, dir.path()))?;
    let rows = looks.iter().map(|look| {
        let [half, most, all] = look.lag.cells();
        vec![
            look.subscribers.to_string(),
            look.active.to_string(),
            format!("{:.2}", look.cores),
            format!("{:.1}", look.messages),
            format!("{:.1}", look.bytes / f64::from(1 << 20)),
            if look.subscribers == 0 {
                String::new()
            } else {
                format!("{half} · {most} · {all}")
            },
        ]
    });
    let head = [
        "subscribers",
        "active",
        "cores",
        "messages/s each",
        "MiB/s to all",
        "lag ms, half · 99 % · all",
    ];
    let full = looks
        .iter()
        .find(|look| look.subscribers == SUBSCRIBERS && look.active == ACTIVE);
    let full = full.context("no look at all of them")?;
    let lag = full.lag.part_ms(0.99);
    let kib = each / 1024.0;
    Ok(Found {
        title: "A thousand live subscribers",
        scene: format!(
            "{ACTIVE} downloads at 64 KiB/s each, so that every one of them changes with each update, \
             and {SUBSCRIBERS} WebSockets that are subscribed to all of them, 5 updates per second. \
             Cores are the daemon's own processor time, its downloads included; clients and server \
             share the machine with it. Lag is counted for each message and subscriber, from when \
             anybody was first told something that this one did not know."
        ),
        table: Table {
            head: head.map(str::to_owned).to_vec(),
            rows: rows.collect(),
        },
        goals: vec![
            Goal {
                wanted: "at most 1 core".into(),
                measured: format!("{:.2}", full.cores),
                held: full.cores <= 1.0,
            },
            Goal {
                wanted: "at most 64 KiB of memory for each subscriber".into(),
                measured: format!("{kib:.1} KiB"),
                held: kib <= 64.0,
            },
            Goal {
                wanted: "99 of 100 messages at most 100 ms late".into(),
                measured: format!("{lag:.1} ms"),
                held: lag <= 100.0,
            },
        ],
        bars: None,
    })
}

/// The looks, and the bytes of memory for each subscriber.
async fn looks(bench: &Bench, dir: &Path) -> Result<(Vec<Look>, f64)> {
    let origin = Origin::start().await;
    let most = ACTIVE.to_string();
    let flags = [
        "--max-downloads",
        &most,
        "--max-connections",
        &most,
        "--max-connections-per-host",
        &most,
        "--threads",
        "1",
        "--log",
        "warn",
    ];
    let daemon = Daemon::start(&bench.haul, dir, &flags).await;
    let mut client = Client::connect(&format!("127.0.0.1:{}", daemon.port())).await?;
    let urls: Vec<String> = (0..ACTIVE)
        .map(|n| {
            origin
                .url(&format!("/{n}.bin?size=8M&rate=64K&seed={n}"))
                .into()
        })
        .collect();
    let body = json!({ "urls": urls }).to_string();
    let added = client.json("POST", "/api/v1/downloads", &body).await?;
    let ids = added["downloads"].as_array().context("no downloads")?;
    let ids: Vec<String> = ids
        .iter()
        .filter_map(|one| Some(one["id"].as_str()?.to_owned()))
        .collect();
    wait_until_active(&mut client, ACTIVE).await?;

    let mut looks = vec![look(&daemon, &mut [], ACTIVE).await?];
    let held = resident(daemon.pid())?;
    let mut subscribers = Vec::new();
    for _ in 0..SUBSCRIBERS {
        subscribers.push(Subscriber::connect(daemon.port()).await?);
    }
    looks.push(look(&daemon, &mut subscribers, ACTIVE).await?);
    let each = resident(daemon.pid())?.saturating_sub(held) as f64 / SUBSCRIBERS as f64;
    subscribers.truncate(SUBSCRIBERS / 10);
    looks.push(look(&daemon, &mut subscribers, ACTIVE).await?);
    for _ in subscribers.len()..SUBSCRIBERS {
        subscribers.push(Subscriber::connect(daemon.port()).await?);
    }
    for id in &ids[FEW..] {
        client
            .ask("POST", &format!("/api/v1/downloads/{id}/pause"), "")
            .await?;
    }
    wait_until_active(&mut client, FEW).await?;
    looks.push(look(&daemon, &mut subscribers, FEW).await?);
    Ok((looks, each))
}

async fn wait_until_active(client: &mut Client, wanted: usize) -> Result<()> {
    let began = Instant::now();
    loop {
        let stats = client.json("GET", "/api/v1/stats", "").await?;
        let is_there = stats["active"] == wanted && stats["connections"] == wanted;
        if is_there {
            return Ok(());
        }
        ensure!(
            began.elapsed() < Duration::from_secs(30),
            "not {wanted} at work: {stats}"
        );
        sleep(Duration::from_millis(50)).await;
    }
}

async fn look(daemon: &Daemon, subscribers: &mut [Subscriber], active: usize) -> Result<Look> {
    subscribers.iter_mut().for_each(Subscriber::forget);
    let (began, spent) = (Instant::now(), cpu(daemon.pid())?);
    sleep(LOOK).await;
    let (took, spent) = (began.elapsed().as_secs_f64(), cpu(daemon.pid())? - spent);
    let heard: Vec<Heard> = subscribers.iter_mut().map(Subscriber::heard).collect();
    let messages: usize = heard.iter().map(|heard| heard.messages.len()).sum();
    let bytes: u64 = heard.iter().map(|heard| heard.bytes).sum();
    ensure!(
        heard.iter().all(|heard| !heard.messages.is_empty()),
        "a subscriber heard nothing"
    );
    Ok(Look {
        subscribers: subscribers.len(),
        active,
        cores: spent.as_secs_f64() / took,
        messages: messages as f64 / took / subscribers.len().max(1) as f64,
        bytes: bytes as f64 / took,
        lag: subscriber::lag(&heard),
    })
}
