//! Requests with a key: done once, whatever happens between the first and the last time that they are
//! sent.

use std::sync::Arc;

use haul_engine::disk::RealDisk;
use haul_engine::{Engine, Error, Files, Id, Key, Kind, New, Spec, Status, View};
use haul_testkit::faulty_store::FaultyStore;
use haul_testkit::origin::Origin;

use crate::world::World;

fn key(name: &str, digest: u8) -> Key {
    Key {
        name: name.to_owned(),
        digest: [digest; 32],
    }
}

/// Two downloads that do not start.
fn two(origin: &Origin) -> Vec<New> {
    let paused = |path: &str| {
        New::Unseen(Spec {
            paused: true,
            ..Spec::new(origin.url(path))
        })
    };
    vec![paused("/a.bin"), paused("/b.bin")]
}

async fn add(engine: &Engine, key: Key, origin: &Origin) -> Result<Vec<Id>, Error> {
    let added = engine.add_once(key, two(origin)).await?;
    Ok(added.iter().map(|view| view.id).collect())
}

fn count(world: &World) -> usize {
    let (_, views, _) = world.engine.live().snapshot(|_: &View| true);
    views.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_sent_again_adds_nothing_also_after_a_crash() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let first = add(&world.engine, key("k", 1), &origin)
        .await
        .expect("added");
    let again = add(&world.engine, key("k", 1), &origin).await;
    assert_eq!(again, Ok(first.clone()));
    let other = add(&world.engine, key("k", 2), &origin).await;
    assert_eq!(other.expect_err("not the same").kind, Kind::KeyReused);
    assert_eq!(count(&world), 2);

    let world = world.crash().await.start(|_| ()).await;
    let again = add(&world.engine, key("k", 1), &origin).await;
    assert_eq!(again, Ok(first.clone()));
    // What is gone by now is not brought back.
    let removed = world.engine.remove(first[0], Files::Keep).await;
    removed.expect("removed");
    let again = add(&world.engine, key("k", 1), &origin).await;
    assert_eq!(again, Ok(vec![first[1]]));
    assert_eq!(count(&world), 1);
    let new = add(&world.engine, key("l", 1), &origin).await;
    assert_eq!(new.expect("added").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_sent_again_meanwhile_waits_for_the_first() {
    let (origin, store) = (Origin::start().await, FaultyStore::new());
    let world = World::on_store(Arc::new(RealDisk), Arc::new(store.clone()), |_| ()).await;
    store.hold(Status::Paused);
    let both = async {
        tokio::join!(
            add(&world.engine, key("k", 1), &origin),
            add(&world.engine, key("k", 1), &origin),
            add(&world.engine, key("k", 2), &origin),
        )
    };
    let healing = async {
        store.wait_held().await;
        store.heal();
    };
    let ((first, again, other), ()) = tokio::join!(both, healing);
    assert_eq!(first.expect("added"), again.expect("the same"));
    assert_eq!(other.expect_err("not the same").kind, Kind::KeyReused);
    assert_eq!(count(&world), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_could_not_be_recorded_may_be_sent_again() {
    let (origin, store) = (Origin::start().await, FaultyStore::new());
    let world = World::on_store(Arc::new(RealDisk), Arc::new(store.clone()), |_| ()).await;
    store.break_down();
    let failed = add(&world.engine, key("k", 1), &origin).await;
    assert_eq!(failed.expect_err("not recorded").kind, Kind::Store);
    store.heal();
    let added = add(&world.engine, key("k", 2), &origin).await;
    assert_eq!(added.expect("added").len(), 2);
    assert_eq!(count(&world), 2);
}
