//! The pictures of the page in `docs/`. No test: `cargo xtask pictures` has set the scene, says in
//! `HAUL_TEST_PICTURES_OF` where it is, and in `HAUL_TEST_PICTURES` where the pictures go.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::chromium::Tab;

/// What the details are shown of.
const CHOSEN: &str = "debian-13.1.0-amd64-netinst.iso";

/// Samples of the speed that make a curve worth showing, one a second.
const SAMPLES: usize = 40;

/// Points, and pixels of a point.
const DESK: (u16, u16, u8) = (1280, 1000, 2);
const PHONE: (u16, u16, u8) = (390, 844, 2);

/// Whether anybody wants them.
pub(crate) fn are_wanted() -> bool {
    std::env::var_os("HAUL_TEST_PICTURES_OF").is_some()
}

pub(crate) async fn the_page_at_work_in_each_theme_language_and_width(mut tab: Tab) {
    let page = std::env::var("HAUL_TEST_PICTURES_OF").expect("this play runs only with it");
    tab.lay(DESK).await;
    // Most systems show none until somebody scrolls.
    let hidden = json!({"hidden": true});
    tab.call("Emulation.setScrollbarsHidden", hidden).await;
    tab.person("en-US,en", "light").await;
    tab.open(&page).await;
    tab.wait("document.querySelectorAll('.row[data-status=downloading]').length >= 4")
        .await;
    tab.choose(CHOSEN).await;
    tab.wait(&format!(
        "(document.querySelector('.graph .line')?.getAttribute('d') ?? '').split('L').length >= {SAMPLES}"
    ))
    .await;
    tab.take("page-light").await;
    tab.person("en-US,en", "dark").await;
    tab.take("page-dark").await;
    tab.lay(PHONE).await;
    tab.take("page-phone-details").await;
    tab.person("en-US,en", "light").await;
    tab.press("Escape").await;
    tab.wait("document.querySelector('#details').hidden").await;
    tab.take("page-phone").await;
    tab.lay(DESK).await;
    tab.click("#language").await;
    tab.wait("document.documentElement.lang == 'ru'").await;
    tab.choose(CHOSEN).await;
    tab.take("page-ru-light").await;
    tab.person("ru", "dark").await;
    tab.take("page-ru-dark").await;
}

impl Tab {
    /// A window of so many points, each of so many pixels.
    async fn lay(&mut self, (width, height, pixels): (u16, u16, u8)) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": pixels, "mobile": false,
        });
        self.call("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Opens the details of a file, and waits until all of them are there.
    async fn choose(&mut self, name: &str) {
        let marked = format!(
            "(() => {{ const name = [...document.querySelectorAll('.row .name')].find(name => name.title == {}); \
             name.dataset.chosen = ''; return true; }})()",
            json!(name)
        );
        assert_eq!(self.value(&marked).await, Value::Bool(true));
        self.click("[data-chosen]").await;
        self.wait("document.querySelector('.map rect') && document.querySelector('.graph .line')?.getAttribute('d')")
            .await;
    }

    /// Writes what is seen, once it is painted, with the mouse out of the way.
    async fn take(&mut self, name: &str) {
        let away = json!({"type": "mouseMoved", "x": 0, "y": 0});
        self.call("Input.dispatchMouseEvent", away).await;
        self.value("document.activeElement?.blur()").await;
        let settled = "Promise.all([document.fonts.ready, ...document.getAnimations().map(one => one.finished.catch(() => {}))]) \
                       .then(() => new Promise(requestAnimationFrame)).then(() => true)";
        assert_eq!(self.value(settled).await, Value::Bool(true));
        let directory =
            std::env::var_os("HAUL_TEST_PICTURES").expect("whoever wants pictures says where");
        let place = PathBuf::from(directory).join(format!("{name}.png"));
        self.picture(&place).await;
    }
}
