//! Several sources of one file: all that are right are used, and no file is ever made of two.

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

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_with_another_file_gives_no_byte_and_is_named() {
    for (other, why) in [
        ("size=9M&seed=5", "another size"),
        ("size=8M&seed=6", "other bytes"),
        ("size=8M&seed=5&ranges=no", "no parts"),
        ("size=8M&seed=5&type=text/html", "HTML"),
        ("size=8M&seed=5&gzip", "encoding"),
        ("status=404", "404"),
    ] {
        let ([a, b], world) = (origins().await, world().await);
        let right = a.url("/a.bin?size=8M&seed=5&etag=%22x%22&rate=1M");
        let wrong = b.url(&format!("/a.bin?{other}&etag=%22x%22"));
        let id = world.add_spec(mirrored([right, wrong])).await;
        let told = |view: &View| {
            view.reason
                .as_deref()
                .is_some_and(|reason| reason.contains("not used"))
        };
        let view = world
            .until(id, |view| told(view) || view.status.is_over())
            .await;
        let reason = view.reason.as_deref().unwrap_or_default();
        assert!(
            reason.contains(why) && reason.contains("mirror http://"),
            "{other}: {reason:?}"
        );
        let view = world.ended(id).await;
        assert_right(&view, 5, 8 * MIB);
    }
}

/// It has the same bytes wherever it is asked for them at first.
#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_whose_file_only_begins_alike_leaves_no_byte_in_the_file() {
    for tag in ["", "&etag=%22same%22"] {
        let ([a, b], world) = (origins().await, world().await);
        let right = a.url(&format!("/a.bin?size=16M&seed=7&rate=1M{tag}"));
        let wrong = b.url(&format!(
            "/a.bin?size=16M&seed=7&change_after=1&change_from=15M&change_keeps=etag&rate=1M{tag}"
        ));
        let view = fetch(&world, [right, wrong]).await;
        assert_right(&view, 7, 16 * MIB);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_together_is_fetched_from_one_source_alone() {
    let ([a, b], world) = (origins().await, world().await);
    let right = a.url("/a.bin?size=16M&seed=7&rate=512K");
    // It changes without a word once it has been believed.
    let wrong = b.url("/a.bin?size=16M&seed=7&rate=512K&change_on=lie");
    let id = world.add_spec(mirrored([right, wrong])).await;
    until_used(&world, id, &b).await;
    b.open_gate("lie");
    let view = world.ended(id).await;
    assert_right(&view, 7, 16 * MIB);
    assert!(view.wasted > 0);
}

fn checked(spec: Spec, seed: u64, size: u64) -> Spec {
    let sum = format!("sha-256={}", origin::digest(seed, size));
    Spec {
        checksum: Some(sum.parse().expect("a checksum")),
        ..spec
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lying_mirror_is_found_by_the_digest_and_the_file_comes_from_another() {
    let ([a, b], world) = (origins().await, world().await);
    let right = a.url("/a.bin?size=16M&seed=8&rate=512K");
    let lying = b.url("/a.bin?size=16M&seed=8&rate=512K&change_on=lie");
    let id = world
        .add_spec(checked(mirrored([right, lying]), 8, 16 * MIB))
        .await;
    until_used(&world, id, &b).await;
    b.open_gate("lie");
    let view = world.ended(id).await;
    assert_right(&view, 8, 16 * MIB);
    assert_eq!(view.checksum.verified, Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_url_with_another_file_is_found_by_the_digest() {
    let ([a, b], world) = (origins().await, world().await);
    let urls = [
        a.url("/a.bin?size=2M&seed=9"),
        b.url("/a.bin?size=3M&seed=10"),
    ];
    let id = world.add_spec(checked(mirrored(urls), 10, 3 * MIB)).await;
    let view = world.ended(id).await;
    assert_right(&view, 10, 3 * MIB);
}

/// Two sources agree: it is the digest that is wrong, and a third is not asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_digest_that_nobody_has_fails_after_two_tries() {
    let ([a, b, c], world) = (origins().await, world().await);
    let path = "/a.bin?size=2M&seed=11";
    let id = world
        .add_spec(checked(
            mirrored([a.url(path), b.url(path), c.url(path)]),
            12,
            2 * MIB,
        ))
        .await;
    let view = world.ended(id).await;
    let error = view.error.as_ref().expect("it failed");
    assert_eq!(error.kind.code(), "checksum_mismatch");
    assert_eq!(view.checksum.verified, Some(false));
    assert_eq!(c.log().len(), 0);
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
async fn what_is_held_is_gone_on_with_from_a_mirror_when_the_first_source_is_gone() {
    for gone in ["refuses", "is another file", "is dead"] {
        let ([a, b], world) = (origins().await, world().await);
        let knobs = match gone {
            "refuses" => "later=status%3D404&later_on=gone",
            _ => "change_on=gone&change_size=5M",
        };
        let first = a.url(&format!(
            "/a.bin?size=8M&seed=13&rate=256K&etag=%22a%22&{DATED}&{knobs}"
        ));
        let second = b.url(&format!(
            "/a.bin?size=8M&seed=13&etag=%22b%22&{DATED}&later=status%3D500&later_until=open"
        ));
        let id = world.add_spec(mirrored([first, second])).await;
        world.until(id, |view| view.done > 4 * MIB).await;
        world
            .until_recorded(|record| record.done.len() > 4 * MIB)
            .await;
        let held = world.engine.live().get(id).expect("there").done;
        let stopped = world.crash().await;
        let record = stopped.record().await;
        let etag = record
            .resource
            .as_ref()
            .and_then(|known| known.validators.etag.clone());
        assert_eq!(etag.expect("recorded").tag, "\"a\"");
        assert_eq!(record.mirror, None);
        a.open_gate("gone");
        b.open_gate("open");
        let a = (gone != "is dead").then_some(a);
        let before = b.log().len();
        let world = stopped
            .start(|c| {
                c.settings.block_size = MIB;
                c.min_free_space = 0;
                c.retry_wait = Duration::from_millis(10);
            })
            .await;
        let view = world.ended(id).await;
        assert_right(&view, 13, 8 * MIB);
        let fetched: u64 = b.log()[before..].iter().map(|seen| seen.body_sent).sum();
        assert!(
            fetched < 8 * MIB,
            "{gone}: {fetched} although {held} were held"
        );
        drop(a);
    }
}

/// Two tags and no date in common: nothing says that these are one version, and samples miss a few bytes.
#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_calls_the_file_another_version_gives_no_byte_beside_the_first() {
    for other in [
        "etag=%22b%22",
        "last_modified=Thu,%2002%20Jan%202025%2000:00:00%20GMT",
    ] {
        let ([a, b], world) = (origins().await, world().await);
        let begun_as = match other.starts_with("etag") {
            true => "etag=%22a%22",
            false => DATED,
        };
        let first = a.url(&format!("/a.bin?size=8M&seed=17&rate=1M&{begun_as}"));
        let second = b.url(&format!("/a.bin?size=8M&seed=17&{other}"));
        let id = world.add_spec(mirrored([first, second])).await;
        let told = |view: &View| {
            view.reason
                .as_deref()
                .is_some_and(|r| r.contains("reserve"))
        };
        let view = world
            .until(id, |view| told(view) || view.status.is_over())
            .await;
        assert!(told(&view), "{:?}", view.reason);
        let view = world.ended(id).await;
        assert_right(&view, 17, 8 * MIB);
        assert!(sent(&b) < MIB / 2, "{other}: {}", sent(&b));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_calls_the_file_another_version_is_used_where_a_digest_will_tell() {
    let ([a, b], world) = (origins().await, world().await);
    let first = a.url("/a.bin?size=16M&seed=17&rate=512K&etag=%22a%22");
    let second = b.url("/a.bin?size=16M&seed=17&rate=512K&etag=%22b%22");
    let spec = checked(mirrored([first, second]), 17, 16 * MIB);
    let view = world.ended(world.add_spec(spec).await).await;
    assert_right(&view, 17, 16 * MIB);
    assert!(sent(&b) > 2 * MIB, "{}", sent(&b));
}

/// It differs in a few bytes, which no sample would show: the result is all its own.
#[tokio::test(flavor = "multi_thread")]
async fn when_the_first_source_is_gone_the_file_is_begun_anew_at_a_mirror_with_another_version() {
    for gone in ["while it runs", "while it is stopped", "and refuses"] {
        let ([a, b], world) = (origins().await, world().await);
        let first = a.url(
            "/a.bin?size=8M&seed=18&rate=256K&etag=%22a%22&later=status%3D404&later_on=refuses",
        );
        let second = b.url("/a.bin?size=8M&seed=19&etag=%22b%22");
        let id = world.add_spec(mirrored([first, second])).await;
        let begun = |view: &View| view.done > 2 * MIB;
        world.until(id, begun).await;
        let quick = |c: &mut haul_engine::Config| {
            c.settings.block_size = MIB;
            c.min_free_space = 0;
            c.retries = 3;
            c.retry_wait = Duration::from_millis(10);
        };
        let (world, kept) = match gone {
            "while it runs" => {
                drop(a);
                (world, None)
            }
            "and refuses" => {
                a.open_gate("refuses");
                (world, Some(a))
            }
            _ => {
                world
                    .until_recorded(|record| record.done.len() > 2 * MIB)
                    .await;
                let stopped = world.crash().await;
                drop(a);
                (stopped.start(quick).await, None)
            }
        };
        let view = world.ended(id).await;
        assert_right(&view, 19, 8 * MIB);
        drop(kept);
    }
}

/// The record says whose validators it holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_has_begun_the_file_is_remembered_with_it() {
    let ([a, b], world) = (origins().await, world().await);
    let first = a.url("/a.bin?size=8M&seed=14&etag=%22a%22&later=status%3D404&later_until=there");
    let second = b.url("/a.bin?size=8M&seed=14&rate=256K&etag=%22b%22");
    let id = world.add_spec(mirrored([first, second.clone()])).await;
    world.until(id, |view| view.done > 4 * MIB).await;
    world.engine.pause(id).await.expect("pausable");
    let stopped = world.stop().await;
    let record = stopped.record().await;
    assert_eq!(record.mirror, Some(second));
    a.open_gate("there");
    let world = stopped
        .start(|c| {
            c.settings.block_size = MIB;
            c.min_free_space = 0;
        })
        .await;
    world.engine.resume(id).await.expect("resumable");
    let view = world.ended(id).await;
    assert_right(&view, 14, 8 * MIB);
    assert!(sent(&a) < 8 * MIB && view.done == 8 * MIB);
}

/// The mirror that has begun the file is no longer among the sources.
#[tokio::test(flavor = "multi_thread")]
async fn mirrors_may_be_exchanged_while_bytes_are_held() {
    let ([a, b, c], world) = (origins().await, world().await);
    let first = a.url("/a.bin?status=404");
    let second = b.url(&format!(
        "/a.bin?size=8M&seed=16&rate=256K&etag=%22b%22&{DATED}"
    ));
    let third = c.url(&format!("/a.bin?size=8M&seed=16&etag=%22c%22&{DATED}"));
    let id = world.add_spec(mirrored([first.clone(), second])).await;
    world.until(id, |view| view.done > 4 * MIB).await;
    let edit = move |spec: &mut Spec| {
        spec.mirrors = vec![third.clone()];
        Ok(())
    };
    let view = world.engine.edit(id, edit).await.expect("editable");
    assert_eq!(view.mirrors.len(), 1);
    let before = sent(&b);
    let view = world.ended(id).await;
    assert_right(&view, 16, 8 * MIB);
    assert!(sent(&c) < 8 * MIB, "what was held is kept");
    assert!(sent(&b) < before + MIB);
    assert_eq!(view.etag.as_deref(), Some("\"c\""));
}

/// Nobody who could bear witness to the first bytes is left but the one that gave the last ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_source_that_is_gone_leaves_no_part_of_a_mixed_file() {
    let ([a, b], world) = (origins().await, world().await);
    let path = "/a.bin?size=16M&seed=20&rate=512K";
    let first = a.url(&format!("{path}&etag=%22a%22&change_on=gone"));
    let lying = b.url(&format!("{path}&change_on=lie"));
    let id = world.add_spec(mirrored([first, lying])).await;
    until_used(&world, id, &b).await;
    a.open_gate("gone");
    b.open_gate("lie");
    let view = world.ended(id).await;
    assert_right(&view, origin::changed_seed(20), 16 * MIB);
}

/// The URL has a strong tag, which vouches for its own bytes only.
#[tokio::test(flavor = "multi_thread")]
async fn bytes_of_a_mirror_that_is_taken_away_are_looked_at() {
    let ([a, b], world) = (origins().await, world().await);
    let path = "/a.bin?size=32M&seed=21&rate=512K&etag=%22a%22";
    let lying = b.url(&format!(
        "{path}&change_on=lie&change_keeps=etag&later=status%3D500&later_on=dead"
    ));
    let id = world.add_spec(mirrored([a.url(path), lying])).await;
    until_used(&world, id, &b).await;
    b.open_gate("lie");
    b.wait_requests(b.log().len() + 4).await;
    b.open_gate("dead");
    world.until(id, |view| view.done > 30 * MIB).await;
    world.engine.pause(id).await.expect("pausable");
    let edit = |spec: &mut Spec| {
        spec.mirrors.clear();
        Ok(())
    };
    world.engine.edit(id, edit).await.expect("editable");
    world.engine.resume(id).await.expect("resumable");
    let view = world.ended(id).await;
    assert_right(&view, 21, 32 * MIB);
}

/// The mirror that has begun the file is no longer among the sources, and the URL has nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_kept_while_the_only_source_left_is_in_trouble() {
    let ([a, b, c], world) = (origins().await, world().await);
    let path = "/a.bin?size=8M&seed=22";
    let begun = b.url(&format!("{path}&rate=256K"));
    let left = c.url(&format!("{path}&later=status%3D503&later_until=open"));
    let id = world
        .add_spec(mirrored([a.url("/a.bin?status=404"), begun]))
        .await;
    world.until(id, |view| view.done > 4 * MIB).await;
    let edit = move |spec: &mut Spec| {
        spec.mirrors = vec![left.clone()];
        Ok(())
    };
    world.engine.edit(id, edit).await.expect("editable");
    c.wait_requests(1).await;
    c.open_gate("open");
    let view = world.ended(id).await;
    assert_right(&view, 22, 8 * MIB);
    assert!(sent(&c) < 8 * MIB, "{} although 4 MiB were held", sent(&c));
}

/// What is held is a mirror's, and stays so.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_new_url_does_not_take_the_place_of_the_mirror_that_has_begun() {
    let ([a, b, c], world) = (origins().await, world().await);
    let begun = b.url("/a.bin?size=8M&seed=23&rate=256K&etag=%22b%22");
    let wrong = c.url("/a.bin?size=9M&seed=24&etag=%22c%22");
    let id = world
        .add_spec(mirrored([a.url("/a.bin?status=404"), begun]))
        .await;
    world.until(id, |view| view.done > 4 * MIB).await;
    let edit = move |spec: &mut Spec| {
        spec.url = wrong.clone();
        Ok(())
    };
    world.engine.edit(id, edit).await.expect("editable");
    let view = world.ended(id).await;
    assert_right(&view, 23, 8 * MIB);
    assert!(sent(&b) < 12 * MIB, "what was held is kept");
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
