//! Programs that do the same thing, one after the other and round after round, so that each of them
//! meets the same moods of the machine. Knows nothing of what they do.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::files::Files;
use super::found::Whose;
use super::measure::{self, Spent};
use super::spread::Spread;

/// Enough for whoever is not held up by his server.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);

/// Who takes part.
pub(super) struct Program<'a> {
    pub(super) name: String,
    pub(super) whose: Whose,
    /// The command that leaves its files in the directory given.
    pub(super) command: Box<dyn Fn(&Path) -> Command + 'a>,
}

/// What is run, how often, and what makes it right.
pub(super) struct Race<'a> {
    pub(super) files: &'a Files,
    pub(super) programs: Vec<Program<'a>>,
    /// Rounds that are not counted.
    pub(super) warm_ups: usize,
    /// Rounds that are.
    pub(super) rounds: usize,
    /// Whoever takes longer has failed.
    pub(super) patience: Duration,
    /// Called before each run, outside of its time.
    pub(super) before: &'a dyn Fn(),
    /// An error when the directory given does not hold what it should.
    pub(super) check: &'a dyn Fn(&Path) -> Result<()>,
}

/// What came of one program.
pub(super) struct Ran {
    pub(super) name: String,
    pub(super) whose: Whose,
    /// `Err`: why it is out of the race.
    pub(super) figures: Result<Figures, String>,
}

/// What one program has used over all counted rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figures {
    /// Seconds.
    pub(super) wall: Spread,
    /// Seconds of user and system time.
    pub(super) cpu: Spread,
    /// MiB.
    pub(super) peak: Spread,
}

impl Race<'_> {
    /// Runs all rounds. A peer that fails once is out, one that uses up a quarter of the patience is
    /// not run again; haul and the floor must not fail.
    pub(super) fn run(&self) -> Result<Vec<Ran>> {
        let mut runs: Vec<Result<Vec<Spent>, String>> = Vec::new();
        runs.resize_with(self.programs.len(), || Ok(Vec::new()));
        for round in 0..self.warm_ups + self.rounds {
            let mut turns: Vec<_> = self.programs.iter().zip(&mut runs).collect();
            // What one leaves behind in the machine is not always the same one's burden.
            if round % 2 == 1 {
                turns.reverse();
            }
            for (program, runs) in turns {
                let Ok(so_far) = runs else { continue };
                let is_peer = program.whose == Whose::Peer;
                if is_peer && so_far.iter().any(|run| run.wall > self.patience / 4) {
                    continue;
                }
                match self.once(program) {
                    Ok(spent) if round >= self.warm_ups => so_far.push(spent),
                    Ok(_) => (),
                    Err(why) if is_peer => {
                        println!("   {}: {why:#}", program.name);
                        *runs = Err(format!("{why:#}"));
                    }
                    Err(why) => return Err(why).with_context(|| program.name.clone()),
                }
            }
        }
        let ran = self.programs.iter().zip(runs).map(|(program, runs)| Ran {
            name: program.name.clone(),
            whose: program.whose,
            figures: runs.and_then(|runs| Figures::of(&runs).ok_or("no round".to_owned())),
        });
        Ok(ran.collect())
    }

    fn once(&self, program: &Program<'_>) -> Result<Spent> {
        let dir = self.files.output()?;
        // What others have written must not be written back on this one's time.
        rustix::fs::sync();
        (self.before)();
        let mut command = (program.command)(&dir);
        // Nobody's settings at home.
        command.env("HOME", &dir).env("XDG_CONFIG_HOME", &dir);
        let spent = measure::measure(&command, self.patience)?;
        (self.check)(&dir)?;
        println!(
            "   {:<24} {:>7.3} s  {:>7.3} CPU-s  {:>6.1} MiB",
            program.name,
            spent.wall.as_secs_f64(),
            spent.cpu.as_secs_f64(),
            mib(spent.peak)
        );
        // Before it is synced: what is removed needs no writing back.
        self.files.done_with(&dir)?;
        Ok(spent)
    }
}

impl Figures {
    pub(super) fn of(runs: &[Spent]) -> Option<Figures> {
        let spread = |figure: &dyn Fn(&Spent) -> f64| {
            let figures: Vec<f64> = runs.iter().map(figure).collect();
            Spread::of(&figures)
        };
        Some(Figures {
            wall: spread(&|spent| spent.wall.as_secs_f64())?,
            cpu: spread(&|spent| spent.cpu.as_secs_f64())?,
            peak: spread(&|spent| mib(spent.peak))?,
        })
    }
}

pub(super) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
