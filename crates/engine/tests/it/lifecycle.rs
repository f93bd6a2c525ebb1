//! Pausing, resuming, cancelling, removing, restarting; and caps that hold at every moment.

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
async fn a_file_that_changed_while_paused_is_never_spliced() {
    for validators in ["&etag=%22x%22", ""] {
        let (origin, world) = (
            Origin::start().await,
            World::with(|c| c.settings.block_size = MIB).await,
        );
        let url = format!("/a.bin?size=8M&seed=3&rate=1M&change_on=swap{validators}");
        let id = world.add(origin.url(&url)).await;
        world.until(id, |view| view.done > MIB).await;
        world.engine.pause(id).await.expect("pausable");
        origin.open_gate("swap");
        world.engine.resume(id).await.expect("resumable");
        let view = world.ended(id).await;
        assert_right(&view, haul_testkit::origin::changed_seed(3), 8 * MIB);
    }
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
async fn what_a_state_does_not_allow_is_refused_with_a_reason() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let view = world.fetch(origin.url("/a.bin?size=1K")).await;
    for refused in [
        world.engine.pause(view.id).await,
        world.engine.resume(view.id).await,
        world.engine.retry(view.id).await,
        world.engine.cancel(view.id).await,
    ] {
        assert_eq!(refused.expect_err("completed").kind, Kind::IllegalState);
    }
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

/// How many sockets are connected or connecting to `peer`, as the kernel sees it from the client's
/// side: an origin notices late that a connection was closed.
fn open_sockets_to(peer: std::net::SocketAddr) -> usize {
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
