//! The real disk. Writes are plain positioned writes on the calling thread: copying a quarter of a
//! megabyte into the page cache takes less time than handing it to another thread would.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::{FallocateFlags, OFlags, StatVfs};
use rustix::io::Errno;

use super::{Disk, Scratch, Standing};
use crate::folder::{make_dirs, parent, sync_dir};
use crate::plan::stamp::Stamp;

/// Bytes in a block, as `stat` counts them whatever the file system's own are.
const STAT_BLOCK: u64 = 512;

/// The real disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn Scratch>> {
        let file = match open(path, OpenOptions::new().create_new(true)) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                make_dirs(parent(path), 0o777)?;
                open(path, OpenOptions::new().create_new(true))?
            }
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_file(path)?;
                open(path, OpenOptions::new().create_new(true))?
            }
            opened => opened?,
        };
        Ok(Arc::new(ScratchFile::new(file, path, 0)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn Scratch>> {
        let there = fs::symlink_metadata(path)?;
        let file = open(path, &mut OpenOptions::new())?;
        let opened = file.metadata()?;
        // Under a second name somebody else may count on its bytes.
        if !opened.is_file() || opened.nlink() != 1 || !is_same(&opened, &there) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Arc::new(ScratchFile::new(file, path, opened.len())))
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        let mut looked = rustix::fs::statvfs(path);
        if matches!(looked, Err(Errno::NOENT | Errno::NOTDIR)) {
            let existing = path.ancestors().find(|dir| dir.exists()).unwrap_or(path);
            looked = rustix::fs::statvfs(existing);
        }
        let StatVfs {
            f_bavail, f_frsize, ..
        } = looked?;
        Ok(f_bavail.saturating_mul(f_frsize))
    }
}

/// Opens without following a link and without waiting for the other end of a pipe.
fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = options
        .read(true)
        .write(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(path);
    opened.map_err(|cause| match cause.raw_os_error() {
        Some(code) if is_no_file(Errno::from_raw_os_error(code)) => io::ErrorKind::NotFound.into(),
        _ => cause,
    })
}

/// Whether this is what opening a link, a directory, a socket or a device without a driver fails with.
fn is_no_file(errno: Errno) -> bool {
    [Errno::LOOP, Errno::ISDIR, Errno::NXIO, Errno::NODEV].contains(&errno)
}

fn is_same(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

struct ScratchFile {
    file: File,
    path: PathBuf,
    /// How long the file must be, by all that we have done to it.
    len: AtomicU64,
    /// Whether its name is on the medium.
    is_named: AtomicBool,
}

impl ScratchFile {
    fn new(file: File, path: &Path, len: u64) -> ScratchFile {
        ScratchFile {
            file,
            path: path.to_owned(),
            len: AtomicU64::new(len),
            is_named: AtomicBool::new(false),
        }
    }

    /// What the open file says of itself, whatever its path leads to.
    fn standing_of(&self, file: &Metadata) -> Standing {
        if file.nlink() == 0 {
            return Standing::Removed;
        }
        if file.len() < self.len.load(Ordering::Acquire) {
            return Standing::Cut;
        }
        Standing::Sound
    }

    /// Writing the last byte gives the file its length back, with zeros where it was cut: whether it
    /// was is to be seen before. Any other write leaves it too short, which is seen later.
    fn check_before_end(&self, end: u64) -> io::Result<()> {
        if end < self.len.load(Ordering::Acquire) {
            return Ok(());
        }
        match self.standing_of(&self.file.metadata()?) {
            Standing::Sound => Ok(()),
            lost => Err(io::Error::other(format!("the file {lost}"))),
        }
    }
}

impl Scratch for ScratchFile {
    fn write_at(&self, mut pieces: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
        let wanted: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        self.check_before_end(offset.saturating_add(wanted))?;
        while !pieces.is_empty() {
            match rustix::io::pwritev(&self.file, pieces, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    offset += written as u64;
                    IoSlice::advance_slices(&mut pieces, written);
                }
                Err(Errno::INTR) => {}
                Err(cause) => return Err(cause.into()),
            }
        }
        self.len.fetch_max(offset, Ordering::AcqRel);
        Ok(())
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(bytes, offset)
    }

    fn reserve(&self, len: u64) -> io::Result<()> {
        if len == 0 {
            return self.truncate(0);
        }
        match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, len) {
            Ok(()) => {}
            // File systems that cannot promise room still get the length.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                self.file.set_len(len)?;
            }
            Err(cause) => return Err(cause.into()),
        }
        self.len.store(len, Ordering::Release);
        Ok(())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        self.len.store(len, Ordering::Release);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn occupied(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.blocks().saturating_mul(STAT_BLOCK))
    }

    fn begin_sync(&self) -> io::Result<()> {
        crate::sys::begin_to_write_out(&self.file)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_name(&self) -> io::Result<()> {
        if self.is_named.load(Ordering::Acquire) {
            return Ok(());
        }
        sync_dir(parent(&self.path))?;
        self.is_named.store(true, Ordering::Release);
        Ok(())
    }

    fn standing(&self) -> io::Result<Standing> {
        let file = self.file.metadata()?;
        match fs::symlink_metadata(&self.path) {
            Ok(there) if is_same(&file, &there) => Ok(self.standing_of(&file)),
            Ok(_) => Ok(Standing::Replaced),
            Err(cause) if is_gone(&cause) => Ok(Standing::Removed),
            Err(cause) => Err(cause),
        }
    }

    fn inode(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.ino())
    }

    fn stamp(&self) -> io::Result<Stamp> {
        let seen = self.file.metadata()?;
        let nanos = |seconds: i64, more: i64| seconds.saturating_mul(1_000_000_000) + more;
        Ok(Stamp {
            device: seen.dev(),
            inode: seen.ino(),
            len: seen.len(),
            modified: nanos(seen.mtime(), seen.mtime_nsec()),
            changed: nanos(seen.ctime(), seen.ctime_nsec()),
        })
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether a path, or a directory on the way, is not there.
fn is_gone(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
