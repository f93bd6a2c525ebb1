//! A disk that fails on command: full, over quota, without free space, unable to sync. It is the real disk
//! underneath, so what it lets pass is really there.

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use haul_engine::disk::{Disk, RealDisk, Scratch, Standing};
use haul_engine::plan::stamp::Stamp;

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
    /// What the next sync alone fails with.
    next_sync: Mutex<Option<io::ErrorKind>>,
    reserve: Mutex<Option<io::ErrorKind>>,
    reservations: AtomicU64,
    /// Free bytes it claims to have, plus one; 0 asks the real disk.
    free: AtomicU64,
    writes: AtomicU64,
    reads: AtomicU64,
    /// Whether reads wait.
    reads_held: Mutex<bool>,
    reads_released: Condvar,
    /// How writes go.
    pace: Mutex<Pace>,
    pace_changed: Condvar,
    /// Writes that wait now.
    held: AtomicU64,
    /// Bytes that may be written in all, plus one; 0 is no limit.
    quota: AtomicU64,
    written: AtomicU64,
    unsynced: AtomicU64,
    name_syncs: AtomicU64,
}

/// How long a write takes.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Pace {
    #[default]
    AsItIs,
    /// A while.
    Slow,
    /// Until something else is said.
    Held,
}

/// What a write takes on a slow disk.
const SLOW: Duration = Duration::from_millis(30);

/// A write that is held for ever is a test that hangs; this one fails.
const LONGEST_HOLD: Duration = Duration::from_secs(30);

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

    /// The next sync fails like this, and the ones after it do not: what the kernel does when it
    /// drops the pages that it could not write.
    pub fn fail_next_sync(&self, kind: io::ErrorKind) {
        set(&self.faults.next_sync, Some(kind));
    }

    /// Writes beyond so many bytes in all fail for the quota from now on, whatever free space there
    /// is; `None` lifts it.
    pub fn limit_writes(&self, bytes: Option<u64>) {
        let stored = bytes.map_or(0, |bytes| bytes.saturating_add(1));
        self.faults.quota.store(stored, Ordering::SeqCst);
    }

    /// Every reservation of room fails like this from now on; `None` heals it.
    pub fn fail_reservations(&self, kind: Option<io::ErrorKind>) {
        set(&self.faults.reserve, kind);
    }

    /// Reservations of room so far, those that have failed included.
    pub fn reservations(&self) -> u64 {
        self.faults.reservations.load(Ordering::SeqCst)
    }

    /// Claims to have so many free bytes from now on; `None` asks the real disk.
    pub fn claim_free(&self, bytes: Option<u64>) {
        let stored = bytes.map_or(0, |bytes| bytes.saturating_add(1));
        self.faults.free.store(stored, Ordering::SeqCst);
    }

    fn spoil(&self, file: Arc<dyn Scratch>) -> Arc<dyn Scratch> {
        let faults = Arc::clone(&self.faults);
        Arc::new(BadScratch { file, faults })
    }

    /// Bytes written since the last sync that succeeded.
    pub fn unsynced(&self) -> u64 {
        self.faults.unsynced.load(Ordering::SeqCst)
    }

    /// Reads so far, those that are held included.
    pub fn reads(&self) -> u64 {
        self.faults.reads.load(Ordering::SeqCst)
    }

    /// Reads wait from now on, as on a disk that is asleep.
    pub fn hold_reads(&self) {
        *self.faults.reads_held() = true;
    }

    /// Reads go on.
    pub fn release_reads(&self) {
        *self.faults.reads_held() = false;
        self.faults.reads_released.notify_all();
    }

    /// Every write takes a while from now on.
    pub fn slow_writes(&self) {
        self.faults.set_pace(Pace::Slow);
    }

    /// Writes wait from now on, as on a network drive whose server is gone.
    pub fn hold_writes(&self) {
        self.faults.set_pace(Pace::Held);
    }

    /// Writes go on.
    pub fn release_writes(&self) {
        self.faults.set_pace(Pace::AsItIs);
    }

    /// Writes that wait now.
    pub fn held_writes(&self) -> u64 {
        self.faults.held.load(Ordering::SeqCst)
    }

    /// How often a scratch file's name was asked to be on the medium.
    pub fn name_syncs(&self) -> u64 {
        self.faults.name_syncs.load(Ordering::SeqCst)
    }

    /// Writes so far.
    pub fn writes(&self) -> u64 {
        self.faults.writes.load(Ordering::SeqCst)
    }
}

impl Disk for BadDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn Scratch>> {
        RealDisk.create(path).map(|file| self.spoil(file))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn Scratch>> {
        RealDisk.open(path).map(|file| self.spoil(file))
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
        self.faults.keep_pace()?;
        self.faults
            .take(pieces.iter().map(|piece| piece.len() as u64).sum())?;
        self.file.write_at(pieces, offset)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.faults.reads.fetch_add(1, Ordering::SeqCst);
        let held = self.faults.reads_held();
        let released = self.faults.reads_released.wait_while(held, |held| *held);
        drop(released);
        self.file.read_at(bytes, offset)
    }

    fn reserve(&self, len: u64) -> io::Result<()> {
        self.faults.reservations.fetch_add(1, Ordering::SeqCst);
        check(&self.faults.reserve)?;
        self.file.reserve(len)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.file.truncate(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn occupied(&self) -> io::Result<u64> {
        self.file.occupied()
    }

    fn sync_name(&self) -> io::Result<()> {
        self.faults.name_syncs.fetch_add(1, Ordering::SeqCst);
        self.file.sync_name()
    }

    fn standing(&self) -> io::Result<Standing> {
        self.file.standing()
    }

    fn sync(&self) -> io::Result<()> {
        check(&self.faults.sync)?;
        if let Some(kind) = set(&self.faults.next_sync, None) {
            return Err(kind.into());
        }
        let before = self.faults.unsynced.load(Ordering::SeqCst);
        self.file.sync()?;
        self.faults.unsynced.fetch_sub(before, Ordering::SeqCst);
        Ok(())
    }

    fn inode(&self) -> io::Result<u64> {
        self.file.inode()
    }

    fn stamp(&self) -> io::Result<Stamp> {
        self.file.stamp()
    }

    fn path(&self) -> &Path {
        self.file.path()
    }
}

impl Faults {
    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_pace(&self, pace: Pace) {
        *self.pace() = pace;
        self.pace_changed.notify_all();
    }

    /// Takes the time that a write takes.
    fn keep_pace(&self) -> io::Result<()> {
        let pace = *self.pace();
        let longest = match pace {
            Pace::AsItIs => return Ok(()),
            Pace::Slow => SLOW,
            Pace::Held => LONGEST_HOLD,
        };
        // A slow one is over soon.
        let held = u64::from(pace == Pace::Held);
        self.held.fetch_add(held, Ordering::SeqCst);
        let waiting = self
            .pace_changed
            .wait_timeout_while(self.pace(), longest, |now| *now == pace);
        self.held.fetch_sub(held, Ordering::SeqCst);
        let (pace_now, waited) = waiting.unwrap_or_else(PoisonError::into_inner);
        drop(pace_now);
        if pace == Pace::Held && waited.timed_out() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }

    fn reads_held(&self) -> MutexGuard<'_, bool> {
        self.reads_held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes room for `bytes` out of the quota.
    fn take(&self, bytes: u64) -> io::Result<()> {
        let quota = self.quota.load(Ordering::SeqCst);
        let written = self.written.fetch_add(bytes, Ordering::SeqCst) + bytes;
        if quota > 0 && written >= quota {
            self.written.fetch_sub(bytes, Ordering::SeqCst);
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        self.unsynced.fetch_add(bytes, Ordering::SeqCst);
        Ok(())
    }
}

/// Sets a fault, and returns the one that was set before.
fn set(fault: &Mutex<Option<io::ErrorKind>>, kind: Option<io::ErrorKind>) -> Option<io::ErrorKind> {
    std::mem::replace(
        &mut *fault.lock().unwrap_or_else(PoisonError::into_inner),
        kind,
    )
}

fn check(fault: &Mutex<Option<io::ErrorKind>>) -> io::Result<()> {
    match *fault.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(kind) => Err(kind.into()),
        None => Ok(()),
    }
}
