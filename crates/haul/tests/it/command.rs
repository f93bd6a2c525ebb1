//! Runs `haul` untouched by the environment of whoever runs the tests.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// `haul` with these arguments, in `dir`.
pub(crate) fn haul(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_haul"));
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"HAUL_") {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .current_dir(dir)
        .env("HOME", dir)
        .env_remove("XDG_CONFIG_HOME")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What a command said, and its exit code.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Ended {
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs a command to its end.
pub(crate) fn end(command: &mut Command) -> Ended {
    command.output().expect("haul starts").into()
}

/// Runs a command to its end, with `input` on its stdin.
pub(crate) fn end_with_input(command: &mut Command, input: &str) -> Ended {
    let mut child = command.stdin(Stdio::piped()).spawn().expect("haul starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).expect("haul reads");
    drop(stdin);
    child.wait_with_output().expect("it ends").into()
}
