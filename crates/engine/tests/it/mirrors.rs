//! Several sources of one file: all that are right are used, and no file is ever made of two.

mod held;
mod mixed;

use std::sync::Arc;
use std::time::Duration;

use haul_engine::spec::Targets;
use haul_engine::{Id, Spec, View};
use haul_testkit::origin::{self, Origin};
use url::Url;

use crate::world::{World, assert_right};

const MIB: u64 = 1 << 20;

/// A date that copies of one file have in common, whatever tags their servers make.
const DATED: &str = "last_modified=Wed,%2001%20Jan%202025%2000:00:00%20GMT";

/// Small blocks, so that there are many.
async fn world() -> World {
    World::with(|c| c.settings.block_size = MIB).await
}

async fn origins<const N: usize>() -> [Origin; N] {
    let mut origins = Vec::new();
    for _ in 0..N {
        origins.push(Origin::start().await);
    }
    origins
        .try_into()
        .unwrap_or_else(|_| unreachable!("as many as started"))
}

fn mirrored(urls: impl IntoIterator<Item = Url>) -> Spec {
    let mut urls = urls.into_iter();
    let url = urls.next().expect("a URL");
    Spec {
        mirrors: urls.collect(),
        ..Spec::new(url)
    }
}

async fn fetch(world: &World, urls: impl IntoIterator<Item = Url>) -> Arc<View> {
    let id = world.add_spec(mirrored(urls)).await;
    world.ended(id).await
}

fn sent(origin: &Origin) -> u64 {
    origin.log().iter().map(|seen| seen.body_sent).sum()
}

/// Waits until bytes come from this origin.
async fn until_used(world: &World, id: Id, origin: &Origin) {
    let port = format!(":{}/", origin.address().port());
    world
        .until(id, |view| {
            let mut blocks = view.blocks.iter();
            blocks.any(|block| block.url.contains(&port) && block.done > 0)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sources_give_their_share() {
    let ([a, b], world) = (origins().await, world().await);
    let path = "/a.bin?size=32M&seed=1&rate=1M";
    let begun = std::time::Instant::now();
    let view = fetch(&world, [a.url(path), b.url(path)]).await;
    assert_right(&view, 1, 32 * MIB);
    for origin in [&a, &b] {
        let sent = sent(origin);
        assert!(sent > 8 * MIB, "{sent} of {}", origin.address());
    }
    // Eight threads at 1 MiB/s, wherever they are.
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(view.reason, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_threads_of_both_sources_are_no_more_than_allowed() {
    let ([a, b], world) = (origins().await, world().await);
    let path = "/a.bin?size=16M&seed=1&rate=1M";
    let id = world.add_spec(mirrored([a.url(path), b.url(path)])).await;
    let most = world
        .until(id, |view| {
            assert!(view.blocks.len() <= 8, "{:#?}", view.blocks);
            view.status.is_over()
        })
        .await;
    assert_right(&most, 1, 16 * MIB);
}

/// Mirrors that do not answer take the places of threads while they are looked at.
#[tokio::test(flavor = "multi_thread")]
async fn looking_at_mirrors_asks_for_no_more_at_once_than_allowed() {
    let ([a, b, c, d], world) = (origins().await, world().await);
    let silent = "/a.bin?size=32M&seed=25&gate_before=held";
    let first = a.url("/a.bin?size=32M&seed=25&rate=1M");
    let mirrors = [&b, &c, &d].map(|mirror| mirror.url(silent));
    let urls = std::iter::once(first).chain(mirrors);
    let id = world.add_spec(mirrored(urls)).await;
    // Longer than threads are kept free for mirrors.
    world.until(id, |view| view.done > 20 * MIB).await;
    let asked = |origin: &Origin| origin.log().iter().filter(|seen| !seen.over).count();
    let at_mirrors: usize = [&b, &c, &d].into_iter().map(asked).sum();
    assert_eq!(at_mirrors, 3);
    assert!(asked(&a) <= 5, "{} beside 3", asked(&a));
    for mirror in [&b, &c, &d] {
        mirror.open_gate("held");
    }
    let view = world.ended(id).await;
    assert_right(&view, 25, 32 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_thread_looks_at_a_mirror_when_the_source_at_work_fails() {
    let [a, b] = origins().await;
    let world = World::with(|c| {
        c.settings.block_size = MIB;
        c.settings.threads = 1;
    })
    .await;
    let path = "/a.bin?size=8M&seed=27";
    let failing = a.url(&format!("{path}&later=status%3D503&later_on=gone"));
    let id = world
        .add_spec(mirrored([failing, b.url(path)].map(|mut url| {
            url.query_pairs_mut().append_pair("rate", "2M");
            url
        })))
        .await;
    world.until(id, |view| view.done > 3 * MIB).await;
    assert_eq!(b.log().len(), 0, "it is not needed yet");
    a.open_gate("gone");
    let view = world.ended(id).await;
    assert_right(&view, 27, 8 * MIB);
    assert!(a.unknown_knobs().is_empty());
}

/// Whoever looks at a mirror and whoever downloads want the same connection.
#[tokio::test(flavor = "multi_thread")]
async fn with_one_connection_for_all_nobody_waits_for_ever() {
    let [a, b] = origins().await;
    let path = "/a.bin?size=8M&seed=26";
    for mirror in [a.url("/b.bin?size=8M&seed=26"), b.url(path)] {
        let world = World::with(|c| {
            c.settings.block_size = MIB;
            c.settings.max_connections = 1;
            c.settings.max_connections_per_host = 1;
        })
        .await;
        let view = fetch(&world, [a.url(path), mirror]).await;
        assert_right(&view, 26, 8 * MIB);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_url_that_is_no_file_is_passed_over() {
    for wrong in [
        "status=404",
        "status=403",
        "type=text/html&size=1K",
        "reset_head=before",
        "status=503",
    ] {
        let ([a, b], world) = (origins().await, world().await);
        let first = a.url(&format!("/a.bin?{wrong}"));
        let view = fetch(&world, [first.clone(), b.url("/a.bin?size=3M&seed=2")]).await;
        assert_right(&view, 2, 3 * MIB);
        assert_eq!(*view.url, *first.as_str());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_url_where_nobody_listens_is_passed_over() {
    let ([a, b], world) = (origins().await, world().await);
    let dead = a.url("/a.bin?size=3M&seed=2");
    drop(a);
    let view = fetch(&world, [dead, b.url("/a.bin?size=3M&seed=2")]).await;
    assert_right(&view, 2, 3 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_fail_the_error_is_of_the_first_that_may_be_mended_and_names_all() {
    let ([a, b, c], world) = (origins().await, world().await);
    let urls = [
        a.url("/a?status=404"),
        b.url("/b?status=410"),
        c.url("/c?type=text/html"),
    ];
    let view = fetch(&world, urls).await;
    let error = view.error.as_ref().expect("it failed");
    assert_eq!((error.kind.code(), error.status), ("not_found", Some(404)));
    assert!(
        error.detail.contains("410") && error.detail.contains("HTML"),
        "{error}"
    );
    let world = World::with(|c| c.retries = 1).await;
    let view = fetch(&world, [a.url("/a?status=404"), b.url("/b?status=500")]).await;
    let error = view.error.as_ref().expect("it failed");
    assert_eq!(
        (error.kind.code(), error.status),
        ("http_status", Some(500))
    );
    assert!(error.detail.contains("404") && error.retryable(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_dies_on_the_way_is_done_without() {
    let ([a, b], world) = (origins().await, world().await);
    let path = "/a.bin?size=16M&seed=3&rate=512K";
    let id = world.add_spec(mirrored([a.url(path), b.url(path)])).await;
    until_used(&world, id, &b).await;
    drop(a);
    let view = world.ended(id).await;
    assert_right(&view, 3, 16 * MIB);
}

/// The first source refuses each further block, and never brings another byte.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_refuses_later_blocks_is_done_without() {
    for later in [
        "status%3D404",
        "status%3D500",
        "status%3D503",
        "ranges%3Dno",
        "reset_head%3Dbefore",
        "size%3D1K%26type%3Dtext%2Fhtml%26ranges%3Dno",
    ] {
        let ([a, b], world) = (origins().await, world().await);
        let first = a.url(&format!(
            "/a.bin?size=16M&seed=3&later={later}&later_from=6"
        ));
        let view = fetch(&world, [first, b.url("/a.bin?size=16M&seed=3")]).await;
        assert_right(&view, 3, 16 * MIB);
        assert!(a.unknown_knobs().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_returns_is_used_again() {
    let ([a, b], world) = (origins().await, world().await);
    let away = "later=status%3D503&later_on=away&later_until=back";
    let first = a.url(&format!("/a.bin?size=16M&seed=3&rate=512K&{away}"));
    let second = b.url("/a.bin?size=16M&seed=3&rate=512K&later=status%3D500&later_on=dead");
    let id = world.add_spec(mirrored([first, second])).await;
    until_used(&world, id, &b).await;
    a.open_gate("away");
    let before = a.log().len();
    a.wait_requests(before + 2).await;
    a.open_gate("back");
    b.open_gate("dead");
    let view = world.ended(id).await;
    assert_right(&view, 3, 16 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_mirror_holds_nobody_up() {
    let ([a, b], world) = (origins().await, world().await);
    let fast = a.url("/a.bin?size=32M&seed=4&rate=2M");
    let slow = b.url("/a.bin?size=32M&seed=4&rate=4K");
    let begun = std::time::Instant::now();
    let view = fetch(&world, [fast, slow]).await;
    assert_right(&view, 4, 32 * MIB);
    // A block of it would take 256 s, and the fast one needs 3.
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    assert!(sent(&b) < MIB);
}

fn checked(spec: Spec, seed: u64, size: u64) -> Spec {
    let sum = format!("sha-256={}", origin::digest(seed, size));
    Spec {
        checksum: Some(sum.parse().expect("a checksum")),
        ..spec
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_without_ranges_serves_alone() {
    let ([a, b], world) = (origins().await, world().await);
    let urls = [
        a.url("/a.bin?status=404"),
        b.url("/a.bin?size=3M&seed=12&ranges=no"),
    ];
    let view = fetch(&world, urls).await;
    assert_right(&view, 12, 3 * MIB);
    assert_eq!(view.ranges, Some(false));
}

/// Without ranges each try begins at byte 0, so it may begin elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_off_is_begun_at_the_mirror() {
    let ([a, b], world) = (origins().await, world().await);
    let breaking = a.url("/a.bin?size=3M&seed=12&ranges=no&reset_after=1M");
    let view = fetch(&world, [breaking, b.url("/a.bin?size=3M&seed=12")]).await;
    assert_right(&view, 12, 3 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_stay_with_the_first_url() {
    let ([a, b], world) = (origins().await, world().await);
    let path = "/a.bin?size=8M&seed=15&rate=512K";
    let mut first = a.url(path);
    first.set_username("user").expect("can have one");
    first.set_password(Some("secret")).expect("can have one");
    let spec = Spec {
        headers: vec![
            ("X-Token".into(), "secret".into()),
            ("Cookie".into(), "secret".into()),
            ("User-Agent".into(), "mine".into()),
        ],
        ..mirrored([first, b.url(path)])
    };
    let id = world.add_spec(spec).await;
    let view = world.ended(id).await;
    assert_right(&view, 15, 8 * MIB);
    let at_home = a.log();
    assert!(
        at_home
            .iter()
            .all(|seen| seen.header("x-token") == Some("secret"))
    );
    assert!(
        at_home
            .iter()
            .all(|seen| seen.header("authorization").is_some())
    );
    let log = b.log();
    assert!(log.len() > 1, "it was used");
    for seen in log {
        for name in ["x-token", "cookie", "authorization"] {
            assert_eq!(seen.header(name), None, "{name}");
        }
        assert_eq!(seen.header("user-agent"), Some("mine"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_mirror_is_not_asked_where_targets_are_public() {
    let ([a, b], world) = (
        origins().await,
        World::with(|c| c.targets = Targets::Public).await,
    );
    let view = fetch(&world, [a.url("/a.bin?size=1M"), b.url("/a.bin?size=1M")]).await;
    let error = view.error.as_ref().expect("it failed");
    assert_eq!(error.kind.code(), "target_refused");
    assert!(error.detail.contains("mirror http://127.0.0.1"), "{error}");
    assert_eq!((a.accepted(), b.accepted()), (0, 0));
}
