//! A power cut for an engine that runs on a real directory: a disk and a store that note what is
//! surely on the medium, and at the cut forget or tear the rest. Owns the moment of the cut; it knows
//! nothing of downloads.
//!
//! What is surely there: what a scratch file held when a sync began that has returned; the name of a
//! scratch file when it has been synced, and that of a finished file when a record that says
//! completed is handed to the store; what a store had committed when it answered. Everything else may
//! be new, old or torn.
//! That `SQLite` and the real disk keep their own promises is taken on trust: nothing here is below
//! them.

mod file;
mod store;
#[cfg(test)]
mod tests;
mod wal;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use haul_engine::Status;
use haul_engine::disk::{Disk, RealDisk, Scratch};
use haul_engine::store::{Record, SqliteStore, Store};
use tokio::sync::watch;

use file::{Handle, Pages};
use store::PowerStore;
use wal::Acknowledged;

/// What can be counted, so that a cut falls on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Bytes, or a length, are about to be written to a scratch file.
    Write,
    /// A sync is about to begin.
    Sync,
    /// A sync is over; who asked has not been told.
    Synced,
    /// The store is about to be given something.
    Commit,
    /// The store has it; who asked has not been told.
    Committed,
}

impl Event {
    /// Every event.
    pub const ALL: [Event; 5] = [
        Event::Write,
        Event::Sync,
        Event::Synced,
        Event::Commit,
        Event::Committed,
    ];
}

/// The power of one engine's life. Clones are the same power.
#[derive(Clone)]
pub struct Power {
    shared: Arc<Shared>,
}

struct Shared {
    /// The directory in which everything happens.
    root: PathBuf,
    state: Mutex<State>,
    /// Told when the power goes off.
    off: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    is_off: bool,
    /// What cuts the power, and how many more of it do not.
    cut_at: Option<(Event, u64)>,
    /// By inode. Each keeps its file open, so that no inode is used twice.
    files: BTreeMap<u64, Arc<Pages>>,
    /// Finished files of which a record says so.
    completed: HashSet<PathBuf>,
    store: Option<Opened>,
}

struct Opened {
    path: PathBuf,
    inner: Arc<SqliteStore>,
    acknowledged: Acknowledged,
}

impl Power {
    /// Power for an engine whose directories lie below `root`. It goes off at the `nth` (from 1) such
    /// event, or when [`Power::cut`] is called.
    pub fn on(root: &Path, cut_at: Option<(Event, u64)>) -> Power {
        let state = State {
            cut_at: cut_at.map(|(event, nth)| (event, nth.max(1) - 1)),
            ..State::default()
        };
        Power {
            shared: Arc::new(Shared {
                root: root.to_owned(),
                state: Mutex::new(state),
                off: watch::Sender::new(false),
            }),
        }
    }

    /// The disk to run on.
    pub fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(PowerDisk(self.clone()))
    }

    /// The database at `path`, to run on.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub fn store(&self, path: &Path) -> Arc<dyn Store> {
        let inner = Arc::new(SqliteStore::open(path).expect("a sound database"));
        let opened = Opened {
            path: path.to_owned(),
            inner: Arc::clone(&inner),
            acknowledged: wal::end(path),
        };
        self.state().store = Some(opened);
        Arc::new(PowerStore::new(self.clone(), inner))
    }

    /// Cuts the power now.
    pub fn cut(&self) {
        self.state().is_off = true;
        self.shared.off.send_replace(true);
    }

    /// Returns when the power is off.
    ///
    /// # Panics
    /// Never: the sender lives as long as this does.
    pub async fn gone(&self) {
        let mut off = self.shared.off.subscribe();
        off.wait_for(|off| *off).await.expect("the power is here");
    }

    /// Leaves on the real disk what the cut has left on the medium; `rng` decides where that may be
    /// one thing or another. To be called when the engine and its runtime are gone.
    ///
    /// # Panics
    /// When the real disk fails, or the engine still runs.
    pub async fn fall(self, rng: &mut Rng) {
        self.cut();
        let (opened, files, completed) = {
            let mut state = self.state();
            let files = std::mem::take(&mut state.files);
            let completed = std::mem::take(&mut state.completed);
            (state.store.take(), files, completed)
        };
        if let Some(opened) = opened {
            // Answered when everything before it is done, so that the files are at rest.
            opened.inner.load().await.expect("readable records");
            assert_eq!(Arc::strong_count(&opened.inner), 1, "the engine still runs");
            let image = wal::Image::take(&opened.path);
            drop(opened.inner);
            image.tear(opened.acknowledged, rng).put_back();
        }
        let places = places(&self.shared.root);
        let (named, nameless): (Vec<_>, Vec<_>) = files
            .into_iter()
            .partition(|(inode, _)| places.contains_key(inode));
        let mut remembered = HashSet::new();
        for (inode, pages) in named {
            let place = &places[&inode];
            if pages.fall(place, completed.contains(place), rng) {
                remembered.insert(pages.path().to_owned());
            }
        }
        for (_, pages) in nameless {
            // File systems keep the changes of a directory in order: the medium that knows of a later
            // file of that name knows that the earlier one was deleted.
            let may_return = !remembered.contains(pages.path());
            pages.fall_deleted(may_return, rng);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = &self.shared.state;
        state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an event; fails when the power is off, or goes off at it.
    fn passes(&self, event: Event) -> io::Result<()> {
        self.passes_with(event, |_| ())
    }

    /// The same, and notes something when the power is still on, in one step.
    fn passes_with(&self, event: Event, note: impl FnOnce(&mut State)) -> io::Result<()> {
        let mut state = self.state();
        if state.is_off {
            return Err(no_power());
        }
        if let Some((wanted, left)) = &mut state.cut_at
            && *wanted == event
        {
            if *left == 0 {
                state.is_off = true;
                drop(state);
                self.shared.off.send_replace(true);
                return Err(no_power());
            }
            *left -= 1;
        }
        note(&mut state);
        Ok(())
    }

    /// The store is about to be given these records.
    fn commit(&self, records: &[Record]) -> io::Result<()> {
        self.passes_with(Event::Commit, |state| {
            let completed = records
                .iter()
                .filter(|record| record.status == Status::Completed);
            let paths = completed.filter_map(|record| record.path.clone());
            state.completed.extend(paths);
        })
    }

    /// The store has answered.
    fn acknowledge(&self) -> io::Result<()> {
        self.passes_with(Event::Committed, |state| {
            if let Some(opened) = &mut state.store {
                opened.acknowledged = wal::end(&opened.path);
            }
        })
    }
}

fn no_power() -> io::Error {
    io::Error::other("the power is off")
}

struct PowerDisk(Power);

impl Disk for PowerDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn Scratch>> {
        self.0.passes(Event::Write)?;
        self.take_in(RealDisk.create(path)?, path)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn Scratch>> {
        let inode = std::fs::symlink_metadata(path)?.ino();
        let known = self.0.state().files.get(&inode).cloned();
        match known {
            Some(pages) => Ok(Arc::new(Handle::new(self.0.clone(), pages))),
            None => self.take_in(RealDisk.open(path)?, path),
        }
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        RealDisk.free_space(path)
    }
}

impl PowerDisk {
    fn take_in(&self, real: Arc<dyn Scratch>, path: &Path) -> io::Result<Arc<dyn Scratch>> {
        let inode = real.inode()?;
        let shelf = self.0.shared.root.join("shelf");
        let pages = Arc::new(Pages::of(real, path, &shelf)?);
        self.0.state().files.insert(inode, Arc::clone(&pages));
        Ok(Arc::new(Handle::new(self.0.clone(), pages)))
    }
}

/// Where every inode below `root` has its name; the shelf does not count.
fn places(root: &Path) -> BTreeMap<u64, PathBuf> {
    let (mut places, mut open) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("readable") {
            let path = entry.expect("readable").path();
            let meta = std::fs::symlink_metadata(&path).expect("nobody else is here");
            if meta.is_dir() && path != root.join("shelf") {
                open.push(path);
            } else if meta.is_file() {
                places.insert(meta.ino(), path);
            }
        }
    }
    places
}
