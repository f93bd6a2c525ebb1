//! The stores: one suite for all, then what only a database file can get wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use haul_engine::plan::seals::{Seal, Seals};
use haul_engine::store::{Checkpoint, MemoryStore, Record, SqliteStore, Store};
use haul_engine::{Error, Id, Kind};
use haul_testkit::conformance::{self, full, queued};
use rusqlite::Connection;
use tempfile::TempDir;

#[tokio::test]
async fn memory_keeps_the_promises_of_a_store() {
    conformance::store(async || MemoryStore::new()).await;
}

#[tokio::test]
async fn sqlite_keeps_the_promises_of_a_store() {
    let dir = tempfile::tempdir().expect("a directory");
    let made = AtomicU32::new(0);
    conformance::store(async || {
        let name = format!("{}.db", made.fetch_add(1, Ordering::Relaxed));
        SqliteStore::open(&dir.path().join(name)).expect("a new store")
    })
    .await;
}

#[tokio::test]
async fn a_reopened_store_holds_everything() {
    let file = File::new();
    let store = file.open();
    let records = vec![full(1, 1), queued(2, 2)];
    store.put(records.clone()).await.expect("put");
    drop(store);
    assert_eq!(file.open().load().await, Ok(records));
}

#[tokio::test]
async fn dropping_waits_for_what_is_queued() {
    let file = File::new();
    let store = file.open();
    for id in 0..500 {
        drop(store.put(vec![queued(id, 0)]));
    }
    drop(store);
    assert_eq!(file.load().await.len(), 500);
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let file = File::new();
    let store = file.open();
    let mut expected = Vec::new();
    for id in 1..50u32 {
        let rank = i64::from(id);
        let id = u64::from(id);
        store.put(vec![full(id, rank)]).await.expect("put");
        store.checkpoint(at(id, 100)).await.expect("recorded");
        expected.push((Id(id), 100));
        // What is on the disk at this moment is all that a killed process leaves behind.
        let left = file.copy();
        let loaded = left.load().await;
        let loaded: Vec<_> = loaded.iter().map(|r| (r.id, r.attempts)).collect();
        assert_eq!(loaded, expected);
    }
}

#[tokio::test]
async fn a_log_torn_at_any_byte_leaves_whole_records() {
    let file = File::new();
    let store = file.open();
    let pairs = |n: u64| vec![full(2 * n, 0), full(2 * n + 1, 1)];
    for n in 0..4 {
        store.put(pairs(n)).await.expect("put");
    }
    let length = fs::metadata(file.log()).expect("a log").len();
    let mut seen = 0;
    for cut in (0..=length).step_by(509).chain([length]) {
        let left = file.copy();
        let log = fs::OpenOptions::new().write(true).open(left.log());
        log.and_then(|log| log.set_len(cut)).expect("cut");
        let loaded = left.load().await.len();
        assert!(loaded % 2 == 0 && loaded >= seen, "{loaded} at {cut}");
        seen = loaded;
    }
    assert_eq!(seen, 8, "the whole log holds everything");
}

#[tokio::test]
async fn a_write_at_fault_fails_alone() {
    let file = File::new();
    let store = file.open();
    let human = file.human();
    human
        .execute_batch(
            "CREATE TRIGGER poison BEFORE INSERT ON download WHEN new.rank = -13
             BEGIN SELECT raise(ROLLBACK, 'poisoned'); END;
             BEGIN IMMEDIATE;",
        )
        .expect("a trigger and a lock");
    // All of these queue up behind the lock and share a transaction, but for the first few.
    let before: Vec<_> = (0..20).map(|id| store.put(vec![queued(id, 1)])).collect();
    let poisoned = store.put(vec![queued(900, 1), queued(901, -13), queued(902, 1)]);
    let after: Vec<_> = (20..40).map(|id| store.put(vec![queued(id, 1)])).collect();
    human.execute_batch("COMMIT").expect("unlocked");

    for answer in before.into_iter().chain(after) {
        answer.await.expect("the others are stored");
    }
    let failure = poisoned.await.expect_err("poisoned");
    assert_eq!(failure.kind, Kind::Store);
    assert!(failure.detail.contains("poisoned"), "{failure}");
    let loaded: Vec<Id> = file.copy().load().await.iter().map(|r| r.id).collect();
    assert_eq!(loaded, (0..40).map(Id).collect::<Vec<_>>());
}

#[tokio::test]
async fn checkpoints_that_wait_together_are_written_once() {
    let file = File::new();
    let store = file.open();
    store
        .put(vec![queued(1, 1), queued(2, 2)])
        .await
        .expect("put");
    let human = file.human();
    human
        .execute_batch(
            "CREATE TABLE written (id TEXT);
             CREATE TRIGGER note AFTER UPDATE ON download
             BEGIN INSERT INTO written VALUES (new.id); END;
             BEGIN IMMEDIATE;",
        )
        .expect("a trigger and a lock");
    let answers: Vec<_> = (1..=100)
        .map(|step| store.checkpoint(at(1 + u64::from(step % 2), step)))
        .collect();
    human.execute_batch("COMMIT").expect("unlocked");
    for answer in answers {
        answer.await.expect("recorded");
    }
    let written: u32 = human
        .query_row("SELECT count(*) FROM written", [], |row| row.get(0))
        .expect("counted");
    // Two batches at most: what the thread took before it met the lock, and the rest.
    assert!((2..=4).contains(&written), "{written} writes");
    let loaded = store.load().await.expect("loaded");
    let attempts: Vec<u32> = loaded.iter().map(|r| r.attempts).collect();
    assert_eq!(attempts, [100, 99]);
}

#[tokio::test]
async fn only_its_owner_reads_the_database() {
    let file = File::new();
    fs::write(file.path(), "").expect("an empty file");
    let open_to_all = fs::Permissions::from_mode(0o644);
    fs::set_permissions(file.path(), open_to_all).expect("permissions");
    let new = File::new();
    for path in [file.path(), new.path()] {
        let store = SqliteStore::open(&path).expect("a store");
        store.put(vec![full(1, 1)]).await.expect("put");
        for companion in ["", "-wal", "-shm"] {
            let name = format!("{}{companion}", path.display());
            let mode = fs::metadata(&name).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }
}

#[tokio::test]
async fn a_human_reads_the_columns() {
    let file = File::new();
    file.open().put(vec![full(1, 1)]).await.expect("put");
    let human = file.human();
    let text = |column: &str| -> String {
        let sql = format!("SELECT CAST({column} AS TEXT) FROM download");
        human.query_row(&sql, [], |row| row.get(0)).expect(column)
    };
    assert_eq!(text("id"), "0000000000000001");
    assert_eq!(text("status"), "failed");
    assert_eq!(text("url"), "http://origin.test/files/1.bin");
    assert_eq!(text("dir"), "/srv/files/№ 1");
    assert_eq!(text("done"), "0-1048576,2097152-1099511627776");
    assert_eq!(text("options ->> 'on_conflict'"), "skip");
    assert_eq!(text("error ->> 'code'"), "busy");
    assert_eq!(text("added_at"), "1767323046678");
    let stamp = format!("64769:{}:{}:-1:1767323045678901234", u64::MAX, 1u64 << 40);
    assert_eq!(text("stamp"), stamp);
}

#[tokio::test]
async fn what_is_no_database_of_ours_is_refused_and_left_alone() {
    let cases: [(&str, &[u8]); 3] = [
        ("text", b"not a database"),
        ("noise", &[0xA5; 20_000]),
        ("zeros and more", &[0; 4096]),
    ];
    for (name, content) in cases {
        let file = File::new();
        fs::write(file.path(), content).expect("written");
        let refusal = refusal(&file);
        let shown = file.path().display().to_string();
        assert_eq!(refusal.kind, Kind::Store, "{name}");
        assert!(refusal.detail.contains(&shown), "{name}: {refusal}");
        assert!(refusal.detail.contains("move it away"), "{name}: {refusal}");
        assert_eq!(fs::read(file.path()).expect("there"), content, "{name}");
    }
    let file = File::new();
    let foreign = file.human();
    foreign
        .execute_batch("CREATE TABLE notes (text)")
        .expect("a table");
    let refusal = refusal(&file);
    assert!(refusal.detail.contains("another program"), "{refusal}");
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_both_versions() {
    let file = File::new();
    drop(file.open());
    let human = file.human();
    human
        .pragma_update(None, "user_version", 7)
        .expect("raised");
    let refusal = refusal(&file);
    assert_eq!(refusal.kind, Kind::Store);
    assert!(refusal.detail.contains("version 7,"), "{refusal}");
    assert!(refusal.detail.contains("up to 4:"), "{refusal}");
}

#[tokio::test]
async fn a_damaged_database_says_what_to_do() {
    let file = File::new();
    let store = file.open();
    let many = (0..200).map(|id| full(id, 1)).collect();
    store.put(many).await.expect("put");
    drop(store);
    let mut bytes = fs::read(file.path()).expect("there");
    for page in bytes.chunks_mut(4096).skip(1) {
        page[..100].fill(0xFF);
    }
    fs::write(file.path(), bytes).expect("damaged");
    let failure = match SqliteStore::open(&file.path()) {
        Ok(store) => store.load().await.expect_err("damaged"),
        Err(failure) => failure,
    };
    assert_eq!(failure.kind, Kind::Store);
    assert!(failure.detail.contains("move it away"), "{failure}");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named() {
    let file = File::new();
    let store = file.open();
    store.put(vec![full(0xAB, 1)]).await.expect("put");
    let human = file.human();
    human
        .execute("UPDATE download SET done = '5-'", [])
        .expect("changed by hand");
    let failure = store.load().await.expect_err("unreadable");
    for part in ["00000000000000ab", "column done", "\"5-\""] {
        assert!(failure.detail.contains(part), "{failure}");
    }
}

/// Losing seals costs bytes that are fetched again; refusing the record would cost the download.
#[tokio::test]
async fn damaged_seals_are_no_seals_and_the_record_is_read() {
    let file = File::new();
    let store = file.open();
    store.put(vec![full(1, 1)]).await.expect("put");
    for damage in ["x'00'", "x''", "NULL", "zeroblob(40)", "substr(seals, 2)"] {
        let human = file.human();
        human
            .execute(&format!("UPDATE download SET seals = {damage}"), [])
            .expect("changed by hand");
        let mut left = full(1, 1);
        left.seals = Seals::default();
        assert_eq!(store.load().await, Ok(vec![left]), "{damage}");
        store.put(vec![full(1, 1)]).await.expect("put");
    }
}

/// A file with very many gaps is checkpointed once a second like any other.
#[tokio::test]
async fn a_download_with_ten_thousand_gaps_is_checkpointed_cheaply() {
    let file = File::new();
    let store = file.open();
    store.put(vec![full(1, 1)]).await.expect("put");
    let held = || (0..10_000u64).map(|n| (n << 23)..(n << 23) + (1 << 22));
    let seals = held().map(|bytes| Seal {
        bytes,
        crc: u32::MAX,
    });
    let checkpoint = Checkpoint {
        done: held().collect(),
        seals: seals.collect(),
        ..at(1, 1)
    };
    let began = Instant::now();
    for _ in 0..20 {
        store
            .checkpoint(checkpoint.clone())
            .await
            .expect("recorded");
    }
    let each = began.elapsed() / 20;
    assert!(each < Duration::from_millis(200), "{each:?}");
    let loaded = store.load().await.expect("loaded");
    assert_eq!(loaded[0].seals, checkpoint.seals);
    let sql = "SELECT length(seals) FROM download";
    let len: u32 = file
        .human()
        .query_row(sql, [], |row| row.get(0))
        .expect("counted");
    assert!(len <= 12 * 10_000 + 4, "{len} bytes");
}

/// What the version before this one has left: bytes, but no seals.
#[tokio::test]
async fn a_database_of_the_first_version_is_read_without_seals() {
    let file = File::new();
    drop(file.open());
    file.human()
        .execute_batch(
            "ALTER TABLE download DROP COLUMN seals;
             ALTER TABLE download DROP COLUMN stamp;
             ALTER TABLE download DROP COLUMN skipped;
             ALTER TABLE download DROP COLUMN url_replaced;
             ALTER TABLE download DROP COLUMN mirror;
             ALTER TABLE download DROP COLUMN mixed;
             DROP TABLE once;
             INSERT INTO download (id, rank, status, url, options, done, attempts, wasted, added_at)
             VALUES ('0000000000000001', 1, 'paused', 'http://origin.test/1', '{}', '0-100', 0, 0, 0);
             PRAGMA user_version = 1;",
        )
        .expect("as it was");
    let loaded = file.load().await;
    assert_eq!(loaded[0].done, std::iter::once(0..100).collect());
    assert!(loaded[0].seals.is_empty());
    assert_eq!(loaded[0].stamp, None);
}

/// The version before this one did not say whose file it is: no byte of one that was left alone came
/// from the origin.
#[tokio::test]
async fn a_database_of_the_second_version_knows_which_files_were_there_before() {
    let file = File::new();
    drop(file.open());
    file.human()
        .execute_batch(
            "ALTER TABLE download DROP COLUMN skipped;
             ALTER TABLE download DROP COLUMN url_replaced;
             ALTER TABLE download DROP COLUMN mirror;
             ALTER TABLE download DROP COLUMN mixed;
             DROP TABLE once;
             INSERT INTO download
               (id, rank, status, url, options, size, done, attempts, wasted, added_at)
             VALUES
               ('0000000000000001', 1, 'completed', 'http://h/1', '{}', 5, '', 0, 0, 0),
               ('0000000000000002', 2, 'completed', 'http://h/2', '{}', 5, '0-5', 0, 0, 0),
               ('0000000000000003', 3, 'failed', 'http://h/3', '{}', 5, '', 0, 0, 0);
             PRAGMA user_version = 2;",
        )
        .expect("as it was");
    let loaded = file.load().await;
    let skipped: Vec<bool> = loaded.iter().map(|record| record.skipped).collect();
    assert_eq!(skipped, [true, false, false]);
}

/// The version before this one kept mirrors, but downloaded from the URL alone.
#[tokio::test]
async fn a_database_of_the_third_version_holds_bytes_of_its_urls_only() {
    let file = File::new();
    drop(file.open());
    file.human()
        .execute_batch(
            "ALTER TABLE download DROP COLUMN mirror;
             ALTER TABLE download DROP COLUMN mixed;
             INSERT INTO download (id, rank, status, url, options, done, attempts, wasted, added_at)
             VALUES ('0000000000000001', 1, 'paused', 'http://origin.test/1',
                     '{\"mirrors\":[\"http://mirror.test/1\"]}', '0-100', 0, 0, 0);
             PRAGMA user_version = 3;",
        )
        .expect("as it was");
    let loaded = file.load().await;
    assert_eq!(loaded[0].done, std::iter::once(0..100).collect());
    assert_eq!(loaded[0].spec.mirrors.len(), 1);
    assert_eq!((&loaded[0].mirror, loaded[0].mixed), (&None, false));
}

#[tokio::test]
async fn a_missing_directory_and_a_directory_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    for path in [dir.path().join("missing/haul.db"), dir.path().to_owned()] {
        let refusal = SqliteStore::open(&path).err().expect("refused");
        let shown = path.display().to_string();
        assert!(refusal.detail.contains(&shown), "{refusal}");
    }
}

/// A place for a database; deleted with everything in it.
struct File {
    dir: TempDir,
}

impl File {
    fn new() -> File {
        let dir = tempfile::tempdir().expect("a directory");
        File { dir }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("haul.db")
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("haul.db-wal")
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.path()).expect("a store")
    }

    async fn load(&self) -> Vec<Record> {
        self.open().load().await.expect("loaded")
    }

    /// Somebody with `sqlite3` at the same time.
    fn human(&self) -> Connection {
        Connection::open(self.path()).expect("a connection")
    }

    /// The database and its log as they are now.
    fn copy(&self) -> File {
        let copy = File::new();
        copy_if_there(&self.path(), &copy.path());
        copy_if_there(&self.log(), &copy.log());
        copy
    }
}

fn copy_if_there(from: &Path, to: &Path) {
    if from.exists() {
        fs::copy(from, to).expect("copied");
    }
}

fn refusal(file: &File) -> Error {
    SqliteStore::open(&file.path()).err().expect("refused")
}

fn at(id: u64, step: u32) -> Checkpoint {
    Checkpoint {
        id: Id(id),
        done: std::iter::once(0..u64::from(step)).collect(),
        seals: Seals::default(),
        attempts: step,
        wasted: 0,
    }
}
