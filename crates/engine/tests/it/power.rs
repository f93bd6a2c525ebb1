//! The power is cut at random moments, again and again: whatever was not synced may be lost or torn,
//! and in the end every file is right. Each story has a seed and is told whole.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use haul_engine::store::{Record, SqliteStore, Store};
use haul_engine::{Config, Engine, Id, New, Spec, Status};
use haul_testkit::crash::lost;
use haul_testkit::origin::{self, Origin};
use haul_testkit::power::{Event, Power};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::world::list;

/// Longer than any right life; a hang becomes a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the power is cut in one story.
const CUTS: usize = 3;

/// How many downloads are paused and resumed in one life.
const DISTURBANCES: u32 = 4;

const KIB: u64 = 1 << 10;

/// A file of the story: its path and query at the origin, and what must come of it.
struct File {
    path: &'static str,
    seed: u64,
    size: u64,
}

/// Changes when the power has gone for the first time; nothing tells of that but its bytes.
const CHANGING: File = file(
    "/changing.bin?size=200K&seed=6&rate=40K&change_on=dark",
    7,
    200 * KIB,
);

/// Slow enough that several checkpoints fall into the large ones.
const FILES: [File; 6] = [
    file(
        "/tagged.bin?size=300K&seed=1&rate=40K&etag=%22v1%22",
        1,
        300 * KIB,
    ),
    file("/bare.bin?size=300K&seed=2&rate=40K", 2, 300 * KIB),
    file(
        "/stream.bin?size=60K&seed=3&rate=100K&ranges=no",
        3,
        60 * KIB,
    ),
    file("/small.bin?size=5000&seed=4", 4, 5000),
    file("/empty.bin?size=0&seed=5", 5, 0),
    CHANGING,
];

/// All here within a moment, and so on their way to their names together.
const SMALL_FILES: [File; 12] = [
    file("/s1.bin?size=3000&seed=11", 11, 3000),
    file("/s2.bin?size=4096&seed=12", 12, 4096),
    file("/s3.bin?size=9000&seed=13", 13, 9000),
    file("/s4.bin?size=1&seed=14", 14, 1),
    file("/s5.bin?size=16K&seed=15&ranges=no", 15, 16 * KIB),
    file("/s6.bin?size=20000&seed=16", 16, 20_000),
    file("/s7.bin?size=7000&seed=17&etag=%22v1%22", 17, 7000),
    file("/s8.bin?size=12K&seed=18", 18, 12 * KIB),
    file("/s9.bin?size=4097&seed=19", 19, 4097),
    file("/s10.bin?size=511&seed=20", 20, 511),
    file("/s11.bin?size=8191&seed=21&ranges=no", 21, 8191),
    file("/s12.bin?size=16K&seed=22", 22, 16 * KIB),
];

const fn file(path: &'static str, seed: u64, size: u64) -> File {
    File { path, seed, size }
}

impl File {
    /// Whether it is another file, with the seed before this one, at first.
    fn changes(&self) -> bool {
        self.path.contains("change_on")
    }
}

#[test]
fn every_file_is_right_however_often_the_power_goes() {
    tell(24, &FILES, |rng, _| {
        // Each kind of event equally often, however rare it is.
        let event = Event::ALL[rng.usize(..Event::ALL.len())];
        let most = match event {
            Event::Write => 2000,
            Event::Sync | Event::Synced => 8,
            Event::Commit | Event::Committed => 20,
        };
        (event, rng.u64(1..=most))
    });
}

#[test]
fn small_files_that_are_delivered_together_are_all_right() {
    tell(24, &SMALL_FILES, |rng, _| {
        let event = Event::ALL[rng.usize(..Event::ALL.len())];
        let most = match event {
            Event::Write => 24,
            Event::Sync | Event::Synced => 12,
            // Added, and then two for each group.
            Event::Commit | Event::Committed => 6,
        };
        (event, rng.u64(1..=most))
    });
}

#[test]
fn the_record_of_old_bytes_goes_before_new_bytes_come() {
    tell(8, std::slice::from_ref(&CHANGING), |rng, life| match life {
        // Added, and one checkpoint recorded.
        0 => (Event::Commit, 3),
        // The scratch file is cut and reserved anew, and a little is written.
        1 => (Event::Write, 2 + rng.u64(1..60)),
        _ => (Event::Synced, 1),
    });
}

/// Tells so many stories of `files` at once. `cut` says when the power goes in each life.
fn tell(
    stories: u64,
    files: &'static [File],
    cut: impl Fn(&mut Rng, usize) -> (Event, u64) + Copy + Send,
) {
    let first = seed();
    thread::scope(|scope| {
        for seed in first..first + stories {
            let story = move || Story::new(seed, files).tell(cut);
            let told = thread::Builder::new().name(format!("story {seed}"));
            told.spawn_scoped(scope, story).expect("a thread");
        }
    });
}

/// The first story's seed; the same again with `HAUL_POWER_SEED`.
fn seed() -> u64 {
    match std::env::var("HAUL_POWER_SEED") {
        Ok(text) => text.parse().expect("HAUL_POWER_SEED is a number"),
        Err(_) => fastrand::u64(..1 << 32),
    }
}

struct Story {
    seed: u64,
    files: &'static [File],
    rng: Rng,
    folder: TempDir,
    /// Where the origin lives; it has power throughout.
    outside: Runtime,
    origin: Origin,
}

impl Story {
    fn new(seed: u64, files: &'static [File]) -> Story {
        let outside = runtime(1);
        Story {
            seed,
            files,
            rng: Rng::with_seed(seed),
            folder: TempDir::new().expect("a folder"),
            origin: outside.block_on(Origin::start()),
            outside,
        }
    }

    fn tell(mut self, moment: impl Fn(&mut Rng, usize) -> (Event, u64)) {
        let mut records = Vec::new();
        let mut finished = BTreeMap::new();
        for life in 0..=CUTS {
            let cut = (life < CUTS).then(|| moment(&mut self.rng, life));
            let from = self.origin.log().len();
            let outcome = self.live(cut, records.is_empty());
            let after = self.outside.block_on(records_in(&self.database()));
            let tale = format!("seed {}, life {life}, cut at {cut:?}", self.seed);
            let cost = lost(&records, &self.origin.log()[from..], &after);
            assert!(
                cost.unfounded.is_empty(),
                "{tale}: {:?} claim too much",
                cost.unfounded
            );
            self.assert_known(&after, outcome.as_deref(), &tale);
            self.assert_believable(&after, &tale);
            finished = self.assert_untouched(&finished, &after, &tale);
            self.origin.open_gate("dark");
            records = after;
        }
        self.judge(&records);
    }

    /// One life of an engine, until the power goes or everything is over. Returns the ids of what was
    /// added, when that was answered.
    fn live(&mut self, cut: Option<(Event, u64)>, adds: bool) -> Option<Vec<Id>> {
        let power = Power::on(self.folder.path(), cut);
        let inside = runtime(2);
        let config = self.config();
        let store = power.store(&self.database());
        let (disk, urls) = (power.disk(), adds.then(|| self.urls()));
        let transfers = inside.handle().clone();
        let (mut added, disturbance) = (None, self.rng.u64(..));
        inside.block_on(async {
            let living = async {
                let engine = Engine::start_on(disk, config, store, transfers).await;
                let engine = engine.expect("an engine");
                if let Some(urls) = urls {
                    let new = urls.into_iter().map(|url| New::Unseen(Spec::new(url)));
                    let views = engine.add(new.collect()).await.expect("added");
                    added = Some(views.iter().map(|view| view.id).collect());
                }
                let mut rng = Rng::with_seed(disturbance);
                tokio::join!(all_over(&engine), disturb(&engine, &mut rng));
                engine.shutdown().await;
            };
            tokio::select! {
                () = power.gone() => {}
                () = living => {}
            }
        });
        // No shutdown when the power has gone: tasks end wherever they are.
        inside.shutdown_timeout(PATIENCE);
        // After a life that nothing cuts short, everything comes to the medium in the end.
        if cut.is_some() {
            self.outside.block_on(power.fall(&mut self.rng));
        }
        added
    }

    fn config(&self) -> Config {
        let mut config = Config::new(self.files(), self.folder.path().join("state"));
        config.settings.threads = 4;
        config.settings.block_size = 16 * KIB;
        config.settings.max_downloads = self.files.len();
        config.retry_wait = Duration::from_millis(10);
        config.min_free_space = 0;
        std::fs::create_dir_all(&config.state_dir).expect("a folder");
        config
    }

    fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("state/haul.db")
    }

    fn urls(&self) -> Vec<url::Url> {
        self.files
            .iter()
            .map(|file| self.origin.url(file.path))
            .collect()
    }

    /// What was added and answered is there.
    fn assert_known(&self, records: &[Record], answered: Option<&[Id]>, tale: &str) {
        for id in answered.into_iter().flatten() {
            assert!(
                records.iter().any(|record| record.id == *id),
                "{tale}: {id} is lost"
            );
        }
    }

    /// What a record claims of a scratch file, the medium holds: all of one version.
    fn assert_believable(&self, records: &[Record], tale: &str) {
        for record in records {
            let url = &record.spec.url;
            let mut files = self.files.iter();
            let file = files.find(|file| self.origin.url(file.path) == *url);
            let file = file.expect("one of ours");
            let scratch = record.scratch.as_ref().map(std::fs::read);
            let Some(Ok(held)) = scratch.filter(|_| !record.done.is_empty()) else {
                self.assert_not_gone(record, file, tale);
                continue;
            };
            // One that has another length is not believed.
            if held.len() as u64 != file.size {
                continue;
            }
            // The claims that are not true of the version with this seed.
            let lies = |seed: u64| -> Vec<Range<u64>> {
                let at = |place: u64| usize::try_from(place).expect("a small file");
                let mut claims = record.done.iter().collect::<Vec<_>>();
                claims.retain(|range| {
                    held[at(range.start)..at(range.end)] != origin::content(seed, range.clone())
                });
                claims
            };
            let (now, before) = (lies(file.seed), lies(file.seed.wrapping_sub(1)));
            let is_true = now.is_empty() || (file.changes() && before.is_empty());
            assert!(
                is_true,
                "{tale}: {} claims what the medium does not hold: {now:?} {before:?} {record:#?}",
                file.path
            );
        }
    }

    /// What a record claims a part of is there. Only a file that starts over is deleted before its
    /// record, and a whole one is on its way from one name to the other.
    fn assert_not_gone(&self, record: &Record, file: &File, tale: &str) {
        let is_part = !record.done.is_empty() && record.done.len() < file.size;
        let is_gone = is_part && !file.changes();
        assert!(!is_gone, "{tale}: the bytes of {} are gone", file.path);
    }

    /// What was completed is there, is right, and is still the same.
    fn assert_untouched(
        &self,
        before: &BTreeMap<PathBuf, u64>,
        records: &[Record],
        tale: &str,
    ) -> BTreeMap<PathBuf, u64> {
        use std::os::unix::fs::MetadataExt;
        let completed = records
            .iter()
            .filter(|record| record.status == Status::Completed);
        let inode = |path: &PathBuf| {
            let meta = std::fs::metadata(path);
            meta.unwrap_or_else(|why| panic!("{tale}: {}: {why}", path.display()))
                .ino()
        };
        let now: BTreeMap<PathBuf, u64> = completed
            .filter_map(|record| record.path.clone())
            .map(|path| (path.clone(), inode(&path)))
            .collect();
        for (path, inode) in before {
            assert_eq!(
                now.get(path),
                Some(inode),
                "{tale}: {} was touched",
                path.display()
            );
        }
        now
    }

    /// In the end every file is right, there once, and nothing else is.
    fn judge(&self, records: &[Record]) {
        let tale = format!("seed {}", self.seed);
        let mut expected = Vec::new();
        for file in self.files {
            let url = self.origin.url(file.path);
            let name = url.path().trim_start_matches('/').to_owned();
            let path = self.files().join(name);
            let bytes = std::fs::read(&path);
            let bytes = bytes.unwrap_or_else(|why| panic!("{tale}: {}: {why}", path.display()));
            let right = origin::content(file.seed, 0..file.size);
            let old = origin::content(file.seed.wrapping_sub(1), 0..file.size);
            // It may have been finished before it changed.
            let is_old = file.changes() && bytes == old;
            let wrong = right.iter().zip(&bytes).position(|(a, b)| a != b);
            let lengths = (bytes.len(), right.len());
            let is_right = wrong.is_none() && lengths.0 == lengths.1;
            let shown = path.display();
            assert!(
                is_old || is_right,
                "{tale}: {shown}: wrong from {wrong:?}, {lengths:?}"
            );
            expected.push(path);
            let mine = records.iter().filter(|record| record.spec.url == url);
            let status: Vec<Status> = mine.map(|record| record.status).collect();
            assert_eq!(status, [Status::Completed], "{tale}: {url}");
        }
        expected.sort();
        assert_eq!(list(&self.files()), expected, "{tale}");
        assert!(
            list(&self.folder.path().join("state/scratch")).is_empty(),
            "{tale}"
        );
    }
}

/// Pauses and resumes a few downloads at random: what they held is recorded on another way.
async fn disturb(engine: &Engine, rng: &mut Rng) {
    // The power may have gone between the two.
    let (_, paused, _) = engine.live().snapshot(|view| view.status == Status::Paused);
    for view in paused {
        engine.resume(view.id).await.expect("it is paused");
    }
    for _ in 0..DISTURBANCES {
        tokio::time::sleep(Duration::from_millis(rng.u64(..600))).await;
        let (_, views, _) = engine.live().snapshot(|view| !view.status.is_over());
        let Some(view) = rng.choice(&views) else {
            return;
        };
        // It may be over by now.
        if engine.pause(view.id).await.is_ok() {
            engine.resume(view.id).await.expect("it was paused");
        }
    }
}

/// Returns when nothing runs or waits any more.
async fn all_over(engine: &Engine) {
    let mut watcher = engine.live().watch();
    let open = || engine.live().snapshot(|view| !view.status.is_over()).1;
    let waiting = async {
        while !open().is_empty() {
            watcher.changed().await;
            watcher.take();
        }
    };
    let over = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(over.is_ok(), "they do not come to an end: {:#?}", open());
}

async fn records_in(database: &Path) -> Vec<Record> {
    let copy = tempfile::tempdir().expect("a folder");
    for end in ["", "-wal"] {
        let mut from = database.as_os_str().to_owned();
        from.push(end);
        let _ = std::fs::copy(from, copy.path().join(format!("haul.db{end}")));
    }
    let store = SqliteStore::open(&copy.path().join("haul.db")).expect("a sound database");
    let store: Arc<dyn Store> = Arc::new(store);
    store.load().await.expect("readable records")
}

fn runtime(threads: usize) -> Runtime {
    let runtime = Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build();
    runtime.expect("a runtime")
}
