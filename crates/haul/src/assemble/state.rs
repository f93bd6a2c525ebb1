//! The state directory: its lock, its database, its token. Knows nothing of who runs on it.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use haul_engine::Kind;
use haul_engine::store::{SqliteStore, Store};
use rustix::fs::{FlockOperation, flock};
use rustix::process::geteuid;

use super::{Error, create_with_mode};

/// A state directory that no other process uses. Dropping it lets the next one in.
pub(crate) struct State {
    dir: PathBuf,
    /// Holds the lock as long as it is open.
    _lock: File,
}

impl State {
    /// Creates `dir`, for its owner only, and takes it.
    ///
    /// # Errors
    /// [`Error::Taken`] when another process has it; disk errors with the path.
    pub(crate) fn take(dir: &Path) -> anyhow::Result<State> {
        // Only the state itself is private: its parents may be the user's own directories.
        for part in dir.parent().into_iter().chain([dir]) {
            refuse_strange_link(part)?;
            create_with_mode(part, if part == dir { 0o700 } else { 0o777 })?;
        }
        let path = dir.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|cause| haul_engine::Error::disk("open", &path, &cause))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut owner = String::new();
            let pid = file
                .read_to_string(&mut owner)
                .map(|_| owner.trim().to_owned());
            let owner = match pid {
                Ok(pid) if !pid.is_empty() => format!("pid {pid}"),
                _ => "its process id is not known".to_owned(),
            };
            return Err(Error::Taken {
                dir: dir.to_owned(),
                owner,
            }
            .into());
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(|cause| haul_engine::Error::disk("write", &path, &cause))?;
        Ok(State {
            dir: dir.to_owned(),
            _lock: file,
        })
    }

    /// Where it is.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Opens the database in it.
    pub(crate) fn open_store(&self) -> haul_engine::Result<Arc<dyn Store>> {
        let store = SqliteStore::open(&self.private("haul.db")?)?;
        Ok(Arc::new(store))
    }

    /// Opens the database in it for one command, after which nobody is likely to need it.
    pub(crate) fn open_store_for_a_while(&self) -> haul_engine::Result<Arc<dyn Store>> {
        let store = SqliteStore::open_for_a_while(&self.private("haul.db")?)?;
        Ok(Arc::new(store))
    }

    /// A file in it that only its owner may read, whoever may look into the directory: it holds headers
    /// and URLs with their secrets. What the database puts beside it gets the same permissions.
    fn private(&self, name: &str) -> haul_engine::Result<PathBuf> {
        let path = self.dir.join(name);
        let fail = |cause| haul_engine::Error::disk("keep to ourselves", &path, &cause);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(fail)?;
        let there = file.metadata().map_err(fail)?;
        if !is_private(&there) {
            file.set_permissions(Permissions::from_mode(0o600))
                .map_err(fail)?;
        }
        Ok(path)
    }

    /// The token kept here, or a new one.
    pub(crate) fn token(&self) -> anyhow::Result<Token> {
        let path = self.dir.join("token");
        match read_private(&path) {
            Ok(Some(kept)) if !kept.trim().is_empty() => {
                return Ok(Token::Kept(kept.trim().to_owned()));
            }
            Ok(Some(_)) => {}
            Ok(None) => tracing::warn!(
                path = %path.display(),
                "others can read the token, or have put it there: making a new one"
            ),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(haul_engine::Error::disk("read", &path, &cause).into()),
        }
        let mut random = [0; 20];
        getrandom::fill(&mut random).context("the system gives no random numbers")?;
        let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        write_private(&path, &token)
            .map_err(|cause| haul_engine::Error::disk("write", &path, &cause))?;
        Ok(Token::New(token))
    }

    /// Deletes the directory and, when nothing else is in it, its parent. The lock is held until
    /// the last file is gone.
    pub(crate) fn delete(self) -> io::Result<()> {
        fs::remove_dir_all(&self.dir)?;
        let Some(parent) = self.dir.parent() else {
            return Ok(());
        };
        match fs::remove_dir(parent).map_err(|cause| (cause.kind(), cause)) {
            Ok(()) | Err((io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound, _)) => Ok(()),
            Err((_, cause)) => Err(cause),
        }
    }
}

/// Where others may write too, one of them can put a link in our way, and with it our files anywhere.
fn refuse_strange_link(dir: &Path) -> haul_engine::Result<()> {
    let Ok(there) = fs::symlink_metadata(dir) else {
        return Ok(());
    };
    let root = 0;
    if !there.is_symlink() || [root, geteuid().as_raw()].contains(&there.uid()) {
        return Ok(());
    }
    let detail = format!(
        "{} is a link that another user has made: remove it",
        dir.display()
    );
    Err(haul_engine::Error::new(Kind::DiskPermission, detail))
}

/// What is in a file, unless others may read it or have made it.
fn read_private(path: &Path) -> io::Result<Option<String>> {
    let mut file = File::open(path)?;
    let there = file.metadata()?;
    if !is_private(&there) {
        return Ok(None);
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(Some(text))
}

/// Whether a file is ours, and nobody else's to read.
fn is_private(there: &Metadata) -> bool {
    let owner = geteuid().as_raw();
    there.is_file() && there.uid() == owner && there.mode() & 0o077 == 0
}

/// Writes a file for its owner only. It is written aside and renamed, so that a crash leaves no half
/// of it behind.
#[expect(
    clippy::disallowed_methods,
    reason = "the state is locked: nobody else puts a file there, and an empty one is to be replaced"
)]
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let aside = path.with_extension("new");
    // What a crash has left there may be readable for others, and is not written into.
    match fs::remove_file(&aside) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&aside)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(aside, path)
}

/// A token that haul made up itself.
pub(crate) enum Token {
    /// At an earlier start; it was shown then.
    Kept(String),
    /// Just now: the user has to be told.
    New(String),
}

impl Token {
    /// What requests have to show.
    pub(crate) fn text(&self) -> &str {
        match self {
            Token::Kept(token) | Token::New(token) => token,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it exists").permissions().mode() & 0o777
    }

    #[test]
    fn a_state_directory_is_private_and_taken_once() {
        let root = tempfile::tempdir().expect("a directory");
        let dir = root.path().join("files/.haul");
        let state = State::take(&dir).expect("the first takes it");
        assert_eq!(mode(&dir), 0o700);
        assert_ne!(
            mode(&root.path().join("files")),
            0o700,
            "only the state is private"
        );
        let refused = State::take(&dir)
            .err()
            .expect("the second is refused")
            .to_string();
        assert!(
            refused.contains(&format!("pid {}", std::process::id())),
            "{refused}"
        );
        drop(state);
        State::take(&dir).expect("free again");
    }

    #[test]
    fn a_link_of_another_user_does_not_lead_our_state_away() {
        let root = tempfile::tempdir().expect("a directory");
        let elsewhere = tempfile::tempdir().expect("a directory");
        let link = root.path().join(".haul");
        std::os::unix::fs::symlink(elsewhere.path(), &link).expect("a link");
        drop(State::take(&link.join("get-1")).expect("our own link is followed"));
        let nobody = Some(65534);
        if std::os::unix::fs::lchown(&link, nobody, nobody).is_err() {
            // Only root can give a link away; who is not root has been tested as far as possible.
            return;
        }
        for dir in [link.join("get-2"), link.clone()] {
            let refused = State::take(&dir).err().expect("not our link");
            assert!(refused.to_string().contains("another user"), "{refused}");
        }
        assert!(!elsewhere.path().join("get-2").exists());
    }

    #[test]
    fn a_token_is_made_once_and_kept_for_its_owner_only() {
        let root = tempfile::tempdir().expect("a directory");
        let state = State::take(&root.path().join("state")).expect("a state");
        let Token::New(made) = state.token().expect("a token") else {
            panic!("the first one is new");
        };
        assert!(made.len() >= 32 && made.bytes().all(|b| b.is_ascii_hexdigit()));
        assert_eq!(mode(&state.dir().join("token")), 0o600);
        let Token::Kept(kept) = state.token().expect("a token") else {
            panic!("the second one is kept");
        };
        assert_eq!(kept, made);
    }

    #[test]
    fn a_token_that_others_could_read_is_replaced() {
        let root = tempfile::tempdir().expect("a directory");
        let dir = root.path().join("state");
        let state = State::take(&dir).expect("a state");
        let leaked = state.token().expect("a token").text().to_owned();
        let path = dir.join("token");
        let open = || Permissions::from_mode(0o644);
        fs::set_permissions(&path, open()).expect("set");
        // Left by a crash, and readable too.
        fs::write(dir.join("token.new"), "").expect("a file");
        fs::set_permissions(dir.join("token.new"), open()).expect("set");
        let Token::New(made) = state.token().expect("a token") else {
            panic!("it is kept");
        };
        assert_ne!(made, leaked);
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn the_database_is_its_owners_whoever_may_look_into_the_directory() {
        let root = tempfile::tempdir().expect("a directory");
        let dir = root.path().join("state");
        let state = State::take(&dir).expect("a state");
        fs::set_permissions(&dir, Permissions::from_mode(0o755)).expect("set");
        fs::write(dir.join("haul.db"), "").expect("one of an older version");
        fs::set_permissions(dir.join("haul.db"), Permissions::from_mode(0o644)).expect("set");
        let store = state.open_store().expect("a store");
        for entry in fs::read_dir(&dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
        drop(store);
    }

    #[test]
    fn deleting_a_state_leaves_a_parent_that_others_use() {
        let root = tempfile::tempdir().expect("a directory");
        let parent = root.path().join(".haul");
        let first = State::take(&parent.join("get-1")).expect("a state");
        let second = State::take(&parent.join("get-2")).expect("a state");
        first.delete().expect("deleted");
        assert!(parent.join("get-2").exists() && !parent.join("get-1").exists());
        second.delete().expect("deleted");
        assert!(!parent.exists());
    }
}
