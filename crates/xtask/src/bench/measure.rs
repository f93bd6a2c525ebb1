//! What a whole program uses: wall time, processor time, memory. A small process of its own starts it
//! and waits for it (`xtask measure …`): what the kernel calls a child's peak of memory begins with
//! that of its parent, so a parent that serves files or compares them would show in the figure.

use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::sys;

/// What one run has used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spent {
    pub(super) wall: Duration,
    /// User and system time.
    pub(super) cpu: Duration,
    /// The most memory held at once, bytes.
    pub(super) peak: u64,
}

/// Runs `command` to its end. An error when it fails, with the last of what it said, or when it takes
/// longer than `patience`, whole seconds.
pub(super) fn measure(command: &Command, patience: Duration) -> Result<Spent> {
    let mut small = Command::new(std::env::current_exe().context("no program of our own")?);
    small.arg("measure").arg(patience.as_secs().to_string());
    small.arg(command.get_program()).args(command.get_args());
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"HAUL_") {
            small.env_remove(name);
        }
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => small.env(name, value),
            None => small.env_remove(name),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        small.current_dir(dir);
    }
    let output = small.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.trim().lines().last().unwrap_or_default();
    ensure!(output.status.success(), "{last}");
    let (status, spent) = read(&String::from_utf8_lossy(&output.stdout))?;
    match status.as_str() {
        "ok" => Ok(spent),
        status if last.is_empty() => bail!("{}", status.replace('_', " ")),
        status => bail!("{}: {last}", status.replace('_', " ")),
    }
}

/// The chore `measure SECONDS PROGRAM ARGUMENT…`: one line of figures on standard output, for
/// [`measure`]. What the program writes to its own standard output is dropped.
pub(crate) fn chore() -> Result<()> {
    // Not the words of `main`: file names need not be text.
    let words: Vec<OsString> = std::env::args_os().skip(2).collect();
    let [patience, program, arguments @ ..] = words.as_slice() else {
        bail!("measure wants SECONDS PROGRAM ARGUMENT…");
    };
    let patience = patience.to_str().context("no number")?.parse()?;
    let patience = Duration::from_secs(patience);
    let began = Instant::now();
    let child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let handle = pidfd_open(id.context("no process id")?, PidfdFlags::empty())?;
    let (ended, end) = channel::<()>();
    let watch = std::thread::spawn(move || {
        let late = end.recv_timeout(patience) == Err(RecvTimeoutError::Timeout);
        if late {
            // It fails only when the program has ended just now.
            let _ = pidfd_send_signal(&handle, Signal::KILL);
        }
        late
    });
    let (status, used) = sys::wait(&child)?;
    let wall = began.elapsed();
    drop(ended);
    let late = watch.join().unwrap_or(false);
    let status = match (late, status.code()) {
        (true, _) => format!("not_done_after_{}_s", patience.as_secs()),
        (false, Some(0)) => "ok".to_owned(),
        (false, Some(code)) => format!("exit_{code}"),
        (false, None) => "killed_by_a_signal".to_owned(),
    };
    let (wall, cpu) = (wall.as_nanos(), used.cpu.as_nanos());
    println!("{status} {wall} {cpu} {}", used.peak);
    Ok(())
}

fn read(line: &str) -> Result<(String, Spent)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [status, wall, cpu, peak] = words[..] else {
        bail!("\"{line}\" is no line of figures");
    };
    let spent = Spent {
        wall: Duration::from_nanos(wall.parse()?),
        cpu: Duration::from_nanos(cpu.parse()?),
        peak: peak.parse()?,
    };
    Ok((status.to_owned(), spent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_figures_is_read_and_nothing_else() {
        let (status, spent) = read("exit_3 1500000000 250000000 4096\n").expect("four words");
        assert_eq!(status, "exit_3");
        let expected = Spent {
            wall: Duration::from_millis(1500),
            cpu: Duration::from_millis(250),
            peak: 4096,
        };
        assert_eq!(spent, expected);
        for wrong in ["", "ok 1 2", "ok 1 2 3 4", "ok a 2 3"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
