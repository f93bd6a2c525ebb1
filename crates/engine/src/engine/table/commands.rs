//! What users ask of a download in the table: pause, resume, cancel, remove, move. Each answers when it
//! has taken effect and is durable.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::FutureExt;

use super::{After, Entry, Reply, Table, Wish, answer};
use crate::crash::{Point, point};
use crate::disk::ScratchDir;
use crate::engine::Files;
use crate::error::{Error, Kind, Result};
use crate::event::View;
use crate::folder::remove_file_in;
use crate::plan::state::{Input, Status};
use crate::probe::Found;
use crate::spec::Id;
use crate::store::Record;

impl Table {
    /// Fulfils a wish, at once or when the download has stopped.
    pub(super) fn wish(&mut self, id: Id, wish: Wish, reply: Reply) {
        match self.entries.get_mut(&id) {
            None => match wish {
                Wish::Pause => answer(reply, Err(self.absent(id, "paused"))),
                Wish::Resume => answer(reply, Err(self.absent(id, "resumed"))),
                Wish::Cancel => answer(reply, Err(self.absent(id, "cancelled"))),
                Wish::Remove(files) => self.remove_completed(id, files, reply),
            },
            // What was asked for before may have let it go on already.
            Some(Entry::Running(_)) if matches!(wish, Wish::Resume) => self.resume(id, reply),
            Some(Entry::Running(running)) => {
                running.stop.cancel();
                running.wishes.push((wish, reply));
            }
            Some(Entry::Resting { .. }) => match wish {
                Wish::Pause => self.pause(id, reply),
                Wish::Resume => self.requeue(id, Input::Resume, reply),
                Wish::Cancel => self.cancel(id, reply),
                Wish::Remove(_) => self.remove(id, reply),
            },
        }
    }

    fn pause(&mut self, id: Id, reply: Reply) {
        let Some((mut record, found)) = self.take(id) else {
            return answer(reply, Err(unknown(id)));
        };
        match record.status.step(Input::Pause) {
            None if record.status == Status::Paused => {
                answer(reply, self.present(id));
                self.rest(record, found);
            }
            None => self.refuse(record, "paused", reply),
            Some(status) => {
                record.status = status;
                self.update(record, found, reply);
            }
        }
    }

    pub(super) fn cancel(&mut self, id: Id, reply: Reply) {
        let Some((mut record, _)) = self.take(id) else {
            return answer(reply, Err(unknown(id)));
        };
        let Some(status) = record.status.step(Input::Cancel) else {
            return self.refuse(record, "cancelled", reply);
        };
        let scratch = record.scratch.clone();
        let entry = self.scratch_entry(id);
        record = Record {
            status,
            attempts: record.attempts,
            wasted: record.wasted,
            started_at: record.started_at,
            finished_at: Some(SystemTime::now()),
            ..Record::new(id, record.spec, record.rank, record.added_at)
        };
        let view = self.show(&record);
        let saved = self.context.store.put(vec![record.clone()]);
        let cancelling = async move {
            let saved = saved.await;
            // Delete last: as long as the record speaks of the bytes they stay.
            if saved.is_ok() {
                point(Point::Cancelled);
                delete([scratch, Some(entry)]).await;
            }
            answer(reply, saved.map(|()| view));
            After::Nothing
        };
        self.saving.push(cancelling.boxed());
        self.rest(record, None);
        self.tell_positions();
    }

    fn remove(&mut self, id: Id, reply: Reply) {
        let Some((record, _)) = self.take(id) else {
            return answer(reply, Err(unknown(id)));
        };
        let forgotten = self.context.store.remove(vec![id]);
        let live = self.context.live.clone();
        let entry = Some(self.scratch_entry(id));
        let removing = async move {
            if let Err(error) = forgotten.await {
                answer(reply, Err(error));
                return After::Kept(Box::new(record));
            }
            point(Point::Removed);
            delete([record.scratch, entry]).await;
            answer(reply, live.remove(id).ok_or_else(|| unknown(id)));
            After::Nothing
        };
        self.saving.push(removing.boxed());
    }

    /// Forgets a completed download, of which the table holds nothing.
    fn remove_completed(&mut self, id: Id, files: Files, reply: Reply) {
        let Some(view) = self.completed(id) else {
            return answer(reply, Err(unknown(id)));
        };
        let forgotten = self.context.store.remove(vec![id]);
        let live = self.context.live.clone();
        let root = self.context.config.root.clone();
        let is_ours = !self.skipped.contains(&id);
        let removing = async move {
            if let Err(error) = forgotten.await {
                answer(reply, Err(error));
                return After::Nothing;
            }
            let path = view.path.as_deref();
            let path = path.filter(|_| files == Files::Delete && is_ours);
            // Delete last. What stays all the same is told, for nobody else will.
            let deleted = match path {
                Some(path) => delete_delivered(path.to_owned(), root).await,
                None => Ok(()),
            };
            let removed = live.remove(id).ok_or_else(|| unknown(id));
            answer(reply, deleted.and(removed));
            After::Nothing
        };
        self.saving.push(removing.boxed());
    }

    fn completed(&self, id: Id) -> Option<Arc<View>> {
        let view = self.context.live.get(id);
        view.filter(|view| view.status == Status::Completed)
    }

    /// Why nothing can be done to a download that the table does not hold.
    pub(super) fn absent(&self, id: Id, what: &str) -> Error {
        match self.completed(id) {
            Some(_) => illegal(id, "it is completed", what),
            None => unknown(id),
        }
    }

    /// Where a scratch file is, or a link to it.
    fn scratch_entry(&self, id: Id) -> PathBuf {
        ScratchDir::of(&self.context.config.state_dir).entry(id)
    }

    pub(super) fn resume(&mut self, id: Id, reply: Reply) {
        match self.entries.get_mut(&id) {
            // One that is only stopped to be edited goes on anyway.
            Some(Entry::Running(running)) if running.wishes.is_empty() => {
                answer(reply, self.present(id));
            }
            // It is being stopped for somebody else: after that it is resumed.
            Some(Entry::Running(running)) => running.wishes.push((Wish::Resume, reply)),
            _ => self.requeue(id, Input::Resume, reply),
        }
    }

    /// Back into the queue.
    pub(super) fn requeue(&mut self, id: Id, input: Input, reply: Reply) {
        if let Some(Entry::Running(_)) = self.entries.get(&id) {
            return answer(reply, Err(illegal(id, "it runs", "tried again")));
        }
        let Some((mut record, found)) = self.take(id) else {
            let what = if input == Input::Resume {
                "resumed"
            } else {
                "tried again"
            };
            return answer(reply, Err(self.absent(id, what)));
        };
        match record.status.step(input) {
            None if input == Input::Resume && record.status == Status::Queued => {
                // It may have waited for its next try, and does so no more.
                answer(reply, Ok(self.show(&record)));
                self.rest(record, found);
            }
            None if input == Input::Resume => self.refuse(record, "resumed", reply),
            None => self.refuse(record, "tried again", reply),
            Some(status) => {
                record.status = status;
                record.finished_at = None;
                record.error = None;
                self.update(record, found, reply);
            }
        }
    }

    pub(super) fn reorder(&mut self, id: Id, position: usize, reply: Reply) {
        let status = match self.entries.get(&id) {
            None => return answer(reply, Err(self.absent(id, "moved"))),
            Some(Entry::Running(_)) => None,
            Some(Entry::Resting { record, .. }) => Some(record.status()),
        };
        if status != Some(Status::Queued) {
            return answer(
                reply,
                Err(illegal(id, "only queued downloads have a place", "moved")),
            );
        }
        if let Some((record, found)) = self.lift_to(id, position, |table| &table.queue) {
            self.update(record, found, reply);
        }
    }

    /// Shows and saves a resting record, then answers.
    pub(super) fn update(&mut self, record: Record, found: Option<Box<Found>>, reply: Reply) {
        self.put_back(record, found, |view| answer(reply, view));
    }

    /// Shows and saves a record that was taken out; calls `then` when it is durable.
    pub(super) fn put_back(
        &mut self,
        record: Record,
        found: Option<Box<Found>>,
        then: impl FnOnce(Result<Arc<View>>) + Send + 'static,
    ) {
        let id = record.id;
        // Before it may start: what it records then comes after this.
        let saved = self.context.store.put(vec![record.clone()]);
        let view = self.show(&record);
        self.rest(record, found);
        self.admit();
        self.tell_positions();
        // As it is now: what comes after is not this command's effect.
        let view = self.context.live.get(id).unwrap_or(view);
        self.when_durable(saved, |saved| then(saved.map(|()| view)));
    }

    fn refuse(&mut self, record: Record, what: &str, reply: Reply) {
        let (id, status) = (record.id, record.status);
        // Who asked may have waited for the download to stop, and it ended otherwise.
        self.show(&record);
        self.rest(record, None);
        answer(
            reply,
            Err(illegal(id, &format!("it is {}", status.name()), what)),
        );
    }

    pub(super) fn present(&self, id: Id) -> Result<Arc<View>> {
        self.context.live.get(id).ok_or_else(|| unknown(id))
    }
}

/// Deletes a finished file where it was delivered, off the table's task. One that is gone already is no
/// failure.
async fn delete_delivered(path: PathBuf, root: Option<PathBuf>) -> Result<()> {
    let deleting =
        tokio::task::spawn_blocking(move || match remove_file_in(root.as_deref(), &path) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::disk("delete", &path, &cause))
            }
            _ => Ok(()),
        });
    deleting.await.unwrap_or(Ok(()))
}

/// Deletes files, off the table's task: that of a large file takes long. One that is gone already is
/// no failure.
async fn delete(paths: impl IntoIterator<Item = Option<PathBuf>> + Send + 'static) {
    let deleting = tokio::task::spawn_blocking(move || {
        for path in paths.into_iter().flatten() {
            if let Err(cause) = std::fs::remove_file(&path)
                && cause.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!(path = %path.display(), %cause, "a file could not be deleted");
            }
        }
    });
    let _ = deleting.await;
}

pub(super) fn unknown(id: Id) -> Error {
    Error::new(Kind::NoSuchDownload, format!("there is no download {id}"))
}

pub(super) fn illegal(id: Id, why: &str, what: &str) -> Error {
    Error::new(
        Kind::IllegalState,
        format!("download {id} cannot be {what}: {why}"),
    )
}
