//! The digest of a file, computed behind whoever fills it: what was just written is still in memory and
//! need not be read from the disk, and at the end little remains to be done. Knows nothing of what the
//! digest should be.

use std::sync::Arc;

use sha2::digest::DynDigest;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::disk::Scratch;
use crate::error::{Error, Kind, Result};
use crate::spec::Algorithm;

/// Bytes read at once.
const READ_SIZE: u64 = 1 << 20;

/// Bytes hashed before looking whether anybody still wants to know: a few hundredths of a second.
const STEP: u64 = 64 << 20;

/// Hashes a file while it grows, until dropped.
pub(super) struct Follower {
    pub(super) algorithm: Algorithm,
    settled: watch::Sender<u64>,
    hashing: AbortOnDropHandle<Result<String>>,
}

impl Follower {
    pub(super) fn of(scratch: Arc<dyn Scratch>, algorithm: Algorithm) -> Follower {
        let (settled, follow) = watch::channel(0);
        let hashing = tokio::spawn(hash(scratch, algorithm, follow));
        Follower {
            algorithm,
            settled,
            hashing: AbortOnDropHandle::new(hashing),
        }
    }

    /// Where to say that nobody writes any more before some byte.
    pub(super) fn settled(&self) -> watch::Sender<u64> {
        self.settled.clone()
    }

    /// The digest of the whole file, in lower-case hex. Nobody writes to it any more, and nobody else
    /// holds what [`settled`](Follower::settled) gave.
    pub(super) async fn digest(self, len: u64) -> Result<String> {
        let Follower {
            settled, hashing, ..
        } = self;
        settled.send_replace(len);
        drop(settled);
        hashing.await.unwrap_or_else(|cause| Err(broken(cause)))
    }
}

/// Ends when there is no more to be said about how far the file is settled.
async fn hash(
    scratch: Arc<dyn Scratch>,
    algorithm: Algorithm,
    mut follow: watch::Receiver<u64>,
) -> Result<String> {
    let mut hashed = Hashed {
        hash: begin(algorithm),
        at: 0,
    };
    loop {
        let settled = *follow.borrow_and_update();
        while hashed.at < settled {
            let (scratch, end) = (scratch.clone(), settled.min(hashed.at + STEP));
            let reading = tokio::task::spawn_blocking(move || hashed.read_up_to(end, &*scratch));
            hashed = reading.await.map_err(broken)??;
        }
        if follow.changed().await.is_err() {
            return Ok(hex(&hashed.hash.finalize()));
        }
    }
}

fn begin(algorithm: Algorithm) -> Box<dyn DynDigest + Send> {
    match algorithm {
        Algorithm::Md5 => Box::new(md5::Md5::default()),
        Algorithm::Sha1 => Box::new(sha1::Sha1::default()),
        Algorithm::Sha256 => Box::new(sha2::Sha256::default()),
        Algorithm::Sha512 => Box::new(sha2::Sha512::default()),
    }
}

/// What is hashed so far: everything before `at`.
struct Hashed {
    hash: Box<dyn DynDigest + Send>,
    at: u64,
}

impl Hashed {
    fn read_up_to(mut self, end: u64, file: &dyn Scratch) -> Result<Hashed> {
        let size = |left: u64| usize::try_from(READ_SIZE.min(left)).unwrap_or(0);
        let mut buffer = vec![0; size(end - self.at)];
        while self.at < end {
            let piece = &mut buffer[..size(end - self.at)];
            let read = file.read_at(piece, self.at);
            read.map_err(|cause| Error::disk("read back", file.path(), &cause))?;
            self.hash.update(piece);
            self.at += piece.len() as u64;
        }
        Ok(self)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn broken(cause: impl std::fmt::Display) -> Error {
    Error::new(Kind::DiskIo, format!("reading back broke off: {cause}"))
}
