//! The URLs between `start` and `end`: asked about at once, answered in the order of their lines.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use haul_engine::{Id, Spec};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use super::backend::{Backend, Checked};
use super::phrase::{self, Phrase};
use crate::api::types::download::path_url;

/// Most URLs of one connection that are asked about at once.
const MOST_CHECKS: usize = 16;

/// The line that ends recording.
pub(super) const END: &str = "end";

pub(super) struct Recording<P> {
    /// In the order of the lines: a slow one holds back the answers of those after it.
    checks: FuturesOrdered<BoxFuture<'static, (Option<Url>, Verdict<P>)>>,
    /// Those being asked about: the same URL is not asked about twice at once.
    checking: HashSet<Url>,
    accepted: HashSet<Url>,
    probed: Vec<P>,
    paused: Vec<Id>,
}

/// What became of a line.
pub(super) enum Heard {
    /// It is dealt with.
    Taken,
    /// It has its turn when another check has ended.
    Waits,
    /// It ends the recording.
    End,
}

enum Verdict<P> {
    NotAUrl,
    Checked(Checked<P>),
    /// The check itself broke.
    Broken,
}

impl<P> Default for Recording<P> {
    fn default() -> Recording<P> {
        Recording {
            checks: FuturesOrdered::new(),
            checking: HashSet::new(),
            accepted: HashSet::new(),
            probed: Vec::new(),
            paused: Vec::new(),
        }
    }
}

impl<P: Send + 'static> Recording<P> {
    /// Takes a line, if it may have its turn.
    pub(super) fn hear<B: Backend<Probed = P>>(&mut self, line: &str, backend: &Arc<B>) -> Heard {
        if line == END {
            return if self.checks.is_empty() {
                Heard::End
            } else {
                Heard::Waits
            };
        }
        if line.is_empty() {
            return Heard::Taken;
        }
        if self.checks.len() >= MOST_CHECKS {
            return Heard::Waits;
        }
        let Ok(mut url) = Spec::parse_url(line) else {
            self.checks
                .push_back(Box::pin(async { (None, Verdict::NotAUrl) }));
            return Heard::Taken;
        };
        // A server never sees it: with another one it is the same file.
        url.set_fragment(None);
        if self.checking.contains(&url) {
            return Heard::Waits;
        }
        if self.accepted.contains(&url) {
            return Heard::Taken;
        }
        self.checking.insert(url.clone());
        let backend = backend.clone();
        let asked = url.clone();
        // A task of its own: it goes on while the client is slow to take an answer.
        let check = AbortOnDropHandle::new(tokio::spawn(async move { backend.check(asked).await }));
        self.checks.push_back(Box::pin(async move {
            let verdict = check.await.map_or(Verdict::Broken, Verdict::Checked);
            (Some(url), verdict)
        }));
        Heard::Taken
    }

    /// Waits for the next check in the order of the lines; the answer is for a URL that was not
    /// accepted. Without a check it waits for ever.
    pub(super) async fn checked(&mut self) -> Option<Phrase> {
        let Some((url, verdict)) = self.checks.next().await else {
            return std::future::pending().await;
        };
        if let Some(url) = &url {
            self.checking.remove(url);
        }
        let checked = match verdict {
            Verdict::NotAUrl => return Some(phrase::NOT_A_URL),
            Verdict::Broken => return Some(phrase::DEAD_URL),
            Verdict::Checked(checked) => checked,
        };
        match checked {
            Checked::New(probed) => self.probed.push(probed),
            Checked::Underway => {}
            Checked::Paused(id) => self.paused.push(id),
            Checked::Delivered(path) => {
                return Some(Phrase::DeliveredBefore {
                    file: path_url(&path),
                });
            }
            Checked::NotAFile => return Some(phrase::NOT_A_FILE),
            Checked::Dead => return Some(phrase::DEAD_URL),
        }
        self.accepted.extend(url);
        None
    }

    /// What is to be submitted; `None` when no URL was accepted.
    pub(super) fn batch(self) -> Option<(Vec<P>, Vec<Id>)> {
        (!self.accepted.is_empty()).then_some((self.probed, self.paused))
    }
}
