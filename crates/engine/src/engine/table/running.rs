//! The running half of the table: who may start, what a run is given, and what becomes of its record
//! when it has ended.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::watch;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use super::{Entry, Reply, Table, Wish, answer};
use crate::context::Tuning;
use crate::crash::{Point, point};
use crate::download::{Download, Finish, How, Wanted};
use crate::engine::change::Edit;
use crate::error::{Error, Kind, Result};
use crate::limit::{Bucket, Rates};
use crate::plan::ranges::RangeSet;
use crate::plan::seals::Seals;
use crate::plan::state::{Input, Status};
use crate::spec::{Id, Spec};
use crate::store::Record;

/// A download that runs, as the table knows it.
pub(super) struct Running {
    pub(super) stop: CancellationToken,
    pub(super) tuning: watch::Sender<Tuning>,
    pub(super) wanted: Arc<Wanted>,
    pub(super) rate: Arc<Bucket>,
    /// As it was at the start; its `spec` follows changes.
    pub(super) record: Box<Record>,
    /// What is done to its spec once it has stopped for that.
    pub(super) edits: Vec<(Edit, Reply)>,
    pub(super) wishes: Vec<(Wish, Reply)>,
}

impl Running {
    /// Whether it has been told to stop, for whatever reason.
    pub(super) fn is_stopping(&self) -> bool {
        !self.edits.is_empty() || !self.wishes.is_empty()
    }
}

impl Table {
    /// Starts what may start.
    pub(super) fn admit(&mut self) {
        while !self.stopping && self.has_place() {
            let Some(id) = self.queue.first() else { break };
            self.start(id);
        }
        let is_wanted = self.queue.first().is_some();
        self.context
            .place_wanted
            .send_if_modified(|wanted| std::mem::replace(wanted, is_wanted) != is_wanted);
    }

    /// Whether one more may run. Those that only wait for the disk, with others, take no place.
    fn has_place(&self) -> bool {
        let inside = self.context.groups.inside_now();
        let fetching = self.running.len().saturating_sub(inside);
        let groups = &self.context.groups;
        fetching < self.settings.max_downloads && (groups.has_room() || groups.is_stuck())
    }

    fn start(&mut self, id: Id) {
        let waited = self.waiting.remove(id);
        let Some((record, found)) = self.lift(id) else {
            return;
        };
        let mut record = Box::new(record);
        let Some(status) = record.status.step(Input::Start) else {
            return;
        };
        record.status = status;
        record.error = None;
        record.skipped = false;
        self.context.live.update(id, |view| {
            view.status = status;
            view.position = None;
            view.error = None;
            view.reason = None;
        });
        let rate = Arc::new(Bucket::new(record.spec.speed_limit));
        let (tuning, tunings) = watch::channel(self.tuning(&record.spec));
        let wanted = Arc::new(Wanted::new(Finish::of(&record.spec)));
        let stop = CancellationToken::new();
        let download = Download {
            context: self.context.clone(),
            is_recorded: record.started_at.is_some(),
            knows_resource: !record.done.is_empty(),
            ranges_proven: false,
            has_begun: record.resource.is_some() && !record.url_replaced,
            failures: waited.as_ref().map_or(0, |wait| wait.failures),
            outwaited: 0,
            unfit: waited.and_then(|wait| wait.unfit),
            record: Record::clone(&record),
            found: found.map(|found| *found),
            rates: Rates::new(self.context.limits.clone(), rate.clone()),
            tuning: tunings,
            wanted: wanted.clone(),
            stop: stop.clone(),
        };
        let task = self.running.spawn_on(download.run(), &self.transfers);
        self.tasks.insert(task.id(), id);
        self.entries.insert(
            id,
            Entry::Running(Running {
                stop,
                tuning,
                wanted,
                rate,
                record,
                edits: Vec::new(),
                wishes: Vec::new(),
            }),
        );
    }

    pub(super) fn tuning(&self, spec: &Spec) -> Tuning {
        Tuning {
            threads: spec.threads.unwrap_or(self.settings.threads),
            block_size: spec.block_size.unwrap_or(self.settings.block_size),
        }
    }

    /// A download has ended: its record is the table's again, and those who waited are served.
    pub(super) fn settle(&mut self, ended: Result<(tokio::task::Id, (Record, How)), JoinError>) {
        let task = ended.as_ref().map_or_else(JoinError::id, |(task, _)| *task);
        let Some(id) = self.tasks.remove(&task) else {
            return;
        };
        let Some(Entry::Running(running)) = self.entries.remove(&id) else {
            return;
        };
        let (mut record, how) = match ended {
            Ok((_, ended)) => ended,
            Err(broken) => {
                tracing::error!(%id, %broken, "a download broke off");
                let error = Error::new(
                    Kind::IllegalState,
                    "haul made a mistake; retry starts this download afresh",
                );
                (without_bytes(&running.record), How::Failed(error))
            }
        };
        record.spec = running.record.spec;
        self.end(&mut record, how);
        let (edits, wishes) = (running.edits, running.wishes);
        // What completed has been recorded by its own task, and everything else comes too late for it.
        if record.status == Status::Completed {
            self.show(&record);
            self.rest(record, None);
            for (_, reply) in edits {
                answer(reply, Err(self.absent(id, "changed")));
            }
        } else {
            self.settle_unfinished(record, edits, &wishes);
        }
        for (wish, reply) in wishes {
            self.wish(id, wish, reply);
        }
    }

    /// Says in the record how the run has ended. One that waits for its next try leaves the queue until
    /// then.
    fn end(&mut self, record: &mut Record, how: How) {
        let id = record.id;
        let queued = record.status.step(Input::Resume);
        match how {
            How::Completed => tracing::info!(%id, path = ?record.path, "completed"),
            How::Stopped => record.status = queued.unwrap_or(Status::Queued),
            How::Waits(wait) => {
                record.status = queued.unwrap_or(Status::Queued);
                self.waiting.insert(id, wait);
            }
            How::Failed(error) => {
                tracing::warn!(%id, %error, code = error.kind.code(), "failed");
                record.status = record.status.step(Input::Fail).unwrap_or(Status::Failed);
                record.finished_at = Some(SystemTime::now());
                record.error = Some(error);
            }
        }
    }

    /// Edits and records what has ended before its file was complete. What was stopped for nothing but
    /// its edits runs on, whoever else waits for a place.
    fn settle_unfinished(
        &mut self,
        mut record: Record,
        edits: Vec<(Edit, Reply)>,
        wishes: &[(Wish, Reply)],
    ) {
        let id = record.id;
        let mut edited = Vec::new();
        let runs_on = !edits.is_empty()
            && !self.stopping
            && record.status == Status::Queued
            && wishes.is_empty();
        for (edit, reply) in edits {
            match Table::edit_record(&mut record, &edit) {
                Ok(_) => edited.push(reply),
                Err(error) => answer(reply, Err(error)),
            }
        }
        point(Point::Halted);
        let saved = self.context.store.put(vec![record.clone()]);
        // A wish shows what it leads to; who has edited is answered before.
        if wishes.is_empty() || !edited.is_empty() {
            self.show(&record);
        }
        self.rest(record, None);
        if runs_on {
            self.waiting.remove(id);
            self.start(id);
        }
        let shown = self.present(id);
        self.when_durable(saved, move |saved| {
            if edited.is_empty() {
                return;
            }
            point(Point::Edited);
            for reply in edited {
                answer(reply, saved.clone().and(shown.clone()));
            }
        });
    }
}

/// The record of a run that broke off: what it held is known to nobody, and what it held at its start
/// may be gone.
fn without_bytes(record: &Record) -> Record {
    Record {
        done: RangeSet::new(),
        seals: Seals::default(),
        resource: None,
        inode: None,
        ..record.clone()
    }
}
