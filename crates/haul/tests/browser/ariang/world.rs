//! What each of AriaNg's tests has: a daemon, an origin to download from, and AriaNg's page served from an
//! origin of its own that the daemon allows.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use haul_testkit::daemon::Daemon;
use haul_testkit::http;
use haul_testkit::origin::Origin;
use serde_json::Value;
use tempfile::TempDir;

use super::page::AriaNg;
use crate::chromium::Tab;
use crate::site::Site;

pub(super) const SECRET: &str = "a secret";

/// Long enough for anything that is not stuck, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// The directory of the built page, if there is one.
pub(crate) fn find() -> Option<PathBuf> {
    std::env::var_os("HAUL_TEST_ARIANG").map(PathBuf::from)
}

pub(super) struct World {
    pub(super) daemon: Daemon,
    pub(super) origin: Origin,
    page: Site,
    dir: TempDir,
}

impl World {
    pub(super) async fn new(arguments: &[&str]) -> World {
        let page = Site::of(&find().expect("it was looked for")).await;
        let allowed = page.origin("ariang.example");
        let dir = TempDir::with_prefix("haul-ariang-").expect("a directory");
        let program = Path::new(env!("CARGO_BIN_EXE_haul"));
        let arguments = [&["--allowed-origins", allowed.as_str()], arguments].concat();
        World {
            daemon: Daemon::start(program, dir.path(), &arguments).await,
            origin: Origin::start().await,
            page,
            dir,
        }
    }

    /// A path in its directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The page as it is without any settings.
    pub(super) async fn open(&self, tab: Tab, play: &'static str) -> AriaNg {
        let address = self.page.origin("ariang.example");
        AriaNg::open(tab, &format!("{address}/"), play).await
    }

    /// What waits, in its order, by name.
    pub(super) async fn waiting(&self) -> Vec<String> {
        let call = br#"{"id":1,"method":"aria2.tellWaiting","params":[0,99,["files"]]}"#;
        let answer = http::request("POST", &self.daemon.url("/jsonrpc"), call).await;
        let told = answer.expect("an answer").json();
        let told = told["result"].as_array().expect("a list").iter();
        let urls = told.filter_map(|one| one["files"][0]["uris"][0]["uri"].as_str());
        let names = urls.filter_map(|url| url.rsplit('/').next()?.split('?').next());
        names.map(str::to_owned).collect()
    }

    pub(super) async fn until_waiting(&self, names: &[&str]) {
        let deadline = Instant::now() + PATIENCE;
        while self.waiting().await != names {
            assert!(Instant::now() < deadline, "{:?}", self.waiting().await);
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(super) async fn ask(&self, path: &str) -> Value {
        let bearer = format!("Bearer {SECRET}");
        let headers = [("Authorization", bearer.as_str())];
        let url = self.daemon.url(&format!("/api/v1/{path}"));
        let answer = http::request_with("GET", &url, &headers, b"").await;
        answer.expect("an answer").json()
    }

    /// Waits until the daemon says so.
    pub(super) async fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told = self.ask(path).await;
            if is_so(&told) {
                return told;
            }
            assert!(Instant::now() < deadline, "{path}: {told}");
            tokio::time::sleep(LOOK).await;
        }
    }
}
