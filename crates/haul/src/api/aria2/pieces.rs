//! A file as aria2's pieces: how long, how many, and which of them are here. The map of the live state
//! has 512 slices at most; a piece is told only when every slice that it touches is full, so that no
//! piece is claimed that is not there.

/// aria2's own length of a piece.
const LENGTH: u64 = 1 << 20;

/// More pieces than that say nothing more: the map is no finer.
const MOST: u64 = 4096;

/// How a file is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pieces {
    /// Bytes in each but the last.
    pub(super) length: u64,
    pub(super) count: u64,
    size: u64,
}

impl Pieces {
    /// Of a file of this size; of one of unknown size there are none.
    pub(super) fn of(size: Option<u64>) -> Pieces {
        let size = size.unwrap_or(0);
        let mut length = LENGTH;
        while size.div_ceil(length) > MOST {
            length *= 2;
        }
        Pieces {
            length,
            count: size.div_ceil(length),
            size,
        }
    }

    /// The pieces that are here as lower-case hex, the highest bit first; `None` as long as nothing is
    /// known of them.
    pub(super) fn bitfield(&self, map: &str) -> Option<String> {
        let slices = map.as_bytes();
        if slices.is_empty() || self.count == 0 {
            return None;
        }
        let number = u64::try_from(slices.len()).ok()?;
        // Where a slice begins; the last one ends where the file does.
        let edge = |slice: u64| {
            let at = u128::from(self.size) * u128::from(slice) / u128::from(number);
            u64::try_from(at).unwrap_or(self.size)
        };
        let mut field = vec![0u8; usize::try_from(self.count.div_ceil(8)).ok()?];
        let mut first = 0;
        for piece in 0..self.count {
            let (start, end) = (
                piece * self.length,
                ((piece + 1) * self.length).min(self.size),
            );
            while edge(first + 1) <= start {
                first += 1;
            }
            let touched = (first..number).take_while(|slice| edge(*slice) < end);
            let mut full = touched.map(|slice| usize::try_from(slice).map(|slice| slices[slice]));
            if full.all(|tenths| tenths == Ok(b'9')) {
                let at = usize::try_from(piece / 8).ok()?;
                field[at] |= 0x80 >> (piece % 8);
            }
        }
        Some(field.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

#[cfg(test)]
mod tests {
    use haul_engine::plan;
    use haul_engine::plan::ranges::RangeSet;
    use proptest::prelude::*;

    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_first_piece_is_the_highest_bit_and_spare_bits_are_0() {
        let size = 16 * MIB;
        let done: RangeSet = [0..MIB, 14 * MIB..16 * MIB].into_iter().collect();
        let field = Pieces::of(Some(size)).bitfield(&plan::map(&done, size));
        assert_eq!(field.as_deref(), Some("8003"));
        let size = 10 * MIB;
        let whole: RangeSet = std::iter::once(0..size).collect();
        let field = Pieces::of(Some(size)).bitfield(&plan::map(&whole, size));
        assert_eq!(field.as_deref(), Some("ffc0"));
    }

    #[test]
    fn of_unknown_size_there_are_no_pieces() {
        let none = Pieces::of(None);
        assert_eq!((none.length, none.count), (MIB, 0));
        assert_eq!(none.bitfield(""), None);
    }

    #[test]
    fn a_huge_file_has_larger_pieces_and_not_more_of_them() {
        let huge = Pieces::of(Some(1 << 40));
        assert_eq!((huge.length, huge.count), (256 * MIB, 4096));
        let small = Pieces::of(Some(4096 * MIB));
        assert_eq!((small.length, small.count), (MIB, 4096));
    }

    proptest! {
        /// A piece that is told is there in full; and of a file in which all is there, all are told.
        #[test]
        fn no_piece_is_claimed_that_is_not_there(
            size in 1u64..3000 * MIB,
            cuts in proptest::collection::vec(0.0f64..1.0, 0..12),
        ) {
            let mut cuts: Vec<u64> = cuts
                .into_iter()
                .map(|part| {
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "any place will do")]
                    let at = (part * size as f64) as u64;
                    at
                })
                .collect();
            cuts.sort_unstable();
            let done: RangeSet = cuts.chunks_exact(2).map(|cut| cut[0]..cut[1]).collect();
            let pieces = Pieces::of(Some(size));
            let field = pieces.bitfield(&plan::map(&done, size)).expect("a size");
            let bits = field.chars().flat_map(|digit| {
                let digit = digit.to_digit(16).expect("hex");
                (0..4).rev().map(move |bit| digit >> bit & 1 == 1)
            });
            for (piece, is_told) in (0..).zip(bits) {
                if !is_told {
                    continue;
                }
                let bytes = piece * pieces.length..((piece + 1) * pieces.length).min(size);
                prop_assert_eq!(done.count(&bytes), bytes.end - bytes.start, "piece {}", piece);
            }
        }
    }
}
