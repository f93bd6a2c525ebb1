//! Whether the bytes that a record claims are still what was written: read back and compared with
//! their seals. Knows the disk; whether the remote file is still the same is another question.

use std::sync::Arc;

use crc32fast::Hasher;
use tokio_util::sync::CancellationToken;

use super::Download;
use crate::disk::Scratch;
use crate::error::{Error, Kind};
use crate::plan::seals::{Seal, Seals};
use crate::transfer::Halt;

/// Bytes read at once.
const READ_SIZE: u64 = 1 << 20;

impl Download {
    /// Leaves in the record only the bytes that are on the disk as they were written. A file that
    /// looks as we left it is not read.
    pub(super) async fn forget_unproven(&mut self, scratch: &Arc<dyn Scratch>) -> Result<(), Halt> {
        let record = &mut self.record;
        record
            .seals
            .retain(|seal| record.done.contains(&seal.bytes));
        let stamp = record.stamp;
        let is_untouched = stamp.is_some() && scratch.stamp().ok() == stamp;
        if !is_untouched && !record.seals.is_empty() {
            self.compare_with_seals(scratch).await?;
        }
        let proven = self.record.seals.covered();
        let claimed = std::mem::replace(&mut self.record.done, proven);
        let lost = claimed.len() - self.record.done.len();
        if lost > 0 {
            tracing::warn!(
                id = %self.record.id,
                bytes = lost,
                file = %scratch.path().display(),
                "bytes on the disk are not what was written there; they are fetched again",
            );
        }
        Ok(())
    }

    /// Drops every seal that the file does not keep.
    async fn compare_with_seals(&mut self, scratch: &Arc<dyn Scratch>) -> Result<(), Halt> {
        self.say(Some("checking what is on the disk".to_owned()));
        let seals = self.record.seals.clone();
        let (file, stop) = (scratch.clone(), self.stop.clone());
        let comparing = tokio::task::spawn_blocking(move || kept(seals, &*file, &stop));
        let kept = comparing.await.map_err(|cause| {
            let detail = format!("reading back broke off: {cause}");
            Halt::Failed(Error::new(Kind::DiskIo, detail))
        })?;
        self.record.seals = kept.ok_or(Halt::Stopped)?;
        self.record.stamp = None;
        self.say(None);
        Ok(())
    }
}

/// The seals that the file keeps; `None` when told to stop.
fn kept(mut seals: Seals, file: &dyn Scratch, stop: &CancellationToken) -> Option<Seals> {
    let mut buffer = vec![0; usize::try_from(READ_SIZE).unwrap_or(1)];
    seals.retain(|seal| checksum(seal, file, &mut buffer, stop) == Some(seal.crc));
    (!stop.is_cancelled()).then_some(seals)
}

/// The checksum of what is there now; `None` when told to stop, and when it cannot be read: what a
/// disk does not give back is fetched again.
fn checksum(
    seal: &Seal,
    file: &dyn Scratch,
    buffer: &mut [u8],
    stop: &CancellationToken,
) -> Option<u32> {
    let mut crc = Hasher::new();
    let mut at = seal.bytes.start;
    while at < seal.bytes.end {
        if stop.is_cancelled() {
            return None;
        }
        let len = usize::try_from(READ_SIZE.min(seal.bytes.end - at)).ok()?;
        let piece = &mut buffer[..len];
        file.read_at(piece, at).ok()?;
        crc.update(piece);
        at += len as u64;
    }
    Some(crc.finalize())
}
