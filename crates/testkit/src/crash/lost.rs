//! How many bytes a kill costs: what a life has sent and no record remembers must be sent again. It
//! knows nothing of processes.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use haul_engine::Status;
use haul_engine::plan::ranges::RangeSet;
use haul_engine::store::Record;

use crate::ledger::{Entry, Ledger};
use crate::origin::Seen;

/// So many held bytes may be fetched again before a resume, to see that the file is still the same.
const PROOF: u64 = 64 << 10;

/// What one kill costs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lost {
    /// Bytes that were held or sent and have to be sent again, over all downloads.
    pub bytes: u64,
    /// The most of them in one download.
    pub most: u64,
    /// Downloads whose record claims bytes that were never sent.
    pub unfounded: Vec<String>,
    /// Downloads that were asked for although they were finished, or for more bytes than a proof takes
    /// that a record held and that a strong validator vouched for.
    pub asked_again: Vec<String>,
}

/// What it costs that a life, which began with the records `before` and whose requests are `life`,
/// has ended with the records `after`.
pub fn lost(before: &[Record], life: &[Seen], after: &[Record]) -> Lost {
    let mut requests: BTreeMap<&str, Vec<Entry>> = BTreeMap::new();
    for seen in life {
        let of_path = requests.entry(seen.path()).or_default();
        of_path.push(seen.clone().into());
    }
    let before: HashMap<_, _> = before.iter().map(|record| (record.id, record)).collect();
    let mut lost = Lost::default();
    for record in after {
        let path = record.spec.url.path();
        let sent = requests.get(path).cloned().unwrap_or_default();
        let was = before.get(&record.id);
        let sent = Ledger::new(sent).sent();
        if was.is_some_and(|was| is_needless(was, &sent)) {
            lost.asked_again.push(path.to_owned());
        }
        let mut held = was.map(|was| was.done.clone()).unwrap_or_default();
        for part in sent {
            held.insert(part);
        }
        let missing = outside(&held, &record.done);
        if !outside(&record.done, &held).is_empty() {
            lost.unfounded.push(path.to_owned());
        }
        lost.bytes += missing.len();
        lost.most = lost.most.max(missing.len());
    }
    lost
}

/// Whether the record had made it needless to send any of this.
fn is_needless(was: &Record, sent: &[Range<u64>]) -> bool {
    let resource = was.resource.as_ref();
    // Without a strong validator more is fetched again to prove that the file is the same.
    let is_vouched_for = resource.is_some_and(|known| known.validators.is_strong());
    let held: u64 = sent.iter().map(|part| was.done.count(part)).sum();
    let is_finished = was.status == Status::Completed;
    (is_finished && !sent.is_empty()) || (is_vouched_for && held > PROOF)
}

/// The bytes of `set` that `other` does not hold.
fn outside(set: &RangeSet, other: &RangeSet) -> RangeSet {
    let mut left = set.clone();
    for range in other.iter() {
        left.remove(range);
    }
    left
}

#[cfg(test)]
#[expect(
    clippy::single_range_in_vec_init,
    reason = "one part is what is recorded"
)]
mod tests {
    use super::*;
    use crate::conformance::{full, queued};
    use crate::origin::Asked;

    fn record(done: &[Range<u64>]) -> Record {
        Record {
            done: done.iter().cloned().collect(),
            ..queued(1, 1)
        }
    }

    fn sent(first: u64, bytes: u64) -> Seen {
        Seen {
            connection: 1,
            method: "GET".to_owned(),
            target: "/files/1.bin?size=1".to_owned(),
            range: Some(Asked { first, last: None }),
            headers: Vec::new(),
            status: 206,
            body_sent: bytes,
            over: true,
            later: false,
        }
    }

    #[test]
    fn what_was_sent_and_is_not_recorded_is_lost() {
        let (before, after) = ([record(&[0..10])], [record(&[0..10, 20..25])]);
        let cost = lost(&before, &[sent(10, 5), sent(20, 10)], &after);
        assert_eq!((cost.bytes, cost.most), (10, 10));
        assert!(cost.unfounded.is_empty() && cost.asked_again.is_empty());
    }

    #[test]
    fn a_record_that_forgets_costs_what_it_held() {
        let cost = lost(&[record(&[0..10])], &[], &[record(&[])]);
        assert_eq!(cost.bytes, 10);
    }

    #[test]
    fn a_claim_without_bytes_is_seen() {
        let cost = lost(&[record(&[])], &[sent(0, 5)], &[record(&[0..6])]);
        assert_eq!(cost.unfounded, ["/files/1.bin"]);
    }

    #[test]
    fn asking_for_recorded_bytes_is_seen() {
        let resource = full(1, 1).resource.map(|mut known| {
            known.validators.etag.as_mut().expect("it has one").weak = false;
            known
        });
        let vouched = Record {
            resource,
            ..record(&[0..1 << 20])
        };
        let records = [vouched];
        let asked_again =
            |first, bytes| lost(&records, &[sent(first, bytes)], &records).asked_again;
        assert!(asked_again(1 << 20, 5).is_empty());
        assert!(asked_again(5, PROOF).is_empty());
        assert_eq!(asked_again(5, PROOF + 1), ["/files/1.bin"]);
    }

    #[test]
    fn asking_for_a_finished_file_is_seen() {
        let finished = Record {
            status: Status::Completed,
            ..record(&[0..10])
        };
        let finished = [finished];
        let cost = lost(&finished, &[sent(0, 10)], &finished);
        assert_eq!(cost.asked_again, ["/files/1.bin"]);
    }
}
