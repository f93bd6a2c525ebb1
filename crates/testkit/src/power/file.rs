//! One scratch file on a disk that may lose its power: which of its pages the medium may still hold
//! as they were. It knows nothing of when the power goes.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use haul_engine::disk::{Scratch, Standing};
use haul_engine::plan::ranges::RangeSet;
use haul_engine::plan::stamp::Stamp;

use super::{Event, Power};

/// The system writes whole pages.
const PAGE: u64 = 4096;

/// A disk writes whole sectors.
const SECTOR: usize = 512;

/// A file that is open, by its inode.
pub(super) struct Pages {
    real: Arc<dyn Scratch>,
    path: PathBuf,
    /// A second name, under which it can be found when its own is deleted.
    link: PathBuf,
    state: Mutex<State>,
    /// Held while a sync runs.
    syncing: Mutex<()>,
}

#[derive(Default)]
struct State {
    /// What the medium holds of each page that may be different there.
    old: BTreeMap<u64, Vec<u8>>,
    /// The length that the medium knows.
    len: u64,
    /// Bytes that were written since the last sync began.
    unsynced: RangeSet,
    /// Bytes that a sync has covered: their sectors are written as a whole or not at all.
    synced: RangeSet,
    /// Pages that were written since the running sync began.
    since: HashSet<u64>,
    /// Whether its directory on the medium knows of it.
    is_named: bool,
}

/// What a sync covers.
pub(super) struct Covered {
    pages: BTreeMap<u64, Vec<u8>>,
    bytes: RangeSet,
    len: u64,
}

impl State {
    /// Remembers what the medium holds of these pages, before they change.
    fn keep(&mut self, real: &dyn Scratch, bytes: Range<u64>) -> io::Result<()> {
        for page in pages(&bytes) {
            self.since.insert(page);
            if let Entry::Vacant(vacant) = self.old.entry(page) {
                vacant.insert(read_page(real, page)?);
            }
        }
        Ok(())
    }
}

impl Pages {
    pub(super) fn of(real: Arc<dyn Scratch>, path: &Path, shelf: &Path) -> io::Result<Pages> {
        fs::create_dir_all(shelf)?;
        let link = shelf.join(real.inode()?.to_string());
        if !link.exists() {
            fs::hard_link(path, &link)?;
        }
        let len = real.len()?;
        let state = State {
            len,
            // It was there before the power came on.
            synced: std::iter::once(0..len).collect(),
            is_named: len > 0,
            ..State::default()
        };
        Ok(Pages {
            real,
            path: path.to_owned(),
            link,
            state: Mutex::new(state),
            syncing: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_len(
        &self,
        len: u64,
        set: impl FnOnce(&dyn Scratch) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut state = self.state();
        let now = self.real.len()?;
        if len < now {
            state.keep(&*self.real, len..now)?;
            state.synced.remove(len..now);
            state.unsynced.remove(len..now);
        }
        set(&*self.real)
    }

    /// Notes what a sync that begins now will cover.
    pub(super) fn begin_sync(&self) -> io::Result<Covered> {
        let mut state = self.state();
        state.since.clear();
        let numbers = state.old.keys();
        let pages: io::Result<_> = numbers
            .map(|page| Ok((*page, read_page(&*self.real, *page)?)))
            .collect();
        Ok(Covered {
            pages: pages?,
            bytes: std::mem::take(&mut state.unsynced),
            len: self.real.len()?,
        })
    }

    /// The sync is over: the medium holds what it covered, and not what was written since it began.
    pub(super) fn end_sync(&self, covered: Covered) {
        let mut state = self.state();
        for (page, content) in covered.pages {
            if state.since.contains(&page) {
                state.old.insert(page, content);
            } else {
                state.old.remove(&page);
            }
        }
        for range in covered.bytes.iter() {
            state.synced.insert(range);
        }
        state.len = covered.len;
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves on the real disk what the medium may hold. `place` is where the file is now, `is_sure`
    /// whether that name is on the medium. Returns whether the medium knows of the file at all.
    pub(super) fn fall(&self, place: &Path, is_sure: bool, rng: &mut Rng) -> bool {
        self.fall_contents(rng).expect("the real disk works");
        let is_at_home = place == self.path;
        let is_forgotten = is_at_home && !self.state().is_named && rng.bool();
        if is_forgotten {
            fs::remove_file(place).expect("it is there");
        }
        // A rename that was under way may not have come to the medium.
        if !is_at_home && !is_sure && !self.path.exists() && rng.bool() {
            fs::hard_link(place, &self.path).expect("its old name is free");
            fs::remove_file(place).expect("it is there");
        }
        fs::remove_file(&self.link).expect("it is there");
        !is_forgotten
    }

    /// The same for a file that was deleted, and may be there again.
    pub(super) fn fall_deleted(&self, may_return: bool, rng: &mut Rng) {
        self.fall_contents(rng).expect("the real disk works");
        if may_return && !self.path.exists() && rng.bool() {
            fs::hard_link(&self.link, &self.path).expect("its old name is free");
        }
        fs::remove_file(&self.link).expect("it is there");
    }

    fn fall_contents(&self, rng: &mut Rng) -> io::Result<()> {
        let state = self.state();
        let mut len = self.real.len()?;
        if len != state.len && rng.bool() {
            len = state.len;
            self.real.truncate(len)?;
        }
        for (page, old) in &state.old {
            let start = page * PAGE;
            let mut fallen = read_page(&*self.real, *page)?;
            if fallen.is_empty() {
                // It lies past the end.
                continue;
            }
            let is_virgin = |bytes: Range<u64>| state.synced.count(&bytes) == 0;
            tear(&mut fallen, old, start, is_virgin, rng);
            self.real.write_at(&mut [IoSlice::new(&fallen)], start)?;
        }
        debug_assert_eq!(self.real.len()?, len, "tearing does not change the length");
        Ok(())
    }
}

/// Makes of a page as it was written (`page`) what the medium may hold of it: new, old, or a mixture.
/// Sectors that never held anything that was synced may be garbage, too.
fn tear(
    page: &mut [u8],
    old: &[u8],
    start: u64,
    is_virgin: impl Fn(Range<u64>) -> bool,
    rng: &mut Rng,
) {
    // Whole pages are kept or lost more often than torn.
    let whole = match rng.u8(..4) {
        0 => Some(Fate::New),
        1 => Some(Fate::Old),
        2 => Some(Fate::Garbage),
        _ => None,
    };
    for (number, sector) in page.chunks_mut(SECTOR).enumerate() {
        let at = number * SECTOR;
        let from = start + at as u64;
        let bytes = from..from + sector.len() as u64;
        match whole.unwrap_or_else(|| Fate::any(rng)) {
            Fate::New => {}
            Fate::Garbage if is_virgin(bytes) => rng.fill(sector),
            Fate::Old | Fate::Garbage => {
                for (offset, byte) in sector.iter_mut().enumerate() {
                    *byte = old.get(at + offset).copied().unwrap_or(0);
                }
            }
        }
    }
}

/// What becomes of a sector.
#[derive(Clone, Copy)]
enum Fate {
    New,
    Old,
    Garbage,
}

impl Fate {
    fn any(rng: &mut Rng) -> Fate {
        match rng.u8(..3) {
            0 => Fate::New,
            1 => Fate::Old,
            _ => Fate::Garbage,
        }
    }
}

/// The numbers of the pages that hold these bytes.
fn pages(bytes: &Range<u64>) -> Range<u64> {
    bytes.start / PAGE..bytes.end.div_ceil(PAGE)
}

/// A page, shorter at the file's end.
fn read_page(real: &dyn Scratch, page: u64) -> io::Result<Vec<u8>> {
    let start = page * PAGE;
    let end = real.len()?.min(start + PAGE);
    let mut bytes = vec![0; usize::try_from(end.saturating_sub(start)).unwrap_or(0)];
    real.read_at(&mut bytes, start)?;
    Ok(bytes)
}

/// An open scratch file.
pub(super) struct Handle {
    power: Power,
    pages: Arc<Pages>,
}

impl Handle {
    pub(super) fn new(power: Power, pages: Arc<Pages>) -> Handle {
        Handle { power, pages }
    }

    #[cfg(test)]
    pub(super) fn pages(&self) -> &Pages {
        &self.pages
    }
}

impl Scratch for Handle {
    fn write_at(&self, pieces: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        self.power.passes(Event::Write)?;
        let len: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        let bytes = offset..offset + len;
        let mut state = self.pages.state();
        state.keep(&*self.pages.real, bytes.clone())?;
        state.unsynced.insert(bytes);
        self.pages.real.write_at(pieces, offset)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.pages.real.read_at(bytes, offset)
    }

    fn reserve(&self, len: u64) -> io::Result<()> {
        self.power.passes(Event::Write)?;
        self.pages.set_len(len, |real| real.reserve(len))
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.power.passes(Event::Write)?;
        self.pages.set_len(len, |real| real.truncate(len))
    }

    fn len(&self) -> io::Result<u64> {
        self.pages.real.len()
    }

    fn sync(&self) -> io::Result<()> {
        let one_at_a_time = &self.pages.syncing;
        let _running = one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        self.power.passes(Event::Sync)?;
        let covered = self.pages.begin_sync()?;
        // Takes its time, while others write.
        self.pages.real.sync()?;
        // What is noted after a cut would not have been there before it.
        if *self.power.shared.off.borrow() {
            return Err(super::no_power());
        }
        self.pages.end_sync(covered);
        self.power.passes(Event::Synced)
    }

    fn sync_name(&self) -> io::Result<()> {
        self.power.passes(Event::Sync)?;
        self.pages.real.sync_name()?;
        self.pages.state().is_named = true;
        self.power.passes(Event::Synced)
    }

    fn occupied(&self) -> io::Result<u64> {
        self.pages.real.occupied()
    }

    fn standing(&self) -> io::Result<Standing> {
        self.pages.real.standing()
    }

    fn stamp(&self) -> io::Result<Stamp> {
        self.pages.real.stamp()
    }

    fn inode(&self) -> io::Result<u64> {
        self.pages.real.inode()
    }

    fn path(&self) -> &Path {
        &self.pages.path
    }
}
