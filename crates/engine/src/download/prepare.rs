//! Before the first block: what there is, whether what is held still counts, and room for the rest.

use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;

use super::{Download, Prepared, Tries};
use crate::disk::Scratch;
use crate::error::{Error, Kind, Result};
use crate::fetch;
use crate::http::Client;
use crate::opened::read_all;
use crate::plan::ranges::RangeSet;
use crate::plan::resource::Resource;
use crate::probe::{self, Found, Html, Manner};
use crate::source::Source;
use crate::spec::OnFull;
use crate::transfer::Halt;

/// How many held bytes are fetched again to prove that the remote file is still the same, when it has
/// no strong validator.
const PROOF: u64 = 64 << 10;

/// Of how many held ranges, at most.
const MOST_WINDOWS: usize = 16;

/// How often the disk is looked at while waiting for room.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl Download {
    /// Everything that a transfer stands on: what was there before a restart, if it still counts, or a
    /// fresh probe.
    pub(super) async fn prepare(&mut self, tries: &Tries) -> Result<Prepared, Halt> {
        if self.found.is_none()
            && let Some(prepared) = self.resume().await?
        {
            return Ok(prepared);
        }
        self.discard();
        self.knows_resource = false;
        // The record of the old bytes goes before the scratch file is written anew, so that no crash
        // leaves new bytes under an old record.
        if std::mem::take(&mut self.is_recorded) {
            self.save().await?;
        }
        let source = Arc::new(self.source());
        let Found {
            resource,
            opened,
            first_byte,
        } = match self.found.take().filter(Found::is_usable) {
            Some(found) => found,
            None => self.probe(&source, tries).await?,
        };
        source.found_at(resource.final_url.clone());
        self.learn(&resource);
        let scratch = self.fresh_scratch(resource.size).await?;
        self.record.scratch = Some(scratch.path().to_owned());
        self.record.resource = Some(resource.clone());
        Ok(Prepared {
            source,
            resource: Arc::new(resource),
            scratch,
            opened,
            setup: first_byte,
        })
    }

    fn source(&self) -> Source {
        Source::new(
            self.record.spec.url.clone(),
            self.record.spec.headers.clone(),
        )
    }

    async fn probe(&mut self, source: &Source, tries: &Tries) -> Result<Found, Halt> {
        let html = if self.record.spec.accept_html {
            Html::Accept
        } else {
            Html::Refuse
        };
        let mut failures = 0;
        loop {
            let manner = tries
                .manner
                .unwrap_or(Manner::Block(self.tuning.borrow().block_size));
            let stop = self.stop.clone();
            let answer = tokio::select! {
                () = stop.cancelled() => return Err(Halt::Stopped),
                answer = probe::probe(&self.context.client, source, manner, html) => answer,
            };
            match answer {
                Ok(found) => return Ok(found),
                Err(error) => {
                    failures += 1;
                    self.wait_after(&error, failures).await?;
                }
            }
        }
    }

    /// What an earlier run has left, if it can be built upon.
    async fn resume(&mut self) -> Result<Option<Prepared>, Halt> {
        let record = &self.record;
        let (Some(resource), Some(path)) = (record.resource.clone(), record.scratch.clone()) else {
            return Ok(None);
        };
        let Some(size) = resource.size else {
            return Ok(None);
        };
        // Without ranges only a whole file is of use; with them any part is.
        let is_whole = record.done.len() == size;
        if !is_whole && (!resource.ranges || record.done.is_empty()) {
            return Ok(None);
        }
        // A file that is missing or has another length is not the one that we left.
        let Some(scratch) = self.open(&path)? else {
            return Ok(None);
        };
        if scratch.len().ok() != Some(size) {
            return Ok(None);
        }
        let source = Arc::new(self.source());
        source.found_at(resource.final_url.clone());
        if !is_whole
            && !resource.validators.is_strong()
            && !self.prove(&source, &resource, &scratch).await?
        {
            tracing::info!(id = %self.record.id, "the remote file is not the one that was begun: starting over");
            return Ok(None);
        }
        self.learn(&resource);
        Ok(Some(Prepared {
            source,
            resource: Arc::new(resource),
            scratch,
            opened: None,
            setup: Duration::ZERO,
        }))
    }

    /// Whether the remote file still has the bytes that we hold: the ends of several held ranges are
    /// fetched again and compared.
    async fn prove(
        &mut self,
        source: &Source,
        resource: &Resource,
        scratch: &Arc<dyn Scratch>,
    ) -> Result<bool, Halt> {
        let proof = PROOF.min(self.tuning.borrow().block_size);
        for window in windows(&self.record.done, proof) {
            let mut held = vec![0; usize::try_from(window.end - window.start).unwrap_or(0)];
            if scratch.read_at(&mut held, window.start).is_err() {
                return Ok(false);
            }
            match self.fetch_again(source, resource, &window).await? {
                Some(fetched) if fetched == held => {}
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The bytes of a window; `None` when the remote file is another one.
    async fn fetch_again(
        &mut self,
        source: &Source,
        resource: &Resource,
        window: &Range<u64>,
    ) -> Result<Option<Bytes>, Halt> {
        let mut failures = 0;
        loop {
            let stop = self.stop.clone();
            let fetched = tokio::select! {
                () = stop.cancelled() => return Err(Halt::Stopped),
                fetched = fetch_all(&self.context.client, source, resource, window) => fetched,
            };
            match fetched {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(error) if error.kind == Kind::Changed => return Ok(None),
                Err(error) => {
                    failures += 1;
                    self.wait_after(&error, failures).await?;
                }
            }
        }
    }

    /// Shows what the probe learned.
    fn learn(&self, resource: &Resource) {
        let path = self.dir().join(self.wanted_name(resource));
        let name = self.wanted_name(resource);
        let done = self.record.done.len();
        self.context.live.update(self.record.id, |view| {
            view.name = name.into();
            view.path = Some(path.into());
            view.done = done;
            view.learn(resource);
        });
    }

    /// An empty scratch file with room for `size` bytes.
    async fn fresh_scratch(&mut self, size: Option<u64>) -> Result<Arc<dyn Scratch>, Halt> {
        self.check_dir()?;
        let path = self.scratch_dir().place(self.record.id, &self.dir());
        loop {
            self.wait_for_room(size.unwrap_or(0)).await?;
            let (entries, disk, id) = (
                self.scratch_dir(),
                self.context.disk.clone(),
                self.record.id,
            );
            let place = path.clone();
            let making = tokio::task::spawn_blocking(move || {
                entries.note(id, &place)?;
                let scratch = disk.create(&place)?;
                // What was taken is given back when it does not suffice.
                scratch
                    .reserve(size.unwrap_or(0))
                    .inspect_err(|_| drop(std::fs::remove_file(&place)))?;
                Ok(scratch)
            });
            let broken = |cause| Err(std::io::Error::other(cause));
            let cause = match making.await.unwrap_or_else(broken) {
                Ok(scratch) => return Ok(scratch),
                Err(cause) => cause,
            };
            let error = Error::disk("make room in", &path, &cause);
            if error.kind != Kind::DiskFull {
                return Err(Halt::Failed(error));
            }
            // Another writer was faster.
            self.wait_a_little_for_room("waiting for disk space".to_owned())
                .await?;
        }
    }

    /// The scratch file of an earlier run; `None` when there is none that could be ours.
    fn open(&self, path: &Path) -> Result<Option<Arc<dyn Scratch>>, Halt> {
        match self.context.disk.open(path) {
            Ok(scratch) => Ok(Some(scratch)),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(Halt::Failed(Error::disk("open", path, &cause))),
        }
    }

    /// Returns when `needed` bytes can be taken and the least free space is still kept.
    pub(super) async fn wait_for_room(&mut self, needed: u64) -> Result<(), Halt> {
        let least = self.context.config.min_free_space;
        loop {
            let free = self
                .context
                .disk
                .free_space(&self.dir())
                .unwrap_or(u64::MAX);
            if free >= needed.saturating_add(least) {
                self.say(None);
                return Ok(());
            }
            let why = format!(
                "waiting for disk space: {needed} bytes needed and {least} kept free, {free} are free"
            );
            self.wait_a_little_for_room(why).await?;
        }
    }

    pub(super) async fn wait_a_little_for_room(&self, why: String) -> Result<(), Halt> {
        if self.context.config.on_full == OnFull::Fail {
            let dir = self.dir();
            let detail = format!(
                "no room in {}; make some and repeat the download, it goes on from here ({why})",
                dir.display()
            );
            return Err(Halt::Failed(Error::new(Kind::DiskFull, detail)));
        }
        self.say(Some(why));
        self.sleep(LOOK_AGAIN).await
    }
}

/// The last bytes of held ranges, `len` of each at most: of all, or of some that are spread evenly and
/// include the first and the last.
fn windows(held: &RangeSet, len: u64) -> Vec<Range<u64>> {
    let ranges: Vec<Range<u64>> = held.iter().collect();
    let count = ranges.len().min(MOST_WINDOWS);
    (0..count)
        .map(|n| &ranges[n * (ranges.len() - 1) / (count - 1).max(1)])
        .map(|range| range.end - (range.end - range.start).min(len)..range.end)
        .collect()
}

/// All bytes of a window.
async fn fetch_all(
    client: &Client,
    source: &Source,
    resource: &Resource,
    window: &Range<u64>,
) -> Result<Bytes> {
    let asked = (window.start, window.end - 1);
    let turn = AtomicBool::new(false);
    let (body, len) = fetch::block(client, source, resource, asked, &turn).await?;
    let bytes = read_all(body, len).await?;
    if len == window.end - window.start {
        return Ok(bytes);
    }
    Err(Error::passing(Kind::Protocol, "the server sends less than asked for").at(&source.home))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proof_is_taken_from_the_ends_of_ranges_first_and_last_included() {
        let held: RangeSet = [0..10, 20..30, 40..45].into_iter().collect();
        assert_eq!(windows(&held, 6), [4..10, 24..30, 40..45]);
        let many: RangeSet = (0..100).map(|n| n * 10..n * 10 + 5).collect();
        let windows = windows(&many, 5);
        assert_eq!(windows.len(), MOST_WINDOWS);
        assert_eq!(
            (&windows[0], &windows[MOST_WINDOWS - 1]),
            (&(0..5), &(990..995))
        );
        assert!(super::windows(&RangeSet::new(), 5).is_empty());
    }
}
