//! The works whose server, and not whose client, decides what is possible: `throttled`, `one-slow`,
//! `half-slow` and `slow64`.

use anyhow::Result;
use std::path::Path;
use std::time::Duration;

use super::Bench;
use super::files::same;
use super::floor::{End, Floor};
use super::found::{Bar, Found, Goal, Whose};
use super::outcome::{Column, Outcome};
use super::paced::{Paced, Rate};
use super::programs::Single;
use super::race::{Program, Race};

const NAME: &str = "file.bin";
const MIB: u32 = 1 << 20;

/// Who is so slow is as good as dead, and yet never times out.
const CRAWL: u32 = 20 << 10;

/// How fast the others are in the works with slow connections.
const BRISK: u32 = 16 * MIB;

/// Most counted rounds: these figures scatter little, and each takes seconds.
const ROUNDS: usize = 3;

/// The seconds that `size` bytes take at so many bytes per second.
pub(super) fn ideal(size: u64, rate: f64) -> f64 {
    size as f64 / rate
}

pub(super) fn ideal_bar(seconds: f64) -> Bar {
    Bar {
        name: "ideal".into(),
        value: seconds,
        whose: Whose::Floor,
    }
}

pub(super) fn throttled(bench: &Bench) -> Result<Found> {
    let size = 512 << 20;
    let connections = 16;
    let rate: Rate = |_| 4 * MIB;
    let peers = ["aria2c", "axel"];
    let outcome = race(bench, size, rate, connections, &peers)?;
    let best = ideal(size, 16.0 * 4.0 * f64::from(MIB));
    let reached = best / outcome.haul().wall.median;
    Ok(Found {
        title: "4 MiB/s for each connection",
        scene:
            "512 MiB over 16 connections, each of which the server sends 4 MiB/s and no more. The \
                ideal is all 16 busy from the first moment to the last."
                .into(),
        table: outcome.table(&columns(best)),
        goals: vec![Goal::at_least("97 % of the ideal", reached, 0.97)],
        bars: Some(outcome.seconds(Some(ideal_bar(best)))),
    })
}

pub(super) fn one_slow(bench: &Bench) -> Result<Found> {
    let crawl = Crawl {
        title: "One connection of four is slow",
        scene: "192 MiB over 4 connections. The server sends 16 MiB/s to each, but 20 KiB/s to every \
                fourth that it accepts, beginning with the second. The ideal is the three fast ones \
                alone.",
        rate: |number| if number % 4 == 1 { CRAWL } else { BRISK },
        connections: 4,
        fast: 3,
        peers: &["aria2c", "axel"],
    };
    crawl.run(bench)
}

pub(super) fn half_slow(bench: &Bench) -> Result<Found> {
    let crawl = Crawl {
        title: "Four connections of eight are slow",
        scene: "192 MiB over 8 connections. The server sends 16 MiB/s to each, but 20 KiB/s to every \
                other one that it accepts. The ideal is the four fast ones alone.",
        rate: |number| if number % 2 == 1 { CRAWL } else { BRISK },
        connections: 8,
        fast: 4,
        peers: &["aria2c"],
    };
    crawl.run(bench)
}

/// A work in which some connections crawl.
struct Crawl {
    title: &'static str,
    scene: &'static str,
    rate: Rate,
    connections: usize,
    /// How many of them are fast.
    fast: u8,
    peers: &'static [&'static str],
}

impl Crawl {
    fn run(&self, bench: &Bench) -> Result<Found> {
        let size = 192 << 20;
        let outcome = race(bench, size, self.rate, self.connections, self.peers)?;
        let best = ideal(size, f64::from(self.fast) * f64::from(BRISK));
        Ok(Found {
            title: self.title,
            scene: self.scene.into(),
            table: outcome.table(&columns(best)),
            goals: vec![Goal::at_most(
                "1.1 × the ideal",
                outcome.haul().wall.median / best,
                1.1,
            )],
            bars: Some(outcome.seconds(Some(ideal_bar(best)))),
        })
    }
}

pub(super) fn slow64(bench: &Bench) -> Result<Found> {
    let size = 1 << 30;
    let source = bench.files.of(size)?;
    let server = Paced::start(&source, |_| 2 * MIB)?;
    let single = single(&server, 64);
    let mut programs = vec![haul(bench, &single)];
    let floor = Floor {
        url: server.url(),
        size,
        threads: 64,
        end: End::Written,
        ca: None,
    };
    programs.push(Program {
        name: "floor, 64 threads".into(),
        whose: Whose::Floor,
        command: Box::new(move |dir| floor.command(dir, NAME)),
    });
    let outcome = run(bench, &server, &source, programs)?;
    let haul = outcome.haul();
    let best = ideal(size, 64.0 * 2.0 * f64::from(MIB));
    let mut goals = Vec::new();
    if let Some(floor) = outcome.of("floor, 64 threads") {
        let ratio = haul.cpu.median / floor.cpu.median;
        goals.push(Goal::at_most(
            "processor time 0.7 × the floor's",
            ratio,
            0.7,
        ));
    }
    let peak = haul.peak.median;
    goals.push(Goal {
        wanted: "at most 64 MiB of memory".into(),
        measured: format!("{peak:.0} MiB"),
        held: peak <= 64.0,
    });
    Ok(Found {
        title: "64 connections at 2 MiB/s",
        scene:
            "1 GiB over 64 connections, each of which the server sends 2 MiB/s in segments as long \
                as on Ethernet. What counts is what it costs: the floor wakes up for every few \
                segments, haul lets the kernel collect more of them."
                .into(),
        table: outcome.table(&[
            Column::Wall,
            Column::OfIdeal(best),
            Column::CpuPerGib(size),
            Column::Peak,
        ]),
        goals,
        bars: None,
    })
}

fn columns(best: f64) -> [Column; 4] {
    [
        Column::Wall,
        Column::OfIdeal(best),
        Column::Cpu,
        Column::Peak,
    ]
}

fn race(
    bench: &Bench,
    size: u64,
    rate: Rate,
    connections: usize,
    peers: &[&'static str],
) -> Result<Outcome> {
    let source = bench.files.of(size)?;
    let server = Paced::start(&source, rate)?;
    let single = single(&server, connections);
    let mut programs = vec![haul(bench, &single)];
    programs.extend(single.peers(peers));
    run(bench, &server, &source, programs)
}

fn single(server: &Paced, connections: usize) -> Single {
    Single {
        url: server.url(),
        name: NAME.into(),
        connections,
        ca: None,
    }
}

fn haul<'a>(bench: &'a Bench, single: &'a Single) -> Program<'a> {
    let threads = single.connections.to_string();
    let options = [
        "--threads",
        &threads,
        "--max-connections-per-host",
        &threads,
    ];
    single.haul_with(&bench.haul, options.map(str::to_owned).to_vec())
}

fn run(
    bench: &Bench,
    server: &Paced,
    source: &Path,
    programs: Vec<Program<'_>>,
) -> Result<Outcome> {
    let race = Race {
        files: &bench.files,
        programs,
        warm_ups: 0,
        rounds: bench.runs.min(ROUNDS),
        patience: Duration::from_secs(56),
        before: &|| server.forget(),
        check: &|dir| same(source, &dir.join(NAME)),
    };
    Ok(Outcome(race.run()?))
}
