//! Killed at random, again and again: in the end every file is right and little was fetched twice.
//! `cargo xtask kill` does the same for longer.

use std::path::Path;

use haul_testkit::crash::{Load, random_kills};

use crate::world::{self, HAUL};

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_survives_random_kills() {
    survives(&Load::large(24 << 20, 16, 256 << 10), 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_files_survive_random_kills() {
    survives(&Load::small(150), 6).await;
}

#[expect(clippy::print_stderr, reason = "a failure must be repeatable")]
async fn survives(load: &Load, times: u64) {
    let seed = world::setting("HAUL_E2E_KILL_SEED", fastrand::u64(..1 << 32));
    eprintln!("to do the same again: HAUL_E2E_KILL_SEED={seed}");
    let tally = random_kills(Path::new(HAUL), load, times, seed).await;
    let complaints = tally.complaints();
    assert!(complaints.is_empty(), "{tally}\n{complaints:#?}");
}
