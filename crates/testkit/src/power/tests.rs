//! The power cut itself: what it may take and what it may not.

use std::collections::BTreeSet;
use std::io::IoSlice;

use super::*;
use crate::conformance::queued;

const LEN: usize = 3 * 4096;

/// What is left of a file after `work`, for a hundred seeds.
fn after(work: impl Fn(&dyn Scratch)) -> BTreeSet<Option<Vec<u8>>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");
    let falls = (0..100).map(|seed| {
        let root = tempfile::tempdir().expect("a folder");
        let (power, path) = (Power::on(root.path(), None), root.path().join("a.part"));
        let file = power.disk().create(&path).expect("a file");
        work(&*file);
        drop(file);
        runtime.block_on(power.fall(&mut Rng::with_seed(seed)));
        std::fs::read(path).ok()
    });
    falls.collect()
}

fn write(file: &dyn Scratch, byte: u8, at: usize, len: usize) {
    let bytes = vec![byte; len];
    file.write_at(&mut [IoSlice::new(&bytes)], at as u64)
        .expect("written");
}

/// The bytes and the name.
fn sync(file: &dyn Scratch) {
    file.sync().expect("synced");
    file.sync_name().expect("synced");
}

#[test]
fn what_was_synced_stays() {
    let left = after(|file| {
        file.reserve(LEN as u64).expect("room");
        write(file, 1, 0, LEN);
        sync(file);
    });
    assert_eq!(left, BTreeSet::from([Some(vec![1; LEN])]));
}

#[test]
fn what_was_not_synced_is_new_old_torn_or_gone() {
    let left = after(|file| {
        file.reserve(LEN as u64).expect("room");
        write(file, 1, 0, LEN);
    });
    assert!(left.contains(&None), "never without its name");
    assert!(left.contains(&Some(Vec::new())), "never without its length");
    let bytes = |left: &BTreeSet<Option<Vec<u8>>>| -> BTreeSet<u8> {
        left.iter().flatten().flatten().copied().collect()
    };
    assert!(bytes(&left).len() > 2, "never garbage");
}

#[test]
fn a_sync_does_not_cover_what_comes_while_it_runs() {
    let mut left = BTreeSet::new();
    for seed in 0..30 {
        let root = tempfile::tempdir().expect("a folder");
        let (path, shelf) = (root.path().join("a.part"), root.path().join("shelf"));
        let real = RealDisk.create(&path).expect("a file");
        let pages = Pages::of(real.clone(), &path, &shelf).expect("a file");
        let file = Handle::new(Power::on(root.path(), None), Arc::new(pages));
        write(&file, 1, 0, 512);
        file.sync_name().expect("synced");
        let covered = file.pages().begin_sync().expect("readable");
        write(&file, 2, 0, 512);
        file.pages().end_sync(covered);
        file.pages().fall(&path, false, &mut Rng::with_seed(seed));
        left.insert(std::fs::read(&path).expect("its name was synced"));
    }
    assert_eq!(left, BTreeSet::from([vec![1; 512], vec![2; 512]]));
}

#[test]
fn bytes_beside_new_ones_are_never_garbage() {
    let left = after(|file| {
        write(file, 1, 0, LEN);
        sync(file);
        // Into the middle of a sector.
        write(file, 2, 4096 + 100, 300);
    });
    assert!(left.len() > 1, "always the same");
    for file in left {
        let file = file.expect("its name was synced");
        assert_eq!(file[..4196], vec![1; 4196]);
        assert_eq!(file[4496..], vec![1; LEN - 4496]);
        assert!(file.iter().all(|byte| matches!(byte, 1 | 2)));
    }
}

#[test]
fn old_bytes_come_back_after_a_cut_that_was_not_synced() {
    let left = after(|file| {
        write(file, 1, 0, LEN);
        sync(file);
        file.truncate(0).expect("cut");
        file.reserve(LEN as u64).expect("room");
    });
    assert!(left.contains(&Some(vec![1; LEN])));
    assert!(left.contains(&Some(vec![0; LEN])));
}

#[test]
fn without_its_name_a_synced_file_may_be_gone() {
    let left = after(|file| {
        write(file, 1, 0, 10);
        file.sync().expect("synced");
    });
    assert_eq!(left, BTreeSet::from([None, Some(vec![1; 10])]));
}

#[test]
fn a_deleted_file_may_come_back() {
    let left = after(|file| {
        write(file, 1, 0, 10);
        sync(file);
        std::fs::remove_file(file.path()).expect("deleted");
    });
    assert_eq!(left, BTreeSet::from([None, Some(vec![1; 10])]));
}

#[test]
fn without_power_nothing_is_written_or_synced() {
    let root = tempfile::tempdir().expect("a folder");
    let power = Power::on(root.path(), Some((Event::Write, 3)));
    let file = power.disk().create(&root.path().join("a.part"));
    let file = file.expect("a file");
    let write = |byte: u8| file.write_at(&mut [IoSlice::new(&[byte])], 0);
    write(1).expect("the second, after the creation");
    write(2).expect_err("the third cuts the power");
    file.sync().expect_err("there is no power");
    let mut byte = [0];
    file.read_at(&mut byte, 0).expect("readable");
    assert_eq!(byte, [1]);
}

/// The ids that are left when the power goes at the second time, for thirty seeds.
async fn records_left(event: Event) -> BTreeSet<Vec<u64>> {
    let mut left = BTreeSet::new();
    for seed in 0..30 {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("haul.db");
        let power = Power::on(root.path(), Some((event, 2)));
        let store = power.store(&path);
        store.put(vec![queued(1, 1)]).await.expect("the first");
        let second = store.put(vec![queued(2, 2)]);
        tokio::select! {
            answer = second => panic!("answered without power: {answer:?}"),
            () = power.gone() => {}
        }
        drop(store);
        power.fall(&mut Rng::with_seed(seed)).await;
        let store = SqliteStore::open(&path).expect("a sound database");
        let records = store.load().await.expect("readable records");
        left.insert(records.iter().map(|record| record.id.0).collect());
    }
    left
}

#[tokio::test]
async fn what_the_store_has_answered_stays_and_the_rest_may_be_lost() {
    let left = records_left(Event::Committed).await;
    assert_eq!(left, BTreeSet::from([vec![1], vec![1, 2]]));
    let left = records_left(Event::Commit).await;
    assert_eq!(left, BTreeSet::from([vec![1]]));
}
