//! The programs that people use for downloads: where they are, and the words that make them do a work
//! as well as they can. Each is told what its manual offers for the purpose.

use std::path::{Path, PathBuf};
use std::process::Command;

use url::Url;

use super::found::Whose;
use super::outcome::HAUL;
use super::race::Program;
use crate::tools;

/// The peers and the Debian packages that they are in.
const PEERS: [(&str, &str); 5] = [
    ("aria2c", "aria2"),
    ("axel", "axel"),
    ("curl", "curl"),
    ("wget2", "wget2"),
    ("rclone", "rclone"),
];

/// Installs what is missing; who cannot be had is left out, with a remark.
pub(super) fn install() {
    for (program, package) in PEERS {
        if tools::find(program).is_some() {
            continue;
        }
        if let Err(why) = tools::apt_install(package) {
            println!("   {program} is left out: {why:#}");
        }
    }
}

/// The peers that are here, with their versions.
pub(super) fn versions() -> Vec<String> {
    let here = PEERS
        .iter()
        .filter_map(|(program, _)| Some((program, tools::find(program)?)));
    let mut versions: Vec<String> = here
        .map(|(name, program)| format!("{name} {}", version(&program)))
        .collect();
    if let Some(nginx) = tools::find("nginx") {
        versions.push(format!("nginx {}", version(&nginx)));
    }
    versions
}

/// The first word with a digit and a point in what a program says of itself.
fn version(program: &Path) -> String {
    let asked = if program.ends_with("nginx") {
        "-v"
    } else {
        "--version"
    };
    let Ok(output) = Command::new(program).arg(asked).output() else {
        return "?".to_owned();
    };
    let said = [output.stdout, output.stderr].concat();
    first_version(&String::from_utf8_lossy(&said)).to_owned()
}

fn first_version(said: &str) -> &str {
    let is_version =
        |word: &&str| word.contains('.') && word.contains(|c: char| c.is_ascii_digit());
    let word = said.split_whitespace().find(is_version).unwrap_or("?");
    word.trim_start_matches(|c: char| !c.is_ascii_digit())
}

/// One file from `url`, saved as `name`, over so many connections where a program can do that.
pub(super) struct Single {
    pub(super) url: Url,
    pub(super) name: String,
    pub(super) connections: usize,
    /// The CA to trust, for TLS.
    pub(super) ca: Option<PathBuf>,
}

impl Single {
    /// haul, with so many threads.
    pub(super) fn haul<'a>(&'a self, program: &'a Path) -> Program<'a> {
        let threads = self.connections.to_string();
        self.haul_with(program, vec!["--threads".into(), threads])
    }

    /// haul, with these options.
    pub(super) fn haul_with<'a>(&'a self, program: &'a Path, options: Vec<String>) -> Program<'a> {
        Program {
            name: HAUL.into(),
            whose: Whose::Haul,
            command: Box::new(move |dir| {
                let mut command = Command::new(program);
                command.args(["get", "--quiet"]).args(&options);
                self.trust(&mut command, "--ca-file");
                command.arg("--dir").arg(dir).args(["-o", &self.name]);
                command.arg(self.url.as_str());
                command
            }),
        }
    }

    /// Those of the peers that are here.
    pub(super) fn peers<'a>(&'a self, wanted: &[&'static str]) -> Vec<Program<'a>> {
        let peer = |name: &&'static str| self.peer(name);
        wanted.iter().filter_map(peer).collect()
    }

    fn peer<'a>(&'a self, peer: &'static str) -> Option<Program<'a>> {
        let program = tools::find(peer)?;
        let n = self.connections;
        let name = match peer {
            "aria2c" => format!("aria2c -x{n}"),
            "axel" => format!("axel -n{n}"),
            "wget2" | "rclone" => format!("{peer}, {n} at once"),
            one => one.to_owned(),
        };
        Some(Program {
            name,
            whose: Whose::Peer,
            command: Box::new(move |dir| {
                let mut command = Command::new(&program);
                command.current_dir(dir);
                match peer {
                    "aria2c" => self.aria2c(&mut command),
                    "axel" => self.axel(&mut command),
                    "curl" => self.curl(&mut command),
                    "wget2" => self.wget2(&mut command),
                    "rclone" => self.rclone(&mut command, dir),
                    peer => panic!("nobody has written down how {peer} is called"),
                }
                command
            }),
        })
    }

    fn aria2c(&self, command: &mut Command) {
        let n = self.connections;
        command.args(["--no-conf", "--quiet", "--file-allocation=falloc", "-k1M"]);
        command.args([format!("-x{n}"), format!("-s{n}")]);
        if let Some(ca) = &self.ca {
            command.arg(format!("--ca-certificate={}", ca.display()));
        }
        command.args(["-o", &self.name, self.url.as_str()]);
    }

    fn axel(&self, command: &mut Command) {
        command.args(["--quiet", &format!("-n{}", self.connections)]);
        command.args(["-o", &self.name, self.url.as_str()]);
    }

    fn curl(&self, command: &mut Command) {
        command.args(["--silent", "--show-error", "--fail"]);
        self.trust(command, "--cacert");
        command.args(["-o", &self.name, self.url.as_str()]);
    }

    fn wget2(&self, command: &mut Command) {
        command.args(["--quiet", "--no-config", "--chunk-size=16M"]);
        command.arg(format!("--max-threads={}", self.connections));
        command.args(["-O", &self.name, self.url.as_str()]);
    }

    fn rclone(&self, command: &mut Command, dir: &Path) {
        let mut root = self.url.clone();
        root.set_path("/");
        command.args(["copyto", "--quiet", "--multi-thread-cutoff=1M"]);
        command.arg(format!("--multi-thread-streams={}", self.connections));
        command.args(["--http-url", root.as_str()]);
        let path = self.url.path().trim_start_matches('/');
        command.arg(format!(":http:{path}"));
        command.arg(dir.join(&self.name));
    }

    fn trust(&self, command: &mut Command, option: &str) {
        if let Some(ca) = &self.ca {
            command.arg(option).arg(ca);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_programs_say_of_themselves() {
        assert_eq!(first_version("aria2 version 1.36.0\nCopyright"), "1.36.0");
        assert_eq!(first_version("GNU Wget2 1.99.1 - multithreaded"), "1.99.1");
        assert_eq!(first_version("rclone v1.60.1-DEV"), "1.60.1-DEV");
        assert_eq!(first_version("nginx version: nginx/1.22.1"), "1.22.1");
        assert_eq!(first_version("nothing"), "?");
    }
}
