//! The scratch file that a download grows in: reserve, write at an offset, read back, sync, and
//! whether it is still there. Owns nothing but the open file; which bytes of it count is the plan's
//! knowledge, never the file's.

mod real;
mod scratch_dir;

use std::fmt;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

pub use real::RealDisk;
pub(crate) use scratch_dir::{ScratchDir, beside};

use crate::plan::stamp::Stamp;

/// A scratch file, open for writing at any offset by many threads at once.
pub trait Scratch: Send + Sync + 'static {
    /// Writes all of `pieces`, one behind the other, at `offset`. Fails when that would hide that
    /// somebody else has cut the file short.
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

    /// Bytes of the disk that the file occupies: less than its length where no room is reserved.
    fn occupied(&self) -> io::Result<u64>;

    /// Begins to bring what is written to the medium, without waiting for it; promises nothing.
    fn begin_sync(&self) -> io::Result<()> {
        Ok(())
    }

    /// Returns when everything written before is on the medium.
    fn sync(&self) -> io::Result<()>;

    /// Returns when the file's name is on the medium, too. Costs nothing after the first time.
    fn sync_name(&self) -> io::Result<()>;

    /// Whether the file that is open is still the one that its path leads to, and not cut short.
    /// An error means that this could not be told.
    fn standing(&self) -> io::Result<Standing>;

    /// Identifies the file on its file system, whatever its name.
    fn inode(&self) -> io::Result<u64>;

    /// How the file looks from outside.
    fn stamp(&self) -> io::Result<Stamp>;

    /// Its path, for messages.
    fn path(&self) -> &Path;
}

/// What has become of an open scratch file. In all cases but the first its bytes cannot be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is where it was put, as long as it was.
    Sound,
    /// Its name is gone.
    Removed,
    /// Its name leads to another file, or to something that is no file.
    Replaced,
    /// It is shorter than it was.
    Cut,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Standing::Sound => "is as we left it",
            Standing::Removed => "was removed",
            Standing::Replaced => "was replaced by another one",
            Standing::Cut => "was cut short",
        })
    }
}

/// Where scratch files live. A trait, so that tests can break it.
pub trait Disk: Send + Sync + 'static {
    /// Makes a new, empty scratch file, and its directory when missing. What has the name so far
    /// loses it: nothing is ever written through a link, into a pipe or into somebody else's file.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn Scratch>>;

    /// Opens a scratch file that was made before. [`NotFound`](io::ErrorKind::NotFound) when there
    /// is none, or when what is there is not a plain file with this one name.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn Scratch>>;

    /// Free bytes for us where `path`, or its nearest existing parent, lies.
    fn free_space(&self, path: &Path) -> io::Result<u64>;
}
