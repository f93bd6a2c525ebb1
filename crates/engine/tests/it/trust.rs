//! Which bytes are believed: never those of two versions in one file, never a page instead of bytes.

use haul_engine::Status;
use haul_testkit::ledger::{self, Ledger};
use haul_testkit::origin::{self, Origin};

use crate::world::{World, assert_bytes, assert_right};

const MIB: u64 = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changed_while_paused_is_never_spliced() {
    for validators in ["&etag=%22x%22", ""] {
        let (server, world) = (
            Origin::start().await,
            World::with(|c| c.settings.block_size = MIB).await,
        );
        let url = format!("/a.bin?size=8M&seed=3&rate=1M&change_on=swap{validators}");
        let id = world.add(server.url(&url)).await;
        world.until(id, |view| view.done > MIB).await;
        world.engine.pause(id).await.expect("pausable");
        server.open_gate("swap");
        world.engine.resume(id).await.expect("resumable");
        let view = world.ended(id).await;
        assert_right(&view, origin::changed_seed(3), 8 * MIB);
    }
}

/// Pauses while parts of all eight blocks are held, lets the file change, resumes, and asserts that
/// what is delivered is the changed file and nothing else. The versions agree up to `agree_until`.
async fn changes_while_paused(knobs: &str, agree_until: u64) {
    let (server, world) = (
        Origin::start().await,
        World::with(|c| c.settings.block_size = MIB).await,
    );
    let url = format!(
        "/a.bin?size=8M&seed=1&gate=half&gate_after=512K&change_on=half&change_from={agree_until}&{knobs}"
    );
    let id = world.add(server.url(&url)).await;
    world.until(id, |view| view.done == 4 * MIB).await;
    world.engine.pause(id).await.expect("pausable");
    server.open_gate("half");
    world.engine.resume(id).await.expect("resumable");
    let view = world.ended(id).await;
    assert_eq!(view.status, Status::Completed, "{knobs}: {:?}", view.error);
    let path = view.path.as_deref().expect("a completed file has a path");
    let bytes = std::fs::read(path).expect("a readable file");
    let (old, new) = (1, origin::changed_seed(1));
    let right = [
        origin::content(old, 0..agree_until),
        origin::content(new, agree_until..8 * MIB),
    ];
    assert_bytes(&bytes, &right.concat());
    assert!(server.unknown_knobs().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_has_lost_its_strong_tag_is_another_one() {
    changes_while_paused("etag=%22x%22&change_drops=etag", 0).await;
    changes_while_paused("etag=%22x%22&change_drops=etag", 4 * MIB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_behind_a_weak_tag_is_found_wherever_it_is() {
    changes_while_paused("weak", 4 * MIB).await;
    changes_while_paused("weak&change_keeps=etag", 4 * MIB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_nothing_tells_of_is_found_wherever_it_is() {
    changes_while_paused("", 4 * MIB).await;
    // Of the held bytes only those of the last block differ.
    changes_while_paused("", 7 * MIB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_file_under_the_same_strong_tag_is_found_at_a_resume() {
    changes_while_paused("etag=%22x%22&change_keeps=etag", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_expires_after_the_last_byte_loses_no_dated_file() {
    let (server, world) = (
        Origin::start().await,
        World::with(|c| {
            c.settings.threads = 1;
            c.settings.block_size = MIB;
        })
        .await,
    );
    let dated = "last_modified=Wed,%2001%20Jan%202025%2000:00:00%20GMT";
    let url = format!("/a.bin?size=4M&seed=8&{dated}&later=status%3D410&later_from=5");
    assert_right(&*world.fetch(server.url(&url)).await, 8, 4 * MIB);
    // Without a date nothing says that the answers were of one version.
    let url = "/b.bin?size=4M&seed=8&later=status%3D410&later_from=5";
    let view = world.fetch(server.url(url)).await;
    assert_eq!(view.status, Status::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_plain_text_with_status_200_is_no_new_version() {
    let (server, world) = (
        Origin::start().await,
        World::with(|c| c.settings.block_size = MIB).await,
    );
    let error = "later=size%3D100%26type%3Dtext%2Fplain%26ranges%3Dno&later_from=5";
    let url = format!("/a.bin?size=16M&seed=9&etag=%22x%22&type=video/mp4&{error}");
    let view = world.fetch(server.url(&url)).await;
    assert_eq!(view.status, Status::Failed, "{:?}", view.path);
    let code = view.error.as_ref().map(|error| error.kind.code());
    assert_eq!(code, Some("changed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_file_in_the_guise_of_a_part_is_found_before_delivery() {
    let (server, world) = (
        Origin::start().await,
        World::with(|c| c.settings.block_size = MIB).await,
    );
    let guise = "full_on_range=206&chunked&fail_from=2&fail_times=3";
    let url = format!("/a.bin?size=8M&seed=7&etag=%22x%22&{guise}");
    assert_right(&*world.fetch(server.url(&url)).await, 7, 8 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_page_in_the_middle_costs_nothing_that_is_held() {
    let (server, world) = (
        Origin::start().await,
        World::with(|c| {
            c.settings.block_size = MIB;
            c.settings.threads = 2;
        })
        .await,
    );
    let url = "/a.bin?size=16M&seed=2&etag=%22x%22&html_error_after=12&fail_until=mended";
    let failed = world.fetch(server.url(url)).await;
    assert_eq!(failed.status, Status::Failed);
    assert!(failed.done > 8 * MIB, "{} bytes held", failed.done);
    server.open_gate("mended");
    let before = server.log().len();
    world
        .engine
        .retry(failed.id)
        .await
        .expect("can be tried again");
    assert_right(&*world.ended(failed.id).await, 2, 16 * MIB);
    // Each part once: a slow thread's block may come twice.
    let fetched = ledger::length(&Ledger::new(server.log().split_off(before)).sent());
    let proof = fetched - (16 * MIB - failed.done);
    assert!(proof <= 64 << 10, "{proof} bytes fetched again");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_name_equal_bytes_differently_cost_connections_and_nothing_else() {
    let (server, world) = (
        Origin::start().await,
        World::with(|c| c.settings.block_size = MIB).await,
    );
    let view = world
        .fetch(server.url("/a.bin?size=16M&seed=4&etag=%22x%22&etag_per_node=3&rate=8M"))
        .await;
    assert_right(&view, 4, 16 * MIB);
    assert!(server.max_open() > 1);
    let asked_first = |seen: &origin::Seen| seen.range.is_some_and(|range| range.first == 0);
    let starts = server.log().into_iter().filter(asked_first).count();
    assert_eq!(starts, 1, "it never started over");
    // At the end a slow thread's bytes may come twice.
    assert!(view.wasted < MIB, "{} bytes wasted", view.wasted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_on_the_way_that_nothing_tells_of_is_found_before_delivery() {
    for knobs in ["", "&weak&change_keeps=etag", "&change_from=6M"] {
        let (server, world) = (
            Origin::start().await,
            World::with(|c| {
                c.settings.block_size = MIB;
                c.settings.threads = 2;
            })
            .await,
        );
        let url = format!("/a.bin?size=8M&seed=5&change_after=7{knobs}");
        let view = world.fetch(server.url(&url)).await;
        let agree = if knobs.contains("from") { 6 * MIB } else { 0 };
        let right = [
            origin::content(5, 0..agree),
            origin::content(origin::changed_seed(5), agree..8 * MIB),
        ];
        assert_eq!(view.status, Status::Completed, "{:?}", view.error);
        let path = view.path.as_deref().expect("a completed file has a path");
        assert_bytes(
            &std::fs::read(path).expect("a readable file"),
            &right.concat(),
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_took_two_answers_is_not_of_one_version_because_it_is_one_block() {
    let (server, world) = (Origin::start().await, World::new().await);
    let url = "/a.bin?size=1M&seed=7&reset_after=256K&fail_times=1&change_after=2";
    let view = world.fetch(server.url(url)).await;
    assert_right(&view, origin::changed_seed(7), MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_right_after_the_first_bytes_is_found_before_delivery() {
    let (server, world) = (
        Origin::start().await,
        World::with(|c| {
            c.settings.block_size = 64 << 10;
            c.settings.threads = 1;
        })
        .await,
    );
    let view = world
        .fetch(server.url("/a.bin?size=8M&seed=8&change_after=4"))
        .await;
    assert_right(&view, origin::changed_seed(8), 8 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_answer_of_another_version_is_found_wherever_it_is() {
    for nth in [4, 9, 17, 30] {
        let (server, world) = (
            Origin::start().await,
            World::with(|c| {
                c.settings.block_size = MIB;
                c.settings.threads = 4;
            })
            .await,
        );
        // One node of many lags behind the others, and nothing tells.
        let lags = format!("later=seed%3D9&later_from={nth}&later_times=1");
        let url = format!("/a.bin?size=40M&seed=10&{lags}");
        let view = world.fetch(server.url(&url)).await;
        assert_right(&view, 10, 40 * MIB);
        assert!(server.unknown_knobs().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_tag_proves_nothing() {
    changes_while_paused("etag=%22%22&change_keeps=etag", 4 * MIB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_another_one_in_each_answer_comes_in_one_stream() {
    let (server, world) = (
        Origin::start().await,
        World::with(|c| c.settings.block_size = MIB).await,
    );
    let url = "/a.bin?size=8M&seed=6&etag=%22x%22&etag_per_node=1000000&keepalive=no";
    let view = world.fetch(server.url(url)).await;
    assert_right(&view, 6, 8 * MIB);
    assert_eq!(view.ranges, Some(false));
}
