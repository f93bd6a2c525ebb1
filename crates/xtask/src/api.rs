//! `cargo xtask api`: schemathesis against the daemon, with more examples than a test run tries. Owns how
//! many; the runs are ordinary tests.

use anyhow::Result;

use crate::report;
use crate::tools::{self, cargo};

/// How many examples of each operation are tried when nobody says.
const EXAMPLES: &str = "200";

/// Does what the words behind `api` ask for. `None`: they are something else.
pub(crate) fn api(words: &[&str]) -> Option<Result<()>> {
    let examples = match words {
        [] => EXAMPLES,
        ["--examples", count] if count.parse().is_ok_and(|count: u32| count > 0) => count,
        _ => return None,
    };
    Some(run(examples))
}

fn run(examples: &str) -> Result<()> {
    let python = tools::for_tests()?;
    report::run(
        cargo()
            .args(["test", "--package", "haul", "--test", "e2e", "--"])
            .args(["schemathesis", "--nocapture", "--test-threads=1"])
            .env("HAUL_TEST_PYTHON", python)
            .env("HAUL_E2E_API_EXAMPLES", examples),
    )
}
