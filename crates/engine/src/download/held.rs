//! Whether the bytes that a record claims are still what was written: read back and compared with
//! their seals. Knows the disk; whether the remote file is still the same is another question.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use crc32fast::Hasher;
use tokio_util::sync::CancellationToken;

use super::Download;
use crate::disk::Scratch;
use crate::error::{Error, Kind};
use crate::event::Reason;
use crate::plan::seals::Seals;
use crate::transfer::Halt;

/// Bytes read at once.
const READ_SIZE: usize = 1 << 20;

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
        self.say(Some(Reason::checking()));
        let seals = self.record.seals.clone();
        let (file, stop) = (scratch.clone(), self.stop.clone());
        let comparing = tokio::task::spawn_blocking(move || {
            kept(seals, |bytes, at| file.read_at(bytes, at), &stop)
        });
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
fn kept(
    mut seals: Seals,
    read: impl Fn(&mut [u8], u64) -> io::Result<()>,
    stop: &CancellationToken,
) -> Option<Seals> {
    let mut buffer = vec![0; READ_SIZE];
    seals.retain(|seal| {
        let crc = checksum(&seal.bytes, &mut buffer, |bytes, at| {
            if stop.is_cancelled() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            read(bytes, at)
        });
        // What a disk does not give back is fetched again.
        crc.is_ok_and(|crc| crc == seal.crc)
    });
    (!stop.is_cancelled()).then_some(seals)
}

/// The checksum of what is there now.
fn checksum(
    range: &Range<u64>,
    buffer: &mut [u8],
    read: impl Fn(&mut [u8], u64) -> io::Result<()>,
) -> io::Result<u32> {
    let mut crc = Hasher::new();
    let mut at = range.start;
    while at < range.end {
        let len = usize::try_from(range.end - at).unwrap_or(usize::MAX);
        let piece = &mut buffer[..len.min(READ_SIZE)];
        read(piece, at)?;
        crc.update(piece);
        at += piece.len() as u64;
    }
    Ok(crc.finalize())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::plan::seals::Seal;

    const FILE_SIZE: usize = 5 * READ_SIZE / 2;

    /// One seal for each half of the file, neither a whole number of reads.
    fn sealed(file: &[u8]) -> Seals {
        let half = FILE_SIZE / 2;
        let seal = |bytes: Range<usize>| Seal {
            crc: crc32fast::hash(&file[bytes.clone()]),
            bytes: bytes.start as u64..bytes.end as u64,
        };
        [seal(0..half), seal(half..FILE_SIZE)].into_iter().collect()
    }

    fn read_from(file: &[u8]) -> impl Fn(&mut [u8], u64) -> io::Result<()> {
        |bytes, at| {
            let at = usize::try_from(at).expect("small");
            bytes.copy_from_slice(&file[at..at + bytes.len()]);
            Ok(())
        }
    }

    #[test]
    fn only_the_seal_of_the_hurt_bytes_is_dropped() {
        let file: Vec<u8> = (0..=250).cycle().take(FILE_SIZE).collect();
        let (seals, stop) = (sealed(&file), CancellationToken::new());
        assert_eq!(
            kept(seals.clone(), read_from(&file), &stop).as_ref(),
            Some(&seals)
        );
        for hurt in [0, FILE_SIZE / 2 - 1, FILE_SIZE / 2, FILE_SIZE - 1] {
            let mut file = file.clone();
            file[hurt] ^= 1;
            let kept = kept(seals.clone(), read_from(&file), &stop).expect("not stopped");
            let kept: Vec<bool> = (kept.iter())
                .map(|seal| seal.bytes.contains(&(hurt as u64)))
                .collect();
            assert_eq!(kept, [false], "{hurt}");
        }
    }

    #[test]
    fn bytes_that_cannot_be_read_are_not_held() {
        let file = vec![7; FILE_SIZE];
        let seals = sealed(&file);
        let bad_sector = |bytes: &mut [u8], at: u64| match at {
            0 => Err(io::ErrorKind::Other.into()),
            _ => read_from(&file)(bytes, at),
        };
        let kept = kept(seals, bad_sector, &CancellationToken::new()).expect("not stopped");
        let half = FILE_SIZE as u64 / 2;
        let second = half..FILE_SIZE as u64;
        assert_eq!(kept.covered(), std::iter::once(second).collect());
    }

    #[test]
    fn reading_back_stops_after_the_piece_at_hand() {
        let file = vec![7; FILE_SIZE];
        let (stop, reads) = (CancellationToken::new(), Cell::new(0));
        let read = |bytes: &mut [u8], at: u64| {
            reads.set(reads.get() + 1);
            stop.cancel();
            read_from(&file)(bytes, at)
        };
        assert_eq!(kept(sealed(&file), read, &stop), None);
        assert_eq!(reads.get(), 1);
    }
}
