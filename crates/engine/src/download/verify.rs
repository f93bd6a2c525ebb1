//! The digest of the whole file, when one is expected: read back from the scratch file, off the
//! transfer threads.

use std::sync::Arc;

use sha2::Digest;
use tokio_util::sync::CancellationToken;

use super::Download;
use crate::disk::Scratch;
use crate::error::{Error, Kind, Result};
use crate::spec::Algorithm;
use crate::transfer::Halt;

/// Bytes read at once.
const READ_SIZE: u64 = 1 << 20;

impl Download {
    /// Compares the file's digest with the expected one. Without an expected one there is nothing to
    /// do: hashing costs more than downloading.
    pub(super) async fn verify(&mut self, scratch: &Arc<dyn Scratch>) -> Result<(), Halt> {
        let Some(checksum) = self.record.spec.checksum.clone() else {
            return Ok(());
        };
        let (file, stop) = (scratch.clone(), self.stop.clone());
        let computing =
            tokio::task::spawn_blocking(move || digest(checksum.algorithm, &*file, &stop));
        let broken = |cause| {
            Err(Error::new(
                Kind::DiskIo,
                format!("reading back broke off: {cause}"),
            ))
        };
        let Some(actual) = computing
            .await
            .unwrap_or_else(broken)
            .map_err(Halt::Failed)?
        else {
            return Err(Halt::Stopped);
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
}

/// The digest as lower-case hex; `None` when told to stop.
fn digest(
    algorithm: Algorithm,
    file: &dyn Scratch,
    stop: &CancellationToken,
) -> Result<Option<String>> {
    match algorithm {
        Algorithm::Md5 => read_through(md5::Md5::new(), file, stop),
        Algorithm::Sha1 => read_through(sha1::Sha1::new(), file, stop),
        Algorithm::Sha256 => read_through(sha2::Sha256::new(), file, stop),
        Algorithm::Sha512 => read_through(sha2::Sha512::new(), file, stop),
    }
}

fn read_through<D: Digest>(
    mut hash: D,
    file: &dyn Scratch,
    stop: &CancellationToken,
) -> Result<Option<String>> {
    let fail = |cause| Error::disk("read back", file.path(), &cause);
    let len = file.len().map_err(fail)?;
    let mut buffer = vec![0; usize::try_from(READ_SIZE.min(len)).unwrap_or(0)];
    let mut at = 0;
    while at < len {
        if stop.is_cancelled() {
            return Ok(None);
        }
        let piece = usize::try_from(READ_SIZE.min(len - at)).unwrap_or(buffer.len());
        file.read_at(&mut buffer[..piece], at).map_err(fail)?;
        hash.update(&buffer[..piece]);
        at += piece as u64;
    }
    Ok(Some(
        hash.finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    ))
}
