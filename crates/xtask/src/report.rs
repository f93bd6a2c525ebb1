//! Runs the steps of a chore one after the other and keeps what became of each. Knows nothing of
//! what a step does.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// What became of a step that did not fail.
pub(crate) enum Done {
    /// All of it was checked.
    Fully,
    /// A part could not be checked, and why.
    Except(String),
}

/// The steps so far.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

struct Row {
    name: &'static str,
    took: Duration,
    outcome: Result<Done>,
}

impl Report {
    /// Runs a step under a heading. A failure is kept for the summary, so that one run shows
    /// everything that is wrong. Returns whether it held.
    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<Done>) -> bool {
        println!("\n━━ {name}");
        let began = Instant::now();
        let outcome = work();
        let took = began.elapsed();
        match &outcome {
            Ok(Done::Fully) => println!("   {name}: ok, {}", shown(took)),
            Ok(Done::Except(what)) => println!("   {name}: ok, {}; {what}", shown(took)),
            Err(error) => println!("   {name}: FAILED, {}; {error:#}", shown(took)),
        }
        let held = outcome.is_ok();
        self.rows.push(Row {
            name,
            took,
            outcome,
        });
        held
    }

    /// Prints one line per step; fails when a step has failed.
    pub(crate) fn finish(self) -> Result<()> {
        println!("\n━━ summary");
        for row in &self.rows {
            let (verdict, remark) = match &row.outcome {
                Ok(Done::Fully) => ("ok", String::new()),
                Ok(Done::Except(what)) => ("ok", what.clone()),
                Err(error) => ("FAILED", format!("{error:#}")),
            };
            let line = format!(
                "{:<16} {:>8}  {verdict:<6}  {remark}",
                row.name,
                shown(row.took)
            );
            println!("{}", line.trim_end());
        }
        let failed: Vec<&str> = self
            .rows
            .iter()
            .filter(|row| row.outcome.is_err())
            .map(|row| row.name)
            .collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }
}

/// Runs a command that writes straight to the terminal; fails when it does not exit with 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = spelled(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// The command as a person would type it.
fn spelled(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words: Vec<_> = std::iter::once(name)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect();
    words.join(" ")
}

/// Whether a command starts and exits with 0; what it prints is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|out| out.status.success())
}

fn shown(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}
