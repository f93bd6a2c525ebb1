//! Where one download's bytes come from: the user's URL, and where redirects led last.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use url::Url;

use crate::limit::{Ahead, Owner};

/// So many answers in a row must speak of another version before that is believed: a node of many
/// may be behind the others, or name the same bytes differently.
const BELIEVED: u32 = 16;

/// The same, once the right version came back after another one: then some nodes have it.
const BELIEVED_OF_MANY_NODES: u32 = 128;

/// Of so many answers is remembered where they began, at least.
const REMEMBERED: usize = 256;

/// Where one download's bytes come from. All its threads share it.
pub(crate) struct Source {
    /// The URL that the user gave.
    pub(crate) home: Url,
    /// Its own request headers.
    pub(crate) headers: Vec<(String, String)>,
    /// Whose share of the connections it takes.
    pub(crate) owner: Owner,
    /// Connections for its threads, made while the first answer is awaited.
    pub(crate) ahead: Ahead,
    /// Where the last walk along the redirects ended.
    at: Mutex<Url>,
    /// Where answers to requests for a block began: of all, or of some when they are very many.
    answers: Mutex<Vec<u64>>,
    /// Microseconds from a request to its first byte, about as the last ones took; 0 at first.
    setup: AtomicU64,
    /// Whether an answer's own length did not bear out what it said to bring.
    is_doubtful: AtomicBool,
    /// Answers in a row that spoke of another version than the one that was begun.
    strangers: AtomicU32,
    /// Whether the right version came back after such an answer.
    has_many_nodes: AtomicBool,
}

impl Source {
    pub(crate) fn new(home: Url, headers: Vec<(String, String)>, owner: Owner) -> Source {
        Source {
            at: Mutex::new(home.clone()),
            home,
            headers,
            owner,
            ahead: Ahead::default(),
            answers: Mutex::default(),
            setup: AtomicU64::new(0),
            is_doubtful: AtomicBool::new(false),
            strangers: AtomicU32::new(0),
            has_many_nodes: AtomicBool::new(false),
        }
    }

    /// Where the bytes are, after redirects.
    pub(crate) fn address(&self) -> Url {
        self.at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes note of an answer that spoke of another version; returns whether the file may still be
    /// had as it was begun, from another node.
    pub(crate) fn met_stranger(&self) -> bool {
        let in_a_row = self.strangers.fetch_add(1, Ordering::Relaxed) + 1;
        let many = self.has_many_nodes.load(Ordering::Relaxed);
        in_a_row
            < if many {
                BELIEVED_OF_MANY_NODES
            } else {
                BELIEVED
            }
    }

    /// Notes where the right bytes are.
    pub(crate) fn found_at(&self, url: Url) {
        if self.strangers.swap(0, Ordering::Relaxed) > 0 {
            self.has_many_nodes.store(true, Ordering::Relaxed);
        }
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = url;
    }

    /// Takes note of the time from a request, its connection included, to the head of its answer.
    pub(crate) fn took(&self, first_byte: Duration) {
        let micros = u64::try_from(first_byte.as_micros()).unwrap_or(u64::MAX);
        // Two at once may forget one of them, which an estimate can bear.
        let smooth = match self.setup.load(Ordering::Relaxed) {
            0 => micros,
            before => before - before / 4 + micros / 4,
        };
        self.setup.store(smooth, Ordering::Relaxed);
    }

    /// What a request is expected to cost before its first byte.
    pub(crate) fn setup(&self) -> Duration {
        Duration::from_micros(self.setup.load(Ordering::Relaxed))
    }

    /// Takes note of an answer with the bytes from `first` on that were asked for.
    pub(crate) fn answered_from(&self, first: u64) {
        let mut answers = self.lock_answers();
        if answers.len() == 2 * REMEMBERED {
            let mut is_kept = false;
            answers.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
        }
        answers.push(first);
    }

    /// Takes note of a part whose body has no declared length: it may be longer than it should be, and
    /// then it is something else.
    pub(crate) fn doubt(&self) {
        self.is_doubtful.store(true, Ordering::Relaxed);
    }

    /// Whether strong validators are not enough.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.is_doubtful.load(Ordering::Relaxed)
    }

    /// Whether a request for a block was ever answered with it.
    pub(crate) fn has_answered(&self) -> bool {
        !self.lock_answers().is_empty()
    }

    /// Where answers began.
    pub(crate) fn answers(&self) -> Vec<u64> {
        self.lock_answers().clone()
    }

    fn lock_answers(&self) -> MutexGuard<'_, Vec<u64>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_very_many_answers_some_of_all_times_are_remembered() {
        let home = Url::parse("http://host/").expect("a URL");
        let source = Source::new(home, Vec::new(), Owner::Nobody);
        assert!(!source.has_answered());
        let all = 100 * REMEMBERED as u64;
        (0..all).for_each(|first| source.answered_from(first));
        let answers = source.answers();
        assert!((REMEMBERED..=2 * REMEMBERED).contains(&answers.len()));
        assert_eq!((answers[0], answers[answers.len() - 1]), (0, all - 1));
    }
}
