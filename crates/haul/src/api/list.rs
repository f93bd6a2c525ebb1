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
mod tests {
    use super::*;
    use crate::api::types::download::tests::sample;
    use haul_engine::Id;

    fn live(names: &[&str]) -> Live {
        let live = Live::new();
        for (number, name) in (1..).zip(names) {
            live.put(View {
                id: Id(number),
                name: (*name).into(),
                url: format!("http://host/{number}").into(),
                size: (number % 3 != 0).then_some(number % 4 * 100),
                done: number % 5 * 10,
                status: if number % 2 == 0 {
                    Status::Queued
                } else {
                    Status::Completed
                },
                ..sample()
            });
        }
        live
    }

    fn query() -> Query {
        Query {
            statuses: None,
            text: None,
            sort: Sort::Added,
            order: Order::Ascending,
            limit: 100,
            cursor: None,
        }
    }

    fn ids(page: &Page) -> Vec<u64> {
        page.downloads.iter().map(|view| view.id.0).collect()
    }

    /// All pages, each with its total.
    fn walk(live: &Live, mut query: Query) -> Vec<u64> {
        let mut seen = Vec::new();
        loop {
            let page = page(live, &query).expect("a page");
            seen.extend(ids(&page));
            assert!(page.downloads.len() <= query.limit);
            query.cursor = page.next;
            if query.cursor.is_none() {
                return seen;
            }
        }
    }

    #[test]
    fn pages_put_together_are_the_whole_list_in_every_order() {
        let names: Vec<String> = (0..40).map(|n| format!("File.{}", n * 7 % 13)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let live = live(&names);
        for sort in [Sort::Added, Sort::Name, Sort::Size, Sort::Progress] {
            for text in [None, Some("file.1".to_owned())] {
                let whole = Query {
                    sort,
                    text,
                    ..query()
                };
                let all = walk(&live, whole.clone());
                for limit in [1, 7, 39, 40, 41] {
                    let pages = walk(
                        &live,
                        Query {
                            limit,
                            ..whole.clone()
                        },
                    );
                    assert_eq!(pages, all, "{sort:?} by {limit}");
                    let order = Order::Descending;
                    let mut back = walk(
                        &live,
                        Query {
                            limit,
                            order,
                            ..whole.clone()
                        },
                    );
                    back.reverse();
                    assert_eq!(back, all, "{sort:?} backwards by {limit}");
                }
            }
        }
    }

    #[test]
    fn sorting_is_by_what_it_says() {
        let live = live(&["b", "C", "a"]);
        let by = |sort| walk(&live, Query { sort, ..query() });
        assert_eq!(by(Sort::Added), [1, 2, 3]);
        assert_eq!(by(Sort::Name), [3, 1, 2]);
        // The third one's size is unknown.
        assert_eq!(by(Sort::Size), [3, 1, 2]);
    }

    #[test]
    fn filters_cut_rows_and_total() {
        let live = live(&["one.iso", "two.iso", "three.mp4", "four.iso"]);
        let mut statuses = Statuses::default();
        statuses.insert(Status::Queued);
        let queued = Query {
            statuses: Some(statuses),
            limit: 1,
            ..query()
        };
        let first = page(&live, &queued).expect("a page");
        assert_eq!((ids(&first), first.total), (vec![2], 2));
        let text = Query {
            text: Some("ISO".into()),
            limit: 2,
            ..query()
        };
        let first = page(&live, &text).expect("a page");
        assert_eq!((ids(&first), first.total), (vec![1, 2], 3));
        let by_url = Query {
            text: Some("host/3".into()),
            ..query()
        };
        assert_eq!(walk(&live, by_url), [3]);
    }

    #[test]
    fn what_goes_or_comes_between_pages_shifts_nothing() {
        let live = live(&["a", "b", "c", "d", "e"]);
        for sort in [Sort::Added, Sort::Name] {
            let first = page(
                &live,
                &Query {
                    sort,
                    limit: 2,
                    ..query()
                },
            )
            .expect("a page");
            live.take(Id(2));
            let cursor = first.next;
            let second = page(
                &live,
                &Query {
                    sort,
                    limit: 2,
                    cursor,
                    ..query()
                },
            );
            assert_eq!(ids(&second.expect("a page")), [3, 4], "{sort:?}");
            live.put(View {
                id: Id(2),
                name: "b".into(),
                ..sample()
            });
        }
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let live = live(&["a", "b", "c"]);
        let first = page(
            &live,
            &Query {
                limit: 1,
                ..query()
            },
        )
        .expect("a page");
        let cursor = first.next;
        assert!(cursor.is_some());
        let by_name = Query {
            sort: Sort::Name,
            cursor: cursor.clone(),
            ..query()
        };
        assert!(page(&live, &by_name).is_err());
        let back = Query {
            order: Order::Descending,
            cursor,
            ..query()
        };
        assert!(page(&live, &back).is_err());
        for nonsense in ["x", "zz", "é", "00", "ff"] {
            let cursor = Some(nonsense.to_owned());
            assert!(
                page(&live, &Query { cursor, ..query() }).is_err(),
                "{nonsense}"
            );
        }
    }
}
