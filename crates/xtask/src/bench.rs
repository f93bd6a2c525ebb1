//! `cargo xtask bench [WORK…]`: haul beside its peers and beside the floor, on this machine. Owns the
//! list of works and what becomes of their figures; each work has a file of its own.
//!
//! A benchmark is no test: a missed goal is printed, and the chore still succeeds. A wrong byte or a
//! program that fails is an error.

mod found;
mod spread;

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::report;
use crate::tools;
use found::Found;

/// What every work is given.
pub(crate) struct Bench {
    /// The program under test, optimised.
    haul: PathBuf,
    /// Counted runs of each program.
    runs: usize,
}

/// One scene and everything that plays in it.
type Work = fn(&Bench) -> Result<Found>;

/// Every work under the name that asks for it, in the order of the page.
const WORKS: &[(&str, Work)] = &[];

/// Does what the words behind `bench` ask for.
pub(crate) fn bench(words: &[&str]) -> Result<()> {
    let (runs, names) = match words {
        ["--runs", count, names @ ..] => (count.parse()?, names),
        names => (5, names),
    };
    let works = chosen(names)?;
    report::run(tools::cargo().args(["build", "--release", "--package", "haul"]))?;
    let bench = Bench {
        haul: tools::target().join("release/haul"),
        runs,
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
