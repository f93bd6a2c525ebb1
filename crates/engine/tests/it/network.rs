//! A network that is lost and comes back, servers that ask for time, and who has the places meanwhile.

use std::sync::Arc;
use std::time::Duration;

use haul_engine::{Change, Id, Kind, OnLoss, Status, View};
use haul_testkit::origin::Origin;
use haul_testkit::relay::Relay;

use crate::world::{World, assert_right};

const MIB: u64 = 1 << 20;

/// An origin at the end of a line that can be cut.
async fn line() -> (Origin, Relay) {
    let origin = Origin::start().await;
    let relay = Relay::to(origin.address()).await;
    (origin, relay)
}

/// An engine that gives up after so many retries.
async fn world(retries: u32, on_loss: OnLoss) -> World {
    World::with(|c| {
        c.retries = retries;
        c.on_loss = on_loss;
        c.settings.block_size = MIB;
    })
    .await
}

/// A file of 8 MiB and what else is asked of the origin, at the end of the line.
fn file(origin: &Origin, relay: &Relay, name: &str, knobs: &str) -> url::Url {
    relay.url(&origin.url(&format!(
        "/{name}?size=8M&seed=1&etag=%22x%22&rate=1M{knobs}"
    )))
}

/// A download of it that is on its way.
async fn begun(world: &World, url: url::Url) -> Id {
    let id = world.add(url).await;
    world.until(id, |view| view.done > 2 * MIB).await;
    id
}

/// Waits until it has tried far more often than it would if it gave up at all.
async fn outwaits(world: &World, id: Id) -> Arc<View> {
    let is_patient = |view: &View| view.attempts > 20 && view.reason.is_some();
    let waiting = world.until(id, is_patient).await;
    assert!(waiting.status.is_active(), "{:?}", waiting.status);
    waiting
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_network_is_waited_for_however_long_it_takes() {
    let (origin, mut relay) = line().await;
    let world = world(1, OnLoss::Wait).await;
    let id = begun(&world, file(&origin, &relay, "a.bin", "")).await;
    relay.cut().await;
    let waiting = outwaits(&world, id).await;
    let reason = waiting.reason.as_deref().unwrap_or_default();
    assert!(reason.contains("no connection"), "{reason}");
    relay.mend().await;
    assert_right(&*world.ended(id).await, 1, 8 * MIB);
    let sent: u64 = origin.log().iter().map(|seen| seen.body_sent).sum();
    assert!(sent < 14 * MIB, "{sent} bytes sent for 8 MiB");
}

/// As a balancer does while what is behind it starts.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_leaves_the_patience_with_the_server_as_it_was() {
    let (origin, mut relay) = line().await;
    let world = world(2, OnLoss::Wait).await;
    let busy = "&status=503&retry_after=1&status_on=back&fail_until=calm";
    let id = begun(&world, file(&origin, &relay, "a.bin", busy)).await;
    relay.cut().await;
    outwaits(&world, id).await;
    origin.open_gate("back");
    relay.mend().await;
    let is_refused = || origin.log().iter().any(|seen| seen.status == 503);
    world.until_true("it is refused once", is_refused).await;
    origin.open_gate("calm");
    assert_right(&*world.ended(id).await, 1, 8 * MIB);
}

/// A new URL is a server of which nothing is known, until it has shown that it has the file.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_url_that_has_proven_itself_is_waited_for_as_well() {
    let (origin, mut relay) = line().await;
    let world = world(1, OnLoss::Wait).await;
    let new = file(&origin, &relay, "new.bin", "");
    let mut old = new.clone();
    old.set_port(Some(origin.address().port())).expect("a port");
    old.set_path("/old.bin");
    let id = begun(&world, old).await;
    let change = Change {
        url: Some(new),
        ..Change::default()
    };
    let held = world.engine.change(id, change).await.expect("changed").done;
    world.until(id, |view| view.done > held + MIB).await;
    relay.cut().await;
    outwaits(&world, id).await;
    relay.mend().await;
    assert_right(&*world.ended(id).await, 1, 8 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_wait_for_the_network_is_told_and_can_go_on_later() {
    let (origin, mut relay) = line().await;
    let world = world(1, OnLoss::Fail).await;
    let id = begun(&world, file(&origin, &relay, "a.bin", "")).await;
    relay.cut().await;
    let failed = world.ended(id).await;
    assert_eq!(failed.error.as_ref().map(|e| e.kind), Some(Kind::Connect));
    assert!(failed.done > 2 * MIB);
    relay.mend().await;
    world.engine.retry(id).await.expect("can be tried again");
    assert_right(&*world.ended(id).await, 1, 8 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_never_reached_is_given_up() {
    let (origin, mut relay) = line().await;
    let world = world(2, OnLoss::Wait).await;
    relay.cut().await;
    let failed = world.fetch(file(&origin, &relay, "a.bin", "")).await;
    assert_eq!(failed.error.as_ref().map(|e| e.kind), Some(Kind::Connect));
    assert_eq!(failed.attempts, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_waits_for_its_next_try_leaves_its_place_to_others() {
    let origin = Origin::start().await;
    let world = World::with(|c| c.settings.max_downloads = 1).await;
    let busy = "/a.bin?size=1M&seed=3&status=503&retry_after=3&status_times=1";
    let first = world.add(origin.url(busy)).await;
    world.until(first, |view| view.reason.is_some()).await;
    let second = world.add(origin.url("/b.bin?size=1M&seed=4")).await;
    assert_right(&*world.ended(second).await, 4, MIB);
    let waiting = world.engine.live().get(first).expect("there");
    assert_eq!(waiting.status, Status::Queued);
    let reason = waiting.reason.as_deref().unwrap_or_default();
    assert!(reason.starts_with("server asked to wait"), "{reason}");
    assert_right(&*world.ended(first).await, 3, MIB);
    assert_eq!(origin.log().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_no_disk_has_room_for_keeps_no_place_from_others() {
    let origin = Origin::start().await;
    let world = World::with(|c| c.settings.max_downloads = 1).await;
    let huge = world.add(origin.url("/a.bin?size=1000000G")).await;
    world.until(huge, |view| view.reason.is_some()).await;
    let small = world.add(origin.url("/b.bin?size=1M&seed=4")).await;
    assert_right(&*world.ended(small).await, 4, MIB);
    let waiting = world.engine.live().get(huge).expect("there");
    assert_eq!(waiting.status, Status::Queued);
    let reason = waiting.reason.as_deref().unwrap_or_default();
    assert!(reason.starts_with("waiting for disk space"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_waits_for_room_keeps_no_connection_from_others() {
    let origin = Origin::start().await;
    let world = World::with(|c| c.settings.max_connections_per_host = 1).await;
    let huge = world.add(origin.url("/a.bin?size=1000000G")).await;
    world.until(huge, |view| view.reason.is_some()).await;
    let small = world.fetch(origin.url("/b.bin?size=1M&seed=4")).await;
    assert_right(&small, 4, MIB);
    let waiting = world.engine.live().get(huge).expect("there");
    let reason = waiting.reason.as_deref().unwrap_or_default();
    assert!(reason.starts_with("waiting for disk space"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_that_all_wait_leave_the_place_and_keep_their_bytes() {
    let origin = Origin::start().await;
    let world = World::with(|c| {
        c.settings.max_downloads = 1;
        c.settings.threads = 2;
        c.settings.block_size = MIB;
    })
    .await;
    let busy = "status=503&status_on=busy&retry_after=3&fail_until=calm";
    let url = format!("/a.bin?size=8M&seed=5&etag=%22x%22&rate=2M&{busy}");
    let first = world.add(origin.url(&url)).await;
    world.until(first, |view| view.done > MIB).await;
    origin.open_gate("busy");
    let second = world.add(origin.url("/b.bin?size=1M&seed=6")).await;
    assert_right(&*world.ended(second).await, 6, MIB);
    let waiting = world.engine.live().get(first).expect("there");
    assert_eq!(waiting.status, Status::Queued);
    assert!(waiting.done > MIB, "{}", waiting.done);
    // Whoever asks for it now gets it now.
    origin.open_gate("calm");
    world.engine.pause(first).await.expect("pausable");
    world.engine.resume(first).await.expect("resumable");
    assert_right(&*world.ended(first).await, 5, 8 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_trickle_are_replaced_even_when_no_other_is_left() {
    let origin = Origin::start().await;
    let world = World::with(|c| {
        c.settings.threads = 3;
        c.settings.block_size = MIB;
    })
    .await;
    // A byte now and then never times out, and nobody is idle who could help.
    let view = world
        .fetch(origin.url("/a.bin?size=16M&seed=7&etag=%22x%22&rate=8M&slow_conn=1-3:1"))
        .await;
    assert_right(&view, 7, 16 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_after_each_head_is_given_up() {
    let origin = Origin::start().await;
    let world = World::with(|c| {
        // Longer than a connection may crawl, as with the default settings.
        c.read_timeout = Duration::from_secs(7);
        c.retries = 0;
    })
    .await;
    let failed = world
        .fetch(origin.url("/a.bin?size=8M&stall_after=0"))
        .await;
    assert_eq!(failed.error.as_ref().map(|e| e.kind), Some(Kind::Timeout));
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_that_stand_still_together_do_not_give_each_other_hope() {
    let origin = Origin::start().await;
    let world = World::with(|c| {
        c.read_timeout = Duration::from_millis(100);
        c.settings.block_size = MIB;
        c.retries = 2;
    })
    .await;
    // The first answer is sound, so that all threads begin at different times.
    let url = "/a.bin?size=64M&etag=%22x%22&stall_after=0&fail_from=2";
    let failed = world.fetch(origin.url(url)).await;
    assert_eq!(failed.error.as_ref().map(|e| e.kind), Some(Kind::Timeout));
    let asked = origin.log().len();
    assert!(asked < 100, "{asked} requests");
}
