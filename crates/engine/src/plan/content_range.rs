//! Reads `Content-Range` (RFC 9110 §14.4). It knows nothing of what was asked for.

/// Which bytes of the file an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentRange {
    /// The bytes `first..=last`.
    Bytes {
        /// Offset of the first byte.
        first: u64,
        /// Offset of the last byte, inclusive: never below `first`, always below `total` and
        /// `u64::MAX`.
        last: u64,
        /// Length of the whole file, unless the server leaves it open (`*`).
        total: Option<u64>,
    },
    /// No byte: the range asked for lies outside of the file.
    Unsatisfied {
        /// Length of the whole file.
        total: u64,
    },
}

/// Reads a field value. `None`: invalid, and then nothing of the answer may be kept.
///
/// White space is forgiven around the value and nowhere else: the smaller the language, the smaller
/// the risk to put bytes in the wrong place.
///
/// ```
/// use haul_engine::plan::content_range::{ContentRange, parse};
/// let range = ContentRange::Bytes { first: 0, last: 499, total: Some(1234) };
/// assert_eq!(parse("bytes 0-499/1234"), Some(range));
/// assert_eq!(parse("bytes */1234"), Some(ContentRange::Unsatisfied { total: 1234 }));
/// assert_eq!(parse("bytes 500-499/1234"), None);
/// ```
pub fn parse(value: &str) -> Option<ContentRange> {
    let value = value.trim_matches([' ', '\t']);
    let (unit, range) = value.split_once(' ')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (bytes, total) = range.split_once('/')?;
    if bytes == "*" {
        let total = number(total)?;
        return Some(ContentRange::Unsatisfied { total });
    }
    let (first, last) = bytes.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    let total = match total {
        "*" => None,
        known => Some(number(known)?),
    };
    // No file reaches u64::MAX, so that `last + 1` is always a number.
    let fits = first <= last && last < total.unwrap_or(u64::MAX);
    fits.then_some(ContentRange::Bytes { first, last, total })
}

/// Digits only: no sign, as `str::parse` would take it.
pub(super) fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn valid_values() {
        let bytes = |first, last, total| Some(ContentRange::Bytes { first, last, total });
        let none = |total| Some(ContentRange::Unsatisfied { total });
        let cases = [
            ("bytes 0-499/1234", bytes(0, 499, Some(1234))),
            ("bytes 0-0/1", bytes(0, 0, Some(1))),
            ("bytes 42-1233/*", bytes(42, 1233, None)),
            ("BYTES 0-0/*", bytes(0, 0, None)),
            ("bytes 007-010/0011", bytes(7, 10, Some(11))),
            (" \tbytes 1-2/3\t ", bytes(1, 2, Some(3))),
            (
                "bytes 0-18446744073709551614/18446744073709551615",
                bytes(0, u64::MAX - 1, Some(u64::MAX)),
            ),
            ("bytes */0", none(0)),
            ("Bytes */47022", none(47022)),
            ("bytes */18446744073709551615", none(u64::MAX)),
        ];
        for (value, expected) in cases {
            assert_eq!(parse(value), expected, "{value:?}");
        }
    }

    #[test]
    fn invalid_values() {
        for value in [
            "",
            " ",
            "bytes",
            "bytes ",
            "0-499/1234",
            "bytes=0-499/1234",
            "bytes: 0-499/1234",
            "bytes 0-499",
            "bytes 0-499/",
            "bytes -499/1234",
            "bytes 0-/1234",
            "bytes -/1234",
            "bytes 500-499/1234",
            "bytes 0-1234/1234",
            "bytes 0-0/0",
            "bytes */*",
            "bytes */",
            "bytes *",
            "bytes *-*/5",
            "bytes 0-499/1234/5",
            "bytes 0-499/1234, bytes 0-1/5",
            "bytes  0-499/1234",
            "bytes 0 - 499/1234",
            "bytes 0-499 /1234",
            "bytes\t0-499/1234",
            "bytes +0-499/1234",
            "bytes 0-+499/1234",
            "bytes 0-499/-1",
            "bytes 0x0-0xF/0x10",
            "bytes 0-499/1234\n",
            "bytes 0-18446744073709551615/*",
            "bytes 0-18446744073709551616/*",
            "bytes 0-0/18446744073709551616",
            "bytes */18446744073709551616",
            "bytes 0-٤/9",
            "items 0-499/1234",
            "none",
        ] {
            assert_eq!(parse(value), None, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_sound(value in ".*|(?i:bytes) ?[0-9*]{0,21}[-]?[0-9*]{0,21}/[0-9*]{0,21}") {
            if let Some(ContentRange::Bytes { first, last, total }) = parse(&value) {
                prop_assert!(first <= last && last < u64::MAX);
                prop_assert!(total.is_none_or(|total| last < total));
            }
        }

        #[test]
        fn a_sound_range_is_read(first: u64, length in 1u64..1 << 40, rest in 0u64..1 << 40) {
            let first = first >> 2;
            let (last, total) = (first + length - 1, first + length + rest);
            let value = format!("bytes {first}-{last}/{total}");
            prop_assert_eq!(parse(&value), Some(ContentRange::Bytes { first, last, total: Some(total) }));
        }
    }
}
