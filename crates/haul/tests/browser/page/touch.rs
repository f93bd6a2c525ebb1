//! A phone, and fingers: all is within reach, and large enough to be hit.

use serde_json::{Value, json};

use super::{ENDLESS, PHONE, Visit, row};
use crate::chromium::Tab;

/// What a finger has to hit, in pixels (WCAG 2.5.8), and what is used most on a phone.
const LEAST: u16 = 24;
const MAIN: u16 = 44;

/// What is pressed, in any window.
const PRESSED: &str = "button, a[href], input, select, textarea, summary, [role=checkbox]";
/// What is pressed most on a phone.
const MOST_PRESSED: &str = ".act, .lead, .top button, .many button, .tabs button, .menu button, .menu select, \
     .actions button, dialog header button, dialog footer button, .details > header button";

pub(crate) async fn on_a_phone_a_finger_chooses_rows_and_orders_the_queue(tab: Tab) {
    let mut visit = Visit::with(tab, &["--max-downloads", "1"], "en").await;
    visit.tab.resize(PHONE.0, PHONE.1).await;
    let urls =
        ["runs", "one", "two", "three"].map(|name| visit.url(&format!("{name}.bin"), ENDLESS));
    visit.add(&urls, "false").await;
    visit.row_says("three.bin", "No. 3 in the queue").await;
    // Resting chooses, and does not open the details when the finger leaves.
    let three = visit.middle(&row("three.bin")).await;
    visit.tab.finger("touchStart", &[three]).await;
    visit.counts("1 selected").await;
    visit.tab.finger("touchEnd", &[]).await;
    // From then on a tap chooses.
    let two = visit.middle(&row("two.bin")).await;
    visit.tab.finger("touchStart", &[two]).await;
    visit.tab.finger("touchEnd", &[]).await;
    visit.counts("2 selected").await;
    assert_eq!(
        visit
            .tab
            .value("document.querySelector('#details').hidden")
            .await,
        Value::Bool(true)
    );
    let next = "document.querySelector('#many-actions [aria-label=\"Start next\"]')";
    visit
        .tab
        .value(&format!("{next}.scrollIntoView({{inline: 'center'}})"))
        .await;
    let next = visit.middle(next).await;
    visit.tab.finger("touchStart", &[next]).await;
    visit.tab.finger("touchEnd", &[]).await;
    visit.row_says("two.bin", "No. 1 in the queue").await;
    visit.row_says("three.bin", "No. 2 in the queue").await;
    // A finger that moves on wants to scroll.
    visit.tab.click("#many-clear").await;
    let (x, y) = visit.middle(&row("one.bin")).await;
    visit.tab.finger("touchStart", &[(x, y)]).await;
    visit.tab.finger("touchMove", &[(x, y - 60.0)]).await;
    visit.tab.finger("touchEnd", &[]).await;
    visit.tab.click("#menu-open").await;
    visit.tab.click("#menu-all").await;
    visit.counts("4 selected").await;
    visit.is_quiet().await;
}

pub(crate) async fn a_tap_beside_a_question_presses_nothing_below_it(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    visit.tab.resize(PHONE.0, PHONE.1).await;
    visit.add(&[visit.url("a.bin", ENDLESS)], "false").await;
    visit.row_says("a.bin", "/s").await;
    visit.tab.press("ArrowDown").await;
    let pause = visit
        .middle("document.querySelector('.row .act[data-command=pause]')")
        .await;
    visit.asks_to_remove().await;
    visit.tab.finger("touchStart", &[pause]).await;
    visit.tab.finger("touchEnd", &[]).await;
    let is_closed = "!document.querySelector('#remove').open";
    visit.tab.wait(is_closed).await;
    // A command would be under way before this question.
    visit.asks_to_remove().await;
    assert_eq!(visit.list().await["downloads"][0]["status"], "downloading");
    visit.is_quiet().await;
}

pub(crate) async fn a_row_is_chosen_by_a_checkbox_that_says_its_name(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    visit.add(&[visit.url("a.bin", ENDLESS)], "false").await;
    visit.row_says("a.bin", "/s").await;
    let tick = "document.querySelector('.row [role=checkbox][aria-label=\"Select a.bin\"]')";
    for is_on in ["true", "false"] {
        // As a screen reader presses it.
        visit.tab.value(&format!("{tick}.click()")).await;
        visit
            .tab
            .wait(&format!("{tick}.ariaChecked == '{is_on}'"))
            .await;
    }
    visit.is_quiet().await;
}

pub(crate) async fn whatever_is_pressed_is_large_enough_for_a_finger(tab: Tab) {
    let mut visit = Visit::new(tab).await;
    visit.large("the empty page", PRESSED, LEAST).await;
    let urls = [
        visit.url("long.bin", ENDLESS),
        visit.url("gone.bin", "status=404"),
    ];
    visit.add(&urls, "false").await;
    visit.row_says("gone.bin", "Failed").await;
    visit.row_says("long.bin", "/s").await;
    for (width, height, what, least) in [
        (1440, 900, PRESSED, LEAST),
        (PHONE.0, PHONE.1, PRESSED, LEAST),
        (PHONE.0, PHONE.1, MOST_PRESSED, MAIN),
    ] {
        visit.tab.resize(width, height).await;
        visit.large("the list", what, least).await;
        visit
            .tab
            .value("document.querySelector('.row .tick').click()")
            .await;
        visit.counts("1 selected").await;
        visit.large("the bar of actions", what, least).await;
        visit
            .tab
            .value("document.querySelector('#many-clear').click()")
            .await;
        visit.tab.click("[data-status=downloading] .name").await;
        visit
            .tab
            .wait("document.querySelector('#details .facts button')")
            .await;
        visit.large("details", what, least).await;
        visit.tab.click("#details header button").await;
        for dialog in ["add", "limits", "help", "menu"] {
            let open = format!(
                "document.querySelector('#add-options').open = true; document.querySelector('#{dialog}').showModal()"
            );
            visit.tab.value(&open).await;
            visit.large(dialog, what, least).await;
            visit.tab.press("Escape").await;
        }
        visit.tab.press("ArrowDown").await;
        visit.asks_to_remove().await;
        visit.large("remove", what, least).await;
        visit.tab.press("Escape").await;
    }
}

impl Visit {
    /// The middle of what an expression finds.
    async fn middle(&mut self, found: &str) -> (f64, f64) {
        let middle = format!(
            "(() => {{ const box = {found}.getBoundingClientRect(); \
             return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        );
        let middle = self.tab.value(&middle).await;
        (
            middle[0].as_f64().expect("x"),
            middle[1].as_f64().expect("y"),
        )
    }

    /// What can be pressed is at least so many pixels wide and high; a field with a label is hit on both.
    async fn large(&mut self, place: &str, what: &str, least: u16) {
        let small = format!(
            "(() => {{ const top = document.querySelector('dialog[open]') ?? document; \
             return [...top.querySelectorAll({})].filter(one => one.checkVisibility({{visibilityProperty: true}})) \
               .map(one => [one, (one.closest('label') ?? one).getBoundingClientRect()]) \
               .filter(([, box]) => Math.min(box.width, box.height) < {least} - 0.01) \
               .map(([one, box]) => `${{one.id || one.className || one.tagName}} ${{box.width}}x${{box.height}}`); }})()",
            json!(what)
        );
        assert_eq!(self.tab.value(&small).await, json!([]), "{place}, {least}");
    }
}
