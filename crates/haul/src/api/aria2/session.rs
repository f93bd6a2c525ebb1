//! aria2's session file: the unfinished downloads as an input file. haul itself needs none, it keeps its
//! list anyway; this one is for taking downloads elsewhere.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use haul_engine::folder::Pinned;
use haul_engine::{Error, Id, Spec, Status};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use serde_json::{Value, json};

use super::add;
use super::envelope::Failure;
use super::lists::those;
use super::options::{self, Refused};
use crate::api::App;

/// The option that says where.
pub(super) const OPTION: &str = "save-session";

/// How such a file begins, so that no other file is ever replaced by one.
const MARK: &str = "# aria2 session, written by haul\n";

/// Held while a session is written.
static SAVING: Mutex<()> = Mutex::new(());

/// `aria2.saveSession`.
pub(super) async fn save(app: &App) -> Result<Value, Failure> {
    let Some(path) = app.aria2.globals.get(OPTION) else {
        return Err(Failure::refused("Filename is not given."));
    };
    let is_unfinished = |status| !matches!(status, Status::Completed | Status::Cancelled);
    let (_, views, _) = app.engine.live().in_states(those(is_unfinished));
    let ids = views.iter().map(|view| view.id).collect();
    let mut specs = app.engine.specs(ids).await?;
    for (id, spec) in &mut specs {
        let view = app.engine.live().get(*id);
        spec.paused = view.is_some_and(|view| view.status == Status::Paused);
    }
    let text = text(&specs);
    let path = PathBuf::from(path);
    let (root, state) = (app.options.root.clone(), app.options.state.clone());
    let written = tokio::task::spawn_blocking(move || {
        // Two at once would write into each other's file.
        let _one = SAVING.lock().unwrap_or_else(PoisonError::into_inner);
        // What the path leads to may have changed since it was given.
        let spot = Spot::open(&path, &root, &state).map_err(io::Error::other);
        let written = spot.and_then(|spot| spot.write(&text));
        written.map_err(|cause| Error::disk("write", &path, &cause))
    });
    written
        .await
        .map_err(|broken| Failure::Refused(broken.to_string()))??;
    Ok(json!("OK"))
}

/// Where a session may be saved: inside the download directory, not among haul's own files, and not over
/// another one.
pub(super) async fn place(text: &str, root: &Path, state: &Path) -> Result<PathBuf, Failure> {
    let refuse = |why: String| {
        Err(add::problem(Refused {
            name: OPTION.to_owned(),
            value: text.to_owned(),
            why,
        }))
    };
    let mut spec = Spec::new(Spec::parse_url("http://unset.invalid/").map_err(Failure::from)?);
    let out = [("out".to_owned(), text.to_owned())];
    add::take(&mut spec, &out, root)?;
    let dir = spec.dir.unwrap_or_else(|| root.to_owned());
    let path = dir.join(spec.name.unwrap_or_default());
    let (root, state, looked_at) = (root.to_owned(), state.to_owned(), path.clone());
    let looking =
        tokio::task::spawn_blocking(move || match Spot::open(&looked_at, &root, &state) {
            Ok(spot) if !spot.is_free() => Err("another file is there"),
            looked => looked.map(|_| ()),
        });
    match looking.await {
        Ok(Ok(())) => Ok(path),
        Ok(Err(why)) => refuse(why.to_owned()),
        Err(broken) => refuse(broken.to_string()),
    }
}

/// Downloads as an input file.
fn text(downloads: &[(Id, Spec)]) -> String {
    let mut text = MARK.to_owned();
    for (id, spec) in downloads {
        let first = std::iter::once(&spec.url);
        let urls: Vec<&str> = first.chain(&spec.mirrors).map(url::Url::as_str).collect();
        let paused = spec.paused.then(|| ("pause".to_owned(), "true".to_owned()));
        let _ = writeln!(text, "{}\n gid={id}", urls.join("\t"));
        for (name, value) in paused.into_iter().chain(options::of(spec)) {
            // A line end in it would be read as the next option, or the next download.
            if !name.chars().chain(value.chars()).any(char::is_control) {
                let _ = writeln!(text, " {name}={value}");
            }
        }
    }
    text
}

/// A session file's directory, and its name there. Looked at and written in one directory, whatever its
/// path leads to by then.
struct Spot {
    dir: Pinned,
    name: OsString,
}

impl Spot {
    /// The place at `path`, unless it is outside of `root` or among haul's own files.
    fn open(path: &Path, root: &Path, state: &Path) -> Result<Spot, &'static str> {
        let dir = Pinned::open(path.parent().unwrap_or(path))
            .map_err(|_| "its directory is not there")?;
        if !dir.is_inside(root) {
            return Err("it leads out of the download directory through a link");
        }
        if dir.is_inside(state) {
            return Err("it is where haul keeps its state");
        }
        let name = path.file_name().unwrap_or_default().to_owned();
        Ok(Spot { dir, name })
    }

    /// Whether nothing is there, or nothing but a session.
    fn is_free(&self) -> bool {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.dir, &self.name, flags, Mode::empty()) {
            Ok(there) => File::from(there),
            Err(cause) => return cause == Errno::NOENT,
        };
        let Ok(there) = file.metadata() else {
            return false;
        };
        if !there.is_file() {
            return false;
        }
        let mut begin = Vec::new();
        let read = file.take(MARK.len() as u64).read_to_end(&mut begin);
        // A power cut leaves an empty one.
        read.is_ok() && (begin.is_empty() || begin == MARK.as_bytes())
    }

    /// Writes a session there, all of it or nothing.
    fn write(self, text: &str) -> io::Result<()> {
        if !self.is_free() {
            return Err(io::Error::other("another file is there"));
        }
        let mut name = self.name.clone();
        name.push(".new");
        let aside = Spot { name, ..self };
        // What an earlier try has left; anything else that bears the name stays.
        if aside.is_free() {
            let _ = rustix::fs::unlinkat(&aside.dir, &aside.name, AtFlags::empty());
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        // Headers may be credentials.
        let new = rustix::fs::openat(&aside.dir, &aside.name, flags, Mode::RUSR | Mode::WUSR)?;
        let mut new = File::from(new);
        let written = new.write_all(text.as_bytes()).and_then(|()| new.sync_all());
        if let Err(cause) = written {
            // Half of a session would be in the way of the next.
            let _ = rustix::fs::unlinkat(&aside.dir, &aside.name, AtFlags::empty());
            return Err(cause);
        }
        // It replaces an earlier session, and it has just been made sure that it is one.
        rustix::fs::renameat(&aside.dir, &aside.name, &aside.dir, &self.name)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use haul_testkit::small_disk::SmallDisk;

    use super::*;

    fn spec(url: &str) -> Spec {
        Spec::new(Spec::parse_url(url).expect("a URL"))
    }

    #[test]
    fn a_session_is_an_input_file_with_gids() {
        let first = Spec {
            mirrors: vec![spec("http://m/a").url],
            speed_limit: 10_000,
            paused: true,
            notes: vec![
                ("file-allocation".into(), "none".into()),
                ("x".into(), "y\nhttp://evil/".into()),
            ],
            ..spec("http://h/a")
        };
        let text = text(&[(Id(1), first), (Id(2), spec("http://h/b"))]);
        let lines = [
            "http://h/a\thttp://m/a",
            " gid=0000000000000001",
            " pause=true",
            " max-download-limit=10000",
            " file-allocation=none",
            "http://h/b",
            " gid=0000000000000002",
        ];
        assert_eq!(text, format!("{MARK}{}\n", lines.join("\n")));
    }

    #[test]
    fn only_a_session_is_replaced_by_a_session() {
        let dir = tempfile::tempdir().expect("a directory");
        let state = dir.path().join(".haul");
        let write = |path: &Path, text: &str| {
            let spot = Spot::open(path, dir.path(), &state).map_err(io::Error::other)?;
            spot.write(text)
        };
        let path = dir.path().join("session.txt");
        write(&path, &text(&[])).expect("a new one");
        let mode = fs::metadata(&path).expect("it").mode();
        assert_eq!(mode & 0o777, 0o600, "headers may be credentials");
        write(&path, &text(&[(Id(1), spec("http://h/a"))])).expect("replaced");
        assert!(
            fs::read_to_string(&path)
                .expect("it")
                .contains("http://h/a")
        );
        let film = dir.path().join("film.mkv");
        fs::write(&film, "a film").expect("a file");
        write(&film, &text(&[])).expect_err("another file");
        assert_eq!(fs::read(&film).expect("it"), b"a film");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        write(&link, &text(&[])).expect_err("a link");
    }

    #[test]
    fn a_full_disk_leaves_the_session_before_and_no_half_of_a_new_one() {
        let Some(disk) = SmallDisk::mount(1 << 20) else {
            return;
        };
        let root = disk.path();
        let path = root.join("session.txt");
        let write = |downloads: &[(Id, Spec)]| {
            let spot = Spot::open(&path, &root, &root.join(".haul"));
            let spot = spot.map_err(io::Error::other)?;
            spot.write(&text(downloads))
        };
        let before = [(Id(1), spec("http://h/a"))];
        write(&before).expect("there is room");
        // Room for a part of it.
        let ballast = disk.fill_up(16 << 10);
        let long: Vec<_> = (2..2000).map(|id| (Id(id), spec("http://h/b"))).collect();
        let full = write(&long).expect_err("no room");
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        let named = |entry: io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        let mut there: Vec<_> = fs::read_dir(&root).expect("it").map(named).collect();
        there.sort();
        assert_eq!(there, ["ballast", "session.txt"]);
        assert_eq!(fs::read_to_string(&path).expect("it"), text(&before));
        drop(ballast);
        write(&long).expect("there is room again");
        assert_eq!(fs::read_to_string(&path).expect("it"), text(&long));
    }

    /// The place was fine when it was given; what lies at its path by now is another directory.
    #[test]
    fn a_directory_that_became_a_link_leads_no_session_out() {
        let (dir, outside) = (tempfile::tempdir(), tempfile::tempdir());
        let (dir, outside) = (dir.expect("a directory"), outside.expect("a directory"));
        let (sub, state) = (dir.path().join("sub"), dir.path().join(".haul"));
        let path = sub.join("session.txt");
        fs::create_dir(&sub).expect("a directory");
        let early = Spot::open(&path, dir.path(), &state).expect("inside");
        let moved = dir.path().join("moved");
        rustix::fs::rename(&sub, &moved).expect("moved");
        std::os::unix::fs::symlink(outside.path(), &sub).expect("a link");
        // Before it was looked at: refused. Between looking and writing: it goes where was looked.
        Spot::open(&path, dir.path(), &state)
            .map(|_| ())
            .expect_err("outside");
        early.write(&text(&[])).expect("written");
        assert!(moved.join("session.txt").exists());
        assert_eq!(fs::read_dir(outside.path()).expect("it").count(), 0);
    }

    #[tokio::test]
    async fn a_session_is_saved_inside_the_download_directory_only() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().canonicalize().expect("it is there");
        let inside = root.join("session.txt");
        let state = root.join(".haul");
        fs::create_dir(&state).expect("a directory");
        let found = place(&inside.to_string_lossy(), &root, &state).await;
        assert_eq!(found, Ok(inside));
        assert_eq!(place("s.txt", &root, &state).await, Ok(root.join("s.txt")));
        fs::write(root.join("film.mkv"), "a film").expect("a file");
        for text in ["/etc/cron.d/x", "../x", "film.mkv", "", ".haul/token"] {
            place(text, &root, &state).await.expect_err(text);
        }
    }
}
