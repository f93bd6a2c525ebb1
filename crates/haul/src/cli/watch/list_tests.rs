//! The list as a snapshot and changes make it, filtered and in order.

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
    list.merge(&json!({"id": "00000000000000a1", "size": 10, "progress": 99.95, "reason": null}));
    let row = list.get(Id(0xa1)).expect("it is there");
    assert_eq!((row.size, row.done, row.threads), (Some(10), 5, 3));
    assert_eq!(
        (row.tenths, row.why.as_str(), row.name.as_str()),
        (Some(1000), "", "a")
    );
    list.merge(&json!({"id": "00000000000000a1", "status": "failed", "error": {"detail": "404"}}));
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
