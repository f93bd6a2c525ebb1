//! Drives `python3 -m websockets URI`, the client that the text console promises to serve
//! unchanged. It knows how that client draws on a terminal, and nothing of the dialogue itself.

use std::io::Write;
use std::process::{ChildStdin, Command};
use std::time::Duration;

use crate::child::{Child, python};

const PATIENCE: Duration = Duration::from_secs(30);
const INSTALL: &str = "install it with `apt-get install python3`";
/// What the client puts before a message: "insert a line here", then its mark for "received".
const RECEIVED: &str = "\u{1b}[L< ";

/// An interactive WebSocket client on a pipe. Dropping it kills it.
pub struct PyConsole {
    child: Child,
    input: Option<ChildStdin>,
    /// The number of the first line of output that has not been looked at.
    next: usize,
}

impl PyConsole {
    /// Connects to `uri`, for example `ws://localhost:8765/`, with the Python that
    /// `HAUL_TEST_PYTHON` names, else `python3`.
    ///
    /// # Panics
    /// When Python or its package is missing (saying how to install it) or cannot connect.
    pub async fn open(uri: &str) -> PyConsole {
        let mut command = Command::new(python());
        command.args(["-u", "-m", "websockets", uri]);
        // Else Python guesses the encoding of a pipe from the locale.
        command.env("PYTHONIOENCODING", "utf-8");
        let mut child = Child::start(&mut command, INSTALL);
        let input = child.take_stdin();
        let connected = |line: &str| line.contains("Connected to ").then_some(());
        let Some((at, ())) = child.stdout.find(0, PATIENCE, connected).await else {
            let said = [child.stdout.text(), child.stderr.text()].concat();
            if said.contains("No module named") {
                panic!(
                    "this test needs Python's websockets: `python3 -m venv DIR`, \
                     `DIR/bin/pip install websockets`, and HAUL_TEST_PYTHON=DIR/bin/python"
                );
            }
            panic!("python3 -m websockets {uri} does not connect; it said:\n{said}");
        };
        PyConsole {
            child,
            input,
            next: at + 1,
        }
    }

    /// Sends one message.
    ///
    /// # Panics
    /// When the client has ended.
    pub fn send(&mut self, line: &str) {
        let mut input = self.input.as_ref().expect("the console is open");
        let sent = input.write_all(format!("{line}\n").as_bytes());
        sent.unwrap_or_else(|why| panic!("cannot send \"{line}\": {why}"));
    }

    /// The next message received, or `None` when none comes within `patience` or the connection is
    /// closed first. Control characters in it are escaped as in Python.
    pub async fn read(&mut self, patience: Duration) -> Option<String> {
        let lines = &self.child.stdout;
        let (at, message) = lines.find(self.next, patience, received).await?;
        self.next = at + 1;
        Some(message)
    }

    /// Fails the test unless the next message is `message`.
    ///
    /// # Panics
    /// With the message that came, or with everything seen when none does.
    pub async fn expect(&mut self, message: &str) {
        let Some(received) = self.read(PATIENCE).await else {
            let seen = self.child.stdout.text();
            panic!("no message \"{message}\" came; the client showed:\n{seen}");
        };
        assert_eq!(received, message);
    }

    /// Waits until the server closes the connection; the close code and reason as the client
    /// shows them, for example `1001 (going away)`.
    ///
    /// # Panics
    /// When the server does not close it.
    pub async fn closed(&mut self) -> String {
        let found = self.child.stdout.find(self.next, PATIENCE, close).await;
        let Some((_, status)) = found else {
            panic!(
                "the connection stayed open; the client showed:\n{}",
                self.child.stdout.text()
            );
        };
        status
    }

    /// Ends the input, upon which the client closes the connection; the close code and reason as
    /// it shows them.
    ///
    /// # Panics
    /// When it does not close it.
    pub async fn close(mut self) -> String {
        self.input = None;
        let status = self.closed().await;
        self.child.ended(PATIENCE).await;
        status
    }
}

fn received(line: &str) -> Option<String> {
    line.split_once(RECEIVED)
        .map(|(_, message)| message.to_owned())
}

fn close(line: &str) -> Option<String> {
    let (_, status) = line.split_once("Connection closed: ")?;
    Some(status.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_found_behind_the_drawing() {
        let line = "\u{1b}[A\u{1b}[L< url:http://x/a< b, status: В очереди";
        assert_eq!(
            received(line).as_deref(),
            Some("url:http://x/a< b, status: В очереди")
        );
        assert_eq!(received("\u{1b}8\u{1b}[B> \u{1b}7"), None);
        assert_eq!(received("< typed by nobody"), None);
        let line = "> \r\u{1b}[KConnection closed: 1001 (going away).";
        assert_eq!(close(line).as_deref(), Some("1001 (going away)"));
    }
}
