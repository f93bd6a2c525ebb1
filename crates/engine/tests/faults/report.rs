//! Keeps what became of each case for `cargo xtask faults`: one line in the file that the environment
//! names. Without it nothing is written.

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::row::Case;

/// The file to append to.
const FILE: &str = "HAUL_FAULTS_REPORT";

/// Plays a case, keeps a line about it, and returns what speaks against it.
pub(crate) fn kept(
    group: &str,
    case: &Case,
    play: impl FnOnce(&Case) -> Result<Duration, String>,
) -> Result<(), String> {
    let played = catch_unwind(AssertUnwindSafe(|| play(case)));
    let result = played.unwrap_or_else(|panic| Err(said(&*panic)));
    keep(group, case, &result);
    result.map(|_| ())
}

fn keep(group: &str, case: &Case, result: &Result<Duration, String>) {
    let Some(path) = std::env::var_os(FILE) else {
        return;
    };
    let (verdict, took) = match result {
        Ok(took) => (case.outcome.shown(), format!("{:.2}", took.as_secs_f64())),
        Err(_) => (
            format!("UNEXPECTED, not {}", case.outcome.shown()),
            "-".to_owned(),
        ),
    };
    let line = [group, case.row.fault, &case.name(), &verdict, &took].join("\t");
    let file = std::fs::File::options()
        .append(true)
        .create(true)
        .open(path);
    // One write per line: lines of other threads do not mix with it.
    file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()))
        .expect("the report can be written");
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}
