//! `cargo xtask bench [WORK…]`: haul beside its peers and beside the floor, on this machine. Owns the
//! list of works and what becomes of their figures; each work has a file of its own.
//!
//! A benchmark is no test: a missed goal is printed, and the chore still succeeds. A wrong byte or a
//! program that fails is an error.

mod api;
mod big;
mod files;
mod floor;
mod found;
mod live;
mod measure;
mod outcome;
mod programs;
mod queued;
mod race;
mod small;
mod spread;
mod sys;
mod watched;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use haul_testkit::origin::Pem;
use haul_testkit::servers::{AccessLog, Nginx, NginxOptions};
use tokio::runtime::Runtime;

use crate::report;
use crate::tools;
use files::Files;
use found::Found;

pub(crate) use floor::chore as floor;
pub(crate) use measure::chore as measure;

/// What every work is given.
pub(crate) struct Bench {
    /// The program under test, optimised.
    haul: PathBuf,
    /// Counted runs of each program.
    runs: usize,
    /// What is served, and where it is downloaded to.
    files: Files,
    /// For servers and clients of ours.
    runtime: Runtime,
}

impl Bench {
    /// nginx with the served files, without a log, over TLS when a certificate is given.
    fn nginx(&self, tls: Option<Pem>) -> Nginx {
        let options = NginxOptions {
            access_log: AccessLog::Off,
            tls,
            ..NginxOptions::default()
        };
        let root = self.files.root();
        self.runtime.block_on(Nginx::start(&root, options))
    }
}

/// One scene and everything that plays in it.
type Work = fn(&Bench) -> Result<Found>;

/// Every work under the name that asks for it, in the order of the page.
const WORKS: &[(&str, Work)] = &[
    ("big", big::big),
    ("tls", big::tls),
    ("small", small::small),
    ("queued", queued::queued),
    ("api", api::api),
    ("live", live::live),
];

/// Does what the words behind `bench` ask for.
pub(crate) fn bench(words: &[&str]) -> Result<()> {
    let (runs, names) = match words {
        ["--runs", count, names @ ..] => (count.parse()?, names),
        names => (5, names),
    };
    let works = chosen(names)?;
    report::run(tools::cargo().args(["build", "--release", "--package", "haul"]))?;
    programs::install();
    let bench = Bench {
        haul: tools::target().join("release/haul"),
        runs,
        files: Files::new()?,
        runtime: Runtime::new().context("cannot start threads")?,
    };
    for (name, work) in works {
        println!("\n━━ {name}");
        println!("{}", work(&bench)?.markdown());
    }
    Ok(())
}

fn chosen(names: &[&str]) -> Result<Vec<(&'static str, Work)>> {
    if names.is_empty() {
        return Ok(WORKS.to_vec());
    }
    let known = |name: &&str| WORKS.iter().find(|(known, _)| known == name).copied();
    names
        .iter()
        .map(|name| match known(name) {
            Some(work) => Ok(work),
            None => {
                let all: Vec<&str> = WORKS.iter().map(|(name, _)| *name).collect();
                bail!("no work is named \"{name}\"; there are: {}", all.join(", "))
            }
        })
        .collect()
}
