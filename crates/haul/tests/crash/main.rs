//! The program is killed at every place that `haul_engine::crash` names, restarted, and must end with
//! every file right. A place that no run comes by fails the test, so that none is left out.

mod hard_link;
mod keyed;
mod run;

use std::sync::Arc;

use haul_engine::crash::Point;
use run::{Act, Run};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Runs at once; they mostly wait for a slow origin.
const AT_ONCE: usize = 4;

/// What leads to a place, and at which of its passages the program is killed.
fn plan(point: Point) -> (Act, &'static [u64]) {
    match point {
        Point::Added => (Act::Nothing, &[1]),
        Point::Written | Point::Synced => (Act::Nothing, &[1, 2, 4]),
        // So late that it tells when only the first checkpoint is ever recorded.
        Point::Recorded => (Act::Nothing, &[1, 2, 8]),
        // The small files, all in one group at least.
        Point::GroupSynced => (Act::Nothing, &[1]),
        // Small files, which are delivered in groups, do not come by here.
        Point::Filled | Point::Verified => (Act::Nothing, &[1, 4]),
        // All eight files come by here; the large one is the last.
        Point::Reserved
        | Point::Targeted
        | Point::Renamed
        | Point::Delivered
        | Point::Completed => (Act::Nothing, &[1, 4, 8]),
        Point::Discarded | Point::Forgotten => (Act::ChangeBefore, &[1]),
        Point::Halted => (Act::Pause, &[1]),
        Point::Edited => (Act::Edit, &[1]),
        Point::Cancelled => (Act::Cancel, &[1]),
        Point::Removed => (Act::Remove, &[1]),
        Point::Stopping | Point::Stopped => (Act::Stop, &[1]),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_is_right_wherever_the_program_is_killed() {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut runs = JoinSet::new();
    let mut spawn = |point, passage, act| {
        let places = places.clone();
        runs.spawn(async move {
            let _place = places.acquire_owned().await.expect("it is never closed");
            Run::new(point, passage, act).await.go().await;
        });
    };
    for point in Point::ALL {
        let (act, passages) = plan(*point);
        for passage in passages {
            spawn(*point, *passage, act);
        }
    }
    for act in [Act::Patch, Act::PatchPaused] {
        spawn(Point::Edited, 1, act);
    }
    let mut failed = 0;
    while let Some(run) = runs.join_next().await {
        failed += usize::from(run.is_err());
    }
    assert_eq!(failed, 0, "runs have failed; each has said why");
}
