//! Edits of what was asked for, at awkward moments: together, from callers who leave, while others wait
//! for the place, between two tries.

use std::sync::Arc;
use std::time::Duration;

use haul_engine::disk::RealDisk;
use haul_engine::spec::OnConflict;
use haul_engine::{Change, Id, Kind, New, Result, Seat, Spec, Status, View};
use haul_testkit::faulty_store::FaultyStore;
use haul_testkit::origin::{Origin, digest};

use crate::world::{World, assert_right, list};

const MIB: u64 = 1 << 20;

/// One place, taken by a download that holds some bytes and stands at the gate `go` with both threads.
async fn running(origin: &Origin) -> (World, Id) {
    let world = World::with(|c| {
        c.settings.max_downloads = 1;
        c.settings.threads = 2;
        c.settings.block_size = MIB;
    })
    .await;
    let url = "/a.bin?size=4M&seed=1&etag=%22x%22&gate=go&gate_after=512K";
    let id = world.add(origin.url(url)).await;
    world.until(id, |view| view.done >= MIB).await;
    (world, id)
}

/// Adds a request header, which a running download cannot follow.
fn header(name: &str) -> impl Fn(&mut Spec) -> Result<()> + Send + 'static {
    let header = (name.to_owned(), "1".to_owned());
    move |spec| {
        spec.headers.push(header.clone());
        Ok(())
    }
}

fn at(url: url::Url) -> Change {
    Change {
        url: Some(url),
        ..Change::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_that_come_together_add_up_and_survive_a_crash() {
    let origin = Origin::start().await;
    let (world, id) = running(&origin).await;
    let engine = &world.engine;
    let new = origin.url("/b.bin?size=4M&seed=1&etag=%22x%22&gate=go&gate_after=512K");
    let limited = Change {
        speed_limit: Some(1 << 40),
        ..Change::default()
    };
    let (one, two, moved, limited) = tokio::join!(
        engine.edit(id, header("X-One")),
        engine.edit(id, header("X-Two")),
        engine.change(id, at(new.clone())),
        engine.change(id, limited),
    );
    for edited in [one, two, moved, limited] {
        let status = edited.expect("edited").status;
        assert!(status.is_active(), "{status:?}");
    }
    let record = world.crash().await.record().await;
    let headers: Vec<&str> = (record.spec.headers.iter())
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(headers, ["X-One", "X-Two"]);
    assert_eq!((&record.spec.url, record.spec.speed_limit), (&new, 1 << 40));
    assert_ne!(record.status, Status::Paused);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_takes_effect_when_whoever_asked_has_left() {
    let origin = Origin::start().await;
    let (world, id) = running(&origin).await;
    let asking = world.engine.edit(id, header("X-New"));
    let left = tokio::time::timeout(Duration::ZERO, asking).await;
    left.expect_err("it takes longer to stop");
    origin.open_gate("go");
    assert_right(&*world.ended(id).await, 1, 4 * MIB);
    let asked = origin.requests_for("/a.bin");
    assert!(asked.iter().any(|seen| seen.header("x-new") == Some("1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_keeps_its_place_while_it_is_edited() {
    let origin = Origin::start().await;
    let (world, id) = running(&origin).await;
    let urgent = Spec {
        priority: 9,
        ..Spec::new(origin.url("/urgent.bin?size=1K&seed=2"))
    };
    let urgent = world.add_spec(urgent).await;
    let edited = world.engine.edit(id, header("X-New")).await;
    assert!(edited.expect("edited").status.is_active());
    let moved = origin.url("/b.bin?size=4M&seed=1&etag=%22x%22&gate=go&gate_after=512K");
    let changed = world.engine.change(id, at(moved)).await;
    assert!(changed.expect("changed").status.is_active());
    assert!(origin.requests_for("/urgent.bin").is_empty());
    origin.open_gate("go");
    assert_right(&*world.ended(id).await, 1, 4 * MIB);
    assert_right(&*world.ended(urgent).await, 2, 1 << 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paused_or_queued_stays_so_and_in_its_place() {
    let origin = Origin::start().await;
    let (world, running) = running(&origin).await;
    let add = async |name: &str, paused| {
        let url = origin.url(&format!("/{name}.bin?size=1K&seed=3"));
        let spec = Spec {
            paused,
            ..Spec::new(url)
        };
        world.add_spec(spec).await
    };
    let (queued, paused) = (add("queued", false).await, add("paused", true).await);
    add("last", false).await;
    for (id, status) in [(queued, Status::Queued), (paused, Status::Paused)] {
        let edited = world.engine.edit(id, header("X-New")).await;
        assert_eq!(edited.expect("edited").status, status);
    }
    let line = world.engine.waiting(0, 2).await.expect("a line");
    let line: Vec<Id> = line.into_iter().map(|(id, _)| id).collect();
    assert_eq!(line, [queued, paused]);
    // A pause that comes with an edit has the last word, whichever is asked for first.
    let (edited, done) = tokio::join!(
        world.engine.edit(running, header("X-New")),
        world.engine.pause(running)
    );
    assert!(edited.is_ok());
    assert_eq!(done.expect("pausable").status, Status::Paused);
    let spec = world.engine.spec(running).await.expect("known");
    assert_eq!(spec.headers.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_is_refused_changes_nothing() {
    let origin = Origin::start().await;
    let (world, id) = running(&origin).await;
    let refused = |spec: &mut Spec| {
        spec.headers.clear();
        spec.url.set_path("/nowhere");
        Err(haul_engine::Error::new(Kind::InvalidOption, "no"))
    };
    let before = world.engine.spec(id).await.expect("known");
    for _ in 0..2 {
        let error = world.engine.edit(id, refused).await.expect_err("refused");
        assert_eq!(error.kind, Kind::InvalidOption);
        assert_eq!(world.engine.spec(id).await, Ok(before.clone()));
        world.engine.pause(id).await.expect("pausable");
    }
}

/// A wait that no test lives to see the end of.
const LONG: Duration = Duration::from_secs(3600);

/// A stop would cost every byte of it.
#[tokio::test(flavor = "multi_thread")]
async fn another_directory_is_refused_without_stopping_what_runs() {
    let origin = Origin::start().await;
    let (world, id) = running(&origin).await;
    let standing = origin.log().len();
    let elsewhere = |spec: &mut Spec| {
        spec.dir = Some("/elsewhere".into());
        Ok(())
    };
    let refused = world.engine.edit(id, elsewhere).await;
    assert_eq!(refused.expect_err("refused").kind, Kind::IllegalState);
    origin.open_gate("go");
    assert_right(&*world.ended(id).await, 1, 4 * MIB);
    // Neither answer that stood at the gate was cut short there.
    let log = origin.log();
    assert!(
        log[..standing].iter().all(|seen| seen.body_sent == MIB),
        "{log:?}"
    );
}

/// What is done to a spec that asks for the finished file's digest and place.
fn finish(checksum: String) -> impl Fn(&mut Spec) -> Result<()> + Send + 'static {
    move |spec| {
        spec.on_conflict = OnConflict::Overwrite;
        spec.checksum = checksum.parse().ok();
        Ok(())
    }
}

/// Of a stream nothing can be built upon: to begin it again costs every byte.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_of_the_finished_file_costs_a_stream_nothing() {
    let world = World::new().await;
    let path = world.files().join("a.bin");
    std::fs::create_dir_all(world.files()).expect("a folder");
    std::fs::write(&path, b"in the way").expect("written");
    let url = "/a.bin?size=1M&seed=5&ranges=no&gate=go&gate_after=256K";
    let md5 = format!("md5={}", "0".repeat(32));
    for begun_with in [None, md5.parse().ok()] {
        let origin = Origin::start().await;
        let spec = Spec {
            checksum: begun_with,
            ..Spec::new(origin.url(url))
        };
        let id = world.add_spec(spec).await;
        world.until(id, |view| view.done > 0).await;
        let right = format!("sha-256={}", digest(5, MIB));
        let edited = world.engine.edit(id, finish(right)).await.expect("edited");
        assert_eq!(edited.status, Status::Downloading);
        assert!(edited.checksum.expected.is_some());
        origin.open_gate("go");
        let view = world.ended(id).await;
        assert_right(&view, 5, MIB);
        assert_eq!(view.path.as_deref(), Some(&*path));
        assert_eq!(view.checksum.verified, Some(true));
        assert_eq!(origin.log().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_that_is_asked_for_late_is_compared() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let url = "/a.bin?size=1M&seed=6&ranges=no&gate=go&gate_after=256K";
    let id = world.add(origin.url(url)).await;
    world.until(id, |view| view.done > 0).await;
    let wrong = format!("sha-1={}", "0".repeat(40));
    world.engine.edit(id, finish(wrong)).await.expect("edited");
    origin.open_gate("go");
    let failed = world.ended(id).await;
    let kind = failed.error.as_ref().map(|error| error.kind);
    assert_eq!(kind, Some(Kind::ChecksumMismatch));
    assert!(list(&world.files()).is_empty());
}

/// Whether it comes alone or in a group, its name is on the way to the disk.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_delivered_now_takes_no_other_name_and_no_digest() {
    for size in [MIB, 16 << 10] {
        let (origin, store) = (Origin::start().await, FaultyStore::new());
        let world = World::on_store(Arc::new(RealDisk), Arc::new(store.clone()), |_| ()).await;
        store.hold(Status::Delivering);
        let url = format!("/a.bin?size={size}&seed=7");
        let id = world.add(origin.url(&url)).await;
        store.wait_held().await;
        let rename = Change {
            name: Some("b.bin".to_owned()),
            ..Change::default()
        };
        let engine = &world.engine;
        let asking = async {
            [
                engine.change(id, rename).await,
                engine.edit(id, finish(String::new())).await,
                engine
                    .edit(id, finish(format!("md5={}", "0".repeat(32))))
                    .await,
            ]
        };
        // Whoever would wait for the delivery waits for ever here.
        let refused = tokio::time::timeout(Duration::from_secs(30), asking).await;
        for refused in refused.expect("answered at once") {
            assert_eq!(refused.expect_err("too late").kind, Kind::IllegalState);
        }
        // What has nothing to do with the file may still be asked.
        let priority = Change {
            priority: Some(3),
            ..Change::default()
        };
        let asking = world.engine.change(id, priority);
        let (changed, ()) = tokio::join!(asking, async { store.heal() });
        assert_eq!(changed.expect("changed").priority, 3);
        let view = world.ended(id).await;
        assert_right(&view, 7, size);
        assert_eq!(list(&world.files()), [world.files().join("a.bin")]);
    }
}

/// A download that waits an hour for its only further try, out of the queue, while its place is free;
/// and a paused one behind it.
async fn between_two_tries(origin: &Origin) -> (World, Id) {
    let world = World::with(|c| {
        c.settings.max_downloads = 1;
        c.retries = 1;
    })
    .await;
    let busy = "/busy.bin?size=1K&status=503&retry_after=3600";
    let id = world.add(origin.url(busy)).await;
    world.until(id, |view| view.reason.is_some()).await;
    world.fetch(origin.url("/other.bin?size=1K&seed=2")).await;
    let waits = |view: &View| view.status == Status::Queued && view.reason.is_some();
    world.until(id, waits).await;
    let paused = Spec {
        paused: true,
        ..Spec::new(origin.url("/paused.bin?size=1K"))
    };
    let new = New::Named(Id(7), paused);
    world.engine.add(vec![new]).await.expect("added");
    (world, id)
}

#[tokio::test]
async fn a_change_of_place_name_or_limit_leaves_a_wait_and_its_count_alone() {
    let origin = Origin::start().await;
    let (world, id) = between_two_tries(&origin).await;
    let engine = &world.engine;
    let change = |change: Change| engine.change(id, change);
    let changed = [
        change(Change {
            priority: Some(3),
            ..Change::default()
        })
        .await,
        change(Change {
            name: Some("b.bin".to_owned()),
            ..Change::default()
        })
        .await,
        change(Change {
            speed_limit: Some(1 << 30),
            threads: Some(2),
            ..Change::default()
        })
        .await,
        engine.reorder(id, 0).await,
    ];
    for view in changed {
        let view = view.expect("changed");
        assert_eq!(view.status, Status::Queued);
        let reason = view.reason.as_deref().unwrap_or_default();
        assert!(reason.starts_with("server asked to wait"), "{reason}");
    }
    assert_eq!(engine.reseat(id, Seat::Last(0)).await, Ok(1));
    let view = engine.live().get(id).expect("there");
    assert!(view.reason.is_some() && view.status == Status::Queued);
    assert_eq!(origin.requests_for("/busy.bin").len(), 1);

    tokio::time::pause();
    tokio::time::advance(2 * LONG).await;
    tokio::time::resume();
    // One more is its last, for the first one counts on.
    assert_eq!(world.ended(id).await.status, Status::Failed);
    assert_eq!(origin.requests_for("/busy.bin").len(), 2);
}

#[tokio::test]
async fn what_is_asked_for_anew_or_resumed_between_two_tries_starts_at_once() {
    let origin = Origin::start().await;
    let good = origin.url("/good.bin?size=1K&seed=5");
    let (world, id) = between_two_tries(&origin).await;
    world.engine.change(id, at(good)).await.expect("changed");
    assert_right(&*world.ended(id).await, 5, 1 << 10);

    let origin = Origin::start().await;
    let (world, id) = between_two_tries(&origin).await;
    let edited = world.engine.edit(id, header("X-New")).await;
    assert!(edited.expect("edited").status.is_active());
    origin.wait_requests_for("/busy.bin", 2).await;

    let origin = Origin::start().await;
    let (world, id) = between_two_tries(&origin).await;
    let resumed = world.engine.resume(id).await.expect("resumed");
    assert_eq!(resumed.reason, None, "it waits for nothing now");
    origin.wait_requests_for("/busy.bin", 2).await;
}
