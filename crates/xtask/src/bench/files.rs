//! The files that are downloaded, and whether what arrived is the same. They lie below the target
//! directory, on the file system of the outputs, and are removed with their handle.

use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};

use crate::tools;

/// How many small files there are.
pub(super) const SMALL: usize = 2_000;

/// Bytes of each.
pub(super) const SMALL_SIZE: u64 = 16 << 10;

/// The directory of a benchmark.
pub(super) struct Files {
    dir: PathBuf,
    /// Output directories so far.
    outputs: AtomicUsize,
}

/// Outputs of at most so many bytes stay until the end. For minutes ext4 keeps away from inodes that were
/// freed: whoever makes thousands of files after thousands were removed pays several times as much.
const STAYS: u64 = 64 << 20;

impl Files {
    /// An empty directory; what an interrupted benchmark has left is removed.
    pub(super) fn new() -> Result<Files> {
        let dir = tools::target().join("bench");
        remove(&dir)?;
        fs::create_dir_all(dir.join("root"))?;
        Ok(Files {
            dir,
            outputs: AtomicUsize::new(0),
        })
    }

    /// What the servers serve.
    pub(super) fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// A place in the directory that no served file has.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// An empty directory for what a program downloads.
    pub(super) fn output(&self) -> Result<PathBuf> {
        let number = self.outputs.fetch_add(1, Ordering::Relaxed);
        let dir = self.dir.join(format!("out-{number}"));
        fs::create_dir(&dir)?;
        Ok(dir)
    }

    /// An output directory is no longer needed.
    pub(super) fn done_with(&self, dir: &Path) -> Result<()> {
        if weight(dir)? > STAYS {
            remove(dir)?;
        }
        Ok(())
    }

    /// The served file of `size` bytes; made when it is asked for the first time.
    pub(super) fn of(&self, size: u64) -> Result<PathBuf> {
        let file = self.root().join(format!("{}.bin", size >> 20));
        if !file.exists() {
            write(&file, size, size)?;
        }
        Ok(file)
    }

    /// The names of the served small files; made when they are asked for the first time.
    pub(super) fn small(&self) -> Result<Vec<String>> {
        let dir = self.root().join("small");
        let names: Vec<String> = (0..SMALL).map(|n| format!("photo-{n:04}.jpg")).collect();
        if !dir.exists() {
            fs::create_dir(&dir)?;
            for (seed, name) in (1..).zip(&names) {
                write(&dir.join(name), SMALL_SIZE, seed)?;
            }
        }
        Ok(names)
    }

    /// Whether a directory has all small files and no wrong byte in them.
    pub(super) fn small_are_in(&self, dir: &Path) -> Result<()> {
        for name in self.small()? {
            same(&self.root().join("small").join(&name), &dir.join(&name))?;
        }
        Ok(())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // The next benchmark removes what is left.
        let _ = remove(&self.dir);
    }
}

/// Bytes of all files in a directory and below it.
fn weight(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let there = entry.metadata()?;
        bytes += if there.is_dir() {
            weight(&entry.path())?
        } else {
            there.len()
        };
    }
    Ok(bytes)
}

/// Removes a directory, if there is one.
fn remove(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(why) if why.kind() != ErrorKind::NotFound => {
            Err(why).with_context(|| format!("cannot clear {}", dir.display()))
        }
        _ => Ok(()),
    }
}

/// Writes bytes that look like chance, so that a piece in the wrong place is a wrong piece.
fn write(file: &Path, size: u64, seed: u64) -> Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(file)?);
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for _ in 0..size / 8 {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let word = state.wrapping_mul(0x2545_F491_4F6C_DD1D);
        file.write_all(&word.to_le_bytes())?;
    }
    file.flush()?;
    Ok(())
}

/// An error when the two files differ in any byte.
pub(super) fn same(source: &Path, copy: &Path) -> Result<()> {
    let open =
        |path: &Path| File::open(path).with_context(|| format!("cannot open {}", path.display()));
    let (mut source, mut copy) = (open(source)?, open(copy)?);
    let (size, got) = (source.metadata()?.len(), copy.metadata()?.len());
    ensure!(size == got, "{got} bytes arrived, not {size}");
    let (mut right, mut held) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut at = 0;
    while at < size {
        let length = usize::try_from(size - at).map_or(right.len(), |rest| rest.min(right.len()));
        source.read_exact(&mut right[..length])?;
        copy.read_exact(&mut held[..length])?;
        ensure!(
            right[..length] == held[..length],
            "wrong bytes in the MiB from {at}"
        );
        at += length as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_byte_and_a_wrong_length_are_seen() {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let (source, copy) = (dir.path().join("source"), dir.path().join("copy"));
        write(&source, (1 << 20) + 800, 1).expect("it can be written");
        let mut bytes = fs::read(&source).expect("it was written");
        fs::write(&copy, &bytes).expect("it can be written");
        assert!(same(&source, &copy).is_ok());

        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&copy, &bytes).expect("it can be written");
        assert!(same(&source, &copy).is_err());
        fs::write(&copy, &bytes[..last]).expect("it can be written");
        assert!(same(&source, &copy).is_err());
    }
}
