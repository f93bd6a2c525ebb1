//! `cargo xtask kill`: the long run of random kills. Owns its arguments; the kills themselves and
//! what they cost are `haul_testkit::crash`.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use crate::report::run;
use crate::tools;

/// What the run is asked to do.
struct Asked {
    /// Kills for each load.
    times: u64,
    /// Chooses the moments.
    seed: u64,
    profile: Profile,
}

/// Which program is killed.
enum Profile {
    Debug,
    Release,
}

/// Builds the program and kills it: during one file of 1 GiB over 64 threads, then during 500 small
/// files. Fails when a file is wrong, lost, doubled or touched, or too much is fetched again.
pub(crate) fn kill(words: &[&str]) -> Result<()> {
    let asked = read(words)?;
    let mut build = tools::cargo();
    build.args(["build", "-p", "haul"]);
    let folder = match asked.profile {
        Profile::Debug => "debug",
        Profile::Release => {
            build.arg("--release");
            "release"
        }
    };
    run(&mut build)?;
    let haul = tools::target().join(folder).join("haul");
    run(tools::cargo()
        .args(["run", "--quiet", "-p", "haul-testkit", "--example", "kill"])
        .arg("--")
        .arg(haul)
        .args([asked.times.to_string(), asked.seed.to_string()]))
}

fn read(words: &[&str]) -> Result<Asked> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut asked = Asked {
        times: 200,
        seed: since.map_or(1, |since| since.as_secs()),
        profile: Profile::Debug,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut number = || -> Result<u64> {
            let text = words
                .next()
                .with_context(|| format!("{word} needs a number"))?;
            text.parse()
                .with_context(|| format!("{word} {text}: not a number"))
        };
        match *word {
            "--times" => asked.times = number()?,
            "--seed" => asked.seed = number()?,
            "--release" => asked.profile = Profile::Release,
            other => bail!("kill does not know {other}: --times N, --seed N, --release"),
        }
    }
    Ok(asked)
}
