//! Bytes that are held, and who gives the rest: after a stop, and when the sources are others.

use super::*;

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
