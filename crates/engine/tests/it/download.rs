//! The main path: one download from URL to file, under servers of every honest kind.

use haul_engine::{Kind, Spec, Status};
use haul_testkit::origin::{self, Origin};

use crate::world::{World, assert_right, list};

const MIB: u64 = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_ranges_comes_in_blocks_over_several_connections() {
    let (origin, world) = (
        Origin::start().await,
        World::with(|c| c.settings.block_size = MIB).await,
    );
    let id = world
        .add(origin.url("/a.bin?size=20M&seed=3&rate=8M"))
        .await;
    let view = world
        .until(id, |view| {
            assert!(view.blocks.len() <= 8, "{:#?}", view.blocks);
            view.status.is_over()
        })
        .await;
    assert_right(&view, 3, 20 * MIB);
    assert_eq!(view.ranges, Some(true));
    assert!(origin.max_open() > 1, "{}", origin.max_open());
    // Before any block is cut: the origin learns late that the connection of one that was is closed.
    let mut first = origin.log().into_iter().take(12);
    assert!(first.all(|seen| seen.connection <= 8));
    for seen in origin.log() {
        let asked = seen.range.expect("every request has a range");
        assert!(asked.last.expect("an end") - asked.first < MIB, "{asked:?}");
        // One whose bytes others have brought meanwhile is closed before it is answered.
        assert!([206, 0].contains(&seen.status), "{}", seen.status);
    }
    assert!(world.scratch().is_empty());
    assert_eq!(list(&world.files()).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_ranges_comes_in_one_stream() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let view = world
        .fetch(origin.url("/a.bin?size=5M&seed=4&ranges=no"))
        .await;
    assert_right(&view, 4, 5 * MIB);
    assert_eq!(
        (view.ranges, origin.log().len(), origin.max_open()),
        (Some(false), 1, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_unknown_length_ends_where_its_body_ends() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let view = world
        .fetch(origin.url("/a.bin?size=3M&seed=5&ranges=no&chunked"))
        .await;
    assert_right(&view, 5, 3 * MIB);
    let view = world
        .fetch(origin.url("/b.bin?size=3M&seed=5&ranges=no&no_length"))
        .await;
    assert_right(&view, 5, 3 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file_is_a_file() {
    let (origin, world) = (Origin::start().await, World::new().await);
    for url in ["/a.bin?size=0", "/b.bin?size=0&ranges=no"] {
        let view = world.fetch(origin.url(url)).await;
        assert_right(&view, 0, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_request_is_the_probe_and_the_first_block() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let view = world
        .fetch(origin.url("/a.bin?size=100K&seed=6&once"))
        .await;
    assert_right(&view, 6, 100 << 10);
    assert_eq!(origin.log().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_made_before_is_the_downloads_own() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let spec = Spec::new(origin.url("/a.bin?size=100K&seed=7&once"));
    let probed = world.engine.probe(spec).await.expect("an answer");
    assert_eq!(probed.resource().size, Some(100 << 10));
    let added = world
        .engine
        .add(vec![haul_engine::New::Probed(Box::new(probed))])
        .await;
    let view = world.ended(added.expect("added")[0].id).await;
    assert_right(&view, 7, 100 << 10);
    assert_eq!(origin.log().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_over_tls_from_a_server_that_is_trusted() {
    let origin = Origin::start_tls().await;
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, origin.ca_pem()).expect("a certificate");
    let trusting = World::with(|c| c.ca_file = Some(ca)).await;
    let url = origin.url("/a.bin?size=4M&seed=15");
    assert_right(&*trusting.fetch(url.clone()).await, 15, 4 * MIB);
    let view = World::new().await.fetch(url).await;
    assert_eq!(view.error.as_ref().map(|e| e.kind), Some(Kind::Tls));
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_and_blocks_go_straight_to_the_end_of_them() {
    let (origin, world) = (
        Origin::start().await,
        World::with(|c| c.settings.block_size = MIB).await,
    );
    let view = world
        .fetch(origin.url("/a.bin?size=4M&seed=8&redirect=3"))
        .await;
    assert_right(&view, 8, 4 * MIB);
    let redirects = origin
        .log()
        .iter()
        .filter(|seen| seen.status == 302)
        .count();
    assert_eq!(redirects, 3);
    assert_ne!(view.final_url.as_deref(), Some(&*view.url));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_name_wins_and_is_made_safe() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let name = "attachment; filename*=UTF-8''..%2F%D1%84%D0%B0%D0%B9%D0%BB.bin";
    let mut url = origin.url("/ignored?size=10");
    url.query_pairs_mut().append_pair("name", name);
    let raw = url.query().expect("a query").replace('+', "%20");
    url.set_query(Some(&raw));
    let view = world.fetch(url).await;
    assert_eq!(view.path.as_deref(), Some(&*world.files().join("файл.bin")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_name_gets_a_number() {
    let (origin, world) = (Origin::start().await, World::new().await);
    for (seed, name) in [(1, "a.bin"), (2, "a (1).bin"), (3, "a (2).bin")] {
        let view = world
            .fetch(origin.url(&format!("/a.bin?size=1K&seed={seed}")))
            .await;
        assert_right(&view, seed, 1024);
        assert_eq!(&*view.name, name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_not_a_file_unless_asked_for() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let url = origin.url("/a?size=1K&type=text/html");
    let view = world.fetch(url.clone()).await;
    assert_eq!(
        view.error.as_ref().map(|error| error.kind),
        Some(Kind::HtmlPage)
    );
    let id = world
        .add_spec(Spec {
            accept_html: true,
            ..Spec::new(url)
        })
        .await;
    assert_right(&*world.ended(id).await, 0, 1024);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_digest_is_never_delivered() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let url = origin.url("/a.bin?size=1M&seed=9");
    let wrong = format!("sha-256={}", "0".repeat(64)).parse().ok();
    let id = world
        .add_spec(Spec {
            checksum: wrong,
            ..Spec::new(url.clone())
        })
        .await;
    let view = world.ended(id).await;
    assert_eq!(
        view.error.as_ref().map(|error| error.kind),
        Some(Kind::ChecksumMismatch)
    );
    assert!(list(&world.files()).is_empty());
    let right = format!("sha-256={}", origin::digest(9, MIB)).parse().ok();
    let id = world
        .add_spec(Spec {
            checksum: right,
            ..Spec::new(url)
        })
        .await;
    let view = world.ended(id).await;
    assert_right(&view, 9, MIB);
    assert_eq!(view.checksum.verified, Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_their_kind() {
    let (origin, world) = (Origin::start().await, World::new().await);
    for (status, kind) in [
        (404, Kind::NotFound),
        (410, Kind::NotFound),
        (403, Kind::Refused),
        (451, Kind::Refused),
    ] {
        let view = world
            .fetch(origin.url(&format!("/{status}?status={status}")))
            .await;
        assert_eq!(view.status, Status::Failed);
        assert_eq!(
            view.error.as_ref().map(|error| error.kind),
            Some(kind),
            "{status}"
        );
        assert_eq!(
            view.error.as_ref().and_then(|error| error.status),
            Some(status)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_costs_only_its_own_rest() {
    let (origin, world) = (
        Origin::start().await,
        World::with(|c| c.settings.block_size = MIB).await,
    );
    let view = world
        .fetch(origin.url("/a.bin?size=8M&seed=10&reset_after=300K&fail_times=5"))
        .await;
    assert_right(&view, 10, 8 * MIB);
    assert!(view.attempts >= 5, "{}", view.attempts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_stream_without_ranges_starts_afresh() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let view = world
        .fetch(origin.url("/a.bin?size=2M&seed=11&ranges=no&close_after=1M&fail_times=2"))
        .await;
    assert_right(&view, 11, 2 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_in_mid_transfer_is_never_mixed() {
    let (origin, world) = (
        Origin::start().await,
        World::with(|c| c.settings.block_size = MIB).await,
    );
    let view = world
        .fetch(origin.url("/a.bin?size=8M&seed=12&etag=%22one%22&change_after=5"))
        .await;
    assert_right(&view, origin::changed_seed(12), 8 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ignores_later_ranges_still_gives_the_file() {
    let (origin, world) = (
        Origin::start().await,
        World::with(|c| c.settings.block_size = MIB).await,
    );
    let view = world
        .fetch(origin.url("/a.bin?size=4M&seed=13&full_on_range=200&fail_from=2"))
        .await;
    assert_right(&view, 13, 4 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_connection_does_not_hold_up_the_end() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let started = std::time::Instant::now();
    // One of the connections would need 100 s for its share.
    let view = world
        .fetch(origin.url("/a.bin?size=16M&seed=14&rate=8M&slow_conn=1:20K"))
        .await;
    assert_right(&view, 14, 16 * MIB);
    assert!(started.elapsed().as_secs() < 15, "{:?}", started.elapsed());
}
