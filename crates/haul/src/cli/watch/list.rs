//! The downloads as this screen knows them, and which of them are shown in which order. Told by the
//! daemon's snapshots and changes; knows neither keys nor the screen.

use std::cmp::Ordering;
use std::collections::HashMap;

use haul_engine::{Id, Status};
use serde_json::Value as Json;

/// What a row tells of one download.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) status: Status,
    pub(crate) size: Option<u64>,
    pub(crate) done: u64,
    /// In tenths of a percent.
    pub(crate) tenths: Option<u16>,
    pub(crate) speed: u64,
    pub(crate) eta: Option<u64>,
    pub(crate) threads: u64,
    pub(crate) attempts: u64,
    /// The place in the queue.
    pub(crate) position: Option<u64>,
    /// Why it waits, or why it has failed.
    pub(crate) why: String,
    added: String,
    finished: String,
    /// How many this screen has heard of before: where two were added in the same second.
    heard: u64,
}

impl Row {
    fn new(id: Id, heard: u64) -> Row {
        Row {
            id,
            name: String::new(),
            status: Status::Queued,
            size: None,
            done: 0,
            tenths: None,
            speed: 0,
            eta: None,
            threads: 0,
            attempts: 0,
            position: None,
            why: String::new(),
            added: String::new(),
            finished: String::new(),
            heard,
        }
    }

    /// Takes over the fields that `changed` has; an absent one is as it was.
    fn merge(&mut self, changed: &Json) {
        let Some(fields) = changed.as_object() else {
            return;
        };
        for (field, value) in fields {
            let text = || value.as_str().unwrap_or_default().to_owned();
            match field.as_str() {
                "name" => self.name = text(),
                "status" => self.status = Status::from_name(&text()).unwrap_or(self.status),
                "size" => self.size = value.as_u64(),
                "done" => self.done = value.as_u64().unwrap_or_default(),
                "progress" => self.tenths = value.as_f64().map(tenths),
                "speed" => self.speed = value.as_u64().unwrap_or_default(),
                "eta" => self.eta = value.as_u64(),
                "threads" => self.threads = value["active"].as_u64().unwrap_or_default(),
                "attempts" => self.attempts = value.as_u64().unwrap_or_default(),
                "position" => self.position = value.as_u64(),
                "added_at" => self.added = text(),
                "finished_at" => self.finished = text(),
                _ => {}
            }
        }
        // Two fields say why: the error, where there is one, is what a failed one is about.
        let why = |text: Option<&str>| text.unwrap_or_default().to_owned();
        match (fields.get("error"), fields.get("reason")) {
            (Some(error), _) if !error.is_null() => self.why = why(error["detail"].as_str()),
            (_, Some(reason)) => self.why = why(reason.as_str()),
            (Some(_), None) => self.why.clear(),
            (None, None) => {}
        }
    }
}

/// Tenths of a percent, from percent with one decimal.
fn tenths(percent: f64) -> u16 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it lies between 0 and 1000"
    )]
    let tenths = (percent * 10.0).round().clamp(0.0, 1000.0) as u16;
    tenths
}

/// Which downloads are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    All,
    Active,
    Queued,
    Paused,
    Failed,
    Done,
}

impl Filter {
    pub(crate) const ALL: [Filter; 6] = [
        Filter::All,
        Filter::Active,
        Filter::Queued,
        Filter::Paused,
        Filter::Failed,
        Filter::Done,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Filter::All => "all",
            Filter::Active => "active",
            Filter::Queued => "queued",
            Filter::Paused => "paused",
            Filter::Failed => "failed",
            Filter::Done => "done",
        }
    }

    fn shows(self, status: Status) -> bool {
        match self {
            Filter::All => true,
            Filter::Active => status.is_active(),
            Filter::Queued => status == Status::Queued,
            Filter::Paused => status == Status::Paused,
            Filter::Failed => status == Status::Failed,
            Filter::Done => status == Status::Completed,
        }
    }
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// What moves, then what waits, then what has ended.
    Status,
    /// The newest first.
    Added,
    Name,
    /// The largest first.
    Size,
    /// The furthest first.
    Progress,
}

impl Sort {
    pub(crate) const ALL: [Sort; 5] = [
        Sort::Status,
        Sort::Added,
        Sort::Name,
        Sort::Size,
        Sort::Progress,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Sort::Status => "status",
            Sort::Added => "newest",
            Sort::Name => "name",
            Sort::Size => "size",
            Sort::Progress => "progress",
        }
    }

    fn compare(self, a: &Row, b: &Row) -> Ordering {
        let order = match self {
            Sort::Status => rank(a).cmp(&rank(b)).then_with(|| within(a, b)),
            Sort::Added => (&b.added, b.heard).cmp(&(&a.added, a.heard)),
            Sort::Name => a.name.cmp(&b.name),
            Sort::Size => b.size.cmp(&a.size),
            Sort::Progress => b.tenths.cmp(&a.tenths),
        };
        order.then_with(|| a.heard.cmp(&b.heard))
    }

    /// Whether a change of this field can move a row, or show or hide it. Bytes come in all the time,
    /// and most of the time they move nothing.
    fn heeds(self, field: &str) -> bool {
        match field {
            "name" | "status" | "position" | "added_at" | "finished_at" => true,
            "size" => self == Sort::Size,
            "progress" => self == Sort::Progress,
            _ => false,
        }
    }
}

/// Where a status stands among others.
fn rank(row: &Row) -> u8 {
    match row.status {
        status if status.is_active() => 0,
        Status::Queued => 1,
        Status::Paused => 2,
        Status::Failed => 3,
        Status::Completed => 4,
        _ => 5,
    }
}

/// The order of two that stand in the same rank.
fn within(a: &Row, b: &Row) -> Ordering {
    match a.status {
        // The end of the queue has no positions: those are behind.
        Status::Queued => {
            (a.position.is_none(), a.position).cmp(&(b.position.is_none(), b.position))
        }
        // What has just come is what one looks for.
        Status::Completed => b.finished.cmp(&a.finished),
        _ => a.added.cmp(&b.added),
    }
}

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
mod tests {
    use serde_json::json;

    use super::*;

    fn list(downloads: &[Json]) -> List {
        let mut list = List::default();
        for download in downloads {
            list.merge(download);
        }
        list.settle();
        list
    }

    fn names(list: &mut List) -> String {
        list.settle();
        let names: Vec<&str> = (0..list.len())
            .map(|place| list.at(place).expect("a row").name.as_str())
            .collect();
        names.join(" ")
    }

    fn download(id: u64, name: &str, status: &str) -> Json {
        json!({"id": format!("{id:016x}"), "name": name, "status": status})
    }

    #[test]
    fn a_change_replaces_what_it_names_and_nothing_else() {
        let mut list = list(&[json!({
            "id": "00000000000000a1", "name": "a", "status": "downloading", "size": null, "done": 5,
            "progress": null, "threads": {"active": 3, "limit": 8}, "reason": "slow", "error": null,
        })]);
        list.merge(
            &json!({"id": "00000000000000a1", "size": 10, "progress": 99.95, "reason": null}),
        );
        let row = list.get(Id(0xa1)).expect("it is there");
        assert_eq!((row.size, row.done, row.threads), (Some(10), 5, 3));
        assert_eq!(
            (row.tenths, row.why.as_str(), row.name.as_str()),
            (Some(1000), "", "a")
        );
        list.merge(
            &json!({"id": "00000000000000a1", "status": "failed", "error": {"detail": "404"}}),
        );
        assert_eq!(list.get(Id(0xa1)).expect("it is there").why, "404");
        list.merge(&json!({"id": "00000000000000a1", "status": "queued", "error": null}));
        assert_eq!(list.get(Id(0xa1)).expect("it is there").why, "");
    }

    #[test]
    fn what_moves_stands_above_what_waits_and_the_queue_in_its_order() {
        let queued = |id: u64, name: &str, position: Option<u64>| {
            let mut queued = download(id, name, "queued");
            queued["position"] = json!(position);
            queued
        };
        let mut list = list(&[
            download(1, "done", "completed"),
            queued(2, "behind", None),
            queued(3, "second", Some(1)),
            queued(4, "first", Some(0)),
            download(5, "moves", "downloading"),
            download(6, "fell", "failed"),
            download(7, "left", "cancelled"),
            download(8, "stands", "paused"),
        ]);
        assert_eq!(
            names(&mut list),
            "moves first second behind stands fell done left"
        );
        list.sort_by(Sort::Name);
        assert_eq!(
            names(&mut list),
            "behind done fell first left moves second stands"
        );
    }

    #[test]
    fn the_newest_the_largest_and_the_furthest_come_first() {
        let mut list = list(&[
            json!({"id": "1".repeat(16), "name": "a", "size": 1, "progress": 9.0, "added_at": "2026-01-01T00:00:00Z"}),
            json!({"id": "2".repeat(16), "name": "b", "size": null, "progress": null, "added_at": "2026-01-02T00:00:00Z"}),
            json!({"id": "3".repeat(16), "name": "c", "size": 3, "progress": 3.0, "added_at": "2026-01-02T00:00:00Z"}),
        ]);
        for (sort, order) in [
            (Sort::Added, "c b a"),
            (Sort::Size, "c a b"),
            (Sort::Progress, "a c b"),
        ] {
            list.sort_by(sort);
            assert_eq!(names(&mut list), order, "{sort:?}");
        }
    }

    #[test]
    fn a_filter_and_a_search_hide_rows_and_counts_tell_of_all() {
        let mut list = list(&[
            download(1, "Alpha.iso", "completed"),
            download(2, "beta.iso", "failed"),
            download(3, "gamma.bin", "completed"),
        ]);
        list.show(Filter::Done);
        list.search_for("ISO");
        assert_eq!(names(&mut list), "Alpha.iso");
        let counts: Vec<usize> = list.counts().map(|(_, count)| count).collect();
        assert_eq!(counts, [3, 0, 0, 0, 1, 2]);
        list.remove(Id(1));
        assert_eq!(names(&mut list), "");
        assert_eq!((list.place(Id(1)), list.at(0)), (None, None));
    }
}
