//! Directories: makes them so that they outlive a power cut, and tells whether a file can be renamed
//! from one to another. Knows nothing of what is put there.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatxFlags};

/// Makes a directory and its parents with these permissions, as far as they are missing. The names
/// of those that it made are on the medium when it returns.
///
/// # Errors
/// [`NotADirectory`](io::ErrorKind::NotADirectory) when something else has that name.
pub fn make_dirs(dir: &Path, mode: u32) -> io::Result<()> {
    match DirBuilder::new().mode(mode).create(dir) {
        Ok(()) => sync_dir(parent(dir)),
        // Some say so of a name that they take from nobody, below a directory that is there.
        Err(cause) if cause.kind() == io::ErrorKind::NotFound && !parent(dir).is_dir() => {
            make_dirs(parent(dir), mode)?;
            make_dirs(dir, mode)
        }
        // Some systems say of an existing directory that it may not be made.
        Err(cause) => match fs::metadata(dir) {
            Ok(there) if there.is_dir() => Ok(()),
            Ok(_) => Err(not_a_directory()),
            Err(_) if cause.kind() == io::ErrorKind::NotADirectory => Err(not_a_directory()),
            Err(_) => Err(cause),
        },
    }
}

fn not_a_directory() -> io::Error {
    let why = "a file of that name, or of a directory's on the way, is there";
    io::Error::new(io::ErrorKind::NotADirectory, why)
}

/// Returns when the names in a directory are on the medium.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    match File::open(dir)?.sync_all() {
        // A file system that cannot do that for directories has nothing to wait for.
        Err(cause) if cause.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

/// The directory that a path's last name lies in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if dir == Path::new("") => Path::new("."),
        Some(dir) => dir,
        None => path,
    }
}

/// Whether both paths, or their nearest existing parents, lie on one file system and one mount of it,
/// so that a rename between them is possible.
pub(crate) fn same_file_system(a: &Path, b: &Path) -> bool {
    let mount = mount_of(a);
    mount.is_some() && mount == mount_of(b)
}

/// The device, and the mount where the system tells it: two mounts of one device refuse a rename.
fn mount_of(path: &Path) -> Option<(u32, u32, u64)> {
    path.ancestors().find_map(|dir| {
        let known = rustix::fs::statx(CWD, dir, AtFlags::empty(), StatxFlags::MNT_ID).ok()?;
        Some((known.stx_dev_major, known.stx_dev_minor, known.stx_mnt_id))
    })
}

/// Whether a directory lies in `root` when all links are followed. The part of a path that does not
/// exist yet cannot be a link.
pub fn is_inside(dir: &Path, root: &Path) -> bool {
    // A root that does not exist yet holds no links.
    let Ok(root_there) = root.canonicalize() else {
        return !root.exists() && dir.starts_with(root);
    };
    let existing = dir.ancestors().find(|part| part.symlink_metadata().is_ok());
    existing.is_some_and(|part| {
        let there = part.canonicalize();
        there.is_ok_and(|there| there.starts_with(&root_there))
    })
}

/// A directory that stays the same one, whatever its path leads to by now: what is asked of it holds for
/// what is done in it.
#[derive(Debug)]
pub struct Pinned {
    dir: OwnedFd,
    path: PathBuf,
}

impl Pinned {
    /// The directory that this path leads to at this moment.
    ///
    /// # Errors
    /// Those of opening a directory.
    pub fn open(path: &Path) -> io::Result<Pinned> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Pinned {
            dir: rustix::fs::open(path, flags, Mode::empty())?,
            path: path.to_owned(),
        })
    }

    /// Whether it lies in `root`, both where they really are.
    pub fn is_inside(&self, root: &Path) -> bool {
        let place = fs::read_link(format!("/proc/self/fd/{}", self.dir.as_raw_fd()));
        match (place, root.canonicalize()) {
            (Ok(place), Ok(root)) => place.starts_with(root),
            // The system does not tell: its path has to do.
            (Err(_), _) => is_inside(&self.path, root),
            (_, Err(_)) => false,
        }
    }
}

impl AsFd for Pinned {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}

/// Deletes a file. With a `root` that its path begins with, nothing is deleted where a link leads out of
/// it.
///
/// # Errors
/// [`PermissionDenied`](io::ErrorKind::PermissionDenied) when one does.
pub(crate) fn remove_file_in(root: Option<&Path>, path: &Path) -> io::Result<()> {
    let dir = Pinned::open(parent(path))?;
    if root.is_some_and(|root| path.starts_with(root) && !dir.is_inside(root)) {
        let why = "a link on the way leads out of the download directory";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    let name = path.file_name().unwrap_or(OsStr::new(""));
    Ok(rustix::fs::unlinkat(&dir, name, AtFlags::empty())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_made_once_and_a_file_in_the_way_is_named() {
        let root = tempfile::tempdir().expect("a directory");
        let deep = root.path().join("a/b/c");
        make_dirs(&deep, 0o777).expect("made");
        make_dirs(&deep, 0o777).expect("there already");
        assert!(deep.is_dir());
        std::os::unix::fs::symlink(&deep, root.path().join("link")).expect("a link");
        make_dirs(&root.path().join("link"), 0o777).expect("a link to a directory is one");
        let file = root.path().join("file");
        fs::write(&file, "").expect("a file");
        for wrong in [file.clone(), file.join("below"), file.join("far/below")] {
            let refused = make_dirs(&wrong, 0o777).expect_err("a file is there");
            assert_eq!(refused.kind(), io::ErrorKind::NotADirectory, "{refused}");
        }
        std::os::unix::fs::symlink("/nowhere", root.path().join("dangling")).expect("a link");
        make_dirs(&root.path().join("dangling"), 0o777).expect_err("a link to nowhere");
        make_dirs(Path::new("/proc/nobody"), 0o777).expect_err("it lets nobody make any");
    }

    #[test]
    fn a_link_out_of_the_root_is_seen() {
        let root = tempfile::tempdir().expect("a directory");
        let outside = tempfile::tempdir().expect("a directory");
        fs::create_dir(root.path().join("in")).expect("a directory");
        std::os::unix::fs::symlink(outside.path(), root.path().join("out")).expect("a link");
        std::os::unix::fs::symlink("in", root.path().join("also")).expect("a link");
        std::os::unix::fs::symlink("/nowhere/at/all", root.path().join("dangling"))
            .expect("a link");
        let inside = |name: &str| is_inside(&root.path().join(name), root.path());
        assert!(inside("in"));
        assert!(inside("in/new/deeper"));
        assert!(inside("new"));
        assert!(inside("also/new"));
        assert!(!inside("out"));
        assert!(!inside("out/new"));
        assert!(!inside("dangling"));
    }

    #[test]
    fn a_pinned_directory_is_judged_by_where_it_is_and_not_by_its_path() {
        let root = tempfile::tempdir().expect("a directory");
        let outside = tempfile::tempdir().expect("a directory");
        let sub = root.path().join("sub");
        fs::create_dir(&sub).expect("a directory");
        let pinned = Pinned::open(&sub).expect("pinned");
        // Swapped after it was opened, then before.
        fs::remove_dir(&sub).expect("removed");
        std::os::unix::fs::symlink(outside.path(), &sub).expect("a link");
        assert!(pinned.is_inside(root.path()));
        let swapped = Pinned::open(&sub).expect("pinned");
        fs::remove_file(&sub).expect("removed");
        fs::create_dir(&sub).expect("a directory");
        assert!(!swapped.is_inside(root.path()));
        assert!(is_inside(&sub, root.path()), "by its path it is");
    }

    #[test]
    fn no_file_is_deleted_behind_a_link_that_leads_out() {
        let root = tempfile::tempdir().expect("a directory");
        let outside = tempfile::tempdir().expect("a directory");
        let theirs = outside.path().join("a.bin");
        fs::write(&theirs, "theirs").expect("a file");
        std::os::unix::fs::symlink(outside.path(), root.path().join("sub")).expect("a link");
        let path = root.path().join("sub/a.bin");
        let refused = remove_file_in(Some(root.path()), &path).expect_err("refused");
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        assert!(theirs.exists());
        let ours = root.path().join("b.bin");
        fs::write(&ours, "ours").expect("a file");
        remove_file_in(Some(root.path()), &ours).expect("deleted");
        assert!(!ours.exists());
        // Delivered elsewhere under an older configuration.
        remove_file_in(Some(root.path()), &theirs).expect("deleted");
    }
}
