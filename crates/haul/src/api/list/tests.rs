//! Pages of a list, put together and taken apart.

use super::*;
use crate::api::types::download::tests::sample;
use haul_engine::{Id, Status};

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
        list: List::ADDED,
        text: None,
        limit: 100,
        cursor: None,
    }
}

fn by(sort: Sort) -> Query {
    let list = List {
        sort,
        ..List::ADDED
    };
    Query { list, ..query() }
}

fn back(list: List) -> List {
    List {
        direction: Direction::Descending,
        ..list
    }
}

/// A page, at once: nobody else runs in these tests.
fn page(live: &Live, query: &Query) -> Result<Page, Error> {
    let read = super::page(live, query);
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
        .block_on(read)
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
            let whole = Query { text, ..by(sort) };
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
                let mut back = walk(
                    &live,
                    Query {
                        limit,
                        list: back(whole.list),
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
    let by = |sort| walk(&live, by(sort));
    assert_eq!(by(Sort::Added), [1, 2, 3]);
    assert_eq!(by(Sort::Name), [3, 1, 2]);
    // The third one's size is unknown.
    assert_eq!(by(Sort::Size), [3, 1, 2]);
}

#[test]
fn filters_cut_rows_and_total() {
    let live = live(&["one.iso", "two.iso", "three.mp4", "four.iso"]);
    let queued = Query {
        list: List {
            statuses: std::iter::once(Status::Queued).collect(),
            ..List::ADDED
        },
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
                limit: 2,
                ..by(sort)
            },
        )
        .expect("a page");
        live.take(Id(2));
        let cursor = first.next;
        let second = page(
            &live,
            &Query {
                limit: 2,
                cursor,
                ..by(sort)
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
        cursor: cursor.clone(),
        ..by(Sort::Name)
    };
    assert!(page(&live, &by_name).is_err());
    let back = Query {
        list: back(List::ADDED),
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
