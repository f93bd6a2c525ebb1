//! `cargo xtask test`: everything that must hold before a change is merged. Owns the list of steps;
//! what they need is found in [`crate::tools`].

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::page;
use crate::report::{self, Done, Report, succeeds};
use crate::tools::{self, cargo};

/// The places where tests kill the program.
const CRASH_POINTS: &str = "haul/crash-points";

/// Everything that is not built by default.
const ALL_FEATURES: &str = "haul/crash-points,xtask/trials";

/// So many tests run at once for each core: most of what they do is to wait, for a slow origin above all.
const TESTS_PER_CORE: usize = 3;

/// How much of it runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Every step.
    Everything,
    /// Without documentation and licences.
    Fast,
}

/// Runs the steps and prints a summary; fails when one of them has failed.
pub(crate) fn run(scope: Scope) -> Result<()> {
    let mut report = Report::default();
    report.step("formatting", || {
        report::run(cargo().args(["fmt", "--all", "--check"]))?;
        Ok(Done::Fully)
    });
    report.step("lints", || {
        report::run(
            cargo()
                .args(["clippy", "--workspace", "--all-targets"])
                .args(["--features", ALL_FEATURES, "--"])
                .args(["-D", "warnings"]),
        )?;
        Ok(Done::Fully)
    });
    if scope == Scope::Everything {
        report.step("documentation", || {
            report::run(
                cargo()
                    .args(["doc", "--workspace", "--no-deps"])
                    .arg("--document-private-items")
                    .env("RUSTDOCFLAGS", "-D warnings"),
            )?;
            Ok(Done::Fully)
        });
        report.step("dependencies", || dependencies(&tools::cargo_deny()?));
    }
    report.step("page", || page::check(&tools::node_modules()?));
    // A step and a build of its own: a program that can be told to kill itself is not the one that
    // users get. The whole workspace is named so that only what has the feature is built again.
    report.step("crash points", || {
        report::run(
            cargo()
                .args(["test", "--workspace", "--features", CRASH_POINTS])
                .args(["--test", "crash"]),
        )?;
        Ok(Done::Fully)
    });
    report.step("tests", || {
        let python = tools::for_tests()?;
        let mut tests = cargo();
        tests
            .args(["test", "--workspace", "--no-fail-fast"])
            .args(["--features", "xtask/trials"])
            .env("RUST_TEST_THREADS", tests_at_once())
            .env("HAUL_TEST_PYTHON", python)
            .env("HAUL_TEST_NODE_MODULES", tools::node_modules()?);
        let chromium = tools::chromium();
        if let Ok(program) = &chromium {
            tests.env("HAUL_TEST_CHROMIUM", program);
        }
        report::run(&mut tests)?;
        match chromium {
            Ok(_) => Ok(Done::Fully),
            Err(why) if tools::is_ci() => Err(why),
            Err(why) => Ok(Done::Except(format!("browser tests left out: {why:#}"))),
        }
    });
    report.finish()
}

/// What `RUST_TEST_THREADS` is set to.
fn tests_at_once() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores * TESTS_PER_CORE).to_string()
}

/// Licences, bans and sources always; known vulnerabilities when their database can be reached.
fn dependencies(cargo_deny: &Path) -> Result<Done> {
    let deny = || {
        let mut command = Command::new(cargo_deny);
        command.current_dir(tools::root());
        command
    };
    report::run(
        deny()
            .args(["check", "--hide-inclusion-graph"])
            .args(["bans", "licenses", "sources"]),
    )?;
    if !succeeds(deny().args(["fetch", "db"])) {
        let left_out = "advisories not checked: their database cannot be reached";
        return Ok(Done::Except(left_out.to_owned()));
    }
    report::run(
        deny()
            .args(["check", "--hide-inclusion-graph", "--disable-fetch"])
            .arg("advisories"),
    )?;
    Ok(Done::Fully)
}
