//! Servers that answer late: connections are made meanwhile, and are a burden to nobody who does not
//! want them.

use std::time::Duration;

use haul_testkit::origin::Origin;
use haul_testkit::relay::Relay;

use crate::world::{World, assert_right};

const MIB: u64 = 1 << 20;

async fn world_of(threads: u16) -> World {
    World::with(|config| {
        config.settings.threads = threads;
        config.settings.block_size = MIB;
    })
    .await
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    waited.unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_made_while_the_first_answer_is_awaited() {
    let (origin, world) = (Origin::start().await, world_of(4).await);
    let url = origin.url("/a.bin?size=8M&seed=1&etag=%22x%22&rate=2M&gate_before=go");
    let id = world.add(url).await;
    origin.wait_open(4).await;
    assert_eq!(origin.log().len(), 1, "nothing is asked before the answer");
    origin.open_gate("go");
    assert_right(&*world.ended(id).await, 1, 8 * MIB);
    let first: Vec<u64> = origin.log().iter().take(4).map(|s| s.connection).collect();
    assert!((1..=4).all(|n| first.contains(&n)), "{first:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_of_no_use_are_closed_at_once() {
    for (name, knobs, size) in [
        ("no ranges", "size=2M&ranges=no", 2 * MIB),
        ("one block", "size=1M", MIB),
        ("of unknown length", "size=2M&ranges=no&no_length", 2 * MIB),
    ] {
        let (origin, world) = (Origin::start().await, world_of(4).await);
        let gates = "gate_before=go&gate=rest&gate_after=64K";
        let url = origin.url(&format!("/a.bin?{knobs}&seed=2&{gates}"));
        let id = world.add(url).await;
        origin.wait_open(4).await;
        origin.open_gate("go");
        until(name, || origin.open_now() == 1).await;
        origin.open_gate("rest");
        assert_right(&*world.ended(id).await, 2, size);
        assert_eq!(origin.log().len(), 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_room_for_few_connections_gives_the_file_all_the_same() {
    for most in [1, 2] {
        let origin = Origin::start().await;
        let relay = Relay::narrow(origin.address(), most).await;
        let world = world_of(4).await;
        let url =
            relay.url(&origin.url("/a.bin?size=8M&seed=3&etag=%22x%22&rate=4M&gate_before=go"));
        let id = world.add(url).await;
        until("others are turned away", || relay.turned_away() >= 4 - most).await;
        let view = world.engine.live().get(id).expect("there");
        assert_eq!((view.attempts, &view.reason), (0, &None), "nobody asked");
        origin.open_gate("go");
        assert_right(&*world.ended(id).await, 3, 8 * MIB);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_server_wants_to_be_left_alone_no_connection_is_kept() {
    let (origin, world) = (Origin::start().await, world_of(4).await);
    let busy = "status=503&status_times=1&retry_after=3&gate_before=go";
    let url = origin.url(&format!("/a.bin?size=4M&seed=6&etag=%22x%22&{busy}"));
    let id = world.add(url).await;
    origin.wait_open(4).await;
    origin.open_gate("go");
    until("they are closed", || origin.open_now() == 0).await;
    assert_eq!(origin.log().len(), 1, "it is not asked again so soon");
    assert_right(&*world.ended(id).await, 6, 4 * MIB);
}

/// What waits for a connection is served before those for later.
#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_half_of_a_hosts_connections_are_made_for_later() {
    let origin = Origin::start().await;
    let world = World::with(|config| {
        config.settings.threads = 16;
        config.settings.max_connections_per_host = 6;
        config.settings.block_size = MIB;
    })
    .await;
    let first = world
        .add(origin.url("/a.bin?size=8M&seed=4&etag=%22x%22&gate_before=go"))
        .await;
    origin.wait_open(4).await;
    let second = world.add(origin.url("/b.bin?size=1M&seed=5")).await;
    assert_right(&*world.ended(second).await, 5, MIB);
    origin.open_gate("go");
    assert_right(&*world.ended(first).await, 4, 8 * MIB);
    assert!(origin.max_open() <= 6, "{}", origin.max_open());
}
