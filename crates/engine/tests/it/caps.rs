//! Limits of ours and of servers: connections, threads, block sizes, bytes per second.

use haul_engine::event::ThreadState;
use haul_engine::{SettingsChange, Spec, Status, View};
use haul_testkit::origin::{Origin, Seen};

use crate::world::{World, assert_right};

const MIB: u64 = 1 << 20;

/// Bytes asked for; every request of ours names both ends.
fn asked_len(seen: &Seen) -> u64 {
    let asked = seen.range.expect("a range");
    asked.last.expect("an end") - asked.first + 1
}

#[tokio::test(flavor = "multi_thread")]
async fn caps_hold_at_every_moment() {
    let origin = Origin::start().await;
    let world = World::with(|c| {
        c.settings.max_downloads = 3;
        c.settings.threads = 4;
        c.settings.max_connections_per_host = 5;
        c.settings.block_size = 256 << 10;
    })
    .await;
    let mut ids = Vec::new();
    for n in 0..8 {
        ids.push(
            world
                .add(origin.url(&format!("/{n}.bin?size=2M&seed={n}&rate=2M")))
                .await,
        );
    }
    let mut most = 0;
    loop {
        let (_, views, stats) = world.engine.live().snapshot(|_| true);
        assert!(stats.active <= 3, "{stats:?}");
        assert!(views.iter().all(|view| view.threads_active <= 4));
        most = most.max(open_sockets_to(origin.address()));
        assert!(most <= 5, "{most} connections");
        if stats.completed == 8 {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(most > 1);
    for (seed, id) in (0..).zip(ids) {
        assert_right(&*world.ended(id).await, seed, 2 * MIB);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_speed_limit_holds_and_can_be_changed_on_the_way() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let spec = Spec {
        speed_limit: MIB,
        ..Spec::new(origin.url("/a.bin?size=8M&seed=6"))
    };
    let started = std::time::Instant::now();
    let id = world.add_spec(spec).await;
    world.until(id, |view| view.done >= 2 * MIB).await;
    assert!(
        started.elapsed().as_millis() > 1000,
        "{:?}",
        started.elapsed()
    );
    let change = haul_engine::Change {
        speed_limit: Some(0),
        ..Default::default()
    };
    world.engine.change(id, change).await.expect("changeable");
    assert_right(&*world.ended(id).await, 6, 8 * MIB);
    assert!(started.elapsed().as_secs() < 7, "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_that_wait_for_a_connection_are_not_active_and_the_reason_is_told() {
    let origin = Origin::start().await;
    let world = World::with(|c| {
        c.settings.threads = 4;
        c.settings.max_connections_per_host = 2;
        c.settings.block_size = 256 << 10;
    })
    .await;
    let id = world
        .add(origin.url("/a.bin?size=2M&seed=7&gate=go&gate_after=64K"))
        .await;
    origin.wait_gate("go", 2).await;
    let wanted = Some("2 of 2 connections allowed by this host");
    let waiting = |view: &View| {
        let states = view.blocks.iter().map(|block| block.state);
        states
            .filter(|state| *state == ThreadState::Waiting)
            .count()
    };
    // The threads at the gate may still wait for the disk, which has to take what they have brought.
    let is_told = |view: &View| view.reason.as_deref() == wanted && waiting(view) == 2;
    let view = world.until(id, is_told).await;
    assert_eq!((view.threads_active, view.threads_limit), (2, 4));
    assert_eq!(view.blocks.len(), 4);
    let mut most = open_sockets_to(origin.address());
    origin.open_gate("go");
    let is_over = || {
        let view = world.engine.live().get(id);
        view.is_some_and(|view| view.status.is_over())
    };
    while !is_over() {
        most = most.max(open_sockets_to(origin.address()));
        tokio::task::yield_now().await;
    }
    assert_eq!(most, 2);
    let view = world.ended(id).await;
    assert_right(&view, 7, 2 * MIB);
    assert_eq!(view.reason, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_waits_for_its_first_connection_says_so() {
    let origin = Origin::start().await;
    let world = World::with(|c| c.settings.max_connections_per_host = 1).await;
    let first = world
        .add(origin.url("/a.bin?size=1M&seed=7&gate=go&gate_after=64K"))
        .await;
    origin.wait_gate("go", 1).await;
    let second = world.add(origin.url("/b.bin?size=1M&seed=8")).await;
    let wanted = Some("0 of 1 connections allowed by this host");
    let view = world
        .until(second, |view| view.reason.as_deref() == wanted)
        .await;
    assert_eq!((view.status, view.threads_active), (Status::Probing, 0));
    origin.open_gate("go");
    for (id, seed) in [(first, 7), (second, 8)] {
        let view = world.ended(id).await;
        assert_right(&view, seed, MIB);
        assert_eq!(view.reason, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lowered_caps_on_connections_hold_for_what_runs() {
    let origin = Origin::start().await;
    let world = World::with(|c| {
        c.settings.threads = 8;
        c.settings.max_connections_per_host = 16;
        c.settings.block_size = MIB;
    })
    .await;
    let slow = "size=16M&etag=%22x%22&rate=512K";
    let first = world
        .add(origin.url(&format!("/a.bin?seed=1&{slow}")))
        .await;
    let other = world
        .add(origin.url(&format!("/b.bin?seed=2&{slow}")))
        .await;
    for id in [first, other] {
        world.until(id, |view| view.threads_active == 8).await;
    }
    let per_host = SettingsChange {
        max_connections_per_host: Some(4),
        ..SettingsChange::default()
    };
    let of_all = SettingsChange {
        max_connections: Some(2),
        ..SettingsChange::default()
    };
    for (change, each) in [(per_host, 2), (of_all, 1)] {
        world.engine.change_settings(change).await.expect("it runs");
        for id in [first, other] {
            let view = world.until(id, |view| view.threads_active <= each).await;
            assert_eq!(view.status, Status::Downloading, "long before its end");
        }
        let is_held = || open_sockets_to(origin.address()) <= usize::from(each) * 2;
        world.until_true("connections are closed", is_held).await;
        for id in [first, other] {
            let view = world.until(id, |view| view.threads_active == each).await;
            assert_eq!((view.wasted, view.attempts), (0, 0), "bytes are kept");
        }
    }
    let at_once = SettingsChange {
        max_connections: Some(16),
        max_connections_per_host: Some(16),
        ..SettingsChange::default()
    };
    world
        .engine
        .change_settings(at_once)
        .await
        .expect("it runs");
    for (seed, id) in [(1, first), (2, other)] {
        let view = world.ended(id).await;
        assert_right(&view, seed, 16 * MIB);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lowered_block_size_holds_for_every_later_request() {
    let origin = Origin::start().await;
    let world = World::with(|c| {
        c.settings.threads = 2;
        c.settings.block_size = 4 * MIB;
    })
    .await;
    // Both connections break after the change, with most of their long blocks still to come.
    let faults = "gate=go&gate_after=64K&reset_after=128K&fail_times=2";
    let id = world
        .add(origin.url(&format!("/a.bin?size=8M&seed=8&etag=%22x%22&{faults}")))
        .await;
    origin.wait_gate("go", 2).await;
    let change = SettingsChange {
        block_size: Some(64 << 10),
        ..SettingsChange::default()
    };
    world.engine.change_settings(change).await.expect("it runs");
    origin.open_gate("go");
    assert_right(&*world.ended(id).await, 8, 8 * MIB);
    let log = origin.log();
    assert!(log[..2].iter().all(|seen| asked_len(seen) > 128 << 10));
    let longest = log[2..].iter().map(asked_len).max();
    assert_eq!(longest, Some(64 << 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn proof_after_a_pause_asks_for_no_more_than_a_block() {
    let origin = Origin::start().await;
    let world = World::with(|c| {
        c.settings.threads = 2;
        c.settings.block_size = 16 << 10;
    })
    .await;
    // Nothing identifies this file: what is held must be proven.
    let id = world
        .add(origin.url("/a.bin?size=1M&seed=9&rate=256K"))
        .await;
    world.until(id, |view| view.done > 200 << 10).await;
    let held = world.engine.pause(id).await.expect("pausable").done;
    let before = origin.log().len();
    world.engine.resume(id).await.expect("resumable");
    assert_right(&*world.ended(id).await, 9, MIB);
    let log = origin.log();
    assert!(log.iter().all(|seen| asked_len(seen) <= 16 << 10));
    let after: u64 = log[before..].iter().map(|seen| seen.body_sent).sum();
    assert!(after > MIB - held, "nothing was proven");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_turns_many_threads_away_at_once_is_waited_for() {
    let origin = Origin::start().await;
    let world = World::with(|c| {
        c.settings.threads = 12;
        c.settings.block_size = 256 << 10;
    })
    .await;
    // More threads than tries: all lose their connections, and all are told to come back later.
    let cut = "gate=busy&gate_after=64K&close_after=64K&fail_times=12";
    let busy = "status=503&status_on=busy&retry_after=1&fail_until=calm";
    let id = world
        .add(origin.url(&format!("/a.bin?size=4M&seed=10&etag=%22x%22&{cut}&{busy}")))
        .await;
    origin.wait_gate("busy", 12).await;
    origin.open_gate("busy");
    origin.wait_requests(13).await;
    let waiting = world.until(id, |view| view.reason.is_some()).await;
    assert_eq!(waiting.status, Status::Downloading);
    origin.open_gate("calm");
    assert_right(&*world.ended(id).await, 10, 4 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_download_learns_of_a_host_all_keep_to() {
    let origin = Origin::start().await;
    let world = World::with(|c| c.settings.block_size = 256 << 10).await;
    let first = "/a.bin?size=4M&seed=11&etag=%22x%22&rate=1M&max_conns=2";
    let first = world.add(origin.url(first)).await;
    let of_two = |view: &View| {
        let reason = view.reason.as_deref().unwrap_or_default();
        reason.ends_with(" of 2 connections allowed by this host")
    };
    world.until(first, of_two).await;
    let second = world
        .add(origin.url("/b.bin?size=1M&seed=12&etag=%22x%22&rate=1M"))
        .await;
    world.until(second, of_two).await;
    assert_right(&*world.ended(second).await, 12, MIB);
    assert_right(&*world.ended(first).await, 11, 4 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_download_gets_its_share_of_a_hosts_connections() {
    let origin = Origin::start().await;
    let world = World::with(|c| {
        c.settings.threads = 16;
        c.settings.max_connections_per_host = 4;
        c.settings.block_size = 256 << 10;
    })
    .await;
    let early = world
        .add(origin.url("/a.bin?size=16M&seed=13&etag=%22x%22&rate=1M"))
        .await;
    world.until(early, |view| view.done > MIB).await;
    let late = world
        .add(origin.url("/b.bin?size=1M&seed=14&etag=%22x%22&rate=1M"))
        .await;
    assert_right(&*world.ended(late).await, 14, MIB);
    let view = world.engine.live().get(early).expect("there");
    assert!(view.done < 8 * MIB, "{} of the early one", view.done);
    assert_right(&*world.ended(early).await, 13, 16 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_download_does_not_wait_for_the_block_of_one_with_many_connections() {
    let origin = Origin::start().await;
    let world = World::with(|c| {
        c.settings.threads = 4;
        c.settings.max_connections_per_host = 4;
    })
    .await;
    // No block of the early one ends before the late one has its file.
    let early = world
        .add(origin.url("/a.bin?size=16M&seed=13&etag=%22x%22&gate=go&gate_after=64K"))
        .await;
    origin.wait_gate("go", 4).await;
    let late = world.add(origin.url("/b.bin?size=1M&seed=14")).await;
    assert_right(&*world.ended(late).await, 14, MIB);
    origin.open_gate("go");
    let view = world.ended(early).await;
    assert_right(&view, 13, 16 * MIB);
    assert_eq!(view.attempts, 0);
}

/// How many sockets are connected or connecting to `peer`, as the kernel sees it from the client's
/// side: an origin notices late that a connection was closed.
fn open_sockets_to(peer: std::net::SocketAddr) -> usize {
    // The kernel writes its table page by page: a socket that is closed and the one in its place can
    // both stand in it, but not three times in a row.
    (0..3).map(|_| sockets_listed(peer)).min().unwrap_or(0)
}

fn sockets_listed(peer: std::net::SocketAddr) -> usize {
    let table = std::fs::read_to_string("/proc/self/net/tcp").expect("the kernel's table");
    let remote = format!("0100007F:{:04X}", peer.port());
    let is_open = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // 01 is ESTABLISHED, 02 is SYN_SENT.
        fields.get(2) == Some(&&*remote) && matches!(fields.get(3), Some(&"01" | &"02"))
    };
    table.lines().filter(is_open).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn proof_takes_no_more_connections_than_threads_are_allowed() {
    let origin = Origin::start().await;
    let world = World::with(|c| {
        c.settings.block_size = MIB;
        c.settings.threads = 1;
    })
    .await;
    let view = world.fetch(origin.url("/a.bin?size=8M&seed=1")).await;
    assert_right(&view, 1, 8 * MIB);
    assert!(origin.log().len() > 16, "it was proven");
    assert_eq!(origin.max_open(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_threads_are_fewer_at_once_and_not_after_their_blocks() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let url = "/a.bin?size=24M&seed=2&etag=%22x%22&gate=flow&gate_after=64K";
    let id = world.add(origin.url(url)).await;
    world.until(id, |view| view.threads_active == 8).await;
    origin.wait_gate("flow", 8).await;
    let threads = |threads| haul_engine::Change {
        threads: Some(threads),
        ..Default::default()
    };
    world.engine.change(id, threads(3)).await.expect("changed");
    world.until(id, |view| view.threads_active == 3).await;
    origin.open_gate("flow");
    assert_right(&*world.ended(id).await, 2, 24 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_asks_to_come_back_at_once_is_not_flooded() {
    let origin = Origin::start().await;
    let world = World::with(|c| c.settings.block_size = MIB).await;
    let url = "/a.bin?size=8M&seed=3&etag=%22x%22&rate=1M&max_conns=2&retry_after=0";
    let view = world.fetch(origin.url(url)).await;
    assert_right(&view, 3, 8 * MIB);
    let asked = origin.log().len();
    assert!(asked < 100, "{asked} requests for eight blocks");
}
