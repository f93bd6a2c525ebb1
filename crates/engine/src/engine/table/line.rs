//! The waiting as one line: the queued, the paused and those between two tries, in the order in which
//! they would start. Moves them and tells of them.

use super::commands::{illegal, unknown};
use super::{Entry, Reply, Table, answer};
use crate::engine::Seat;
use crate::engine::queue::{Between, Queue};
use crate::error::Result;
use crate::probe::Found;
use crate::spec::{Id, Spec};
use crate::store::Record;

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
        let Some((record, found)) = self.lift_to(id, wanted, |table| &table.line) else {
            return answer(reply, Err(unknown(id)));
        };
        self.put_back(record, found, move |view| {
            answer(reply, view.map(|_| wanted));
        });
    }

    /// Takes a resting record out, with the rank and the priority that put it at this place of `line`.
    pub(super) fn lift_to(
        &mut self,
        id: Id,
        place: usize,
        line: fn(&Table) -> &Queue,
    ) -> Option<(Record, Option<Box<Found>>)> {
        let (mut record, found) = self.lift(id)?;
        if line(self).place_at(place, record.spec.priority) == Between::Full {
            self.spread_ranks();
        }
        if let Between::Free(place) = line(self).place_at(place, record.spec.priority) {
            record.rank = place.rank;
            record.spec.priority = place.priority;
            self.last_rank = self.last_rank.max(place.rank);
        }
        Some((record, found))
    }

    /// Gives the waiting ranks with room between them, in their present order.
    fn spread_ranks(&mut self) {
        let mut moved = Vec::new();
        for (id, rank) in self.line.spread() {
            let Some(Entry::Resting { record, .. }) = self.entries.get_mut(&id) else {
                continue;
            };
            let before = record.place();
            record.set_rank(rank);
            self.line.remove(id, before);
            self.line.insert(id, record.place());
            // The paused and those between two tries are not in it.
            if self.queue.remove(id, before) {
                self.queue.insert(id, record.place());
            }
            self.last_rank = self.last_rank.max(rank);
            moved.push(record.clone().unpack(id));
        }
        let saved = self.context.store.put(moved);
        self.when_durable(saved, |_| ());
    }
}
