//! Which command this is, and what an earlier run of it left behind: the state's name is made of
//! what is downloaded to where, so the same command finds it and another one does not.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use haul_engine::plan::state::Input;
use haul_engine::store::{Record, Store};
use haul_engine::{Id, Result, Spec, Status};
use sha2::{Digest, Sha256};

/// What makes two downloads the same one: from where, into which directory, under which name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    url: String,
    dir: Option<PathBuf>,
    name: Option<String>,
}

impl Key {
    fn of(spec: &Spec) -> Key {
        let mut url = spec.url.clone();
        url.set_fragment(None);
        Key {
            url: url.into(),
            dir: spec.dir.clone(),
            name: spec.name.clone(),
        }
    }
}

/// Makes directories absolute and drops what was asked for twice.
pub(super) fn settle(specs: Vec<Spec>, dir: &Path) -> Vec<Spec> {
    let mut seen = std::collections::HashSet::new();
    specs
        .into_iter()
        .map(|mut spec| {
            spec.dir = spec.dir.map(|own| dir.join(own)).filter(|own| own != dir);
            spec
        })
        .filter(|spec| seen.insert(Key::of(spec)))
        .collect()
}

/// The name of the state directory of the command that asks for `specs`.
pub(super) fn name(specs: &[Spec]) -> String {
    let mut keys: Vec<Key> = specs.iter().map(Key::of).collect();
    keys.sort_unstable();
    let mut digest = Sha256::new();
    for key in keys {
        digest.update(key.url);
        // No URL, path or name holds a zero byte, so no two lists read alike.
        digest.update([0]);
        digest.update(key.dir.unwrap_or_default().as_os_str().as_encoded_bytes());
        digest.update([0]);
        digest.update(key.name.unwrap_or_default());
        digest.update([0]);
    }
    let digest = digest.finalize();
    digest[..8]
        .iter()
        .fold(String::from("get-"), |mut name, byte| {
            // Writing to a String cannot fail.
            let _ = write!(name, "{byte:02x}");
            name
        })
}

/// Brings the records of an earlier run in line with what is asked for now. Returns the ids of those
/// that go on, and the specs that have to be added. No engine runs on the store meanwhile.
pub(super) async fn reconcile(store: &dyn Store, specs: Vec<Spec>) -> Result<(Vec<Id>, Vec<Spec>)> {
    let mut held: HashMap<Key, Record> = store
        .load()
        .await?
        .into_iter()
        .map(|record| (Key::of(&record.spec), record))
        .collect();
    let (mut renewed, mut lost, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for spec in specs {
        match held.remove(&Key::of(&spec)) {
            Some(record) if is_lost(&record) => {
                lost.push(record.id);
                missing.push(spec);
            }
            Some(record) => renewed.push(renew(record, spec)),
            None => missing.push(spec),
        }
    }
    let ids = renewed.iter().map(|record| record.id).collect();
    store.put(renewed).await?;
    store.remove(lost).await?;
    Ok((ids, missing))
}

/// Whether it was delivered once, but its file is gone.
fn is_lost(record: &Record) -> bool {
    record.status == Status::Completed && !record.path.as_ref().is_some_and(|path| path.exists())
}

/// The record with today's options; what had stopped for good gets another try.
fn renew(mut record: Record, spec: Spec) -> Record {
    let again = record
        .status
        .step(Input::Retry)
        .or(record.status.step(Input::Resume))
        .filter(|_| !record.status.is_active());
    if let Some(status) = again {
        record.status = status;
        record.error = None;
        record.finished_at = None;
    }
    if record.status != Status::Completed {
        if record.spec.checksum != spec.checksum {
            record.digest = None;
        }
        record.spec = spec;
    }
    record
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use haul_engine::store::MemoryStore;
    use haul_engine::{Error, Kind};

    use super::*;

    fn spec(url: &str) -> Spec {
        Spec::new(Spec::parse_url(url).expect("a URL"))
    }

    fn record(id: u64, spec: Spec, status: Status) -> Record {
        let rank = i64::try_from(id).expect("small");
        Record {
            status,
            done: std::iter::once(0..10).collect(),
            error: (status == Status::Failed).then(|| Error::new(Kind::Timeout, "late")),
            ..Record::new(Id(id), spec, rank, SystemTime::UNIX_EPOCH)
        }
    }

    #[test]
    fn the_same_downloads_in_another_order_are_the_same_command() {
        let one = [spec("http://h/a"), spec("http://h/b#part")];
        let two = [spec("http://H:80/b"), spec("http://h/a")];
        assert_eq!(name(&one), name(&two));
        assert_eq!(name(&one).len(), "get-".len() + 16);
        let named = Spec {
            name: Some("n".into()),
            ..spec("http://h/a")
        };
        assert_ne!(name(&[named]), name(&[spec("http://h/a")]));
        assert_ne!(name(&one[..1]), name(&one));
    }

    #[test]
    fn what_is_asked_for_twice_is_fetched_once() {
        let dir = Path::new("/d");
        let own = Spec {
            dir: Some("sub".into()),
            ..spec("http://h/a")
        };
        let same = Spec {
            dir: Some("/d".into()),
            ..spec("http://h/a")
        };
        let settled = settle(vec![spec("http://h/a"), same, own], dir);
        assert_eq!(settled.len(), 2);
        assert_eq!(settled[1].dir.as_deref(), Some(Path::new("/d/sub")));
    }

    #[tokio::test]
    async fn an_earlier_run_goes_on_with_today_s_options() {
        let store = MemoryStore::new();
        let there = tempfile::NamedTempFile::new().expect("a file");
        let mut delivered = record(4, spec("http://h/delivered"), Status::Completed);
        delivered.path = Some(there.path().to_owned());
        let mut lost = record(5, spec("http://h/lost"), Status::Completed);
        lost.path = Some("/no/such/file".into());
        let records = vec![
            record(1, spec("http://h/failed"), Status::Failed),
            record(2, spec("http://h/paused"), Status::Paused),
            record(3, spec("http://h/running"), Status::Downloading),
            delivered,
            lost,
        ];
        store.put(records).await.expect("records");
        let paths = ["failed", "paused", "running", "delivered", "lost", "new"];
        let specs = paths.map(|path| Spec {
            threads: Some(3),
            ..spec(&format!("http://h/{path}"))
        });
        let (ids, missing) = reconcile(&store, specs.to_vec()).await.expect("reconciled");
        assert_eq!(ids, [Id(1), Id(2), Id(3), Id(4)]);
        let missing: Vec<&str> = missing.iter().map(|spec| spec.url.path()).collect();
        assert_eq!(missing, ["/lost", "/new"]);
        let records = store.load().await.expect("records");
        let stands: Vec<(Status, Option<u16>)> = records
            .iter()
            .map(|record| (record.status, record.spec.threads))
            .collect();
        assert_eq!(
            stands,
            [
                (Status::Queued, Some(3)),
                (Status::Queued, Some(3)),
                (Status::Downloading, Some(3)),
                (Status::Completed, None),
            ]
        );
        assert!(records[0].error.is_none() && records[0].done.len() == 10);
    }
}
