//! Before the first block: what there is, whether what is held still counts, and room for the rest.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use tokio::time::Instant;

use super::again::Tries;
use super::{AtHand, Download, Prepared};
use crate::crash::{Point, point};
use crate::disk::Scratch;
use crate::error::{Error, Kind};
use crate::plan::ranges::RangeSet;
use crate::plan::resource::Resource;
use crate::plan::split;
use crate::probe::{self, Found, Html, Manner};
use crate::source::Source;
use crate::sources::is_no_use;
use crate::transfer::Halt;

const NOT_THE_FILE: &str = "the file at the new URL is not the one that was begun; what is held is \
                            kept: give another URL, or retry to start over";

impl Download {
    /// Everything that a transfer stands on: what was there before a restart, if it still counts, or a
    /// fresh probe.
    pub(super) async fn prepare(&mut self, tries: &mut Tries) -> Result<(Prepared, AtHand), Halt> {
        if self.found.is_none()
            && let Some(prepared) = self.resume(tries).await?
        {
            return Ok((prepared, AtHand::Part(None)));
        }
        self.discard();
        tries.sources.start_over();
        self.knows_resource = false;
        // The record of the old bytes goes before the scratch file is written anew, so that no crash
        // leaves new bytes under an old record.
        if std::mem::take(&mut self.is_recorded) {
            point(Point::Discarded);
            self.save().await?;
            point(Point::Forgotten);
        }
        let (at, found) = self.find(tries).await?;
        let Found {
            resource,
            opened,
            first_byte,
        } = found;
        let source = tries.sources.source(at);
        source.found_at(resource.final_url.clone());
        source.took(first_byte);
        self.record.mirror = (at > 0).then(|| source.home.clone());
        self.record.mixed = !tries.sources.is_alone();
        let (scratch, at_hand) = self.begin(&resource, opened).await?;
        self.record.scratch = Some(scratch.path().to_owned());
        self.record.resource = Some(resource.clone());
        let resource = Arc::new(resource);
        tries.sources.leads(at, resource.clone());
        tries.sources.proven(at, resource.clone());
        Ok((Prepared { resource, scratch }, at_hand))
    }

    /// What there is, at which of the sources, and room for it at this moment. A connection that waits
    /// for room keeps none from others.
    async fn find(&mut self, tries: &mut Tries) -> Result<(usize, Found), Halt> {
        // What a probe before its turn has found was at the URL itself.
        let mut at = 0;
        loop {
            let mut found = match self.found.take().filter(Found::is_usable) {
                Some(found) => found,
                None => {
                    let (answered, found) = self.probe(tries).await?;
                    at = answered;
                    found
                }
            };
            self.learn(&found.resource);
            let needed = found.resource.size.unwrap_or(0);
            let least = self.context.config.min_free_space;
            if self.free_space() >= needed.saturating_add(least) {
                return Ok((at, found));
            }
            found.let_go();
            tries.sources.source(at).ahead.keep(0);
            self.wait_for_room(needed).await?;
            self.found = Some(found);
        }
    }

    /// Whether a page may be the file.
    pub(super) fn html(&self) -> Html {
        if self.record.spec.accept_html {
            Html::Accept
        } else {
            Html::Refuse
        }
    }

    /// Asks one source after the other what there is, until one has a file.
    async fn probe(&mut self, tries: &mut Tries) -> Result<(usize, Found), Halt> {
        loop {
            for at in tries.sources.in_turn() {
                let source = tries.sources.source(at).clone();
                match self.probe_at(&source, tries.manner).await? {
                    Ok(mut found) => {
                        self.has_begun = true;
                        self.gather(&mut found).await?;
                        return Ok((at, found));
                    }
                    Err(error) if is_no_use(&error) => tries.sources.set_aside(at, error),
                    Err(error) => tries.sources.rests(at, Instant::now(), 0, error),
                }
            }
            self.wait_after(&tries.sources.verdict()).await?;
        }
    }

    async fn probe_at(
        &self,
        source: &Source,
        manner: Option<Manner>,
    ) -> Result<Result<Found, Error>, Halt> {
        let manner = manner.unwrap_or(Manner::Block(self.tuning.borrow().block_size));
        if matches!(manner, Manner::Block(_)) {
            source.ahead.allow(self.other_threads());
        }
        let probing = probe::probe(&self.context.client, source, manner, self.html());
        let answer = self.asking(probing).await?;
        let of_use = |found: &Found| blocks_to_come(found).min(self.other_threads());
        source.ahead.keep(answer.as_ref().map_or(0, of_use));
        Ok(answer)
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
    async fn resume(&mut self, tries: &mut Tries) -> Result<Option<Prepared>, Halt> {
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
        let resource = Arc::new(resource);
        // Where the mirror that has said this is no longer among them, nobody has.
        let lead = match &self.record.mirror {
            None => Some(0),
            Some(mirror) => tries.sources.find(mirror),
        };
        if let Some(lead) = lead {
            tries
                .sources
                .source(lead)
                .found_at(resource.final_url.clone());
            tries.sources.leads(lead, resource.clone());
        }
        if self.record.mixed {
            tries.sources.inherit(&self.record.done);
        }
        // With the last byte the sources are compared anyway, unless one of them vouches for all.
        let is_settled = tries.sources.is_alone()
            || self.record.spec.checksum.is_some()
            // One answer is one version.
            || !resource.ranges;
        let is_proven = if is_whole(&self.record.done) && is_settled {
            let lead = tries.sources.lead();
            tries.sources.proven(lead, resource.clone());
            true
        } else {
            self.prove_held(tries, &resource, &scratch).await?
        };
        if !is_proven {
            if std::mem::take(&mut self.record.url_replaced) {
                // More likely a wrong URL than a new version: what is held is not given up for it.
                let error = Error::new(Kind::Changed, NOT_THE_FILE).at(&self.record.spec.url);
                return Err(Halt::Failed(error));
            }
            tracing::info!(id = %self.record.id, "the remote file is not the one that was begun: starting over");
            return Ok(None);
        }
        let resource = match lead {
            Some(_) => resource,
            None => self.follow_another(tries, &resource).await?,
        };
        let is_right = tries.sources.known(0).is_some();
        if is_right && std::mem::take(&mut self.record.url_replaced) {
            // The new URL has shown itself to be the file's: from now on a lost network is waited for.
            self.has_begun = true;
            self.save().await?;
        }
        // Before the first byte of another source, so that no crash leaves a mixed file that says
        // it is none.
        if !self.record.mixed && !tries.sources.is_alone() {
            self.record.mixed = true;
            self.save().await?;
        }
        self.learn(&resource);
        Ok(Some(Prepared { resource, scratch }))
    }

    /// Whoever has said what the file is, is no longer asked: from now on another one is believed that has
    /// the bytes.
    async fn follow_another(
        &mut self,
        tries: &mut Tries,
        before: &Arc<Resource>,
    ) -> Result<Arc<Resource>, Halt> {
        let sources = &mut tries.sources;
        let at = sources.witnesses().first().copied().unwrap_or(0);
        let said = sources.known(at).unwrap_or(before);
        let resource = Arc::new(Resource {
            name: before.name.clone(),
            ..Resource::clone(said)
        });
        self.record.mirror = (at > 0).then(|| sources.source(at).home.clone());
        self.record.resource = Some(Resource::clone(&resource));
        sources.leads(at, resource.clone());
        self.save().await?;
        Ok(resource)
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

    /// An empty scratch file with room for `size` bytes. While there is none, `let_go` is told.
    pub(super) async fn fresh_scratch(
        &mut self,
        size: Option<u64>,
        mut let_go: impl FnMut() + Send,
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
            // Another writer was faster, or a quota is used up.
            let_go();
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
