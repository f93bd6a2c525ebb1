//! `SQLite`'s write-ahead log at a power cut: what was there at the last answer stays, what came after
//! may be cut at any byte or be garbage. Frames are found by the salts of the log's header, as `SQLite`
//! itself finds them; what they say is `SQLite`'s business.
//!
//! The main file needs no tearing: `SQLite` copies the log into it and syncs it before the log is begun
//! anew, and until then the log says the same.

use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// How much of the log was surely there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Acknowledged {
    /// Which log: it is begun anew under other salts.
    salts: [u8; 8],
    /// Bytes, up to the end of a commit.
    end: usize,
}

/// How much of the log of the database at `path` is committed now.
pub(super) fn end(path: &Path) -> Acknowledged {
    committed(&read(&log_of(path)))
}

fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// A missing file is an empty one.
fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_default()
}

fn committed(log: &[u8]) -> Acknowledged {
    let number = |at: usize| Some(u32::from_be_bytes(log.get(at..at + 4)?.try_into().ok()?));
    let Some(salts) = log.get(16..24) else {
        return Acknowledged::default();
    };
    let page = number(8).map_or(0, |page| page as usize);
    let mut found = Acknowledged {
        salts: salts.try_into().expect("eight bytes"),
        end: HEADER,
    };
    let mut at = HEADER;
    while page > 0 && log.len() >= at + FRAME_HEADER + page && log[at + 8..at + 16] == *salts {
        let is_commit = number(at + 4) != Some(0);
        at += FRAME_HEADER + page;
        if is_commit {
            found.end = at;
        }
    }
    found
}

/// The database's files, taken while nobody writes.
pub(super) struct Image {
    path: PathBuf,
    main: Vec<u8>,
    log: Vec<u8>,
}

impl Image {
    pub(super) fn take(path: &Path) -> Image {
        Image {
            path: path.to_owned(),
            main: read(path),
            log: read(&log_of(path)),
        }
    }

    /// Tears what was not acknowledged.
    pub(super) fn tear(mut self, acknowledged: Acknowledged, rng: &mut Rng) -> Image {
        let now = committed(&self.log);
        // Another log: what was acknowledged is in the main file.
        let sure = if now.salts == acknowledged.salts {
            acknowledged.end
        } else {
            0
        };
        let from = rng.usize(sure.min(self.log.len())..=self.log.len());
        match rng.u8(..4) {
            0 => {}
            1 => self.log.truncate(from),
            2 => rng.fill(&mut self.log[from..]),
            _ => self.log[from..].fill(0),
        }
        self
    }

    /// Writes the files; the index of the log does not outlive a restart.
    pub(super) fn put_back(self) {
        fs::write(&self.path, &self.main).expect("the real disk works");
        fs::write(log_of(&self.path), &self.log).expect("the real disk works");
        let mut index = self.path.into_os_string();
        index.push("-shm");
        let _ = fs::remove_file(index);
    }
}
