//! The page at `/`, used as people use it. Each test has a daemon, an origin and a tab of its own.

mod adding;
mod choosing;
mod daemon;
mod list;
mod look;
mod queue;
mod removing;
mod running;
mod touch;

use std::path::Path;

use haul_testkit::daemon::Daemon;
use haul_testkit::http;
use haul_testkit::origin::Origin;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::chromium::Tab;

pub(crate) use adding::*;
pub(crate) use choosing::*;
pub(crate) use daemon::*;
pub(crate) use list::*;
pub(crate) use look::*;
pub(crate) use queue::*;
pub(crate) use removing::*;
pub(crate) use running::*;
pub(crate) use touch::*;

/// An answer that is slow enough to be watched, and ends within seconds.
const WATCHED: &str = "size=1M&rate=64K";

/// An answer that does not end by itself.
const ENDLESS: &str = "size=64M&rate=64K";

/// Points of a phone's window.
const PHONE: (u16, u16) = (390, 844);

/// A daemon, something to download, and the page in a tab.
pub(crate) struct Visit {
    daemon: Daemon,
    origin: Origin,
    tab: Tab,
    dir: TempDir,
}

impl Visit {
    /// Opens the page of a fresh daemon, in English.
    async fn new(tab: Tab) -> Visit {
        Visit::with(tab, &[], "en-US,en").await
    }

    async fn with(mut tab: Tab, arguments: &[&str], languages: &str) -> Visit {
        let dir = TempDir::with_prefix("haul-page-").expect("a directory");
        let daemon = start(&dir, arguments).await;
        let origin = Origin::start().await;
        tab.resize(1440, 900).await;
        tab.person(languages, "light").await;
        tab.listen().await;
        tab.open(&daemon.url("/")).await;
        let visit = Visit {
            daemon,
            origin,
            tab,
            dir,
        };
        visit.loaded().await
    }

    /// Waits until the page knows what there is.
    async fn loaded(mut self) -> Visit {
        self.tab
            .wait("!document.querySelector('#empty').hidden || document.querySelector('.row')")
            .await;
        self
    }

    /// A URL of the origin.
    fn url(&self, path: &str, knobs: &str) -> String {
        self.origin.url(&format!("/{path}?{knobs}")).to_string()
    }

    /// Adds downloads behind the page's back.
    async fn add(&self, urls: &[String], paused: &str) {
        let body = format!("{{\"urls\": {}, \"paused\": {paused}}}", json!(urls));
        let url = self.daemon.url("/api/v1/downloads");
        let answer = http::request("POST", &url, body.as_bytes()).await;
        assert_eq!(answer.expect("an answer").status, 201);
    }

    /// What the daemon has.
    async fn list(&self) -> Value {
        let url = self.daemon.url("/api/v1/downloads?limit=1000");
        http::request("GET", &url, b"")
            .await
            .expect("an answer")
            .json()
    }

    /// The text of the row of a file.
    async fn row(&mut self, name: &str) -> String {
        let row = format!("{}?.innerText ?? ''", row(name));
        let text = self.tab.value(&row).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the row of a file says something.
    async fn row_says(&mut self, name: &str, said: &str) {
        let says = format!("{}?.innerText.includes({})", row(name), json!(said));
        self.tab.wait(&says).await;
    }

    /// Waits until a dialog is open.
    async fn opens(&mut self, dialog: &str) {
        let is_open = format!("document.querySelector('#{dialog}').open");
        self.tab.wait(&is_open).await;
    }

    /// Presses the key that removes, and waits for the question.
    async fn asks_to_remove(&mut self) {
        self.tab.press("Delete").await;
        self.opens("remove").await;
    }

    /// Waits until so many rows are shown.
    async fn has_rows(&mut self, count: usize) {
        let has = format!("document.querySelectorAll('.row').length == {count}");
        self.tab.wait(&has).await;
    }

    /// Nothing was thrown, and nothing was stopped by the page's own policy.
    async fn is_quiet(&mut self) {
        for event in self.tab.heard().await {
            let method = event["method"].as_str().unwrap_or_default();
            assert_ne!(method, "Runtime.exceptionThrown", "{event}");
            let said = event["params"]["entry"]["text"]
                .as_str()
                .unwrap_or_default();
            assert!(!said.contains("Content Security Policy"), "{event}");
        }
    }
}

async fn start(dir: &TempDir, arguments: &[&str]) -> Daemon {
    let program = Path::new(env!("CARGO_BIN_EXE_haul"));
    Daemon::start(program, dir.path(), arguments).await
}

/// The element of the row of a file.
fn row(name: &str) -> String {
    format!(
        "[...document.querySelectorAll('.row')].find(row => row.querySelector('.name').title == {})",
        json!(name)
    )
}
