//! Downloads from being added to being done, paused, failed, moved and removed.

use serde_json::{Value, json};

use super::{ENDLESS, Visit, WATCHED, row, start};
use crate::chromium::Tab;

pub(crate) async fn a_download_is_added_and_watched_to_its_end(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    let url = visit.url("watched.bin", WATCHED);
    visit.tab.click("#empty-field").await;
    visit.tab.write(&url).await;
    visit.tab.press("Enter").await;
    // Between nothing and all there are figures that move.
    let share = format!(
        "parseFloat({}?.querySelector('.share').textContent)",
        row("watched.bin")
    );
    visit
        .tab
        .wait(&format!("{share} > 0 && {share} < 100"))
        .await;
    visit
        .tab
        .wait(&format!(
            "{}.querySelector('.speed').textContent.endsWith('/s')",
            row("watched.bin")
        ))
        .await;
    visit.row_says("watched.bin", "Done").await;
    assert!(visit.dir.path().join("files/watched.bin").is_file());
    // The end is told to who cannot see it.
    visit
        .tab
        .wait("document.querySelector('#said').textContent == 'Finished: watched.bin'")
        .await;
    let size = visit.row("watched.bin").await;
    assert!(size.contains("1.0\u{a0}MiB"), "{size}");
    visit.is_quiet().await;
}

pub(crate) async fn a_paste_of_many_adds_them_and_what_is_refused_stays_with_its_reason(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    let (first, second) = (visit.url("a.bin", "size=1K"), visit.url("b.bin", "size=1K"));
    let pasted = json!(format!("{first}\nnonsense\n# a note\n{second}\n"));
    let paste = format!(
        "(() => {{ const held = new DataTransfer(); held.setData('text/plain', {pasted}); \
         document.body.dispatchEvent(new ClipboardEvent('paste', {{clipboardData: held, bubbles: true}})); }})()"
    );
    visit.tab.value(&paste).await;
    visit.tab.wait("document.querySelector('#add').open").await;
    assert_eq!(
        visit
            .tab
            .value("document.querySelector('#add-submit').textContent")
            .await,
        "Add 3"
    );
    visit
        .tab
        .value("document.querySelector('#add-paused').click()")
        .await;
    visit.tab.click("#add-submit").await;
    visit
        .tab
        .wait("!document.querySelector('#add-refused').hidden")
        .await;
    let left = visit
        .tab
        .value("document.querySelector('#add-urls').value")
        .await;
    assert_eq!(left, "nonsense");
    let refused = visit
        .tab
        .value("document.querySelector('#add-refused').innerText")
        .await;
    assert!(
        refused
            .as_str()
            .is_some_and(|text| text.contains("not an http or https address")),
        "{refused}"
    );
    let list = visit.list().await;
    assert_eq!(list["total"], 2);
    assert!(
        list["downloads"]
            .as_array()
            .expect("a list")
            .iter()
            .all(|download| download["status"] == "paused")
    );
    visit.is_quiet().await;
}

pub(crate) async fn options_reach_the_daemon(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    let url = visit.url("a.bin", "size=1K");
    let mirror = visit.url("mirror.bin", "size=1K");
    visit.tab.press("a").await;
    visit.tab.wait("document.querySelector('#add').open").await;
    let fill = format!(
        "(() => {{ const set = (id, value) => {{ const field = document.querySelector('#add-' + id); \
         field.value = value; field.dispatchEvent(new Event('input')); }}; \
         set('urls', {} + '\\t' + {}); set('name', 'b.bin'); set('dir', 'sub'); set('threads', '3'); \
         set('block_size', '1M'); set('speed_limit', '2M'); set('priority', '7'); \
         document.querySelector('#add-paused').checked = true; }})()",
        json!(url),
        json!(mirror)
    );
    visit.tab.value(&fill).await;
    visit.tab.click("#add-submit").await;
    visit.row_says("b.bin", "Paused").await;
    let download = visit.list().await["downloads"][0].clone();
    for (key, value) in [
        ("mirrors", json!([mirror])),
        ("block_size", json!(1 << 20)),
        ("speed_limit", json!(2 << 20)),
        ("priority", json!(7)),
    ] {
        assert_eq!(download[key], value, "{key}");
    }
    assert_eq!(download["threads"]["limit"], 3);
    visit.tab.click(".row .act").await;
    visit.row_says("b.bin", "Done").await;
    assert!(visit.dir.path().join("files/sub/b.bin").is_file());
}

pub(crate) async fn what_comes_while_others_are_added_stays_and_gets_no_option_of_theirs(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    let [draft, plain, dropped] = ["draft", "plain", "dropped"].map(|name| {
        let url = visit.url(&format!("{name}.bin"), "size=1K");
        json!(url).to_string()
    });
    // A dialog that is closed keeps its lines, and no option for others.
    visit.tab.press("a").await;
    let fill = format!(
        "document.querySelector('#add-urls').value = {draft}; document.querySelector('#add-name').value = 'other.bin'"
    );
    visit.tab.value(&fill).await;
    visit.tab.click("#add footer [data-close]").await;
    // The answer waits until something else has come.
    let hold = "(() => { const real = window.fetch; const held = new Promise((go) => { window.release = go; }); \
         window.fetch = async (...what) => { await held; return real(...what); }; })()";
    visit.tab.value(hold).await;
    visit.tab.click("#empty-field").await;
    visit.tab.write(plain.trim_matches('"')).await;
    visit.tab.press("Enter").await;
    visit
        .tab
        .wait("document.querySelector('#add-urls').readOnly")
        .await;
    let drop = format!(
        "(() => {{ const held = new DataTransfer(); held.setData('text/uri-list', {dropped}); \
         document.body.dispatchEvent(new DragEvent('drop', {{dataTransfer: held, bubbles: true}})); \
         window.release(); }})()"
    );
    visit.tab.value(&drop).await;
    visit.row_says("plain.bin", "Done").await;
    visit
        .tab
        .wait(&format!(
            "document.querySelector('#add').open && document.querySelector('#add-urls').value == {draft} + '\\n' + {dropped}"
        ))
        .await;
    assert_eq!(
        visit
            .tab
            .value("document.querySelector('#add-name').value")
            .await,
        ""
    );
    visit.tab.click("#add-submit").await;
    visit.row_says("draft.bin", "Done").await;
    visit.row_says("dropped.bin", "Done").await;
    assert_eq!(visit.list().await["total"], 3);
    visit.is_quiet().await;
}

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
    visit.tab.press("Delete").await;
    visit
        .tab
        .wait("document.querySelector('#remove').open")
        .await;
    // Enter by habit keeps it.
    visit.tab.press("Enter").await;
    visit
        .tab
        .wait("!document.querySelector('#remove').open")
        .await;
    assert_eq!(visit.list().await["total"], 2);
    visit.tab.press("Delete").await;
    visit
        .tab
        .wait("document.querySelector('#remove').open")
        .await;
    visit.tab.click("#remove-yes").await;
    visit
        .tab
        .wait("document.querySelectorAll('.row').length == 1")
        .await;
    let files = visit.dir.path().join("files");
    assert!(files.join("one.bin").is_file() && files.join("two.bin").is_file());
    visit.tab.press("ArrowDown").await;
    visit.tab.press("Delete").await;
    visit
        .tab
        .wait("document.querySelector('#remove').open")
        .await;
    visit.tab.click("#remove-files").await;
    visit.tab.click("#remove-yes").await;
    visit
        .tab
        .wait("!document.querySelector('#empty').hidden")
        .await;
    let left = ["one.bin", "two.bin"].map(|name| files.join(name).is_file());
    assert_eq!(left.iter().filter(|is_there| **is_there).count(), 1);
}

pub(crate) async fn a_limit_holds_and_is_shown(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    visit.tab.click("#limits-open").await;
    visit
        .tab
        .wait("document.querySelector('#limits').open")
        .await;
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
    let settings = haul_testkit::http::request("GET", &url, b"")
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
