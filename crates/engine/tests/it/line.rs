//! What other programs' clients ask for: ids of their own, one line of the queued and the paused, and
//! another URL for the same download.

use std::ops::Range;
use std::path::PathBuf;

use haul_engine::plan::ranges::RangeSet;
use haul_engine::{Id, Kind, New, Seat, Spec, Status};
use haul_testkit::origin::Origin;

use crate::world::{World, assert_right};

const MIB: u64 = 1 << 20;

/// Five downloads with the ids 1 to 5; the even ones are paused, the others queued behind a place that
/// nobody gives up.
async fn five(origin: &Origin) -> World {
    let world = World::with(|c| c.settings.max_downloads = 1).await;
    world
        .add(origin.url("/first.bin?size=1K&gate=go&gate_after=1"))
        .await;
    origin.wait_gate("go", 1).await;
    let new = (1..=5).map(|n| {
        let paused = n % 2 == 0;
        let spec = Spec::new(origin.url(&format!("/{n}.bin?size=1K&seed={n}")));
        New::Named(Id(n), Spec { paused, ..spec })
    });
    world.engine.add(new.collect()).await.expect("added");
    world
}

async fn line(world: &World, from: i64, most: usize) -> Vec<u64> {
    let waiting = world.engine.waiting(from, most).await.expect("a line");
    waiting.iter().map(|(id, _)| id.0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_is_read_from_either_end() {
    let origin = Origin::start().await;
    let world = five(&origin).await;
    for (from, most, expected) in [
        (0, 9, vec![1, 2, 3, 4, 5]),
        (1, 2, vec![2, 3]),
        (5, 9, vec![]),
        (-1, 2, vec![5, 4]),
        (-2, 9, vec![4, 3, 2, 1]),
        (-5, 9, vec![1]),
        (-6, 9, vec![]),
        (i64::MIN, 9, vec![]),
        (0, 0, vec![]),
    ] {
        assert_eq!(line(&world, from, most).await, expected, "{from} {most}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queued_and_paused_move_in_one_line_that_survives_a_restart() {
    let origin = Origin::start().await;
    let world = five(&origin).await;
    for (id, seat, place, expected) in [
        (1, Seat::Last(0), 4, [2, 3, 4, 5, 1]),
        (2, Seat::Last(-1), 3, [3, 4, 5, 2, 1]),
        (2, Seat::Last(5), 4, [3, 4, 5, 1, 2]),
        (2, Seat::Front(-9), 0, [2, 3, 4, 5, 1]),
        (2, Seat::Further(2), 2, [3, 4, 2, 5, 1]),
        (5, Seat::Further(-1), 2, [3, 4, 5, 2, 1]),
        (5, Seat::Further(0), 2, [3, 4, 5, 2, 1]),
        (3, Seat::Further(i64::MAX), 4, [4, 5, 2, 1, 3]),
    ] {
        let moved = world.engine.reseat(Id(id), seat).await;
        assert_eq!(moved, Ok(place), "{id} {seat:?}");
        assert_eq!(line(&world, 0, 9).await, expected, "{id} {seat:?}");
    }
    // So often into the same gap that no number is left in it.
    for turn in 0..64 {
        let id = [2, 4][turn % 2];
        world
            .engine
            .reseat(Id(id), Seat::Front(1))
            .await
            .expect("moved");
        assert_eq!(line(&world, 1, 1).await, [id]);
    }
    let before = line(&world, 0, 9).await;
    let world = world
        .restart(|c| {
            // Nothing starts, so that the line stands still.
            c.settings.max_downloads = 0;
        })
        .await;
    let after = line(&world, 0, 9).await;
    let still: Vec<u64> = after.into_iter().filter(|id| before.contains(id)).collect();
    assert_eq!(still, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_waits_has_a_place_in_the_line() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let done = world.fetch(origin.url("/a.bin?size=1K")).await.id;
    let running = world
        .add(origin.url("/b.bin?size=1K&gate=go&gate_after=1"))
        .await;
    origin.wait_gate("go", 1).await;
    for (id, kind) in [
        (done, Kind::IllegalState),
        (running, Kind::IllegalState),
        (Id(7), Kind::NoSuchDownload),
    ] {
        let refused = world.engine.reseat(id, Seat::Front(0)).await;
        assert_eq!(refused.expect_err("no place").kind, kind, "{id}");
    }
    assert_eq!(line(&world, 0, 9).await, [0; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_the_caller_s_is_given_once() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let named = |id, n: u64| {
        let spec = Spec::new(origin.url(&format!("/{n}.bin?size=1K&seed={n}")));
        New::Named(Id(id), spec)
    };
    // Asked for at once, before either is durable: the second must not replace the first.
    let (first, second) = tokio::join!(
        world.engine.add(vec![named(9, 1)]),
        world.engine.add(vec![named(9, 2), named(10, 3)]),
    );
    assert_eq!(first.expect("the first takes it")[0].id, Id(9));
    assert_eq!(second.expect_err("taken").kind, Kind::IllegalState);
    assert_eq!(world.engine.live().get(Id(10)), None);
    let first = world.ended(Id(9)).await;
    assert_right(&first, 1, 1 << 10);

    let twice = world.engine.add(vec![named(11, 1), named(11, 2)]).await;
    assert_eq!(twice.expect_err("twice").kind, Kind::IllegalState);
    let again = world.engine.add(vec![named(9, 1)]).await;
    assert_eq!(again.expect_err("completed").kind, Kind::IllegalState);
    world
        .engine
        .add(vec![named(11, 1)])
        .await
        .expect("never was");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_is_known_also_of_the_completed() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let spec = Spec {
        notes: vec![("file-allocation".into(), "none".into())],
        ..Spec::new(origin.url("/a.bin?size=1K"))
    };
    let id = world.add_spec(spec.clone()).await;
    world.ended(id).await;
    let world = world.restart(|_| ()).await;
    assert_eq!(world.engine.spec(id).await, Ok(spec));
    let unknown = world.engine.spec(Id(7)).await;
    assert_eq!(unknown.expect_err("unknown").kind, Kind::NoSuchDownload);
}

/// Half a download, paused, with the URL that it has.
async fn half(origin: &Origin, world: &World, url: &str) -> Id {
    let id = world.add(origin.url(url)).await;
    world.until(id, |view| view.done >= MIB).await;
    world.engine.pause(id).await.expect("paused");
    id
}

/// What a `Range` asks for.
fn range(text: &str) -> Option<Range<u64>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    Some(first.parse().ok()?..last.parse::<u64>().map_or(4 * MIB, |last| last + 1))
}

#[tokio::test(flavor = "multi_thread")]
async fn another_url_of_the_same_file_goes_on_and_that_of_another_is_a_mistake() {
    let (origin, world) = (
        Origin::start().await,
        World::with(|c| c.settings.block_size = MIB / 2).await,
    );
    for (path, seed) in [("same", 3), ("other", 4)] {
        let slow = format!("/{path}.bin?size=4M&seed=3&etag=\"3\"&rate=2M");
        let id = half(&origin, &world, &slow).await;
        let held = world.engine.live().get(id).expect("known").done;
        let url = origin.url(&format!(
            "/{path}-new.bin?size=4M&seed={seed}&etag=\"{seed}\""
        ));
        let (name, new) = (format!("{path}.bin"), url.clone());
        let anew = move |spec: &mut Spec| {
            (spec.name, spec.url) = (Some(name.clone()), new.clone());
            Ok(())
        };
        let view = world.engine.edit(id, anew).await.expect("at rest");
        assert_eq!((&*view.url, view.status), (url.as_str(), Status::Paused));
        let found = world.engine.live().of_url(url.as_str());
        assert_eq!(found.len(), 1, "found by its new URL");
        world.engine.resume(id).await.expect("resumed");
        let mut done = world.ended(id).await;
        if path == "other" {
            let error = done.error.as_ref().expect("it is another file");
            assert_eq!((error.kind, done.done >= held), (Kind::Changed, true));
            // Whoever insists gets what is there.
            world.engine.retry(id).await.expect("retried");
            done = world.ended(id).await;
        }
        assert_right(&done, seed, 4 * MIB);
        let asked: RangeSet = origin
            .requests_for(&format!("/{path}-new.bin"))
            .iter()
            .filter_map(|seen| range(seen.header("range")?))
            .collect();
        let is_fetched_again = asked.len() == 4 * MIB;
        assert_eq!(is_fetched_again, path == "other", "{asked:?} after {held}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_download_is_written_stays_as_it_has_begun() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let id = world.add(origin.url("/a.bin?size=4M&seed=2&rate=2M")).await;
    let elsewhere = |spec: &mut Spec| {
        spec.dir = Some(PathBuf::from("/elsewhere"));
        Ok(())
    };
    world.until(id, |view| view.done > 0).await;
    let running = world.engine.edit(id, elsewhere).await;
    assert_eq!(running.expect_err("begun").kind, Kind::IllegalState);
    let shown = world.engine.live().get(id).expect("there");
    assert!(shown.status.is_active(), "it runs on: {:?}", shown.status);
    world.engine.pause(id).await.expect("paused");
    let paused = world.engine.edit(id, elsewhere).await;
    assert_eq!(paused.expect_err("begun").kind, Kind::IllegalState);
    let kept = world.engine.spec(id).await.expect("known");
    assert_eq!(kept.dir, None);
    world.engine.resume(id).await.expect("resumed");
    assert_right(&*world.ended(id).await, 2, 4 * MIB);
}
