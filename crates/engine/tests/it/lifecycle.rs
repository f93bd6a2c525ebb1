//! Pausing, resuming, cancelling, removing, restarting, stopping: what goes on and what is left.

use haul_engine::{Files, Kind, Spec, Status};
use haul_testkit::origin::Origin;

use crate::world::{World, assert_right, list};

const MIB: u64 = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_download_goes_on_from_where_it_was() {
    let (origin, world) = (
        Origin::start().await,
        World::with(|c| c.settings.block_size = MIB).await,
    );
    let id = world
        .add(origin.url("/a.bin?size=16M&seed=1&etag=%22x%22&rate=2M"))
        .await;
    world.until(id, |view| view.done > 2 * MIB).await;
    let paused = world.engine.pause(id).await.expect("pausable");
    assert_eq!(
        (paused.status, paused.threads_active, paused.speed),
        (Status::Paused, 0, 0)
    );
    origin.wait_open(0).await;
    let held = paused.done;
    assert!(held > 2 * MIB);
    world.engine.resume(id).await.expect("resumable");
    let view = world.ended(id).await;
    assert_right(&view, 1, 16 * MIB);
    let sent: u64 = origin.log().iter().map(|seen| seen.body_sent).sum();
    assert!(
        sent < 16 * MIB + 8 * MIB,
        "fetched again: {}",
        sent - 16 * MIB
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_from_the_checkpoint() {
    let (origin, world) = (
        Origin::start().await,
        World::with(|c| c.settings.block_size = MIB).await,
    );
    let id = world
        .add(origin.url("/a.bin?size=16M&seed=2&etag=%22x%22&rate=2M"))
        .await;
    world.until(id, |view| view.done > 4 * MIB).await;
    let world = world.restart(|c| c.settings.block_size = MIB).await;
    let view = world.ended(id).await;
    assert_right(&view, 2, 16 * MIB);
    let whole = origin
        .log()
        .iter()
        .filter(|seen| seen.range.is_some_and(|asked| asked.first == 0))
        .count();
    assert_eq!(whole, 1, "the first block is not fetched again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_or_cut_scratch_file_restarts_the_download() {
    for hurt in [
        |path: &std::path::Path| std::fs::remove_file(path),
        |path: &std::path::Path| {
            std::fs::OpenOptions::new()
                .write(true)
                .open(path)?
                .set_len(10)
        },
    ] {
        let (origin, world) = (
            Origin::start().await,
            World::with(|c| c.settings.block_size = MIB).await,
        );
        let id = world
            .add(origin.url("/a.bin?size=8M&seed=4&etag=%22x%22&rate=1M"))
            .await;
        world.until(id, |view| view.done > MIB).await;
        world.engine.pause(id).await.expect("pausable");
        hurt(&world.scratch()[0]).expect("hurt");
        world.engine.resume(id).await.expect("resumable");
        assert_right(&*world.ended(id).await, 4, 8 * MIB);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_download_leaves_nothing_and_can_be_tried_again() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let id = world.add(origin.url("/a.bin?size=8M&seed=5&rate=1M")).await;
    world.until(id, |view| view.done > 0).await;
    let view = world.engine.cancel(id).await.expect("cancellable");
    assert_eq!((view.status, view.done), (Status::Cancelled, 0));
    assert!(world.scratch().is_empty());
    origin.wait_open(0).await;
    world.engine.retry(id).await.expect("can be tried again");
    assert_right(&*world.ended(id).await, 5, 8 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_download_is_forgotten_and_its_file_stays_unless_asked() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let kept = world.fetch(origin.url("/kept.bin?size=1K")).await;
    let gone = world.fetch(origin.url("/gone.bin?size=1K")).await;
    let running = world.add(origin.url("/running.bin?size=8M&rate=1M")).await;
    world.until(running, |view| view.done > 0).await;
    world
        .engine
        .remove(kept.id, Files::Keep)
        .await
        .expect("removed");
    world
        .engine
        .remove(gone.id, Files::Delete)
        .await
        .expect("removed");
    world
        .engine
        .remove(running, Files::Delete)
        .await
        .expect("removed");
    assert_eq!(list(&world.files()), [world.files().join("kept.bin")]);
    assert!(world.scratch().is_empty());
    assert_eq!(world.engine.live().snapshot(|_| true).1.len(), 0);
    let error = world.engine.pause(kept.id).await.expect_err("gone");
    assert_eq!(error.kind, Kind::NoSuchDownload);
    let world = world.restart(|_| ()).await;
    assert_eq!(world.engine.live().snapshot(|_| true).1.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_shutdown_no_command_is_taken() {
    let world = World::new().await;
    world.engine.shutdown().await;
    let url = Spec::parse_url("http://127.0.0.1:9/a").expect("a URL");
    let refused = world
        .engine
        .add(vec![haul_engine::New::Unseen(Spec::new(url))])
        .await;
    assert_eq!(refused.expect_err("stopped").kind, Kind::Stopping);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_start_scratch_files_that_nobody_knows_are_deleted() {
    // A second thread would fetch what the first one does not get.
    let alone = |config: &mut haul_engine::Config| config.settings.threads = 1;
    let (origin, world) = (Origin::start().await, World::with(alone).await);
    let id = world
        .add(origin.url("/a.bin?size=2M&seed=7&etag=%22x%22&gate=go&gate_after=1M"))
        .await;
    world.until(id, |view| view.done == MIB).await;
    world.engine.pause(id).await.expect("pausable");
    let known = world.scratch();
    let folder = known[0].parent().expect("it lies in a folder").to_owned();
    let foreign = folder.join("notes.txt");
    std::fs::write(folder.join("0123456789abcdef.part"), b"left by a crash").expect("written");
    std::fs::write(&foreign, b"not ours").expect("written");
    let world = world.restart(|_| ()).await;
    assert_eq!(world.scratch(), [known, vec![foreign]].concat());
    origin.open_gate("go");
    world.engine.resume(id).await.expect("resumable");
    assert_right(&*world.ended(id).await, 7, 2 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_ends_with_its_last_handle() {
    let (origin, world) = (Origin::start().await, World::new().await);
    world.add(origin.url("/a.bin?size=1M&gate=never")).await;
    origin.wait_gate("never", 1).await;
    // Its scratch file stays: a download without one would start over.
    let (last, _folder) = (world.engine.clone(), world.keep_folder());
    drop(world);
    last.settings().await.expect("one handle is enough");
    assert!(origin.open_now() > 0);
    drop(last);
    origin.wait_open(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_file_that_could_not_be_delivered_is_not_fetched_again() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let dir = world.files().join("taken");
    std::fs::create_dir_all(world.files()).expect("a folder");
    std::fs::write(&dir, b"a file where a directory should be").expect("written");
    // Without ranges only a whole file can be built upon.
    let spec = Spec {
        dir: Some(dir.clone()),
        ..Spec::new(origin.url("/a.bin?size=1M&seed=8&ranges=no"))
    };
    let id = world.add_spec(spec).await;
    assert_eq!(world.ended(id).await.status, Status::Failed);
    assert_eq!(origin.log().len(), 1);
    std::fs::remove_file(&dir).expect("removed");
    world.engine.retry(id).await.expect("can be tried again");
    assert_right(&*world.ended(id).await, 8, MIB);
    assert_eq!(origin.log().len(), 1);
}
