//! Pure decisions: what to do next. No I/O, no `async`; time and randomness come in as arguments.
//!
//! [`Plan`] is one download's book of bytes: which are done, which are given to a thread (leased),
//! which are free. Reports may be late, repeated or overlap: they are merged as sets.

pub mod content_range;
pub mod disposition;
#[cfg(test)]
mod fuzz;
pub mod name;
pub mod ranges;
pub mod reply;
pub mod resource;
pub mod retry;
pub mod retry_after;
pub mod seals;
pub mod split;
pub mod stamp;
pub mod state;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use ranges::RangeSet;
use split::{AtWork, Relief};

/// The number of a lease: one block given to one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(u64);

/// A block given to a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Its number.
    pub id: LeaseId,
    /// Its bytes.
    pub bytes: Range<u64>,
}

/// A block that helps another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Help {
    /// The new block.
    pub lease: Lease,
    /// The block that is relieved.
    pub of: LeaseId,
    /// Where the relieved block now ends.
    pub new_end: u64,
}

#[derive(Debug)]
struct Leased {
    start: u64,
    /// The first byte that was not reported.
    at: u64,
    end: u64,
    /// Bytes/s, as last told.
    speed: Option<u64>,
    hedged: bool,
}

impl Leased {
    fn at_work(&self) -> AtWork {
        AtWork {
            at: self.at,
            end: self.end,
            speed: self.speed,
            hedged: self.hedged,
        }
    }
}

/// Which bytes of one download are done, leased and free.
#[derive(Debug)]
pub struct Plan {
    /// One past the last byte; `u64::MAX` while the length is unknown.
    size: u64,
    done: RangeSet,
    free: RangeSet,
    leases: BTreeMap<LeaseId, Leased>,
    next_id: u64,
    wasted: u64,
}

impl Plan {
    /// A plan for a file of `size` bytes (`None`: unknown, one open-ended block) of which `done` are
    /// held.
    pub fn new(size: Option<u64>, done: RangeSet) -> Plan {
        let size = size.unwrap_or(u64::MAX);
        let free = done.gaps(size);
        Plan {
            size,
            done,
            free,
            leases: BTreeMap::new(),
            next_id: 0,
            wasted: 0,
        }
    }

    /// The bytes that are held.
    pub fn done(&self) -> &RangeSet {
        &self.done
    }

    /// Bytes that were fetched twice.
    pub fn wasted(&self) -> u64 {
        self.wasted
    }

    /// Bytes that no thread works on.
    pub fn free(&self) -> u64 {
        self.free.len()
    }

    /// Whether every byte is held.
    pub fn is_filled(&self) -> bool {
        self.done.len() == self.size
    }

    /// Gives out the first free bytes, at most `len` of them.
    pub fn lease(&mut self, len: u64) -> Option<Lease> {
        let gap = self.free.first()?;
        let bytes = gap.start..gap.end.min(gap.start.saturating_add(len));
        self.free.remove(bytes.clone());
        Some(self.give(bytes))
    }

    fn give(&mut self, bytes: Range<u64>) -> Lease {
        let id = LeaseId(self.next_id);
        self.next_id += 1;
        let leased = Leased {
            start: bytes.start,
            at: bytes.start,
            end: bytes.end,
            speed: None,
            hedged: false,
        };
        self.leases.insert(id, leased);
        Lease { id, bytes }
    }

    /// A thread has written its block up to byte `at` (exclusive).
    ///
    /// `at` may lie past the block's end when the end was moved while a write was under way.
    pub fn wrote(&mut self, id: LeaseId, at: u64) {
        let Some(leased) = self.leases.get_mut(&id) else {
            return;
        };
        if at <= leased.at {
            return;
        }
        let bytes = leased.at..at;
        leased.at = at;
        self.wasted += self.done.count(&bytes);
        self.free.remove(bytes.clone());
        self.done.insert(bytes);
    }

    /// Notes how fast a block grows, in bytes/s.
    pub fn runs_at(&mut self, id: LeaseId, speed: u64) {
        if let Some(leased) = self.leases.get_mut(&id) {
            leased.speed = Some(speed);
        }
    }

    /// Takes a block back; what is not written of it and not in another thread's hands is free.
    pub fn release(&mut self, id: LeaseId) {
        let Some(leased) = self.leases.remove(&id) else {
            return;
        };
        let mut rest = RangeSet::new();
        rest.insert(leased.at..leased.end.min(self.size));
        let done = self.done.iter_in(leased.at..leased.end);
        for held in done.chain(self.leases.values().map(|other| other.at..other.end)) {
            rest.remove(held);
        }
        for bytes in rest.iter() {
            self.free.insert(bytes);
        }
        // A block that was helped may need help again when its helper gives up.
        for other in self.leases.values_mut() {
            other.hedged = false;
        }
    }

    /// The length has become known: the open-ended body ended properly after `size` bytes.
    pub fn ends_at(&mut self, size: u64) {
        self.size = size;
        self.free = RangeSet::new();
    }

    /// A block for an idle thread when no byte is free: the back of the block that would end last,
    /// or, when too little is left of it to cut, the same bytes once more.
    ///
    /// `helper` is the speed in bytes/s that the idle thread is expected to reach, after `setup`; no
    /// block is longer than `cap`.
    pub fn relieve(&mut self, helper: u64, cap: u64, setup: Duration) -> Option<Help> {
        if self.size == u64::MAX {
            return None;
        }
        let ids: Vec<LeaseId> = self.leases.keys().copied().collect();
        let blocks: Vec<AtWork> = self.leases.values().map(Leased::at_work).collect();
        let (of, start) = match split::relief(&blocks, helper, setup)? {
            Relief::Cut { index, cut } => {
                let leased = self.leases.get_mut(&ids[index])?;
                let end = std::mem::replace(&mut leased.end, cut);
                // The cap may have been lowered since the block was given.
                let helped_to = end.min(cut.saturating_add(cap));
                self.free.insert(helped_to..end);
                return Some(Help {
                    lease: self.give(cut..helped_to),
                    of: ids[index],
                    new_end: cut,
                });
            }
            Relief::Hedge { index } => (ids[index], blocks[index].at),
        };
        let leased = self.leases.get_mut(&of)?;
        leased.hedged = true;
        let end = leased.end;
        let lease = self.give(start..end.min(start.saturating_add(cap)));
        if let Some(helping) = self.leases.get_mut(&lease.id) {
            helping.hedged = true;
        }
        Some(Help {
            lease,
            of,
            new_end: end,
        })
    }

    /// Blocks whose threads are so slow that a new connection in their place can only be better;
    /// `judged` tells which ones have had a fair trial.
    pub fn hopeless(&self, judged: impl Fn(LeaseId) -> bool) -> Vec<LeaseId> {
        let ids: Vec<LeaseId> = self.leases.keys().copied().collect();
        let blocks: Vec<AtWork> = self.leases.values().map(Leased::at_work).collect();
        let slow = split::hopeless(&blocks).into_iter().map(|index| ids[index]);
        slow.filter(|id| judged(*id)).collect()
    }

    /// Blocks of which another thread has written every byte that was left.
    pub fn moot(&self) -> Vec<LeaseId> {
        let moot = |leased: &Leased| {
            leased.at < leased.end && self.done.contains(&(leased.at..leased.end))
        };
        self.leases
            .iter()
            .filter(|(_, leased)| moot(leased))
            .map(|(id, _)| *id)
            .collect()
    }

    /// The filled tenths of up to 512 equal slices of the file, as characters `0`–`9`.
    pub fn map(&self) -> String {
        map(&self.done, self.size)
    }

    /// The bytes of a block and how many of them are written.
    pub fn block(&self, id: LeaseId) -> Option<(Range<u64>, u64)> {
        self.leases
            .get(&id)
            .map(|leased| (leased.start..leased.end, leased.at - leased.start))
    }
}

/// The filled tenths of up to 512 equal slices of a file, as characters `0`–`9`; `9` is full.
/// Empty while the size is unknown.
pub fn map(done: &RangeSet, size: u64) -> String {
    if size == 0 || size == u64::MAX {
        return String::new();
    }
    let slices = size.min(512);
    let edge = |slice: u64| {
        u64::try_from(u128::from(size) * u128::from(slice) / u128::from(slices)).unwrap_or(size)
    };
    (0..slices)
        .map(|slice| {
            let bytes = edge(slice)..edge(slice + 1);
            let tenths =
                u128::from(done.count(&bytes)) * 9 / u128::from(bytes.end - bytes.start).max(1);
            char::from(b'0' + u8::try_from(tenths).unwrap_or(9))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plan(size: u64) -> Plan {
        Plan::new(Some(size), RangeSet::new())
    }

    #[test]
    fn every_byte_is_given_once_and_then_none_is_left() {
        let mut plan = plan(100);
        let leases: Vec<_> = std::iter::from_fn(|| plan.lease(30)).collect();
        assert_eq!(
            leases.iter().map(|l| l.bytes.clone()).collect::<Vec<_>>(),
            [0..30, 30..60, 60..90, 90..100]
        );
        for lease in leases {
            plan.wrote(lease.id, lease.bytes.end);
            plan.release(lease.id);
        }
        assert!(plan.is_filled());
        assert_eq!(plan.wasted(), 0);
    }

    #[test]
    fn a_resumed_plan_gives_only_the_gaps() {
        let done: RangeSet = [0..10, 50..60].into_iter().collect();
        let mut plan = Plan::new(Some(100), done);
        assert_eq!(plan.lease(1000).map(|l| l.bytes), Some(10..50));
        assert_eq!(plan.lease(1000).map(|l| l.bytes), Some(60..100));
        assert_eq!(plan.lease(1000), None);
    }

    #[test]
    fn a_released_block_is_free_again_from_where_it_stopped() {
        let mut plan = plan(100);
        let lease = plan.lease(100).expect("free");
        plan.wrote(lease.id, 40);
        plan.release(lease.id);
        assert_eq!(plan.free(), 60);
        assert_eq!(plan.lease(100).map(|l| l.bytes), Some(40..100));
    }

    #[test]
    fn a_cut_block_that_writes_past_its_new_end_wastes_but_does_not_break() {
        let mut plan = plan(10 << 20);
        let lease = plan.lease(u64::MAX).expect("free");
        plan.runs_at(lease.id, 1 << 20);
        let help = plan
            .relieve(1 << 20, u64::MAX, Duration::ZERO)
            .expect("slow enough");
        assert_eq!(help.new_end, 5 << 20);
        plan.wrote(lease.id, (5 << 20) + 1000);
        plan.wrote(help.lease.id, help.lease.bytes.end);
        assert!(plan.is_filled());
        assert_eq!(plan.wasted(), 1000);
    }

    #[test]
    fn when_a_helper_is_first_the_helped_block_is_moot() {
        let mut plan = plan(1000);
        let lease = plan.lease(1000).expect("free");
        plan.wrote(lease.id, 100);
        plan.runs_at(lease.id, 0);
        let help = plan.relieve(1000, u64::MAX, Duration::ZERO).expect("stuck");
        assert_eq!(help.lease.bytes, 100..1000);
        assert_eq!(
            plan.relieve(1000, u64::MAX, Duration::ZERO),
            None,
            "two are enough"
        );
        plan.wrote(help.lease.id, 1000);
        assert_eq!(plan.moot(), [lease.id]);
        plan.release(lease.id);
        plan.release(help.lease.id);
        assert!(plan.is_filled());
        assert_eq!(plan.free(), 0);
    }

    #[test]
    fn an_unknown_length_is_one_open_block_until_it_ends() {
        let mut plan = Plan::new(None, RangeSet::new());
        let lease = plan.lease(u64::MAX).expect("open");
        assert_eq!(plan.relieve(1, u64::MAX, Duration::ZERO), None);
        plan.wrote(lease.id, 77);
        assert!(!plan.is_filled());
        plan.ends_at(77);
        plan.release(lease.id);
        assert!(plan.is_filled());
        assert_eq!(plan.lease(1), None);
    }

    #[test]
    fn an_empty_file_is_filled_at_once() {
        assert!(plan(0).is_filled());
        assert_eq!(plan(0).lease(1), None);
    }

    #[test]
    fn the_map_shows_tenths_of_slices() {
        let mut done = RangeSet::new();
        done.insert(0..512);
        done.insert(1000..1024);
        let shown = map(&done, 1024);
        assert_eq!(shown.len(), 512);
        assert!(shown.starts_with(&"9".repeat(256)));
        assert!(shown.ends_with(&"9".repeat(12)));
        assert_eq!(shown.matches('0').count(), 244);
        assert_eq!(map(&done, 0), "");
    }

    proptest! {
        /// Whatever order leases, reports, relief, failures and late reports come in: no byte is
        /// lost, none is given twice unless as a hedge, and the plan always fills.
        #[test]
        fn any_order_of_events_fills_the_file(
            size in 1u64..8 << 20,
            steps in proptest::collection::vec((0u8..5, any::<u64>()), 0..200)
        ) {
            let mut plan = plan(size);
            let mut held: Vec<(LeaseId, Range<u64>)> = Vec::new();
            for (what, number) in steps {
                let pick = |len: usize| usize::try_from(number % len as u64).expect("small");
                match what {
                    0 => if let Some(lease) = plan.lease(1 + number % (1 << 20)) { held.push((lease.id, lease.bytes)); },
                    1 => if !held.is_empty() {
                        let at = pick(held.len());
                        let bytes = &mut held[at].1;
                        let to = bytes.start + (bytes.end - bytes.start) * (number % 5) / 4;
                        bytes.start = to;
                        let (id, to) = (held[at].0, to);
                        plan.wrote(id, to);
                    },
                    2 => if !held.is_empty() {
                        let (id, _) = held.swap_remove(pick(held.len()));
                        plan.release(id);
                    },
                    3 => if !held.is_empty() {
                        let (id, _) = held[pick(held.len())];
                        plan.runs_at(id, number % (1 << 20));
                    },
                    _ => if let Some(help) = plan.relieve(number % (1 << 20), u64::MAX, Duration::ZERO) {
                        held.push((help.lease.id, help.lease.bytes));
                    },
                }
                prop_assert!(plan.done().len() + plan.free() <= size);
            }
            for (id, bytes) in held {
                plan.wrote(id, bytes.end);
                plan.release(id);
            }
            while let Some(lease) = plan.lease(1 << 20) {
                plan.wrote(lease.id, lease.bytes.end);
                plan.release(lease.id);
            }
            prop_assert!(plan.is_filled());
        }
    }
}
