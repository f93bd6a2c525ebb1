//! The work `rtt`: one file over a line with a long way, with the settings that everybody has who sets
//! nothing.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};

use super::Bench;
use super::big::path_of;
use super::files::same;
use super::found::{Found, Goal};
use super::line::{Line, RATE};
use super::outcome::{Column, Outcome};
use super::programs::Single;
use super::race::Race;
use super::slow::{ideal, ideal_bar};

const SIZE: u64 = 256 << 20;
const NAME: &str = "file.bin";

pub(super) fn rtt(bench: &Bench) -> Result<Found> {
    let source = bench.files.of(SIZE)?;
    let nginx = bench.nginx(None);
    let server = SocketAddr::from(([127, 0, 0, 1], nginx.port()));
    let line = bench.runtime.block_on(Line::to(server))?;
    let url = format!("http://{}{}", line.address, path_of(&source));
    let single = Single {
        url: url.parse().context("an address makes a URL")?,
        name: NAME.into(),
        connections: 16,
        ca: None,
    };
    let mut programs = vec![single.haul_with(&bench.haul, Vec::new())];
    programs.extend(single.peers(&["aria2c", "curl"]));
    let race = Race {
        files: &bench.files,
        programs,
        warm_ups: 0,
        rounds: bench.runs.min(3),
        patience: Duration::from_secs(60),
        before: &|| (),
        check: &|dir| same(&source, &dir.join(NAME)),
    };
    let outcome = Outcome(race.run()?);
    let best = ideal(SIZE, f64::from(RATE));
    let reached = best / outcome.haul().wall.median;
    Ok(Found {
        title: "100 ms away",
        scene: "256 MiB over a line of ours with 50 ms each way, 25 MiB/s for all connections \
                together and a queue of 50 ms. A connection costs a round trip and may have 14 KiB \
                under way at first, twice as much after each round trip, and 6 MiB at most: the ideal, \
                which is the bare rate, cannot be reached. haul has its default settings."
            .into(),
        table: outcome.table(&[
            Column::Wall,
            Column::OfIdeal(best),
            Column::Cpu,
            Column::Peak,
        ]),
        goals: vec![Goal::at_least("90 % of the line's rate", reached, 0.9)],
        bars: Some(outcome.seconds(Some(ideal_bar(best)))),
    })
}
