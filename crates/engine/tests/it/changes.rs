//! What is changed while a download waits, runs or has failed: it takes effect, survives, and a new URL
//! keeps the bytes.

use std::path::PathBuf;

use haul_engine::spec::OnConflict;
use haul_engine::{Change, Files, Id, Kind, New, SettingsChange, Spec, Status, View};
use haul_testkit::ledger::{self, Ledger};
use haul_testkit::origin::Origin;
use url::Url;

use crate::world::{World, assert_right};

const MIB: u64 = 1 << 20;

/// What is fetched again to prove that the file at a new URL is the one that was begun.
const PROOF: u64 = 4 * (16 << 10);

async fn world() -> World {
    World::with(|config| {
        config.settings.block_size = MIB;
        config.settings.threads = 2;
        config.retries = 1;
    })
    .await
}

/// A file of which each answer stops half-way through its block until the gate `go` is open.
fn slow(origin: &Origin) -> Url {
    origin.url("/old.bin?size=4M&seed=1&etag=%22x%22&gate=go&gate_after=512K")
}

/// The same file at another path.
fn moved(origin: &Origin) -> Url {
    origin.url("/new.bin?size=4M&seed=1&etag=%22x%22")
}

fn at(url: Url) -> Change {
    Change {
        url: Some(url),
        ..Change::default()
    }
}

/// A download that holds some bytes, and has recorded that.
async fn begun(world: &World, url: Url) -> Id {
    let id = world.add(url).await;
    world.until(id, |view| view.done >= MIB).await;
    world
        .until_recorded(|record| record.done.len() >= MIB)
        .await;
    id
}

/// A download on its way.
async fn downloading() -> (Origin, World, Id) {
    let (origin, world) = (Origin::start().await, world().await);
    let id = world.add(slow(&origin)).await;
    let is_on_its_way = |view: &View| view.status == Status::Downloading;
    world.until(id, is_on_its_way).await;
    (origin, world, id)
}

/// Asserts that of the file at the new URL only what was missing was fetched.
fn assert_kept(origin: &Origin, held: u64) {
    // Each part once: a slow thread's block may come twice.
    let sent = ledger::length(&Ledger::of("/new.bin", origin.log()).sent());
    let most = 4 * MIB - held + PROOF;
    assert!(sent > 0 && sent <= most, "{sent} bytes came, over {most}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_running_download_survives_a_crash() {
    let (origin, world, id) = downloading().await;
    let change = Change {
        name: Some("renamed.bin".to_owned()),
        threads: Some(3),
        speed_limit: Some(1 << 40),
        priority: Some(-2),
        ..Change::default()
    };
    let changed = world.engine.change(id, change).await.expect("changed");
    assert_eq!((&*changed.name, changed.threads_limit), ("renamed.bin", 3));
    let stopped = world.crash().await;
    let record = stopped.record().await;
    assert_eq!(record.spec.name.as_deref(), Some("renamed.bin"));

    let world = stopped.start(|_| ()).await;
    let shown = world.engine.live().get(id).expect("it is there");
    assert_eq!((shown.threads_limit, shown.priority), (3, -2));
    assert_eq!(shown.speed_limit, 1 << 40);
    origin.open_gate("go");
    let done = world.ended(id).await;
    assert_right(&done, 1, 4 * MIB);
    assert_eq!(
        done.path.as_deref(),
        Some(&*world.files().join("renamed.bin"))
    );
}

/// The running download records what it has done; what is asked of it is not its to record.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_download_records_after_a_change_leaves_the_change() {
    let (_origin, world, id) = downloading().await;
    let change = Change {
        name: Some("renamed.bin".to_owned()),
        ..Change::default()
    };
    world.engine.change(id, change).await.expect("changed");
    // The first record of what was found at the origin is a whole one.
    world
        .until_recorded(|record| record.resource.is_some())
        .await;
    let left = world.crash().await.record().await;
    assert_eq!(left.spec.name.as_deref(), Some("renamed.bin"));
    assert!(left.resource.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_download_goes_on_at_its_new_url() {
    let (origin, world) = (Origin::start().await, world().await);
    let id = begun(&world, slow(&origin)).await;
    let changed = world.engine.change(id, at(moved(&origin))).await;
    let changed = changed.expect("changed");
    assert_eq!(&*changed.url, moved(&origin).as_str());
    assert!(changed.status.is_active(), "{:?}", changed.status);
    let done = world.ended(id).await;
    assert_right(&done, 1, 4 * MIB);
    assert_eq!(done.final_url.as_deref(), Some(moved(&origin).as_str()));
    assert_kept(&origin, MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_download_goes_on_at_its_new_url_also_after_a_crash() {
    let (origin, world) = (Origin::start().await, world().await);
    let id = begun(&world, slow(&origin)).await;
    world.engine.pause(id).await.expect("paused");
    let changed = world.engine.change(id, at(moved(&origin))).await;
    assert_eq!(changed.expect("changed").status, Status::Paused);
    let stopped = world.crash().await;
    assert!(stopped.record().await.url_replaced);
    let world = stopped
        .start(|config| config.settings.block_size = MIB)
        .await;
    world.engine.resume(id).await.expect("resumed");
    assert_right(&*world.ended(id).await, 1, 4 * MIB);
    assert_kept(&origin, MIB);
    assert!(!world.stop().await.record().await.url_replaced);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_whose_link_has_expired_goes_on_at_a_new_one() {
    let (origin, world) = (Origin::start().await, world().await);
    let url = format!("{}&status=403&status_on=expired", slow(&origin));
    let id = begun(&world, Spec::parse_url(&url).expect("a URL")).await;
    origin.open_gate("expired");
    origin.open_gate("go");
    let failed = world.ended(id).await;
    let kind = failed.error.as_ref().map(|error| error.kind);
    assert_eq!((failed.status, kind), (Status::Failed, Some(Kind::Refused)));
    let changed = world.engine.change(id, at(moved(&origin))).await;
    assert_eq!(changed.expect("changed").status, Status::Failed);
    world.engine.retry(id).await.expect("tried again");
    assert_right(&*world.ended(id).await, 1, 4 * MIB);
    assert_kept(&origin, failed.done);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queued_download_starts_at_its_new_url() {
    let origin = Origin::start().await;
    let world = World::with(|config| config.settings.max_downloads = 1).await;
    let first = world
        .add(origin.url("/first.bin?size=1K&gate=go&gate_after=1"))
        .await;
    origin.wait_gate("go", 1).await;
    let spec = Spec::new(origin.url("/wrong.bin?size=2K&seed=2"));
    let probed = world.engine.probe(spec).await.expect("an answer");
    let new = New::Probed(Box::new(probed));
    let id = world.engine.add(vec![new]).await.expect("added")[0].id;
    let right = origin.url("/right.bin?size=3K&seed=3");
    let changed = world
        .engine
        .change(id, at(right.clone()))
        .await
        .expect("changed");
    assert_eq!((&*changed.url, changed.size), (right.as_str(), None));
    assert_eq!(world.engine.live().of_url(right.as_str()).len(), 1);
    origin.open_gate("go");
    assert_right(&*world.ended(id).await, 3, 3 << 10);
    assert_eq!(origin.requests_for("/wrong.bin").len(), 1, "the probe");
    world.ended(first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_file_at_the_new_url_is_refused_and_what_is_held_is_kept() {
    for other in [
        "/other.bin?size=4M&seed=2&etag=%22y%22",
        "/other.bin?size=5M&seed=1&etag=%22x%22",
        // Only the bytes differ.
        "/other.bin?size=4M&seed=2&etag=%22x%22",
        "/other.bin?size=4M&type=text%2Fhtml&status=200",
    ] {
        let (origin, world) = (Origin::start().await, world().await);
        let id = begun(&world, slow(&origin)).await;
        let changed = world.engine.change(id, at(origin.url(other))).await;
        changed.expect("changed");
        let failed = world.ended(id).await;
        let kind = failed.error.as_ref().map(|error| error.kind);
        assert_eq!(kind, Some(Kind::Changed), "{other}: {:?}", failed.error);
        assert!(
            failed.done >= MIB,
            "{other}: {} bytes are held",
            failed.done
        );
        // The right one makes up for it.
        let changed = world.engine.change(id, at(moved(&origin))).await;
        changed.expect("changed");
        world.engine.retry(id).await.expect("tried again");
        assert_right(&*world.ended(id).await, 1, 4 * MIB);
        assert_kept(&origin, failed.done);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_wants_the_other_file_gets_it_with_a_retry() {
    let (origin, world) = (Origin::start().await, world().await);
    let id = begun(&world, slow(&origin)).await;
    let other = origin.url("/other.bin?size=2M&seed=2&etag=%22y%22");
    world.engine.change(id, at(other)).await.expect("changed");
    world.until(id, |view| view.status == Status::Failed).await;
    world.engine.retry(id).await.expect("tried again");
    assert_right(&*world.ended(id).await, 2, 2 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_a_download_stay_with_the_origin_that_they_were_given_for() {
    let (origin, elsewhere) = (Origin::start().await, Origin::start().await);
    for (place, expected) in [(&origin, Some("secret")), (&elsewhere, None)] {
        let world = world().await;
        let spec = Spec {
            headers: vec![("X-Key".to_owned(), "secret".to_owned())],
            paused: true,
            ..Spec::new(slow(&origin))
        };
        let id = world.add_spec(spec).await;
        let changed = world.engine.change(id, at(moved(place))).await;
        changed.expect("changed");
        world.engine.resume(id).await.expect("resumed");
        assert_right(&*world.ended(id).await, 1, 4 * MIB);
        let seen = place.requests_for("/new.bin");
        assert_eq!(seen[0].header("x-key"), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completed_download_has_no_other_url() {
    let (origin, world) = (Origin::start().await, world().await);
    let done = world.fetch(origin.url("/a.bin?size=1K")).await;
    let refused = world.engine.change(done.id, at(moved(&origin))).await;
    assert_eq!(refused.expect_err("too late").kind, Kind::IllegalState);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_right_after_a_new_url_does_not_stop_the_download_again() {
    let (origin, world) = (Origin::start().await, world().await);
    let id = begun(&world, slow(&origin)).await;
    let url = Spec::parse_url(&format!("{}&gate_before=new", moved(&origin))).expect("a URL");
    let (changed, resumed) =
        tokio::join!(world.engine.change(id, at(url)), world.engine.resume(id));
    changed.expect("changed");
    assert!(resumed.expect("it goes on").status.is_active());
    origin.open_gate("new");
    assert_right(&*world.ended(id).await, 1, 4 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_settings_that_come_together_add_up() {
    let world = World::new().await;
    let change = |threads, speed_limit| {
        let change = SettingsChange {
            threads,
            speed_limit,
            ..SettingsChange::default()
        };
        world.engine.change_settings(change)
    };
    let (one, two) = tokio::join!(change(Some(3), None), change(None, Some(77)));
    assert!(one.is_ok() && two.is_ok());
    let held = world.engine.settings().await.expect("settings");
    assert_eq!((held.threads, held.speed_limit), (3, 77));
}

/// A file of somebody else's where a download would go.
fn mine(world: &World) -> PathBuf {
    std::fs::create_dir_all(world.files()).expect("a folder");
    let path = world.files().join("mine.bin");
    std::fs::write(&path, "mine").expect("a file");
    path
}

/// A download that leaves a file alone that is there.
fn skip(url: Url) -> Spec {
    Spec {
        on_conflict: OnConflict::Skip,
        ..Spec::new(url)
    }
}

/// Whoever names his downloads may name one like another that has left a file alone before.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_was_skipped_before_owns_the_file_that_it_fetches_now() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let path = mine(&world);
    let fetch = async || {
        let spec = skip(origin.url("/mine.bin?size=1K&seed=4"));
        let added = world.engine.add(vec![New::Named(Id(9), spec)]).await;
        added.expect("the id is free");
        world.ended(Id(9)).await
    };
    fetch().await;
    let remove = async || world.engine.remove(Id(9), Files::Delete).await;
    remove().await.expect("removed");
    assert_eq!(std::fs::read(&path).expect("still there"), b"mine");
    std::fs::remove_file(&path).expect("its owner may");
    assert_right(&*fetch().await, 4, 1 << 10);
    remove().await.expect("removed");
    assert!(!path.exists(), "this one was fetched");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_there_before_is_not_deleted_with_its_download() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let path = mine(&world);
    let mut skipped = Vec::new();
    for _ in 0..2 {
        let url = origin.url("/mine.bin?size=1K&seed=4");
        let view = world.ended(world.add_spec(skip(url)).await).await;
        assert_eq!(view.path.as_deref(), Some(&*path));
        skipped.push(view.id);
    }
    // What was fetched for lack of such a file is the download's own.
    let own = world
        .add_spec(skip(origin.url("/own.bin?size=1K&seed=5")))
        .await;
    let own = world.ended(own).await;
    assert_right(&own, 5, 1 << 10);

    let removed = world.engine.remove(skipped[0], Files::Delete).await;
    removed.expect("removed");
    assert_eq!(std::fs::read(&path).expect("still there"), b"mine");
    // Nor when the process was killed in between: whose file it is, is recorded.
    let world = world.crash().await.start(|_| ()).await;
    let removed = world.engine.remove(skipped[1], Files::Delete).await;
    removed.expect("removed");
    assert_eq!(std::fs::read(&path).expect("still there"), b"mine");
    world
        .engine
        .remove(own.id, Files::Delete)
        .await
        .expect("removed");
    assert!(!world.files().join("own.bin").exists());
}

/// A name may be free when the bytes are fetched and taken when they are delivered.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_came_while_bytes_were_fetched_is_not_deleted_either() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let url = origin.url("/mine.bin?size=64K&gate=go&gate_after=1K");
    let id = world.add_spec(skip(url)).await;
    origin.wait_gate("go", 1).await;
    world
        .until(id, |view| view.status == Status::Downloading)
        .await;
    let path = mine(&world);
    origin.open_gate("go");
    assert_eq!(world.ended(id).await.status, Status::Completed);
    world
        .engine
        .remove(id, Files::Delete)
        .await
        .expect("removed");
    assert_eq!(std::fs::read(&path).expect("still there"), b"mine");
}
