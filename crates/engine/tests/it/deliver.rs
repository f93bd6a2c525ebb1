//! Final names: what becomes of a file whose name is taken, also when it is taken at the last
//! moment, and that no name or link leads out of where files may go.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use haul_engine::spec::OnConflict;
use haul_engine::{Kind, New, Spec, Status, View};
use haul_testkit::origin::{Origin, content};

use crate::world::{World, assert_right, list};

const COUNT: u64 = 20;
const SIZE: u64 = 64 << 10;

/// Twenty downloads of different bytes and one name, all complete before the first has a target.
async fn all_at_once(on_conflict: OnConflict) -> (World, Vec<Arc<View>>) {
    let origin = Origin::start().await;
    let world = World::with(|config| {
        config.settings.max_downloads = 20;
        config.settings.max_connections_per_host = 64;
    })
    .await;
    let specs = (0..COUNT).map(|seed| {
        let url = format!("/{seed}/same.bin?size=64K&seed={seed}&gate=end&gate_after=32K");
        New::Unseen(Spec {
            on_conflict,
            ..Spec::new(origin.url(&url))
        })
    });
    let added = world.engine.add(specs.collect()).await.expect("added");
    // Whether the name is taken is asked before the first byte, too: all have to be past that.
    for view in &added {
        let has_begun = |view: &View| view.status == Status::Downloading;
        world.until(view.id, has_begun).await;
    }
    origin.open_gate("end");
    let mut views = Vec::new();
    for view in added {
        views.push(world.ended(view.id).await);
    }
    // What failed with bytes keeps them for a retry under another name.
    let failed = views.len() - completed(&views);
    assert!(world.scratch().len() <= failed, "scratch files are left");
    (world, views)
}

fn completed(views: &[Arc<View>]) -> usize {
    let is_completed = |view: &&Arc<View>| view.status == Status::Completed;
    views.iter().filter(is_completed).count()
}

/// Asserts that one file is there, whole, of one of the downloads.
fn assert_one_whole(world: &World) {
    let files = list(&world.files());
    assert_eq!(files, [world.files().join("same.bin")]);
    let held = fs::read(&files[0]).expect("a file");
    assert!(
        (0..COUNT).any(|seed| held == content(seed, 0..SIZE)),
        "a mixed file"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_files_of_one_name_get_twenty_names() {
    let (world, views) = all_at_once(OnConflict::Rename).await;
    for (seed, view) in (0..).zip(&views) {
        assert_right(view, seed, SIZE);
    }
    let paths: HashSet<_> = views.iter().map(|view| view.path.clone()).collect();
    assert_eq!(paths.len(), 20, "two downloads claim one path");
    let files = list(&world.files());
    assert_eq!(files.len(), 20);
    assert!(
        files.contains(&world.files().join("same (19).bin")),
        "{files:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_that_overwrite_each_other_one_is_left_and_whole() {
    let (world, views) = all_at_once(OnConflict::Overwrite).await;
    assert_eq!(completed(&views), 20);
    assert_one_whole(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_that_refuse_a_taken_name_one_is_delivered() {
    let (world, views) = all_at_once(OnConflict::Fail).await;
    assert_eq!(completed(&views), 1);
    let refused = views.iter().filter_map(|view| view.error.as_ref());
    assert!(refused.clone().all(|error| error.kind == Kind::FileExists));
    assert_eq!(refused.count(), 19);
    assert_one_whole_of(&world, &views);
}

/// The file is that of the one that completed.
fn assert_one_whole_of(world: &World, views: &[Arc<View>]) {
    assert_one_whole(world);
    let winner = views
        .iter()
        .position(|view| view.status == Status::Completed);
    let seed = u64::try_from(winner.expect("one")).expect("small");
    let held = fs::read(world.files().join("same.bin")).expect("a file");
    assert_eq!(
        held,
        content(seed, 0..SIZE),
        "not the file that was called done"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_that_skip_a_taken_name_one_is_delivered() {
    let (world, views) = all_at_once(OnConflict::Skip).await;
    assert_eq!(completed(&views), 20);
    assert_one_whole(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overwritten_link_leaves_what_it_leads_to_alone() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let precious = world.folder().join("precious");
    fs::write(&precious, "precious").expect("a file");
    fs::create_dir(world.files()).expect("a directory");
    symlink(&precious, world.files().join("a.bin")).expect("a link");
    let spec = Spec {
        on_conflict: OnConflict::Overwrite,
        ..Spec::new(origin.url("/a.bin?size=1M&seed=1"))
    };
    let id = world.add_spec(spec).await;
    assert_right(&*world.ended(id).await, 1, 1 << 20);
    assert_eq!(fs::read_to_string(&precious).expect("kept"), "precious");
    let there = fs::symlink_metadata(world.files().join("a.bin"));
    assert!(there.expect("delivered").is_file(), "the link was followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_255_bytes_is_numbered_within_them() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let name = "я".repeat(125) + "a.mp4";
    for seed in 0..3 {
        let spec = Spec {
            name: Some(name.clone()),
            ..Spec::new(origin.url(&format!("/a.bin?size=1K&seed={seed}")))
        };
        let id = world.add_spec(spec).await;
        assert_right(&*world.ended(id).await, seed, 1 << 10);
    }
    let files = list(&world.files());
    assert_eq!(files.len(), 3);
    assert!(
        files
            .iter()
            .all(|file| file.extension().is_some_and(|end| end == "mp4"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_made_after_a_download_was_added_does_not_lead_it_out() {
    let (origin, outside) = (
        Origin::start().await,
        tempfile::tempdir().expect("a directory"),
    );
    let world = World::with(|config| config.root = Some(config.dir.clone())).await;
    let spec = Spec {
        dir: Some(world.files().join("sub/deeper")),
        ..Spec::new(origin.url("/a.bin?size=64K&seed=1&gate=end&gate_after=32K"))
    };
    let id = world.add_spec(spec.clone()).await;
    origin.wait_gate("end", 1).await;
    fs::create_dir_all(world.files()).expect("a directory");
    symlink(outside.path(), world.files().join("sub")).expect("a link");
    origin.open_gate("end");
    let refused = [world.ended(id).await.id, world.add_spec(spec).await];
    for id in refused {
        let view = world.ended(id).await;
        let error = view.error.as_ref().expect("refused");
        assert_eq!(error.kind, Kind::InvalidOption, "{error}");
        assert!(error.detail.contains("through a link"), "{error}");
    }
    assert!(
        list(outside.path()).is_empty(),
        "{:?}",
        list(outside.path())
    );
    // Once the link is gone the bytes are still there.
    fs::remove_file(world.files().join("sub")).expect("removed");
    world.engine.retry(id).await.expect("can be tried again");
    assert_right(&*world.ended(id).await, 1, SIZE);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_delivered_among_our_own_state() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let state = world.folder().join("state");
    symlink(&state, world.folder().join("also")).expect("a link");
    for dir in [state.clone(), world.folder().join("also/new")] {
        let spec = Spec {
            dir: Some(dir),
            name: Some("haul.db".to_owned()),
            on_conflict: OnConflict::Overwrite,
            ..Spec::new(origin.url("/a.bin?size=64K&seed=1"))
        };
        let id = world.add_spec(spec).await;
        let view = world.ended(id).await;
        let error = view.error.as_ref().expect("refused");
        assert_eq!(error.kind, Kind::InvalidOption, "{error}");
    }
    // The database that was to be overwritten still knows them.
    let world = world.restart_as_it_was().await;
    assert_eq!(world.engine.live().stats().failed, 2);
}
