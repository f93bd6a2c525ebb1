//! Pure decisions: what to do next. No I/O, no `async`; time and randomness come in as arguments.
//!
//! [`Plan`] is one download's book of bytes: which are done, which are given to a thread (leased),
//! which are free. Reports may be late, repeated or overlap: they are merged as sets.

pub mod choice;
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
use split::{AtWork, Idle, Relief};

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

/// Work for a thread that has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its block.
    pub lease: Lease,
    /// Another block that ends sooner from now on, and where.
    pub cut: Option<(LeaseId, u64)>,
}

/// What is expected of a thread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expected {
    /// Bytes/s; `None` while nothing is known of it.
    pub speed: Option<u64>,
    /// Until its first byte.
    pub due: Duration,
    /// For how long nothing has come.
    pub silent: Duration,
}

#[derive(Debug)]
struct Leased {
    start: u64,
    /// The first byte that was not reported.
    at: u64,
    end: u64,
    pace: Expected,
    /// The first block that was about these bytes.
    about: LeaseId,
}

impl Leased {
    fn left(&self) -> Range<u64> {
        self.at..self.end.max(self.at)
    }

    fn at_work(&self, done: &RangeSet) -> AtWork {
        let left = self.left();
        AtWork {
            // Where another thread was faster, nobody waits for this one.
            left: match done.contains(&left) {
                true => 0,
                false => left.end - left.start,
            },
            speed: self.pace.speed,
            due: self.pace.due,
            silent: self.pace.silent,
            about: self.about.0,
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
            pace: Expected::default(),
            about: id,
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

    /// Notes what is expected of a block's thread.
    pub fn expect(&mut self, id: LeaseId, pace: Expected) {
        if let Some(leased) = self.leases.get_mut(&id) {
            leased.pace = pace;
        }
    }

    /// Takes a block back; what is not written of it and not in another thread's hands is free.
    pub fn release(&mut self, id: LeaseId) {
        let Some(leased) = self.leases.remove(&id) else {
            return;
        };
        self.set_free(leased.at..leased.end.min(self.size));
    }

    /// The length has become known: the open-ended body ended properly after `size` bytes.
    pub fn ends_at(&mut self, size: u64) {
        self.size = size;
        self.free = RangeSet::new();
    }

    /// Work for one of the idle threads, if there is any that is worth a request: free bytes, or when
    /// there are none the back of the block that would end last, or when too little is left of it to
    /// cut the same bytes once more.
    pub fn job(&mut self, idle: &Idle) -> Option<Job> {
        if self.size == u64::MAX {
            return None;
        }
        if self.free() > 0 {
            let lease = self.share(idle)?;
            return Some(Job { lease, cut: None });
        }
        let id = |index: usize| self.leases.keys().nth(index).copied();
        match split::relief(&self.at_work(), idle)? {
            Relief::Cut { index, keep } => {
                let cut = Some(self.cut(id(index)?, keep)?);
                let lease = self.share(idle)?;
                Some(Job { lease, cut })
            }
            Relief::Hedge { index } => {
                let lease = self.hedge(id(index)?, idle.cap)?;
                Some(Job { lease, cut: None })
            }
        }
    }

    fn at_work(&self) -> Vec<AtWork> {
        let at_work = |leased: &Leased| leased.at_work(&self.done);
        self.leases.values().map(at_work).collect()
    }

    /// A thread's share of the free bytes.
    fn share(&mut self, idle: &Idle) -> Option<Lease> {
        self.lease(split::block_len(self.free(), &self.at_work(), idle))
    }

    /// Frees what follows the next `keep` bytes of a block; returns where it ends now.
    fn cut(&mut self, id: LeaseId, keep: u64) -> Option<(LeaseId, u64)> {
        let leased = self.leases.get_mut(&id)?;
        let cut = leased.at.saturating_add(keep);
        let end = std::mem::replace(&mut leased.end, cut);
        self.set_free(cut..end);
        Some((id, cut))
    }

    /// The rest of a block once more.
    fn hedge(&mut self, id: LeaseId, cap: u64) -> Option<Lease> {
        let Leased { at, end, about, .. } = *self.leases.get(&id)?;
        let lease = self.give(at..end.min(at.saturating_add(cap)));
        self.leases.get_mut(&lease.id)?.about = about;
        Some(lease)
    }

    /// Bytes that a thread gives up are free, apart from those that are done or in other hands.
    fn set_free(&mut self, bytes: Range<u64>) {
        let mut rest = RangeSet::new();
        rest.insert(bytes.clone());
        let done = self.done.iter_in(bytes);
        for held in done.chain(self.leases.values().map(|other| other.at..other.end)) {
            rest.remove(held);
        }
        for bytes in rest.iter() {
            self.free.insert(bytes);
        }
    }

    /// Blocks whose threads are so slow that a new connection in their place can only be better;
    /// `judged` tells which ones have had a fair trial.
    pub fn hopeless(&self, judged: impl Fn(LeaseId) -> bool) -> Vec<LeaseId> {
        let ids: Vec<LeaseId> = self.leases.keys().copied().collect();
        let slow = split::hopeless(&self.at_work())
            .into_iter()
            .map(|index| ids[index]);
        slow.filter(|id| judged(*id)).collect()
    }

    /// Blocks of which another thread has written every byte that was left.
    pub fn moot(&self) -> Vec<LeaseId> {
        let moot = |leased: &Leased| {
            let left = leased.left();
            !left.is_empty() && self.done.contains(&left)
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

    const IDLE: Idle = Idle {
        threads: 1,
        speed: Some(1 << 20),
        setup: Duration::ZERO,
        cap: u64::MAX,
    };

    fn at_speed(speed: u64) -> Expected {
        Expected {
            speed: Some(speed),
            ..Expected::default()
        }
    }

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
        plan.expect(lease.id, at_speed(1 << 20));
        let help = plan.job(&IDLE).expect("slow enough");
        assert_eq!(help.cut, Some((lease.id, 5 << 20)));
        assert_eq!(help.lease.bytes, 5 << 20..10 << 20);
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
        plan.expect(lease.id, at_speed(0));
        let help = plan.job(&IDLE).expect("stuck");
        assert_eq!((help.lease.bytes, help.cut), (100..1000, None));
        plan.expect(help.lease.id, at_speed(1 << 20));
        assert_eq!(plan.job(&IDLE), None, "it is on its way");
        plan.wrote(help.lease.id, 1000);
        assert_eq!(plan.moot(), [lease.id]);
        assert_eq!(plan.job(&IDLE), None, "nobody fetches it once more");
        plan.release(lease.id);
        plan.release(help.lease.id);
        assert!(plan.is_filled());
        assert_eq!(plan.free(), 0);
    }

    #[test]
    fn an_unknown_length_is_one_open_block_until_it_ends() {
        let mut plan = Plan::new(None, RangeSet::new());
        let lease = plan.lease(u64::MAX).expect("open");
        plan.expect(lease.id, at_speed(1));
        assert_eq!(plan.job(&IDLE), None);
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
                        plan.expect(id, at_speed(number % (1 << 20)));
                    },
                    _ => if let Some(job) = plan.job(&Idle { speed: Some(number % (1 << 20)), ..IDLE }) {
                        held.push((job.lease.id, job.lease.bytes));
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
