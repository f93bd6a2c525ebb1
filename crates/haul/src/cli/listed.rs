//! `serve --input-file`: the downloads of an input or session file as aria2 writes them. Each has an id
//! that follows from the file, so that a restart with the same file adds none of them twice.

use std::collections::HashSet;
use std::path::Path;

use haul_engine::{Id, Spec};
use sha2::{Digest, Sha256};

use super::exit::{Failure, USAGE};
use super::input::{self, Entry};
use super::{output, wanted};
use crate::api::aria2::add;

/// The downloads of the file at `path`, - is stdin; their directories lie inside `root`. What is none
/// for haul, as a torrent, is noted and left out.
pub(crate) fn read(path: &Path, root: &Path) -> Result<Vec<(Id, Spec)>, Failure> {
    let text = wanted::read(path)
        .map_err(|cause| Failure::new(USAGE, format!("cannot read {}: {cause}", path.display())))?;
    let (downloads, left_out) = parse(&text, root).map_err(|error| {
        let at = format!("{}, line {}", path.display(), error.line);
        Failure::new(USAGE, format!("{at}: {}", error.why))
    })?;
    for (line, why) in left_out {
        output::note(format_args!(
            "{}, line {line}: {why}; left out",
            path.display()
        ));
    }
    Ok(downloads)
}

type Listed = Vec<(Id, Spec)>;

/// Lines that are left out, and why.
type LeftOut = Vec<(usize, String)>;

fn parse(text: &str, root: &Path) -> Result<(Listed, LeftOut), input::Error> {
    let (mut downloads, mut left_out) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for entry in input::parse(text)? {
        let id = match add::gid(&entry.options) {
            Some(id) if !seen.insert(id) => {
                left_out.push((entry.line, format!("gid {id} stands there twice")));
                continue;
            }
            Some(id) => id,
            // The same lines again are another download.
            None => (0..)
                .map(|before| made(&entry, before))
                .find(|id| seen.insert(*id))
                .expect("there are more ids than lines"),
        };
        match add::listed(&entry.urls, &entry.options, root) {
            Ok(spec) => downloads.push((id, spec)),
            Err(why) => left_out.push((entry.line, why)),
        }
    }
    Ok((downloads, left_out))
}

/// An id for an entry without one, of which there are so many before it.
fn made(entry: &Entry, before: u32) -> Id {
    let mut digest = Sha256::new();
    let options = entry.options.iter();
    let options = options.flat_map(|(name, value)| [name, value]);
    for text in entry.urls.iter().chain(options) {
        digest.update(text);
        // It stands in no line.
        digest.update(b"\n");
    }
    digest.update(before.to_be_bytes());
    let digest: [u8; 32] = digest.finalize().into();
    let first = digest.first_chunk().copied().unwrap_or_default();
    // 0 is nobody's.
    Id(u64::from_be_bytes(first).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Listed, LeftOut) {
        parse(text, Path::new("/srv/files")).expect("a list")
    }

    #[test]
    fn a_session_of_aria2_is_read_with_its_gids_and_mirrors() {
        let text = "http://h/a\thttp://m/a\n gid=00000000000000a1\n pause=true\n out=b\n\
                    http://h/c\n gid=00000000000000a2\n max-download-limit=10000\n file-allocation=none\n";
        let (downloads, left_out) = parsed(text);
        assert_eq!(left_out, []);
        let [(first, a), (second, c)] = downloads.as_slice() else {
            panic!("{downloads:?}");
        };
        assert_eq!((*first, *second), (Id(0xa1), Id(0xa2)));
        assert_eq!(
            (a.mirrors.len(), a.name.as_deref(), a.paused),
            (1, Some("b"), true)
        );
        assert_eq!((c.speed_limit, c.paused), (10_000, false));
        assert_eq!(c.notes, [("file-allocation".to_owned(), "none".to_owned())]);
    }

    #[test]
    fn an_id_follows_from_the_lines_and_from_how_often_they_stand_there() {
        let ids = |text| {
            parsed(text)
                .0
                .into_iter()
                .map(|(id, _)| id)
                .collect::<Vec<_>>()
        };
        let once = ids("http://h/a\nhttp://h/b\n");
        assert_eq!(once, ids("# again\nhttp://h/a\nhttp://h/b\n"));
        let twice = ids("http://h/a\nhttp://h/a\n");
        assert_eq!(twice[0], once[0]);
        assert_ne!(twice[0], twice[1]);
        assert_ne!(ids("http://h/a\n out=x\n")[0], once[0]);
    }

    #[test]
    fn what_is_nothing_for_us_is_left_out_alone() {
        let text = "magnet:?xt=urn:btih:0\nhttp://h/a\n dir=/etc\nhttp://h/b\n gid=00000000000000a1\n\
                    http://h/c\n gid=00000000000000a1\n";
        let (downloads, left_out) = parsed(text);
        assert_eq!(downloads.len(), 1);
        assert_eq!(downloads[0].1.url.as_str(), "http://h/b");
        let lines: Vec<usize> = left_out.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 2, 6]);
    }
}
