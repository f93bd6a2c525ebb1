//! Scratch files that somebody else touches between runs: what was hurt is found and fetched again,
//! what was not is neither fetched nor, after a clean stop, even read.

use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use haul_engine::{Spec, Status};
use haul_testkit::disk::BadDisk;
use haul_testkit::ledger::{self, Ledger};
use haul_testkit::origin::{Origin, content};

use crate::world::{Stopped, World, assert_right};

const MIB: u64 = 1 << 20;
const SIZE: u64 = 16 * MIB;
const SEED: u64 = 41;

/// Each of its bodies waits at the gate after 1 MiB, so that what is held has gaps.
const FILE: &str = "size=16M&etag=%22x%22&gate=go&gate_after=1M";

/// How an engine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Clean,
    Crash,
}

/// A download that was begun, and what it holds by its record.
struct Begun {
    origin: Origin,
    stopped: Stopped,
    held: Vec<Range<u64>>,
}

/// Bytes, and places, that are compared before a resume to see that the remote file is the same.
const PROOF: u64 = 64 << 10;
const READS_OF_A_PROOF: u64 = 4;

fn settings(config: &mut haul_engine::Config) {
    config.settings.block_size = 2 * MIB;
    config.settings.threads = 4;
}

/// Begins the file and ends the engine when every body is at the gate and all is recorded.
async fn begin(end: End) -> Begun {
    let (origin, world) = (Origin::start().await, World::with(settings).await);
    world
        .add(origin.url(&format!("/a.bin?{FILE}&seed={SEED}")))
        .await;
    origin.wait_gate("go", 4).await;
    let sent = ledger::length(&Ledger::new(origin.log()).sent());
    world
        .until_recorded(|record| record.done.len() == sent)
        .await;
    let stopped = match end {
        End::Clean => world.stop().await,
        End::Crash => world.crash().await,
    };
    origin.wait_open(0).await;
    origin.open_gate("go");
    let record = stopped.record().await;
    assert_eq!(record.stamp.is_some(), end == End::Clean);
    let held: Vec<_> = record.done.iter().collect();
    assert!(held.len() >= 3 && record.done.len() >= 4 * MIB, "{held:?}");
    Begun {
        origin,
        stopped,
        held,
    }
}

impl Begun {
    /// Goes on to the end; the file must be right. Returns how many bytes came again.
    async fn finish(self) -> u64 {
        let id = self.stopped.record().await.id;
        let before = self.origin.log().len();
        let world = self.stopped.start(settings).await;
        assert_right(&*world.ended(id).await, SEED, SIZE);
        sent_again(&self.origin, before, &self.held)
    }

    fn held_len(&self) -> u64 {
        ledger::length(&self.held)
    }
}

/// How many bytes of what was `held` were sent after the first `before` requests. What was not held may
/// come twice: the blocks of threads that get little of the processor are relieved.
fn sent_again(origin: &Origin, before: usize, held: &[Range<u64>]) -> u64 {
    let sent = Ledger::new(origin.log().split_off(before)).sent();
    ledger::length(&sent) - ledger::length(&ledger::outside(&sent, held))
}

fn open(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().read(true).write(true).open(path)
}

/// Another byte in the middle of the second held range.
fn flip_a_byte(path: &Path, held: &[Range<u64>]) -> io::Result<()> {
    let (file, at) = (open(path)?, (held[1].start + held[1].end) / 2);
    let mut byte = [0];
    file.read_exact_at(&mut byte, at)?;
    file.write_all_at(&[byte[0] ^ 1], at)
}

fn flip_a_byte_and_set_the_time_back(path: &Path, held: &[Range<u64>]) -> io::Result<()> {
    let before = fs::metadata(path)?.modified()?;
    flip_a_byte(path, held)?;
    open(path)?.set_modified(before)?;
    assert_eq!(fs::metadata(path)?.modified()?, before);
    Ok(())
}

#[expect(
    clippy::print_stdout,
    reason = "a run that failed can be repeated by hand"
)]
fn overwrite_4_kib_somewhere(path: &Path, held: &[Range<u64>]) -> io::Result<()> {
    let range = &held[fastrand::usize(..held.len())];
    let at = fastrand::u64(range.start..range.end - 4096);
    println!("4 KiB at {at}");
    open(path)?.write_all_at(&[0xA5; 4096], at)
}

fn overwrite_with_zeros(path: &Path, _: &[Range<u64>]) -> io::Result<()> {
    open(path)?.write_all_at(&vec![0; 16 << 20], 0)
}

/// Cut in the middle of the last held range and grown again: the length is right, the bytes are not.
fn cut_and_regrow(path: &Path, held: &[Range<u64>]) -> io::Result<()> {
    let (file, last) = (open(path)?, &held[held.len() - 1]);
    file.set_len((last.start + last.end) / 2)?;
    file.set_len(SIZE)
}

fn replace_by_another_file(path: &Path, _: &[Range<u64>]) -> io::Result<()> {
    fs::remove_file(path)?;
    fs::write(path, content(SEED + 1, 0..SIZE))
}

/// Somebody's copy put back: another inode with the right bytes.
fn replace_by_a_copy(path: &Path, _: &[Range<u64>]) -> io::Result<()> {
    let bytes = fs::read(path)?;
    let aside = path.with_extension("aside");
    fs::hard_link(path, &aside)?;
    fs::remove_file(path)?;
    fs::write(path, bytes)?;
    fs::remove_file(aside)
}

fn touch(path: &Path, _: &[Range<u64>]) -> io::Result<()> {
    open(path)?.set_modified(std::time::SystemTime::UNIX_EPOCH)
}

fn nothing(_: &Path, _: &[Range<u64>]) -> io::Result<()> {
    Ok(())
}

type Hurt = fn(&Path, &[Range<u64>]) -> io::Result<()>;

/// After a clean stop and after a crash: hurts the file, and compares what came again, in bytes, with
/// what may besides the proof that the remote file is the same. A seal of this file is 1 MiB long at most.
async fn hurt_and_finish(hurt: Hurt, allowed: impl Fn(&Begun) -> std::ops::RangeInclusive<u64>) {
    for end in [End::Clean, End::Crash] {
        let begun = begin(end).await;
        let allowed = allowed(&begun);
        hurt(&begun.stopped.scratch()[0], &begun.held).expect("hurt");
        let again = begun.finish().await;
        let (least, most) = allowed.into_inner();
        assert!(
            (least..=most + PROOF).contains(&again),
            "{end:?}: {again} bytes came again"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untouched_file_is_built_upon_as_it_is() {
    hurt_and_finish(nothing, |_| 0..=0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_only_looks_touched_is_built_upon_as_it_is() {
    hurt_and_finish(touch, |_| 0..=0).await;
    hurt_and_finish(replace_by_a_copy, |_| 0..=0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_byte_costs_its_own_seal_and_no_more() {
    hurt_and_finish(flip_a_byte, |_| 1..=MIB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_byte_is_found_although_the_time_was_set_back() {
    hurt_and_finish(flip_a_byte_and_set_the_time_back, |_| 1..=MIB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_page_is_found_wherever_it_is() {
    hurt_and_finish(overwrite_4_kib_somewhere, |_| 4096..=2 * MIB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_cut_and_grown_again_keeps_what_lies_before_the_cut() {
    hurt_and_finish(cut_and_regrow, |_| 1..=MIB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_zeros_or_of_somebody_else_is_fetched_whole() {
    hurt_and_finish(overwrite_with_zeros, |begun| {
        begun.held_len()..=begun.held_len()
    })
    .await;
    hurt_and_finish(replace_by_another_file, |begun| {
        begun.held_len()..=begun.held_len()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_downloads_whose_files_were_swapped_do_not_take_each_others_bytes() {
    let (origin, world) = (Origin::start().await, World::with(settings).await);
    let mut ids = Vec::new();
    for seed in [7, 8] {
        let url = origin.url(&format!("/{seed}.bin?{FILE}&seed={seed}"));
        ids.push(world.add(url).await);
    }
    origin.wait_gate("go", 8).await;
    let stopped = world.stop().await;
    origin.wait_open(0).await;
    origin.open_gate("go");
    let files = stopped.scratch();
    let aside = files[0].with_extension("aside");
    for (from, to) in [
        (&files[0], &aside),
        (&files[1], &files[0]),
        (&aside, &files[1]),
    ] {
        fs::hard_link(from, to).expect("linked");
        fs::remove_file(from).expect("unlinked");
    }
    let world = stopped.start(settings).await;
    for (seed, id) in [7, 8].into_iter().zip(ids) {
        assert_right(&*world.ended(id).await, seed, SIZE);
    }
}

/// Two of four connections are slow. What is left then of 16 MiB is less than their blocks were: they
/// have been relieved, and wrote past their new ends or what another wrote as well.
#[tokio::test(flavor = "multi_thread")]
async fn the_seals_of_relieved_blocks_hold() {
    let (origin, world) = (Origin::start().await, World::with(settings).await);
    let query = "size=16M&etag=%22x%22&seed=41&rate=1M&slow_conn=1-2:100K";
    let id = world.add(origin.url(&format!("/a.bin?{query}"))).await;
    let is_relieved = |done: u64| done > 12 * MIB;
    world
        .until_recorded(|record| is_relieved(record.done.len()))
        .await;
    let stopped = world.crash().await;
    let record = stopped.record().await;
    assert!(is_relieved(record.done.len()) && record.done.len() < SIZE);
    assert_eq!(record.seals.covered(), record.done);
    origin.wait_open(0).await;
    let before = origin.log().len();
    let world = stopped.start(settings).await;
    assert_right(&*world.ended(id).await, SEED, SIZE);
    let held: Vec<_> = record.done.iter().collect();
    let again = sent_again(&origin, before, &held);
    assert!(again <= PROOF, "{again} bytes of {held:?}");
}

/// What the first version of the database has left has no seals: nothing says what was written.
#[tokio::test(flavor = "multi_thread")]
async fn held_bytes_without_seals_are_not_built_upon() {
    for end in [End::Clean, End::Crash] {
        let begun = begin(end).await;
        let all = begun.held_len();
        let database = rusqlite::Connection::open(begun.stopped.database()).expect("a database");
        let forget = "UPDATE download SET seals = NULL";
        database.execute(forget, []).expect("forgotten");
        drop(database);
        assert_eq!(begun.finish().await, all, "{end:?}");
    }
}

/// Adds a file that is fetched whole and cannot be delivered; hurts it; lets it be delivered, right.
/// Returns how many bytes came again.
async fn delivered_after(query: &str, hurt: Hurt) -> u64 {
    let (origin, world) = (Origin::start().await, World::with(settings).await);
    let dir = world.files().join("taken");
    fs::create_dir_all(world.files()).expect("a folder");
    fs::write(&dir, b"a file where a directory should be").expect("written");
    let spec = Spec {
        dir: Some(dir.clone()),
        ..Spec::new(origin.url(&format!("/a.bin?size=16M&seed={SEED}&{query}")))
    };
    let id = world.add_spec(spec).await;
    assert_eq!(world.ended(id).await.status, Status::Failed);
    let whole = 0..SIZE;
    let before = origin.log().len();
    hurt(&world.scratch()[0], &[whole.clone(), whole.clone()]).expect("hurt");
    fs::remove_file(&dir).expect("removed");
    world.engine.retry(id).await.expect("can be tried again");
    assert_right(&*world.ended(id).await, SEED, SIZE);
    sent_again(&origin, before, &[whole])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_file_that_waits_for_delivery_is_checked_as_well() {
    for (query, allowed) in [("etag=%22x%22", 1..=4 * MIB), ("ranges=no", SIZE..=SIZE)] {
        let again = delivered_after(query, flip_a_byte).await;
        assert!(allowed.contains(&again), "{query}: {again}");
        assert_eq!(delivered_after(query, touch).await, 0, "{query}");
    }
}

/// Reading back a large file takes long: a clean stop makes it needless, and while it goes on others
/// do, too.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_file_that_looks_touched_is_read_back_and_nobody_else_waits() {
    let disk = BadDisk::new();
    let world = World::on(std::sync::Arc::new(disk.clone()), settings).await;
    let origin = Origin::start().await;
    let id = world
        .add(origin.url(&format!("/a.bin?{FILE}&seed={SEED}")))
        .await;
    for resumed in 0..2 {
        origin.wait_gate("go", 4).await;
        world.until(id, |view| view.done >= 4 * MIB).await;
        world.engine.pause(id).await.expect("pausable");
        assert!(disk.reads() <= resumed * READS_OF_A_PROOF);
        world.engine.resume(id).await.expect("resumable");
        world
            .until(id, |view| view.status == Status::Downloading)
            .await;
    }
    world.engine.pause(id).await.expect("pausable");
    let reads = disk.reads();
    assert!(
        reads <= 2 * READS_OF_A_PROOF,
        "a file that looks as we left it is not read, but for the proof"
    );

    touch(&world.scratch()[0], &[]).expect("touched");
    disk.hold_reads();
    world.engine.resume(id).await.expect("resumable");
    let checking = "checking what is on the disk";
    world
        .until(id, |view| view.reason.as_deref() == Some(checking))
        .await;
    let other = world.fetch(origin.url("/b.bin?size=1M&seed=3")).await;
    assert_right(&other, 3, MIB);
    disk.release_reads();
    origin.open_gate("go");
    let view = world.ended(id).await;
    assert_right(&view, SEED, SIZE);
    let more = disk.reads() - reads;
    assert!(more >= 4 + READS_OF_A_PROOF, "{more}");
}
