//! Delivery: the verified scratch file gets its final name, atomically and without overwriting what
//! is there. Owns the choice among taken names; knows nothing of how the bytes came.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags};

use crate::crash::{Point, point};
use crate::error::{Error, Kind, Result};
use crate::plan::name;
use crate::spec::OnConflict;

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
    let path = dir.join(wanted);
    if !is_taken(&path) {
        return Ok(Target::Place(path));
    }
    match on_conflict {
        OnConflict::Skip => Ok(Target::Exists(path)),
        OnConflict::Fail => Err(exists(&path)),
        OnConflict::Overwrite if path.is_dir() => Err(exists(&path)),
        OnConflict::Overwrite => Ok(Target::Place(path)),
        OnConflict::Rename => (1..=MOST_NUMBERS)
            .map(|n| dir.join(name::numbered(wanted, n)))
            .find(|path| !is_taken(path))
            .map(Target::Place)
            .ok_or_else(|| exists(&path)),
    }
}

fn exists(path: &Path) -> Error {
    Error::new(
        Kind::FileExists,
        format!(
            "{} exists; choose another name or set on_conflict",
            path.display()
        ),
    )
}

/// A dangling link is taken, too.
fn is_taken(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Whether the target was still free when the file arrived there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placed {
    /// The file is there, and its directory entry is on the medium.
    Done,
    /// Somebody else took the name: choose again.
    Taken,
}

/// Moves the synced scratch file to `target`. Without `Overwrite` an existing file is never replaced.
pub(crate) fn place(scratch: &Path, target: &Path, on_conflict: OnConflict) -> Result<Placed> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the user asked to replace the file"
    )]
    let moved = match on_conflict {
        OnConflict::Overwrite => fs::rename(scratch, target),
        _ => rename_to_free_name(scratch, target),
    };
    match moved {
        Ok(()) => {}
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => return Ok(Placed::Taken),
        Err(cause) => return Err(Error::disk("deliver the file to", target, &cause)),
    }
    point(Point::Renamed);
    let dir = target.parent().unwrap_or(Path::new("/"));
    sync_dir(dir).map_err(|cause| Error::disk("sync the directory", dir, &cause))?;
    Ok(Placed::Done)
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

/// Whether `target` is the very file that had this inode as a scratch file: then a delivery that was
/// cut short had come that far.
pub(crate) fn is_delivered(target: &Path, inode: u64) -> bool {
    fs::symlink_metadata(target).is_ok_and(|meta| meta.is_file() && meta.ino() == inode)
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir_with(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        for name in names {
            fs::write(dir.path().join(name), name).expect("a file");
        }
        dir
    }

    #[test]
    fn a_taken_name_gets_the_next_number() {
        let dir = dir_with(&["a.bin", "a (1).bin"]);
        let chosen = choose(dir.path(), "a.bin", OnConflict::Rename).expect("a target");
        assert_eq!(chosen, Target::Place(dir.path().join("a (2).bin")));
    }

    #[test]
    fn an_existing_file_is_never_replaced_unless_asked() {
        let dir = dir_with(&["a.bin", "scratch"]);
        let (scratch, target) = (dir.path().join("scratch"), dir.path().join("a.bin"));
        assert_eq!(
            place(&scratch, &target, OnConflict::Rename),
            Ok(Placed::Taken)
        );
        assert_eq!(fs::read_to_string(&target).expect("kept"), "a.bin");
        assert_eq!(
            place(&scratch, &target, OnConflict::Overwrite),
            Ok(Placed::Done)
        );
        assert_eq!(fs::read_to_string(&target).expect("replaced"), "scratch");
        assert!(!scratch.exists());
    }

    #[test]
    fn a_dangling_link_counts_as_taken() {
        let dir = dir_with(&["scratch"]);
        let link = dir.path().join("a.bin");
        std::os::unix::fs::symlink("/nowhere/outside", &link).expect("a link");
        let chosen = choose(dir.path(), "a.bin", OnConflict::Rename).expect("a target");
        assert_eq!(chosen, Target::Place(dir.path().join("a (1).bin")));
        assert_eq!(
            choose(dir.path(), "a.bin", OnConflict::Fail)
                .expect_err("taken")
                .kind,
            Kind::FileExists
        );
    }

    #[test]
    fn a_delivered_file_is_recognised_by_its_inode() {
        let dir = dir_with(&["scratch", "other"]);
        let inode = fs::metadata(dir.path().join("scratch"))
            .expect("meta")
            .ino();
        let target = dir.path().join("final");
        assert!(!is_delivered(&target, inode));
        assert_eq!(
            place(&dir.path().join("scratch"), &target, OnConflict::Fail),
            Ok(Placed::Done)
        );
        assert!(is_delivered(&target, inode));
        assert!(!is_delivered(&dir.path().join("other"), inode));
    }
}
