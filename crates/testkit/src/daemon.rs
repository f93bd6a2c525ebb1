//! Runs the real `haul serve` in a directory of its own, kills it, ends it, and shows what it said
//! when something went wrong. It knows haul by its command line only.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rustix::process::Signal;
use url::Url;

use crate::child::Child;

const PATIENCE: Duration = Duration::from_secs(30);

/// A running daemon. Dropping it kills it.
pub struct Daemon {
    child: Child,
    address: Url,
}

impl Daemon {
    /// Starts `binary serve --host 127.0.0.1 --port 0` and `arguments` with the working directory
    /// `dir`, without any `HAUL_*` in its environment and without the user's configuration, and
    /// waits until it listens. Another `--host` or `--port` among the arguments replaces
    /// ours.
    ///
    /// # Panics
    /// With what it said, when it does not come to listen.
    pub async fn start<A: AsRef<OsStr>>(binary: &Path, dir: &Path, arguments: &[A]) -> Daemon {
        Daemon::start_by(Command::new(binary), dir, arguments).await
    }

    /// The same with a command that runs the binary in some way, for example as another user.
    ///
    /// # Panics
    /// With what it said, when it does not come to listen.
    pub async fn start_by<A: AsRef<OsStr>>(
        command: Command,
        dir: &Path,
        arguments: &[A],
    ) -> Daemon {
        match Daemon::start_with(command, dir, arguments, &[]).await {
            Ok(daemon) => daemon,
            Err(mut fallen) => panic!(
                "haul serve does not listen ({}); it said:\n{}",
                fallen.standing(),
                fallen.said()
            ),
        }
    }

    /// The same with these variables in its environment, for a daemon that may end early.
    ///
    /// # Errors
    /// When it does not come to listen, because it has ended or takes too long.
    pub async fn start_with<A: AsRef<OsStr>>(
        mut command: Command,
        dir: &Path,
        arguments: &[A],
        environment: &[(&str, &str)],
    ) -> Result<Daemon, Fallen> {
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"HAUL_") {
                command.env_remove(name);
            }
        }
        command.current_dir(dir).env("HOME", dir);
        command.env("XDG_CONFIG_HOME", dir.join("no-configuration"));
        command.envs(environment.iter().copied());
        command.arg("serve");
        for (flag, value) in [("--port", "0"), ("--host", "127.0.0.1")] {
            let is_given = |argument: &A| {
                let given = argument.as_ref().as_encoded_bytes();
                let rest = given.strip_prefix(flag.as_bytes());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"="))
            };
            if !arguments.iter().any(is_given) {
                command.args([flag, value]);
            }
        }
        command.args(arguments);

        let child = Child::start(&mut command, "build it with `cargo build -p haul`");
        match child.stderr.find(0, PATIENCE, address).await {
            Some((_, address)) => Ok(Daemon { child, address }),
            None => Err(Fallen { child }),
        }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        let port = self.address.port_or_known_default();
        port.expect("an http or https URL has a port")
    }

    /// The URL of a path, for example `/api/v1/downloads`.
    ///
    /// # Panics
    /// When that makes no URL.
    pub fn url(&self, path: &str) -> String {
        let url = self.address.join(path);
        url.expect("a path joins to a URL").into()
    }

    /// The WebSocket URL of a path; `/` is the text console.
    pub fn ws(&self, path: &str) -> String {
        self.url(path).replacen("http", "ws", 1)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// What it has said on standard error so far.
    pub fn said(&self) -> String {
        self.child.stderr.text()
    }

    /// Ends it at once, as a crash would, and waits until it is gone.
    pub fn kill9(mut self) {
        self.child.kill();
    }

    /// Asks it to end (SIGTERM), and does not wait.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn ask_to_end(&self) {
        self.child.signal(Signal::TERM);
    }

    /// Waits until it has ended, by itself or because it was asked to.
    ///
    /// # Panics
    /// With what it said, when that takes longer than `patience`.
    pub async fn ended(mut self, patience: Duration) -> ExitStatus {
        self.child.ended(patience).await
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Panics
    /// With what it said, when it has not ended after 30 seconds.
    pub async fn terminate(self) -> ExitStatus {
        self.ask_to_end();
        self.ended(PATIENCE).await
    }
}

/// A daemon that never came to listen.
pub struct Fallen {
    child: Child,
}

impl Fallen {
    /// What it said on standard error.
    pub fn said(&self) -> String {
        self.child.stderr.text()
    }

    /// Whether it has ended, and how.
    fn standing(&mut self) -> String {
        match self.child.exit_status() {
            Some(status) => format!("it has ended: {status}"),
            None => format!("it still runs after {PATIENCE:?}"),
        }
    }

    /// How it ended.
    ///
    /// # Panics
    /// With what it said, when it still runs after `patience`.
    pub async fn ended(mut self, patience: Duration) -> ExitStatus {
        self.child.ended(patience).await
    }
}

/// The address in a line such as `listening on http://127.0.0.1:8765`.
fn address(line: &str) -> Option<Url> {
    let (_, rest) = line.split_once("listening on ")?;
    let word = rest.split_whitespace().next()?;
    Url::parse(word).ok().filter(Url::has_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_any_log_format() {
        let found = address("2026-01-01 INFO listening on http://127.0.0.1:4321");
        assert_eq!(found.and_then(|url| url.port()), Some(4321));
        let found = address("listening on http://[::1]:99");
        assert_eq!(found.and_then(|url| url.port()), Some(99));
        assert_eq!(address("listening on the radio"), None);
        assert_eq!(address("not listening"), None);
    }
}
