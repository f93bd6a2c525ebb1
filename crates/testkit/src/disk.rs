//! A disk that fails on command: full, without free space, unable to sync. It is the real disk
//! underneath, so what it lets pass is really there.

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use haul_engine::disk::{Disk, RealDisk, Scratch};

/// A disk that fails on command. Clones are the same disk.
#[derive(Clone, Default)]
pub struct BadDisk {
    faults: Arc<Faults>,
}

#[derive(Default)]
struct Faults {
    /// What the next calls fail with.
    write: Mutex<Option<io::ErrorKind>>,
    sync: Mutex<Option<io::ErrorKind>>,
    reserve: Mutex<Option<io::ErrorKind>>,
    /// Free bytes it claims to have, plus one; 0 asks the real disk.
    free: AtomicU64,
    writes: AtomicU64,
}

impl BadDisk {
    /// A disk without faults yet.
    pub fn new() -> BadDisk {
        BadDisk::default()
    }

    /// Every write fails like this from now on; `None` heals it.
    pub fn fail_writes(&self, kind: Option<io::ErrorKind>) {
        set(&self.faults.write, kind);
    }

    /// Every sync fails like this from now on; `None` heals it.
    pub fn fail_syncs(&self, kind: Option<io::ErrorKind>) {
        set(&self.faults.sync, kind);
    }

    /// Every reservation of room fails like this from now on; `None` heals it.
    pub fn fail_reservations(&self, kind: Option<io::ErrorKind>) {
        set(&self.faults.reserve, kind);
    }

    /// Claims to have so many free bytes from now on; `None` asks the real disk.
    pub fn claim_free(&self, bytes: Option<u64>) {
        let stored = bytes.map_or(0, |bytes| bytes.saturating_add(1));
        self.faults.free.store(stored, Ordering::SeqCst);
    }

    /// Writes so far.
    pub fn writes(&self) -> u64 {
        self.faults.writes.load(Ordering::SeqCst)
    }
}

impl Disk for BadDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn Scratch>> {
        let file = RealDisk.open(path)?;
        let faults = Arc::clone(&self.faults);
        Ok(Arc::new(BadScratch { file, faults }))
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        match self.faults.free.load(Ordering::SeqCst) {
            0 => RealDisk.free_space(path),
            claimed => Ok(claimed - 1),
        }
    }
}

struct BadScratch {
    file: Arc<dyn Scratch>,
    faults: Arc<Faults>,
}

impl Scratch for BadScratch {
    fn write_at(&self, pieces: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        self.faults.writes.fetch_add(1, Ordering::SeqCst);
        check(&self.faults.write)?;
        self.file.write_at(pieces, offset)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_at(bytes, offset)
    }

    fn reserve(&self, len: u64) -> io::Result<()> {
        check(&self.faults.reserve)?;
        self.file.reserve(len)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.file.truncate(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn sync(&self) -> io::Result<()> {
        check(&self.faults.sync)?;
        self.file.sync()
    }

    fn inode(&self) -> io::Result<u64> {
        self.file.inode()
    }

    fn path(&self) -> &Path {
        self.file.path()
    }
}

fn set(fault: &Mutex<Option<io::ErrorKind>>, kind: Option<io::ErrorKind>) {
    *fault.lock().unwrap_or_else(PoisonError::into_inner) = kind;
}

fn check(fault: &Mutex<Option<io::ErrorKind>>) -> io::Result<()> {
    match *fault.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(kind) => Err(kind.into()),
        None => Ok(()),
    }
}
