//! A record while its download does not run. A queue may be very long: of a download for which
//! nothing has been done yet only what was asked for is kept, and what many ask for alike only once.

use std::sync::Arc;
use std::time::SystemTime;

use url::Url;

use super::queue::Place;
use crate::plan::state::Status;
use crate::spec::{Id, Spec};
use crate::store::Record;

/// A record that is looked at little.
#[derive(Clone)]
pub(super) enum Resting {
    /// All of it is as it was when it was added.
    Fresh(Fresh),
    /// Something has been done for it.
    Begun(Box<Record>),
}

/// A record of which all but this is at its beginning.
#[derive(Clone)]
pub(super) struct Fresh {
    url: Arc<str>,
    rank: i64,
    status: Status,
    added_at: SystemTime,
    options: Arc<Spec>,
}

/// The options that were packed last: those of one request are alike.
pub(super) struct Options(Arc<Spec>);

impl Default for Options {
    fn default() -> Options {
        let nowhere = Url::parse("http://unset.invalid/").expect("a constant URL");
        Options(Arc::new(Spec::new(nowhere)))
    }
}

impl Options {
    /// These, shared with those before when they are the same. A URL is not among them.
    fn share(&mut self, spec: Spec) -> Arc<Spec> {
        let spec = Spec {
            url: self.0.url.clone(),
            ..spec
        };
        if spec != *self.0 {
            self.0 = Arc::new(spec);
        }
        self.0.clone()
    }
}

impl Resting {
    /// Packs a record. `url` is its URL as others have it in memory already, if they do.
    pub(super) fn pack(record: Record, url: Option<Arc<str>>, options: &mut Options) -> Resting {
        match record {
            Record {
                id: _,
                spec,
                rank,
                status,
                resource: None,
                mirror: None,
                mixed: false,
                scratch: None,
                done,
                seals,
                stamp: None,
                path: None,
                inode: None,
                digest: None,
                error: None,
                attempts: 0,
                wasted: 0,
                added_at,
                started_at: None,
                finished_at: None,
                skipped: false,
                url_replaced: false,
            } if done.is_empty() && seals.is_empty() => Resting::Fresh(Fresh {
                url: url
                    .filter(|url| **url == *spec.url.as_str())
                    .unwrap_or_else(|| spec.url.as_str().into()),
                rank,
                status,
                added_at,
                options: options.share(spec),
            }),
            record => Resting::Begun(Box::new(record)),
        }
    }

    /// The record of download `id` in full.
    pub(super) fn unpack(self, id: Id) -> Record {
        match self {
            Resting::Begun(record) => *record,
            Resting::Fresh(fresh) => fresh.unpack(id),
        }
    }

    pub(super) fn status(&self) -> Status {
        match self {
            Resting::Fresh(fresh) => fresh.status,
            Resting::Begun(record) => record.status,
        }
    }

    /// Its place among the queued.
    pub(super) fn place(&self) -> Place {
        match self {
            Resting::Fresh(fresh) => Place {
                priority: fresh.options.priority,
                rank: fresh.rank,
            },
            Resting::Begun(record) => Place::of(record),
        }
    }

    pub(super) fn set_rank(&mut self, rank: i64) {
        match self {
            Resting::Fresh(fresh) => fresh.rank = rank,
            Resting::Begun(record) => record.rank = rank,
        }
    }

    /// What was asked for besides the URL.
    pub(super) fn options(&self) -> &Spec {
        match self {
            Resting::Fresh(fresh) => &fresh.options,
            Resting::Begun(record) => &record.spec,
        }
    }

    /// What was asked for.
    pub(super) fn spec(&self) -> Spec {
        match self {
            Resting::Fresh(fresh) => fresh.spec(),
            Resting::Begun(record) => record.spec.clone(),
        }
    }

    /// What has been done for it, if anything.
    pub(super) fn begun(&self) -> Option<&Record> {
        match self {
            Resting::Fresh(_) => None,
            Resting::Begun(record) => Some(record),
        }
    }
}

impl Fresh {
    fn unpack(self, id: Id) -> Record {
        Record {
            status: self.status,
            ..Record::new(id, self.spec(), self.rank, self.added_at)
        }
    }

    fn spec(&self) -> Spec {
        let url = Url::parse(&self.url).expect("the text of a URL is one");
        Spec {
            url,
            ..Spec::clone(&self.options)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn record(url: &str) -> Record {
        let spec = Spec {
            threads: Some(3),
            headers: vec![("Referer".into(), "http://host/".into())],
            ..Spec::new(Url::parse(url).expect("a URL"))
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
        Record::new(Id(7), spec, 9, now)
    }

    #[test]
    fn a_record_is_the_same_when_it_has_been_packed() {
        let mut options = Options::default();
        let fresh = record("http://User:p%20w@HOST:80/a%20b/ä?q=ö#c");
        let paused = Record {
            status: Status::Paused,
            ..fresh.clone()
        };
        let tried = Record {
            attempts: 1,
            ..fresh.clone()
        };
        let held = Record {
            done: std::iter::once(0..5).collect(),
            ..fresh.clone()
        };
        for record in [fresh, paused, tried, held] {
            let packed = Resting::pack(record.clone(), None, &mut options);
            assert_eq!(packed.status(), record.status);
            assert_eq!(packed.place(), Place::of(&record));
            assert_eq!(packed.unpack(Id(7)), record);
        }
    }

    #[test]
    fn what_is_alike_is_held_once_and_what_is_not_is_not_mixed_up() {
        let mut options = Options::default();
        let mut pack = |record: Record, url: &Arc<str>| match Resting::pack(
            record,
            Some(url.clone()),
            &mut options,
        ) {
            Resting::Fresh(fresh) => fresh,
            Resting::Begun(_) => panic!("nothing has been done for it"),
        };
        let url: Arc<str> = "http://host/a".into();
        let first = pack(record("http://host/a"), &url);
        assert!(Arc::ptr_eq(&first.url, &url));
        let other = pack(record("http://host/b"), &url);
        assert_eq!(*other.url, *"http://host/b");
        assert!(Arc::ptr_eq(&first.options, &other.options));
        let mut faster = record("http://host/c");
        faster.spec.threads = Some(4);
        let faster = pack(faster, &url);
        assert_eq!(
            (first.options.threads, faster.options.threads),
            (Some(3), Some(4))
        );
    }
}
