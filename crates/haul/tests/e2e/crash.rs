//! Stopped in mid-download and started again: it goes on, the file is right, and what was finished
//! is not fetched again.

use haul_testkit::ledger::{Ledger, length};
use haul_testkit::origin::{self, Origin};
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
/// How much has been sent when the program is stopped.
const ENOUGH: u64 = 32 << 20;

const PATH: &str = "/slow.bin";

/// A throttled file of `SIZE` bytes that does not change.
fn slow_file(origin: &Origin) -> String {
    let knobs = format!("size={SIZE}&seed={SEED}&rate={RATE}&etag=%22v1%22");
    origin.url(&format!("{PATH}?{knobs}")).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_daemon_resumes_by_itself() {
    let world = World::new();
    let origin = Origin::start().await;
    let options = ["--threads", "4", "--block-size", "1M"];
    let daemon = world.daemon(&options).await;
    let id = world::add(&daemon, &slow_file(&origin), json!({})).await;
    world::until("two thirds of the file", async || {
        let done = world::show(&daemon, &id).await["done"].as_u64();
        (done? >= ENOUGH).then_some(())
    })
    .await;
    daemon.kill9();
    let before = origin.log().len();

    let daemon = world.daemon(&options).await;
    let done = world::until_status(&daemon, &id, "completed").await;
    assert_eq!(done["size"], SIZE);
    assert_right(&world.files().join("slow.bin"));
    assert_fetched_again_at_most(&origin, before, AGAIN);
    let scratch = std::fs::read_dir(world.files().join(".haul/scratch"));
    let left: Vec<_> = scratch.into_iter().flatten().flatten().collect();
    assert!(left.is_empty(), "scratch files are left: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_get_goes_on_when_repeated() {
    stop_get_and_repeat("KILL", None, AGAIN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_get_exits_with_130_and_goes_on_when_repeated() {
    // It has taken a last checkpoint, so that only what was on the way is lost.
    stop_get_and_repeat("INT", Some(130), THREADS * BLOCK).await;
}

/// Stops `haul get` with a signal at about two thirds, then runs the same command to its end.
async fn stop_get_and_repeat(with: &str, code: Option<i32>, again: u64) {
    let world = World::new();
    let origin = Origin::start().await;
    let here = world.subdir("here");
    let url = slow_file(&origin);
    let args = [
        "get",
        "-d",
        "got",
        "--threads",
        "4",
        "--block-size",
        "1M",
        &url,
    ];
    let child = start(haul(&here, &args));
    origin.wait_body(PATH, ENOUGH).await;
    signal(with, child.id().expect("it is running"));
    let ended = end(child).await;
    assert_eq!(ended.code, code, "{}", ended.stderr);
    let file = here.join("got/slow.bin");
    assert!(!file.exists(), "delivered too early");
    let before = origin.log().len();

    let ended = end(start(haul(&here, &args))).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_right(&file);
    assert_fetched_again_at_most(&origin, before, again);
}

fn assert_right(file: &std::path::Path) {
    assert_eq!(world::sha256(file), origin::digest(SEED, SIZE));
}

/// Compares what the origin sent in its first `before` requests with what it sent after. Bytes that
/// two threads shared within one run do not count.
fn assert_fetched_again_at_most(origin: &Origin, before: usize, most: u64) {
    let log = origin.log();
    let all = Ledger::of(PATH, log.clone());
    all.assert_no_range_longer_than(BLOCK);
    assert_eq!(length(&all.sent()), SIZE, "every byte came from the origin");
    let first = length(&Ledger::of(PATH, log[..before].to_vec()).sent());
    let second = length(&Ledger::of(PATH, log[before..].to_vec()).sent());
    let again = first + second - SIZE;
    assert!(
        again <= most,
        "{again} bytes were fetched again, over {most}"
    );
}
