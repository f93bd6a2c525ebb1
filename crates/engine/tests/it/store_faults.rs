//! A store that refuses or dawdles: nothing is lost, delivered twice or begun in secret.

use std::sync::Arc;

use haul_engine::disk::RealDisk;
use haul_engine::{Config, Files, Kind, New, Spec, Status};
use haul_testkit::disk::BadDisk;
use haul_testkit::faulty_store::FaultyStore;
use haul_testkit::origin::Origin;

use crate::world::{World, assert_right, list};

const MIB: u64 = 1 << 20;

async fn world_on(store: &FaultyStore) -> World {
    World::on_store(Arc::new(RealDisk), Arc::new(store.clone()), |_| ()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_comes_during_delivery_is_refused_and_the_file_arrives() {
    let (origin, store) = (Origin::start().await, FaultyStore::new());
    let world = world_on(&store).await;
    store.hold(Status::Delivering);
    let id = world.add(origin.url("/a.bin?size=1M&seed=1")).await;
    store.wait_held().await;
    let (refused, ()) = tokio::join!(world.engine.pause(id), async { store.heal() });
    assert_eq!(
        refused.expect_err("nothing is left to pause").kind,
        Kind::IllegalState
    );
    assert_right(&*world.ended(id).await, 1, MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_completion_was_not_recorded_is_not_delivered_twice() {
    let (origin, store) = (Origin::start().await, FaultyStore::new());
    let world = world_on(&store).await;
    store.refuse_next(Status::Completed);
    let failed = world
        .fetch(origin.url("/a.bin?size=1M&seed=2&etag=%22x%22"))
        .await;
    assert_eq!(
        failed.error.as_ref().map(|error| error.kind),
        Some(Kind::Store)
    );
    world
        .engine
        .retry(failed.id)
        .await
        .expect("can be tried again");
    assert_right(&*world.ended(failed.id).await, 2, MIB);
    assert_eq!(list(&world.files()), [world.files().join("a.bin")]);
    assert_eq!(origin.log().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_recorded_was_not_added() {
    let (origin, store) = (Origin::start().await, FaultyStore::new());
    let world = world_on(&store).await;
    store.break_down();
    let url = origin.url("/a.bin?size=1K&seed=3");
    let refused = world
        .engine
        .add(vec![New::Unseen(Spec::new(url.clone()))])
        .await;
    assert_eq!(refused.expect_err("not recorded").kind, Kind::Store);
    assert!(world.engine.live().snapshot(|_| true).1.is_empty());
    store.heal();
    assert_right(&*world.fetch(url).await, 3, 1 << 10);
    assert_eq!(origin.log().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_of_a_failed_download_claims_only_synced_bytes() {
    let (origin, store, disk) = (Origin::start().await, FaultyStore::new(), BadDisk::new());
    let change = |config: &mut Config| {
        config.settings.block_size = MIB;
        config.settings.threads = 1;
    };
    let world = World::on_store(Arc::new(disk.clone()), Arc::new(store.clone()), change).await;
    // The second block is refused for good, long before the first checkpoint.
    let id = world
        .add(origin.url("/a.bin?size=8M&seed=4&etag=%22x%22&once"))
        .await;
    let record = store
        .wait_record(id, |record| record.status == Status::Failed)
        .await;
    assert_eq!((record.done.len(), disk.unsynced()), (MIB, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_recorded_after_a_wait_for_room_come_with_their_resource() {
    let (origin, store, disk) = (Origin::start().await, FaultyStore::new(), BadDisk::new());
    let change = |config: &mut Config| {
        config.settings.block_size = 256 << 10;
        config.settings.threads = 2;
    };
    let world = World::on_store(Arc::new(disk.clone()), Arc::new(store.clone()), change).await;
    // Full before the first checkpoint, and far from its end after the second.
    disk.limit_writes(Some(MIB));
    let id = world
        .add(origin.url("/a.bin?size=64M&seed=5&etag=%22x%22&rate=4M"))
        .await;
    let waits = |view: &haul_engine::View| {
        let reason = view.reason.as_deref();
        reason.is_some_and(|reason| reason.contains("disk space"))
    };
    world.until(id, waits).await;
    disk.limit_writes(None);
    let record = store
        .wait_record(id, |record| record.done.len() > MIB)
        .await;
    assert_eq!(record.status, Status::Downloading);
    let resource = record.resource.expect("a restart can build upon the bytes");
    assert_eq!(resource.size, Some(64 * MIB));
    assert_eq!(
        record.scratch.into_iter().collect::<Vec<_>>(),
        world.scratch()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completed_download_stays_when_the_store_does_not_forget_it() {
    let (origin, store) = (Origin::start().await, FaultyStore::new());
    let world = world_on(&store).await;
    let view = world.fetch(origin.url("/a.bin?size=1K&seed=5")).await;
    store.break_down();
    let refused = world.engine.remove(view.id, Files::Delete).await;
    assert_eq!(refused.expect_err("still stored").kind, Kind::Store);
    let shown = world.engine.live().get(view.id).expect("still there");
    assert_right(&shown, 5, 1 << 10);
    store.heal();
    let removed = world.engine.remove(view.id, Files::Delete).await;
    let path = removed.expect("removed").path.clone();
    assert!(!path.expect("it had been delivered").exists());
    assert_eq!(world.engine.live().get(view.id), None);
}
