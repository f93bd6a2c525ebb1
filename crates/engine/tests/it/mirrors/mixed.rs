//! Sources with unlike files: no file is made of two.

use super::*;

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
