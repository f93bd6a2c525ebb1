//! Languages, widths, themes, and who cannot see or use a mouse.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{ENDLESS, PHONE, Visit};
use crate::chromium::Tab;

pub(crate) async fn both_languages_are_spoken_and_switched_and_remembered(tab: Tab) {
    let mut visit = Visit::with(tab, &[], "ru-RU,ru;q=0.9,en;q=0.5").await;
    let url = visit.url("long.bin", ENDLESS);
    visit.add(&[url], "false").await;
    visit.row_says("long.bin", "КиБ/с").await;
    assert_eq!(visit.tab.value("document.documentElement.lang").await, "ru");
    assert!(visit.tab.text().await.contains("В очереди"));
    visit.tab.click("#language").await;
    visit.row_says("long.bin", "KiB/s").await;
    assert_eq!(visit.tab.value("document.documentElement.lang").await, "en");
    // But for the name of the other language, nothing is left behind.
    let russian = "[...document.querySelectorAll('body *:not([lang=ru])')].filter(one => \
                   [...one.childNodes].some(node => node.nodeType == 3 && /[а-я]/i.test(node.data))).length";
    assert_eq!(visit.tab.value(russian).await, 0);
    visit.tab.open(&visit.daemon.url("/")).await;
    visit.row_says("long.bin", "KiB/s").await;
    visit.is_quiet().await;
}

pub(crate) async fn on_a_phone_nothing_is_cut_off_and_all_is_within_reach(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    visit.tab.resize(PHONE.0, PHONE.1).await;
    let urls = [
        visit.url("long.bin", ENDLESS),
        visit.url(
            "a-name-that-is-much-longer-than-the-screen-of-any-phone.tar.gz",
            "status=404",
        ),
    ];
    visit.add(&urls, "false").await;
    for language in ["en", "ru"] {
        visit
            .tab
            .wait(&format!("document.documentElement.lang == '{language}'"))
            .await;
        visit
            .tab
            .wait("document.querySelector('[data-status=failed]') && document.querySelector('[data-status=downloading]')")
            .await;
        visit.fits(&format!("the list, {language}")).await;
        let act = "(() => { const box = document.querySelector('.act').getBoundingClientRect(); \
                   return Math.min(box.width, box.height) >= 44; })()";
        assert_eq!(visit.tab.value(act).await, Value::Bool(true));
        visit.tab.click("[data-status=downloading] .name").await;
        visit
            .tab
            .wait(
                "!document.querySelector('#details').hidden && document.querySelector('.map rect')",
            )
            .await;
        visit.fits(&format!("the details, {language}")).await;
        visit.tab.click("#details header button").await;
        for dialog in ["add", "menu"] {
            visit.tab.click(&format!("#{dialog}-open")).await;
            visit.opens(dialog).await;
            visit.fits(&format!("{dialog}, {language}")).await;
            visit.tab.press("Escape").await;
        }
        visit
            .tab
            .value("document.querySelector('#menu-language').click()")
            .await;
    }
    visit.is_quiet().await;
}

impl Visit {
    /// Nothing that is shown reaches beyond the edges of the window.
    async fn fits(&mut self, what: &str) {
        let beyond = "(() => { const over = []; \
            for (const one of document.querySelectorAll('body *')) { \
                if (!one.checkVisibility({visibilityProperty: true})) continue; \
                if (one.closest('.tabs, .many, .unseen, .track, svg')) continue; \
                const box = one.getBoundingClientRect(); \
                if (box.width && (box.left < -1 || box.right > innerWidth + 1)) over.push(one.className || one.tagName); \
            } return over; })()";
        assert_eq!(self.tab.value(beyond).await, json!([]), "{what}");
        assert_eq!(
            self.tab.value("document.documentElement.scrollWidth").await,
            PHONE.0,
            "{what}"
        );
    }

    /// Nothing here is a serious hurdle.
    async fn is_open_to_all(&mut self, axe: &str, what: &str) {
        self.tab.value(&format!("{axe}; null")).await;
        let run = "axe.run(document, {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}) \
                   .then(found => found.violations.filter(({impact}) => impact == 'serious' || impact == 'critical') \
                   .map(({id, nodes}) => [id, ...nodes.slice(0, 3).map(({html, failureSummary}) => html.slice(0, 200) + failureSummary)]))";
        assert_eq!(self.tab.value(run).await, json!([]), "{what}");
    }
}

/// The program text of axe, which looks for what keeps people out.
fn axe() -> Option<String> {
    let modules = PathBuf::from(std::env::var_os("HAUL_TEST_NODE_MODULES")?);
    std::fs::read_to_string(modules.join("axe-core/axe.min.js")).ok()
}

pub(crate) async fn nothing_keeps_out_who_cannot_see_or_point(tab: Tab) {
    let Some(axe) = axe() else {
        assert!(std::env::var_os("CI").is_none(), "CI has to have axe-core");
        eprintln!("skipped, for there is no axe-core here: `cargo xtask test` installs it");
        return;
    };
    let mut visit = Visit::new(tab).await;
    visit.is_open_to_all(&axe, "the empty page").await;
    let urls = [
        visit.url("long.bin", ENDLESS),
        visit.url("gone.bin", "status=404"),
        visit.url("done.bin", "size=1K"),
    ];
    visit.add(&urls, "false").await;
    visit
        .add(&[visit.url("later.bin", "size=1K")], "true")
        .await;
    visit.row_says("long.bin", "/s").await;
    visit.row_says("gone.bin", "Failed").await;
    visit.row_says("done.bin", "Done").await;
    for theme in ["light", "dark"] {
        visit.tab.person("en", theme).await;
        visit
            .is_open_to_all(&axe, &format!("the list, {theme}"))
            .await;
        visit.tab.press("ArrowDown").await;
        visit.tab.press(" ").await;
        visit.tab.press("Enter").await;
        visit
            .tab
            .wait("!document.querySelector('#details').hidden")
            .await;
        visit
            .is_open_to_all(&axe, &format!("details and selection, {theme}"))
            .await;
        visit.tab.press("Escape").await;
        visit.tab.press("Escape").await;
        for (open, dialog) in [
            ("#add-open", "add"),
            ("#limits-open", "limits"),
            ("#help-open", "help"),
        ] {
            visit.tab.click(open).await;
            visit.opens(dialog).await;
            visit
                .tab
                .value("document.querySelector('#add-options').open = true")
                .await;
            visit
                .is_open_to_all(&axe, &format!("{dialog}, {theme}"))
                .await;
            visit.tab.press("Escape").await;
        }
        visit.tab.press("ArrowDown").await;
        visit.asks_to_remove().await;
        visit
            .is_open_to_all(&axe, &format!("remove, {theme}"))
            .await;
        visit.tab.press("Escape").await;
    }
    visit.is_quiet().await;
}

pub(crate) async fn in_forced_colours_a_tick_and_a_bar_are_still_told(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    let urls = ["a.bin", "b.bin"].map(|name| visit.url(name, ENDLESS));
    visit.add(&urls, "false").await;
    visit.row_says("a.bin", "/s").await;
    let forced = json!({"features": [{"name": "forced-colors", "value": "active"}]});
    visit.tab.call("Emulation.setEmulatedMedia", forced).await;
    visit.tab.press("ArrowDown").await;
    visit.tab.press(" ").await;
    let seen = |row: &str| {
        format!(
            "getComputedStyle(document.querySelector('.row[aria-selected=\"{row}\"] .box .icon')).visibility"
        )
    };
    visit
        .tab
        .wait("document.querySelector('.row[aria-selected=\"true\"]')")
        .await;
    assert_eq!(visit.tab.value(&seen("true")).await, "visible");
    assert_eq!(visit.tab.value(&seen("false")).await, "hidden");
    let differs = "(() => { const back = (found, part) => getComputedStyle(document.querySelector(found), part).backgroundColor; \
         return new Set([back('body'), back('.row .track'), back('.row .fill')]).size == 3 \
         && back('.tabs [aria-pressed=\"true\"]', '::after') == back('.row .fill'); })()";
    assert_eq!(visit.tab.value(differs).await, true);
    visit.is_quiet().await;
}
