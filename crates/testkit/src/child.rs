//! A program that a test runs: its output is collected line by line, and it never outlives its
//! handle. It knows nothing of what the program is.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::Notify;
use tokio::time::timeout;

/// The Python that has the packages that tests need: `HAUL_TEST_PYTHON`, else `python3`.
pub(crate) fn python() -> OsString {
    std::env::var_os("HAUL_TEST_PYTHON").unwrap_or_else(|| "python3".into())
}

/// A running program. Dropping it kills it and waits for its end.
pub(crate) struct Child {
    name: String,
    process: std::process::Child,
    pub(crate) stdout: Arc<Lines>,
    pub(crate) stderr: Arc<Lines>,
    readers: Vec<JoinHandle<()>>,
}

impl Child {
    /// Starts `command` with all three standard streams piped.
    ///
    /// # Panics
    /// When it cannot be started; `install` says what to do when the program is missing.
    pub(crate) fn start(command: &mut Command, install: &str) -> Child {
        let name = command.get_program().to_string_lossy().into_owned();
        let piped = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = match piped.spawn() {
            Ok(process) => process,
            Err(why) if why.kind() == ErrorKind::NotFound => {
                panic!("this test needs the program {name}: {install}")
            }
            Err(why) => panic!("cannot start {name}: {why}"),
        };
        let mut readers = Vec::new();
        let stdout = collect(process.stdout.take().expect("piped"), &mut readers);
        let stderr = collect(process.stderr.take().expect("piped"), &mut readers);
        Child {
            name,
            process,
            stdout,
            stderr,
            readers,
        }
    }

    /// Its standard input, once.
    pub(crate) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.process.stdin.take()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When the system refuses; a program that has ended is fine.
    pub(crate) fn signal(&self, signal: Signal) {
        // Until `wait` has reaped it, the id cannot belong to another process.
        let id = i32::try_from(self.process.id())
            .ok()
            .and_then(Pid::from_raw);
        let id = id.expect("the system's process ids are positive");
        if let Err(why) = kill_process(id, signal) {
            panic!("cannot signal {}: {why}", self.name);
        }
    }

    /// How it has ended, if it has.
    ///
    /// # Panics
    /// When the system cannot tell.
    pub(crate) fn exit_status(&mut self) -> Option<ExitStatus> {
        let status = self.process.try_wait();
        status.unwrap_or_else(|why| panic!("cannot ask how {} is: {why}", self.name))
    }

    /// Waits until it has ended of itself.
    ///
    /// # Panics
    /// With its standard error, when it takes longer than `patience`.
    pub(crate) async fn ended(&mut self, patience: Duration) -> ExitStatus {
        let closed = async {
            self.stdout.closed().await;
            self.stderr.closed().await;
        };
        if timeout(patience, closed).await.is_err() {
            let said = self.stderr.text();
            panic!(
                "{} did not end within {patience:?}; it said:\n{said}",
                self.name
            );
        }
        // Both pipes close when a process ends, so this wait is short.
        self.process.wait().expect("it is our child")
    }

    /// Ends it with SIGKILL and waits for that.
    pub(crate) fn kill(&mut self) {
        // Both fail only when it has been reaped already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

fn collect(pipe: impl Read + Send + 'static, readers: &mut Vec<JoinHandle<()>>) -> Arc<Lines> {
    let lines = Arc::new(Lines::default());
    let writer = Arc::clone(&lines);
    readers.push(std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        // An error ends the stream as its end does.
        while pipe.read_until(b'\n', &mut line).unwrap_or(0) > 0 {
            let text = String::from_utf8_lossy(&line);
            writer.push(text.trim_end_matches(['\r', '\n']).to_owned());
            line.clear();
        }
        writer.close();
    }));
    lines
}

/// The lines of one output stream so far.
#[derive(Default)]
pub(crate) struct Lines {
    state: Mutex<Collected>,
    changed: Notify,
}

#[derive(Default)]
struct Collected {
    lines: Vec<String>,
    closed: bool,
}

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Collected> {
        self.state.lock().expect("nobody panics while holding it")
    }

    fn push(&self, line: String) {
        self.lock().lines.push(line);
        self.changed.notify_waiters();
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_waiters();
    }

    /// All lines so far.
    pub(crate) fn all(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// All lines so far as one text.
    pub(crate) fn text(&self) -> String {
        self.lock().lines.join("\n")
    }

    /// What `pick` first finds among the lines from number `from` on, with that line's number;
    /// `None` when the stream ends without it or `patience` does.
    pub(crate) async fn find<T>(
        &self,
        from: usize,
        patience: Duration,
        pick: impl Fn(&str) -> Option<T>,
    ) -> Option<(usize, T)> {
        let mut next = from;
        let search = async {
            loop {
                let changed = self.changed.notified();
                {
                    let state = self.lock();
                    while let Some(line) = state.lines.get(next) {
                        if let Some(found) = pick(line) {
                            return Some((next, found));
                        }
                        next += 1;
                    }
                    if state.closed {
                        return None;
                    }
                }
                changed.await;
            }
        };
        timeout(patience, search).await.ok().flatten()
    }

    /// Returns once the stream has ended.
    async fn closed(&self) {
        loop {
            let changed = self.changed.notified();
            if self.lock().closed {
                return;
            }
            changed.await;
        }
    }
}
