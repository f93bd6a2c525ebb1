//! `cargo xtask fuzz`: the fuzz targets for longer than a test run gives them. Owns how long and
//! which; the targets are ordinary tests in modules called `fuzz`.

use std::process::Command;

use anyhow::{Result, bail};

use crate::report;
use crate::tools;

/// How long each target runs when nobody says.
const SECONDS: u64 = 60;

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fuzz<'a> {
    seconds: u64,
    /// A target's name; all of them when missing.
    target: Option<&'a str>,
}

impl<'a> Fuzz<'a> {
    /// Reads `[--seconds N] [TARGET]`. `None`: something else.
    pub(crate) fn read(words: &[&'a str]) -> Option<Fuzz<'a>> {
        let (seconds, rest) = match words {
            ["--seconds", seconds, rest @ ..] => (seconds.parse().ok()?, rest),
            rest => (SECONDS, rest),
        };
        let target = match rest {
            [] => None,
            [target] if !target.starts_with('-') => Some(*target),
            _ => return None,
        };
        Some(Fuzz { seconds, target })
    }

    /// Runs the targets one after the other, so that each has the machine to itself.
    pub(crate) fn run(&self) -> Result<()> {
        let wanted = format!("fuzz::{}", self.target.unwrap_or_default());
        let listed = tests(&wanted).arg("--list").output()?;
        if !String::from_utf8_lossy(&listed.stdout).contains(": test") {
            let all = tests("fuzz::").arg("--list").output()?;
            let known = String::from_utf8_lossy(&all.stdout).into_owned();
            bail!("no target is called that; known are\n{}", names(&known));
        }
        report::run(
            tests(&wanted)
                .args(["--nocapture", "--test-threads=1"])
                .env(
                    "BOLERO_RANDOM_TEST_TIME_MS",
                    (self.seconds * 1000).to_string(),
                ),
        )
    }
}

/// The tests with this in their name, in the crates that have targets.
fn tests(name: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(tools::root())
        .args(["test", "--quiet", "--no-fail-fast", "--lib", "--bins"])
        .args(["--package", "haul-engine", "--package", "haul"])
        .args(["--", name]);
    command
}

/// The last part of each test's path, a line each.
fn names(listed: &str) -> String {
    let tests = listed
        .lines()
        .filter_map(|line| line.strip_suffix(": test"));
    let names: Vec<String> = tests
        .filter_map(|path| Some(format!("  {}", path.rsplit("::").next()?)))
        .collect();
    names.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_target_may_be_left_out() {
        let fuzz = |seconds, target| Some(Fuzz { seconds, target });
        assert_eq!(Fuzz::read(&[]), fuzz(SECONDS, None));
        assert_eq!(Fuzz::read(&["netrc"]), fuzz(SECONDS, Some("netrc")));
        assert_eq!(Fuzz::read(&["--seconds", "5"]), fuzz(5, None));
        assert_eq!(
            Fuzz::read(&["--seconds", "5", "netrc"]),
            fuzz(5, Some("netrc"))
        );
        for wrong in [
            &["--seconds"][..],
            &["--seconds", "x"],
            &["--minutes", "5"],
            &["a", "b"],
        ] {
            assert_eq!(Fuzz::read(wrong), None, "{wrong:?}");
        }
    }
}
