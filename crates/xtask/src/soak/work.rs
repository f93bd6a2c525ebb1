//! What the daemon is given to do: files of an origin of ours, each with bytes of its own, added in
//! batches so that the queue is never empty and never long.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use haul_testkit::daemon::Daemon;
use haul_testkit::http;
use haul_testkit::origin::{self, Origin};
use serde_json::json;

/// Downloads in one request.
const BATCH: usize = 250;

/// Most downloads that wait or run.
const MOST_AHEAD: usize = 2000;

/// Bytes of one file.
const SIZE: u64 = 4096;

pub(super) struct Work {
    origin: Origin,
    dir: PathBuf,
    added: usize,
}

impl Work {
    /// For a daemon whose working directory is `dir`.
    pub(super) async fn begin(dir: &Path) -> Work {
        Work {
            origin: Origin::start().await,
            dir: dir.to_owned(),
            added: 0,
        }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Adds batches while fewer than [`MOST_AHEAD`] wait or run, up to `downloads` in all.
    pub(super) async fn feed(
        &mut self,
        daemon: &Daemon,
        completed: usize,
        downloads: usize,
    ) -> Result<()> {
        let wanted = downloads.min(completed + MOST_AHEAD);
        while self.added < wanted {
            let last = wanted.min(self.added + BATCH);
            let urls: Vec<String> = (self.added..last).map(|n| self.url(n)).collect();
            let body = json!({ "urls": urls }).to_string();
            let url = daemon.url("/api/v1/downloads");
            let answer = http::request("POST", &url, body.as_bytes()).await?;
            if answer.status != 201 {
                bail!(
                    "POST /downloads answers {}: {}",
                    answer.status,
                    answer.text()
                );
            }
            self.added = last;
        }
        Ok(())
    }

    fn url(&self, number: usize) -> String {
        let (name, seed) = (name(number), number);
        self.origin
            .url(&format!("/{name}?size={SIZE}&seed={seed}"))
            .into()
    }

    /// How many of the first `downloads` files are missing or not what the origin has.
    pub(super) fn wrong(&self, downloads: usize) -> usize {
        let is_right = |number: &usize| {
            let held = std::fs::read(self.dir.join("files").join(name(*number)));
            held.is_ok_and(|held| held == origin::content(*number as u64, 0..SIZE))
        };
        downloads - (0..downloads).filter(is_right).count()
    }
}

/// As long as names are in real life.
fn name(number: usize) -> String {
    format!("holiday-video-{number:06}.mp4")
}
