//! The bytes that the origin serves: made up from a seed and an offset, so that a file of any size
//! costs no memory and a test can say what every byte must be. It knows nothing of HTTP.

use std::fmt::Write as _;
use std::ops::Range;

use sha2::{Digest, Sha256};

const WORD: u64 = 8;
const DIGEST_STEP: u64 = 1 << 20;

/// The bytes `range` of the file made from `seed`. The cost is that of the range's length,
/// wherever it lies.
///
/// # Panics
/// When the range is longer than memory can address.
pub fn content(seed: u64, range: Range<u64>) -> Vec<u8> {
    let length = usize::try_from(range.end.saturating_sub(range.start))
        .expect("a test asks for less than its address space");
    let skip = usize::try_from(range.start % WORD).expect("it is less than eight");
    let base = scramble(seed);
    let mut bytes = Vec::with_capacity(length + 16);
    for index in range.start / WORD..range.end.div_ceil(WORD) {
        let place = (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bytes.extend_from_slice(&scramble(base.wrapping_add(place)).to_le_bytes());
    }
    bytes.drain(..skip.min(bytes.len()));
    bytes.truncate(length);
    bytes
}

/// The SHA-256 of the whole file of `size` bytes made from `seed`, in lower-case hex.
pub fn digest(seed: u64, size: u64) -> String {
    let mut hash = Sha256::new();
    let mut at = 0;
    while at < size {
        let end = size.min(at + DIGEST_STEP);
        hash.update(content(seed, at..end));
        at = end;
    }
    hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
        hex
    })
}

/// The seed of the file that replaces the one made from `seed` (knobs `change_after`,
/// `change_on`).
pub fn changed_seed(seed: u64) -> u64 {
    seed.wrapping_add(1)
}

/// The finalizer of `SplitMix64`: every bit of the input moves every bit of the output.
fn scramble(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_part_equals_the_same_part_of_the_whole() {
        let whole = content(7, 0..100);
        for start in 0..100_u64 {
            for end in start..=100 {
                let from = usize::try_from(start).expect("small");
                let to = usize::try_from(end).expect("small");
                assert_eq!(content(7, start..end), whole[from..to], "{start}..{end}");
            }
        }
    }

    #[test]
    fn far_offsets_cost_nothing_and_differ() {
        let far = content(7, (1 << 50)..(1 << 50) + 64);
        assert_eq!(far.len(), 64);
        assert_ne!(far, content(7, 0..64));
    }

    #[test]
    fn another_seed_is_another_file_at_every_place() {
        let (old, new) = (content(7, 0..1 << 16), content(changed_seed(7), 0..1 << 16));
        let same = old.chunks(8).zip(new.chunks(8)).filter(|(a, b)| a == b);
        assert_eq!(same.count(), 0);
    }

    #[test]
    fn the_digest_is_that_of_the_bytes() {
        let size = DIGEST_STEP + 5;
        let sum = Sha256::digest(content(3, 0..size));
        let hex: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest(3, size), hex);
        assert_ne!(digest(3, size), digest(3, size - 1));
    }
}
