//! Before the first block: what there is, whether what is held still counts, and room for the rest.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{AtHand, Download, Prepared, Tries};
use crate::crash::{Point, point};
use crate::disk::Scratch;
use crate::error::{Error, Kind};
use crate::event::Reason;
use crate::limit::Owner;
use crate::plan::ranges::RangeSet;
use crate::plan::resource::Resource;
use crate::plan::split;
use crate::probe::{self, Found, Html, Manner};
use crate::source::Source;
use crate::spec::OnFull;
use crate::transfer::{Halt, Wait};

/// How often the disk is looked at while waiting for room.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// So long a download that is too large for the disk leaves its place to others.
const TOO_LARGE_FOR: Duration = Duration::from_secs(60);

const NOT_THE_FILE: &str = "the file at the new URL is not the one that was begun; what is held is \
                            kept: give another URL, or retry to start over";

impl Download {
    /// Everything that a transfer stands on: what was there before a restart, if it still counts, or a
    /// fresh probe.
    pub(super) async fn prepare(&mut self, tries: &Tries) -> Result<(Prepared, AtHand), Halt> {
        if self.found.is_none()
            && let Some(prepared) = self.resume().await?
        {
            return Ok((prepared, AtHand::Part(None)));
        }
        self.discard();
        self.knows_resource = false;
        // The record of the old bytes goes before the scratch file is written anew, so that no crash
        // leaves new bytes under an old record.
        if std::mem::take(&mut self.is_recorded) {
            point(Point::Discarded);
            self.save().await?;
            point(Point::Forgotten);
        }
        let source = Arc::new(self.source());
        let Found {
            resource,
            opened,
            first_byte,
        } = self.find(&source, tries).await?;
        source.found_at(resource.final_url.clone());
        source.took(first_byte);
        let (scratch, at_hand) = self.begin(&resource, opened).await?;
        self.record.scratch = Some(scratch.path().to_owned());
        self.record.resource = Some(resource.clone());
        let prepared = Prepared {
            source,
            resource: Arc::new(resource),
            scratch,
        };
        Ok((prepared, at_hand))
    }

    fn source(&self) -> Source {
        Source::new(
            self.record.spec.url.clone(),
            self.record.spec.headers.clone(),
            Owner::Download(self.record.id),
        )
    }

    /// What there is, and room for it at this moment. A connection that waits for room keeps none from
    /// others.
    async fn find(&mut self, source: &Source, tries: &Tries) -> Result<Found, Halt> {
        loop {
            let mut found = match self.found.take().filter(Found::is_usable) {
                Some(found) => found,
                None => self.probe(source, tries).await?,
            };
            self.learn(&found.resource);
            let needed = found.resource.size.unwrap_or(0);
            let least = self.context.config.min_free_space;
            if self.free_space() >= needed.saturating_add(least) {
                return Ok(found);
            }
            found.let_go();
            source.ahead.keep(0);
            self.wait_for_room(needed).await?;
            self.found = Some(found);
        }
    }

    async fn probe(&mut self, source: &Source, tries: &Tries) -> Result<Found, Halt> {
        let html = if self.record.spec.accept_html {
            Html::Accept
        } else {
            Html::Refuse
        };
        loop {
            let manner = tries
                .manner
                .unwrap_or(Manner::Block(self.tuning.borrow().block_size));
            if matches!(manner, Manner::Block(_)) {
                source.ahead.allow(self.other_threads());
            }
            let stop = self.stop.clone();
            let answer = tokio::select! {
                () = stop.cancelled() => return Err(Halt::Stopped),
                answer = probe::probe(&self.context.client, source, manner, html) => answer,
            };
            match answer {
                Ok(mut found) => {
                    self.has_begun = true;
                    let of_use = blocks_to_come(&found).min(self.other_threads());
                    source.ahead.keep(of_use);
                    self.gather(&mut found).await?;
                    return Ok(found);
                }
                Err(error) => {
                    source.ahead.keep(0);
                    self.wait_after(&error).await?;
                }
            }
        }
    }

    /// Threads besides the one that has the first block.
    fn other_threads(&self) -> usize {
        usize::from(self.tuning.borrow().threads).saturating_sub(1)
    }

    /// A small file that comes whole and at once is here before anything else happens.
    async fn gather(&self, found: &mut Found) -> Result<(), Halt> {
        let size = found.resource.size;
        // Under a limit bytes count as they come.
        if self.rates.piece().is_some() {
            return Ok(());
        }
        let Some(opened) = found.opened.take_if(|opened| opened.len == size) else {
            return Ok(());
        };
        tokio::select! {
            biased;
            gathered = self.context.shelf.gather(opened) => {
                found.opened = Some(gathered);
                Ok(())
            }
            () = self.stop.cancelled() => Err(Halt::Stopped),
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
        let is_whole = |done: &RangeSet| done.len() == size;
        let is_of_use = |done: &RangeSet| is_whole(done) || (resource.ranges && !done.is_empty());
        if !is_of_use(&record.done) {
            return Ok(None);
        }
        // A file that is missing or has another length is not the one that we left.
        let Some(scratch) = self.open(&path)? else {
            return Ok(None);
        };
        if scratch.len().ok() != Some(size) {
            return Ok(None);
        }
        self.forget_unproven(&scratch).await?;
        if !is_of_use(&self.record.done) {
            return Ok(None);
        }
        let source = Arc::new(self.source());
        source.found_at(resource.final_url.clone());
        if !is_whole(&self.record.done) && !self.prove_held(&source, &resource, &scratch).await? {
            if std::mem::take(&mut self.record.url_replaced) {
                // More likely a wrong URL than a new version: what is held is not given up for it.
                let error = Error::new(Kind::Changed, NOT_THE_FILE).at(&source.home);
                return Err(Halt::Failed(error));
            }
            tracing::info!(id = %self.record.id, "the remote file is not the one that was begun: starting over");
            return Ok(None);
        }
        if std::mem::take(&mut self.record.url_replaced) {
            // The new URL has shown itself to be the file's: from now on a lost network is waited for.
            self.has_begun = true;
            self.save().await?;
        }
        self.learn(&resource);
        Ok(Some(Prepared {
            source,
            resource: Arc::new(resource),
            scratch,
        }))
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
    pub(super) async fn fresh_scratch(
        &mut self,
        size: Option<u64>,
    ) -> Result<Arc<dyn Scratch>, Halt> {
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
                Ok(scratch) => {
                    point(Point::Reserved);
                    return Ok(scratch);
                }
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

    /// Returns when `needed` bytes can be taken and the least free space is still kept. Whoever waits
    /// for its turn may have the place meanwhile, unless nobody could write anything.
    pub(super) async fn wait_for_room(&mut self, needed: u64) -> Result<(), Halt> {
        let least = self.context.config.min_free_space;
        loop {
            let free = self.free_space();
            if free >= needed.saturating_add(least) {
                self.say(None);
                return Ok(());
            }
            let why = format!(
                "waiting for disk space: {needed} bytes needed and {least} kept free, {free} are free"
            );
            self.wait_a_little_for_room(why.clone()).await?;
            // It is too large for this disk, others may not be.
            if free >= least && *self.context.place_wanted.borrow() {
                return Err(Halt::Waits(Wait {
                    until: Instant::now() + TOO_LARGE_FOR,
                    failures: self.failures,
                    reason: Reason::disk_space(why),
                }));
            }
        }
    }

    /// Free bytes where the file goes; as many as one likes where that cannot be told.
    fn free_space(&self) -> u64 {
        let free = self.context.disk.free_space(&self.dir());
        free.unwrap_or(u64::MAX)
    }

    /// How a download that has left its place waits for room: among the queued, so that it comes back
    /// by way of a place.
    pub(super) fn wait_outside_for_room(&self) -> Halt {
        let why = "waiting for disk space: the disk or a quota is full".to_owned();
        match self.check_may_wait_for_room(&why) {
            Err(halt) => halt,
            Ok(()) => Halt::Waits(Wait {
                until: Instant::now() + LOOK_AGAIN,
                failures: self.failures,
                reason: Reason::disk_space(why),
            }),
        }
    }

    pub(super) async fn wait_a_little_for_room(&self, why: String) -> Result<(), Halt> {
        self.check_may_wait_for_room(&why)?;
        self.say(Some(Reason::disk_space(why)));
        self.sleep(LOOK_AGAIN).await
    }

    fn check_may_wait_for_room(&self, why: &str) -> Result<(), Halt> {
        if self.context.config.on_full == OnFull::Fail {
            let dir = self.dir();
            let detail = format!(
                "no room in {}; make some and repeat the download, it goes on from here ({why})",
                dir.display()
            );
            return Err(Halt::Failed(Error::new(Kind::DiskFull, detail)));
        }
        Ok(())
    }
}

/// How many blocks there can be behind the one that came with the first answer.
fn blocks_to_come(found: &Found) -> usize {
    let (Some(size), Some(opened)) = (found.resource.size, &found.opened) else {
        return 0;
    };
    if !found.resource.ranges {
        return 0;
    }
    let missing = size - opened.len.unwrap_or(size).min(size);
    usize::try_from(missing.div_ceil(split::MIN_BLOCK)).unwrap_or(usize::MAX)
}
