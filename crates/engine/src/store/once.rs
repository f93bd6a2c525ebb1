//! The statements of requests that are done once, and how a [`Once`] becomes a row and back. It knows
//! nothing of downloads.

use std::time::SystemTime;

use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};

use super::Once;
use super::column::Stored;
use crate::spec::Id;

/// Remembers a request; one of the same key that is too old to count is replaced.
pub(super) fn put(connection: &Connection, request: &Once) -> rusqlite::Result<()> {
    let ids: Vec<u8> = request
        .ids
        .iter()
        .flat_map(|id| id.0.to_be_bytes())
        .collect();
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO once (key, digest, ids, at) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            request.key,
            request.digest,
            ids,
            Stored(request.at)
        ])?;
    Ok(())
}

/// Forgets what was done before `then`.
pub(super) fn forget(connection: &Connection, then: SystemTime) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM once WHERE at < ?1")?
        .execute([Stored(then)])?;
    Ok(())
}

/// Every request, in no order.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Once>> {
    let mut statement = connection.prepare_cached("SELECT key, digest, ids, at FROM once")?;
    let requests = statement.query_map([], read)?;
    requests.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Once> {
    let ids: Vec<u8> = row.get(2)?;
    let (ids, rest) = ids.as_chunks();
    if !rest.is_empty() {
        let cause = "not 8 bytes for each download";
        return Err(rusqlite::Error::FromSqlConversionFailure(
            2,
            Type::Blob,
            cause.into(),
        ));
    }
    let Stored(at) = row.get(3)?;
    Ok(Once {
        key: row.get(0)?,
        digest: row.get(1)?,
        ids: ids.iter().map(|id| Id(u64::from_be_bytes(*id))).collect(),
        at,
    })
}
