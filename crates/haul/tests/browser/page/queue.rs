//! The queue, put in order with keys, a mouse and a finger.

use serde_json::Value;

use super::{ENDLESS, Visit, row};
use crate::chromium::Tab;

pub(crate) async fn the_queue_is_reordered_by_keys_and_by_hand(tab: Tab) {
    let mut visit = Visit::with(tab, &["--max-downloads", "1"], "en").await;
    let names = ["runs", "one", "two", "three"];
    let urls: Vec<String> = names
        .iter()
        .map(|name| visit.url(&format!("{name}.bin"), ENDLESS))
        .collect();
    visit.add(&urls, "false").await;
    visit.row_says("three.bin", "No. 3 in the queue").await;
    visit.tab.click(".tabs button:nth-child(3)").await;
    visit
        .tab
        .wait("document.querySelectorAll('.row').length == 3")
        .await;
    // By the bar of actions: the last one is to be the next.
    let three = visit.tab.value(&format!("{}.id", row("three.bin"))).await;
    let three = three.as_str().expect("an id");
    visit.tab.click(&format!("#{three} .lead")).await;
    visit
        .tab
        .wait("!document.querySelector('#many').hidden")
        .await;
    visit
        .tab
        .value("document.querySelector('#many-actions button[aria-label=\"Start next\"]').click()")
        .await;
    visit.row_says("three.bin", "No. 1 in the queue").await;
    visit.tab.press("Escape").await;
    // By hand: the first one below the second.
    let middle = |name: &str| {
        format!(
            "(() => {{ const box = {}.querySelector('.lead').getBoundingClientRect(); return [box.x + 14, box.y + 14]; }})()",
            row(name)
        )
    };
    let from = visit.tab.value(&middle("three.bin")).await;
    let to = visit.tab.value(&middle("one.bin")).await;
    let point = |at: &Value, down: f64| {
        (
            at[0].as_f64().expect("x"),
            at[1].as_f64().expect("y") + down,
        )
    };
    visit
        .tab
        .drag(&[point(&from, 0.0), point(&to, 0.0), point(&to, 20.0)])
        .await;
    visit.row_says("three.bin", "No. 2 in the queue").await;
    visit.is_quiet().await;
}
