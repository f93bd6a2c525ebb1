//! What runs: paused, resumed, failed, and looked into.

use haul_testkit::http;

use super::{ENDLESS, Visit};
use crate::chromium::Tab;

pub(crate) async fn a_running_download_is_paused_and_resumed_by_key_and_by_button(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    let url = visit.url("long.bin", ENDLESS);
    visit.add(&[url], "false").await;
    visit.row_says("long.bin", "/s").await;
    visit.tab.press("ArrowDown").await;
    visit.tab.press("p").await;
    visit.row_says("long.bin", "Paused").await;
    assert_eq!(visit.list().await["downloads"][0]["status"], "paused");
    visit.tab.click(".row .act").await;
    visit.row_says("long.bin", "/s").await;
    visit.is_quiet().await;
}

pub(crate) async fn a_failure_is_shown_in_plain_words_with_what_to_do(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    let url = visit.url("gone.bin", "status=404");
    visit.add(&[url], "false").await;
    visit
        .row_says("gone.bin", "The server does not have this file (404)")
        .await;
    visit
        .tab
        .wait("document.querySelector('.tabs .alarm .count').textContent == '1'")
        .await;
    visit.tab.click(".row .main").await;
    visit
        .tab
        .wait("document.querySelector('#details .advice')")
        .await;
    let advice = visit
        .tab
        .value("document.querySelector('#details .advice').textContent")
        .await;
    assert!(
        advice
            .as_str()
            .is_some_and(|text| text.contains("new address")),
        "{advice}"
    );
    visit.is_quiet().await;
}

pub(crate) async fn details_show_threads_blocks_and_facts_while_they_move(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    let url = visit.url("long.bin", &format!("{ENDLESS}&type=video/mp4"));
    visit.add(&[url], "false").await;
    visit.row_says("long.bin", "/s").await;
    visit.tab.press("ArrowDown").await;
    visit.tab.press("Enter").await;
    visit
        .tab
        .wait("document.querySelectorAll('#details tbody tr').length > 1")
        .await;
    visit
        .tab
        .wait("document.querySelectorAll('.map .at').length > 1")
        .await;
    let filled = "document.querySelectorAll('.map rect:not(.c0):not(.at)').length";
    let before = visit.tab.value(filled).await.as_u64().expect("a number");
    visit.tab.wait(&format!("{filled} > {before}")).await;
    let facts = visit
        .tab
        .value("document.querySelector('.facts').innerText")
        .await;
    assert!(
        facts
            .as_str()
            .is_some_and(|text| text.contains("video/mp4")),
        "{facts}"
    );
    visit.tab.press("Escape").await;
    visit
        .tab
        .wait("document.querySelector('#details').hidden")
        .await;
    visit.is_quiet().await;
}

pub(crate) async fn a_wait_a_cause_and_a_failure_are_told_in_the_language_of_the_page(tab: Tab) {
    let mut visit = Visit::with(tab, &[], "ru").await;
    let urls = [
        visit.url("asked.bin", "status=503&retry_after=600"),
        visit.url("busy.bin", "status=503"),
        visit.url("gone.bin", "status=404"),
    ];
    visit.add(&urls, "false").await;
    visit.row_says("asked.bin", "Сервер просит подождать").await;
    visit
        .row_says("busy.bin", "Сервер перегружен (503); новая попытка через")
        .await;
    visit
        .row_says("gone.bin", "На сервере нет этого файла (404)")
        .await;
    // The daemon's own words are at hand.
    let own = "document.querySelector('[data-status=failed] .place').title";
    visit.tab.wait(&format!("{own}.includes('404')")).await;
    // Not before: the overloaded server is given one connection at a time, and this one keeps it.
    let long = [visit.url("long.bin", ENDLESS)];
    visit.add(&long, "false").await;
    visit.row_says("long.bin", "/с").await;
    visit.tab.click("[data-status=downloading] .name").await;
    let causes = "document.querySelector('.causes').innerText";
    visit.tab.wait(causes).await;
    let said = visit.tab.value(causes).await;
    let said = said.as_str().expect("a text");
    assert!(
        !said.contains(|one: char| one.is_ascii_lowercase()),
        "{said}"
    );
    visit.is_quiet().await;
}

pub(crate) async fn a_change_counts_from_what_the_download_has_now(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    let url = visit.url("long.bin", ENDLESS);
    visit.add(&[url], "true").await;
    visit.row_says("long.bin", "Paused").await;
    visit.tab.press("ArrowDown").await;
    visit.tab.press("Enter").await;
    visit.tab.wait("document.querySelector('.change')").await;
    let id = visit.list().await["downloads"][0]["id"].clone();
    let path = format!("/api/v1/downloads/{}", id.as_str().expect("an id"));
    let before = "document.querySelector('.change [name=threads]').value";
    let threads = visit.tab.value(before).await;
    assert_ne!(threads, "3");
    // Another client changes it: the form follows, and keeps what is being written.
    visit
        .tab
        .value("document.querySelector('.change [name=priority]').value = '7'")
        .await;
    let answer = http::request("PATCH", &visit.daemon.url(&path), br#"{"threads": 3}"#).await;
    assert_eq!(answer.expect("an answer").status, 200);
    visit.tab.wait(&format!("{before} == '3'")).await;
    let apply = "document.querySelector('.change').requestSubmit()";
    visit.tab.value(apply).await;
    visit
        .tab
        .wait("document.querySelector('#toasts').textContent.includes('Changed')")
        .await;
    let download = visit.list().await["downloads"][0].clone();
    assert_eq!(download["threads"]["limit"], 3);
    assert_eq!(download["priority"], 7);
    visit.tab.value(apply).await;
    visit
        .tab
        .wait("document.querySelector('#toasts').textContent.includes('nothing was changed')")
        .await;
    let empty = format!("document.querySelector('.change [name=name]').value = ''; {apply}");
    visit.tab.value(&empty).await;
    visit
        .tab
        .wait("document.querySelector('.change .wrong').textContent == 'A file needs a name'")
        .await;
    visit.is_quiet().await;
}
