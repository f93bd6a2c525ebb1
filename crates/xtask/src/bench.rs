//! `cargo xtask bench [WORK…]`: haul beside its peers and beside the floor, on this machine. Owns the
//! list of works and what becomes of their figures; each work has a file of its own.
//!
//! A benchmark is no test: a missed goal is printed, and the chore still succeeds. A wrong byte or a
//! program that fails is an error.

mod api;
mod big;
mod daemon;
mod files;
mod floor;
mod found;
mod line;
mod live;
mod measure;
mod outcome;
mod paced;
mod page;
mod picture;
mod programs;
mod queued;
mod race;
mod readme;
mod rtt;
mod slow;
mod small;
mod spread;
mod sys;
mod watched;

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
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
    ("daemon", daemon::daemon),
    ("throttled", slow::throttled),
    ("one-slow", slow::one_slow),
    ("half-slow", slow::half_slow),
    ("rtt", rtt::rtt),
    ("slow64", slow::slow64),
    ("queued", queued::queued),
    ("api", api::api),
    ("live", live::live),
];

/// What was asked for.
struct Wish {
    runs: usize,
    page: Page,
    works: Vec<(&'static str, Work)>,
}

/// What becomes of docs/benchmarks.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Keep,
    /// The sections of the works that were measured are replaced.
    Rewrite,
}

/// Does what the words behind `bench` ask for.
pub(crate) fn bench(words: &[&str]) -> Result<()> {
    let wish = Wish::read(words)?;
    let load = load();
    println!("   the machine's load is {load}; above 0.5 figures mean little");
    report::run(tools::cargo().args(["build", "--release", "--package", "haul"]))?;
    programs::install();
    let bench = Bench {
        haul: tools::target().join("release/haul"),
        runs: wish.runs,
        files: Files::new()?,
        runtime: Runtime::new().context("cannot start threads")?,
    };
    let mut found = Vec::new();
    for (name, work) in wish.works {
        println!("\n━━ {name}");
        let figures = work(&bench).with_context(|| format!("the work {name}"))?;
        println!("\n{}", figures.markdown());
        found.push((name, figures));
    }
    match wish.page {
        Page::Keep => Ok(()),
        Page::Rewrite => page::keep(&found, wish.runs, &load),
    }
}

impl Wish {
    /// Reads `[--runs N] [--write] [WORK…]`, in any order.
    fn read(words: &[&str]) -> Result<Wish> {
        let (mut runs, mut page, mut names) = (5, Page::Keep, Vec::new());
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--write" => page = Page::Rewrite,
                "--runs" => {
                    let count = words.next().context("--runs wants a number")?;
                    runs = count.parse().context("--runs wants a number")?;
                    ensure!(runs > 0, "without a run there is nothing to tell");
                }
                name => names.push(name),
            }
        }
        Ok(Wish {
            runs,
            page,
            works: chosen(&names)?,
        })
    }
}

/// How many wanted to run over the last minute, as the kernel writes it.
fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_any_order() {
        let wish = Wish::read(&["small", "--write", "--runs", "2", "big"]).expect("known words");
        assert_eq!((wish.runs, wish.page), (2, Page::Rewrite));
        let names: Vec<&str> = wish.works.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["small", "big"]);

        let wish = Wish::read(&[]).expect("no words are fine");
        assert_eq!((wish.runs, wish.page), (5, Page::Keep));
        assert_eq!(wish.works.len(), WORKS.len());
        for wrong in [
            &["--runs"][..],
            &["--runs", "0"],
            &["--runs", "x"],
            &["bug"],
        ] {
            assert!(Wish::read(wrong).is_err(), "{wrong:?}");
        }
    }
}
