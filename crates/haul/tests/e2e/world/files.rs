//! Files for servers to serve, with digests to compare downloads with.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufWriter, Read, Write};
use std::path::Path;

use haul_testkit::origin::content;
use sha2::{Digest, Sha256};

const STEP: u64 = 1 << 20;

/// A file that was made.
pub(crate) struct File {
    /// Its path on a server whose root is the directory it was made in.
    pub(crate) path: String,
    /// Its length in bytes.
    pub(crate) size: u64,
    /// Its digest in lower-case hex.
    pub(crate) sha256: String,
}

/// Writes `size` made-up bytes that no other `seed` gives, to `/path` below `root`.
pub(crate) fn make(root: &Path, path: &str, size: u64, seed: u64) -> File {
    let place = root.join(path.trim_start_matches('/'));
    let parent = place.parent().expect("it lies in a directory");
    fs::create_dir_all(parent).expect("a directory of our own");
    let mut file = BufWriter::new(fs::File::create(&place).expect("a file of our own"));
    let mut hash = Sha256::new();
    let mut at = 0;
    while at < size {
        let end = size.min(at + STEP);
        let bytes = content(seed, at..end);
        hash.update(&bytes);
        file.write_all(&bytes).expect("room on the disk");
        at = end;
    }
    file.flush().expect("room on the disk");
    File {
        path: path.to_owned(),
        size,
        sha256: hex(hash),
    }
}

/// The digest of a file on the disk, in lower-case hex.
pub(crate) fn sha256(path: &Path) -> String {
    let mut file = fs::File::open(path)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()));
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer).expect("a readable file");
        if count == 0 {
            return hex(hash);
        }
        hash.update(&buffer[..count]);
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize()
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a string cannot fail");
            text
        })
}
