//! Ten thousand rows: how many of them exist, what is found, and how smoothly they scroll.

use serde_json::Value;

use super::Visit;
use crate::chromium::Tab;

const MANY: usize = 10_000;

/// Milliseconds of the page's own work on one frame. A frame of 50 ms would be seen as a stutter; the other
/// half is the browser's and the machine's.
const LONGEST_WORK: f64 = 25.0;

/// Runs of which the median counts: one may be disturbed by whatever else the machine does.
const RUNS: usize = 5;

/// Scrolls for two seconds, frame by frame.
const SCROLL: &str = r##"(async () => {
    const grid = document.querySelector("#grid");
    grid.scrollTop = 0;
    performance.mark("ours");
    let frames = 0;
    for (const end = performance.now() + 2000; performance.now() < end; frames++) {
        await new Promise(requestAnimationFrame);
        grid.scrollTop += 487;
    }
    return {frames, at: grid.scrollTop};
})()"##;

async fn with_many(tab: Tab) -> Visit {
    let visit = Visit::new(tab).await;
    for batch in 0..10 {
        let urls: Vec<String> = (0..MANY / 10)
            .map(|at| {
                format!(
                    "http://127.0.0.1:1/{batch}/file-{:05}.bin",
                    batch * 1000 + at
                )
            })
            .collect();
        visit.add(&urls, "true").await;
    }
    let mut visit = visit;
    visit
        .tab
        .wait("document.querySelector('#grid').ariaRowCount == 10001")
        .await;
    visit
}

pub(crate) async fn ten_thousand_rows_scroll_without_a_stutter(tab: Tab) {
    let mut visit = with_many(tab).await;
    let mut longest = Vec::new();
    for _ in 0..RUNS {
        let (run, tasks) = visit.tab.work(SCROLL).await;
        let frames = run["frames"].as_u64().expect("a number");
        assert_eq!(run["at"], frames * 487, "{run}");
        assert!(tasks.len() as u64 >= frames, "{} tasks, {run}", tasks.len());
        longest.push(tasks.into_iter().fold(0.0, f64::max));
    }
    longest.sort_by(f64::total_cmp);
    assert!(
        longest[RUNS / 2] <= LONGEST_WORK,
        "ms in each run: {longest:?}"
    );
    // Only what is seen exists.
    let rows = visit
        .tab
        .value("document.querySelectorAll('.row').length")
        .await;
    assert!(rows.as_u64().is_some_and(|rows| rows < 60), "{rows}");
    visit.is_quiet().await;
}

pub(crate) async fn the_row_that_is_scrolled_to_is_the_right_one_and_says_its_number(tab: Tab) {
    let mut visit = with_many(tab).await;
    visit.tab.press("ArrowDown").await;
    visit.tab.press("End").await;
    let last = "document.getElementById(document.querySelector('#grid').getAttribute('aria-activedescendant'))";
    visit
        .tab
        .wait(&format!("{last}?.ariaRowIndex == 10001"))
        .await;
    let is_seen = format!(
        "(() => {{ const row = {last}.getBoundingClientRect(), grid = document.querySelector('#grid').getBoundingClientRect(); \
         return row.top >= grid.top && row.bottom <= grid.bottom; }})()"
    );
    assert_eq!(visit.tab.value(&is_seen).await, Value::Bool(true));
    visit.tab.press("/").await;
    visit.tab.write("file-04242").await;
    visit
        .tab
        .wait("document.querySelectorAll('.row').length == 1")
        .await;
    assert!(visit.row("file-04242.bin").await.contains("Paused"));
    visit.tab.press("Escape").await;
    visit
        .tab
        .wait("document.querySelector('#grid').ariaRowCount == 10001")
        .await;
    visit.is_quiet().await;
}

pub(crate) async fn all_that_a_search_finds_is_removed_at_once(tab: Tab) {
    let mut visit = with_many(tab).await;
    visit.tab.press("/").await;
    visit.tab.write("file-042").await;
    visit
        .tab
        .wait("document.querySelector('#grid').ariaRowCount == 101")
        .await;
    visit.tab.press("Enter").await;
    visit.tab.click("#head .all").await;
    visit
        .tab
        .wait("document.querySelector('#many-count').textContent == '100 selected'")
        .await;
    visit.asks_to_remove().await;
    visit.tab.click("#remove-yes").await;
    visit
        .tab
        .wait("document.querySelector('.tabs .count').textContent == '9,900'")
        .await;
    visit.is_quiet().await;
}
