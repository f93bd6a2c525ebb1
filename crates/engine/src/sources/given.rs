//! Whose bytes are held: what each source has given, and whether that makes one file.

use std::ops::Range;

use tokio::time::Instant;

use super::{Patience, Sources, Standing};
use crate::error::Error;
use crate::plan::ranges::RangeSet;

impl Sources {
    /// These bytes have come of it.
    pub(crate) fn gave(&mut self, at: usize, bytes: Range<u64>, now: Instant) {
        if bytes.is_empty() {
            return;
        }
        let place = &mut self.places[at];
        place.rest.take_if(|(until, _)| *until <= now);
        place.failures = 0;
        place.patience = Patience::Some;
        place.given.insert(bytes);
    }

    /// These bytes are held, and of those that have not come in this run nobody knows who has given them.
    pub(crate) fn inherit(&mut self, held: &RangeSet) {
        let mut inherited = held.clone();
        for given in self.places.iter().flat_map(|place| place.given.iter()) {
            inherited.remove(given);
        }
        self.inherited = inherited;
    }

    /// Whether the bytes may be those of several sources.
    pub(crate) fn are_mixed(&self) -> bool {
        self.givers().len() > 1 || !self.inherited.is_empty()
    }

    /// Those of which bytes have come in this run.
    pub(crate) fn givers(&self) -> Vec<usize> {
        let gave = |at: &usize| !self.places[*at].given.is_empty();
        (0..self.len()).filter(gave).collect()
    }

    /// The bytes that may have come of others than this one.
    pub(crate) fn given_by_others_than(&self, at: usize) -> RangeSet {
        let others = (0..self.len()).filter(|other| *other != at);
        let given = others.flat_map(|other| self.places[other].given.iter());
        given.chain(self.inherited.iter()).collect()
    }

    /// The whole file has this digest, which is not what was expected. Returns whether it may be had
    /// from one source alone; when two ways to it lead to one digest, the sources are not to blame.
    pub(crate) fn gave_wrong(&mut self, digest: String, why: &Error) -> bool {
        if self.digests.contains(&digest) {
            return false;
        }
        self.digests.push(digest);
        if !self.are_mixed() {
            let giver = self.givers().first().copied().unwrap_or(self.lead());
            self.places[giver].standing = Standing::Out(why.clone());
        }
        self.alone = true;
        // Whoever was set aside has another file than the one that is wrong.
        self.places.iter().any(|place| !place.is_out())
    }
}
