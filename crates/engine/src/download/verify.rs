//! Is the file what the user expects? Compares its digest with the expected one, when there is one.

use std::sync::Arc;

use super::Download;
use super::digest::Follower;
use crate::disk::Scratch;
use crate::error::{Error, Kind, Result};
use crate::transfer::Halt;

impl Download {
    /// Begins to hash the file behind those who fill it, if a digest is expected. Without one there is
    /// nothing to do: hashing costs more than downloading.
    pub(super) fn follow(&self, scratch: &Arc<dyn Scratch>) -> Option<Follower> {
        let checksum = self.record.spec.checksum.as_ref()?;
        Some(Follower::of(scratch.clone(), checksum.algorithm))
    }

    /// Compares the file's digest with the expected one.
    pub(super) async fn verify(
        &mut self,
        scratch: &Arc<dyn Scratch>,
        follower: Option<Follower>,
    ) -> Result<(), Halt> {
        let Some(checksum) = self.record.spec.checksum.clone() else {
            return Ok(());
        };
        // Another digest may be asked for than when the first byte came.
        let follower = match follower {
            Some(follower) if follower.algorithm == checksum.algorithm => follower,
            _ => Follower::of(scratch.clone(), checksum.algorithm),
        };
        let len = scratch.len();
        let len = len.map_err(|cause| Error::disk("read back", scratch.path(), &cause));
        let actual = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(Halt::Stopped),
            actual = follower.digest(len.map_err(Halt::Failed)?) => actual.map_err(Halt::Failed)?,
        };
        self.record.digest = Some(actual.clone());
        let verified = actual == checksum.expected;
        self.context.live.update(self.record.id, |view| {
            let checksum = Arc::make_mut(&mut view.checksum);
            checksum.actual = Some(actual.as_str().into());
            checksum.verified = Some(verified);
        });
        if verified {
            return Ok(());
        }
        // These bytes are not what was wanted; a retry must not build upon them.
        self.discard();
        let (name, expected) = (checksum.algorithm.name(), &checksum.expected);
        let detail = format!(
            "the file's {name} is {actual}, not {expected}: what the server sends is not what you expect"
        );
        Err(Halt::Failed(
            Error::new(Kind::ChecksumMismatch, detail).at(&self.record.spec.url),
        ))
    }
    /// The file is fetched anew: what it was does not count.
    pub(super) fn forget_digest(&mut self) {
        self.record.digest = None;
        self.context.live.update(self.record.id, |view| {
            let checksum = Arc::make_mut(&mut view.checksum);
            (checksum.actual, checksum.verified) = (None, None);
        });
    }
}
