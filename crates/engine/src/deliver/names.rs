//! What a directory says of names: whether one is taken, by what, and whether the entry is really
//! spelled like that. A trait, because file systems that fold names cannot be had everywhere.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use unicode_normalization::UnicodeNormalization;

/// What has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum There {
    /// A file, or a link to one.
    File,
    /// A directory itself; a link to one is `Other`.
    Directory,
    /// A pipe, a device, a link that leads to no file.
    Other,
}

/// A directory that files are delivered to.
pub(super) trait Names {
    /// What has this name, by the file system's own idea of which names are the same.
    fn look(&self, name: &str) -> Option<There>;

    /// Identifies what has this name on this machine: device and inode.
    fn identity(&self, name: &str) -> Option<(u64, u64)>;

    /// Every name as it is spelled; `None` when that cannot be told.
    fn all(&self) -> Option<Vec<OsString>>;

    /// Its path, for messages.
    fn path(&self) -> &Path;
}

/// Whether the entry that `name` leads to is spelled like that. One look at another spelling tells on
/// file systems that do not fold; only on the others the whole directory is read.
pub(super) fn is_spelled(folder: &impl Names, name: &str) -> bool {
    let there = folder.identity(name);
    let others = [
        name.to_uppercase(),
        name.to_lowercase(),
        name.nfd().collect(),
        name.nfc().collect(),
    ];
    let is_found_otherwise =
        |other: &String| other != name && there.is_some() && folder.identity(other) == there;
    if !others.iter().any(is_found_otherwise) {
        return true;
    }
    folder
        .all()
        .is_some_and(|names| names.iter().any(|entry| entry.as_os_str() == name))
}

/// A directory of the real file system.
pub(super) struct RealNames<'a> {
    pub(super) dir: &'a Path,
    /// Paths at which files will be soon.
    pub(super) promised: &'a HashSet<PathBuf>,
}

impl Names for RealNames<'_> {
    fn look(&self, name: &str) -> Option<There> {
        let path = self.dir.join(name);
        if self.promised.contains(&path) {
            return Some(There::File);
        }
        let there = fs::symlink_metadata(&path).ok()?;
        if there.is_dir() {
            return Some(There::Directory);
        }
        // A dangling link is taken, too.
        let is_file = fs::metadata(&path).is_ok_and(|file| file.is_file());
        Some(if is_file { There::File } else { There::Other })
    }

    fn identity(&self, name: &str) -> Option<(u64, u64)> {
        let there = fs::symlink_metadata(self.dir.join(name)).ok()?;
        Some((there.dev(), there.ino()))
    }

    fn all(&self) -> Option<Vec<OsString>> {
        let entries = fs::read_dir(self.dir).ok()?;
        entries
            .map(|entry| entry.map(|entry| entry.file_name()).ok())
            .collect()
    }

    fn path(&self) -> &Path {
        self.dir
    }
}
