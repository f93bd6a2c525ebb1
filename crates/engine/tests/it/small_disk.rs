//! A real file system without room, or that may not be written: the download says why it waits or
//! fails, and goes on when it can. Where none can be made, `disk.rs` has the same with a layer that
//! fails on command.

use std::path::PathBuf;

use haul_engine::{Config, Kind, Status};
use haul_testkit::ledger::{self, Ledger};
use haul_testkit::origin::Origin;
use haul_testkit::small_disk::SmallDisk;

use crate::world::{World, assert_right, list};

const MIB: u64 = 1 << 20;

/// So much is fetched again before a resume, to see that the file is still the same.
const PROOF: u64 = 64 << 10;

/// An engine that delivers to the small disk; its state is on another one.
async fn world_on(disk: &SmallDisk, change: impl FnOnce(&mut Config)) -> (World, PathBuf) {
    let dir = disk.path().join("files");
    let world = World::with(|config| {
        config.dir = dir.clone();
        config.settings.block_size = MIB;
        change(config);
    });
    (world.await, dir)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_under_a_stream_is_waited_for_and_not_filled_again_and_again() {
    let Some(disk) = SmallDisk::mount(16 * MIB) else {
        return;
    };
    let origin = Origin::start().await;
    let (world, dir) = world_on(&disk, |_| ()).await;
    let ballast = disk.fill_up(4 * MIB);
    // Nobody knows its length, so nobody could see that there is no room for it.
    let id = world
        .add(origin.url("/a.bin?size=8M&seed=1&ranges=no&chunked"))
        .await;
    let waits = world.until(id, |view| view.reason.is_some()).await;
    let reason = waits.reason.as_deref().expect("a reason");
    assert!(reason.contains("disk space"), "{reason}");
    // It says how much is missing only after it has looked again, and so has not tried in between.
    world
        .until(id, |view| {
            view.reason
                .as_deref()
                .is_some_and(|why| why.contains("bytes needed"))
        })
        .await;
    assert_eq!(origin.log().len(), 1, "the server is not asked in vain");
    assert!(disk.free() > 3 * MIB, "what is of no use is given back");
    assert!(
        list(&dir)
            .iter()
            .all(|file| file.extension().is_some_and(|end| end == "part"))
    );
    drop(ballast);
    assert_right(&*world.ended(id).await, 1, 8 * MIB);
    assert_eq!(list(&dir).len(), 1, "the scratch file is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_does_not_fit_is_not_begun_until_it_does() {
    let Some(disk) = SmallDisk::mount(16 * MIB) else {
        return;
    };
    let origin = Origin::start().await;
    let (world, _) = world_on(&disk, |_| ()).await;
    let ballast = disk.fill_up(4 * MIB);
    let id = world.add(origin.url("/a.bin?size=8M&seed=2")).await;
    world.until(id, |view| view.reason.is_some()).await;
    assert!(disk.free() >= 4 * MIB, "nothing is taken while it waits");
    drop(ballast);
    assert_right(&*world.ended(id).await, 2, 8 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn below_the_least_free_space_a_running_download_waits_and_goes_on_by_itself() {
    let Some(disk) = SmallDisk::mount(32 * MIB) else {
        return;
    };
    let origin = Origin::start().await;
    let (world, _) = world_on(&disk, |config| config.min_free_space = 8 * MIB).await;
    let id = world
        .add(origin.url("/a.bin?size=16M&seed=3&etag=%22x%22&rate=512K"))
        .await;
    world.until(id, |view| view.done > 2 * MIB).await;
    let ballast = disk.fill_up(4 * MIB);
    let waits = world.until(id, |view| view.reason.is_some()).await;
    let reason = waits.reason.as_deref().expect("a reason");
    assert!(reason.contains("disk space"), "{reason}");
    assert_eq!((waits.status, &waits.error), (Status::Downloading, &None));
    drop(ballast);
    let view = world.ended(id).await;
    assert_right(&view, 3, 16 * MIB);
    assert!(
        view.wasted <= 4 * MIB,
        "{} bytes fetched again",
        view.wasted
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_system_that_became_read_only_is_told_and_the_bytes_are_kept() {
    let Some(mut disk) = SmallDisk::mount(32 * MIB) else {
        return;
    };
    let origin = Origin::start().await;
    let (world, _) = world_on(&disk, |_| ()).await;
    let id = world
        .add(origin.url("/a.bin?size=8M&seed=4&etag=%22x%22&rate=512K"))
        .await;
    world.until(id, |view| view.done > 2 * MIB).await;
    // The system lets nobody change it while a file is open for writing.
    let paused = world.engine.pause(id).await.expect("paused");
    disk.set_read_only();
    world.engine.resume(id).await.expect("resumed");
    let view = world.ended(id).await;
    let error = view.error.as_ref().expect("an error");
    assert_eq!(error.kind, Kind::DiskPermission, "{error}");
    assert!(error.detail.contains("Read-only"), "{error}");
    disk.set_writable();
    let sent = origin.log().len();
    world.engine.retry(id).await.expect("can be tried again");
    assert_right(&*world.ended(id).await, 4, 8 * MIB);
    // Each part once: a slow thread's block may come twice.
    let again = ledger::length(&Ledger::new(origin.log().split_off(sent)).sent());
    assert!(
        again <= 8 * MIB - paused.done + PROOF,
        "held bytes were fetched again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scratch_file_beside_its_target_goes_with_its_download() {
    let Some(disk) = SmallDisk::mount(32 * MIB) else {
        return;
    };
    let origin = Origin::start().await;
    let (world, dir) = world_on(&disk, |_| ()).await;
    let url = "/a.bin?size=8M&seed=7&etag=%22x%22&rate=256K";
    let (cancelled, removed) = (
        world.add(origin.url(url)).await,
        world.add(origin.url(url)).await,
    );
    for id in [cancelled, removed] {
        world.until(id, |view| view.done > MIB).await;
        let hidden = dir.join(format!(".{id}.part"));
        assert!(hidden.exists(), "{:?}", list(&dir));
    }
    world.engine.cancel(cancelled).await.expect("cancelled");
    let keep = haul_engine::Files::Keep;
    world.engine.remove(removed, keep).await.expect("removed");
    assert!(list(&dir).is_empty(), "scratch files are left");
    assert!(world.scratch().is_empty(), "scratch files are left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scratch_file_that_a_crash_left_beside_its_target_is_swept() {
    let Some(disk) = SmallDisk::mount(32 * MIB) else {
        return;
    };
    let origin = Origin::start().await;
    let (world, dir) = world_on(&disk, |_| ()).await;
    let id = world
        .add(origin.url("/a.bin?size=8M&seed=8&etag=%22x%22&rate=256K"))
        .await;
    world.until(id, |view| view.done > MIB).await;
    world.engine.pause(id).await.expect("paused");
    // A crash between a record's end and its file's: the record is gone, the file is not.
    let hidden = dir.join(format!(".{id}.part"));
    let copy = disk.path().join("copy");
    std::fs::copy(&hidden, &copy).expect("a copy");
    let entries = world.scratch();
    world
        .engine
        .remove(id, haul_engine::Files::Keep)
        .await
        .expect("removed");
    std::fs::copy(&copy, &hidden).expect("back again");
    std::os::unix::fs::symlink(&hidden, &entries[0]).expect("its entry");
    let foreign = dir.join(".0123456789abcdef.part");
    std::fs::write(&foreign, "another haul's").expect("a file");
    let world = world.restart_as_it_was().await;
    assert_eq!(list(&dir), [foreign], "only what was ours is swept");
    assert!(world.scratch().is_empty(), "scratch files are left");
}
