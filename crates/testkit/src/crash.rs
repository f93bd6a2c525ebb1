//! What a daemon that was killed has left behind, and whether it is right: every file, every entry,
//! nothing twice. It knows haul by its directory and its database, and kills nobody itself.

mod kills;
mod lost;
mod tally;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use haul_engine::Status;
use haul_engine::store::{Record, SqliteStore, Store};

use crate::origin::content;

pub use kills::{Load, random_kills};
pub use lost::{Lost, lost};
pub use tally::Tally;

/// A file that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Where it was asked for.
    pub url: String,
    /// What it is called when it is finished.
    pub name: String,
    /// The origin's seed for its bytes.
    pub seed: u64,
    /// Its length in bytes.
    pub size: u64,
}

/// The directory that a daemon was started in, looked at while no daemon runs.
#[derive(Debug, Clone)]
pub struct Remains {
    dir: PathBuf,
}

/// A finished file as the file system knows it: the same as long as nobody touches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    inode: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
}

impl Remains {
    /// What lies in `dir`, where a daemon ran with its default directories.
    pub fn of(dir: &Path) -> Remains {
        Remains {
            dir: dir.to_owned(),
        }
    }

    /// Where finished files go.
    pub fn files(&self) -> PathBuf {
        self.dir.join("files")
    }

    /// Every record that the next start will find. A copy is read: recovering the database is the
    /// next start's business, and part of what is tested.
    ///
    /// # Panics
    /// When the database cannot be read.
    pub async fn records(&self) -> Vec<Record> {
        let copy = tempfile::tempdir().expect("a temporary directory");
        let state = self.files().join(".haul");
        for name in ["haul.db", "haul.db-wal"] {
            // There is none before the first start has come that far.
            let _ = fs::copy(state.join(name), copy.path().join(name));
        }
        let store = SqliteStore::open(&copy.path().join("haul.db")).expect("a sound database");
        store.load().await.expect("readable records")
    }

    /// The finished files, by name.
    ///
    /// # Panics
    /// When the directory cannot be read.
    pub fn finished(&self) -> BTreeMap<String, Finished> {
        let mut finished = BTreeMap::new();
        let Ok(entries) = fs::read_dir(self.files()) else {
            return finished;
        };
        for entry in entries {
            let entry = entry.expect("a readable directory");
            let name = entry.file_name().to_string_lossy().into_owned();
            let meta = entry.metadata().expect("nobody deletes it");
            if name == ".haul" {
                continue;
            }
            let modified = (meta.mtime(), meta.mtime_nsec());
            let inode = meta.ino();
            finished.insert(name, Finished { inode, modified });
        }
        finished
    }

    /// The scratch files that are left.
    pub fn scratch(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.files().join(".haul/scratch"));
        let entries = entries.into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }

    /// Compares everything with what must be there once all `wanted` are over.
    pub async fn judge(&self, wanted: &[Wanted]) -> Verdict {
        let mut verdict = Verdict::default();
        let records = self.records().await;
        for wanted in wanted {
            let mut mine = records
                .iter()
                .filter(|record| record.spec.url.as_str() == wanted.url);
            match (mine.next(), mine.next()) {
                (None, _) => verdict.lost.push(format!("the entry of {}", wanted.name)),
                (Some(_), Some(_)) => {
                    verdict
                        .doubled
                        .push(format!("the entry of {}", wanted.name));
                }
                (Some(record), None) if record.status != Status::Completed => {
                    let (name, status) = (&wanted.name, record.status.name());
                    let why = &record.error;
                    verdict.lost.push(format!("{name} is {status}: {why:?}"));
                }
                (Some(_), None) => {}
            }
            match is_right(&self.files().join(&wanted.name), wanted) {
                None => verdict.lost.push(format!("the file {}", wanted.name)),
                Some(false) => verdict.wrong.push(wanted.name.clone()),
                Some(true) => verdict.right += 1,
            }
        }
        let names: BTreeSet<&str> = wanted.iter().map(|wanted| wanted.name.as_str()).collect();
        let mut found = self.finished();
        found.retain(|name, _| !names.contains(name.as_str()));
        verdict.doubled.extend(found.into_keys());
        verdict.left = self.scratch();
        verdict
    }
}

/// Whether a file has the right bytes and no others; `None` when there is none.
fn is_right(path: &Path, wanted: &Wanted) -> Option<bool> {
    const STEP: u64 = 1 << 20;
    let mut file = fs::File::open(path).ok()?;
    if file.metadata().ok()?.len() != wanted.size {
        return Some(false);
    }
    let mut at = 0;
    while at < wanted.size {
        let end = wanted.size.min(at + STEP);
        let right = content(wanted.seed, at..end);
        let mut bytes = vec![0; right.len()];
        if file.read_exact(&mut bytes).is_err() || bytes != right {
            return Some(false);
        }
        at = end;
    }
    Some(true)
}

/// What became of what was wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Files with the right bytes under the right name.
    pub right: usize,
    /// Files with other bytes.
    pub wrong: Vec<String>,
    /// Files and entries too many.
    pub doubled: Vec<String>,
    /// Files and entries that are missing or not finished.
    pub lost: Vec<String>,
    /// Scratch files that nobody needs any more.
    pub left: Vec<PathBuf>,
}

impl Verdict {
    /// Fails the test when anything is not as it must be.
    ///
    /// # Panics
    /// With everything that is wrong.
    pub fn assert_clean(&self, story: &str) {
        let clean = Verdict {
            right: self.right,
            ..Verdict::default()
        };
        assert_eq!(*self, clean, "{story}");
    }
}

/// The names of files that were finished before and are not the same now.
pub fn touched(
    before: &BTreeMap<String, Finished>,
    now: &BTreeMap<String, Finished>,
) -> Vec<String> {
    let same = |name: &String| now.get(name) == before.get(name);
    before.keys().filter(|name| !same(name)).cloned().collect()
}
