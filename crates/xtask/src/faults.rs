//! `cargo xtask faults`: plays every fault of docs/faults.md and prints what came of it. Owns its
//! arguments and the printed table; the faults themselves are a test of the engine.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::report::run;
use crate::tools;

/// Reads the arguments and does what they ask for.
pub(crate) fn faults(words: &[&str]) -> Result<()> {
    match words {
        [] => play(1),
        ["--twice"] => play(2),
        ["--write"] => run(test()
            .arg("docs_are_up_to_date")
            .env("HAUL_FAULTS_WRITE", "1")),
        _ => bail!("faults knows --twice, --write, --peers and --peers --write"),
    }
}

/// The test's command, quiet about what holds.
fn test() -> std::process::Command {
    let mut command = tools::cargo();
    command.args([
        "test",
        "--quiet",
        "-p",
        "haul-engine",
        "--test",
        "faults",
        "--",
    ]);
    command
}

/// Plays all faults so often; every run must be as expected.
fn play(times: u32) -> Result<()> {
    run(test().arg("--list").stdout(std::process::Stdio::null()))?;
    let mut summaries = Vec::new();
    for nth in 1..=times {
        println!("\n━━ run {nth} of {times}");
        let folder = tempfile::tempdir().context("no folder for the report")?;
        let report = folder.path().join("faults.tsv");
        let started = Instant::now();
        let output = test().env("HAUL_FAULTS_REPORT", &report).output();
        let output = output.context("cargo cannot be started")?;
        let lines = Line::read(&report)?;
        print_table(&lines);
        let surprises = lines.iter().filter(|line| line.is_surprise()).count();
        if !output.status.success() {
            println!("{}", String::from_utf8_lossy(&output.stdout));
        }
        summaries.push(Summary {
            cases: lines.len(),
            surprises,
            held: output.status.success(),
            took: started.elapsed(),
        });
    }
    println!();
    for (nth, summary) in summaries.iter().enumerate() {
        println!("run {}: {summary}", nth + 1);
    }
    if summaries.iter().any(|summary| !summary.held) {
        bail!("not all as expected");
    }
    Ok(())
}

struct Summary {
    cases: usize,
    surprises: usize,
    /// Whether the test has held; it compares the page too, which is no case.
    held: bool,
    took: Duration,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verdict = match (self.held, self.surprises) {
            (true, _) => "all as expected".to_owned(),
            (false, 0) => "docs/faults.md is not up to date".to_owned(),
            (false, surprises) => format!("{surprises} NOT as expected"),
        };
        let seconds = self.took.as_secs_f64();
        write!(f, "{} cases in {seconds:.0} s, {verdict}", self.cases)
    }
}

/// What became of one case, as the test reports it.
struct Line {
    group: String,
    fault: String,
    /// When the fault struck; empty when it always does.
    moment: String,
    outcome: String,
    /// In seconds; `-` when it was not as expected.
    took: String,
}

impl Line {
    fn read(report: &Path) -> Result<Vec<Line>> {
        let text = std::fs::read_to_string(report).context("the test has left no report")?;
        text.lines().map(Line::parse).collect()
    }

    fn parse(line: &str) -> Result<Line> {
        let [group, fault, name, outcome, took] = line.split('\t').collect::<Vec<_>>()[..] else {
            bail!("not a line of the report: {line}");
        };
        let moment = name.split_once("::").map_or("", |(_, moment)| moment);
        Ok(Line {
            group: group.to_owned(),
            fault: fault.to_owned(),
            moment: moment.replace('_', " "),
            outcome: outcome.to_owned(),
            took: took.to_owned(),
        })
    }

    fn is_surprise(&self) -> bool {
        self.outcome.starts_with("UNEXPECTED")
    }
}

/// One line for each fault and outcome: when it struck, and the longest that it took.
fn print_table(lines: &[Line]) {
    let mut groups: BTreeMap<&str, BTreeMap<(&str, &str), Vec<&Line>>> = BTreeMap::new();
    for line in lines {
        let rows = groups.entry(&line.group).or_default();
        rows.entry((&line.fault, &line.outcome))
            .or_default()
            .push(line);
    }
    for (group, rows) in groups {
        println!("\n{group}");
        for ((fault, outcome), cases) in rows {
            let mut moments: Vec<&str> = cases.iter().map(|case| case.moment.as_str()).collect();
            moments.sort_unstable();
            let took = cases
                .iter()
                .map(|case| case.took.as_str())
                .max()
                .unwrap_or("-");
            let when = moments.join(", ");
            println!("  {fault} → {outcome} · {took} s · {when}");
        }
    }
}
