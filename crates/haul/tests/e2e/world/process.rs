//! Runs the program as a command, looks at processes from outside, and sends them signals.

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};

use super::{HAUL, PATIENCE};

/// A command that has ended.
pub(crate) struct Ended {
    /// Its exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it wrote to the standard output.
    pub(crate) stdout: String,
    /// What it wrote to the standard error.
    pub(crate) stderr: String,
}

/// `haul` with these arguments, in `dir`, untouched by the settings of whoever runs the tests.
pub(crate) fn haul(dir: &Path, args: &[&str]) -> Command {
    program(HAUL, dir, args)
}

/// The same for any program that runs `haul` in its turn.
pub(crate) fn program(name: &str, dir: &Path, args: &[&str]) -> Command {
    by(Command::new(name), dir, args)
}

/// The same for a command that runs `haul` in some way and has arguments of its own before ours.
pub(crate) fn by(mut command: Command, dir: &Path, args: &[&str]) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HAUL_") {
            command.env_remove(name);
        }
    }
    command
        .args(args)
        .current_dir(dir)
        .env("HOME", dir)
        .env("XDG_CONFIG_HOME", dir.join("config"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Starts a command and leaves it running.
pub(crate) fn start(mut command: Command) -> Child {
    command.spawn().expect("the program starts")
}

/// Waits for a command to end.
pub(crate) async fn end(child: Child) -> Ended {
    end_within(PATIENCE, child).await
}

/// The same for one that is given so much time.
pub(crate) async fn end_within(patience: Duration, child: Child) -> Ended {
    let output = tokio::time::timeout(patience, child.wait_with_output()).await;
    let Output {
        status,
        stdout,
        stderr,
    } = output
        .unwrap_or_else(|_| panic!("still running after {patience:?}"))
        .expect("a child of ours");
    Ended {
        code: status.code(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// Sends a signal by its name (`INT`, `TERM`, `KILL`).
pub(crate) fn signal(name: &str, pid: u32) {
    // The shell's own `kill`: a bare system has no other.
    let sent = std::process::Command::new("sh")
        .args(["-c", &format!("kill -{name} {pid}")])
        .status()
        .expect("every system has a shell");
    assert!(sent.success(), "no process {pid} to signal");
}

/// How many files and sockets a process holds open.
pub(crate) fn descriptors(pid: u32) -> usize {
    count(&format!("/proc/{pid}/fd"))
}

/// How many threads a process has.
pub(crate) fn threads(pid: u32) -> usize {
    count(&format!("/proc/{pid}/task"))
}

/// Bytes of memory that a process holds now.
pub(crate) fn resident(pid: u32) -> u64 {
    const PAGE: u64 = 4096;
    let path = format!("/proc/{pid}/statm");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let pages = text.split_whitespace().nth(1);
    let pages: u64 = pages
        .and_then(|pages| pages.parse().ok())
        .expect("a number");
    pages * PAGE
}

fn count(dir: &str) -> usize {
    fs::read_dir(dir)
        .unwrap_or_else(|error| panic!("{dir}: {error}; has the process ended?"))
        .count()
}
