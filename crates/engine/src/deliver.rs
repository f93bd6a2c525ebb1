//! Delivery: the verified scratch file gets its final name, atomically and without overwriting what
//! is there. Owns the choice among taken names; knows nothing of how the bytes came.
//!
//! Whether two names are the same is the file system's knowledge: some fold case, some compose
//! accents, most do neither. It is asked, names are never compared.

mod names;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, RenameFlags};

use crate::crash::{Point, point};
use crate::error::{Error, Kind, Result};
use crate::folder::{Pinned, is_inside, parent, sync_dir};
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
pub(crate) fn place(
    scratch: &Path,
    target: &Path,
    on_conflict: OnConflict,
    bounds: Bounds<'_>,
) -> Result<Placed> {
    let placed = rename(scratch, target, on_conflict, bounds)?;
    if placed == Placed::Done {
        let dir = parent(target);
        sync_dir(dir).map_err(|cause| Error::disk("sync the directory", dir, &cause))?;
    }
    Ok(placed)
}

/// [`place`] without its last step: the name is on the medium when its directory is synced.
pub(crate) fn rename(
    scratch: &Path,
    target: &Path,
    on_conflict: OnConflict,
    bounds: Bounds<'_>,
) -> Result<Placed> {
    let fail = |cause: io::Error| Error::disk("deliver the file to", target, &cause);
    let (dir, name) = (parent(target), target.file_name().unwrap_or_default());
    // Judged and used as the one that it is now: a link that takes its place later changes nothing.
    let pinned = Pinned::open(dir).map_err(fail)?;
    if let Bounds::Root(config) = bounds {
        check_pinned(&pinned, dir, config)?;
    }
    let moved = match on_conflict {
        OnConflict::Overwrite => {
            rustix::fs::renameat(CWD, scratch, &pinned, name).map_err(io::Error::from)
        }
        _ => rename_to_free_name(scratch, &pinned, name),
    };
    match moved {
        Ok(()) => {
            point(Point::Renamed);
            Ok(Placed::Done)
        }
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(Placed::Taken),
        Err(cause) if cause.kind() == io::ErrorKind::CrossesDevices => Ok(Placed::FarAway),
        Err(cause) => Err(fail(cause)),
    }
}

fn rename_to_free_name(scratch: &Path, dir: &Pinned, name: &OsStr) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, scratch, dir, name, RenameFlags::NOREPLACE) {
        // Some file systems do not know the flag; a hard link refuses an existing name as well.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
            rustix::fs::linkat(CWD, scratch, dir, name, AtFlags::empty())?;
            fs::remove_file(scratch)
        }
        other => Ok(other?),
    }
}

/// Where a file may be delivered.
#[derive(Clone, Copy)]
pub(crate) enum Bounds<'a> {
    /// To the directory that the operator has set.
    None,
    /// To the directory of a download's own, in the root of this configuration.
    Root(&'a Config),
}

impl<'a> Bounds<'a> {
    /// Those of a download with this directory of its own.
    pub(crate) fn of(own: Option<&Path>, config: &'a Config) -> Bounds<'a> {
        own.map_or(Bounds::None, |_| Bounds::Root(config))
    }
}

/// As [`check_own_dir`], with nothing that can change in between.
fn check_pinned(pinned: &Pinned, dir: &Path, config: &Config) -> Result<()> {
    if pinned.is_inside(&config.state_dir) {
        return Err(refuse_own(dir, "is where haul keeps its own state"));
    }
    match &config.root {
        Some(root) if !pinned.is_inside(root) => Err(leads_out(dir, root)),
        _ => Ok(()),
    }
}

fn refuse_own(own: &Path, why: &str) -> Error {
    let detail = format!("dir: {} {why}", own.display());
    Error::new(Kind::InvalidOption, detail)
}

fn leads_out(own: &Path, root: &Path) -> Error {
    let why = format!("leads out of {} through a link", root.display());
    refuse_own(own, &why)
}

/// Whether files may go to a download's own directory: it has to lie where such directories may, at
/// the moment of use, because links may have been made since it was asked for.
pub(crate) fn check_own_dir(own: &Path, config: &Config) -> Result<()> {
    if is_inside(own, &config.state_dir) {
        return Err(refuse_own(own, "is where haul keeps its own state"));
    }
    match &config.root {
        Some(root) if !is_inside(own, root) => Err(leads_out(own, root)),
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
