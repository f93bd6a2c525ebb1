//! aria2's session file: the unfinished downloads as an input file. haul itself needs none, it keeps its
//! list anyway; this one is for taking downloads elsewhere.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use haul_engine::folder::is_inside;
use haul_engine::{Error, Id, Spec, Status};
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
    let written = tokio::task::spawn_blocking(move || {
        write(&path, &text).map_err(|cause| Error::disk("write", &path, &cause))
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
    let looking = tokio::task::spawn_blocking(move || {
        if !is_inside(&dir, &root) {
            return Some("it leads out of the download directory through a link");
        }
        if is_inside(&dir, &state) {
            return Some("it is where haul keeps its state");
        }
        (!is_free(&looked_at)).then_some("another file is there")
    });
    match looking.await {
        Ok(None) => Ok(path),
        Ok(Some(why)) => refuse(why.to_owned()),
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

/// Whether nothing is there, or a session file.
fn is_free(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Err(cause) => cause.kind() == io::ErrorKind::NotFound,
        Ok(there) if !there.is_file() => false,
        Ok(_) => {
            let mut begin = vec![0; MARK.len()];
            let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut begin));
            read.is_ok() && begin == MARK.as_bytes()
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "it replaces an earlier session file, and has just made sure that it is one"
)]
fn write(path: &Path, text: &str) -> io::Result<()> {
    if !is_free(path) {
        return Err(io::Error::other("another file is there"));
    }
    let mut aside = path.as_os_str().to_owned();
    aside.push(".new");
    let aside = PathBuf::from(aside);
    // What an earlier try has left; anything else that bears the name stays.
    if is_free(&aside) {
        let _ = fs::remove_file(&aside);
    }
    let mut new = OpenOptions::new();
    // Headers may be credentials.
    let mut file = new.write(true).create_new(true).mode(0o600).open(&aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(aside, path)
}

#[cfg(test)]
mod tests {
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
        let path = dir.path().join("session.txt");
        write(&path, &text(&[])).expect("a new one");
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
