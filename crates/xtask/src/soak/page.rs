//! The outcome in words: a table for the terminal, and a page for the docs.

use std::fmt::Write;

use super::outcome::{Goal, Outcome};
use super::sample::{Sample, mib};
use crate::tools;

/// What was promised and what was seen, a line each.
pub(super) fn table(outcome: &Outcome, goals: &[Goal]) -> String {
    let mut text = format!("{}\n", summary(outcome));
    for goal in goals {
        let verdict = if goal.held { "ok" } else { "MISSED" };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<12} {:<6} {:<44} {}",
            goal.name, verdict, goal.seen, goal.promised
        );
    }
    text
}

fn summary(outcome: &Outcome) -> String {
    let seconds = outcome.took.as_secs_f64();
    format!(
        "{} downloads of 4 KiB through one daemon in {seconds:.0} s, {:.0} a second",
        outcome.downloads,
        outcome.downloads as f64 / seconds,
    )
}

/// The page `docs/soak.md`.
pub(super) fn markdown(outcome: &Outcome, goals: &[Goal]) -> String {
    let mut text = format!(
        "# A long life\n\n{}, on {}. `cargo xtask soak --downloads {}` measures it anew and rewrites \
         this page; what it does is in [testing.md](testing.md).\n\n\
         ![Memory, descriptors, tasks and the database over the downloads](soak.svg)\n\n\
         | | promised | seen | |\n|---|---|---|---|\n",
        summary(outcome),
        tools::machine(),
        outcome.downloads,
    );
    for goal in goals {
        let verdict = if goal.held { "held" } else { "missed" };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {verdict} |",
            goal.name, goal.promised, goal.seen
        );
    }
    let _ = write!(
        text,
        "\n| | memory | descriptors | tasks | threads | database |\n|---|---|---|---|---|---|\n{}{}",
        row("at rest before", &outcome.start),
        row("at rest after", &outcome.end),
    );
    text
}

fn row(when: &str, sample: &Sample) -> String {
    format!(
        "| {when} | {:.1} MiB | {} | {} | {} | {:.1} MiB |\n",
        mib(sample.resident),
        sample.descriptors,
        sample.tasks,
        sample.threads,
        mib(sample.stored),
    )
}
