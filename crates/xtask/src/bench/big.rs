//! The works `big` and `tls`: one file of 2 GiB at full speed, over plain HTTP and over TLS 1.3.

use std::path::{Path, PathBuf};

use anyhow::Result;
use haul_testkit::origin::{Certificate, Pem};
use url::Url;

use super::Bench;
use super::files::same;
use super::floor::{End, Floor};
use super::found::{Found, Goal, Whose};
use super::outcome::{Column, Outcome};
use super::programs::Single;
use super::race::{Program, Race};

const SIZE: u64 = 2 << 30;
const NAME: &str = "big.bin";
const THREADS: usize = 8;
const FLOOR: &str = "floor";
const DURABLE: &str = "floor, durable";

pub(super) fn big(bench: &Bench) -> Result<Found> {
    let source = bench.files.of(SIZE)?;
    let nginx = bench.nginx(None);
    let url = nginx.url(&path_of(&source));
    let outcome = race(
        bench,
        &source,
        url,
        None,
        &["aria2c", "axel", "curl", "wget2", "rclone"],
    )?;
    let haul = outcome.haul();
    let mut goals = Vec::new();
    if let Some(aria2c) = outcome.of("aria2c -x8") {
        goals.push(Goal::at_most(
            "a quarter of aria2c's time",
            haul.wall.median / aria2c.wall.median,
            0.25,
        ));
    }
    goals.extend(outcome.ahead());
    if let Some(floor) = outcome.of(FLOOR) {
        let ratio = haul.cpu.median / floor.cpu.median;
        goals.push(Goal::at_most(
            "processor time 1.4 × the floor's",
            ratio,
            1.4,
        ));
        goals.push(Goal::at_most(
            "processor time 1.1 × the floor's",
            ratio,
            1.1,
        ));
    }
    Ok(Found {
        title: "One large file",
        scene: "2 GiB from nginx on the same machine, 8 connections where a program can do that. haul \
                syncs the file before it calls it done, the peers leave that to the kernel; so there \
                are two floors, and the durable one ends with one `fdatasync`."
            .into(),
        table: outcome.table(&columns()),
        goals,
        bars: Some(outcome.seconds(outcome.mark(FLOOR))),
    })
}

pub(super) fn tls(bench: &Bench) -> Result<Found> {
    let source = bench.files.of(SIZE)?;
    let pem = Pem::issue(Certificate::Right);
    let ca = bench.files.place("ca.pem");
    std::fs::write(&ca, &pem.ca)?;
    let nginx = bench.nginx(Some(pem));
    let url = nginx.url(&path_of(&source));
    let outcome = race(bench, &source, url, Some(ca), &["aria2c", "curl"])?;
    let mut goals: Vec<Goal> = outcome.ahead().into_iter().collect();
    if let Some(floor) = outcome.of(FLOOR) {
        let ratio = outcome.haul().cpu.median / floor.cpu.median;
        goals.push(Goal::at_most(
            "processor time 1.2 × the floor's",
            ratio,
            1.2,
        ));
    }
    Ok(Found {
        title: "The same over TLS 1.3",
        scene: "The same 2 GiB; the floor decrypts with bare rustls. nginx, which encrypts in one \
                process, is what limits everybody."
            .into(),
        table: outcome.table(&columns()),
        goals,
        bars: Some(outcome.seconds(outcome.mark(FLOOR))),
    })
}

fn columns() -> [Column; 4] {
    [
        Column::Wall,
        Column::Times,
        Column::CpuPerGib(SIZE),
        Column::Peak,
    ]
}

fn race(
    bench: &Bench,
    source: &Path,
    url: Url,
    ca: Option<PathBuf>,
    peers: &[&'static str],
) -> Result<Outcome> {
    let single = Single {
        url: url.clone(),
        name: NAME.into(),
        connections: THREADS,
        ca: ca.clone(),
    };
    let floor = |name: &str, end| Program {
        name: name.into(),
        whose: Whose::Floor,
        command: {
            let floor = Floor {
                url: url.clone(),
                size: SIZE,
                threads: 2,
                end,
                ca: ca.clone(),
            };
            Box::new(move |dir| floor.command(dir, NAME))
        },
    };
    let mut programs = vec![single.haul(&bench.haul)];
    programs.extend(single.peers(peers));
    programs.push(floor(FLOOR, End::Written));
    programs.push(floor(DURABLE, End::Durable));
    let race = Race {
        files: &bench.files,
        programs,
        warm_ups: 1,
        rounds: bench.runs,
        before: &|| (),
        check: &|dir| same(source, &dir.join(NAME)),
    };
    Ok(Outcome(race.run()?))
}

/// The path at which a server shows a file of its root.
pub(super) fn path_of(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default();
    format!("/{}", name.display())
}
