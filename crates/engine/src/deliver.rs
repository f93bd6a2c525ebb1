//! Delivery: the verified scratch file gets its final name, atomically and without overwriting what
//! is there. Owns the choice among taken names; knows nothing of how the bytes came.
//!
//! Whether two names are the same is the file system's knowledge: some fold case, some compose
//! accents, most do neither. It is asked, names are never compared.

mod names;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags};

use crate::crash::{Point, point};
use crate::error::{Error, Kind, Result};
use crate::folder::{is_inside, parent, sync_dir};
use crate::plan::name;
use crate::spec::{Config, OnConflict};
use names::{Names, RealNames, There};

/// Where a file is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// The name is free, or may be replaced.
    Place(PathBuf),
    /// A file of that name exists and is left alone.
    Exists(PathBuf),
}

/// How many `name (n)` are tried before giving up.
const MOST_NUMBERS: u32 = 10_000;

/// Chooses the final path for `wanted` in `dir`.
pub(crate) fn choose(dir: &Path, wanted: &str, on_conflict: OnConflict) -> Result<Target> {
    choose_besides(&HashSet::new(), dir, wanted, on_conflict)
}

/// The same when others are on their way to the paths in `promised`.
pub(crate) fn choose_besides(
    promised: &HashSet<PathBuf>,
    dir: &Path,
    wanted: &str,
    on_conflict: OnConflict,
) -> Result<Target> {
    let names = RealNames { dir, promised };
    choose_in(&names, wanted, on_conflict).map(|chosen| match chosen {
        Choice::Place(name) => Target::Place(dir.join(name)),
        Choice::Exists(name) => Target::Exists(dir.join(name)),
    })
}

/// A [`Target`] without its directory.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Choice {
    Place(String),
    Exists(String),
}

fn choose_in(folder: &impl Names, wanted: &str, on_conflict: OnConflict) -> Result<Choice> {
    let Some(there) = folder.look(wanted) else {
        return Ok(Choice::Place(wanted.to_owned()));
    };
    let refuse = |why: &str| {
        let path = folder.path().join(wanted);
        Err(exists(&path, why))
    };
    match on_conflict {
        OnConflict::Fail => return refuse("exists"),
        OnConflict::Rename => {}
        // A file whose name only folds to ours is another file: it is neither replaced nor taken for
        // ours, but numbered away from.
        OnConflict::Skip | OnConflict::Overwrite if !names::is_spelled(folder, wanted) => {}
        OnConflict::Skip if there == There::File => return Ok(Choice::Exists(wanted.to_owned())),
        OnConflict::Skip => return refuse("exists and is not a file"),
        OnConflict::Overwrite if there == There::Directory => return refuse("is a directory"),
        OnConflict::Overwrite => return Ok(Choice::Place(wanted.to_owned())),
    }
    let free = (1..=MOST_NUMBERS)
        .map(|n| name::numbered(wanted, n))
        .find(|name| folder.look(name).is_none());
    match free {
        Some(name) => Ok(Choice::Place(name)),
        None => refuse("and all its numbered names exist"),
    }
}

fn exists(path: &Path, why: &str) -> Error {
    let shown = path.display();
    let detail = format!("{shown} {why}; choose another name or set on_conflict");
    Error::new(Kind::FileExists, detail)
}

/// Whether the file arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placed {
    /// The file is there.
    Done,
    /// Somebody else took the name: choose again.
    Taken,
    /// No rename leads there: the bytes have to be carried over first.
    FarAway,
}

/// Moves the synced scratch file to `target` for good. Without `Overwrite` an existing file is never
/// replaced, and with it a link is replaced, never what it leads to.
pub(crate) fn place(scratch: &Path, target: &Path, on_conflict: OnConflict) -> Result<Placed> {
    let placed = rename(scratch, target, on_conflict)?;
    if placed == Placed::Done {
        let dir = parent(target);
        sync_dir(dir).map_err(|cause| Error::disk("sync the directory", dir, &cause))?;
    }
    Ok(placed)
}

/// [`place`] without its last step: the name is on the medium when its directory is synced.
pub(crate) fn rename(scratch: &Path, target: &Path, on_conflict: OnConflict) -> Result<Placed> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the user asked to replace the file"
    )]
    let moved = match on_conflict {
        OnConflict::Overwrite => fs::rename(scratch, target),
        _ => rename_to_free_name(scratch, target),
    };
    match moved {
        Ok(()) => {
            point(Point::Renamed);
            Ok(Placed::Done)
        }
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(Placed::Taken),
        Err(cause) if cause.kind() == io::ErrorKind::CrossesDevices => Ok(Placed::FarAway),
        Err(cause) => Err(Error::disk("deliver the file to", target, &cause)),
    }
}

fn rename_to_free_name(scratch: &Path, target: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, scratch, CWD, target, RenameFlags::NOREPLACE) {
        // Some file systems do not know the flag; a hard link refuses an existing name as well.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
            fs::hard_link(scratch, target)?;
            fs::remove_file(scratch)
        }
        other => Ok(other?),
    }
}

/// Whether files may go to a download's own directory: it has to lie where such directories may, at
/// the moment of use, because links may have been made since it was asked for.
pub(crate) fn check_own_dir(own: &Path, config: &Config) -> Result<()> {
    let refuse = |why: String| {
        let detail = format!("dir: {} {why}", own.display());
        Err(Error::new(Kind::InvalidOption, detail))
    };
    if is_inside(own, &config.state_dir) {
        return refuse("is where haul keeps its own state".to_owned());
    }
    match &config.root {
        Some(root) if !is_inside(own, root) => {
            refuse(format!("leads out of {} through a link", root.display()))
        }
        _ => Ok(()),
    }
}

/// Whether a delivery that was cut short had come as far as the final name: `target` is the very file
/// of `len` bytes that had this inode as a scratch file, and the scratch file's own name is gone, or
/// is the second name of that file and goes now.
pub(crate) fn is_delivered(scratch: &Path, target: &Path, inode: u64, len: u64) -> bool {
    let is_ours = |path: &Path| {
        fs::symlink_metadata(path)
            .map(|meta| meta.is_file() && meta.ino() == inode && meta.len() == len)
    };
    if !is_ours(target).unwrap_or(false) {
        return false;
    }
    match is_ours(scratch) {
        // A second name: the file system could not rename without replacing, and got a hard link.
        Ok(true) => fs::remove_file(scratch).is_ok(),
        Ok(false) => false,
        Err(cause) => cause.kind() == io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests;
