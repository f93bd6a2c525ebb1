//! How downloads come into the table: recorded first, and once only for each key of a caller.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::FutureExt;

use super::{After, Entry, NewRecord, ReplyAll, Table, answer};
use crate::crash::{Point, point};
use crate::engine::once::Known;
use crate::engine::queue::Queue;
use crate::engine::show;
use crate::engine::{Key, New};
use crate::error::{Error, Kind};
use crate::event::View;
use crate::spec::Id;
use crate::store::{Once, Record};

impl Table {
    /// Adds downloads, unless that was done under this key before.
    pub(super) fn add_once(&mut self, key: Key, new: Vec<New>, reply: ReplyAll) {
        let now = SystemTime::now();
        match self.requests.look_up(&key, new.len(), now, reply) {
            Ok(Known::New(reply)) => {
                self.add(new, Some(key), reply);
            }
            Ok(Known::UnderWay) => {}
            Ok(Known::Done(ids, reply)) => answer(reply, Ok(self.views(&ids))),
            Err((error, reply)) => answer(reply, Err(error)),
        }
    }

    /// Records new downloads; they exist when that is durable.
    pub(super) fn add(&mut self, new: Vec<New>, key: Option<Key>, reply: ReplyAll) {
        if let Some(taken) = self.taken(&new) {
            let detail = format!("there is a download {taken} already");
            return answer(reply, Err(Error::new(Kind::IllegalState, detail)));
        }
        if let Some(key) = &key {
            self.requests.begin(key.clone());
        }
        let now = SystemTime::now();
        let new: Vec<NewRecord> = new
            .into_iter()
            .map(|new| {
                let (id, spec, found) = match new {
                    New::Unseen(spec) => (self.new_id(), spec, None),
                    New::Named(id, spec) => (id, spec, None),
                    New::Probed(probed) => {
                        (self.new_id(), probed.spec, Some(Box::new(probed.found)))
                    }
                };
                self.coming.insert(id);
                self.last_rank = Queue::rank_after(self.last_rank);
                let mut record = Record::new(id, spec, self.last_rank, now);
                record.resource = found.as_ref().map(|found| found.resource.clone());
                (record, found)
            })
            .collect();
        let records = new.iter().map(|(record, _)| record.clone()).collect();
        let request = key.map(|key| Once {
            key: key.name,
            digest: key.digest,
            ids: new.iter().map(|(record, _)| record.id).collect(),
            at: now,
        });
        let saved = match &request {
            Some(request) => self.context.store.put_once(records, request.clone()),
            None => self.context.store.put(records),
        };
        let adding = async move {
            match saved.await {
                Ok(()) => After::Added(new, request, reply),
                Err(error) => {
                    let ids = new.iter().map(|(record, _)| record.id).collect();
                    After::NotAdded(ids, error, request, reply)
                }
            }
        };
        self.saving.push(adding.boxed());
    }

    /// Takes recorded downloads into the table, starts what may start, and answers.
    pub(super) fn take_in(&mut self, new: Vec<NewRecord>, request: Option<Once>, reply: ReplyAll) {
        point(Point::Added);
        let ids: Vec<Id> = new.iter().map(|(record, _)| record.id).collect();
        self.let_come_no_more(&ids);
        for (record, found) in new {
            self.context.live.insert(show::view(
                &record,
                &self.settings,
                &self.context.config.dir,
            ));
            self.rest(record, found);
        }
        self.admit();
        self.let_go_of_connections(&ids);
        self.tell_positions();
        for waiting in self.end_request(request, Some) {
            answer(waiting, Ok(self.views(&ids)));
        }
        answer(reply, Ok(self.views(&ids)));
    }

    /// Downloads that could not be recorded do not exist, and their ids are free again.
    pub(super) fn leave_out(
        &mut self,
        ids: &[Id],
        error: &Error,
        request: Option<Once>,
        reply: ReplyAll,
    ) {
        self.let_come_no_more(ids);
        for waiting in self.end_request(request, |_| None) {
            answer(waiting, Err(error.clone()));
        }
        answer(reply, Err(error.clone()));
    }

    /// Remembers what `done` makes of a request that was under way. Returns who has sent it again
    /// meanwhile.
    fn end_request(
        &mut self,
        request: Option<Once>,
        done: impl FnOnce(Once) -> Option<Once>,
    ) -> Vec<ReplyAll> {
        let Some(request) = request else {
            return Vec::new();
        };
        let key = request.key.clone();
        self.requests.end(&key, done(request))
    }

    /// Those that are still there.
    fn views(&self, ids: &[Id]) -> Vec<Arc<View>> {
        ids.iter()
            .filter_map(|id| self.context.live.get(*id))
            .collect()
    }

    fn new_id(&self) -> Id {
        loop {
            let id = Id(fastrand::u64(1..));
            if !self.is_taken(id) {
                return id;
            }
        }
    }

    fn is_taken(&self, id: Id) -> bool {
        self.context.live.get(id).is_some()
            || self.entries.contains_key(&id)
            || self.coming.contains(&id)
    }

    /// An id of these that belongs to another download already.
    fn taken(&self, new: &[New]) -> Option<Id> {
        let mut seen = HashSet::new();
        let mut named = new.iter().filter_map(|new| match new {
            New::Named(id, _) => Some(*id),
            New::Unseen(_) | New::Probed(_) => None,
        });
        named.find(|id| self.is_taken(*id) || !seen.insert(*id))
    }

    /// These downloads are in the table from now on, or never will be.
    fn let_come_no_more(&mut self, ids: &[Id]) {
        for id in ids {
            self.coming.remove(id);
        }
    }

    /// A download that waits for its turn keeps no connection from others.
    fn let_go_of_connections(&mut self, ids: &[Id]) {
        for id in ids {
            if let Some(Entry::Resting {
                found: Some(found), ..
            }) = self.entries.get_mut(id)
            {
                found.let_go();
            }
        }
    }
}
