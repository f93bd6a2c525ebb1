//! One page of the list of downloads: which, in what order, from where on. Pure over the live
//! state; a page's cursor is the sort key of its last row, so rows that come or go elsewhere do
//! not shift it.

use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

use haul_engine::event::Walk;
use haul_engine::{Error, Kind, Live, Status, View};

use super::types::download::progress;

/// A set of states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Statuses(u16);

impl Statuses {
    pub(crate) fn insert(&mut self, status: Status) {
        self.0 |= 1 << status as u16;
    }

    pub(crate) fn contains(self, status: Status) -> bool {
        self.0 & (1 << status as u16) != 0
    }
}

/// What the list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// The order in which they were added.
    Added,
    /// The file's name, whatever its case.
    Name,
    /// Bytes; unknown counts as least.
    Size,
    /// Percent; unknown counts as least.
    Progress,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Ascending,
    Descending,
}

impl Order {
    fn of(self, ordering: Ordering) -> Ordering {
        match self {
            Order::Ascending => ordering,
            Order::Descending => ordering.reverse(),
        }
    }
}

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    /// Only these states; `None` is every state.
    pub(crate) statuses: Option<Statuses>,
    /// Only those whose name or URL contains it, whatever the case.
    pub(crate) text: Option<String>,
    pub(crate) sort: Sort,
    pub(crate) order: Order,
    /// Most rows.
    pub(crate) limit: usize,
    /// The previous page's `next`.
    pub(crate) cursor: Option<String>,
}

impl Query {
    fn wants(&self, status: Status) -> bool {
        self.statuses
            .is_none_or(|statuses| statuses.contains(status))
    }
}

/// One page.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) downloads: Vec<Arc<View>>,
    /// How many pass the filters, on all pages.
    pub(crate) total: u64,
    /// The revision at which the page is true.
    pub(crate) revision: u64,
    /// The cursor of the next page; `None` on the last.
    pub(crate) next: Option<String>,
}

/// Reads one page. Fails on a cursor that is not from this list.
pub(crate) fn page(live: &Live, query: &Query) -> Result<Page, Error> {
    let after = query
        .cursor
        .as_deref()
        .map(|text| Cursor::read(text, query))
        .transpose()?;
    match (query.sort, &query.text) {
        (Sort::Added, None) => Ok(page_by_place(live, query, after)),
        (_, text) => Ok(page_by_key(live, query, text.as_deref(), after.as_ref())),
    }
}

/// Touches no more rows than it must: the list may hold hundreds of thousands.
fn page_by_place(live: &Live, query: &Query, after: Option<Cursor>) -> Page {
    let from = after.map(|cursor| cursor.place);
    let walk = match query.order {
        Order::Ascending => Walk::After(from),
        Order::Descending => Walk::Before(from),
    };
    let mut rows = Vec::new();
    let walked = live.walk(walk, |place, view| {
        if query.wants(view.status) {
            rows.push(Row {
                key: Key::Place,
                place,
                view: view.clone(),
            });
        }
        // One more than the page holds tells whether there is a next one.
        if rows.len() > query.limit {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    let total = Status::ALL
        .into_iter()
        .filter(|status| query.wants(*status))
        .map(|status| walked.count(status))
        .sum();
    Page::cut(rows, total, walked.revision(), query)
}

/// Looks at every row, but computes and sorts outside the lock.
fn page_by_key(live: &Live, query: &Query, text: Option<&str>, after: Option<&Cursor>) -> Page {
    let mut found = Vec::new();
    let walked = live.walk(Walk::After(None), |place, view| {
        if query.wants(view.status) {
            found.push((place, view.clone()));
        }
        ControlFlow::Continue(())
    });
    if let Some(text) = text {
        let text = text.to_lowercase();
        let contains = |place: &str| place.to_lowercase().contains(&text);
        found.retain(|(_, view)| contains(&view.name) || contains(&view.url));
    }
    let total = u64::try_from(found.len()).expect("a list in memory has a length of 64 bits");
    let mut rows: Vec<Row> = found
        .into_iter()
        .map(|(place, view)| Row {
            key: Key::of(&view, query.sort),
            place,
            view,
        })
        .filter(|row| {
            after.is_none_or(|cursor| {
                query.order.of(row.rank().cmp(&cursor.rank())) == Ordering::Greater
            })
        })
        .collect();
    let compare = |a: &Row, b: &Row| query.order.of(a.rank().cmp(&b.rank()));
    if rows.len() > query.limit {
        rows.select_nth_unstable_by(query.limit, compare);
        rows.truncate(query.limit + 1);
    }
    rows.sort_unstable_by(compare);
    Page::cut(rows, total, walked.revision(), query)
}

impl Page {
    /// The page from its rows and at most one more.
    fn cut(mut rows: Vec<Row>, total: u64, revision: u64, query: &Query) -> Page {
        let more = rows.len() > query.limit;
        rows.truncate(query.limit);
        let next = rows.last().filter(|_| more).map(|row| {
            Cursor {
                key: row.key.clone(),
                place: row.place,
            }
            .write(query)
        });
        Page {
            downloads: rows.into_iter().map(|row| row.view).collect(),
            total,
            revision,
            next,
        }
    }
}

struct Row {
    key: Key,
    place: u64,
    view: Arc<View>,
}

impl Row {
    /// Places are unique, so no two rows rank alike.
    fn rank(&self) -> (&Key, u64) {
        (&self.key, self.place)
    }
}

/// What a row is sorted by. Within one list all keys are of one variant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Place,
    Number(Option<u64>),
    Text(String),
}

impl Key {
    fn of(view: &View, sort: Sort) -> Key {
        match sort {
            Sort::Added => Key::Place,
            Sort::Name => Key::Text(view.name.to_lowercase()),
            Sort::Size => Key::Number(view.size),
            Sort::Progress => Key::Number(progress(view).map(u64::from)),
        }
    }
}

/// Where a page ended.
struct Cursor {
    key: Key,
    place: u64,
}

/// Places are counted anew by each process: a cursor from before a restart is refused, not misread.
static RUN: LazyLock<u64> =
    LazyLock::new(|| getrandom::u64().unwrap_or(u64::from(std::process::id())));

impl Cursor {
    fn rank(&self) -> (&Key, u64) {
        (&self.key, self.place)
    }

    fn write(&self, query: &Query) -> String {
        let key = match &self.key {
            Key::Place => String::new(),
            Key::Number(None) => "-".to_owned(),
            Key::Number(Some(number)) => number.to_string(),
            Key::Text(text) => text.clone(),
        };
        let plain = format!("{}.{}.{key}", Cursor::list(query), self.place);
        plain.bytes().map(|byte| format!("{byte:02x}")).collect()
    }

    fn read(text: &str, query: &Query) -> Result<Cursor, Error> {
        Cursor::parse(text, query).ok_or_else(|| {
            Error::new(
                Kind::InvalidOption,
                "cursor: not from this list, or from before a restart; start again without it",
            )
        })
    }

    fn parse(text: &str, query: &Query) -> Option<Cursor> {
        if !text.len().is_multiple_of(2) || !text.is_ascii() {
            return None;
        }
        let bytes = (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
            .collect::<Option<Vec<u8>>>()?;
        let plain = String::from_utf8(bytes).ok()?;
        let rest = plain
            .strip_prefix(&Cursor::list(query))?
            .strip_prefix('.')?;
        let (place, key) = rest.split_once('.')?;
        let key = match (query.sort, key) {
            (Sort::Added, _) => Key::Place,
            (Sort::Name, text) => Key::Text(text.to_owned()),
            (Sort::Size | Sort::Progress, "-") => Key::Number(None),
            (Sort::Size | Sort::Progress, number) => Key::Number(Some(number.parse().ok()?)),
        };
        Some(Cursor {
            key,
            place: place.parse().ok()?,
        })
    }

    /// The run and the order that a cursor belongs to.
    fn list(query: &Query) -> String {
        format!("{:x}.{:?}.{:?}", *RUN, query.sort, query.order)
    }
}

#[cfg(test)]
mod tests;
