//! What became of each download: told once, on stdout when it was delivered, on stderr when not.

use std::collections::HashSet;
use std::io;

use haul_engine::error::redacted;
use haul_engine::{Id, Live, Status, View};
use url::Url;

use super::Leave;
use crate::api::{Detail, Download};
use crate::cli::exit;
use crate::cli::output::{self, JsonOutput, Verbosity};
use crate::cli::paint::plain;
use crate::human;

/// How downloads that ended are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tell {
    /// The path of each delivered file.
    Paths,
    /// A JSON object for each that ended.
    Json,
    /// Errors only.
    Errors,
}

/// What has ended so far.
pub(super) struct Outcome {
    tell: Tell,
    told: HashSet<Id>,
    delivered: usize,
    failed: Vec<u8>,
    /// Downloads that have not ended.
    open: usize,
    /// Bytes held for downloads that were not delivered.
    held: u64,
}

impl Outcome {
    pub(super) fn new(verbosity: Verbosity, json: JsonOutput) -> Outcome {
        let tell = match (json.json, verbosity.quiet) {
            (true, _) => Tell::Json,
            (false, true) => Tell::Errors,
            (false, false) => Tell::Paths,
        };
        Outcome {
            tell,
            told: HashSet::new(),
            delivered: 0,
            failed: Vec::new(),
            open: 0,
            held: 0,
        }
    }

    /// How many have ended.
    pub(super) fn ended(&self) -> usize {
        self.told.len()
    }

    /// How many were delivered.
    pub(super) fn delivered(&self) -> usize {
        self.delivered
    }

    /// Takes note of a download, and tells its end the first time it is seen.
    pub(super) fn see(&mut self, view: &View) -> io::Result<()> {
        if !view.status.is_over() || !self.told.insert(view.id) {
            return Ok(());
        }
        if view.status == Status::Completed {
            self.delivered += 1;
        } else {
            self.failed.push(code(view));
        }
        if self.tell == Tell::Json {
            output::data(serde_json::to_string(&Download::whole(
                view,
                Detail::Plain,
            ))?)?;
        }
        if let Some(error) = &view.error {
            output::note(format_args!(
                "failed: {}: {}",
                shown(&view.url),
                plain(&error.detail)
            ));
            output::note(format_args!("  {}", exit::next_step(error.kind)));
            return Ok(());
        }
        match &view.path {
            Some(path) if self.tell == Tell::Paths && view.status == Status::Completed => {
                output::data(path.display())
            }
            _ => Ok(()),
        }
    }

    /// Looks at all of them for the last time. Returns what is held, in words.
    pub(super) fn take_stock(&mut self, live: &Live, ids: &[Id]) -> io::Result<String> {
        // `None` once the size of one is unknown.
        let mut open_size = Some((0, 0));
        for id in ids {
            let Some(view) = live.get(*id) else { continue };
            self.see(&view)?;
            if view.status != Status::Completed {
                self.held += view.done;
            }
            if view.status.is_over() {
                continue;
            }
            self.open += 1;
            open_size = open_size
                .zip(view.size)
                .map(|((done, size), more)| (done + view.done, size + more));
        }
        Ok(match open_size {
            Some((done, size)) => {
                format!("{} of {} are kept", human::size(done), human::size(size))
            }
            None => format!("{} are kept", human::size(self.held)),
        })
    }

    /// Whether some had not ended when stock was taken.
    pub(super) fn is_open(&self) -> bool {
        self.open > 0
    }

    /// The exit code of each that failed.
    pub(super) fn codes(&self) -> impl Iterator<Item = u8> + '_ {
        self.failed.iter().copied()
    }

    /// Whether the next run of the command needs anything of this one. What was delivered beside
    /// something that was not is remembered, so that it is not fetched again.
    pub(super) fn leave(&self) -> Leave {
        let unfinished = self.open > 0 || !self.failed.is_empty();
        if unfinished && (self.held > 0 || self.delivered > 0) {
            return Leave::State;
        }
        Leave::Nothing
    }
}

/// A URL without what is secret in it.
fn shown(url: &str) -> String {
    match Url::parse(url) {
        Ok(url) => redacted(&url),
        Err(_) => String::new(),
    }
}

fn code(view: &View) -> u8 {
    view.error
        .as_ref()
        .map_or(exit::FAILED, |error| exit::code(error.kind, error.status))
}
