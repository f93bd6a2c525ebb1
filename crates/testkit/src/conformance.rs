//! What every [`Store`] must do, whatever it is made of. It knows no store in particular.

use std::collections::HashSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use haul_engine::error::{Error, Kind, Retry};
use haul_engine::plan::resource::{ETag, Resource, Validators};
use haul_engine::plan::seals::Seal;
use haul_engine::plan::stamp::Stamp;
use haul_engine::spec::{Checksum, OnConflict};
use haul_engine::store::{Checkpoint, Once, Record, Store};
use haul_engine::{Id, Spec, Status};
use tokio::task::JoinSet;
use url::Url;

/// Runs the whole suite; `make` gives a new, empty store each time.
///
/// # Panics
/// When the store does not keep its promises.
pub async fn store<S: Store>(make: impl AsyncFn() -> S) {
    starts_empty(make().await).await;
    loads_in_the_order_of_rank(make().await).await;
    gives_back_what_it_was_given(make().await).await;
    finds_one_record_as_it_is_now(make().await).await;
    replaces_the_whole_record(make().await).await;
    swaps_ranks_in_one_call(make().await).await;
    advancing_leaves_what_is_asked_for(make().await).await;
    a_new_spec_leaves_what_is_done(make().await).await;
    a_request_comes_with_its_records(make().await).await;
    old_requests_are_forgotten(make().await).await;
    a_checkpoint_touches_its_fields_only(make().await).await;
    a_checkpoint_of_a_removed_record_does_nothing(make().await).await;
    removing_ignores_the_unknown(make().await).await;
    calls_take_effect_in_the_order_made(make().await).await;
    serves_many_callers_at_once(make().await).await;
    takes_a_big_batch(make().await).await;
    grants_every_claim(make().await).await;
}

/// A record just added, with nothing but its URL.
pub fn queued(id: u64, rank: i64) -> Record {
    let spec = Spec::new(url(&format!("http://origin.test/files/{id}.bin")));
    Record::new(Id(id), spec, rank, time(rank.unsigned_abs()))
}

/// A record that uses every field.
pub fn full(id: u64, rank: i64) -> Record {
    let plain = queued(id, rank);
    Record {
        spec: Spec {
            mirrors: vec![url("https://user:secret@mirror.test/a%20b?q=1#top")],
            name: Some("имя файла.tar.gz".to_owned()),
            dir: Some(PathBuf::from("/srv/files/№ 1")),
            threads: Some(16),
            block_size: Some(1 << 34),
            headers: vec![
                ("Authorization".to_owned(), "Bearer \"quoted\"".to_owned()),
                ("X-Twice".to_owned(), "1".to_owned()),
                ("X-Twice".to_owned(), "2".to_owned()),
            ],
            checksum: Some(checksum()),
            speed_limit: 1 << 20,
            priority: -3,
            paused: true,
            accept_html: true,
            on_conflict: OnConflict::Skip,
            notes: vec![("file-allocation".to_owned(), "none".to_owned())],
            ..plain.spec
        },
        status: Status::Failed,
        resource: Some(Resource {
            final_url: url("https://cdn.test/x?sig=1"),
            size: Some(1 << 40),
            ranges: true,
            validators: Validators {
                etag: Some(ETag {
                    weak: true,
                    tag: "\"abc\"".to_owned(),
                }),
                last_modified: Some(time(1)),
                encoding: Some("gzip".to_owned()),
            },
            content_type: Some("video/mp4".to_owned()),
            name: "x.mp4".to_owned(),
        }),
        scratch: Some(PathBuf::from("/srv/.haul/scratch/x.part")),
        done: [0..1 << 20, 2 << 20..1 << 40].into_iter().collect(),
        seals: [seal(0..1 << 20, 0), seal(2 << 20..1 << 40, u32::MAX)]
            .into_iter()
            .collect(),
        stamp: Some(Stamp {
            device: 64_769,
            inode: u64::MAX,
            len: 1 << 40,
            modified: -1,
            changed: 1_767_323_045_678_901_234,
        }),
        path: Some(PathBuf::from("/srv/files/x.mp4")),
        inode: Some(u64::MAX),
        digest: Some("ab".repeat(32)),
        error: Some(Error {
            kind: Kind::Busy,
            detail: "the server asks to wait".to_owned(),
            url: Some("https://cdn.test/x?…".to_owned()),
            status: Some(503),
            retry: Retry::FewerConnections {
                after: Some(Duration::from_secs(30)),
            },
        }),
        attempts: 7,
        wasted: 1234,
        started_at: Some(time(2)),
        finished_at: Some(time(3)),
        skipped: true,
        url_replaced: true,
        mirror: Some(url("https://mirror.test/y")),
        mixed: true,
        ..plain
    }
}

async fn starts_empty(store: impl Store) {
    assert_eq!(load(&store).await, []);
}

async fn loads_in_the_order_of_rank(store: impl Store) {
    let ranks = [5, -7, i64::MAX, 0, i64::MIN, 3];
    let records = (1..).zip(ranks).map(|(id, rank)| queued(id, rank));
    store.put(records.collect()).await.expect("put");
    let loaded: Vec<i64> = load(&store).await.iter().map(|r| r.rank).collect();
    assert_eq!(loaded, [i64::MIN, -7, 0, 3, 5, i64::MAX]);
}

async fn gives_back_what_it_was_given(store: impl Store) {
    let records = vec![full(u64::MAX, 1), queued(0, 2)];
    store.put(records.clone()).await.expect("put");
    assert_eq!(load(&store).await, records);
}

async fn finds_one_record_as_it_is_now(store: impl Store) {
    let (one, other) = (full(1, 10), queued(2, 20));
    let put = store.put(vec![one.clone(), other]);
    // Asked before the answer to the change has come.
    assert_eq!(store.get(Id(1)).await.expect("readable"), Some(one));
    put.await.expect("stored");
    store.remove(vec![Id(1)]).await.expect("removed");
    assert_eq!(store.get(Id(1)).await.expect("readable"), None);
}

async fn replaces_the_whole_record(store: impl Store) {
    store.put(vec![full(1, 1), full(2, 2)]).await.expect("put");
    // Nothing of the old record may shine through where the new one says nothing.
    store.put(vec![queued(1, 3)]).await.expect("put");
    assert_eq!(load(&store).await, [full(2, 2), queued(1, 3)]);
    let twice = vec![full(1, 4), queued(1, 5)];
    store.put(twice).await.expect("the last one counts");
    assert_eq!(load(&store).await, [full(2, 2), queued(1, 5)]);
}

async fn swaps_ranks_in_one_call(store: impl Store) {
    store.put(vec![full(1, 1), full(2, 2)]).await.expect("put");
    store.put(vec![full(1, 2), full(2, 1)]).await.expect("put");
    assert_eq!(load(&store).await, [full(2, 1), full(1, 2)]);
}

async fn advancing_leaves_what_is_asked_for(store: impl Store) {
    store.put(vec![queued(1, 1)]).await.expect("put");
    let both = vec![full(1, 1), full(2, 2)];
    store.advance(both).await.expect("advanced");
    let advanced = Record {
        spec: queued(1, 1).spec,
        ..full(1, 1)
    };
    assert_eq!(load(&store).await, [advanced, full(2, 2)]);
}

async fn a_new_spec_leaves_what_is_done(store: impl Store) {
    store.put(vec![full(1, 1), full(2, 2)]).await.expect("put");
    let spec = queued(7, 1).spec;
    store
        .respec(Id(1), spec.clone())
        .await
        .expect("respecified");
    store.respec(Id(9), spec.clone()).await.expect("ignored");
    // What a running download records later does not bring the old one back.
    store.advance(vec![full(1, 1)]).await.expect("advanced");
    let changed = Record { spec, ..full(1, 1) };
    assert_eq!(load(&store).await, [changed, full(2, 2)]);
}

async fn a_request_comes_with_its_records(store: impl Store) {
    assert_eq!(store.requests().await, Ok(vec![]));
    let request = once("a key", 1, vec![Id(2), Id(u64::MAX)]);
    let records = vec![full(2, 2), full(u64::MAX, 3)];
    let put = store.put_once(records.clone(), request.clone());
    put.await.expect("put");
    assert_eq!(load(&store).await, records);
    assert_eq!(store.requests().await, Ok(vec![request]));
    // The same key again, once the first has become too old to count.
    let again = once("a key", 2, vec![]);
    let put = store.put_once(Vec::new(), again.clone());
    put.await.expect("put");
    assert_eq!(store.requests().await, Ok(vec![again]));
}

async fn old_requests_are_forgotten(store: impl Store) {
    for (key, at) in [("a", 1), ("b", 2), ("c", 3)] {
        let put = store.put_once(Vec::new(), once(key, at, vec![]));
        put.await.expect("put");
    }
    store.forget_requests(time(2)).await.expect("forgotten");
    let left = store.requests().await.expect("loaded");
    let mut left: Vec<&str> = left.iter().map(|request| request.key.as_str()).collect();
    left.sort_unstable();
    assert_eq!(left, ["b", "c"]);
}

async fn a_checkpoint_touches_its_fields_only(store: impl Store) {
    store.put(vec![full(1, 1), full(2, 2)]).await.expect("put");
    store.checkpoint(checkpoint(1, 77)).await.expect("recorded");
    let changed = Record {
        done: checkpoint(1, 77).done,
        seals: checkpoint(1, 77).seals,
        stamp: None,
        attempts: 77,
        wasted: 7700,
        ..full(1, 1)
    };
    assert_eq!(load(&store).await, [changed, full(2, 2)]);
}

async fn a_checkpoint_of_a_removed_record_does_nothing(store: impl Store) {
    store.put(vec![full(1, 1), full(2, 2)]).await.expect("put");
    store.remove(vec![Id(1)]).await.expect("removed");
    store.checkpoint(checkpoint(1, 5)).await.expect("ignored");
    assert_eq!(load(&store).await, [full(2, 2)]);
}

async fn removing_ignores_the_unknown(store: impl Store) {
    store.put(vec![full(1, 1), full(2, 2)]).await.expect("put");
    let ids = vec![Id(9), Id(1), Id(1)];
    store.remove(ids).await.expect("removed");
    store.remove(Vec::new()).await.expect("nothing to do");
    assert_eq!(load(&store).await, [full(2, 2)]);
}

async fn calls_take_effect_in_the_order_made(store: impl Store) {
    store.put(vec![full(2, 2)]).await.expect("put");
    // Awaited together: only the order of the calls says which comes first.
    let (put, early, loaded, late, removed, again, last) = tokio::join!(
        store.put(vec![full(1, 1)]),
        store.checkpoint(checkpoint(1, 10)),
        store.load(),
        store.checkpoint(checkpoint(1, 20)),
        store.remove(vec![Id(1)]),
        store.put(vec![full(1, 1)]),
        store.checkpoint(checkpoint(1, 30)),
    );
    for answer in [put, early, late, removed, again, last] {
        answer.expect("done");
    }
    let attempts = |records: &[Record]| records.iter().map(|r| r.attempts).collect::<Vec<_>>();
    assert_eq!(attempts(&loaded.expect("loaded")), [10, 7]);
    assert_eq!(attempts(&load(&store).await), [30, 7]);
}

async fn serves_many_callers_at_once(store: impl Store) {
    let store = Arc::new(store);
    let mut callers = JoinSet::new();
    for caller in 0..32u32 {
        let store = Arc::clone(&store);
        callers.spawn(async move {
            let (kept, dropped) = (u64::from(caller), u64::from(caller) + 1000);
            let rank = i64::from(caller);
            let both = vec![queued(kept, rank), queued(dropped, rank + 1000)];
            store.put(both).await.expect("put");
            for step in 1..=8 {
                let step = checkpoint(kept, caller * 8 + step);
                store.checkpoint(step).await.expect("recorded");
            }
            store.remove(vec![Id(dropped)]).await.expect("removed");
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller.expect("no caller fails");
    }
    let expected: Vec<(Id, u32)> = (0..32u32)
        .map(|caller| (Id(u64::from(caller)), caller * 8 + 8))
        .collect();
    let loaded = load(&*store).await;
    let loaded: Vec<(Id, u32)> = loaded.iter().map(|r| (r.id, r.attempts)).collect();
    assert_eq!(loaded, expected);
}

async fn takes_a_big_batch(store: impl Store) {
    let ids = 0..10_000u64;
    let records: Vec<Record> = ids.clone().zip(0..).map(|(id, n)| full(id, n)).collect();
    store.put(records.clone()).await.expect("put");
    assert!(load(&store).await == records, "10,000 records come back");
    let odd: HashSet<Id> = ids.filter(|id| id % 2 == 1).map(Id).collect();
    store
        .remove(odd.iter().copied().collect())
        .await
        .expect("removed");
    let left = load(&store).await;
    assert_eq!(left.len(), 5_000);
    assert!(left.iter().all(|record| !odd.contains(&record.id)));
}

async fn grants_every_claim(store: impl Store) {
    store.put(vec![queued(1, 1)]).await.expect("put");
    for _ in 0..2 {
        assert_eq!(store.claim(Id(1)).await, Ok(true));
    }
}

async fn load(store: &impl Store) -> Vec<Record> {
    store.load().await.expect("loaded")
}

/// A checkpoint whose numbers all follow from `step`.
fn checkpoint(id: u64, step: u32) -> Checkpoint {
    let done = 0..u64::from(step) * 100;
    Checkpoint {
        id: Id(id),
        done: [done.clone()].into_iter().collect(),
        seals: [seal(done, step)].into_iter().collect(),
        attempts: step,
        wasted: u64::from(step) * 100,
    }
}

fn seal(bytes: Range<u64>, crc: u32) -> Seal {
    Seal { bytes, crc }
}

fn once(key: &str, seconds: u64, ids: Vec<Id>) -> Once {
    Once {
        key: key.to_owned(),
        digest: [7; 32],
        ids,
        at: time(seconds),
    }
}

fn checksum() -> Checksum {
    let text = format!("sha-256={}", "0f".repeat(32));
    text.parse().expect("a checksum")
}

/// Whole milliseconds: what is finer need not survive.
fn time(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_767_323_045_678) + Duration::from_secs(seconds % 1_000_000)
}

fn url(text: &str) -> Url {
    Url::parse(text).expect("a URL")
}
