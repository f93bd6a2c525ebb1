//! The downloads as this screen knows them, and which of them are shown in which order. Told by the
//! daemon's snapshots and changes; knows neither keys nor the screen.

use std::collections::HashMap;

use haul_engine::Id;
use serde_json::Value as Json;

use super::order::{Filter, Sort};
use super::row::Row;

/// All downloads, and those that are shown.
#[derive(Debug)]
pub(crate) struct List {
    rows: HashMap<Id, Row>,
    heard: u64,
    filter: Filter,
    sort: Sort,
    search: String,
    shown: Vec<Id>,
    counts: [usize; Filter::ALL.len()],
    /// Whether `shown` and `counts` are to be made anew.
    stale: bool,
}

impl Default for List {
    fn default() -> List {
        List {
            rows: HashMap::new(),
            heard: 0,
            filter: Filter::All,
            sort: Sort::Status,
            search: String::new(),
            shown: Vec::new(),
            counts: [0; Filter::ALL.len()],
            stale: false,
        }
    }
}

impl List {
    /// Forgets everything, as before a snapshot.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.stale = true;
    }

    /// Takes over what has changed in one download; an unknown one is new.
    pub(crate) fn merge(&mut self, changed: &Json) {
        let id = changed["id"].as_str().and_then(|id| id.parse::<Id>().ok());
        let Some(id) = id else { return };
        let (heard, stale) = (&mut self.heard, &mut self.stale);
        let row = self.rows.entry(id).or_insert_with(|| {
            *heard += 1;
            *stale = true;
            Row::new(id, *heard)
        });
        row.merge(changed);
        let mut fields = changed
            .as_object()
            .into_iter()
            .flat_map(serde_json::Map::keys);
        self.stale |= fields.any(|field| self.sort.heeds(field));
    }

    /// Forgets one download.
    pub(crate) fn remove(&mut self, id: Id) {
        self.rows.remove(&id);
        self.stale = true;
    }

    pub(crate) fn filter(&self) -> Filter {
        self.filter
    }

    pub(crate) fn show(&mut self, filter: Filter) {
        self.filter = filter;
        self.stale = true;
    }

    pub(crate) fn sort(&self) -> Sort {
        self.sort
    }

    pub(crate) fn sort_by(&mut self, sort: Sort) {
        self.sort = sort;
        self.stale = true;
    }

    /// What names must contain, in small letters.
    pub(crate) fn search(&self) -> &str {
        &self.search
    }

    pub(crate) fn search_for(&mut self, text: &str) {
        self.search = text.to_lowercase();
        self.stale = true;
    }

    /// Brings what is shown up to date. To be called before any of the following.
    pub(crate) fn settle(&mut self) {
        if !self.stale {
            return;
        }
        self.stale = false;
        self.counts = [0; Filter::ALL.len()];
        let mut shown = Vec::with_capacity(self.shown.len());
        for row in self.rows.values() {
            for (count, filter) in self.counts.iter_mut().zip(Filter::ALL) {
                *count += usize::from(filter.shows(row.status));
            }
            let found = self.search.is_empty() || row.name.to_lowercase().contains(&self.search);
            if self.filter.shows(row.status) && found {
                shown.push(row);
            }
        }
        shown.sort_unstable_by(|a, b| self.sort.compare(a, b));
        self.shown = shown.into_iter().map(|row| row.id).collect();
    }

    #[cfg(test)]
    pub(crate) fn is_stale(&self) -> bool {
        self.stale
    }

    /// How many there are for each filter.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (Filter, usize)> {
        Filter::ALL.into_iter().zip(self.counts)
    }

    /// How many are shown.
    pub(crate) fn len(&self) -> usize {
        self.shown.len()
    }

    /// The one at this place.
    pub(crate) fn at(&self, place: usize) -> Option<&Row> {
        self.rows.get(self.shown.get(place)?)
    }

    /// The place of one among those that are shown.
    pub(crate) fn place(&self, id: Id) -> Option<usize> {
        self.shown.iter().position(|shown| *shown == id)
    }

    pub(crate) fn get(&self, id: Id) -> Option<&Row> {
        self.rows.get(&id)
    }
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
