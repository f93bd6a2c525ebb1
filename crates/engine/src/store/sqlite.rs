//! The embedded store: a queue into one thread that owns the database and commits in groups. It
//! knows nothing of the columns.

use std::path::Path;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use futures_util::future::{self, BoxFuture, FutureExt};
use tokio::sync::oneshot;

use super::database::Database;
use super::writer::{self, Command, Read, Write};
use super::{Checkpoint, Once, Record, Store};
use crate::error::{Error, Kind, Result};
use crate::spec::{Id, Spec};

/// A [`Store`] in one database file, readable with `sqlite3`.
///
/// A call takes effect although its future is dropped, and calls take effect in the order made.
/// Times are kept to the millisecond.
pub struct SqliteStore {
    /// `None` only while dropping: closing the queue is what ends the thread.
    queue: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl SqliteStore {
    /// Opens the database at `path`, creates it (mode 600) when missing, and updates its schema.
    /// Blocks for the time of a few disk accesses.
    ///
    /// # Errors
    /// When the directory is missing or closed to us, and when the file is damaged, of a newer
    /// haul, or of another program.
    pub fn open(path: &Path) -> Result<SqliteStore> {
        SqliteStore::serve(Database::open(path)?, path)
    }

    /// The same for a database that is likely to be deleted next: closing it writes nothing, so that
    /// nobody waits for that. What was answered is as durable as ever.
    ///
    /// # Errors
    /// See [`SqliteStore::open`].
    pub fn open_for_a_while(path: &Path) -> Result<SqliteStore> {
        let database = Database::open(path)?;
        database.keep_log()?;
        SqliteStore::serve(database, path)
    }

    fn serve(database: Database, path: &Path) -> Result<SqliteStore> {
        let (queue, commands) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("haul-store".to_owned())
            .spawn(move || writer::serve(database, &commands))
            .map_err(|cause| Error::disk("start a thread for", path, &cause))?;
        Ok(SqliteStore {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Queues what `command` makes of the way back, now; the future only awaits the answer.
    fn ask<T: Send + 'static>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T>>) -> Command,
    ) -> BoxFuture<'static, Result<T>> {
        let (answer, answered) = oneshot::channel();
        if let Some(queue) = &self.queue {
            // A failure drops `answer`, which the future below reports.
            let _ = queue.send(command(answer));
        }
        let gone = |_| Error::new(Kind::Store, "the database's thread is gone: restart haul");
        async move { answered.await.map_err(gone)? }.boxed()
    }

    fn write(&self, write: Write) -> BoxFuture<'static, Result<()>> {
        self.ask(|answer| Command::Write(write, answer))
    }
}

impl Drop for SqliteStore {
    /// Waits until everything queued is on the disk.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was reported by the thread itself.
            let _ = thread.join();
        }
    }
}

impl Store for SqliteStore {
    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>>> {
        self.ask(|answer| Command::Read(Read::Records(answer)))
    }

    fn get(&self, id: Id) -> BoxFuture<'_, Result<Option<Record>>> {
        self.ask(|answer| Command::Read(Read::Record(id, answer)))
    }

    fn put(&self, records: Vec<Record>) -> BoxFuture<'static, Result<()>> {
        self.write(Write::Put(records))
    }

    fn put_once(&self, records: Vec<Record>, request: Once) -> BoxFuture<'static, Result<()>> {
        self.write(Write::PutOnce(records, request))
    }

    fn advance(&self, records: Vec<Record>) -> BoxFuture<'static, Result<()>> {
        self.write(Write::Advance(records))
    }

    fn respec(&self, id: Id, spec: Spec) -> BoxFuture<'static, Result<()>> {
        self.write(Write::Respec(id, Box::new(spec)))
    }

    fn checkpoint(&self, checkpoint: Checkpoint) -> BoxFuture<'static, Result<()>> {
        self.write(Write::Checkpoint(checkpoint))
    }

    fn remove(&self, ids: Vec<Id>) -> BoxFuture<'static, Result<()>> {
        self.write(Write::Remove(ids))
    }

    fn requests(&self) -> BoxFuture<'_, Result<Vec<Once>>> {
        self.ask(|answer| Command::Read(Read::Requests(answer)))
    }

    fn forget_requests(&self, then: SystemTime) -> BoxFuture<'static, Result<()>> {
        self.write(Write::ForgetRequests(then))
    }

    fn claim(&self, _: Id) -> BoxFuture<'_, Result<bool>> {
        future::ready(Ok(true)).boxed()
    }
}
