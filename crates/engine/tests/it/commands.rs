//! Commands that come at the wrong moment or right after each other, and places in the queue.

use haul_engine::{Change, Files, Id, Kind, New, Spec, Status};
use haul_testkit::origin::Origin;

use crate::world::{World, assert_right};

const MIB: u64 = 1 << 20;

/// An engine whose only place is taken by a download that waits at the gate `go`.
async fn busy_world(origin: &Origin) -> World {
    let world = World::with(|c| c.settings.max_downloads = 1).await;
    world
        .add(origin.url("/first.bin?size=1K&gate=go&gate_after=1"))
        .await;
    origin.wait_gate("go", 1).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_state_does_not_allow_is_refused_with_a_reason() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let view = world.fetch(origin.url("/a.bin?size=1K")).await;
    assert_refused(&world, view.id, Kind::IllegalState).await;
    assert_refused(&world, Id(7), Kind::NoSuchDownload).await;
}

async fn assert_refused(world: &World, id: Id, expected: Kind) {
    let engine = &world.engine;
    let faster = Change {
        priority: Some(3),
        ..Change::default()
    };
    for refused in [
        engine.pause(id).await,
        engine.resume(id).await,
        engine.retry(id).await,
        engine.cancel(id).await,
        engine.reorder(id, 0).await,
        engine.change(id, faster).await,
    ] {
        assert_eq!(refused.expect_err("not possible").kind, expected);
    }
}

/// The table holds nothing of what is completed; it is known all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_completed_is_shown_refused_and_removed_also_after_a_restart() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let kept = world.fetch(origin.url("/kept.bin?size=1K&seed=1")).await;
    let deleted = world.fetch(origin.url("/deleted.bin?size=1K&seed=2")).await;
    let world = world.restart(|_| ()).await;
    for (view, seed) in [(&kept, 1), (&deleted, 2)] {
        let shown = world.engine.live().get(view.id).expect("still known");
        assert_right(&shown, seed, 1 << 10);
        assert_refused(&world, view.id, Kind::IllegalState).await;
    }
    let removed = world.engine.remove(kept.id, Files::Keep).await;
    assert_right(&removed.expect("removed"), 1, 1 << 10);
    let removed = world.engine.remove(deleted.id, Files::Delete).await;
    let path = removed.expect("removed").path.clone();
    assert!(!path.expect("it had been delivered").exists());

    let world = world.restart(|_| ()).await;
    for view in [&kept, &deleted] {
        assert_eq!(world.engine.live().get(view.id), None);
        assert_refused(&world, view.id, Kind::NoSuchDownload).await;
        let again = world.engine.remove(view.id, Files::Keep).await;
        assert_eq!(again.expect_err("gone").kind, Kind::NoSuchDownload);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_starts_in_order_and_can_be_reordered() {
    let (origin, world) = (
        Origin::start().await,
        World::with(|c| c.settings.max_downloads = 1).await,
    );
    let first = world
        .add(origin.url("/first.bin?size=1K&gate=go&gate_after=1"))
        .await;
    origin.wait_gate("go", 1).await;
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(
            world
                .add(origin.url(&format!("/{n}.bin?size=1K&seed={n}")))
                .await,
        );
    }
    let moved = world.engine.reorder(ids[3], 0).await.expect("movable");
    assert_eq!(moved.position, Some(0));
    let urgent = Spec {
        priority: 7,
        ..Spec::new(origin.url("/urgent.bin?size=1K"))
    };
    let urgent = world.add_spec(urgent).await;
    assert_eq!(
        world
            .engine
            .live()
            .get(urgent)
            .and_then(|view| view.position),
        Some(0)
    );
    assert_eq!(
        world
            .engine
            .live()
            .get(ids[2])
            .and_then(|view| view.position),
        Some(4)
    );
    origin.open_gate("go");
    world.ended(first).await;
    for id in [ids[0], ids[1], ids[2], ids[3], urgent] {
        world.ended(id).await;
    }
    // The block that waits at the gate is asked for twice: an idle thread tries its luck with it.
    let mut order: Vec<String> = origin
        .log()
        .iter()
        .map(|seen| seen.path().to_owned())
        .collect();
    order.dedup();
    assert_eq!(
        order,
        [
            "/first.bin",
            "/urgent.bin",
            "/3.bin",
            "/0.bin",
            "/1.bin",
            "/2.bin"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_download_keeps_its_place_and_priority_gives_a_better_one() {
    let origin = Origin::start().await;
    let world = busy_world(&origin).await;
    let front = world.add(origin.url("/front.bin?size=1K")).await;
    let back = world.add(origin.url("/back.bin?size=1K")).await;
    let position = |id| world.engine.live().get(id).and_then(|view| view.position);
    let slower = Change {
        speed_limit: Some(5),
        ..Change::default()
    };
    let changed = world.engine.change(front, slower).await.expect("changed");
    assert_eq!(changed.position, Some(0));
    assert_eq!((position(front), position(back)), (Some(0), Some(1)));
    let urgent = Change {
        priority: Some(1),
        ..Change::default()
    };
    let changed = world.engine.change(back, urgent).await.expect("changed");
    assert_eq!(changed.position, Some(0));
    assert_eq!((position(front), position(back)), (Some(1), Some(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_download_leaves_the_queue_and_comes_back_to_its_place() {
    let origin = Origin::start().await;
    let world = busy_world(&origin).await;
    let front = world.add(origin.url("/front.bin?size=1K")).await;
    let back = world.add(origin.url("/back.bin?size=1K")).await;
    let position = |id| world.engine.live().get(id).and_then(|view| view.position);
    let paused = world.engine.pause(front).await.expect("pausable");
    assert_eq!((paused.status, paused.position), (Status::Paused, None));
    assert_eq!((position(front), position(back)), (None, Some(0)));
    world.engine.resume(front).await.expect("resumable");
    assert_eq!((position(front), position(back)), (Some(0), Some(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_download_that_is_tried_again_has_a_place_at_once() {
    let origin = Origin::start().await;
    let world = busy_world(&origin).await;
    let front = world.add(origin.url("/front.bin?size=1K")).await;
    let back = world.add(origin.url("/back.bin?size=1K")).await;
    let position = |id| world.engine.live().get(id).and_then(|view| view.position);
    let cancelled = world.engine.cancel(front).await.expect("cancelled");
    assert_eq!(cancelled.position, None);
    assert_eq!(position(back), Some(0));
    let cancelled = world.engine.cancel(back).await.expect("cancelled");
    assert_eq!(cancelled.position, None);
    for (id, place) in [(back, 0), (front, 0)] {
        let retried = world.engine.retry(id).await.expect("tried again");
        assert_eq!(
            (retried.status, retried.position),
            (Status::Queued, Some(place))
        );
    }
    // Both are where they were before: the last one is cancelled and comes back to its place.
    world.engine.cancel(back).await.expect("cancelled");
    let retried = world.engine.retry(back).await.expect("tried again");
    assert_eq!((retried.position, position(front)), (Some(1), Some(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_right_after_a_pause_has_the_last_word() {
    let (origin, world) = (
        Origin::start().await,
        World::with(|c| c.settings.block_size = MIB).await,
    );
    let id = world
        .add(origin.url("/a.bin?size=4M&seed=1&etag=%22x%22&gate=go&gate_after=512K"))
        .await;
    world.until(id, |view| view.done > 0).await;
    // The resume is asked for while the threads are still being stopped for the pause.
    let (paused, resumed) = tokio::join!(world.engine.pause(id), world.engine.resume(id));
    assert_eq!(paused.expect("pausable").status, Status::Paused);
    assert_ne!(resumed.expect("resumable").status, Status::Paused);
    origin.open_gate("go");
    assert_right(&*world.ended(id).await, 1, 4 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_probed_before_its_turn_is_fetched_once() {
    let origin = Origin::start().await;
    let world = busy_world(&origin).await;
    let spec = Spec::new(origin.url("/small.bin?size=100K&seed=2"));
    let probed = world.engine.probe(spec).await.expect("an answer");
    let added = world.engine.add(vec![New::Probed(Box::new(probed))]).await;
    let queued = added.expect("added").remove(0);
    assert_eq!(
        (queued.status, queued.size),
        (Status::Queued, Some(100 << 10))
    );
    origin.open_gate("go");
    assert_right(&*world.ended(queued.id).await, 2, 100 << 10);
    assert_eq!(origin.requests_for("/small.bin").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_deleted_is_told_though_its_download_is_forgotten() {
    let origin = Origin::start().await;
    let world = World::new().await;
    let view = world.fetch(origin.url("/a.bin?size=1K")).await;
    let path = view.path.as_deref().expect("completed");
    std::fs::remove_file(path).expect("deleted");
    std::fs::create_dir(path).expect("something that is no file");
    let refused = world.engine.remove(view.id, Files::Delete).await;
    let told = refused.expect_err("it is still there").to_string();
    assert!(told.contains("a.bin"), "{told}");
    assert!(world.engine.live().get(view.id).is_none());
}
