//! The project's own chores: `cargo xtask …`. Owns the reading of the command line; each chore has
//! a file of its own.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "chores talk to the person who started them"
)]

mod api;
mod aria2p;
mod ariang;
#[cfg(feature = "trials")]
mod bench;
mod faults;
mod fuzz;
mod kill;
mod page;
#[cfg(feature = "trials")]
mod peers;
#[cfg(feature = "trials")]
mod pictures;
mod report;
#[cfg(feature = "trials")]
mod soak;
mod test;
mod tools;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

const HELP: &str = "\
The project's chores.

  cargo xtask test         everything that must hold before a change is merged: formatting, lints,
                           documentation, licences, and all tests, the real servers included
  cargo xtask test --fast  the same without documentation and licences
  cargo xtask fuzz [--seconds 60] [TARGET]
                           bad input for everything that reads it; each target (or the one named)
                           for this long
  cargo xtask soak [--downloads 5000]
                           one daemon, so many small files: memory, descriptors, tasks and the
                           database; from 50000 on it rewrites docs/soak.md and its picture
  cargo xtask bench [--runs 5] [--write] [WORK…]
                           haul beside aria2c, axel, curl, wget2, rclone and a bare loop that only
                           moves bytes; --write rewrites docs/benchmarks.md, its pictures and the
                           README's summary, or the named works' part of them
  cargo xtask kill         kills the program 200 times during 1 GiB over 64 threads and 200 times
                           during 500 small files, and prints what that costs: about 12 minutes.
                           --times N, --seed N (to do the same again), --release
  cargo xtask faults [--twice]
                           every fault of servers, networks and names, and what comes of it.
                           --write rewrites the table in docs/faults.md; --peers lets a file change
                           between stop and resume, beside aria2c, axel, curl and wget
  cargo xtask api [--examples 200]
                           schemathesis against the daemon, without and with a token: so many examples
                           of each operation in each of its phases
  cargo xtask aria2p [DIR] the suite of aria2p, a client of aria2's, against haul in aria2c's place:
                           of its source package, or in a checkout
  cargo xtask ariang DIR   AriaNg, a web page for aria2, in Chromium with haul in aria2c's place: its
                           built page (an AriaNg release unpacked) in a directory; pictures of what is
                           to be seen go to target/ariang
  cargo xtask pictures [page] [watch] [get]
                           takes the pictures of docs/ and the README anew, of the real program at work:
                           the page in Chromium, the terminal in tmux; --help says more
  cargo xtask help         this text

What a test run needs beyond cargo (nginx, Chromium, Python and Node with clients, cargo-deny) is
installed when it is missing: system packages through apt-get when run as root, everything else below
target/.
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["test"] => test::run(test::Scope::Everything),
        ["test", "--fast"] => test::run(test::Scope::Fast),
        ["fuzz", rest @ ..] => match fuzz::Fuzz::read(rest) {
            Some(fuzz) => fuzz.run(),
            None => return unknown(&words),
        },
        ["bench" | "soak" | "floor" | "measure" | "pictures", ..] | ["faults", "--peers", ..] => {
            trial(&words)
        }
        ["api", rest @ ..] => match api::api(rest) {
            Some(outcome) => outcome,
            None => return unknown(&words),
        },
        ["aria2p"] => aria2p::aria2p(None),
        ["aria2p", dir] => aria2p::aria2p(Some(dir)),
        ["ariang", dir] => ariang::ariang(Path::new(dir)),
        ["kill", words @ ..] => kill::kill(words),
        ["faults", words @ ..] => faults::faults(words),
        ["help" | "--help" | "-h"] | [] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => return unknown(&words),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The chores with what they need besides cargo are another build of this program.
#[cfg(not(feature = "trials"))]
fn trial(words: &[&str]) -> Result<()> {
    let mut command = tools::cargo();
    command.args(["run", "--package", "xtask", "--features", "trials"]);
    // The floor and the clients of a benchmark must not be what is slow.
    if words.first() == Some(&"bench") {
        command.arg("--release");
    }
    command.arg("--");
    report::run(command.args(words))
}

#[cfg(feature = "trials")]
fn trial(words: &[&str]) -> Result<()> {
    match words {
        ["bench", words @ ..] => bench::bench(words),
        // What a benchmark starts in processes of their own.
        ["floor", words @ ..] => bench::floor(words),
        ["measure", ..] => bench::measure(),
        ["soak", words @ ..] => soak::soak(words),
        ["pictures", words @ ..] => pictures::pictures(words),
        ["faults", "--peers"] => peers::compare(peers::Page::Keep),
        ["faults", "--peers", "--write"] => peers::compare(peers::Page::Rewrite),
        _ => anyhow::bail!("unknown trial \"{}\"", words.join(" ")),
    }
}

fn unknown(words: &[&str]) -> ExitCode {
    eprintln!("xtask: unknown chore \"{}\"\n\n{HELP}", words.join(" "));
    ExitCode::from(2)
}
