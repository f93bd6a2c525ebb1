//! The daemon behind the page: its limits, its restart, its token.

use haul_testkit::http;
use serde_json::json;

use super::{ENDLESS, Visit, start};
use crate::chromium::Tab;

pub(crate) async fn a_limit_holds_and_is_shown(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    visit.tab.click("#limits-open").await;
    visit.opens("limits").await;
    visit.tab.write("fast").await;
    visit.tab.press("Enter").await;
    visit
        .tab
        .wait("!document.querySelector('#limits-wrong').hidden")
        .await;
    visit
        .tab
        .value("document.querySelector('#limit-speed_limit').select()")
        .await;
    visit.tab.write("2M").await;
    visit.tab.press("Enter").await;
    visit
        .tab
        .wait("document.querySelector('#limits-now').textContent == 'Limit 2.0\u{a0}MiB/s'")
        .await;
    let url = visit.daemon.url("/api/v1/settings");
    let settings = http::request("GET", &url, b"")
        .await
        .expect("an answer")
        .json();
    assert_eq!(settings["speed_limit"], 2 << 20);
}

pub(crate) async fn after_a_restart_of_the_daemon_the_page_comes_back_with_its_state(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    let (long, short) = (
        visit.url("long.bin", ENDLESS),
        visit.url("short.bin", "size=1K"),
    );
    visit.add(&[long], "false").await;
    visit.row_says("long.bin", "/s").await;
    let port = visit.daemon.port().to_string();
    visit.daemon.terminate().await;
    visit
        .tab
        .wait("!document.querySelector('#lost').hidden")
        .await;
    visit.daemon = start(&visit.dir, &["--port", &port]).await;
    visit
        .tab
        .wait("document.querySelector('#lost').hidden")
        .await;
    visit.row_says("long.bin", "/s").await;
    // What happens from now on arrives again.
    visit.add(&[short], "false").await;
    visit.row_says("short.bin", "Done").await;
    assert_eq!(
        visit
            .tab
            .value("document.querySelectorAll('.row').length")
            .await,
        2
    );
}

pub(crate) async fn without_the_token_a_page_asks_for_it_and_with_it_all_works(tab: Tab) {
    let dir = tempfile::TempDir::with_prefix("haul-page-").expect("a directory");
    let daemon = start(&dir, &["--token", "a-token-that-nobody-guesses"]).await;
    let mut tab = tab;
    tab.person("ru", "light").await;
    tab.listen().await;
    tab.open(&daemon.url("/")).await;
    assert!(tab.text().await.contains("спрашивает токен"));
    for (token, expected) in [
        ("wrong", "не тот токен"),
        ("a-token-that-nobody-guesses", "Загрузок пока нет"),
    ] {
        // The field has the focus by itself.
        let is_ready = "document.readyState == 'complete' && document.activeElement?.id == 'token' && !document.activeElement.value";
        tab.wait(is_ready).await;
        tab.write(token).await;
        tab.press("Enter").await;
        tab.wait(&format!(
            "document.body?.innerText.includes({})",
            json!(expected)
        ))
        .await;
    }
    assert_eq!(tab.value("location.search").await, "");
}
