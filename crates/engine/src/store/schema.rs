//! The shape of what is stored: the tables with their history, and the JSON inside two columns. It
//! knows nothing of statements, files or threads.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Retry};
use crate::spec::{Algorithm, Checksum, OnConflict, Spec};

/// What leads from each schema version to the next; an empty database has version 0. A released
/// step never changes: a new version is a new step at the end.
pub(super) const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE download (
  id            TEXT PRIMARY KEY NOT NULL, -- 16 hex digits
  rank          INTEGER NOT NULL, -- its place: lower starts first among equal priorities
  status        TEXT NOT NULL,
  url           TEXT NOT NULL,
  dir           ANY,              -- paths are text, or a blob when they are not UTF-8
  options       TEXT NOT NULL,    -- JSON; what is absent has its default
  final_url     TEXT,             -- null until probed, and so the next eight
  name          TEXT,
  size          INTEGER,          -- bytes
  ranges        INTEGER,
  etag          TEXT,
  etag_weak     INTEGER,
  last_modified INTEGER,          -- times are unix milliseconds
  encoding      TEXT,
  content_type  TEXT,
  scratch       ANY,
  done          TEXT NOT NULL,    -- '0-100,200-300': bytes 0 to 99 and 200 to 299 are synced
  path          ANY,
  inode         INTEGER,
  digest        TEXT,
  error         TEXT,             -- JSON
  attempts      INTEGER NOT NULL,
  wasted        INTEGER NOT NULL, -- bytes
  added_at      INTEGER NOT NULL,
  started_at    INTEGER,
  finished_at   INTEGER
) STRICT;
",
    "
ALTER TABLE download ADD COLUMN seals BLOB; -- what the bytes in `done` are; see store/sealed.rs
ALTER TABLE download ADD COLUMN stamp TEXT; -- 'device:inode:length:mtime:ctime', times in ns
",
    "
ALTER TABLE download ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0; -- path was there before
ALTER TABLE download ADD COLUMN url_replaced INTEGER NOT NULL DEFAULT 0; -- and not proven since
UPDATE download SET skipped = 1 WHERE status = 'completed' AND done = '' AND size > 0;
CREATE TABLE once ( -- requests with a key of the caller's, so that none is done twice
  key    TEXT PRIMARY KEY NOT NULL,
  digest BLOB NOT NULL, -- SHA-256 of what was asked for
  ids    BLOB NOT NULL, -- 8 bytes for each download, big-endian
  at     INTEGER NOT NULL
) STRICT;
",
    "
ALTER TABLE download ADD COLUMN mirror TEXT; -- whose answer final_url … content_type are; null: url's
ALTER TABLE download ADD COLUMN mixed INTEGER NOT NULL DEFAULT 0; -- done: of several sources, perhaps
",
];

/// The columns in the order in which rows are written and read.
pub(super) const COLUMNS: [&str; 32] = [
    "id",
    "rank",
    "status",
    "url",
    "dir",
    "options",
    "final_url",
    "name",
    "size",
    "ranges",
    "etag",
    "etag_weak",
    "last_modified",
    "encoding",
    "content_type",
    "scratch",
    "done",
    "path",
    "inode",
    "digest",
    "error",
    "attempts",
    "wasted",
    "added_at",
    "started_at",
    "finished_at",
    "seals",
    "stamp",
    "skipped",
    "url_replaced",
    "mirror",
    "mixed",
];

/// The columns of what is asked for, which change while a download runs.
pub(super) const SPEC_COLUMNS: [&str; 3] = ["url", "dir", "options"];

/// The column `options`: what a [`Spec`] says beyond its URL and directory. A field that this
/// version does not know is an error, so that no option is dropped in silence.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    mirrors: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    threads: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    block_size: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    speed_limit: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    priority: i32,
    #[serde(default, skip_serializing_if = "is_default")]
    paused: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    accept_html: bool,
    #[serde(default, with = "OnConflictColumn", skip_serializing_if = "is_default")]
    on_conflict: OnConflict,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "OnConflict", rename_all = "snake_case")]
enum OnConflictColumn {
    Rename,
    Overwrite,
    Fail,
    Skip,
}

/// The column `error`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorColumn {
    code: String,
    detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(with = "RetryColumn")]
    retry: Retry,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Retry", rename_all = "snake_case")]
enum RetryColumn {
    Never,
    Wait { after: Option<Duration> },
    Unreachable,
    NoNetwork,
    NoParts,
    Reresolve,
    FewerConnections { after: Option<Duration> },
}

/// Why a column's text cannot be read.
pub(super) type Unreadable = Box<dyn std::error::Error + Send + Sync>;

/// The text of the column `options`.
pub(super) fn options_text(spec: &Spec) -> String {
    let options = Options {
        mirrors: spec.mirrors.iter().map(ToString::to_string).collect(),
        name: spec.name.clone(),
        threads: spec.threads,
        block_size: spec.block_size,
        headers: spec.headers.clone(),
        checksum: spec.checksum.as_ref().map(ToString::to_string),
        speed_limit: spec.speed_limit,
        priority: spec.priority,
        paused: spec.paused,
        accept_html: spec.accept_html,
        on_conflict: spec.on_conflict,
        notes: spec.notes.clone(),
    };
    serde_json::to_string(&options).expect("strings and numbers are always JSON")
}

/// Takes the options in `text` over into `spec`.
pub(super) fn read_options(text: &str, spec: Spec) -> Result<Spec, Unreadable> {
    let options: Options = serde_json::from_str(text)?;
    let mirrors = options.mirrors.iter().map(|url| url.parse());
    Ok(Spec {
        mirrors: mirrors.collect::<Result<_, _>>()?,
        name: options.name,
        threads: options.threads,
        block_size: options.block_size,
        headers: options.headers,
        checksum: options.checksum.as_deref().map(checksum).transpose()?,
        speed_limit: options.speed_limit,
        priority: options.priority,
        paused: options.paused,
        accept_html: options.accept_html,
        on_conflict: options.on_conflict,
        notes: options.notes,
        ..spec
    })
}

/// The text of the column `error`.
pub(super) fn error_text(error: &Error) -> String {
    let column = ErrorColumn {
        code: error.kind.code().to_owned(),
        detail: error.detail.clone(),
        url: error.url.clone(),
        status: error.status,
        retry: error.retry,
    };
    serde_json::to_string(&column).expect("strings and numbers are always JSON")
}

/// The error in `text`.
pub(super) fn read_error(text: &str) -> Result<Error, Unreadable> {
    let column: ErrorColumn = serde_json::from_str(text)?;
    let kind = Kind::from_code(&column.code);
    Ok(Error {
        kind: kind.ok_or_else(|| format!("\"{}\" is no code of an error", column.code))?,
        detail: column.detail,
        url: column.url,
        status: column.status,
        retry: column.retry,
    })
}

/// Reads back what was written, without judging it again: a record that was stored must load.
fn checksum(text: &str) -> Result<Checksum, Unreadable> {
    let known = [
        Algorithm::Md5,
        Algorithm::Sha1,
        Algorithm::Sha256,
        Algorithm::Sha512,
    ];
    let (name, expected) = text.split_once('=').unwrap_or((text, ""));
    let algorithm = known.into_iter().find(|known| known.name() == name);
    Ok(Checksum {
        algorithm: algorithm.ok_or_else(|| format!("\"{name}\" is no digest algorithm"))?,
        expected: expected.to_owned(),
    })
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
