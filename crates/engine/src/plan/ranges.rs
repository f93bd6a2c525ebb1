//! A set of byte ranges: sorted, disjoint, never touching. It is what a plan and a checkpoint are
//! made of, and it knows nothing of either.

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
    ranges: Vec<Range<u64>>,
    len: u64,
}

impl RangeSet {
    /// The empty set.
    pub const fn new() -> RangeSet {
        RangeSet {
            ranges: Vec::new(),
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
        self.ranges.iter().cloned()
    }

    /// Whether it holds every byte of `range`.
    pub fn contains(&self, range: &Range<u64>) -> bool {
        if range.is_empty() {
            return true;
        }
        let at = self.ranges.partition_point(|held| held.end <= range.start);
        self.ranges
            .get(at)
            .is_some_and(|held| held.start <= range.start && range.end <= held.end)
    }

    /// How many bytes of `range` it holds.
    pub fn count(&self, range: &Range<u64>) -> u64 {
        let first = self.ranges.partition_point(|held| held.end <= range.start);
        self.ranges[first..]
            .iter()
            .take_while(|held| held.start < range.end)
            .map(|held| held.end.min(range.end) - held.start.max(range.start))
            .sum()
    }

    /// Adds every byte of `range`, whether held already or not.
    pub fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        // Neighbours that overlap or touch are merged into one.
        let first = self.ranges.partition_point(|held| held.end < range.start);
        let past = self.ranges.partition_point(|held| held.start <= range.end);
        let (start, end) = match self.ranges.get(first..past) {
            Some([only]) => (only.start.min(range.start), only.end.max(range.end)),
            Some([head, .., tail]) => (head.start.min(range.start), tail.end.max(range.end)),
            _ => (range.start, range.end),
        };
        let merged: u64 = self.ranges[first..past]
            .iter()
            .map(|held| held.end - held.start)
            .sum();
        self.len = self.len - merged + (end - start);
        self.ranges.splice(first..past, std::iter::once(start..end));
    }

    /// Takes out every byte of `range` that it holds.
    pub fn remove(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let first = self.ranges.partition_point(|held| held.end <= range.start);
        let past = self.ranges.partition_point(|held| held.start < range.end);
        if first >= past {
            return;
        }
        let head = self.ranges[first].start..range.start;
        let tail = range.end..self.ranges[past - 1].end;
        let affected: u64 = self.ranges[first..past]
            .iter()
            .map(|held| held.end - held.start)
            .sum();
        let kept = [head, tail].into_iter().filter(|piece| !piece.is_empty());
        let kept: Vec<_> = kept.collect();
        self.len = self.len - affected
            + kept
                .iter()
                .map(|piece| piece.end - piece.start)
                .sum::<u64>();
        self.ranges.splice(first..past, kept);
    }

    /// The gaps of this set inside `0..size`, in order.
    pub fn gaps(&self, size: u64) -> RangeSet {
        let starts = std::iter::once(0).chain(self.ranges.iter().map(|held| held.end));
        let ends = self
            .ranges
            .iter()
            .map(|held| held.start)
            .chain(std::iter::once(size));
        starts
            .zip(ends)
            .map(|(start, end)| start..end.min(size))
            .collect()
    }

    /// The first range that starts at or after `from`, or that covers it.
    pub fn next_from(&self, from: u64) -> Option<Range<u64>> {
        let at = self.ranges.partition_point(|held| held.end <= from);
        self.ranges
            .get(at)
            .map(|held| held.start.max(from)..held.end)
    }

    /// Its first range.
    pub fn first(&self) -> Option<Range<u64>> {
        self.ranges.first().cloned()
    }

    /// One past its last byte, 0 when empty.
    pub fn end(&self) -> u64 {
        self.ranges.last().map_or(0, |held| held.end)
    }
}

impl FromIterator<Range<u64>> for RangeSet {
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(ranges: I) -> RangeSet {
        let mut set = RangeSet::new();
        for range in ranges {
            set.insert(range);
        }
        set
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
