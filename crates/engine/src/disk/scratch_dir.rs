//! Where the scratch files of one state directory are: in it, or hidden beside their targets when no
//! rename leads from it to there. Every one has an entry in it, so that none is ever forgotten.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::folder::{make_dirs, parent, same_file_system};
use crate::spec::Id;

/// The scratch files of one state directory.
#[derive(Debug, Clone)]
pub(crate) struct ScratchDir(PathBuf);

impl ScratchDir {
    /// That of `state_dir`, whether it exists or not.
    pub(crate) fn of(state_dir: &Path) -> ScratchDir {
        ScratchDir(state_dir.join("scratch"))
    }

    /// The entry of a download: its scratch file, or a link to it.
    pub(crate) fn entry(&self, id: Id) -> PathBuf {
        self.0.join(format!("{id}.part"))
    }

    /// Where the scratch file of a download to `dir` goes.
    pub(crate) fn place(&self, id: Id, dir: &Path) -> PathBuf {
        if same_file_system(&self.0, dir) {
            self.entry(id)
        } else {
            beside(id, dir)
        }
    }

    /// Takes note of where a scratch file is, before it is made.
    pub(crate) fn note(&self, id: Id, scratch: &Path) -> io::Result<()> {
        let entry = self.entry(id);
        if scratch == entry {
            return Ok(());
        }
        make_dirs(&self.0, 0o777)?;
        match fs::remove_file(&entry) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
            _ => symlink(scratch, entry),
        }
    }

    /// Forgets a scratch file that is gone from this place.
    pub(crate) fn forget(&self, id: Id, scratch: &Path) {
        let entry = self.entry(id);
        if scratch != entry {
            // What stays is swept at the next start.
            let _ = fs::remove_file(entry);
        }
    }

    /// Deletes scratch files that are not among the `known`: a crash came between a record's end and
    /// its file's.
    pub(crate) fn sweep(&self, known: &HashSet<&Path>) {
        let Ok(entries) = fs::read_dir(&self.0) else {
            return;
        };
        for entry in entries.flatten().map(|entry| entry.path()) {
            if entry.extension().is_none_or(|kind| kind != "part") {
                continue;
            }
            let elsewhere = fs::read_link(&entry).ok();
            let scratch = elsewhere.as_deref().unwrap_or(&entry);
            if known.contains(scratch) {
                continue;
            }
            tracing::info!(path = %scratch.display(), "deleting a scratch file that nobody knows");
            // On a disk that is not there today it is looked for again the next time.
            if elsewhere.is_none_or(|scratch| is_cleared(&entry, &scratch)) {
                let _ = fs::remove_file(&entry);
            }
        }
    }
}

/// The hidden scratch file beside a target.
pub(crate) fn beside(id: Id, dir: &Path) -> PathBuf {
    dir.join(format!(".{id}.part"))
}

/// Deletes what an entry links to, if that is a scratch file by its name. Whether the entry may go.
fn is_cleared(entry: &Path, scratch: &Path) -> bool {
    let hidden = entry.file_name().map(|name| {
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden
    });
    if scratch.file_name() != hidden.as_deref() {
        return true;
    }
    match fs::remove_file(scratch) {
        Ok(()) => true,
        Err(_) => parent(scratch).is_dir() && fs::symlink_metadata(scratch).is_err(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forgotten_file_beside_its_target_is_swept_and_nothing_else() {
        let root = tempfile::tempdir().expect("a directory");
        let scratches = ScratchDir::of(root.path());
        let dir = root.path().join("files");
        fs::create_dir(&dir).expect("a directory");
        let kept = beside(Id(1), &dir);
        let lost = beside(Id(2), &dir);
        let foreign = dir.join("thesis.txt");
        let away = root.path().join("unplugged").join(".0000000000000004.part");
        for (id, scratch) in [(1, &kept), (2, &lost), (3, &foreign), (4, &away)] {
            scratches.note(Id(id), scratch).expect("noted");
        }
        scratches.note(Id(2), &lost).expect("noted again");
        for file in [&kept, &lost, &foreign] {
            fs::write(file, "").expect("a file");
        }
        let inside = scratches.entry(Id(5));
        fs::write(&inside, "").expect("a file");
        scratches.sweep(&HashSet::from([kept.as_path()]));
        assert!(kept.exists() && foreign.exists());
        assert!(!lost.exists() && !inside.exists());
        let entry = |id| fs::symlink_metadata(scratches.entry(Id(id))).is_ok();
        assert_eq!([1, 2, 3, 4].map(entry), [true, false, false, true]);
    }
}
