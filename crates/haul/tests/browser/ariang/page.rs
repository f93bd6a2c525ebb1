//! AriaNg in a tab, used as a person uses it: by what is to be seen, with mouse and keys. It knows
//! AriaNg's page and its ways to a server, and nothing of haul.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::chromium::Tab;

/// Long enough for anything that is not stuck, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// What a number looks like that went wrong.
const NONSENSE: [&str; 5] = ["NaN", "undefined", "Infinity", "[object", "{{"];

pub(crate) struct AriaNg {
    tab: Tab,
    /// Where pictures go, and how their names begin.
    pictures: Option<(PathBuf, &'static str)>,
    shots: usize,
    faults: Vec<String>,
}

impl AriaNg {
    /// Opens the page as it is without any settings.
    pub(crate) async fn open(mut tab: Tab, address: &str, play: &'static str) -> AriaNg {
        tab.listen().await;
        tab.resize(1280, 800).await;
        tab.open(address).await;
        let directory = std::env::var_os("HAUL_TEST_PICTURES").map(PathBuf::from);
        AriaNg {
            tab,
            pictures: directory.map(|directory| (directory, play)),
            shots: 0,
            faults: Vec::new(),
        }
    }

    /// Points it at a server by an address of AriaNg's own for that, and opens it anew.
    pub(crate) async fn connect(&mut self, protocol: &str, port: u16, secret: &str) {
        let secret = BASE64_URL_SAFE_NO_PAD.encode(secret);
        let rpc = format!("!/settings/rpc/set/{protocol}/127.0.0.1/{port}/jsonrpc/{secret}");
        // It loads itself anew then.
        let step = format!("location.hash = {}", json!(rpc));
        self.tab.turn(&step).await;
        // Until now it has tried where aria2 listens.
        self.tab.heard().await;
    }

    /// Points it at a server as a person does, on the page for that.
    pub(crate) async fn connect_by_hand(&mut self, port: u16, secret: &str, method: &str) {
        self.go("settings/ariang").await;
        self.click(".nav-tab-title-rpcname a", "").await;
        self.fill("[ng-model='setting.rpcHost']", "127.0.0.1").await;
        self.fill("[ng-model='setting.rpcPort']", &port.to_string())
            .await;
        self.fill("[ng-model='setting.secret']", secret).await;
        self.choose("[ng-model='setting.httpMethod']", method).await;
        self.look("its-settings").await;
        let press = "document.querySelector('.ui-notification .btn').click()";
        self.until(
            "its question",
            "document.querySelector('.ui-notification .btn') != null",
        )
        .await;
        self.tab.turn(press).await;
        self.tab.heard().await;
    }

    /// Chooses from a list.
    pub(crate) async fn choose(&mut self, selector: &str, value: &str) {
        let seen = format!(
            "(() => {{ const list = document.querySelector({}); if (!list) return false; \
             list.value = {}; list.dispatchEvent(new Event('change')); return true }})()",
            json!(selector),
            json!(value)
        );
        self.until(selector, &seen).await;
    }

    /// Goes to one of its pages.
    pub(crate) async fn go(&mut self, page: &str) {
        let step = format!("location.hash = {}; null", json!(format!("!/{page}")));
        self.tab.value(&step).await;
    }

    /// Waits until an expression is something, and returns what.
    pub(crate) async fn until(&mut self, what: &str, expression: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = self.tab.value(expression).await;
            if !matches!(seen, Value::Null | Value::Bool(false)) && seen != json!("") {
                return seen;
            }
            if Instant::now() > deadline {
                let text = self.tab.text().await;
                panic!("waited in vain for {what}; to be seen:\n{text}");
            }
            sleep(LOOK).await;
        }
    }

    /// Waits until this is to be read on the page.
    pub(crate) async fn read(&mut self, text: &str) {
        let seen = format!("document.body.innerText.includes({})", json!(text));
        self.until(text, &seen).await;
    }

    /// Presses what `selector` finds first of what can be seen and has this text or title; any when it
    /// is empty.
    pub(crate) async fn click(&mut self, selector: &str, text: &str) {
        let at = self.place(selector, text).await;
        self.tab.drag(&[at]).await;
    }

    /// Takes one thing with the mouse and lets it go on another.
    pub(crate) async fn drag(&mut self, one: (&str, &str), other: (&str, &str)) {
        let (from, to) = (
            self.place(one.0, one.1).await,
            self.place(other.0, other.1).await,
        );
        let half = (f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1));
        // Only something that moves is dragged.
        self.tab.drag(&[from, half, to, to]).await;
    }

    /// Where it can be pressed, once nothing lies on it and it has come to rest.
    async fn place(&mut self, selector: &str, text: &str) -> (f64, f64) {
        let seen = PLACE
            .replace("SELECTOR", &json!(selector).to_string())
            .replace("TEXT", &json!(text).to_string());
        let what = format!("{selector} {text:?}");
        let mut before = Value::Null;
        let at = loop {
            let at = self.until(&what, &seen).await;
            if at == before {
                break at;
            }
            before = at;
            sleep(LOOK).await;
        };
        let [x, y] = [&at[0], &at[1]].map(|number| number.as_f64().expect("a number"));
        (x, y)
    }

    /// Writes into a field in place of what is there.
    pub(crate) async fn fill(&mut self, selector: &str, text: &str) {
        self.click(selector, "").await;
        let field = json!(selector).to_string();
        let select = FOCUS.replace("SELECTOR", &field);
        self.until(&format!("{selector} to have the focus"), &select)
            .await;
        self.tab.write(text).await;
        let there = format!("document.querySelector({field}).value == {}", json!(text));
        self.until(&format!("{text} in {selector}"), &there).await;
    }

    /// The field of one of aria2's options.
    pub(crate) async fn set(&mut self, option: &str, value: &str) {
        self.fill(&format!("[data-option-key='{option}'] input"), value)
            .await;
    }

    /// Waits until the server has taken an option.
    pub(crate) async fn is_set(&mut self, option: &str) {
        let taken = format!(
            "document.querySelector(\"[data-option-key='{option}'] .has-success\") != null"
        );
        self.until(&format!("{option} to be taken"), &taken).await;
    }

    /// Waits until a row of the list is as wanted; `row` has `name`, `size`, `percent`, `speed`,
    /// `connections` and `gid`.
    pub(crate) async fn row(&mut self, name: &str, wanted: &str) -> Value {
        let seen = format!(
            "({ROWS}).find(row => row.name == {} && ({wanted})) ?? null",
            json!(name)
        );
        self.until(&format!("{name} with {wanted}"), &seen).await
    }

    /// The names in the list, from above.
    pub(crate) async fn names(&mut self) -> Value {
        self.tab
            .value(&format!("({ROWS}).map(row => row.name)"))
            .await
    }

    /// Waits until the list has these, from above.
    pub(crate) async fn until_names(&mut self, names: &[&str]) {
        let seen = format!(
            "JSON.stringify(({ROWS}).map(row => row.name)) == {}",
            json!(json!(names).to_string())
        );
        self.until(&format!("{names:?}"), &seen).await;
    }

    /// What is said in the middle of the page, and its closing.
    pub(crate) async fn dialog(&mut self, button: &str) -> String {
        let shown = "document.querySelector('.sweet-alert.visible')?.innerText";
        let said = self.until("a dialog", shown).await;
        self.click(".sweet-alert.visible button", button).await;
        let gone =
            "document.querySelector('.sweet-alert.visible, .sweet-overlay[style*=block]') == null";
        self.until("its end", gone).await;
        said.as_str().unwrap_or_default().to_owned()
    }

    /// Takes a picture, and looks at the texts in it.
    pub(crate) async fn look(&mut self, what: &str) -> String {
        let still = "[...document.querySelectorAll('.cg-busy, .ui-notification')].every(thing => \
             thing.matches('.ng-hide:not(.ng-animate)') || thing.matches('.custom-template'))";
        self.until("nothing to load", still).await;
        let text = self.tab.text().await;
        for nonsense in NONSENSE {
            assert!(!text.contains(nonsense), "{what}: {nonsense} in\n{text}");
        }
        let negative = text.split_whitespace().find(|word| {
            let digits = word.strip_prefix('-');
            digits.is_some_and(|digits| digits.starts_with(|letter: char| letter.is_ascii_digit()))
        });
        assert_eq!(negative, None, "{what}: \n{text}");
        if let Some((directory, play)) = &self.pictures {
            self.shots += 1;
            let name = format!("{play}-{:02}-{what}.png", self.shots);
            self.tab.picture(&directory.join(name)).await;
        }
        text
    }

    /// Everything that went wrong since the last look: what the page threw or complained of, and what
    /// the server refused.
    pub(crate) async fn faults(&mut self) -> Vec<String> {
        for event in self.tab.heard().await {
            self.faults.extend(fault(&event));
        }
        std::mem::take(&mut self.faults)
    }
}

/// What an event of the browser says of something that went wrong.
fn fault(event: &Value) -> Option<String> {
    let params = &event["params"];
    match event["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(format!("thrown: {}", params["exceptionDetails"])),
        "Runtime.consoleAPICalled" if matches!(params["type"].as_str()?, "error" | "assert") => {
            let words = params["args"].as_array()?.iter();
            let words: Vec<String> = words
                .map(|word| {
                    word["value"]
                        .as_str()
                        .map_or(word["description"].to_string(), str::to_owned)
                })
                .collect();
            Some(format!("console: {}", words.join(" ")))
        }
        "Log.entryAdded" if params["entry"]["level"] == "error" => {
            let entry = &params["entry"];
            Some(format!("log: {} {}", entry["text"], entry["url"]))
        }
        "Network.loadingFailed" if params["canceled"] != true => {
            Some(format!("not loaded: {}", params["errorText"]))
        }
        "Network.webSocketFrameReceived" => {
            let payload = params["response"]["payloadData"].as_str()?;
            refused(&serde_json::from_str(payload).ok()?)
        }
        "Network.webSocketFrameError" => Some(format!("socket: {}", params["errorMessage"])),
        _ => None,
    }
}

/// The refusals in an answer, also those within `system.multicall`.
fn refused(answer: &Value) -> Option<String> {
    let inner = answer["result"].as_array().into_iter().flatten();
    let mut all = inner.filter(|one| one.get("code").is_some() && one.get("message").is_some());
    answer
        .get("error")
        .or_else(|| all.next())
        .map(|error| format!("refused: {error}"))
}

/// The middle of the first thing that fits, when a press there reaches it.
const PLACE: &str = r#"(() => {
    const fits = thing => TEXT == "" || thing.innerText.trim() == TEXT || thing.title == TEXT;
    const all = [...document.querySelectorAll(SELECTOR)];
    const thing = all.find(thing => thing.getClientRects().length > 0 && fits(thing));
    if (!thing) return null;
    thing.scrollIntoView({block: "nearest"});
    const {x, y, width, height} = thing.getBoundingClientRect();
    const at = [x + width / 2, y + height / 2];
    const top = document.elementFromPoint(...at);
    return top && (thing.contains(top) || top.contains(thing)) ? at : null;
})()"#;

/// Whether a field has the focus; what is in it is selected then.
const FOCUS: &str = r#"(() => {
    const field = document.querySelector(SELECTOR);
    if (field == null || document.activeElement != field) return false;
    field.select();
    return true;
})()"#;

/// What each row of a list says.
const ROWS: &str = r#"[...document.querySelectorAll(".task-table-body > .row")].map(row => {
    const text = part => row.querySelector(part)?.innerText.trim() ?? "";
    return {
        gid: row.dataset.gid,
        name: text(".task-name"),
        size: text(".task-files > span"),
        percent: parseFloat(text(".progress-bar")),
        speed: text(".col-md-2.hidden-xs .task-download-speed"),
        connections: text(".task-seeders"),
        left: text(".task-last-time"),
    };
})"#;
