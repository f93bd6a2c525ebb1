//! The scratch file that a download grows in: reserve, write at an offset, read back, sync. Owns
//! nothing but the open file; which bytes of it count is the plan's knowledge, never the file's.
//!
//! Writes are plain positioned writes on the calling thread: copying a quarter of a megabyte into
//! the page cache takes less time than handing it to another thread would.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FallocateFlags, StatVfs};

use crate::plan::stamp::Stamp;

/// A scratch file, open for writing at any offset by many threads at once.
pub trait Scratch: Send + Sync + 'static {
    /// Writes all of `pieces`, one behind the other, at `offset`.
    fn write_at(&self, pieces: &mut [IoSlice<'_>], offset: u64) -> io::Result<()>;

    /// Fills `bytes` from `offset`; fails when the file is shorter.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;

    /// Makes the file `len` bytes long, with room for all of them where the file system can promise it.
    fn reserve(&self, len: u64) -> io::Result<()>;

    /// Cuts the file to `len` bytes.
    fn truncate(&self, len: u64) -> io::Result<()>;

    /// The file's length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file is empty.
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|len| len == 0)
    }

    /// Returns when everything written before is on the medium.
    fn sync(&self) -> io::Result<()>;

    /// Identifies the file on its file system, whatever its name.
    fn inode(&self) -> io::Result<u64>;

    /// How the file looks from outside.
    fn stamp(&self) -> io::Result<Stamp>;

    /// Its path, for messages.
    fn path(&self) -> &Path;
}

/// Where scratch files live. A trait, so that tests can break it.
pub trait Disk: Send + Sync + 'static {
    /// Opens a scratch file; makes it and its directory when missing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn Scratch>>;

    /// Free bytes for us where `path`, or its nearest existing parent, lies.
    fn free_space(&self, path: &Path) -> io::Result<u64>;
}

/// The real disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn Scratch>> {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        // Never through a link that somebody else put there.
        let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .custom_flags(no_follow)
            .open(path)?;
        Ok(Arc::new(ScratchFile {
            file,
            path: path.to_owned(),
        }))
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        let existing = path.ancestors().find(|dir| dir.exists()).unwrap_or(path);
        let StatVfs {
            f_bavail, f_frsize, ..
        } = rustix::fs::statvfs(existing)?;
        Ok(f_bavail.saturating_mul(f_frsize))
    }
}

struct ScratchFile {
    file: File,
    path: PathBuf,
}

impl Scratch for ScratchFile {
    fn write_at(&self, mut pieces: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
        while !pieces.is_empty() {
            match rustix::io::pwritev(&self.file, pieces, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    offset += written as u64;
                    IoSlice::advance_slices(&mut pieces, written);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(cause) => return Err(cause.into()),
            }
        }
        Ok(())
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(bytes, offset)
    }

    fn reserve(&self, len: u64) -> io::Result<()> {
        if len == 0 {
            return self.file.set_len(0);
        }
        match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, len) {
            Ok(()) => Ok(()),
            // File systems that cannot promise room still get the length.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => self.file.set_len(len),
            Err(cause) => Err(cause.into()),
        }
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
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

/// Whether both paths, or their nearest existing parents, lie on one file system, so that a rename
/// between them is possible.
pub(crate) fn same_file_system(a: &Path, b: &Path) -> bool {
    let device = |path: &Path| {
        path.ancestors()
            .find_map(|dir| fs::metadata(dir).ok())
            .map(|meta| meta.dev())
    };
    device(a).is_some() && device(a) == device(b)
}
