//! The work `small`: very many small files in one command.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use url::Url;

use super::Bench;
use super::files::{SMALL, SMALL_SIZE};
use super::found::{Found, Whose};
use super::outcome::{Column, HAUL, Outcome};
use super::race::{Program, Race};
use crate::tools;

pub(super) fn small(bench: &Bench) -> Result<Found> {
    let names = bench.files.small()?;
    let nginx = bench.nginx(None);
    let base = nginx.url("/small/");
    let (list, config) = (
        bench.files.place("urls.txt"),
        bench.files.place("curl.conf"),
    );
    std::fs::write(&list, url_list(&base, &names))?;
    std::fs::write(&config, curl_config(&base, &names))?;

    let haul = |dir: &Path| {
        let mut command = Command::new(&bench.haul);
        command.args(["get", "--quiet", "-i"]).arg(&list);
        command.arg("--dir").arg(dir);
        command
    };
    let mut programs = vec![Program {
        name: HAUL.into(),
        whose: Whose::Haul,
        command: Box::new(haul),
    }];
    let peers: [(&str, &str, &[&str], &Path); 3] = [
        (
            "curl --parallel-max 64",
            "curl",
            &[
                "--silent",
                "--show-error",
                "--fail",
                "--parallel",
                "--parallel-max",
                "64",
                "-K",
            ],
            &config,
        ),
        (
            "aria2c -j16",
            "aria2c",
            &[
                "--no-conf",
                "--quiet",
                "--file-allocation=none",
                "-j16",
                "-i",
            ],
            &list,
        ),
        (
            "wget2 --max-threads 16",
            "wget2",
            &["--quiet", "--no-config", "--max-threads=16", "-i"],
            &list,
        ),
    ];
    for (name, program, words, input) in peers {
        let Some(program) = tools::find(program) else {
            continue;
        };
        programs.push(Program {
            name: name.into(),
            whose: Whose::Peer,
            command: Box::new(move |dir| {
                let mut command = Command::new(&program);
                command.args(words).arg(input).current_dir(dir);
                command
            }),
        });
    }
    let race = Race {
        files: &bench.files,
        programs,
        warm_ups: 1,
        rounds: bench.runs,
        before: &|| (),
        check: &|dir| bench.files.small_are_in(dir),
    };
    let outcome = Outcome(race.run()?);
    Ok(Found {
        title: "Many small files",
        scene: format!(
            "{SMALL} files of {} KiB in one command. Every file of haul's is synced and survives a \
             power cut when it is called done; the peers leave that to the kernel.",
            SMALL_SIZE >> 10
        ),
        table: outcome.table(&[
            Column::Wall,
            Column::Files(SMALL),
            Column::Times,
            Column::Cpu,
            Column::Peak,
        ]),
        goals: outcome.ahead().into_iter().collect(),
        bars: Some(outcome.seconds(None)),
    })
}

/// A URL a line, as haul, aria2c and wget2 read it.
fn url_list(base: &Url, names: &[String]) -> String {
    names.iter().map(|name| format!("{base}{name}\n")).collect()
}

fn curl_config(base: &Url, names: &[String]) -> String {
    let mut text = String::new();
    for name in names {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "url = \"{base}{name}\"\noutput = \"{name}\"");
    }
    text
}
