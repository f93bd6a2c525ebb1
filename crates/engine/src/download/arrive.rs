//! The last step of a download: the file gets its final name, or makes way for one that is there.
//! Knows nothing of how the bytes came.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Download, Settled};
use crate::crash::{Point, point};
use crate::deliver::{self, Bounds, Placed, Target};
use crate::disk::Scratch;
use crate::error::{Error, Kind, Result};
use crate::folder::make_dirs;
use crate::plan::resource::Resource;
use crate::plan::state::Input;
use crate::store::Record;
use crate::transfer::Halt;

impl Download {
    /// Whether an earlier run was cut short between the rename and its record.
    pub(super) fn was_delivered(&self) -> bool {
        let (Some(path), Some(inode), Some(scratch)) =
            (&self.record.path, self.record.inode, &self.record.scratch)
        else {
            return false;
        };
        deliver::is_delivered(scratch, path, inode, self.record.done.len())
    }

    /// Where the file will go, when that is clear before its bytes are fetched.
    pub(super) fn early_target(&mut self, resource: &Resource) -> Result<Option<Target>, Halt> {
        use crate::spec::OnConflict::{Fail, Skip};
        let before = self.settle(Settled::All);
        let target = match self.record.spec.on_conflict {
            Skip | Fail => Some(self.target(resource).map_err(Halt::Failed)?),
            _ => None,
        };
        if !matches!(target, Some(Target::Exists(_))) {
            self.settle(before);
        }
        Ok(target)
    }

    fn target(&self, resource: &Resource) -> Result<Target> {
        deliver::choose(
            &self.dir(),
            &self.wanted_name(resource),
            self.record.spec.on_conflict,
        )
    }

    /// Moves the file to its final name. Recorded before and after, so that a crash at any point
    /// neither loses it nor delivers it twice.
    pub(super) async fn deliver(
        &mut self,
        mut scratch: Arc<dyn Scratch>,
        resource: &Resource,
    ) -> Result<(), Halt> {
        self.settle(Settled::All);
        self.enter(Input::Verified);
        loop {
            self.check_dir()?;
            let path = match self.target(resource).map_err(Halt::Failed)? {
                Target::Exists(path) => return self.skip(path).await,
                Target::Place(path) => path,
            };
            let inode = scratch
                .inode()
                .map_err(|cause| Halt::Failed(Error::disk("look at", scratch.path(), &cause)))?;
            self.record.path = Some(path.clone());
            self.record.inode = Some(inode);
            self.save().await?;
            point(Point::Targeted);
            // A rename moves whatever has the name by now: it has to be the file that we wrote.
            Self::check_standing(&*scratch)?;
            match self.place(scratch.path().to_owned(), path).await {
                Ok(Placed::Done) => {
                    point(Point::Delivered);
                    return self.complete().await;
                }
                Ok(Placed::Taken) => {}
                Ok(Placed::FarAway) => scratch = self.carry(&scratch).await?,
                Err(error) if error.kind == Kind::DiskFull => {
                    self.wait_a_little_for_room(format!("waiting for disk space: {error}"))
                        .await?;
                }
                // It may have come as far as the rename: then nothing is lost.
                Err(error) if self.was_delivered() => return Err(Halt::Failed(error)),
                Err(error) => return Err(Self::explain(Halt::Failed(error), &*scratch)),
            }
        }
    }

    async fn place(&self, scratch: PathBuf, path: PathBuf) -> Result<Placed> {
        let on_conflict = self.record.spec.on_conflict;
        let (own, config) = (self.record.spec.dir.clone(), self.context.config.clone());
        let placed = tokio::task::spawn_blocking(move || {
            if let Some(dir) = path.parent() {
                make_dirs(dir, 0o777)
                    .map_err(|cause| Error::disk("make the directory", dir, &cause))?;
            }
            let bounds = Bounds::of(own.as_deref(), &config);
            deliver::place(&scratch, &path, on_conflict, bounds)
        });
        let broken = |cause| {
            Err(Error::new(
                Kind::DiskIo,
                format!("delivering broke off: {cause}"),
            ))
        };
        placed.await.unwrap_or_else(broken)
    }

    /// A file of that name is there and wanted to stay: nothing is delivered.
    pub(super) async fn skip(&mut self, path: PathBuf) -> Result<(), Halt> {
        let resource = self.record.resource.take();
        self.discard();
        let there = std::fs::metadata(&path).ok().map(|file| file.len());
        self.record.resource = resource.map(|known| Resource {
            size: there,
            ..known
        });
        self.record.path = Some(path);
        self.record.skipped = true;
        self.complete().await
    }

    /// The record says completed when the store says so too: until then a retry can tell by the inode
    /// that the file is there.
    pub(super) async fn complete(&mut self) -> Result<(), Halt> {
        let completed = self.record.completed();
        self.put(completed.clone()).await?;
        point(Point::Completed);
        self.become_completed(completed);
        Ok(())
    }

    /// The store says completed.
    pub(super) fn become_completed(&mut self, completed: Record) {
        if let Some(scratch) = self.record.scratch.take() {
            self.scratch_dir().forget(self.record.id, &scratch);
        }
        self.record = completed;
    }
}
