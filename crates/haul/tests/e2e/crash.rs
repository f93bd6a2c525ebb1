//! Killed in mid-download and started again: it goes on by itself, the file is right, and what was
//! finished is not asked for again.

use std::collections::BTreeSet;

use haul_testkit::origin::{self, Origin, Seen};
use serde_json::json;

use crate::world::{self, World, end, haul, signal, start};

const SIZE: u64 = 48 << 20;
const SEED: u64 = 7;
const THREADS: u64 = 4;
const BLOCK: u64 = 1 << 20;
/// What the origin gives each connection, bytes/s.
const RATE: u64 = 2 << 20;
/// The most that is fetched again after a crash: 2 s of the download.
const AGAIN: u64 = 2 * THREADS * RATE;
/// How much is there when the program is stopped.
const ENOUGH: u64 = 32 << 20;

/// A throttled file of `SIZE` bytes that does not change.
fn slow_file(origin: &Origin) -> String {
    let knobs = format!("size={SIZE}&seed={SEED}&rate={RATE}&etag=%22v1%22");
    origin.url(&format!("/slow.bin?{knobs}")).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_daemon_resumes_by_itself() {
    let world = World::new();
    let origin = Origin::start().await;
    let options = ["--threads", "4", "--block-size", "1M"];
    let mut daemon = world.daemon(&options).await;
    let id = world::add(&daemon, &slow_file(&origin), json!({})).await;
    let held = world::until("two thirds of the file", async || {
        let done = world::show(&daemon, &id).await["done"].as_u64();
        done.filter(|done| *done >= ENOUGH)
    })
    .await;
    daemon.kill().await;
    let before = origin.log().len();

    let daemon = world.daemon(&options).await;
    let done = world::until_status(&daemon, &id, "completed").await;
    assert_eq!(done["size"], SIZE);
    assert_eq!(
        world::sha256(&world.files().join("slow.bin")),
        origin::digest(SEED, SIZE)
    );
    assert_asked_at_most(&origin.log()[before..], SIZE - held + AGAIN);
    assert_only_the_file_is_left(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_get_goes_on_when_repeated() {
    stop_get_and_repeat("KILL", None, AGAIN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_get_exits_with_130_and_goes_on_when_repeated() {
    // It has taken a last checkpoint: only blocks in flight are asked for again.
    stop_get_and_repeat("INT", Some(130), THREADS * BLOCK).await;
}

/// Stops `haul get` with a signal at about two thirds, then runs the same command to its end.
async fn stop_get_and_repeat(with: &str, code: Option<i32>, again: u64) {
    let world = World::new();
    let origin = Origin::start().await;
    let here = world.subdir("here");
    let url = slow_file(&origin);
    let args = ["get", "-d", "got", "--threads", "4", "--block-size", "1M", &url];
    let child = start(haul(&here, &args));
    origin.wait_body("/slow.bin", ENOUGH).await;
    signal(with, child.id().expect("it is running"));
    let ended = end(child).await;
    assert_eq!(ended.code, code, "{}", ended.stderr);
    assert!(!here.join("got/slow.bin").exists(), "delivered too early");
    let log = origin.log();
    let held = length(&union(log.iter().filter_map(sent)));

    let ended = end(start(haul(&here, &args))).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(
        world::sha256(&here.join("got/slow.bin")),
        origin::digest(SEED, SIZE)
    );
    assert_asked_at_most(&origin.log()[log.len()..], SIZE - held + again);
}

/// The bytes of the file that an answer carried: first, and one past the last.
fn sent(seen: &Seen) -> Option<(u64, u64)> {
    let first = seen.range?.first;
    Some((first, first + seen.body_sent))
}

/// The bytes of the file that a request asked for: first, and one past the last.
fn asked(seen: &Seen) -> (u64, u64) {
    let range = seen.range.expect("a range in each request of a resumed file");
    let last = range.last.expect("an end to each range");
    assert!(last - range.first < BLOCK, "longer than block_size: {seen:?}");
    (range.first, last + 1)
}

/// Checks how many different bytes were asked for. Bytes asked for twice count once: at the end of
/// a file a thread takes over what another has asked for.
fn assert_asked_at_most(log: &[Seen], most: u64) {
    let ranges = union(log.iter().map(asked));
    let asked = length(&ranges);
    assert!(asked > 0, "nothing was left to fetch");
    assert!(
        asked <= most,
        "asked for {asked} bytes again, {most} would do: {ranges:?}"
    );
}

/// Sorted and merged.
fn union(ranges: impl Iterator<Item = (u64, u64)>) -> Vec<(u64, u64)> {
    let sorted: BTreeSet<(u64, u64)> = ranges.filter(|(start, end)| start < end).collect();
    let mut merged: Vec<(u64, u64)> = vec![];
    for (start, end) in sorted {
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    merged
}

fn length(ranges: &[(u64, u64)]) -> u64 {
    ranges.iter().map(|(start, end)| end - start).sum()
}

fn assert_only_the_file_is_left(world: &World) {
    let scratch = world.files().join(".haul/scratch");
    let left: Vec<_> = std::fs::read_dir(&scratch)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    assert!(left.is_empty(), "scratch files are left: {left:?}");
}

#[test]
fn bytes_asked_for_twice_count_once() {
    let merged = union([(5, 9), (0, 4), (3, 6), (20, 20), (30, 31)].into_iter());
    assert_eq!(merged, [(0, 9), (30, 31)]);
    assert_eq!(length(&merged), 10);
}
