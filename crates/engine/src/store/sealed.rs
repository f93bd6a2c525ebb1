//! How seals become a column and back: a blob, because there may be thousands in a row that is
//! written every second. It knows nothing of rows.
//!
//! Each seal is its distance from the start of the one before, its length (both in groups of seven
//! bits, the lowest first, the highest bit set on all but the last) and its CRC-32; the last four
//! bytes are the CRC-32 of all before them. Numbers of four bytes are little-endian.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlResult, ToSqlOutput, ValueRef};

use super::column::Stored;
use crate::plan::seals::{Seal, Seals};

impl ToSql for Stored<&Seals> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(encode(self.0).into())
    }
}

/// A damaged blob is read as no seals: then no byte is proven, and none is built upon.
impl FromSql for Stored<Seals> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_bytes().unwrap_or_default();
        Ok(Stored(decode(bytes).unwrap_or_default()))
    }
}

fn encode(seals: &Seals) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(12 * seals.len() + 4);
    let mut start = 0;
    for seal in seals.iter() {
        push_number(&mut bytes, seal.bytes.start - start);
        push_number(&mut bytes, seal.len());
        bytes.extend(seal.crc.to_le_bytes());
        start = seal.bytes.start;
    }
    let check = crc32fast::hash(&bytes);
    bytes.extend(check.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Seals> {
    let (mut rest, check) = bytes.split_last_chunk()?;
    if crc32fast::hash(rest) != u32::from_le_bytes(*check) {
        return None;
    }
    let mut seals = Vec::new();
    let mut start = 0u64;
    while !rest.is_empty() {
        start = start.checked_add(take_number(&mut rest)?)?;
        let end = start.checked_add(take_number(&mut rest)?)?;
        let (crc, behind) = rest.split_first_chunk()?;
        rest = behind;
        seals.push(Seal {
            bytes: start..end,
            crc: u32::from_le_bytes(*crc),
        });
    }
    Some(seals.into_iter().collect())
}

fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        if number == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_mul(1 << (7 * place))?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_seals() -> impl Strategy<Value = Seals> {
        let seal = (any::<u64>(), any::<u64>(), any::<u32>()).prop_map(|(a, b, crc)| Seal {
            bytes: a.min(b)..a.max(b),
            crc,
        });
        proptest::collection::vec(seal, 0..20).prop_map(|seals| seals.into_iter().collect())
    }

    proptest! {
        #[test]
        fn seals_come_back_as_they_went(seals in any_seals()) {
            prop_assert_eq!(decode(&encode(&seals)), Some(seals));
        }

        #[test]
        fn a_damaged_blob_is_no_seals(
            seals in any_seals(),
            at in any::<proptest::sample::Index>(),
            flip in 1u8..,
            cut in any::<proptest::sample::Index>(),
        ) {
            let good = encode(&seals);
            let mut hurt = good.clone();
            hurt[at.index(good.len())] ^= flip;
            prop_assert_eq!(decode(&hurt), None);
            let short = &good[..cut.index(good.len())];
            // Four bytes and less may be the check of nothing.
            prop_assert!(decode(short).is_none_or(|seals| seals.is_empty()));
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            decode(&bytes);
            let checked = [&bytes[..], &crc32fast::hash(&bytes).to_le_bytes()].concat();
            decode(&checked);
        }
    }

    #[test]
    fn ten_thousand_gaps_fit_into_what_a_checkpoint_may_cost() {
        let block = 4 << 20;
        let seals: Seals = (0..10_000u64)
            .map(|n| Seal {
                bytes: 2 * n * block..(2 * n + 1) * block,
                crc: u32::MAX,
            })
            .collect();
        assert!(encode(&seals).len() <= 12 * 10_000 + 4);
    }
}
