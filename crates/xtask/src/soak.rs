//! `cargo xtask soak`: one daemon, very many small downloads, and what is left of them in memory,
//! descriptors, tasks and on the disk. Owns the order of events.

mod line;
mod outcome;
mod page;
mod picture;
pub(crate) mod sample;
mod work;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use haul_testkit::daemon::Daemon;
use tokio::time::MissedTickBehavior;

use crate::report;
use crate::tools;
use outcome::Outcome;
use sample::Sample;
use work::Work;

/// How many downloads make a quick look.
const QUICK: usize = 5_000;

/// Fewer prove too little to be written down.
const WRITTEN_FROM: usize = 50_000;

/// Downloads before the first sample: whatever is made once has been made by then.
const WARM_UP: usize = 200;

/// Idle connections are closed after 15 s: what has not gone in this time stays.
const LONGEST_IDLE: Duration = Duration::from_secs(20);

/// How often the queue is looked after.
const LOOK: Duration = Duration::from_millis(100);

/// Without any progress for this long something is stuck.
const LONGEST_STANDSTILL: Duration = Duration::from_secs(60);

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Soak {
    downloads: usize,
}

/// Does what the words behind `soak` ask for.
pub(crate) fn soak(words: &[&str]) -> Result<()> {
    match Soak::read(words) {
        Some(soak) => soak.run(),
        None => bail!("soak knows --downloads N, from {WARM_UP} on"),
    }
}

impl Soak {
    /// Reads `[--downloads N]`. `None`: something else.
    fn read(words: &[&str]) -> Option<Soak> {
        let downloads = match words {
            [] => QUICK,
            ["--downloads", count] => count.parse().ok().filter(|count| *count >= WARM_UP)?,
            _ => return None,
        };
        Some(Soak { downloads })
    }

    /// Builds haul, soaks it, and says what came of it; fails when a goal is missed.
    fn run(&self) -> Result<()> {
        let binary = build()?;
        let runtime = tokio::runtime::Runtime::new().context("cannot start threads")?;
        let outcome = runtime.block_on(live_through(&binary, self.downloads))?;
        let goals = outcome.goals();
        println!("\n{}", page::table(&outcome, &goals));
        if outcome.downloads >= WRITTEN_FROM {
            let docs = tools::root().join("docs");
            std::fs::write(docs.join("soak.svg"), picture::draw(&outcome))?;
            std::fs::write(docs.join("soak.md"), page::markdown(&outcome, &goals))?;
        }
        let missed: Vec<&str> = goals
            .iter()
            .filter(|goal| !goal.held)
            .map(|g| g.name)
            .collect();
        if !missed.is_empty() {
            bail!("missed: {}", missed.join(", "));
        }
        Ok(())
    }
}

fn build() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(tools::root());
    report::run(command.args(["build", "--release", "--package", "haul"]))?;
    Ok(tools::target().join("release/haul"))
}

async fn live_through(binary: &Path, downloads: usize) -> Result<Outcome> {
    let dir = tempfile::tempdir().context("cannot make a directory")?;
    let mut work = Work::begin(dir.path()).await;
    let flags = ["--max-downloads", "16", "--log", "warn"];
    let daemon = Daemon::start(binary, dir.path(), &flags).await;

    let mut samples = Vec::new();
    run(&mut work, &daemon, WARM_UP, &mut Vec::new()).await?;
    let start = at_rest(&daemon, dir.path()).await?;
    let began = Instant::now();
    run(&mut work, &daemon, downloads, &mut samples).await?;
    let took = began.elapsed();
    let end = at_rest(&daemon, dir.path()).await?;
    let status = daemon.terminate().await;
    if !status.success() {
        bail!("haul ended with {status}");
    }
    let end = Sample {
        // Its log has been folded in now.
        stored: sample::stored(dir.path()),
        ..end
    };
    let wrong = work.wrong(downloads);
    Ok(Outcome {
        downloads,
        took,
        start,
        samples,
        end,
        wrong,
    })
}

/// Keeps the queue fed until `downloads` in all are done, and keeps a sample of each second.
async fn run(
    work: &mut Work,
    daemon: &Daemon,
    downloads: usize,
    samples: &mut Vec<Sample>,
) -> Result<()> {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut kept, mut moved) = (Instant::now(), Instant::now());
    let mut completed = 0;
    loop {
        looks.tick().await;
        let sample = Sample::take(daemon, work.dir()).await?;
        if sample.failed > 0 {
            bail!(
                "{} downloads failed; haul said:\n{}",
                sample.failed,
                daemon.said()
            );
        }
        if sample.completed > completed {
            (completed, moved) = (sample.completed, Instant::now());
        }
        if moved.elapsed() > LONGEST_STANDSTILL {
            bail!("stuck at {sample}; haul said:\n{}", daemon.said());
        }
        let is_done = completed >= downloads;
        if is_done || kept.elapsed() >= Duration::from_secs(1) {
            kept = Instant::now();
            println!("{sample}");
            samples.push(sample);
        }
        if is_done {
            return Ok(());
        }
        work.feed(daemon, completed, downloads).await?;
    }
}

/// A sample when all has gone that goes by itself.
async fn at_rest(daemon: &Daemon, dir: &Path) -> Result<Sample> {
    let mut lowest = Sample::take(daemon, dir).await?;
    let mut fell = Instant::now();
    while fell.elapsed() < LONGEST_IDLE {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let sample = Sample::take(daemon, dir).await?;
        if sample.descriptors < lowest.descriptors || sample.tasks < lowest.tasks {
            fell = Instant::now();
            lowest = sample;
        }
    }
    Ok(lowest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_downloads_may_be_left_out() {
        let soak = |downloads| Some(Soak { downloads });
        assert_eq!(Soak::read(&[]), soak(QUICK));
        assert_eq!(Soak::read(&["--downloads", "50000"]), soak(50_000));
        for wrong in [&["50000"][..], &["--downloads"], &["--downloads", "1"]] {
            assert_eq!(Soak::read(wrong), None, "{wrong:?}");
        }
    }
}
