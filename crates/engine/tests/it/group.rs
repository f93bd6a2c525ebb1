//! Small files that are delivered together: none waits for a place, each has its own name and its own
//! failure, and each is asked for once.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::sync::Arc;

use haul_engine::{Kind, New, Spec, Status, View};
use haul_testkit::disk::BadDisk;
use haul_testkit::faulty_store::FaultyStore;
use haul_testkit::origin::Origin;

use crate::world::{World, assert_right, list};

const COUNT: u64 = 20;
const SIZE: u64 = 16 << 10;

/// An engine with one place, and downloads of different bytes and one name.
async fn begin(origin: &Origin, store: &FaultyStore, disk: &BadDisk) -> (World, Vec<Arc<View>>) {
    let (disk, store) = (Arc::new(disk.clone()), Arc::new(store.clone()));
    let world = World::on_store(disk, store, |c| {
        c.settings.max_downloads = 1;
        c.min_free_space = 1;
    })
    .await;
    let new = (0..COUNT).map(|seed| {
        let url = format!("/{seed}/same.bin?size=16K&seed={seed}");
        New::Unseen(Spec::new(origin.url(&url)))
    });
    let added = world.engine.add(new.collect()).await.expect("added");
    (world, added)
}

#[tokio::test(flavor = "multi_thread")]
async fn files_gather_while_others_wait_for_the_disk_and_get_names_of_their_own() {
    let (origin, store) = (Origin::start().await, FaultyStore::new());
    store.hold(Status::Delivering);
    let (world, added) = begin(&origin, &store, &BadDisk::new()).await;
    let all_asked = || origin.log().len() as u64 == COUNT;
    world.until_true("every file is fetched", all_asked).await;
    assert!(list(&world.files()).is_empty(), "no target is recorded yet");
    // All of them are under way beside the only place; they wait for the disk, and for nothing else.
    for view in &added {
        let is_delivered = |view: &View| view.status == Status::Delivering;
        world.until(view.id, is_delivered).await;
    }
    store.heal();
    let mut paths = HashSet::new();
    for (seed, view) in (0..).zip(&added) {
        let view = world.ended(view.id).await;
        assert_right(&view, seed, SIZE);
        paths.insert(view.path.clone());
    }
    assert_eq!(paths.len() as u64, COUNT, "two downloads claim one path");
    assert_eq!(list(&world.files()).len() as u64, COUNT);
    assert!(world.scratch().is_empty());
    let log = origin.log();
    assert_eq!(log.len() as u64, COUNT, "a file was asked for twice");
    let connections: HashSet<u64> = log.iter().map(|seen| seen.connection).collect();
    assert_eq!(connections.len(), 1, "a connection was not used again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_synced_fails_and_the_others_do_not() {
    let (origin, store, disk) = (Origin::start().await, FaultyStore::new(), BadDisk::new());
    disk.fail_next_sync(ErrorKind::Other);
    let (world, added) = begin(&origin, &store, &disk).await;
    let mut failed = Vec::new();
    for view in &added {
        let view = world.ended(view.id).await;
        if view.status == Status::Failed {
            failed.push(view);
        }
    }
    let [view] = failed.as_slice() else {
        panic!("one sync has failed: {failed:#?}");
    };
    assert_eq!(view.error.as_ref().map(|e| e.kind), Some(Kind::DiskIo));
    assert_eq!(view.done, 0, "bytes that may be lost are not held");
    assert_eq!(list(&world.files()).len() as u64, COUNT - 1);
    assert!(world.scratch().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_for_which_there_was_no_room_come_back_one_at_a_time() {
    let (origin, disk) = (Origin::start().await, BadDisk::new());
    disk.hold_writes();
    let (world, added) = begin(&origin, &FaultyStore::new(), &disk).await;
    let all_asked = || origin.log().len() as u64 == COUNT;
    world.until_true("every file is fetched", all_asked).await;
    disk.limit_writes(Some(0));
    disk.claim_free(Some(0));
    disk.release_writes();
    let is_back = |view: &View| view.status.is_active() && view.reason.is_some();
    let in_queue = |view: &View| view.status == Status::Queued && view.reason.is_none();
    // They have waited out of the queue, and are in it again.
    for view in &added {
        world
            .until(view.id, |view| is_back(view) || in_queue(view))
            .await;
    }
    let live = world.engine.live();
    let (_, active, _) = live.snapshot(|view| view.status.is_active());
    assert!(active.len() <= 1, "{active:#?}");
    disk.limit_writes(None);
    disk.claim_free(None);
    for (seed, view) in (0..).zip(&added) {
        assert_right(&*world.ended(view.id).await, seed, SIZE);
    }
}

/// As many as there is room for wait for the disk: what comes after them would wait for it too, until it
/// is clear that nothing moves there.
#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_go_into_a_group_is_not_held_up_by_a_disk_that_hangs() {
    const MOST: u64 = 256;
    let (origin, disk) = (Origin::start().await, BadDisk::new());
    disk.hold_writes();
    let world = World::on(Arc::new(disk.clone()), |c| c.settings.max_downloads = 1).await;
    let small = (0..MOST).map(|n| {
        let url = origin.url(&format!("/{n}.bin?size=1K&seed={n}"));
        New::Unseen(Spec::new(url))
    });
    let small = world.engine.add(small.collect()).await.expect("added");
    origin
        .wait_requests(usize::try_from(MOST).expect("few"))
        .await;
    let late = world.add(origin.url("/late.bin?size=1M&seed=9")).await;
    origin.wait_requests_for("/late.bin", 1).await;
    assert!(disk.held_writes() > 0, "the disk hangs no more");
    disk.release_writes();
    assert_right(&*world.ended(late).await, 9, 1 << 20);
    for (seed, view) in (0..).zip(&small) {
        assert_right(&*world.ended(view.id).await, seed, 1 << 10);
    }
}

/// Nothing shows that there is no room but a write, or a sync.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_meet_a_full_quota_are_not_asked_for_again_until_it_has_room() {
    let (origin, disk) = (Origin::start().await, BadDisk::new());
    disk.limit_writes(Some(0));
    let (world, added) = begin(&origin, &FaultyStore::new(), &disk).await;
    let all_asked = || origin.log().len() as u64 == COUNT;
    world.until_true("every file is fetched", all_asked).await;
    // Each has tried once with its own bytes; what comes after that is tried without a server.
    let is_tried_again = || disk.writes() >= COUNT + 3;
    world.until_true("room is tried", is_tried_again).await;
    assert_eq!(origin.log().len() as u64, COUNT, "asked for in vain");
    let (_, waiting, _) = world.engine.live().snapshot(|view| view.reason.is_some());
    assert!(!waiting.is_empty());
    for view in waiting {
        let reason = view.reason.as_deref().unwrap_or_default();
        assert!(reason.starts_with("waiting for disk space"), "{reason}");
    }
    disk.limit_writes(None);
    for (seed, view) in (0..).zip(&added) {
        assert_right(&*world.ended(view.id).await, seed, SIZE);
    }
    assert_eq!(origin.log().len() as u64, 2 * COUNT);
    assert!(world.scratch().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_refused_on_the_way_costs_no_second_request_and_no_second_file() {
    for status in [Status::Delivering, Status::Completed] {
        let (origin, store) = (Origin::start().await, FaultyStore::new());
        store.refuse_next(status);
        let (world, added) = begin(&origin, &store, &BadDisk::new()).await;
        for (seed, view) in (0..).zip(&added) {
            assert_right(&*world.ended(view.id).await, seed, SIZE);
        }
        assert_eq!(list(&world.files()).len() as u64, COUNT, "{status:?}");
        assert_eq!(origin.log().len() as u64, COUNT, "{status:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_file_that_comes_slowly_is_seen_to_come_and_asked_for_once() {
    let (origin, world) = (Origin::start().await, World::new().await);
    // Other threads would help.
    let alone = Spec {
        threads: Some(1),
        ..Spec::new(origin.url("/a.bin?size=64K&seed=1&rate=64K"))
    };
    let id = world.add_spec(alone).await;
    let is_half_way = |view: &View| view.status == Status::Downloading && view.done > 0;
    world.until(id, is_half_way).await;
    assert_right(&*world.ended(id).await, 1, 64 << 10);
    assert_eq!(origin.log().len(), 1);
}
