//! A headless Chromium and its tabs, driven over its own debugging protocol. Knows nothing of haul; any
//! test of pages can stand on it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Long enough for anything that is not stuck, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Names that lead to this machine, as a name of an attacker's would. `localhost` stays itself.
const NAMES: &str = "MAP *.example 127.0.0.1";

/// A running browser. Dropping it ends it.
pub(crate) struct Chromium {
    process: Child,
    endpoint: String,
    _profile: TempDir,
}

impl Chromium {
    /// The program, if there is one.
    pub(crate) fn find() -> Option<PathBuf> {
        if let Some(named) = std::env::var_os("HAUL_TEST_CHROMIUM") {
            return Some(named.into());
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut places = std::env::split_paths(&path).map(|dir| dir.join("chromium"));
        places.find(|place| place.is_file())
    }

    /// Starts it with a profile of its own.
    pub(crate) async fn start(program: &Path) -> Chromium {
        let profile = TempDir::with_prefix("haul-chromium-").expect("a directory");
        let process = Command::new(program)
            .args(["--headless=new", "--remote-debugging-port=0"])
            // Tests run as root, too, and pages here are ours.
            .args(["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--disable-extensions", "--disable-sync"])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
            ])
            // What keeps pages away is to be the daemon and not the browser's own prompt.
            .arg("--disable-features=LocalNetworkAccessChecks,Translate,OptimizationHints")
            .arg(format!("--host-resolver-rules={NAMES}"))
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|why| panic!("{}: {why}", program.display()));
        let mut chromium = Chromium {
            process,
            endpoint: String::new(),
            _profile: profile,
        };
        chromium.endpoint = chromium.endpoint().await;
        chromium
    }

    /// Where it listens: it writes that into its profile.
    async fn endpoint(&mut self) -> String {
        let told = self._profile.path().join("DevToolsActivePort");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = std::fs::read_to_string(&told).unwrap_or_default();
            if let Some((port, path)) = text.split_once('\n') {
                return format!("ws://127.0.0.1:{port}{}", path.trim());
            }
            let ended = self.process.try_wait().expect("a child of ours");
            assert!(ended.is_none(), "Chromium has ended: {ended:?}");
            assert!(Instant::now() < deadline, "Chromium does not listen");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// An empty tab that shares no cookie with another.
    pub(crate) async fn tab(&self) -> Tab {
        let (socket, _) = connect_async(&self.endpoint).await.expect("it listens");
        let mut tab = Tab {
            socket,
            session: None,
            calls: 0,
            heard: None,
        };
        let context = tab.call("Target.createBrowserContext", json!({})).await;
        let context = context["browserContextId"].clone();
        let blank = json!({"url": "about:blank", "browserContextId": context});
        let target = tab.call("Target.createTarget", blank).await;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = tab.call("Target.attachToTarget", attach).await;
        tab.session = Some(attached["sessionId"].clone());
        tab.call("Page.enable", json!({})).await;
        tab
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One tab.
pub(crate) struct Tab {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: Option<Value>,
    calls: u64,
    /// `None`: nobody listens.
    heard: Option<Vec<Value>>,
}

impl Tab {
    /// Goes to an address and waits until the page is loaded, whatever the server answers.
    pub(crate) async fn open(&mut self, url: &str) {
        let gone = self.call("Page.navigate", json!({"url": url})).await;
        assert_eq!(gone.get("errorText"), None, "{url}: {gone}");
        self.until(|said| said["method"] == "Page.loadEventFired")
            .await;
    }

    /// Follows a link that stands in the page, and then one that leads on from there by itself.
    pub(crate) async fn follow(&mut self, url: &str) {
        let click = format!(
            "document.body.append(Object.assign(document.createElement('a'), {{href: '{url}'}}));
             document.querySelector('a').click(); null"
        );
        self.value(&click).await;
        for _ in 0..2 {
            self.until(|said| said["method"] == "Page.loadEventFired")
                .await;
        }
    }

    /// Takes every certificate from now on.
    pub(crate) async fn trust(&mut self) {
        let all = json!({"ignore": true});
        self.call("Security.setIgnoreCertificateErrors", all).await;
    }

    /// The cookies that it keeps, those of which no script knows included.
    pub(crate) async fn cookies(&mut self) -> Value {
        let mut kept = self.call("Network.getAllCookies", json!({})).await;
        kept["cookies"].take()
    }

    /// Runs an expression that makes the page load another, or itself anew, and waits until that is done.
    pub(crate) async fn turn(&mut self, expression: &str) {
        self.value(&format!("{expression}; null")).await;
        self.until(|said| said["method"] == "Page.loadEventFired")
            .await;
    }

    /// The value of an expression in the page; a promise is waited for.
    pub(crate) async fn value(&mut self, expression: &str) -> Value {
        let asked = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true,
        });
        let answer = self.call("Runtime.evaluate", asked).await;
        assert_eq!(
            answer.get("exceptionDetails"),
            None,
            "{expression}: {answer}"
        );
        answer["result"]["value"].clone()
    }

    /// The text that a person sees.
    pub(crate) async fn text(&mut self) -> String {
        let text = self.value("document.body.innerText").await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// From now on, what the page writes on its console, throws, sends and gets is kept.
    pub(crate) async fn listen(&mut self) {
        self.heard = Some(Vec::new());
        for domain in ["Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), json!({})).await;
        }
    }

    /// All of that since the last look, as the protocol's own events.
    pub(crate) async fn heard(&mut self) -> Vec<Value> {
        // What has happened before the answer comes before it.
        self.value("0").await;
        self.heard.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Presses and releases the mouse; between the two it goes through these points.
    pub(crate) async fn drag(&mut self, through: &[(f64, f64)]) {
        let mut buttons = 0;
        for (step, (x, y)) in through.iter().enumerate() {
            let mut mouse = async |kind: &str, buttons: u8| {
                let event = json!({
                    "type": kind, "x": x, "y": y, "button": "left", "buttons": buttons,
                    "clickCount": 1,
                });
                self.call("Input.dispatchMouseEvent", event).await;
            };
            mouse("mouseMoved", buttons).await;
            if step == 0 {
                buttons = 1;
                mouse("mousePressed", buttons).await;
            }
            if step + 1 == through.len() {
                mouse("mouseReleased", 0).await;
            }
        }
    }

    /// Types into what has the focus.
    pub(crate) async fn write(&mut self, text: &str) {
        self.call("Input.insertText", json!({"text": text})).await;
    }

    /// Writes what a person sees to a PNG file.
    pub(crate) async fn picture(&mut self, place: &Path) {
        let shot = self.call("Page.captureScreenshot", json!({})).await;
        let coded = shot["data"].as_str().expect("a picture");
        let bytes = BASE64_STANDARD.decode(coded).expect("base64");
        std::fs::write(place, bytes).unwrap_or_else(|why| panic!("{}: {why}", place.display()));
    }

    /// Gives the window this size in points.
    pub(crate) async fn resize(&mut self, width: u16, height: u16) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.call("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// The value of an expression, and the milliseconds of processor time that each task of the page's
    /// thread took meanwhile, how busy the machine may be. The expression has to say `performance.mark("ours")`.
    pub(crate) async fn work(&mut self, expression: &str) -> (Value, Vec<f64>) {
        let session = self.session.take();
        let config = json!({
            "includedCategories": ["toplevel", "blink.user_timing"], "excludedCategories": ["*"],
        });
        let how = json!({"transferMode": "ReportEvents", "traceConfig": config});
        self.call("Tracing.start", how).await;
        self.session = session.clone();
        let value = self.value(expression).await;
        self.session = None;
        let before = self.heard.replace(Vec::new());
        self.call("Tracing.end", json!({})).await;
        self.until(|said| said["method"] == "Tracing.tracingComplete")
            .await;
        self.session = session;
        let traced = std::mem::replace(&mut self.heard, before);
        let events: Vec<Value> = traced
            .into_iter()
            .flatten()
            .filter_map(|mut said| serde_json::from_value(said["params"]["value"].take()).ok())
            .flat_map(|events: Vec<Value>| events)
            .collect();
        let thread = |event: &Value| (event["pid"].clone(), event["tid"].clone());
        let ours = events.iter().find(|event| event["name"] == "ours");
        let ours = thread(ours.expect("the page's mark"));
        let is_task = |event: &&Value| {
            thread(event) == ours
                && event["name"]
                    .as_str()
                    .is_some_and(|name| name.ends_with("RunTask"))
        };
        let tasks = events.iter().filter(is_task);
        let tasks = tasks.filter_map(|event| Some(event["tdur"].as_f64()? / 1000.0));
        (value, tasks.collect())
    }

    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        let mut call = json!({"id": id, "method": method, "params": params});
        if let Some(session) = &self.session {
            call["sessionId"] = session.clone();
        }
        let sent = self.socket.send(Message::text(call.to_string())).await;
        sent.expect("Chromium listens");
        let answer = self.until(|said| said["id"] == id).await;
        assert_eq!(answer.get("error"), None, "{method}: {answer}");
        answer["result"].clone()
    }

    async fn until(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        let waiting = async {
            loop {
                let said = self.socket.next().await.expect("Chromium goes on");
                let Message::Text(text) = said.expect("Chromium goes on") else {
                    continue;
                };
                let said: Value = serde_json::from_str(&text).expect("JSON");
                if is_it(&said) {
                    return said;
                }
                if let Some(heard) = self.heard.as_mut().filter(|_| said["id"].is_null()) {
                    heard.push(said);
                }
            }
        };
        timeout(PATIENCE, waiting).await.expect("in time")
    }
}
