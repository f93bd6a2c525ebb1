//! What a person does in a tab: keys, clicks, and what their browser says of them. Knows no page.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::chromium::Tab;

/// Long enough for anything that is not stuck, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

impl Tab {
    /// What the browser says of its person: languages as in `Accept-Language`, and `light` or `dark`.
    pub(crate) async fn person(&mut self, languages: &str, theme: &str) {
        let agent = json!({"userAgent": "Chromium", "acceptLanguage": languages});
        self.call("Emulation.setUserAgentOverride", agent).await;
        let theme = json!({"features": [{"name": "prefers-color-scheme", "value": theme}]});
        self.call("Emulation.setEmulatedMedia", theme).await;
    }

    /// Waits until an expression is true.
    pub(crate) async fn wait(&mut self, expression: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.value(&format!("Boolean({expression})")).await != Value::Bool(true) {
            if Instant::now() > deadline {
                let text = self.text().await;
                let complaints = self.complaints().await;
                panic!("not so: {expression}\n{text}\n{complaints:#?}");
            }
            sleep(LOOK).await;
        }
    }

    /// What the page has thrown, what the browser warns of and what could not be loaded, since the last
    /// look, as far as anybody listens.
    pub(crate) async fn complaints(&mut self) -> Vec<Value> {
        let heard = self.heard().await;
        let is_one = |event: &Value| {
            [
                "Runtime.exceptionThrown",
                "Log.entryAdded",
                "Network.loadingFailed",
            ]
            .iter()
            .any(|method| event["method"] == *method)
        };
        heard.into_iter().filter(is_one).collect()
    }

    /// Presses a key, by its name as `KeyboardEvent.key` has it.
    pub(crate) async fn press(&mut self, key: &str) {
        let code = match key {
            "Enter" => 13,
            "Escape" => 27,
            " " => 32,
            "End" => 35,
            "Home" => 36,
            "ArrowUp" => 38,
            "ArrowDown" => 40,
            "Delete" => 46,
            _ => 0,
        };
        let text = match key {
            "Enter" => "\r",
            letter if letter.chars().count() == 1 => letter,
            _ => "",
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": key, "windowsVirtualKeyCode": code});
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Clicks into the middle of what a selector finds.
    pub(crate) async fn click(&mut self, selector: &str) {
        let found = format!(
            "(() => {{ const box = document.querySelector({}).getBoundingClientRect(); \
             return [box.x + box.width / 2, box.y + box.height / 2]; }})()",
            json!(selector)
        );
        let middle = self.value(&found).await;
        let at = |axis: usize| middle[axis].as_f64().expect("a number");
        self.drag(&[(at(0), at(1))]).await;
    }

    /// Puts fingers down, moves them or takes them up: `touchStart`, `touchMove` or `touchEnd`.
    pub(crate) async fn finger(&mut self, what: &str, points: &[(f64, f64)]) {
        let points: Vec<Value> = points
            .iter()
            .map(|(x, y)| json!({"x": x, "y": y}))
            .collect();
        let event = json!({"type": what, "touchPoints": points});
        self.call("Input.dispatchTouchEvent", event).await;
    }
}
