//! A running engine in a folder of its own, and the questions that tests ask it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use haul_engine::disk::{Disk, RealDisk};
use haul_engine::store::{Record, SqliteStore, Store};
use haul_engine::{Config, Engine, Id, New, Spec, Status, View};
use tempfile::TempDir;
use tokio::runtime::Handle;
use url::Url;

/// Longer than any right run; a hang becomes a failure.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) engine: Engine,
    config: Config,
    folder: Arc<TempDir>,
}

impl World {
    /// An engine with quick retries in a fresh folder.
    pub(crate) async fn new() -> World {
        World::with(|_| ()).await
    }

    /// The same, with its configuration changed.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        World::start(Arc::new(RealDisk), Arc::new(folder), change).await
    }

    /// The same on another disk and another store.
    pub(crate) async fn on_store(
        disk: Arc<dyn Disk>,
        store: Arc<dyn Store>,
        change: impl FnOnce(&mut Config),
    ) -> World {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let config = config(&folder, change);
        World::begin(disk, store, config, folder).await
    }

    /// The same on another disk.
    pub(crate) async fn on(disk: Arc<dyn Disk>, change: impl FnOnce(&mut Config)) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        World::start(disk, Arc::new(folder), change).await
    }

    /// Shuts this engine down and starts another one in the same folder.
    pub(crate) async fn restart(self, change: impl FnOnce(&mut Config)) -> World {
        self.stop().await.start(change).await
    }

    /// Shuts this engine down.
    pub(crate) async fn stop(self) -> Stopped {
        self.engine.shutdown().await;
        let folder = self.folder.clone();
        drop(self);
        Stopped { folder }
    }

    /// Leaves what a process leaves that is killed now: the last checkpoints, and no word about how
    /// the files were left.
    pub(crate) async fn crash(self) -> Stopped {
        let state = self.folder.path().join("state");
        let files = ["haul.db", "haul.db-wal"].map(|name| state.join(name));
        let left = files
            .each_ref()
            .map(|path| std::fs::read(path).expect("a database"));
        let stopped = self.stop().await;
        // Whoever closes a database last deletes its log.
        let closing = async {
            while files[1].exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let closed = tokio::time::timeout(PATIENCE, closing).await;
        closed.expect("the database is closed");
        for (path, left) in files.iter().zip(left) {
            std::fs::write(path, left).expect("put back");
        }
        stopped
    }

    /// Waits until the record of the only download looks like that.
    pub(crate) async fn until_recorded(&self, looks: impl Fn(&Record) -> bool) {
        let waiting = async {
            while !looks(&record(&self.folder).await) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let recorded = tokio::time::timeout(PATIENCE, waiting).await;
        recorded.expect("never recorded");
    }

    /// The same with the configuration as it was.
    pub(crate) async fn restart_as_it_was(self) -> World {
        let config = self.config.clone();
        self.restart(|fresh| *fresh = config).await
    }

    async fn start(
        disk: Arc<dyn Disk>,
        folder: Arc<TempDir>,
        change: impl FnOnce(&mut Config),
    ) -> World {
        let config = config(&folder, change);
        let store = SqliteStore::open(&config.state_dir.join("haul.db")).expect("a database");
        World::begin(disk, Arc::new(store), config, folder).await
    }

    async fn begin(
        disk: Arc<dyn Disk>,
        store: Arc<dyn Store>,
        config: Config,
        folder: Arc<TempDir>,
    ) -> World {
        let engine = Engine::start_on(disk, config.clone(), store, Handle::current())
            .await
            .expect("an engine");
        World {
            engine,
            config,
            folder,
        }
    }

    pub(crate) fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    /// Where the engine was told to put finished files.
    pub(crate) fn engine_dir(&self) -> &Path {
        &self.config.dir
    }

    /// The folder of it all: `files` and `state` are in it.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Keeps the folder as long as this is held, whatever becomes of the world.
    pub(crate) fn keep_folder(&self) -> Arc<TempDir> {
        self.folder.clone()
    }

    /// What lies in the state directory's scratch folder.
    pub(crate) fn scratch(&self) -> Vec<PathBuf> {
        list(&self.folder.path().join("state/scratch"))
    }

    pub(crate) async fn add(&self, url: Url) -> Id {
        self.add_spec(Spec::new(url)).await
    }

    pub(crate) async fn add_spec(&self, spec: Spec) -> Id {
        let added = self.engine.add(vec![New::Unseen(spec)]).await;
        added.expect("added")[0].id
    }

    /// Adds, waits for the end, and returns the last view.
    pub(crate) async fn fetch(&self, url: Url) -> Arc<View> {
        let id = self.add(url).await;
        self.ended(id).await
    }

    /// Waits until the download is over.
    pub(crate) async fn ended(&self, id: Id) -> Arc<View> {
        self.until(id, |view| view.status.is_over()).await
    }

    /// Waits until something on the disk is so.
    pub(crate) async fn until_true(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let waiting = async {
            while !is_so() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(waited.is_ok(), "waited {PATIENCE:?} for {what}");
    }

    /// Waits until the download looks like that.
    pub(crate) async fn until(&self, id: Id, looks: impl Fn(&View) -> bool) -> Arc<View> {
        let mut watcher = self.engine.live().watch();
        let waiting = async {
            loop {
                watcher.take();
                if let Some(view) = self.engine.live().get(id).filter(|view| looks(view)) {
                    return view;
                }
                watcher.changed().await;
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(view) => view,
            Err(_) => panic!("never came: {:#?}", self.engine.live().get(id)),
        }
    }
}

/// What lies on the disk while no engine runs.
pub(crate) struct Stopped {
    folder: Arc<TempDir>,
}

impl Stopped {
    pub(crate) async fn start(self, change: impl FnOnce(&mut Config)) -> World {
        World::start(Arc::new(RealDisk), self.folder, change).await
    }

    /// The record of the only download.
    pub(crate) async fn record(&self) -> Record {
        record(&self.folder).await
    }

    /// The database, for a human with `sqlite3`.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("state/haul.db")
    }

    /// What lies in the state directory's scratch folder.
    pub(crate) fn scratch(&self) -> Vec<PathBuf> {
        list(&self.folder.path().join("state/scratch"))
    }
}

async fn record(folder: &TempDir) -> Record {
    let store = SqliteStore::open(&folder.path().join("state/haul.db")).expect("a database");
    let mut records = store.load().await.expect("readable");
    assert_eq!(records.len(), 1, "one download");
    records.remove(0)
}
/// How long between two looks at what tells nobody of its changes.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Quick retries, no free space kept, and whatever else a test wants; its state directory exists.
fn config(folder: &TempDir, change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::new(folder.path().join("files"), folder.path().join("state"));
    config.retry_wait = Duration::from_millis(10);
    config.retry_wait_max = Duration::from_millis(50);
    config.min_free_space = 0;
    change(&mut config);
    std::fs::create_dir_all(&config.state_dir).expect("a folder");
    config
}

/// The paths in a folder, sorted.
pub(crate) fn list(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

/// Asserts that a download has completed and that its file is the origin's, byte for byte.
pub(crate) fn assert_right(view: &View, seed: u64, size: u64) {
    assert_eq!(view.status, Status::Completed, "{:?}", view.error);
    let path = view.path.as_deref().expect("a completed file has a path");
    let bytes = std::fs::read(path).expect("a readable file");
    assert_bytes(&bytes, &haul_testkit::origin::content(seed, 0..size));
    assert_eq!((view.size, view.done), (Some(size), size));
}

/// Asserts that these are the right bytes; says where they are not.
pub(crate) fn assert_bytes(bytes: &[u8], right: &[u8]) {
    assert_eq!(bytes.len(), right.len(), "length");
    let wrong = bytes.iter().zip(right).position(|(a, b)| a != b);
    assert_eq!(wrong, None, "first wrong byte");
}
