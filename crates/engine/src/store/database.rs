//! The database file: who may read it, which version of the schema it has, and its failures in
//! words. It knows nothing of records or threads.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::schema::{COLUMNS, MIGRATIONS};
use crate::error::{Error, Kind, Result};

/// Marks the file as haul's, for `file` and for us: "haul" in ASCII.
const APPLICATION_ID: i64 = 0x6861_756c;

/// FULL makes every commit wait until it is on the disk: an answer means durable. The limit, 64 MiB,
/// gives back the room that one huge batch took in the log.
const SETTINGS: &str = "
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA journal_size_limit = 67108864;
";

/// How long a write waits for a human who holds a transaction open in `sqlite3`.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// An open database at the present version of the schema.
pub(super) struct Database {
    connection: Connection,
    path: PathBuf,
    /// Device and inode of the file that was opened.
    file: (u64, u64),
}

impl Database {
    /// Opens the file, creates it when missing, and brings its schema up to date.
    pub(super) fn open(path: &Path) -> Result<Database> {
        // Absolute, because SQLite gives relative names such as ":memory:" a meaning of their own.
        let path = std::path::absolute(path).map_err(|e| Error::disk("find", path, &e))?;
        make_private(&path).map_err(|e| Error::disk("open the database", &path, &e))?;
        // Without the URI flag: a path is a path, whatever it begins with.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags)
            .map_err(|cause| failure(&path, "open", &cause))?;
        let file = identity(&path).map_err(|e| Error::disk("open the database", &path, &e))?;
        let mut database = Database {
            connection,
            path,
            file,
        };
        // Nothing is written before the version is known to be ours.
        database.update(MIGRATIONS)?;
        database
            .connection
            .execute_batch(SETTINGS)
            .map_err(|cause| database.failure("set up", &cause))?;
        Ok(database)
    }

    /// Leaves the log as it is when this closes: the next one to open the file reads it.
    pub(super) fn keep_log(&self) -> Result<()> {
        let kept = self
            .connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        kept.map(drop)
            .map_err(|cause| self.failure("set up", &cause))
    }

    /// For reading.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Does `work` in one transaction, which is durable when this returns.
    pub(super) fn transaction(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        // Immediate: taking the lock at the first write instead would fail without waiting for it.
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        work(&transaction)?;
        // Nothing would remain of what is committed to a file without a name.
        if identity(&self.path).is_ok_and(|now| now == self.file) {
            return transaction.commit();
        }
        Err(rusqlite::Error::InvalidPath(self.path.clone()))
    }

    /// `cause` in words, with what a user can do about it.
    pub(super) fn failure(&self, doing: &str, cause: &rusqlite::Error) -> Error {
        failure(&self.path, doing, cause)
    }

    /// Takes the missing steps of `migrations`, all or none.
    fn update(&mut self, migrations: &[&str]) -> Result<()> {
        let state = self.connection.busy_timeout(BUSY_TIMEOUT);
        let state = state.and_then(|()| State::read(&self.connection));
        let state = state.map_err(|cause| self.failure("open", &cause))?;
        let shown = self.path.display();
        if state.is_foreign() {
            return Err(Error::new(
                Kind::Store,
                format!("{shown} is a database of another program: choose another state directory"),
            ));
        }
        let taken = usize::try_from(state.version).unwrap_or(usize::MAX);
        let Some(missing) = migrations.get(taken..) else {
            return Err(Error::new(
                Kind::Store,
                format!(
                    "database {shown} has schema version {}, this haul knows versions up to \
                     {}: use the haul that wrote it, or a later one",
                    state.version,
                    migrations.len()
                ),
            ));
        };
        if missing.is_empty() {
            return Ok(());
        }
        let steps = missing.concat();
        let newest = i64::try_from(migrations.len()).expect("a handful");
        self.transaction(|transaction| {
            transaction.execute_batch(&steps)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", newest)
        })
        .map_err(|cause| self.failure("update", &cause))
    }
}

/// What the file says of itself.
struct State {
    application: i64,
    version: i64,
    tables: i64,
}

impl State {
    fn read(connection: &Connection) -> rusqlite::Result<State> {
        let number = |sql| connection.query_row(sql, [], |row| row.get(0));
        Ok(State {
            application: number("PRAGMA application_id")?,
            version: number("PRAGMA user_version")?,
            tables: number("SELECT count(*) FROM sqlite_schema")?,
        })
    }

    /// Neither ours nor empty.
    fn is_foreign(&self) -> bool {
        let empty = self.application == 0 && self.version == 0 && self.tables == 0;
        self.application != APPLICATION_ID && !empty
    }
}

/// Creates the file when missing, and leaves it and its companions to its owner alone: URLs and
/// headers in it may hold credentials. New companions get the mode of the file.
fn make_private(path: &Path) -> io::Result<()> {
    let mut new = fs::OpenOptions::new();
    match new.write(true).create_new(true).mode(0o600).open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
        created => return created.map(drop),
    }
    // Not opened, only looked at: closing a file drops every lock that this process has on it.
    for companion in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(companion);
        let found = match fs::metadata(&name) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
            found => found?,
        };
        if found.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if found.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(&name, fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(())
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

fn failure(path: &Path, doing: &str, cause: &rusqlite::Error) -> Error {
    let shown = path.display();
    // A value that does not fit names its column by number; a human wants its name.
    if let rusqlite::Error::FromSqlConversionFailure(at, _, why) = cause {
        let column = COLUMNS.get(*at).copied().unwrap_or("?");
        let detail = format!("cannot {doing} the database {shown}: column {column}: {why}");
        return Error::new(Kind::Store, detail);
    }
    if let rusqlite::Error::InvalidPath(_) = cause {
        let detail = format!(
            "cannot {doing} the database {shown}: it was removed or replaced while haul runs; put it \
             back, or restart haul to begin with an empty list (finished files stay)"
        );
        return Error::new(Kind::Store, detail);
    }
    let detail = format!("cannot {doing} the database {shown}: {cause}");
    match cause.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Error::new(
            Kind::Store,
            format!(
                "{detail}; restore it from a backup, or move it away to start with an empty list \
                 (finished files stay)"
            ),
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::passing(
            Kind::Store,
            format!("{detail}; another program uses it, for example sqlite3: close that one"),
        ),
        Some(ErrorCode::DiskFull) => Error::passing(Kind::DiskFull, detail),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            Error::new(Kind::DiskPermission, detail)
        }
        Some(ErrorCode::SystemIoFailure) => Error::new(Kind::DiskIo, detail),
        _ => Error::new(Kind::Store, detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(database: &Database) -> i64 {
        let state = State::read(database.connection()).expect("readable");
        state.version
    }

    #[test]
    fn a_commit_waits_for_the_disk() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("haul.db");
        let database = Database::open(&path).expect("a new database");
        let pragma = |name: &str| -> String {
            let sql = format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}");
            let value = database.connection().query_row(&sql, [], |row| row.get(0));
            value.expect(name)
        };
        assert_eq!(pragma("journal_mode"), "wal");
        assert_eq!(pragma("synchronous"), "2", "FULL");
    }

    #[test]
    fn missing_steps_are_taken_and_only_those() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("haul.db");
        let mut database = Database::open(&path).expect("a new database");
        let mut steps = MIGRATIONS.to_vec();
        steps.push("ALTER TABLE download ADD COLUMN more TEXT;");
        // Taking a step twice would fail: the table or column would be there already.
        for _ in 0..2 {
            database.update(&steps).expect("updated");
            assert_eq!(usize::try_from(version(&database)), Ok(steps.len()));
        }
        let refusal = Database::open(&path).err().expect("a newer schema");
        let (newer, ours) = (steps.len(), MIGRATIONS.len());
        assert!(
            refusal.detail.contains(&format!("version {newer},"))
                && refusal.detail.contains(&format!("up to {ours}:")),
            "{refusal}"
        );
    }

    #[test]
    fn a_step_that_fails_leaves_the_database_as_it_was() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("haul.db");
        let mut database = Database::open(&path).expect("a new database");
        let mut steps = MIGRATIONS.to_vec();
        steps.extend(["CREATE TABLE half (a);", "CREATE TABLE download (b);"]);
        database.update(&steps).expect_err("the table is there");
        assert_eq!(usize::try_from(version(&database)), Ok(MIGRATIONS.len()));
        drop(database);
        Database::open(&path).expect("as it was");
    }
}
