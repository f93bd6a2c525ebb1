//! How one value becomes one column and back, so that a human can read it in `sqlite3`. It knows
//! nothing of rows.

use std::ffi::OsString;
use std::fmt::Write;
use std::ops::Range;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use url::Url;

use super::schema::{error_text, read_error};
use crate::error::Error;
use crate::plan::ranges::RangeSet;
use crate::plan::stamp::Stamp;
use crate::plan::state::Status;
use crate::spec::Id;

/// A value on its way into a column or out of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stored<T>(pub(super) T);

/// 16 hex digits, as users see it.
impl ToSql for Stored<Id> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.to_string().into())
    }
}

impl FromSql for Stored<Id> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let id = value.as_str()?.parse();
        id.map(Stored)
            .map_err(|cause: Error| FromSqlError::other(cause))
    }
}

/// Its name.
impl ToSql for Stored<Status> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.name().into())
    }
}

impl FromSql for Stored<Status> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        let status = Status::from_name(name).map(Stored);
        status.ok_or_else(|| unreadable(format!("\"{name}\" is no status")))
    }
}

impl ToSql for Stored<&Url> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_str().into())
    }
}

impl FromSql for Stored<Url> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let url = Url::parse(value.as_str()?);
        url.map(Stored).map_err(FromSqlError::other)
    }
}

/// Text, or a blob when it is not UTF-8: every path survives.
impl ToSql for Stored<&Path> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self.0.to_str() {
            Some(text) => ValueRef::Text(text.as_bytes()),
            None => ValueRef::Blob(self.0.as_os_str().as_bytes()),
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

impl FromSql for Stored<PathBuf> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_bytes()?.to_vec();
        Ok(Stored(OsString::from_vec(bytes).into()))
    }
}

/// Unix milliseconds; what is finer is cut off.
impl ToSql for Stored<SystemTime> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let millis = match self.0.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            // Down to the earlier millisecond, as after 1970.
            Err(before) => {
                let nanos = before.duration().as_nanos();
                i64::try_from(nanos.div_ceil(1_000_000)).map_or(i64::MIN, |millis| -millis)
            }
        };
        Ok(millis.into())
    }
}

impl FromSql for Stored<SystemTime> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let millis = value.as_i64()?;
        let distance = Duration::from_millis(millis.unsigned_abs());
        let time = if millis < 0 {
            UNIX_EPOCH.checked_sub(distance)
        } else {
            UNIX_EPOCH.checked_add(distance)
        };
        time.map(Stored)
            .ok_or_else(|| unreadable(format!("{millis} is no time")))
    }
}

/// The database's integers are signed. Only what no disk holds (2⁶³ bytes and more) reads as negative.
impl ToSql for Stored<u64> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.cast_signed().into())
    }
}

impl FromSql for Stored<u64> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Stored(value.as_i64()?.cast_unsigned()))
    }
}

/// Half-open ranges in order: `0-100,200-300`.
impl ToSql for Stored<&RangeSet> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let mut text = String::new();
        for Range { start, end } in self.0.iter() {
            let comma = if text.is_empty() { "" } else { "," };
            // Writing to a text cannot fail.
            let _ = write!(text, "{comma}{start}-{end}");
        }
        Ok(text.into())
    }
}

impl FromSql for Stored<RangeSet> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        let ranges = text.split(',').filter(|_| !text.is_empty());
        let ranges: Option<RangeSet> = ranges.map(range).collect();
        let ranges = ranges.map(Stored);
        ranges.ok_or_else(|| unreadable(format!("\"{text}\" is not like 0-100,200-300")))
    }
}

/// `device:inode:length:mtime:ctime`.
impl ToSql for Stored<Stamp> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let Stamp {
            device,
            inode,
            len,
            modified,
            changed,
        } = self.0;
        Ok(format!("{device}:{inode}:{len}:{modified}:{changed}").into())
    }
}

impl FromSql for Stored<Stamp> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        let stamp = stamp(text).map(Stored);
        stamp.ok_or_else(|| unreadable(format!("\"{text}\" is not like 1:2:3:4:5")))
    }
}

/// JSON.
impl ToSql for Stored<&Error> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(error_text(self.0).into())
    }
}

impl FromSql for Stored<Error> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let error = read_error(value.as_str()?);
        error.map(Stored).map_err(FromSqlError::Other)
    }
}

fn range(text: &str) -> Option<Range<u64>> {
    let (start, end) = text.split_once('-')?;
    let range = start.parse().ok()?..end.parse().ok()?;
    (!range.is_empty()).then_some(range)
}

fn stamp(text: &str) -> Option<Stamp> {
    let mut parts = text.split(':');
    let stamp = Stamp {
        device: parts.next()?.parse().ok()?,
        inode: parts.next()?.parse().ok()?,
        len: parts.next()?.parse().ok()?,
        modified: parts.next()?.parse().ok()?,
        changed: parts.next()?.parse().ok()?,
    };
    parts.next().is_none().then_some(stamp)
}

fn unreadable(why: String) -> FromSqlError {
    FromSqlError::Other(why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back<T>(value: impl ToSql) -> FromSqlResult<T>
    where
        Stored<T>: FromSql,
    {
        let column = match value.to_sql().expect("storable") {
            ToSqlOutput::Borrowed(value) => return Stored::column_result(value).map(|s| s.0),
            ToSqlOutput::Owned(value) => value,
            other => panic!("{other:?} is not a plain value"),
        };
        Stored::column_result(ValueRef::from(&column)).map(|stored| stored.0)
    }

    #[test]
    fn times_keep_their_millisecond_on_both_sides_of_1970() {
        let ms = Duration::from_millis;
        for exact in [
            UNIX_EPOCH,
            UNIX_EPOCH + ms(1_767_323_045_678),
            UNIX_EPOCH - ms(1),
        ] {
            assert_eq!(back(Stored(exact)), Ok(exact));
            assert_eq!(
                back(Stored(exact + Duration::from_nanos(999_999))),
                Ok(exact)
            );
        }
    }

    #[test]
    fn every_u64_survives() {
        for value in [0, 1, 1 << 62, 1 << 63, u64::MAX] {
            assert_eq!(back(Stored(value)), Ok(value));
        }
    }

    #[test]
    fn ranges_read_well_and_read_back() {
        let set: RangeSet = [0..1_048_576, 2_097_152..u64::MAX].into_iter().collect();
        let stored = Stored(&set);
        let text = stored.to_sql().expect("storable");
        let shown = ToSqlOutput::from("0-1048576,2097152-18446744073709551615".to_owned());
        assert_eq!(text, shown);
        assert_eq!(back(Stored(&set)), Ok(set));
        let empty = RangeSet::new();
        assert_eq!(back(Stored(&empty)), Ok(empty));
    }

    #[test]
    fn text_that_is_no_set_of_ranges_is_refused() {
        for wrong in ["5", "5-", "-5", "5-5", "6-5", "0-1,", ",", "0-1;2-3", "a-b"] {
            let value = ValueRef::Text(wrong.as_bytes());
            assert!(Stored::<RangeSet>::column_result(value).is_err(), "{wrong}");
        }
    }
}
