//! Files and directories removed, replaced, cut or planted while a download uses them: the right
//! file in the end or a clear error, never somebody else's bytes under our name.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use haul_engine::disk::RealDisk;
use haul_engine::{Id, Kind, New, Spec, Status, View};
use haul_testkit::faulty_store::FaultyStore;
use haul_testkit::origin::{Origin, content};
use haul_testkit::small_disk::SmallDisk;

use crate::world::{World, assert_right, list};

const MIB: u64 = 1 << 20;
const SIZE: u64 = 8 * MIB;
/// The origin holds back the end of every body until the gate is open: nothing can be finished.
const HELD: &str = "/a.bin?size=8M&seed=1&etag=%22x%22&gate=end&gate_after=512K";

/// A download of which every thread has got the first half of its block.
async fn half_way() -> (Origin, World, Id, PathBuf) {
    let origin = Origin::start().await;
    let world = World::with(|config| config.settings.block_size = MIB).await;
    let id = world.add(origin.url(HELD)).await;
    origin.wait_gate("end", 8).await;
    let scratch = world.scratch();
    assert_eq!(scratch.len(), 1, "{scratch:?}");
    (origin, world, id, scratch[0].clone())
}

/// Lets the origin send the rest; the file has to be right, and be the only one.
async fn ends_right(origin: &Origin, world: &World, id: Id) {
    origin.open_gate("end");
    assert_right(&*world.ended(id).await, 1, SIZE);
    assert_eq!(list(&world.files()), [world.files().join("a.bin")]);
    assert!(world.scratch().is_empty(), "scratch files are left");
}

fn cut(path: &Path, len: u64) {
    let file = OpenOptions::new().write(true).open(path);
    file.expect("the scratch file").set_len(len).expect("cut");
}

/// Puts another file of the same length in a path's place.
fn replace(path: &Path) {
    fs::remove_file(path).expect("removed");
    let len = usize::try_from(SIZE).expect("small");
    fs::write(path, vec![b'!'; len]).expect("another file");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_scratch_file_is_noticed_while_the_download_runs() {
    let (origin, world, id, scratch) = half_way().await;
    let before = origin.log().len();
    fs::remove_file(scratch).expect("removed");
    // The gate is closed: it asks anew although no block has ended.
    origin.wait_requests(before + 8).await;
    ends_right(&origin, &world, id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_scratch_folder_is_made_again() {
    let (origin, world, id, scratch) = half_way().await;
    let before = origin.log().len();
    fs::remove_dir_all(scratch.parent().expect("a folder")).expect("removed");
    origin.wait_requests(before + 8).await;
    ends_right(&origin, &world, id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_took_the_scratch_file_s_place_is_not_delivered() {
    let (origin, world, id, scratch) = half_way().await;
    replace(&scratch);
    ends_right(&origin, &world, id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scratch_file_cut_just_before_its_last_byte_is_not_delivered_with_zeros() {
    for len in [0, SIZE - 1] {
        let (origin, world, id, scratch) = half_way().await;
        // What comes now is written behind the cut and gives the file its length back.
        cut(&scratch, len);
        ends_right(&origin, &world, id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_unknown_length_that_was_cut_is_fetched_again() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let id = world
        .add(origin.url("/a.bin?size=8M&seed=1&ranges=no&chunked&gate=end&gate_after=4M"))
        .await;
    let scratch = world.folder().join(format!("state/scratch/{id}.part"));
    let written = || fs::metadata(&scratch).map_or(0, |file| file.len());
    world
        .until_true("half of the stream", || written() >= 4 * MIB)
        .await;
    cut(&scratch, MIB);
    ends_right(&origin, &world, id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_keeps_taking_the_scratch_file_away_is_named_in_the_end() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let id = world
        .add(origin.url("/a.bin?size=8M&seed=1&etag=%22x%22&stall_after=64K"))
        .await;
    let is_over = || {
        for scratch in world.scratch() {
            let _ = fs::remove_file(scratch);
        }
        world
            .engine
            .live()
            .get(id)
            .is_none_or(|view| view.status.is_over())
    };
    world.until_true("an end", is_over).await;
    let view = world.ended(id).await;
    assert_eq!(view.status, Status::Failed);
    let error = view.error.as_ref().expect("an error");
    assert_eq!(error.kind, Kind::DiskIo, "{error}");
    assert!(error.detail.contains("removed") && error.detail.contains("keep other programs away"));
    assert!(list(&world.files()).is_empty());
}

/// Breaks something between the record of a delivery and its rename.
async fn between_record_and_rename(spoil: impl FnOnce(&World, &Path)) -> (World, Arc<View>) {
    let (origin, store) = (Origin::start().await, FaultyStore::new());
    let change = |config: &mut haul_engine::Config| config.settings.block_size = MIB;
    let world = World::on_store(Arc::new(RealDisk), Arc::new(store.clone()), change).await;
    store.hold(Status::Delivering);
    let id = world
        .add(origin.url("/a.bin?size=2M&seed=2&etag=%22x%22"))
        .await;
    store.wait_held().await;
    spoil(&world, &world.scratch()[0]);
    store.heal();
    let view = world.ended(id).await;
    (world, view)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_renamed_is_the_file_that_was_written() {
    let (world, view) = between_record_and_rename(|_, scratch| {
        fs::remove_file(scratch).expect("removed");
        fs::write(scratch, vec![b'!'; 2 << 20]).expect("another file");
    })
    .await;
    assert_right(&view, 2, 2 * MIB);
    assert_eq!(list(&world.files()).len(), 1);
    let (_world, view) = between_record_and_rename(|_, scratch| cut(scratch, MIB)).await;
    assert_right(&view, 2, 2 * MIB);
    let (_world, view) = between_record_and_rename(|_, scratch| {
        fs::remove_file(scratch).expect("removed");
    })
    .await;
    assert_right(&view, 2, 2 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_directory_that_was_removed_is_made_again() {
    let (_world, view) = between_record_and_rename(|world, _| {
        let _ = fs::remove_dir_all(world.files());
    })
    .await;
    assert_right(&view, 2, 2 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_the_target_directory_s_place_is_named_and_the_bytes_are_kept() {
    let (world, view) = between_record_and_rename(|world, _| {
        let _ = fs::remove_dir_all(world.files());
        fs::write(world.files(), "precious").expect("a file");
    })
    .await;
    let error = view.error.as_ref().expect("an error");
    assert_eq!(error.kind, Kind::DiskIo, "{error}");
    let shown = world.files().display().to_string();
    assert!(
        error.detail.contains(&shown) && error.detail.contains("a file of that name"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(world.files()).expect("kept"), "precious");
    // The origin is gone by now: what is delivered was held.
    fs::remove_file(world.files()).expect("removed");
    world
        .engine
        .retry(view.id)
        .await
        .expect("can be tried again");
    assert_right(&*world.ended(view.id).await, 2, 2 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_are_carried_to_where_no_rename_leads() {
    let Some(disk) = SmallDisk::mount(16 * MIB) else {
        return;
    };
    // The directory has moved to another disk since the download began.
    let (world, view) = between_record_and_rename(|world, _| {
        let _ = fs::remove_dir_all(world.files());
        symlink(disk.path(), world.files()).expect("a link");
    })
    .await;
    assert_right(&view, 2, 2 * MIB);
    assert_eq!(list(&disk.path()), [disk.path().join("a.bin")]);
    assert!(world.scratch().is_empty(), "scratch files are left");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_mounts_of_one_disk_and_a_scratch_folder_elsewhere_are_seen_before_the_end() {
    let Some(disk) = SmallDisk::mount(16 * MIB) else {
        return;
    };
    let origin = Origin::start().await;
    let elsewhere = disk.path().join("scratch");
    fs::create_dir(&elsewhere).expect("a directory");
    for (number, link) in [(1, false), (2, true)] {
        let world = World::with(|config| {
            if link {
                fs::create_dir_all(&config.state_dir).expect("a directory");
                symlink(&elsewhere, config.state_dir.join("scratch")).expect("a link");
            } else {
                // The same directory through another mount.
                let files = config.dir.strip_prefix("/").expect("absolute");
                config.dir = disk.root().join(files);
            }
        })
        .await;
        let name = format!("/{number}.bin?size=8M&seed=3&etag=%22x%22&rate=512K");
        let id = world.add(origin.url(&name)).await;
        world.until(id, |view| view.done > MIB).await;
        let hidden = world.engine_dir().join(format!(".{id}.part"));
        assert!(hidden.exists(), "no rename leads there from anywhere else");
        assert_right(&*world.ended(id).await, 3, SIZE);
    }
}

/// A paused download in whose scratch file's place there is something else now. Whether it had
/// begun makes no difference.
async fn with_planted(plant: impl Fn(&Path)) -> Vec<Arc<View>> {
    let mut views = Vec::new();
    for begun in [false, true] {
        let (origin, world) = (Origin::start().await, World::new().await);
        let spec = Spec {
            paused: !begun,
            ..Spec::new(origin.url("/a.bin?size=8M&seed=1&etag=%22x%22&rate=1M"))
        };
        let added = world.engine.add(vec![New::Unseen(spec)]).await;
        let id = added.expect("added")[0].id;
        if begun {
            world.until(id, |view| view.done > 2 * MIB).await;
            world.engine.pause(id).await.expect("paused");
        }
        let scratch = world.folder().join(format!("state/scratch/{id}.part"));
        fs::create_dir_all(scratch.parent().expect("a folder")).expect("a folder");
        let _ = fs::remove_file(&scratch);
        plant(&scratch);
        world.engine.resume(id).await.expect("resumed");
        let view = world.ended(id).await;
        if view.status == Status::Completed {
            assert_right(&view, 1, SIZE);
        }
        views.push(view);
    }
    views
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_through_a_planted_link() {
    let outside = tempfile::tempdir().expect("a directory");
    let precious = outside.path().join("precious");
    let len = usize::try_from(SIZE).expect("small");
    for link in [
        |to: &Path, at: &Path| symlink(to, at).expect("a link"),
        |to: &Path, at: &Path| fs::hard_link(to, at).expect("a link"),
    ] {
        fs::write(&precious, vec![b'!'; len]).expect("a file");
        for view in with_planted(|scratch| link(&precious, scratch)).await {
            assert_eq!(view.status, Status::Completed, "{:?}", view.error);
        }
        let kept = fs::read(&precious).expect("kept");
        assert!(kept == vec![b'!'; len], "written through a link");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planted_pipe_is_not_waited_at() {
    let plant = |scratch: &Path| {
        let made = Command::new("mkfifo").arg(scratch).status();
        assert!(made.expect("every system has mkfifo").success());
    };
    for view in with_planted(plant).await {
        assert_eq!(view.status, Status::Completed, "{:?}", view.error);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_in_the_scratch_file_s_place_is_named() {
    for view in with_planted(|scratch| fs::create_dir(scratch).expect("a directory")).await {
        let error = view.error.as_ref().expect("an error");
        assert_eq!(error.kind, Kind::DiskIo, "{error}");
        assert!(error.detail.contains(".part"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_removed_is_not_written_to_in_vain() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let first = world.fetch(origin.url("/a.bin?size=1M&seed=4")).await;
    assert_right(&first, 4, MIB);
    fs::remove_file(world.folder().join("state/haul.db")).expect("removed");
    let spec = Spec::new(origin.url("/b.bin?size=1M&seed=5"));
    let refused = world.engine.add(vec![New::Unseen(spec)]).await;
    let error = refused.expect_err("nothing would remain of it");
    assert_eq!(error.kind, Kind::Store, "{error}");
    assert!(
        error.detail.contains("haul.db") && error.detail.contains("restart haul"),
        "{error}"
    );
    // Started again it begins with nothing, and leaves what is finished alone.
    let world = world.restart_as_it_was().await;
    assert_eq!(world.engine.live().stats().completed, 0);
    let path = first.path.as_deref().expect("a path");
    assert_eq!(fs::read(path).expect("kept"), content(4, 0..MIB));
}
