//! Requests that are done once, however often they are sent. Owns which keys count and how many are
//! remembered; knows nothing of downloads but their ids. Pure.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use super::Key;
use crate::error::{Error, Kind, Result};
use crate::spec::Id;
use crate::store::Once;

/// So long a key counts.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Most keys, and most downloads under all keys together: what remembering them may cost.
const MOST: usize = 1_000_000;

/// The requests that count. `W` is whoever waits for one that is under way.
pub(super) struct Requests<W> {
    done: HashMap<String, Once>,
    under_way: HashMap<String, UnderWay<W>>,
    /// Keys and downloads that are remembered.
    size: usize,
}

struct UnderWay<W> {
    digest: [u8; 32],
    waiting: Vec<W>,
}

/// What is known of a request.
pub(super) enum Known<W> {
    /// Nothing: it is to be done. Whoever asks is given back.
    New(W),
    /// It is being done; whoever asks waits until then.
    UnderWay,
    /// It has added these downloads.
    Done(Vec<Id>, W),
}

impl<W> Requests<W> {
    /// With what the store remembers.
    pub(super) fn of(done: Vec<Once>) -> Requests<W> {
        let mut requests = Requests {
            done: HashMap::new(),
            under_way: HashMap::new(),
            size: 0,
        };
        done.into_iter().for_each(|request| requests.keep(request));
        requests
    }

    /// What is known of the request with this key. `count` is how many downloads it would add; the
    /// second value of a refusal is who has asked.
    pub(super) fn look_up(
        &mut self,
        key: &Key,
        count: usize,
        now: SystemTime,
        who: W,
    ) -> Result<Known<W>, (Error, W)> {
        if let Some(under_way) = self.under_way.get_mut(&key.name) {
            if under_way.digest != key.digest {
                return Err((reused(), who));
            }
            under_way.waiting.push(who);
            return Ok(Known::UnderWay);
        }
        if let Some(done) = self.done.get(&key.name)
            && counts(done, now)
        {
            if done.digest != key.digest {
                return Err((reused(), who));
            }
            return Ok(Known::Done(done.ids.clone(), who));
        }
        if self.size + count >= MOST {
            return Err((too_many(), who));
        }
        Ok(Known::New(who))
    }

    /// The request is being done.
    pub(super) fn begin(&mut self, key: Key) {
        let under_way = UnderWay {
            digest: key.digest,
            waiting: Vec::new(),
        };
        self.under_way.insert(key.name, under_way);
    }

    /// It has been done, or not: then it may be sent again. Returns who has waited for it.
    pub(super) fn end(&mut self, key: &str, done: Option<Once>) -> Vec<W> {
        if let Some(request) = done {
            self.keep(request);
        }
        let under_way = self.under_way.remove(key);
        under_way.map_or_else(Vec::new, |under_way| under_way.waiting)
    }

    fn keep(&mut self, request: Once) {
        self.size += weight(&request);
        if let Some(older) = self.done.insert(request.key.clone(), request) {
            self.size -= weight(&older);
        }
    }

    /// Forgets what counts no more. Returns the time before which that is, if there was any.
    pub(super) fn forget(&mut self, now: SystemTime) -> Option<SystemTime> {
        let held = self.done.len();
        self.done.retain(|_, request| counts(request, now));
        self.size = self.done.values().map(weight).sum();
        (self.done.len() < held).then(|| oldest(now))
    }
}

fn weight(request: &Once) -> usize {
    1 + request.ids.len()
}

fn counts(request: &Once, now: SystemTime) -> bool {
    request.at >= oldest(now)
}

/// What was done before this counts no more.
fn oldest(now: SystemTime) -> SystemTime {
    now.checked_sub(KEPT).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn reused() -> Error {
    Error::new(
        Kind::KeyReused,
        "the key was used for another request before; give each request a key of its own, or repeat \
         it byte for byte",
    )
}

fn too_many() -> Error {
    Error::new(
        Kind::TooManyKeys,
        format!(
            "{MOST} keys and downloads of the last 24 hours are remembered; leave the key out, or try \
             again later"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + seconds)
    }

    fn key(name: &str, digest: u8) -> Key {
        Key {
            name: name.to_owned(),
            digest: [digest; 32],
        }
    }

    fn once(name: &str, digest: u8, ids: Vec<Id>) -> Once {
        Once {
            key: name.to_owned(),
            digest: [digest; 32],
            ids,
            at: at(0),
        }
    }

    /// A word for what is known.
    fn look(requests: &mut Requests<u8>, key: &Key, now: SystemTime) -> String {
        match requests.look_up(key, 1, now, 0) {
            Ok(Known::New(_)) => "new".to_owned(),
            Ok(Known::UnderWay) => "under way".to_owned(),
            Ok(Known::Done(ids, _)) => format!("{ids:?}"),
            Err((error, _)) => error.kind.code().to_owned(),
        }
    }

    #[test]
    fn a_key_counts_for_its_request_only_and_for_a_day() {
        let mut requests = Requests::of(vec![once("a", 1, vec![Id(7)])]);
        let day = KEPT.as_secs();
        assert_eq!(
            look(&mut requests, &key("a", 1), at(day)),
            "[0000000000000007]"
        );
        assert_eq!(look(&mut requests, &key("a", 2), at(day)), "key_reused");
        assert_eq!(look(&mut requests, &key("a", 2), at(day + 1)), "new");
        assert_eq!(look(&mut requests, &key("b", 1), at(0)), "new");
        assert_eq!(requests.forget(at(day)), None);
        assert_eq!(requests.forget(at(day + 1)), Some(at(1)));
        assert_eq!(requests.size, 0);
    }

    #[test]
    fn whoever_repeats_a_request_that_is_under_way_waits_for_it() {
        let mut requests = Requests::of(Vec::new());
        requests.begin(key("a", 1));
        assert_eq!(look(&mut requests, &key("a", 1), at(0)), "under way");
        assert_eq!(look(&mut requests, &key("a", 2), at(0)), "key_reused");
        assert_eq!(requests.end("a", None), [0]);
        assert_eq!(look(&mut requests, &key("a", 2), at(0)), "new");
        requests.begin(key("a", 2));
        assert_eq!(requests.end("a", Some(once("a", 2, vec![]))), [] as [u8; 0]);
        assert_eq!(look(&mut requests, &key("a", 2), at(0)), "[]");
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let ids = vec![Id(1); MOST - 2];
        let mut requests = Requests::of(vec![once("a", 1, ids)]);
        assert_eq!(look(&mut requests, &key("b", 1), at(0)), "too_many_keys");
        // What is known is answered all the same, and a key that is used again takes no second room.
        requests.keep(once("a", 1, vec![Id(1)]));
        assert_eq!(requests.size, 2);
        assert_eq!(look(&mut requests, &key("b", 1), at(0)), "new");
    }
}
