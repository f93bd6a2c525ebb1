//! Delivery in groups: small files that are whole at about the same time share the threads that write
//! them, the wait for the disk, the sync of their directory and the commits of their records. Owns the
//! order of these steps; knows nothing of transfers, and leaves every file with a trouble of its own to
//! its download.
//!
//! A group is whatever has gathered while the one before was under way, so nobody waits for company.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Duration, Instant};

use crate::crash::{Point, point};
use crate::deliver::{self, Bounds, Placed, Target};
use crate::disk::{Scratch, Standing};
use crate::error::{Error, Kind, Result};
use crate::folder::{make_dirs, parent, sync_dir};
use crate::meter;
use crate::opened::Held;
use crate::plan::seals::{Seal, Seals};
use crate::spec::Config;
use crate::store::{Record, Store};
use crate::writer::write_sealed;

/// Most files of all groups together: each holds a descriptor.
const MOST: usize = 256;

/// Groups under way at once: while one waits for the disk, another one can be named.
const AT_ONCE: usize = 2;

/// How many threads write the files of a group, and wait for the disk. The file system answers all of
/// them with few writes of its own.
const SYNCS: usize = 8;

/// Fewer files than this are not worth another thread.
const FILES_PER_SYNC: usize = 2;

/// A file of which every byte is here.
pub(crate) struct Whole {
    /// Its record, true once the bytes are synced; the group adds their seal.
    pub(crate) record: Box<Record>,
    /// Where the bytes go: a file of no length yet.
    pub(crate) scratch: Arc<dyn Scratch>,
    /// Where it goes, and under which name if that is free.
    pub(crate) dir: PathBuf,
    pub(crate) name: String,
}

/// What became of it.
pub(crate) enum Ended {
    /// It has its final name, for good, and its record says so.
    Completed(Box<Record>),
    /// Its bytes are synced; the rest needs a way of its own.
    Synced(Box<Record>),
    /// Its bytes could not be written.
    Unwritten(Error),
    /// The disk has not confirmed its bytes.
    Unsynced(Error),
}

/// When neither of the groups under way has ended for so long, a disk hangs.
const STUCK: Duration = Duration::from_secs(5);

/// The way into the groups.
pub(crate) struct Groups {
    queue: mpsc::Sender<Come>,
    inside: watch::Sender<usize>,
    /// When a group has begun or ended last.
    moved: watch::Receiver<Instant>,
}

/// What serves the groups until the last [`Groups`] is gone.
pub(crate) struct Service {
    queue: mpsc::Receiver<Come>,
    ground: Ground,
    moved: watch::Sender<Instant>,
}

/// What every group stands on.
#[derive(Clone)]
struct Ground {
    store: Arc<dyn Store>,
    config: Arc<Config>,
}

/// A file as it comes.
struct Come {
    file: Waiting,
    bytes: Held,
}

/// A file whose download waits to hear what became of it.
struct Waiting {
    whole: Whole,
    answer: oneshot::Sender<Ended>,
}

impl Waiting {
    /// Nobody waits for an answer any more when its receiver is gone; that is no error.
    fn end(self, how: impl FnOnce(Whole) -> Ended) {
        let _ = self.answer.send(how(self.whole));
    }

    /// What is left to do is its download's.
    fn leave(self) {
        self.end(|whole| Ended::Synced(whole.record));
    }
}

/// A file that is synced and knows where it goes.
struct Aimed {
    file: Waiting,
    path: PathBuf,
}

pub(crate) fn groups(store: Arc<dyn Store>, config: Arc<Config>) -> (Groups, Service) {
    let (sender, queue) = mpsc::channel(MOST);
    let (moved, moves) = watch::channel(Instant::now());
    let groups = Groups {
        queue: sender,
        inside: watch::Sender::new(0),
        moved: moves,
    };
    let ground = Ground { store, config };
    let service = Service {
        queue,
        ground,
        moved,
    };
    (groups, service)
}

impl Groups {
    /// Writes a file and syncs it, gives it its name and records that, together with others. Nothing of
    /// it is undone when the future is dropped.
    pub(crate) async fn deliver(&self, whole: Whole, bytes: Held) -> Ended {
        let _inside = Inside::enter(&self.inside);
        let (answer, ended) = oneshot::channel();
        let file = Waiting { whole, answer };
        // A failure drops `answer`, which is seen next.
        let _ = self.queue.send(Come { file, bytes }).await;
        let broken = |_| {
            let why = "delivering broke off; retry starts this download afresh";
            Ended::Unsynced(Error::new(Kind::IllegalState, why))
        };
        ended.await.unwrap_or_else(broken)
    }

    /// How many files are inside now.
    pub(crate) fn inside_now(&self) -> usize {
        *self.inside.borrow()
    }

    /// The same, to be told of changes.
    pub(crate) fn inside(&self) -> watch::Receiver<usize> {
        self.inside.subscribe()
    }

    /// Whether one more file may go in.
    pub(crate) fn has_room(&self) -> bool {
        self.inside_now() < MOST
    }

    /// Whether the groups are full for a disk that hangs: others need not wait for it.
    pub(crate) fn is_stuck(&self) -> bool {
        !self.has_room() && self.moved.borrow().elapsed() > STUCK
    }
}

/// Counts a file until dropped.
struct Inside<'a>(&'a watch::Sender<usize>);

impl Inside<'_> {
    fn enter(count: &watch::Sender<usize>) -> Inside<'_> {
        count.send_modify(|count| *count += 1);
        Inside(count)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        // Whoever ends is noticed anyway.
        self.0.send_if_modified(|count| {
            *count -= 1;
            false
        });
    }
}

impl Service {
    /// Serves until the queue is closed and empty.
    pub(crate) async fn run(mut self) {
        let mut under_way = FuturesUnordered::new();
        let mut gathered = Vec::new();
        loop {
            tokio::select! {
                count = self.queue.recv_many(&mut gathered, MOST), if under_way.len() < AT_ONCE => {
                    if count == 0 {
                        break;
                    }
                    let files = std::mem::take(&mut gathered);
                    self.moved.send_replace(Instant::now());
                    under_way.push(deliver(files, self.ground.clone()));
                }
                Some(()) = under_way.next() => {
                    self.moved.send_replace(Instant::now());
                }
            }
        }
        while under_way.next().await.is_some() {}
    }
}

/// From the last byte to the record that says completed: each step takes those files along that the one
/// before has not left behind.
async fn deliver(files: Vec<Come>, ground: Ground) {
    let synced = write(files).await;
    point(Point::GroupSynced);
    let recorded = record_targets(synced, &*ground.store).await;
    let named = name(recorded, ground.config.clone()).await;
    complete(named, &*ground.store).await;
}

/// Writes and syncs every file, and chooses its target then: a name is asked for as late as can be.
async fn write(files: Vec<Come>) -> Vec<Aimed> {
    let mut files = files.into_iter().peekable();
    let share = share_of(files.len());
    let mut shares = Vec::new();
    while files.peek().is_some() {
        let share: Vec<Come> = files.by_ref().take(share).collect();
        shares.push(tokio::task::spawn_blocking(|| write_share(share)));
    }
    let synced = join_all(shares).await;
    // A share that broke off has dropped its answers, which tells who waits.
    let synced = synced
        .into_iter()
        .filter_map(Result::ok)
        .flatten()
        .collect();
    let aiming = tokio::task::spawn_blocking(|| aim(synced));
    aiming.await.unwrap_or_default()
}

/// Chooses where each goes: no two to one path.
fn aim(files: Vec<Waiting>) -> Vec<Aimed> {
    let mut promised = HashSet::new();
    let aimed = files
        .into_iter()
        .filter_map(|file| aim_one(file, &mut promised));
    aimed.collect()
}

fn aim_one(mut file: Waiting, promised: &mut HashSet<PathBuf>) -> Option<Aimed> {
    let Whole {
        record,
        scratch,
        dir,
        name,
    } = &mut file.whole;
    let target = deliver::choose_besides(promised, dir, name, record.spec.on_conflict);
    let (Ok(Target::Place(path)), Ok(inode)) = (target, scratch.inode()) else {
        file.leave();
        return None;
    };
    // Whoever replaces a file waits until that is there.
    if !promised.insert(path.clone()) {
        file.leave();
        return None;
    }
    record.path = Some(path.clone());
    record.inode = Some(inode);
    Some(Aimed { file, path })
}

/// How many of `files` files one thread writes and syncs.
fn share_of(files: usize) -> usize {
    files.div_ceil(SYNCS).max(FILES_PER_SYNC)
}

/// Writes all before it waits for the first: the disk takes them together.
fn write_share(files: Vec<Come>) -> Vec<Waiting> {
    let written: Vec<Waiting> = files.into_iter().filter_map(write_one).collect();
    written.into_iter().filter_map(sync_one).collect()
}

fn write_one(come: Come) -> Option<Waiting> {
    let Come { mut file, bytes } = come;
    let Whole {
        record, scratch, ..
    } = &mut file.whole;
    match write_sealed(&**scratch, &bytes.pieces, 0) {
        Ok(crc) => {
            // The sync has little left to wait for then; what this cannot do, that will.
            let _ = scratch.begin_sync();
            meter::wrote(bytes.len());
            record.seals = Seals::from_iter([Seal {
                bytes: 0..bytes.len(),
                crc: crc.finalize(),
            }]);
            point(Point::Written);
            Some(file)
        }
        Err(error) => {
            file.end(|_| Ended::Unwritten(error));
            None
        }
    }
}

fn sync_one(file: Waiting) -> Option<Waiting> {
    let scratch = &file.whole.scratch;
    match scratch.sync() {
        Ok(()) => Some(file),
        Err(cause) => {
            let error = Error::disk("sync", scratch.path(), &cause);
            file.end(|_| Ended::Unsynced(error));
            None
        }
    }
}

/// Records where each is about to go, so that a crash neither loses it nor delivers it twice.
async fn record_targets(files: Vec<Aimed>, store: &dyn Store) -> Vec<Aimed> {
    let records = files
        .iter()
        .map(|aimed| Record::clone(&aimed.file.whole.record));
    match store.advance(records.collect()).await {
        Ok(()) => files,
        Err(_) => {
            files.into_iter().for_each(|aimed| aimed.file.leave());
            Vec::new()
        }
    }
}

/// Gives every file its name, and makes sure of the names.
async fn name(files: Vec<Aimed>, config: Arc<Config>) -> Vec<Waiting> {
    let naming = tokio::task::spawn_blocking(move || {
        let mut by_dir: BTreeMap<PathBuf, Vec<Aimed>> = BTreeMap::new();
        for aimed in files {
            by_dir
                .entry(parent(&aimed.path).to_owned())
                .or_default()
                .push(aimed);
        }
        let named = by_dir
            .into_iter()
            .map(|(dir, files)| name_in(&dir, files, &config));
        named.flatten().collect()
    });
    // See `write`.
    naming.await.unwrap_or_default()
}

fn name_in(dir: &Path, files: Vec<Aimed>, config: &Config) -> Vec<Waiting> {
    let files: Vec<Aimed> = files
        .into_iter()
        .filter_map(|aimed| allowed(aimed, config))
        .collect();
    let mut named = Vec::with_capacity(files.len());
    let is_there = !files.is_empty() && make_dirs(dir, 0o777).is_ok();
    for aimed in files {
        point(Point::Targeted);
        if is_there && is_named(&aimed, config) {
            named.push(aimed.file);
        } else {
            aimed.file.leave();
        }
    }
    if !named.is_empty() && sync_dir(dir).is_err() {
        named.drain(..).for_each(Waiting::leave);
    }
    named.iter().for_each(|_| point(Point::Delivered));
    named
}

/// The file, if it may go where it is to go.
fn allowed(aimed: Aimed, config: &Config) -> Option<Aimed> {
    let own = aimed.file.whole.record.spec.dir.as_deref();
    if own.is_some_and(|own| deliver::check_own_dir(own, config).is_err()) {
        aimed.file.leave();
        return None;
    }
    Some(aimed)
}

/// Renames the file, if it is the one that was written.
fn is_named(aimed: &Aimed, config: &Config) -> bool {
    let Whole {
        record, scratch, ..
    } = &aimed.file.whole;
    // A rename moves whatever has the name by now.
    if !matches!(scratch.standing(), Ok(Standing::Sound)) {
        return false;
    }
    let bounds = Bounds::of(record.spec.dir.as_deref(), config);
    let placed = deliver::rename(scratch.path(), &aimed.path, record.spec.on_conflict, bounds);
    placed == Ok(Placed::Done)
}

/// Records that they are there.
async fn complete(files: Vec<Waiting>, store: &dyn Store) {
    let completed: Vec<Record> = files
        .iter()
        .map(|file| file.whole.record.completed())
        .collect();
    let stored = store.advance(completed.clone()).await;
    for (file, record) in files.into_iter().zip(completed) {
        if stored.is_err() {
            file.leave();
            continue;
        }
        point(Point::Completed);
        file.end(|_| Ended::Completed(Box::new(record)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_files_are_synced_by_one_thread_and_many_by_a_few() {
        let threads = |files: usize| files.div_ceil(share_of(files));
        assert_eq!([1, 2, 3, 16, MOST].map(threads), [1, 1, 2, 8, SYNCS]);
    }
}
