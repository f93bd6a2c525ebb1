//! A disk in trouble: full, over quota, short of free space, unable to sync.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use haul_engine::{Id, Kind, OnFull, Spec, Status};
use haul_testkit::disk::BadDisk;
use haul_testkit::origin::{self, Origin};
use url::Url;

use crate::world::{World, assert_right, list};

const MIB: u64 = 1 << 20;

async fn world_on(disk: &BadDisk, on_full: OnFull) -> World {
    let disk = Arc::new(disk.clone());
    let change = |config: &mut haul_engine::Config| {
        config.settings.block_size = MIB;
        config.min_free_space = 1000;
        config.on_full = on_full;
    };
    World::on(disk, change).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_makes_the_download_wait_and_go_on() {
    let (origin, disk) = (Origin::start().await, BadDisk::new());
    let world = world_on(&disk, OnFull::Wait).await;
    let id = world
        .add(origin.url("/a.bin?size=8M&seed=1&etag=%22x%22&rate=1M"))
        .await;
    world.until(id, |view| view.done > 2 * MIB).await;
    disk.claim_free(Some(999));
    disk.fail_writes(Some(ErrorKind::StorageFull));
    let waiting = world.until(id, |view| view.reason.is_some()).await;
    let reason = waiting.reason.as_deref().expect("a reason");
    assert!(reason.contains("disk space"), "{reason}");
    assert_eq!(waiting.error, None);
    // Nothing moves meanwhile, and nothing is shown to move.
    let waiting = world.until(id, |view| view.speed == 0).await;
    assert_eq!((waiting.eta, waiting.threads_active), (None, 0));
    assert_eq!(*waiting.blocks, []);
    assert_eq!(world.engine.live().stats().speed, 0);
    disk.fail_writes(None);
    disk.claim_free(None);
    assert_right(&*world.ended(id).await, 1, 8 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_for_the_whole_file_nothing_is_begun() {
    let (origin, disk) = (Origin::start().await, BadDisk::new());
    let world = world_on(&disk, OnFull::Wait).await;
    disk.claim_free(Some(MIB + 999));
    let id = world.add(origin.url("/a.bin?size=1M&seed=2")).await;
    world.until(id, |view| view.reason.is_some()).await;
    assert_eq!(disk.writes(), 0);
    disk.claim_free(Some(MIB + 1000));
    assert_right(&*world.ended(id).await, 2, MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_wait_is_told_that_the_disk_is_full() {
    let (origin, disk) = (Origin::start().await, BadDisk::new());
    let world = world_on(&disk, OnFull::Fail).await;
    disk.fail_reservations(Some(ErrorKind::StorageFull));
    let view = world.fetch(origin.url("/a.bin?size=1M&seed=3")).await;
    assert_eq!(view.error.as_ref().map(|e| e.kind), Some(Kind::DiskFull));
    disk.fail_reservations(None);
    world
        .engine
        .retry(view.id)
        .await
        .expect("can be tried again");
    assert_right(&*world.ended(view.id).await, 3, MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_could_not_be_synced_are_not_believed() {
    let (origin, disk) = (Origin::start().await, BadDisk::new());
    let world = world_on(&disk, OnFull::Wait).await;
    disk.fail_syncs(Some(ErrorKind::Other));
    let view = world
        .fetch(origin.url("/a.bin?size=4M&seed=4&etag=%22x%22"))
        .await;
    assert_eq!((view.status, view.done), (Status::Failed, 0));
    assert_eq!(view.error.as_ref().map(|e| e.kind), Some(Kind::DiskIo));
    assert!(list(&world.files()).is_empty());
    disk.fail_syncs(None);
    world
        .engine
        .retry(view.id)
        .await
        .expect("can be tried again");
    assert_right(&*world.ended(view.id).await, 4, 4 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_refuses_says_so() {
    let (origin, disk) = (Origin::start().await, BadDisk::new());
    let world = world_on(&disk, OnFull::Wait).await;
    disk.fail_writes(Some(ErrorKind::ReadOnlyFilesystem));
    let view = world.fetch(origin.url("/a.bin?size=1M&seed=5")).await;
    let error = view.error.as_ref().expect("an error");
    assert_eq!(error.kind, Kind::DiskPermission);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_up_quota_is_a_full_disk_whatever_free_space_is_shown() {
    let (origin, disk) = (Origin::start().await, BadDisk::new());
    let world = world_on(&disk, OnFull::Fail).await;
    disk.limit_writes(Some(3 * MIB));
    let view = world
        .fetch(origin.url("/a.bin?size=8M&seed=6&etag=%22x%22"))
        .await;
    assert_eq!(view.error.as_ref().map(|e| e.kind), Some(Kind::DiskFull));
    assert!(origin.log().len() <= 8, "no block is asked for again");
    disk.limit_writes(None);
    world
        .engine
        .retry(view.id)
        .await
        .expect("can be tried again");
    assert_right(&*world.ended(view.id).await, 6, 8 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_meets_a_full_quota_is_not_asked_for_again_until_it_has_room() {
    let (origin, disk) = (Origin::start().await, BadDisk::new());
    let world = world_on(&disk, OnFull::Wait).await;
    disk.limit_writes(Some(3 * MIB));
    let url = origin.url("/a.bin?size=8M&seed=12&ranges=no&chunked");
    let id = world.add(url).await;
    world.until_true("it has begun", || disk.writes() > 0).await;
    disk.fail_reservations(Some(ErrorKind::QuotaExceeded));
    let tried = disk.reservations();
    let is_tried = || disk.reservations() >= tried + 2;
    world.until_true("room is tried", is_tried).await;
    assert_eq!(origin.log().len(), 1, "asked for in vain");
    let waiting = world.engine.live().get(id).expect("there");
    let reason = waiting.reason.as_deref().unwrap_or_default();
    assert!(reason.starts_with("waiting for disk space"), "{reason}");
    disk.limit_writes(None);
    disk.fail_reservations(None);
    assert_right(&*world.ended(id).await, 12, 8 * MIB);
    assert_eq!(origin.log().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_a_quota_holds_up_keeps_no_connection_from_others() {
    let (origin, disk) = (Origin::start().await, BadDisk::new());
    let world = World::on(Arc::new(disk.clone()), |config| {
        config.settings.max_connections_per_host = 1;
        config.settings.block_size = MIB;
    })
    .await;
    disk.fail_reservations(Some(ErrorKind::QuotaExceeded));
    let held_up = world.add(origin.url("/a.bin?size=8M&seed=14")).await;
    world.until(held_up, |view| view.reason.is_some()).await;
    // It needs no reservation.
    let small = world.fetch(origin.url("/b.bin?size=1K&seed=15")).await;
    assert_right(&small, 15, 1 << 10);
    disk.fail_reservations(None);
    assert_right(&*world.ended(held_up).await, 14, 8 * MIB);
}

/// Where room cannot be promised a write alone tells that there is none.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_takes_nothing_is_tried_at_growing_distances() {
    let (origin, disk) = (Origin::start().await, BadDisk::new());
    let world = world_on(&disk, OnFull::Wait).await;
    disk.limit_writes(Some(0));
    let began = Instant::now();
    let alone = Spec {
        threads: Some(1),
        ..Spec::new(origin.url("/a.bin?size=8M&seed=13&ranges=no"))
    };
    let id = world.add_spec(alone).await;
    origin.wait_requests(3).await;
    let waited = began.elapsed();
    assert!(waited >= Duration::from_secs(3), "1 s and 2 s: {waited:?}");
    disk.limit_writes(None);
    assert_right(&*world.ended(id).await, 13, 8 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_failed_is_not_made_good_by_the_next() {
    let (origin, disk) = (Origin::start().await, BadDisk::new());
    let world = world_on(&disk, OnFull::Wait).await;
    disk.fail_next_sync(ErrorKind::Other);
    let view = world
        .fetch(origin.url("/a.bin?size=8M&seed=7&etag=%22x%22&rate=512K"))
        .await;
    assert_eq!((view.status, view.done), (Status::Failed, 0));
    assert_eq!(view.error.as_ref().map(|e| e.kind), Some(Kind::DiskIo));
    world
        .engine
        .retry(view.id)
        .await
        .expect("can be tried again");
    assert_right(&*world.ended(view.id).await, 7, 8 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scratch_name_is_synced_when_a_record_speaks_of_it_and_not_before() {
    let (origin, disk) = (Origin::start().await, BadDisk::new());
    let world = world_on(&disk, OnFull::Wait).await;
    // Delivered before its first checkpoint: many small files pay for no more than they need.
    let view = world.fetch(origin.url("/small.bin?size=64K&seed=8")).await;
    assert_right(&view, 8, 64 << 10);
    assert_eq!(disk.name_syncs(), 0);
    let id = world
        .add(origin.url("/a.bin?size=8M&seed=9&etag=%22x%22&gate=end&gate_after=256K"))
        .await;
    origin.wait_gate("end", 8).await;
    // Its end is a record, too.
    world.engine.pause(id).await.expect("paused");
    assert!(disk.name_syncs() > 0, "a power cut would take the name");
}

/// A download whose disk is known to be slow, and then hangs in the middle of a write.
async fn hanging(world: &World, disk: &BadDisk, url: Url) -> Id {
    disk.slow_writes();
    let id = world.add(url).await;
    world.until(id, |view| view.done > 0).await;
    disk.hold_writes();
    world
        .until_true("a write hangs", || disk.held_writes() > 0)
        .await;
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_disk_that_hangs_holds_up_its_own_download_only() {
    let (origin, disk) = (Origin::start().await, BadDisk::new());
    let world = world_on(&disk, OnFull::Wait).await;
    let id = hanging(
        &world,
        &disk,
        origin.url("/a.bin?size=32M&seed=8&etag=%22x%22"),
    )
    .await;
    let began = Instant::now();
    let other = Spec::new(origin.url("/b.bin?size=1M&seed=9"));
    world.engine.probe(other).await.expect("found");
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "the only thread hangs"
    );
    disk.release_writes();
    assert_right(&*world.ended(id).await, 8, 32 * MIB);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_write_that_outlives_its_thread_is_waited_for() {
    let (origin, disk) = (Origin::start().await, BadDisk::new());
    let world = world_on(&disk, OnFull::Wait).await;
    let id = hanging(
        &world,
        &disk,
        origin.url("/a.bin?size=32M&seed=10&etag=%22x%22"),
    )
    .await;
    let release = async {
        // Everything that can stop has stopped by then.
        let waited = tokio::time::timeout(
            Duration::from_millis(300),
            world.until(id, |view| view.status == Status::Paused),
        );
        assert!(waited.await.is_err(), "paused while a write is under way");
        disk.release_writes();
    };
    let (paused, ()) = tokio::join!(world.engine.pause(id), release);
    paused.expect("can be paused");
    world.until(id, |view| view.status == Status::Paused).await;
    world.engine.resume(id).await.expect("can go on");
    assert_right(&*world.ended(id).await, 10, 32 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_is_computed_while_bytes_arrive_and_is_that_of_the_whole_file() {
    let (origin, disk) = (Origin::start().await, BadDisk::new());
    let world = world_on(&disk, OnFull::Wait).await;
    let right = format!("sha-256={}", origin::digest(11, 32 * MIB));
    let id = world
        .add_spec(Spec {
            checksum: right.parse().ok(),
            ..Spec::new(origin.url("/a.bin?size=32M&seed=11&etag=%22x%22&rate=2M"))
        })
        .await;
    let hashing = world.until(id, |_| disk.reads() > 0).await;
    assert!(hashing.done < 32 * MIB, "hashing begins with the last byte");
    let view = world.ended(id).await;
    assert_right(&view, 11, 32 * MIB);
    assert_eq!(view.checksum.verified, Some(true));
}
