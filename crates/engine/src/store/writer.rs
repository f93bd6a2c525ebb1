//! The thread that owns the database: gathers what is queued, commits it in one transaction, then
//! answers everybody. Nothing else writes.

use std::collections::HashSet;
use std::sync::mpsc::Receiver;
use std::time::{Instant, SystemTime};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::database::Database;
use super::{Checkpoint, Once, Record, once, row};
use crate::error::Result;
use crate::meter;
use crate::spec::{Id, Spec};

/// Most commands in one transaction, so that the first one is not kept waiting for long.
const BATCH: usize = 1024;

/// The way back to the caller, who may have left.
pub(super) type Answer<T> = oneshot::Sender<Result<T>>;

/// What callers ask.
pub(super) enum Command {
    /// Something to read.
    Read(Read),
    /// A change, answered when it is durable.
    Write(Write, Answer<()>),
}

/// What can be read.
pub(super) enum Read {
    /// Every record, in order.
    Records(Answer<Vec<Record>>),
    /// Every request that is remembered.
    Requests(Answer<Vec<Once>>),
    /// One record.
    Record(Id, Answer<Option<Record>>),
}

/// A change.
pub(super) enum Write {
    /// Adds or replaces records.
    Put(Vec<Record>),
    /// Adds records, and remembers the request for them.
    PutOnce(Vec<Record>, Once),
    /// Adds or replaces records, but for what is asked for.
    Advance(Vec<Record>),
    /// Replaces what is asked for.
    Respec(Id, Box<Spec>),
    /// Updates the growing part of one record.
    Checkpoint(Checkpoint),
    /// Forgets records.
    Remove(Vec<Id>),
    /// Forgets the requests that were done before.
    ForgetRequests(SystemTime),
}

impl Write {
    fn apply(&self, connection: &Connection) -> rusqlite::Result<()> {
        match self {
            Write::Put(records) => records.iter().try_for_each(|r| row::put(connection, r)),
            Write::PutOnce(records, request) => {
                records.iter().try_for_each(|r| row::put(connection, r))?;
                once::put(connection, request)
            }
            Write::Advance(records) => records.iter().try_for_each(|r| row::advance(connection, r)),
            Write::Respec(id, spec) => row::respec(connection, *id, spec),
            Write::Checkpoint(checkpoint) => row::checkpoint(connection, checkpoint),
            Write::Remove(ids) => ids.iter().try_for_each(|id| row::remove(connection, *id)),
            Write::ForgetRequests(then) => once::forget(connection, *then),
        }
    }
}

/// Works until the queue is closed and empty.
pub(super) fn serve(mut database: Database, queue: &Receiver<Command>) {
    while let Ok(first) = queue.recv() {
        let mut writes = Vec::new();
        let mut read = None;
        for command in std::iter::once(first).chain(queue.try_iter()) {
            match command {
                Command::Write(write, answer) => writes.push((write, answer)),
                // Ends the batch: it sees what came before it and nothing of what comes after.
                Command::Read(asked) => read = Some(asked),
            }
            if read.is_some() || writes.len() == BATCH {
                break;
            }
        }
        commit(&mut database, writes);
        match read {
            Some(Read::Records(answer)) => drop(answer.send(read_all(&database))),
            Some(Read::Requests(answer)) => drop(answer.send(read_requests(&database))),
            Some(Read::Record(id, answer)) => drop(answer.send(read_one(&database, id))),
            None => {}
        }
    }
}

/// Commits all `writes` at once; when one of them is at fault, each on its own.
fn commit(database: &mut Database, writes: Vec<(Write, Answer<()>)>) {
    if writes.is_empty() {
        return;
    }
    let began = Instant::now();
    let needed = without_superseded(&writes);
    let together = database.transaction(|transaction| {
        let mut needed = needed.iter();
        needed.try_for_each(|write| write.apply(transaction))
    });
    if let Err(cause) = &together
        && writes.len() > 1
        && !is_locked(cause)
    {
        for (write, answer) in writes {
            let alone = database.transaction(|transaction| write.apply(transaction));
            let _ = answer.send(alone.map_err(|cause| database.failure("write to", &cause)));
        }
        return;
    }
    meter::committed(needed.len(), began.elapsed());
    let together = together.map_err(|cause| database.failure("write to", &cause));
    for (_, answer) in writes {
        let _ = answer.send(together.clone());
    }
}

/// The writes but for those checkpoints that a later one of the same download overwrites.
fn without_superseded(writes: &[(Write, Answer<()>)]) -> Vec<&Write> {
    let mut seen = HashSet::new();
    let mut needed: Vec<&Write> = writes
        .iter()
        .rev()
        .map(|(write, _)| write)
        .filter(|write| !matches!(write, Write::Checkpoint(c) if !seen.insert(c.id)))
        .collect();
    needed.reverse();
    needed
}

/// Whether somebody else holds the database, so that no write is at fault and none would succeed.
fn is_locked(cause: &rusqlite::Error) -> bool {
    matches!(
        cause.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

fn read_one(database: &Database, id: Id) -> Result<Option<Record>> {
    row::get(database.connection(), id).map_err(|cause| database.failure("read", &cause))
}

fn read_all(database: &Database) -> Result<Vec<Record>> {
    let failure = |cause: &rusqlite::Error| database.failure("read", cause);
    let mut records = Vec::new();
    let mut statement = row::select(database.connection()).map_err(|e| failure(&e))?;
    let mut rows = statement.query([]).map_err(|e| failure(&e))?;
    while let Some(row) = rows.next().map_err(|e| failure(&e))? {
        let record = row::read(row).map_err(|cause| {
            let id: String = row.get(0).unwrap_or_default();
            database.failure(&format!("read download {id} in"), &cause)
        })?;
        records.push(record);
    }
    records.sort_by_cached_key(|record| (record.rank, record.id));
    Ok(records)
}

fn read_requests(database: &Database) -> Result<Vec<Once>> {
    once::all(database.connection())
        .map_err(|cause| database.failure("read the requests in", &cause))
}
