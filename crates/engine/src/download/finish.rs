//! Trouble with the disk, up to the final name, and what can be done about it: the scratch file is
//! lost, the database has no room, no rename leads to the target.

use std::io::IoSlice;
use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Download;
use crate::deliver;
use crate::disk::{self, Disk, Scratch, ScratchDir, Standing};
use crate::error::{Error, Kind, Result};
use crate::folder::sync_dir;
use crate::spec::OnFull;
use crate::store::Record;
use crate::transfer::Halt;

/// Bytes that are carried at once.
const PIECE: u64 = 1 << 20;

impl Download {
    /// Fails when the scratch file is no longer what was written: its bytes cannot be delivered.
    pub(super) fn check_standing(scratch: &dyn Scratch) -> Result<(), Halt> {
        match scratch.standing() {
            Ok(Standing::Sound) => Ok(()),
            Ok(lost) => Err(Halt::Lost(loss(scratch, lost))),
            Err(cause) => Err(Halt::Failed(Error::disk("look at", scratch.path(), &cause))),
        }
    }

    /// The same failure, or that the scratch file is lost, which explains it.
    pub(super) fn explain(halt: Halt, scratch: &dyn Scratch) -> Halt {
        match (&halt, scratch.standing()) {
            (Halt::Failed(error), Ok(lost))
                if error.kind == Kind::DiskIo && lost != Standing::Sound =>
            {
                Halt::Lost(loss(scratch, lost))
            }
            _ => halt,
        }
    }

    /// Whether files may go to its own directory, if it has one.
    pub(super) fn check_dir(&self) -> Result<(), Halt> {
        match &self.record.spec.dir {
            Some(own) => deliver::check_own_dir(own, &self.context.config).map_err(Halt::Failed),
            None => Ok(()),
        }
    }

    /// Writes a record, and waits while the database has no room for it.
    pub(super) async fn put(&self, record: Record) -> Result<(), Halt> {
        loop {
            let error = match self.context.store.advance(vec![record.clone()]).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if error.kind != Kind::DiskFull || self.context.config.on_full == OnFull::Fail {
                return Err(Halt::Failed(error));
            }
            let why = format!("waiting for disk space: {}", error.detail);
            self.wait_a_little_for_room(why).await?;
        }
    }

    /// Carries the bytes to a scratch file beside the target, from where a rename leads there.
    pub(super) async fn carry(
        &mut self,
        scratch: &Arc<dyn Scratch>,
    ) -> Result<Arc<dyn Scratch>, Halt> {
        let path = disk::beside(self.record.id, &self.dir());
        if path == scratch.path() {
            let cause = std::io::ErrorKind::CrossesDevices.into();
            return Err(Halt::Failed(Error::disk("deliver from", &path, &cause)));
        }
        loop {
            let (from, to, stop) = (scratch.clone(), path.clone(), self.stop.clone());
            let disk = self.context.disk.clone();
            let copying = tokio::task::spawn_blocking(move || {
                let copied = copy(&*disk, &*from, &to, &stop);
                if !matches!(copied, Ok(Some(_))) {
                    let _ = std::fs::remove_file(&to);
                }
                copied
            });
            let broken = |cause| {
                Err(Error::new(
                    Kind::DiskIo,
                    format!("copying broke off: {cause}"),
                ))
            };
            match copying.await.unwrap_or_else(broken) {
                Ok(Some(carried)) => {
                    self.record.scratch = Some(path);
                    self.save().await?;
                    // The record speaks of the copy now; the old entry becomes a link to it.
                    let _ = std::fs::remove_file(scratch.path());
                    let _ = self.scratch_dir().note(self.record.id, carried.path());
                    return Ok(carried);
                }
                Ok(None) => return Err(Halt::Stopped),
                Err(error) if error.kind == Kind::DiskFull => {
                    let needed = scratch.len().unwrap_or(0);
                    self.wait_a_little_for_room(format!("waiting for disk space: {error}"))
                        .await?;
                    self.wait_for_room(needed).await?;
                }
                Err(error) => return Err(Halt::Failed(error)),
            }
        }
    }

    /// A scratch file of which nothing counts only takes room.
    pub(super) fn drop_useless_scratch(&mut self) {
        if self.record.done.is_empty()
            && let Some(scratch) = self.record.scratch.take()
        {
            let _ = std::fs::remove_file(&scratch);
            self.scratch_dir().forget(self.record.id, &scratch);
        }
    }

    /// Makes sure of a name that an earlier run has given, before it is called delivered.
    pub(super) async fn sync_target(&self) -> Result<(), Halt> {
        let Some(dir) = self.record.path.as_deref().and_then(Path::parent) else {
            return Ok(());
        };
        let place = dir.to_owned();
        let synced = tokio::task::spawn_blocking(move || sync_dir(&place)).await;
        let synced = synced.unwrap_or_else(|broken| Err(std::io::Error::other(broken)));
        synced.map_err(|cause| Halt::Failed(Error::disk("sync the directory", dir, &cause)))
    }

    /// Where scratch files are.
    pub(super) fn scratch_dir(&self) -> ScratchDir {
        ScratchDir::of(&self.context.config.state_dir)
    }
}

fn loss(scratch: &dyn Scratch, lost: Standing) -> Error {
    let path = scratch.path().display();
    let detail = format!(
        "the scratch file {path} {lost} while it was in use; keep other programs away from it"
    );
    Error::new(Kind::DiskIo, detail)
}

/// A synced copy of a scratch file; `None` when told to stop.
fn copy(
    disk: &dyn Disk,
    from: &dyn Scratch,
    to: &Path,
    stop: &CancellationToken,
) -> Result<Option<Arc<dyn Scratch>>> {
    let fail_to = |cause| Error::disk("copy to", to, &cause);
    let fail_from = |cause| Error::disk("copy from", from.path(), &cause);
    let len = from.len().map_err(fail_from)?;
    let copy = disk.create(to).map_err(fail_to)?;
    copy.reserve(len).map_err(fail_to)?;
    let mut buffer = vec![0; usize::try_from(PIECE.min(len)).unwrap_or(0)];
    let mut at = 0;
    while at < len {
        if stop.is_cancelled() {
            return Ok(None);
        }
        let piece = usize::try_from(PIECE.min(len - at)).unwrap_or(buffer.len());
        from.read_at(&mut buffer[..piece], at).map_err(fail_from)?;
        copy.write_at(&mut [IoSlice::new(&buffer[..piece])], at)
            .map_err(fail_to)?;
        at += piece as u64;
    }
    copy.sync().map_err(fail_to)?;
    copy.sync_name().map_err(fail_to)?;
    Ok(Some(copy))
}
