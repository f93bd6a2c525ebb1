//! Fuzz targets: a database that was damaged, or written to by somebody else, gives an error or
//! records that can be trusted, and never bytes outside of the file.

use std::path::Path;
use std::time::SystemTime;

use haul_testkit::fuzz::text;
use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::database::Database;
use super::schema::{COLUMNS, MIGRATIONS};
use super::{Checkpoint, Once, Record, once, row};
use crate::plan::Plan;
use crate::spec::Id;

const ID: Id = Id(0x9f1c_2a7b_e04d_5566);

/// What may stand in any column.
const VALUES: &[&str] = &[
    "<n>-<n>",
    "<n>-<n>,<n>-<n>,<w>",
    "0-400,600-1000",
    "0-1000",
    "1:2:1000:<n>:<n>",
    "900-1100",
    "{\"<w>\":<w>}",
    "{\"threads\":<n>,\"mirrors\":[\"<w>\"]}",
    "{\"name\":\"<w>\",\"block_size\":<n>,\"priority\":<n>}",
    "{\"checksum\":\"sha-256=<w>\",\"headers\":[[\"<w>\",\"<w>\"]]}",
    "{\"code\":\"disk_full\",\"detail\":\"<w>\",\"retry\":\"never\"}",
    "{\"code\":\"busy\",\"detail\":\"<w>\",\"retry\":{\"wait\":{\"after\":{\"secs\":<n>,\"nanos\":<n>}}}}",
    "https://host/<w>",
    "http://<w>:<n>/<w>?<w>",
    "queued",
    "completed",
    "downloading",
    "9f1c2a7be04d5566",
    "/abs/<w>",
    "W/\"<w>\"",
    "[<w>",
    "<n>",
];

fn empty() -> Connection {
    let connection = Connection::open_in_memory().expect("a database in memory");
    let tables = MIGRATIONS.concat();
    connection.execute_batch(&tables).expect("new tables");
    connection
}

/// One download that stands in the middle of its 1000 bytes.
fn fill(connection: &Connection) {
    let row = format!(
        "INSERT INTO download VALUES ('{ID}', 1048576, 'paused', 'http://host/a', NULL, '{{}}',
         'http://host/a', 'a', 1000, 1, '\"tag\"', 0, 1767323045678, NULL, 'text/plain',
         '/state/scratch/a.part', '0-400', NULL, NULL, NULL, NULL, 0, 0, 1767323045678, NULL, NULL,
         NULL, NULL, 0, 0, NULL, 0)"
    );
    connection.execute(&row, []).expect("the row is right");
    let request = Once {
        key: "a key".to_owned(),
        digest: [7; 32],
        ids: vec![ID; 3],
        at: SystemTime::UNIX_EPOCH,
    };
    once::put(connection, &request).expect("the request is right");
}

fn read_all(connection: &Connection) -> rusqlite::Result<Vec<Record>> {
    row::select(connection)?.query_map([], row::read)?.collect()
}

/// Whether a plan may be built on what the record claims to hold.
fn assert_sound(record: &Record) {
    let Some(size) = record.resource.as_ref().and_then(|known| known.size) else {
        return;
    };
    let done = &record.done;
    assert!(done.end() <= size, "{done:?} of {size} bytes");
    let mut plan = Plan::new(Some(size), done.clone());
    assert_eq!(plan.is_filled(), done.contains(&(0..size)));
    assert_eq!(plan.free() + done.len(), size);
    if let Some(lease) = plan.lease(u64::MAX) {
        assert!(lease.bytes.end <= size);
        assert_eq!(done.count(&lease.bytes), 0, "given and held");
    }
    assert!(plan.map().len() <= 512);
}

/// A record that can be read can be kept, and stays what it is.
fn assert_kept(record: &Record) {
    let connection = empty();
    row::put(&connection, record).expect("what was read can be written");
    let back = read_all(&connection).expect("what was written can be read");
    assert_eq!(back.as_slice(), std::slice::from_ref(record));
    let held = Checkpoint {
        id: record.id,
        done: record.done.clone(),
        seals: record.seals.clone(),
        attempts: u32::MAX,
        wasted: u64::MAX,
    };
    row::checkpoint(&connection, &held).expect("a checkpoint");
    let back = read_all(&connection).expect("what was written can be read");
    assert_eq!(back[0].done, record.done);
}

#[test]
fn stored_column() {
    bolero::check!()
        .with_generator((0..COLUMNS.len(), 0..4u8, text(VALUES), i64::MIN..=i64::MAX))
        .for_each(|(column, form, text, number)| {
            let connection = empty();
            fill(&connection);
            let value = match form {
                0 => Value::Integer(*number),
                1 => Value::Blob(text.clone().into_bytes()),
                _ => Value::Text(text.clone()),
            };
            let change = format!("UPDATE download SET {} = ?1", COLUMNS[*column]);
            // The table's types refuse some of it, as they do for anybody else.
            if connection.execute(&change, params![value]).is_ok() {
                for record in read_all(&connection).unwrap_or_default() {
                    assert_sound(&record);
                    assert_kept(&record);
                }
            }
        });
}

#[test]
fn stored_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("haul.db");
    let whole = whole_file(&path);
    bolero::check!()
        .with_generator(bolero::produce::<Vec<(u32, u8)>>())
        .for_each(|flips| {
            let mut damaged = whole.clone();
            for (at, byte) in flips {
                let at = usize::try_from(*at).expect("a small machine word") % damaged.len();
                damaged[at] = *byte;
            }
            for companion in ["haul.db-wal", "haul.db-shm"] {
                let _ = std::fs::remove_file(dir.path().join(companion));
            }
            std::fs::write(&path, damaged).expect("room for a small file");
            let Ok(database) = Database::open(&path) else {
                return;
            };
            for record in read_all(database.connection()).unwrap_or_default() {
                assert_sound(&record);
            }
            for request in once::all(database.connection()).unwrap_or_default() {
                once::put(&empty(), &request).expect("what was read can be written");
            }
        });
}

/// The bytes of a closed database with one download in it.
fn whole_file(path: &Path) -> Vec<u8> {
    let database = Database::open(path).expect("a new database");
    fill(database.connection());
    drop(database);
    std::fs::read(path).expect("the file was just written")
}
