//! The statements, and how a [`Record`] becomes a row and back. It knows nothing of files, threads
//! or transactions.

use std::sync::LazyLock;

use rusqlite::types::{FromSql, Type};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

use super::column::Stored;
use super::schema::{COLUMNS, SPEC_COLUMNS, options_text, read_options};
use super::{Checkpoint, Record};
use crate::plan::ranges::RangeSet;
use crate::plan::resource::{ETag, Resource, Validators};
use crate::spec::{Id, Spec};

static SELECT: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {} FROM download", COLUMNS.join(", ")));

static UPSERT: LazyLock<String> = LazyLock::new(|| upsert(&[]));

static ADVANCE: LazyLock<String> = LazyLock::new(|| upsert(&SPEC_COLUMNS));

/// The statement that adds a row, or replaces it but for the columns `kept`.
fn upsert(kept: &[&str]) -> String {
    let values: Vec<String> = (1..=COLUMNS.len()).map(|n| format!("?{n}")).collect();
    let changing = COLUMNS[1..].iter().filter(|column| !kept.contains(column));
    let changes = changing.map(|c| format!("{c} = excluded.{c}"));
    format!(
        "INSERT INTO download ({}) VALUES ({}) ON CONFLICT (id) DO UPDATE SET {}",
        COLUMNS.join(", "),
        values.join(", "),
        changes.collect::<Vec<_>>().join(", "),
    )
}

/// The statement that yields every row, in no order.
pub(super) fn select(connection: &Connection) -> rusqlite::Result<CachedStatement<'_>> {
    connection.prepare_cached(&SELECT)
}

/// One row, if it is there.
pub(super) fn get(connection: &Connection, id: Id) -> rusqlite::Result<Option<Record>> {
    let sql = format!("{} WHERE id = ?1", *SELECT);
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_row([Stored(id)], read).optional()
}

/// Adds or replaces a row.
pub(super) fn put(connection: &Connection, record: &Record) -> rusqlite::Result<()> {
    write(connection, &UPSERT, record)
}

/// The same, but for what is asked for if the row is there.
pub(super) fn advance(connection: &Connection, record: &Record) -> rusqlite::Result<()> {
    write(connection, &ADVANCE, record)
}

/// Replaces what is asked for in a row, if it is there.
pub(super) fn respec(connection: &Connection, id: Id, spec: &Spec) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE download SET url = ?2, dir = ?3, options = ?4 WHERE id = ?1")?
        .execute(params![
            Stored(id),
            Stored(&spec.url),
            spec.dir.as_deref().map(Stored),
            options_text(spec),
        ])?;
    Ok(())
}

fn write(connection: &Connection, statement: &str, record: &Record) -> rusqlite::Result<()> {
    let spec = &record.spec;
    let resource = record.resource.as_ref();
    let validators = resource.map(|r| &r.validators);
    let etag = validators.and_then(|v| v.etag.as_ref());
    // In the order of `COLUMNS`; the round trip in the tests holds the two together.
    connection.prepare_cached(statement)?.execute(params![
        Stored(record.id),
        record.rank,
        Stored(record.status),
        Stored(&spec.url),
        spec.dir.as_deref().map(Stored),
        options_text(spec),
        resource.map(|r| Stored(&r.final_url)),
        resource.map(|r| &r.name),
        resource.and_then(|r| r.size).map(Stored),
        resource.map(|r| r.ranges),
        etag.map(|e| &e.tag),
        etag.map(|e| e.weak),
        validators.and_then(|v| v.last_modified).map(Stored),
        validators.and_then(|v| v.encoding.as_ref()),
        resource.and_then(|r| r.content_type.as_ref()),
        record.scratch.as_deref().map(Stored),
        Stored(&record.done),
        record.path.as_deref().map(Stored),
        record.inode.map(Stored),
        record.digest,
        record.error.as_ref().map(Stored),
        record.attempts,
        Stored(record.wasted),
        Stored(record.added_at),
        record.started_at.map(Stored),
        record.finished_at.map(Stored),
        Some(&record.seals)
            .filter(|seals| !seals.is_empty())
            .map(Stored),
        record.stamp.map(Stored),
        record.skipped,
        record.url_replaced,
        record.mirror.as_ref().map(Stored),
        record.mixed,
    ])?;
    Ok(())
}

/// Updates the growing part of a row, if it is there.
pub(super) fn checkpoint(connection: &Connection, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE download SET done = ?2, attempts = ?3, wasted = ?4, seals = ?5, stamp = NULL
             WHERE id = ?1",
        )?
        .execute(params![
            Stored(checkpoint.id),
            Stored(&checkpoint.done),
            checkpoint.attempts,
            Stored(checkpoint.wasted),
            Stored(&checkpoint.seals),
        ])?;
    Ok(())
}

/// Deletes a row, if it is there.
pub(super) fn remove(connection: &Connection, id: Id) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM download WHERE id = ?1")?
        .execute([Stored(id)])?;
    Ok(())
}

/// Reads a row of [`select`].
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Record> {
    let mut columns = Columns { row, at: 0 };
    // Fields are evaluated as written: in the order of `COLUMNS`.
    let mut record = Record {
        id: columns.stored()?,
        rank: columns.plain()?,
        status: columns.stored()?,
        spec: read_spec(&mut columns)?,
        resource: read_resource(&mut columns)?,
        scratch: columns.maybe()?,
        done: columns.stored()?,
        path: columns.maybe()?,
        inode: columns.maybe()?,
        digest: columns.plain()?,
        error: columns.maybe()?,
        attempts: columns.plain()?,
        wasted: columns.stored()?,
        added_at: columns.stored()?,
        started_at: columns.maybe()?,
        finished_at: columns.maybe()?,
        seals: columns.maybe()?.unwrap_or_default(),
        stamp: columns.maybe()?,
        skipped: columns.plain()?,
        url_replaced: columns.plain()?,
        mirror: columns.maybe()?,
        mixed: columns.plain()?,
    };
    let size = record.resource.as_ref().and_then(|known| known.size);
    if size.is_some_and(|size| record.done.end() > size) {
        // Bytes past the end of the file cannot be there, so none of it is believed: counted as held
        // they would stand for others that are missing.
        record.done = RangeSet::new();
    }
    Ok(record)
}

fn read_spec(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Spec> {
    let url = columns.stored()?;
    let dir = columns.maybe()?;
    let at = columns.at;
    let options: String = columns.plain()?;
    let plain = Spec {
        dir,
        ..Spec::new(url)
    };
    read_options(&options, plain)
        .map_err(|cause| rusqlite::Error::FromSqlConversionFailure(at, Type::Text, cause))
}

fn read_resource(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Option<Resource>> {
    let Some(final_url) = columns.maybe()? else {
        columns.skip(8);
        return Ok(None);
    };
    Ok(Some(Resource {
        final_url,
        name: columns.plain()?,
        size: columns.maybe()?,
        ranges: columns.plain()?,
        validators: Validators {
            etag: read_etag(columns)?,
            last_modified: columns.maybe()?,
            encoding: columns.plain()?,
        },
        content_type: columns.plain()?,
    }))
}

fn read_etag(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Option<ETag>> {
    let Some(tag) = columns.plain()? else {
        columns.skip(1);
        return Ok(None);
    };
    let weak = columns.plain()?;
    Ok(Some(ETag { weak, tag }))
}

/// Takes the columns of a row one after the other.
struct Columns<'a, 's> {
    row: &'a Row<'s>,
    at: usize,
}

impl Columns<'_, '_> {
    fn plain<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        let value = self.row.get(self.at);
        self.at += 1;
        value
    }

    fn stored<T>(&mut self) -> rusqlite::Result<T>
    where
        Stored<T>: FromSql,
    {
        self.plain().map(|Stored(value)| value)
    }

    fn maybe<T>(&mut self) -> rusqlite::Result<Option<T>>
    where
        Stored<T>: FromSql,
    {
        let stored: Option<Stored<T>> = self.plain()?;
        Ok(stored.map(|Stored(value)| value))
    }

    fn skip(&mut self, columns: usize) {
        self.at += columns;
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    use std::path::PathBuf;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use proptest::option::of;
    use proptest::prelude::*;
    use url::Url;

    use super::*;
    use crate::error::{Error, Kind, Retry};
    use crate::plan::seals::{Seal, Seals};
    use crate::plan::stamp::Stamp;
    use crate::plan::state::Status;
    use crate::spec::{Algorithm, Checksum, OnConflict};
    use crate::store::schema::MIGRATIONS;

    fn any_url() -> impl Strategy<Value = Url> {
        "https?://([a-z]{1,9}:[^/@]{0,9}@)?[a-z0-9.]{1,20}(:[0-9]{1,4})?/\\PC{0,40}"
            .prop_filter_map("a URL", |text| Url::parse(&text).ok())
    }

    fn any_path() -> impl Strategy<Value = PathBuf> {
        proptest::collection::vec(1u8.., 0..40).prop_map(|bytes| OsString::from_vec(bytes).into())
    }

    fn any_time() -> impl Strategy<Value = SystemTime> {
        (-(1i64 << 45)..1 << 45).prop_map(|millis| {
            let distance = Duration::from_millis(millis.unsigned_abs());
            match millis {
                ..0 => UNIX_EPOCH - distance,
                0.. => UNIX_EPOCH + distance,
            }
        })
    }

    prop_compose! {
        fn any_spec()(
            (url, mirrors, name, dir) in
                (any_url(), proptest::collection::vec(any_url(), 0..3), of(".*"), of(any_path())),
            headers in proptest::collection::vec((".*", ".*"), 0..3),
            notes in proptest::collection::vec((".*", ".*"), 0..3),
            (threads, block_size) in any::<(Option<u16>, Option<u64>)>(),
            (speed_limit, priority) in any::<(u64, i32)>(),
            (paused, accept_html) in any::<(bool, bool)>(),
            algorithm in of(proptest::sample::select(
                &[Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512][..],
            )),
            expected in "[0-9a-f=]{0,64}",
            on_conflict in proptest::sample::select(
                &[OnConflict::Rename, OnConflict::Overwrite, OnConflict::Fail, OnConflict::Skip][..],
            ),
        ) -> Spec {
            let checksum = algorithm.map(|algorithm| Checksum { algorithm, expected });
            Spec {
                url, mirrors, name, dir, threads, block_size, headers, checksum, speed_limit,
                priority, paused, accept_html, on_conflict, notes,
            }
        }
    }

    prop_compose! {
        fn any_resource()(
            (final_url, name) in (any_url(), ".*"),
            (size, ranges, weak) in any::<(Option<u64>, bool, bool)>(),
            (tag, encoding, content_type) in (of(".*"), of(".*"), of(".*")),
            last_modified in of(any_time()),
        ) -> Resource {
            let etag = tag.map(|tag| ETag { weak, tag });
            let validators = Validators { etag, last_modified, encoding };
            Resource { final_url, name, size, ranges, validators, content_type }
        }
    }

    prop_compose! {
        fn any_error()(
            kind in proptest::sample::select(&Kind::ALL[..]),
            (detail, url, status) in (".*", of(".*"), any::<Option<u16>>()),
            (which, after) in (0..7, any::<Option<Duration>>()),
        ) -> Error {
            let retry = match which {
                0 => Retry::Never,
                1 => Retry::Wait { after },
                2 => Retry::Reresolve,
                3 => Retry::Unreachable,
                4 => Retry::NoParts,
                5 => Retry::NoNetwork,
                _ => Retry::FewerConnections { after },
            };
            Error { kind, detail, url, status, retry }
        }
    }

    prop_compose! {
        fn any_record()(
            (id, spec, resource) in (any::<u64>(), any_spec(), of(any_resource())),
            status in proptest::sample::select(&Status::ALL[..]),
            (rank, inode, attempts, wasted) in any::<(i64, Option<u64>, u32, u64)>(),
            (scratch, path) in (of(any_path()), of(any_path())),
            done in proptest::collection::vec((any::<u64>(), any::<u64>()), 0..5),
            (digest, error) in (of(".*"), of(any_error())),
            seals in proptest::collection::vec((any::<u32>(), 0..1u64 << 40, any::<u32>()), 0..5),
            stamp in of(any::<(u64, u64, u64, i64, i64)>()),
            (added_at, started_at, finished_at) in (any_time(), of(any_time()), of(any_time())),
            (skipped, url_replaced) in any::<(bool, bool)>(),
            (mirror, mixed) in (of(any_url()), any::<bool>()),
        ) -> Record {
            let mut done: RangeSet = done.into_iter().map(|(a, b)| a / 8..b / 8).collect();
            let size = resource.as_ref().and_then(|known: &Resource| known.size);
            done.remove(size.unwrap_or(u64::MAX)..u64::MAX);
            let seal = |(start, len, crc): (u32, u64, u32)| {
                let start = u64::from(start) << 20;
                Seal { bytes: start..start + len, crc }
            };
            let seals = seals.into_iter().map(seal).collect();
            let stamp = stamp.map(|(device, inode, len, modified, changed)| {
                Stamp { device, inode, len, modified, changed }
            });
            Record {
                id: Id(id), spec, rank, status, resource, scratch, done, path, inode, digest,
                error, attempts, wasted, added_at, started_at, finished_at, seals, stamp,
                skipped, url_replaced, mirror, mixed,
            }
        }
    }

    fn read_all(connection: &Connection) -> Vec<Record> {
        let mut statement = select(connection).expect("a statement");
        let rows = statement.query_map([], read).expect("rows");
        rows.collect::<Result<_, _>>().expect("readable rows")
    }

    #[test]
    fn bytes_recorded_past_the_end_of_the_file_are_not_believed() {
        let connection = Connection::open_in_memory().expect("a database");
        connection
            .execute_batch(&MIGRATIONS.concat())
            .expect("tables");
        let url = Url::parse("http://host/a").expect("a URL");
        let resource = Resource {
            final_url: url.clone(),
            name: "a".into(),
            size: Some(100),
            ranges: true,
            validators: Validators::default(),
            content_type: None,
        };
        let record = Record {
            id: Id(1),
            spec: Spec::new(url),
            rank: 0,
            status: Status::Paused,
            resource: Some(resource),
            scratch: None,
            done: std::iter::once(0..50).collect(),
            seals: Seals::default(),
            stamp: None,
            path: None,
            inode: None,
            digest: None,
            error: None,
            attempts: 0,
            wasted: 0,
            added_at: UNIX_EPOCH,
            started_at: None,
            finished_at: None,
            skipped: false,
            url_replaced: false,
            mirror: None,
            mixed: false,
        };
        put(&connection, &record).expect("storable");
        assert_eq!(read_all(&connection), [record]);
        // As many bytes as the file has, and half of them elsewhere.
        let damage = "UPDATE download SET done = '0-50,100-150'";
        connection.execute(damage, []).expect("a change");
        assert_eq!(read_all(&connection)[0].done, RangeSet::new());
    }

    proptest! {
        #[test]
        fn a_record_comes_back_as_it_went(first in any_record(), second in any_record()) {
            let connection = Connection::open_in_memory().expect("a database");
            connection.execute_batch(&MIGRATIONS.concat()).expect("tables");
            put(&connection, &first).expect("storable");
            prop_assert_eq!(read_all(&connection), [first.clone()]);

            let replaced = Record { id: first.id, ..second };
            advance(&connection, &replaced).expect("storable");
            let advanced = Record { spec: first.spec, ..replaced.clone() };
            prop_assert_eq!(read_all(&connection), [advanced]);
            respec(&connection, first.id, &replaced.spec).expect("storable");
            prop_assert_eq!(read_all(&connection), [replaced.clone()]);
            put(&connection, &Record { digest: None, ..replaced.clone() }).expect("storable");
            prop_assert_eq!(read_all(&connection), [Record { digest: None, ..replaced }]);
        }
    }
}
