//! Seals: what the bytes of a range were when they were written, so that they need not be taken on
//! trust when they are read back. Knows checksums and places; the bytes themselves are elsewhere.

use std::ops::Range;

use crc32fast::Hasher;

use super::ranges::RangeSet;

/// A record holds about so many seals of a file without gaps; a damaged byte costs about this part of
/// the file.
const SEALS_PER_FILE: u64 = 256;

/// Shorter seals are joined, however short the file: fetching less than this again saves nothing.
const SHORTEST: u64 = 1 << 20;

/// What the bytes of one range were when they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Its bytes.
    pub bytes: Range<u64>,
    /// Their CRC-32 (the one of zip and gzip).
    pub crc: u32,
}

impl Seal {
    /// How many bytes it speaks for.
    pub fn len(&self) -> u64 {
        self.bytes.end - self.bytes.start
    }

    /// Whether it speaks for none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// One seal for the bytes of two of which the second begins where the first ends.
    fn joined(&self, next: &Seal) -> Seal {
        let mut crc = Hasher::new_with_initial_len(self.crc, self.len());
        crc.combine(&Hasher::new_with_initial_len(next.crc, next.len()));
        Seal {
            bytes: self.bytes.start..next.bytes.end,
            crc: crc.finalize(),
        }
    }
}

/// The longest seal, in bytes, that is worth joining for a file of `size` bytes. A file of unknown
/// length is held whole or not at all.
pub fn longest(size: Option<u64>) -> u64 {
    size.map_or(u64::MAX, |size| (size / SEALS_PER_FILE).max(SHORTEST))
}

/// The seals of a file. They may overlap, where bytes were written twice: each speaks for itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seals {
    /// In the order of their first bytes.
    list: Vec<Seal>,
}

impl Seals {
    /// Adds a seal, joined with its neighbours as long as the result is not longer than `longest`.
    pub fn add(&mut self, seal: Seal, longest: u64) {
        if seal.is_empty() {
            return;
        }
        let key = |seal: &Seal| (seal.bytes.start, seal.bytes.end);
        let mut at = self.list.partition_point(|held| key(held) < key(&seal));
        self.list.insert(at, seal);
        if at > 0 && self.join(at - 1, longest) {
            at -= 1;
        }
        self.join(at, longest);
    }

    /// Joins the seal at `at` with the next one when they touch and are short enough together.
    fn join(&mut self, at: usize, longest: u64) -> bool {
        let Some([first, second]) = self.list.get(at..at + 2) else {
            return false;
        };
        if first.bytes.end != second.bytes.start || first.len() + second.len() > longest {
            return false;
        }
        self.list[at] = first.joined(second);
        self.list.remove(at + 1);
        true
    }

    /// The seals, in the order of their first bytes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Seal> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether nothing is sealed.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The bytes that any of them speaks for.
    pub fn covered(&self) -> RangeSet {
        self.list.iter().map(|seal| seal.bytes.clone()).collect()
    }

    /// Keeps those for which `keep` says so.
    pub fn retain(&mut self, keep: impl FnMut(&Seal) -> bool) {
        self.list.retain(keep);
    }
}

/// As they are, without joining.
impl FromIterator<Seal> for Seals {
    fn from_iter<I: IntoIterator<Item = Seal>>(seals: I) -> Seals {
        let mut list: Vec<Seal> = seals.into_iter().filter(|seal| !seal.is_empty()).collect();
        list.sort_by_key(|seal| (seal.bytes.start, seal.bytes.end));
        Seals { list }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seal(file: &[u8], bytes: Range<u64>) -> Seal {
        let at = |edge| usize::try_from(edge).expect("small");
        let crc = crc32fast::hash(&file[at(bytes.start)..at(bytes.end)]);
        Seal { bytes, crc }
    }

    fn any_ranges(most: usize) -> impl Strategy<Value = Vec<Range<u64>>> {
        let edges = (0u64..=256, 0u64..=256);
        let range = edges.prop_map(|(a, b)| a.min(b)..a.max(b));
        proptest::collection::vec(range, 0..most)
    }

    proptest! {
        /// Whatever was added, overlapping or not, in any order: exactly those bytes are covered, and
        /// every seal is true of the file.
        #[test]
        fn the_seals_cover_what_was_added_and_are_true(
            file in proptest::collection::vec(any::<u8>(), 256),
            ranges in any_ranges(40),
            longest in 0u64..300,
        ) {
            let mut seals = Seals::default();
            for range in &ranges {
                seals.add(seal(&file, range.clone()), longest);
            }
            prop_assert_eq!(seals.covered(), ranges.into_iter().collect::<RangeSet>());
            for held in seals.iter() {
                prop_assert_eq!(held.crc, seal(&file, held.bytes.clone()).crc);
            }
            prop_assert!(seals.iter().is_sorted_by_key(|held| held.bytes.start));
        }

        /// A file that is written once, in pieces in any order, ends up with few seals: no two
        /// neighbours could be one.
        #[test]
        fn pieces_that_touch_become_few_seals(
            file in proptest::collection::vec(any::<u8>(), 256),
            cuts in proptest::collection::btree_set(1u64..256, 0..60),
            seed in any::<u64>(),
            longest in 1u64..300,
        ) {
            let edges: Vec<u64> = [0].into_iter().chain(cuts).chain([256]).collect();
            let mut pieces: Vec<_> = edges.windows(2).map(|pair| pair[0]..pair[1]).collect();
            fastrand::Rng::with_seed(seed).shuffle(&mut pieces);
            let longest_piece = pieces.iter().map(|piece| piece.end - piece.start).max();
            let mut seals = Seals::default();
            for piece in pieces {
                seals.add(seal(&file, piece), longest);
            }
            let list: Vec<&Seal> = seals.iter().collect();
            prop_assert!(list.windows(2).all(|pair| pair[0].len() + pair[1].len() > longest));
            let bound = longest.max(longest_piece.unwrap_or_default());
            prop_assert!(list.iter().all(|held| held.len() <= bound));
            prop_assert_eq!(seals.covered(), std::iter::once(0..256).collect());
        }
    }

    #[test]
    fn a_seal_breaks_with_any_byte_and_with_zeros() {
        let file: Vec<u8> = (0..=255).collect();
        let whole = seal(&file, 0..256);
        for at in 0..256 {
            let mut hurt = file.clone();
            hurt[at] ^= 0x10;
            assert_ne!(seal(&hurt, 0..256).crc, whole.crc, "{at}");
        }
        assert_ne!(seal(&[0; 256], 0..256).crc, whole.crc);
    }

    #[test]
    fn a_large_file_has_few_seals_and_a_small_one_needs_no_more() {
        assert_eq!(longest(Some(1 << 40)), 1 << 32);
        assert_eq!(longest(Some(5 << 20)), 1 << 20);
        assert_eq!(longest(None), u64::MAX);
    }
}
