//! The end of a file: no thread idles while another one has work to share, and nobody waits for bytes
//! that do not come.

use std::time::{Duration, Instant};

use haul_testkit::origin::Origin;

use crate::world::{World, assert_right};

const MIB: u64 = 1 << 20;

/// The first answer is the whole file, and alone it would take 16 s.
#[tokio::test(flavor = "multi_thread")]
async fn all_threads_help_when_the_first_answer_is_the_whole_file() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let started = Instant::now();
    let view = world
        .fetch(origin.url("/a.bin?size=8M&seed=21&etag=%22x%22&rate=512K"))
        .await;
    assert_right(&view, 21, 8 * MIB);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(7), "{took:?}");
    assert!(origin.max_open() <= 8, "{}", origin.max_open());
}

/// The read timeout is 30 s away.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_stalls_near_its_end_is_not_waited_for() {
    let (origin, world) = (Origin::start().await, World::new().await);
    let started = Instant::now();
    let knobs = "size=4M&seed=22&etag=%22x%22&rate=4M&stall_after=4193000&fail_times=1";
    let view = world.fetch(origin.url(&format!("/a.bin?{knobs}"))).await;
    assert_right(&view, 22, 4 * MIB);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert_eq!(view.attempts, 0, "nothing has failed");
}

/// With one thread there is nobody to help: its block waits for its own next try.
#[tokio::test(flavor = "multi_thread")]
async fn one_thread_is_one_connection_to_the_end() {
    let alone = |config: &mut haul_engine::Config| {
        config.settings.threads = 1;
        config.settings.block_size = MIB;
    };
    let (origin, world) = (Origin::start().await, World::with(alone).await);
    let url = origin.url("/a.bin?size=4M&seed=23&etag=%22x%22&rate=2M");
    assert_right(&*world.fetch(url).await, 23, 4 * MIB);
    assert_eq!((origin.max_open(), origin.log().len()), (1, 4));
}
