//! Whether what is on the disk and what is shown is what the row promises. Looks, and changes nothing.

use std::path::{Path, PathBuf};

use haul_engine::{Kind, Status, View};
use haul_testkit::origin;

use crate::ground::Ground;
use crate::row::{Outcome, Row};

/// Which made-up bytes the file of every row has.
pub(crate) const SEED: u64 = 7;
/// Its length.
pub(crate) const SIZE: u64 = 512 << 10;

/// What speaks against this outcome of a row.
pub(crate) fn check(
    row: &Row,
    outcome: Outcome,
    view: &View,
    ground: &Ground,
) -> Result<(), String> {
    let old = || origin::content(SEED, 0..SIZE);
    let path = match outcome {
        Outcome::Fails(kind) => return failed(view, ground, kind),
        Outcome::New => {
            let new = origin::content(origin::changed_seed(SEED), 0..row.new_size);
            delivered(view, &new)?
        }
        Outcome::Right | Outcome::Named(_) => delivered(view, &old())?,
    };
    let mut files: Vec<PathBuf> = row
        .there
        .iter()
        .map(|name| ground.files().join(name))
        .collect();
    files.push(path.clone());
    only(&ground.files(), files)?;
    only(&ground.scratch(), Vec::new())?;
    match outcome {
        Outcome::Named(name) if path.file_name().is_none_or(|found| found != name) => {
            Err(format!("the file is {}, not {name}", path.display()))
        }
        _ => Ok(()),
    }
}

/// A completed file with these bytes.
fn delivered(view: &View, right: &[u8]) -> Result<PathBuf, String> {
    if view.status != Status::Completed {
        let error = view.error.as_ref().map(ToString::to_string);
        let code = view.error.as_ref().map(|error| error.kind.code());
        return Err(format!("{:?} {code:?}: {error:?}", view.status));
    }
    let path = view.path.as_deref().ok_or("a completed file has no path")?;
    let bytes = std::fs::read(path).map_err(|why| format!("{}: {why}", path.display()))?;
    let (has, wanted) = (bytes.len(), right.len());
    if let Some(wrong) = bytes.iter().zip(right).position(|(a, b)| a != b) {
        return Err(format!("WRONG BYTES: the first at {wrong} of {has}"));
    }
    match has == wanted {
        true => Ok(path.to_owned()),
        false => Err(format!("WRONG LENGTH: {has} bytes instead of {wanted}")),
    }
}

fn failed(view: &View, ground: &Ground, kind: Kind) -> Result<(), String> {
    let Some(error) = view
        .error
        .as_ref()
        .filter(|_| view.status == Status::Failed)
    else {
        return Err(format!("{:?} instead of an error", view.status));
    };
    if error.kind != kind {
        return Err(format!("`{}`: {error}", error.kind.code()));
    }
    only(&ground.files(), Vec::new())
}

/// Whether a folder has these files and no others.
fn only(folder: &Path, mut wanted: Vec<PathBuf>) -> Result<(), String> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>(),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(why) => Err(why),
    };
    let entries = entries.map_err(|why| format!("{}: {why}", folder.display()))?;
    let mut found: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
    found.sort();
    wanted.sort();
    match found == wanted {
        true => Ok(()),
        false => Err(format!("there is {found:?} instead of {wanted:?}")),
    }
}
