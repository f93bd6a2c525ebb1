//! The columns of a checkpoint, as the store writes and reads them, for benchmarks. No part of what the
//! library promises.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, ToSqlOutput, ValueRef};

use super::column::Stored;
use crate::plan::ranges::RangeSet;
use crate::plan::seals::Seals;

/// The column `done`.
pub fn ranges(done: &RangeSet) -> Column {
    Column::of(&Stored(done))
}

/// The column `seals`.
pub fn seals(seals: &Seals) -> Column {
    Column::of(&Stored(seals))
}

/// A column's value.
#[derive(Debug, Clone)]
pub struct Column(rusqlite::types::Value);

impl Column {
    fn of(value: &impl ToSql) -> Column {
        match value.to_sql() {
            Ok(ToSqlOutput::Owned(value)) => Column(value),
            other => panic!("{other:?} is no column of a checkpoint"),
        }
    }

    /// The held bytes in it.
    pub fn read_ranges(&self) -> Option<RangeSet> {
        let read = Stored::<RangeSet>::column_result(ValueRef::from(&self.0));
        read.ok().map(|Stored(done)| done)
    }

    /// The seals in it.
    pub fn read_seals(&self) -> Option<Seals> {
        let read = Stored::<Seals>::column_result(ValueRef::from(&self.0));
        read.ok().map(|Stored(seals)| seals)
    }
}
