//! What keys and the bar of actions act on: what is chosen, and always something that is seen.

use super::{ENDLESS, Visit, row};
use crate::chromium::Tab;

pub(crate) async fn what_has_left_the_list_is_not_resumed_unseen(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    let urls = [visit.url("a.bin", ENDLESS), visit.url("b.bin", ENDLESS)];
    visit.add(&urls, "false").await;
    visit.row_says("a.bin", "/s").await;
    visit.row_says("b.bin", "/s").await;
    visit.tab.click(".tabs button:nth-child(2)").await;
    visit.tab.press("ArrowDown").await;
    for left in [1, 0] {
        visit.tab.press("p").await;
        visit
            .tab
            .wait(&format!(
                "document.querySelectorAll('.row').length == {left}"
            ))
            .await;
    }
    let list = visit.list().await;
    let downloads = list["downloads"].as_array().expect("a list");
    assert!(
        downloads
            .iter()
            .all(|download| download["status"] == "paused"),
        "{list}"
    );
    visit.is_quiet().await;
}

pub(crate) async fn what_leaves_the_list_is_no_longer_chosen_and_nothing_is_done_to_it(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    let urls = [
        visit.url("a.bin", ENDLESS),
        visit.url("b.bin", ENDLESS),
        visit.url("short.bin", "size=1K&gate=short"),
    ];
    visit.add(&urls, "false").await;
    visit.has_rows(3).await;
    visit.tab.click(".tabs button:nth-child(2)").await;
    visit.has_rows(3).await;
    visit.tab.click("#head .all").await;
    visit.counts("3 selected").await;
    // What has ended is not among the active.
    visit.origin.open_gate("short");
    visit.has_rows(2).await;
    visit.counts("2 selected").await;
    // What comes is not chosen because all that there were are.
    visit.add(&[visit.url("c.bin", ENDLESS)], "false").await;
    visit.has_rows(3).await;
    visit.counts("2 selected").await;
    visit.tab.press("p").await;
    visit.has_rows(1).await;
    visit
        .tab
        .wait("document.querySelector('#many').hidden")
        .await;
    for (name, status) in [
        ("a.bin", "paused"),
        ("b.bin", "paused"),
        ("c.bin", "downloading"),
        ("short.bin", "completed"),
    ] {
        let list = visit.list().await;
        let downloads = list["downloads"].as_array().expect("a list");
        let is_it = |download: &&serde_json::Value| download["name"] == name;
        let download = downloads.iter().find(is_it).expect(name);
        assert_eq!(download["status"], status, "{name}");
    }
    visit.is_quiet().await;
}

pub(crate) async fn single_characters_are_no_keys_once_they_are_switched_off(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    let characters = ["a", "n", "p", "j", "k", "/", "?"];
    visit.tab.press("?").await;
    visit.opens("help").await;
    let keys = "[...document.querySelectorAll('#help-keys kbd')].map(key => key.textContent)";
    let told = visit.tab.value(keys).await;
    let told = told.as_array().expect("a list");
    assert!(characters.iter().all(|key| told.contains(&(*key).into())));
    visit.tab.click("#help-characters").await;
    visit.tab.wait(&format!("!{keys}.includes('a')")).await;
    let told = visit.tab.value(keys).await;
    let told = told.as_array().expect("a list");
    assert!(!characters.iter().any(|key| told.contains(&(*key).into())));
    // For the next visit, too; what is not a character goes on.
    visit.tab.open(&visit.daemon.url("/")).await;
    let mut visit = visit.loaded().await;
    visit.add(&[visit.url("a.bin", ENDLESS)], "false").await;
    visit.row_says("a.bin", "/s").await;
    visit.tab.press("ArrowDown").await;
    for key in characters {
        visit.tab.press(key).await;
    }
    visit.tab.press(" ").await;
    visit.counts("1 selected").await;
    let over = "document.querySelector('dialog[open]')?.id ?? document.activeElement.id";
    assert_eq!(visit.tab.value(over).await, "grid");
    assert_eq!(visit.list().await["downloads"][0]["status"], "downloading");
    visit.tab.click("#help-open").await;
    visit.tab.click("#help-characters").await;
    visit.tab.press("Escape").await;
    visit.tab.press("a").await;
    visit.opens("add").await;
    visit.is_quiet().await;
}

impl Visit {
    /// Waits until the bar of actions says this.
    pub(super) async fn counts(&mut self, said: &str) {
        let says = format!("document.querySelector('#many-count').textContent == '{said}'");
        self.tab.wait(&says).await;
    }
}

pub(crate) async fn where_the_details_cover_the_list_keys_mean_what_they_show(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    visit.tab.resize(1024, 600).await;
    let urls = ["a.bin", "b.bin", "c.bin"].map(|name| visit.url(name, ENDLESS));
    visit.add(&urls, "false").await;
    for name in ["a.bin", "b.bin", "c.bin"] {
        visit.row_says(name, "/s").await;
    }
    let b = format!("{}.querySelector('.name').click()", row("b.bin"));
    visit.tab.value(&b).await;
    visit
        .tab
        .wait("!document.querySelector('#details').hidden")
        .await;
    for key in ["ArrowDown", "ArrowDown", " ", "p"] {
        visit.tab.press(key).await;
    }
    visit.row_says("b.bin", "Paused").await;
    let list = visit.list().await;
    let downloads = list["downloads"].as_array().expect("a list");
    let paused = downloads.iter().filter(|one| one["status"] == "paused");
    assert_eq!(paused.count(), 1, "{list}");
    visit.tab.press("Escape").await;
    assert_eq!(
        visit
            .tab
            .value("document.querySelector('#many').hidden")
            .await,
        true
    );
    visit.is_quiet().await;
}

pub(crate) async fn a_press_that_ends_on_another_row_than_it_began_does_nothing(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    let urls = ["a.bin", "b.bin"].map(|name| visit.url(name, ENDLESS));
    visit.add(&urls, "false").await;
    for name in ["a.bin", "b.bin"] {
        visit.row_says(name, "/s").await;
    }
    // As when a new row shifts the others while the button of the mouse is down.
    let press = |began: &str, ended: &str| {
        let (began, ended) = (row(began), row(ended));
        format!(
            "{began}.querySelector('.act').dispatchEvent(new PointerEvent('pointerdown', \
             {{bubbles: true, pointerType: 'mouse'}})); \
             {ended}.querySelector('.act').dispatchEvent(new MouseEvent('click', \
             {{bubbles: true, detail: 1}}))"
        )
    };
    visit.tab.value(&press("a.bin", "b.bin")).await;
    visit.tab.value(&press("a.bin", "a.bin")).await;
    visit.row_says("a.bin", "Paused").await;
    let list = visit.list().await;
    let b = list["downloads"].as_array().expect("a list");
    let b = b.iter().find(|one| one["name"] == "b.bin").expect("there");
    assert_eq!(b["status"], "downloading", "{list}");
    visit.is_quiet().await;
}
