//! The thread that owns the database: gathers what is queued, commits it in one transaction, then
//! answers everybody. Nothing else writes.

use std::collections::HashSet;
use std::sync::mpsc::Receiver;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::database::Database;
use super::{Checkpoint, Record, row};
use crate::error::Result;
use crate::spec::Id;

/// Most commands in one transaction, so that the first one is not kept waiting for long.
const BATCH: usize = 1024;

/// The way back to the caller, who may have left.
pub(super) type Answer<T> = oneshot::Sender<Result<T>>;

/// What callers ask.
pub(super) enum Command {
    /// Every record, in order.
    Load(Answer<Vec<Record>>),
    /// One record.
    Get(Id, Answer<Option<Record>>),
    /// A change, answered when it is durable.
    Write(Write, Answer<()>),
}

/// A question, which is answered between two transactions.
enum Read {
    All(Answer<Vec<Record>>),
    One(Id, Answer<Option<Record>>),
}

/// A change.
pub(super) enum Write {
    /// Adds or replaces records.
    Put(Vec<Record>),
    /// Updates the growing part of one record.
    Checkpoint(Checkpoint),
    /// Forgets records.
    Remove(Vec<Id>),
}

impl Write {
    fn apply(&self, connection: &Connection) -> rusqlite::Result<()> {
        match self {
            Write::Put(records) => records.iter().try_for_each(|r| row::put(connection, r)),
            Write::Checkpoint(checkpoint) => row::checkpoint(connection, checkpoint),
            Write::Remove(ids) => ids.iter().try_for_each(|id| row::remove(connection, *id)),
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
                // A question ends the batch: it sees what came before it and nothing of what comes
                // after.
                Command::Load(answer) => read = Some(Read::All(answer)),
                Command::Get(id, answer) => read = Some(Read::One(id, answer)),
            }
            if read.is_some() || writes.len() == BATCH {
                break;
            }
        }
        commit(&mut database, writes);
        match read {
            Some(Read::All(answer)) => drop(answer.send(read_all(&database))),
            Some(Read::One(id, answer)) => drop(answer.send(read_one(&database, id))),
            None => {}
        }
    }
}

/// Commits all `writes` at once; when one of them is at fault, each on its own.
fn commit(database: &mut Database, writes: Vec<(Write, Answer<()>)>) {
    if writes.is_empty() {
        return;
    }
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
