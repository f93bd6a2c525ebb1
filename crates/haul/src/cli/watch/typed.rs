//! What comes from the terminal: read by a thread of its own and told in bursts, because text that a
//! terminal pastes is told from keys by nothing but its pace. Knows nothing of what keys do.

use std::io;
use std::mem;
use std::thread;
use std::time::Duration;

use crossterm::event::{self, Event};
use tokio::sync::mpsc::{self, Receiver};
use tokio::time::timeout;

/// What comes within so much of each other was not typed by hand, whose keys are 30 ms apart when one is
/// held; no eye sees a key that waits for so long.
const APART: Duration = Duration::from_millis(10);
/// Somebody who types without an end is listened to nevertheless.
const MOST: usize = 1 << 16;
/// How much is read ahead; the rest waits in the terminal.
const READ_AHEAD: usize = 1024;

/// The keys, pastes and sizes of the terminal.
pub(super) struct Typed {
    events: Receiver<io::Result<Event>>,
    burst: Vec<Event>,
}

impl Typed {
    /// Begins to read. The thread ends with the terminal, with the one who listens, or with the process:
    /// nothing wakes a thread that waits for a key.
    pub(super) fn listen() -> io::Result<Typed> {
        let (tell, events) = mpsc::channel(READ_AHEAD);
        let read = move || {
            loop {
                let event = event::read();
                let is_over = event.is_err();
                if tell.blocking_send(event).is_err() || is_over {
                    return;
                }
            }
        };
        thread::Builder::new().name("keys".to_owned()).spawn(read)?;
        Ok(Typed {
            events,
            burst: Vec::new(),
        })
    }

    /// What comes next, with all that comes together with it. Not waited for to the end, it loses nothing.
    pub(super) async fn burst(&mut self) -> io::Result<Vec<Event>> {
        while self.burst.len() < MOST {
            let next = match self.burst.is_empty() {
                true => self.events.recv().await,
                false => match timeout(APART, self.events.recv()).await {
                    Ok(next) => next,
                    Err(_) => break,
                },
            };
            let gone = || io::Error::new(io::ErrorKind::UnexpectedEof, "the terminal is gone");
            self.burst.push(next.ok_or_else(gone)??);
        }
        Ok(mem::take(&mut self.burst))
    }
}
