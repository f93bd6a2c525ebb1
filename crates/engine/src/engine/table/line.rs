//! The waiting as one line: the queued, the paused and those between two tries, in the order in which
//! they would start. Moves them, tells of them, and takes new wishes for what does not run.

use super::changing::replace;
use super::commands::{illegal, unknown};
use super::{Entry, Reply, Table, answer};
use crate::engine::Seat;
use crate::engine::queue::Between;
use crate::error::Result;
use crate::spec::{Id, Spec};

impl Table {
    /// At most `most` of the waiting: from place `from` on, or backwards from the last one when that is
    /// less than 0.
    pub(super) fn waiting(&self, from: i64, most: usize) -> Vec<(Id, Spec)> {
        let skipped = match from {
            0.. => usize::try_from(from),
            // As far from the last one as -1 is from it.
            _ => usize::try_from(-(from.saturating_add(1))),
        };
        let skipped = skipped.unwrap_or(usize::MAX);
        let known = |id: Id| self.spec(id).map(|spec| (id, spec));
        if from >= 0 {
            let ids = self.line.iter().skip(skipped).take(most);
            return ids.filter_map(known).collect();
        }
        if skipped >= self.line.len() {
            return Vec::new();
        }
        let ids = self.line.iter().rev().skip(skipped).take(most);
        ids.filter_map(known).collect()
    }

    pub(super) fn specs(&self, ids: &[Id]) -> Vec<(Id, Spec)> {
        let known = |id: &Id| Some((*id, self.spec(*id)?));
        ids.iter().filter_map(known).collect()
    }

    fn spec(&self, id: Id) -> Option<Spec> {
        match self.entries.get(&id)? {
            Entry::Running(running) => Some(running.record.spec.clone()),
            Entry::Resting { record, .. } => Some(record.spec()),
        }
    }

    pub(super) fn reseat(&mut self, id: Id, seat: Seat, reply: Reply<Result<usize>>) {
        let Some(now) = self.line.iter().position(|held| held == id) else {
            let why = match self.entries.get(&id) {
                Some(_) => illegal(id, "only waiting downloads have a place", "moved"),
                None => self.absent(id, "moved"),
            };
            return answer(reply, Err(why));
        };
        let last = self.line.len().saturating_sub(1);
        let signed = |place: usize| i64::try_from(place).unwrap_or(i64::MAX);
        let wanted = match seat {
            Seat::Front(places) => places,
            Seat::Further(places) => signed(now).saturating_add(places),
            Seat::Last(places) => signed(last).saturating_add(places),
        };
        let wanted = usize::try_from(wanted.max(0)).map_or(last, |wanted| wanted.min(last));
        if wanted == now {
            return answer(reply, Ok(now));
        }
        let Some((mut record, found)) = self.take(id) else {
            return answer(reply, Err(unknown(id)));
        };
        if self.line.place_at(wanted, record.spec.priority) == Between::Full {
            self.spread_ranks();
        }
        if let Between::Free(place) = self.line.place_at(wanted, record.spec.priority) {
            record.rank = place.rank;
            record.spec.priority = place.priority;
            self.last_rank = self.last_rank.max(place.rank);
        }
        let records = vec![record.clone()];
        self.show(&record);
        self.rest(record, found);
        self.admit();
        self.tell_positions();
        self.save(records, move |saved| answer(reply, saved.map(|()| wanted)));
    }

    pub(super) fn ask_anew(&mut self, id: Id, mut spec: Spec, reply: Reply) {
        if let Some(Entry::Running(_)) = self.entries.get(&id) {
            return answer(reply, Err(illegal(id, "it runs", "asked for anew")));
        }
        let Some((mut record, found)) = self.take(id) else {
            return answer(reply, Err(self.absent(id, "asked for anew")));
        };
        // The scratch file lies where the finished one can be put by a mere rename.
        if record.scratch.is_some() && record.spec.dir != spec.dir {
            self.rest(record, found);
            let why = "its directory stays as it has begun";
            return answer(reply, Err(illegal(id, why, "asked for anew")));
        }
        // What an earlier request has found is no answer to the new one.
        drop(found);
        if record.spec.url != spec.url {
            replace(spec.url.clone(), &mut record);
            spec.headers.clone_from(&record.spec.headers);
        }
        record.spec = Spec {
            priority: record.spec.priority,
            ..spec
        };
        self.update(record, None, reply);
    }
}
