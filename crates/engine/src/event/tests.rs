//! Revisions, marks and watchers, tried by hand.

use std::time::SystemTime;

use super::*;
use crate::spec::Algorithm;

pub(super) fn view(id: u64) -> View {
    let spec = crate::Spec::new(crate::Spec::parse_url("http://host/file").expect("a URL"));
    View {
        id: Id(id),
        revision: 0,
        url: spec.url.as_str().into(),
        final_url: None,
        mirrors: Arc::default(),
        name: "file".into(),
        path: None,
        status: Status::Queued,
        size: None,
        done: 0,
        threads_active: 0,
        threads_limit: 8,
        block_size: 1,
        ranges: None,
        speed: 0,
        eta: None,
        speed_limit: 0,
        priority: 0,
        position: None,
        etag: None,
        last_modified: None,
        content_type: None,
        checksum: Arc::new(DigestView {
            algorithm: Algorithm::Sha256,
            expected: None,
            actual: None,
            verified: None,
        }),
        error: None,
        reason: None,
        attempts: 0,
        wasted: 0,
        added_at: SystemTime::UNIX_EPOCH,
        started_at: None,
        finished_at: None,
        blocks: Arc::default(),
        map: "".into(),
    }
}

/// Connections close, and room is made, after the last download has changed.
#[test]
fn totals_that_change_alone_are_told() {
    let live = Live::new();
    live.set_connections(6);
    live.set_free_space(1 << 30);
    let mut watcher = live.watch();
    let mut told = || {
        let changes = watcher.take();
        let is_news = changes.to > changes.from;
        is_news.then_some((changes.stats.connections, changes.stats.free_space))
    };
    live.set_connections(0);
    assert_eq!(told(), Some((0, 1 << 30)));
    live.set_connections(0);
    assert_eq!(told(), None);
    // Whatever else is written there must not wake every watcher.
    live.set_free_space((1 << 30) - 4096);
    assert_eq!(told(), None);
    assert_eq!(
        live.stats().free_space,
        1 << 30,
        "what was told is what is said"
    );
    live.set_free_space((1 << 30) - FREE_SPACE_STEP);
    assert_eq!(told(), Some((0, (1 << 30) - FREE_SPACE_STEP)));
    live.set_free_space(4096);
    live.set_free_space(0);
    assert_eq!(told(), Some((0, 0)), "a full disk is full");
}

/// Of a completed download little is kept, and no watcher is told less or more for it.
#[test]
fn a_completed_download_keeps_apart_only_what_somebody_has_not_been_told() {
    let live = Live::new();
    live.insert(view(1));
    live.update(Id(1), |view| view.attempts = 1);
    let mut slow = live.watch();
    live.update(Id(1), |view| view.size = Some(9));
    let mut quick = live.watch();
    live.update(Id(1), |view| view.done = 9);
    live.update(Id(1), |view| view.status = Status::Completed);
    let marks = live.lock().entries[&Id(1)]
        .earlier
        .as_ref()
        .map_or(0, |marks| marks.len());
    assert_eq!(marks, 3, "what all know, and three changes but the last");
    let told = |watcher: &mut Watcher| watcher.take().changed[0].1;
    assert_eq!(told(&mut quick), Fields::DONE | Fields::STATUS);
    let missed = Fields::SIZE | Fields::DONE | Fields::STATUS;
    assert_eq!(told(&mut slow), missed);

    live.insert(view(2));
    live.update(Id(2), |view| view.done = 9);
    quick.take();
    slow.take();
    live.update(Id(2), |view| view.status = Status::Completed);
    assert_eq!(
        live.lock().entries[&Id(2)]
            .earlier
            .as_ref()
            .map_or(0, |marks| marks.len()),
        1
    );
    assert_eq!(told(&mut quick), Fields::STATUS);
}

#[test]
fn only_the_fields_that_changed_are_marked() {
    let live = Live::new();
    live.insert(view(1));
    let before = live.revision();
    live.update(Id(1), |view| view.done = 5);
    live.update(Id(1), |view| view.done = 6);
    let changes = live.changes(before);
    let [(changed, fields)] = &changes.changed[..] else {
        panic!("one download")
    };
    assert_eq!(
        (changed.done, changed.revision, changes.to),
        (6, before + 2, before + 2)
    );
    assert_eq!(*fields, Fields::DONE);
    assert_eq!(
        live.changes(0).changed[0].1,
        Fields::ALL,
        "for a newcomer all of it is new"
    );
}

#[test]
fn what_is_new_is_told_in_the_order_in_which_it_was_added() {
    let live = Live::new();
    for id in [3, 1, 2] {
        live.insert(view(id));
    }
    live.update(Id(3), |view| view.done = 1);
    let changes = live.changes(0);
    let told: Vec<Id> = changes.changed.iter().map(|(view, _)| view.id).collect();
    assert_eq!(told, [Id(3), Id(1), Id(2)]);
    // What is known already, in the order in which it changed.
    let known = live.revision();
    live.update(Id(2), |view| view.done = 1);
    live.update(Id(3), |view| view.done = 2);
    let changes = live.changes(known);
    let told: Vec<Id> = changes.changed.iter().map(|(view, _)| view.id).collect();
    assert_eq!(told, [Id(2), Id(3)]);
}

#[test]
fn a_change_to_the_same_value_is_none() {
    let live = Live::new();
    live.insert(view(1));
    let before = live.revision();
    live.update(Id(1), |view| view.done = 0);
    assert_eq!(live.revision(), before);
}

#[test]
fn removals_are_told_to_every_watcher_and_then_forgotten() {
    let live = Live::new();
    live.insert(view(1));
    live.insert(view(2));
    let (mut quick, mut slow) = (live.watch(), live.watch());
    live.remove(Id(1));
    assert_eq!(quick.take().removed, [Id(1)]);
    live.remove(Id(2));
    assert_eq!(quick.take().removed, [Id(2)]);
    assert_eq!(slow.take().removed, [Id(1), Id(2)], "merged, not lost");
    for id in 3..3 * REMOVALS_KEPT as u64 {
        live.insert(view(id));
        live.remove(Id(id));
    }
    let removed = || live.lock().removed.len();
    assert_eq!(removed(), 3 * REMOVALS_KEPT - 3, "none that was not told");
    drop((quick, slow));
    live.insert(view(1));
    live.remove(Id(1));
    assert_eq!(removed(), REMOVALS_KEPT);
}

#[test]
fn whoever_comes_back_is_told_what_happened_as_long_as_that_is_known() {
    let live = Live::after(100);
    assert!(live.watch_since(99).is_none(), "from before this table");
    assert!(live.watch_since(101).is_none(), "from another one");
    live.insert(view(1));
    live.insert(view(2));
    let left = live.revision();
    live.remove(Id(1));
    live.update(Id(2), |view| view.done = 5);
    let mut back = live.watch_since(left).expect("it is known");
    let changes = back.take();
    assert_eq!((changes.from, changes.to), (left, live.revision()));
    assert_eq!(changes.removed, [Id(1)]);
    assert_eq!(changes.changed[0].1, Fields::DONE);
    drop(back);
    for id in 3..4 + REMOVALS_KEPT as u64 {
        live.insert(view(id));
        live.remove(Id(id));
    }
    assert!(live.watch_since(left).is_none(), "its removal is forgotten");
    // The oldest removal that is still known was one after that of which nothing is.
    let forgotten = live.lock().forgotten;
    assert_eq!(
        live.watch_since(forgotten)
            .expect("known")
            .take()
            .removed
            .len(),
        REMOVALS_KEPT
    );
}

#[test]
fn a_later_table_has_greater_revisions() {
    let now = SystemTime::now();
    let earlier = Live::later_than_any(now);
    (1..100).for_each(|id| drop(earlier.insert(view(id))));
    let later = Live::later_than_any(now + std::time::Duration::from_millis(1));
    assert!(later.revision() > earlier.revision());
    // What JavaScript holds as a whole number.
    assert!(later.revision() < 1 << 53);
}

#[test]
fn a_download_is_found_by_its_new_url() {
    let live = Live::new();
    live.insert(view(1));
    live.update(Id(1), |view| view.url = "http://host/new#top".into());
    assert_eq!(live.of_url("http://host/file").len(), 0);
    assert_eq!(live.of_url("http://host/new").len(), 1);
    live.remove(Id(1));
    assert!(live.lock().urls.is_empty());
}

#[test]
fn totals_follow_states_and_speeds() {
    let live = Live::new();
    live.insert(view(1));
    live.insert(view(2));
    live.update(Id(1), |view| {
        view.status = Status::Downloading;
        view.speed = 10;
    });
    let stats = live.stats();
    assert_eq!((stats.queued, stats.active, stats.speed), (1, 1, 10));
    live.remove(Id(1));
    let stats = live.stats();
    assert_eq!((stats.queued, stats.active, stats.speed), (1, 0, 0));
}

#[tokio::test]
async fn a_watcher_that_missed_a_change_does_not_wait() {
    let live = Live::new();
    let mut watcher = live.watch();
    live.insert(view(1));
    watcher.changed().await;
    let (revision, views, _) = watcher.snapshot(Statuses::ALL);
    assert_eq!((revision, views.len()), (1, 1));
}

#[test]
fn a_url_leads_to_all_that_were_added_with_it_and_are_there() {
    let live = Live::new();
    let urls = ["http://host/a", "http://host/a#part", "http://host/b"];
    for (id, url) in (1..).zip(urls) {
        let url = url.into();
        live.insert(View { url, ..view(id) });
    }
    let found = |url| -> Vec<Id> { live.of_url(url).iter().map(|view| view.id).collect() };
    assert_eq!(found("http://host/a"), [Id(1), Id(2)]);
    assert_eq!(found("http://host/a#other"), [Id(1), Id(2)]);
    assert_eq!(found("http://host/b"), [Id(3)]);
    assert_eq!(found("http://host/"), []);
    live.update(Id(1), |view| view.done = 1);
    live.remove(Id(2));
    assert_eq!(found("http://host/a"), [Id(1)]);
}
