//! Adding: one URL, a paste of many, options, and what comes meanwhile.

use serde_json::{Value, json};

use super::{Visit, WATCHED, row};
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
    visit.opens("add").await;
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
    visit.opens("add").await;
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

pub(crate) async fn what_is_wrong_with_an_option_is_shown_and_nothing_is_added(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    let url = json!(visit.url("a.bin", "size=1K"));
    visit.tab.press("a").await;
    visit.opens("add").await;
    let set = |id: &str, value: &Value| {
        format!(
            "(() => {{ const field = document.querySelector('#add-{id}'); field.value = {value}; \
             field.dispatchEvent(new Event('input')); }})()"
        )
    };
    visit.tab.value(&set("urls", &url)).await;
    // A number that the browser itself refuses, where it cannot be seen.
    visit.tab.value(&set("threads", &json!("999"))).await;
    visit.tab.click("#add-submit").await;
    visit
        .tab
        .wait("document.querySelector('#add-options').open && document.activeElement.id == 'add-threads'")
        .await;
    visit.tab.value(&set("threads", &json!("3"))).await;
    visit
        .tab
        .value(&set("headers", &json!("Referer: http://h\nno header")))
        .await;
    // By the keys as by the button.
    visit.tab.click("#add-urls").await;
    visit
        .tab
        .value(
            "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', \
             {key: 'Enter', ctrlKey: true, bubbles: true}))",
        )
        .await;
    visit
        .tab
        .wait("document.querySelector('#add-refused b')?.textContent == 'no header'")
        .await;
    assert_eq!(visit.list().await["total"], 0);
    // Of a line with a mirror that is none, the mirror is named, and the line stays.
    let line = format!("{}\tmirror", url.as_str().expect("a URL"));
    visit.tab.value(&set("headers", &json!(""))).await;
    visit.tab.value(&set("urls", &json!(line))).await;
    visit.tab.click("#add-submit").await;
    visit
        .tab
        .wait("document.querySelector('#add-refused b')?.textContent == 'mirror'")
        .await;
    let left = visit
        .tab
        .value("document.querySelector('#add-urls').value")
        .await;
    assert_eq!(left, line);
    assert_eq!(visit.list().await["total"], 0);
    visit.is_quiet().await;
}

pub(crate) async fn words_dropped_into_a_field_stay_the_browsers_own(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    visit.tab.press("a").await;
    visit.opens("add").await;
    let drop = |into: &str, kind: &str, words: &str| {
        format!(
            "(() => {{ const held = new DataTransfer(); held.setData('{kind}', '{words}'); \
             return document.querySelector('{into}').dispatchEvent(new DragEvent('drop', \
             {{dataTransfer: held, bubbles: true, cancelable: true}})); }})()"
        )
    };
    // True means that nobody has kept the browser from it.
    for (into, kind, words, own) in [
        ("#add-checksum", "text/plain", "sha-256=00", true),
        ("#add-headers", "text/uri-list", "http://h/a", true),
        ("#add-urls", "text/plain", "words", true),
        ("#add-urls", "text/plain", "http://h/a", false),
        ("#add", "text/uri-list", "http://h/b", false),
    ] {
        let left = visit.tab.value(&drop(into, kind, words)).await;
        assert_eq!(left, own, "{words} into {into}");
    }
    assert_eq!(
        visit
            .tab
            .value("document.querySelector('#add-urls').value")
            .await,
        "http://h/a\nhttp://h/b"
    );
    visit.is_quiet().await;
}
