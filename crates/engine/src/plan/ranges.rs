//! A set of byte ranges: sorted, disjoint, never touching. It is what a plan and a checkpoint are
//! made of, and it knows nothing of either.

use std::collections::BTreeMap;
use std::ops::Range;

/// A set of bytes of a file, as sorted half-open ranges with gaps between them.
///
/// ```
/// use haul_engine::plan::ranges::RangeSet;
/// let mut done = RangeSet::new();
/// done.insert(0..10);
/// done.insert(20..30);
/// done.insert(10..20);
/// assert_eq!(done.iter().collect::<Vec<_>>(), [0..30]);
/// assert_eq!(done.len(), 30);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RangeSet {
    /// The end of each range behind its start.
    ranges: BTreeMap<u64, u64>,
    len: u64,
}

impl RangeSet {
    /// The empty set.
    pub const fn new() -> RangeSet {
        RangeSet {
            ranges: BTreeMap::new(),
            len: 0,
        }
    }

    /// How many bytes it holds.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its ranges, in order.
    pub fn iter(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.ranges.iter().map(|(start, end)| *start..*end)
    }

    /// Its ranges in `within`, in order and cut to it.
    pub fn iter_in(&self, within: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let across = self
            .before(within.start)
            .filter(|held| held.end > within.start);
        let inside = within.start..within.end.max(within.start);
        let inside = self.ranges.range(inside).map(|(start, end)| *start..*end);
        let cut = move |held: Range<u64>| held.start.max(within.start)..held.end.min(within.end);
        across
            .into_iter()
            .chain(inside)
            .map(cut)
            .filter(|held| !held.is_empty())
    }

    /// The last range that starts before `at`.
    fn before(&self, at: u64) -> Option<Range<u64>> {
        let (start, end) = self.ranges.range(..at).next_back()?;
        Some(*start..*end)
    }

    /// Whether it holds every byte of `range`.
    pub fn contains(&self, range: &Range<u64>) -> bool {
        range.is_empty()
            || self
                .ranges
                .range(..=range.start)
                .next_back()
                .is_some_and(|(_, end)| range.end <= *end)
    }

    /// How many bytes of `range` it holds.
    pub fn count(&self, range: &Range<u64>) -> u64 {
        let held = self.iter_in(range.clone());
        held.map(|held| held.end - held.start).sum()
    }

    /// Adds every byte of `range`, whether held already or not.
    pub fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let Range { mut start, mut end } = range;
        // Neighbours that overlap or touch are merged into one.
        while let Some((&first, &last)) = self.ranges.range(..=end).next_back()
            && last >= start
        {
            self.ranges.remove(&first);
            self.len -= last - first;
            start = start.min(first);
            end = end.max(last);
        }
        self.ranges.insert(start, end);
        self.len += end - start;
    }

    /// Takes out every byte of `range` that it holds.
    pub fn remove(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        while let Some(held) = self.before(range.end)
            && held.end > range.start
        {
            self.ranges.remove(&held.start);
            self.len -= held.end - held.start;
            // What sticks out at the back, and at the front.
            for rest in [range.end..held.end, held.start..range.start] {
                if !rest.is_empty() {
                    self.len += rest.end - rest.start;
                    self.ranges.insert(rest.start, rest.end);
                }
            }
        }
    }

    /// The gaps of this set inside `0..size`, in order.
    pub fn gaps(&self, size: u64) -> RangeSet {
        let starts = std::iter::once(0).chain(self.ranges.values().copied());
        let ends = self.ranges.keys().copied().chain(std::iter::once(size));
        starts
            .zip(ends)
            .map(|(start, end)| start..end.min(size))
            .collect()
    }

    /// The first range that starts at or after `from`, or that covers it.
    pub fn next_from(&self, from: u64) -> Option<Range<u64>> {
        self.iter_in(from..u64::MAX).next()
    }

    /// Its first range.
    pub fn first(&self) -> Option<Range<u64>> {
        self.ranges.iter().next().map(|(start, end)| *start..*end)
    }

    /// One past its last byte, 0 when empty.
    pub fn end(&self) -> u64 {
        self.ranges.values().next_back().copied().unwrap_or(0)
    }
}

impl FromIterator<Range<u64>> for RangeSet {
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(ranges: I) -> RangeSet {
        let mut sorted: Vec<Range<u64>> = ranges.into_iter().filter(|r| !r.is_empty()).collect();
        sorted.sort_unstable_by_key(|range| range.start);
        sorted.dedup_by(|next, held| {
            let is_one = next.start <= held.end;
            if is_one {
                held.end = held.end.max(next.end);
            }
            is_one
        });
        RangeSet {
            len: sorted.iter().map(|range| range.end - range.start).sum(),
            ranges: sorted
                .into_iter()
                .map(|range| (range.start, range.end))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the set must hold, byte by byte.
    fn bytes_of(set: &RangeSet) -> Vec<bool> {
        let mut bytes = vec![false; 64];
        for range in set.iter() {
            for at in range {
                bytes[usize::try_from(at).expect("small")] = true;
            }
        }
        bytes
    }

    proptest! {
        #[test]
        fn holds_exactly_what_was_inserted_and_not_removed(
            steps in proptest::collection::vec((any::<bool>(), 0u64..64, 0u64..64), 0..40)
        ) {
            let mut set = RangeSet::new();
            let mut model = vec![false; 64];
            for (insert, a, b) in steps {
                let range = a.min(b)..a.max(b);
                for at in range.clone() {
                    model[usize::try_from(at).expect("small")] = insert;
                }
                if insert { set.insert(range) } else { set.remove(range) }
                prop_assert_eq!(bytes_of(&set), model.clone());
                prop_assert_eq!(set.len(), model.iter().filter(|held| **held).count() as u64);
                let ranges: Vec<_> = set.iter().collect();
                prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
                let gaps = set.gaps(64);
                prop_assert_eq!(gaps.len() + set.len(), 64);
                prop_assert_eq!(set.count(&(10..50)), model[10..50].iter().filter(|held| **held).count() as u64);
                let inside: RangeSet = set.iter_in(10..50).collect();
                prop_assert_eq!(bytes_of(&inside)[10..50].to_vec(), model[10..50].to_vec());
                prop_assert_eq!(inside.len(), set.count(&(10..50)));
                let next = (20..64).find(|at| model[*at]).map(|at| at as u64);
                prop_assert_eq!(set.next_from(20).map(|range| range.start), next);
                prop_assert_eq!(set.contains(&(30..40)), model[30..40].iter().all(|held| *held));
                let shuffled: RangeSet = ranges.into_iter().rev().chain(std::iter::once(5..5)).collect();
                prop_assert_eq!(shuffled, set.clone());
            }
        }
    }

    #[test]
    fn contains_asks_for_every_byte() {
        let set: RangeSet = [0..10, 20..30].into_iter().collect();
        assert!(set.contains(&(2..10)));
        assert!(!set.contains(&(2..21)));
        assert!(!set.contains(&(10..11)));
        assert!(set.contains(&(15..15)));
    }
}
