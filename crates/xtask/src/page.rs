//! What can be said of the page without a browser: whether its types agree, and whether the parts that decide
//! decide rightly.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::report::{self, Done};
use crate::tools;

/// Checks the page with the type checker below `modules`, and plays the tests of its parts.
pub(crate) fn check(modules: &Path) -> Result<Done> {
    let tests = tools::root().join("crates/haul/tests/page");
    report::run(
        Command::new("node")
            .arg(modules.join("typescript/bin/tsc"))
            .arg("--project")
            .arg(&tests),
    )?;
    report::run(
        Command::new("node")
            .args(["--test", "--test-reporter", "dot"])
            .arg(&tests),
    )?;
    Ok(Done::Fully)
}
