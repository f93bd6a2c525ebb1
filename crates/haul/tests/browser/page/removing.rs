//! Removing: never by a slip, and a file only when that is asked for.

use super::Visit;
use crate::chromium::Tab;

pub(crate) async fn nothing_is_removed_by_one_slip_and_a_file_only_when_asked(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    let urls = [
        visit.url("one.bin", "size=1K"),
        visit.url("two.bin", "size=1K"),
    ];
    visit.add(&urls, "false").await;
    visit.row_says("one.bin", "Done").await;
    visit.row_says("two.bin", "Done").await;
    visit.tab.press("ArrowDown").await;
    visit.asks_to_remove().await;
    // Enter by habit keeps it.
    visit.tab.press("Enter").await;
    visit
        .tab
        .wait("!document.querySelector('#remove').open")
        .await;
    assert_eq!(visit.list().await["total"], 2);
    // Asked again before the browser has told of the closing: this question is the one that counts.
    visit.asks_to_remove().await;
    let again = "document.querySelector('#remove').close();
        document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'Delete', bubbles: true}));
        document.querySelector('#remove').open";
    assert_eq!(visit.tab.value(again).await, true);
    visit.tab.click("#remove-yes").await;
    visit
        .tab
        .wait("document.querySelectorAll('.row').length == 1")
        .await;
    let files = visit.dir.path().join("files");
    assert!(files.join("one.bin").is_file() && files.join("two.bin").is_file());
    visit.tab.press("ArrowDown").await;
    visit.asks_to_remove().await;
    visit.tab.click("#remove-files").await;
    visit.tab.click("#remove-yes").await;
    visit
        .tab
        .wait("!document.querySelector('#empty').hidden")
        .await;
    let left = ["one.bin", "two.bin"].map(|name| files.join(name).is_file());
    assert_eq!(left.iter().filter(|is_there| **is_there).count(), 1);
}
