//! Sizes and durations as people write them. Pure text to number and back; knows no keys.

use std::time::Duration;

const SIZE_UNITS: [(&str, u64); 5] = [
    ("T", 1 << 40),
    ("G", 1 << 30),
    ("M", 1 << 20),
    ("K", 1 << 10),
    ("", 1),
];

/// Reads `16M`, `1.5G`, `16MiB` or plain bytes; units are 1024-based.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    const FORMS: &str = "write a size like 512, 100K, 16M, 1.5G or 16MiB";
    let (number, unit) = Decimal::read(text).ok_or(FORMS)?;
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        _ => return Err(format!("\"{unit}\" is not a unit; {FORMS}")),
    };
    number.times(factor).ok_or_else(|| "too large".to_owned())
}

/// Writes a size so that it reads back exactly: `16M`, or plain bytes when no unit fits.
pub(crate) fn print_size(bytes: u64) -> String {
    let (unit, factor) = SIZE_UNITS
        .into_iter()
        .find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor))
        .unwrap_or(("", 1));
    format!("{}{unit}", bytes / factor)
}

/// Reads `500ms`, `30s`, `5m` or `2h`, to the millisecond.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    const FORMS: &str = "write a duration like 500ms, 30s, 5m or 2h";
    let (number, unit) = Decimal::read(text).ok_or(FORMS)?;
    let factor = match unit.to_ascii_lowercase().as_str() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" => return Err(format!("the unit is missing; {FORMS}")),
        _ => return Err(format!("\"{unit}\" is not a unit; {FORMS}")),
    };
    let millis = number.times(factor).ok_or("too long")?;
    Ok(Duration::from_millis(millis))
}

/// Writes a duration of whole milliseconds so that it reads back exactly.
pub(crate) fn print_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0 => "0s".to_owned(),
        // Up to two minutes people think in seconds.
        120_000.. if millis.is_multiple_of(3_600_000) => format!("{}h", millis / 3_600_000),
        120_000.. if millis.is_multiple_of(60_000) => format!("{}m", millis / 60_000),
        _ if millis.is_multiple_of(1_000) => format!("{}s", millis / 1_000),
        _ => format!("{millis}ms"),
    }
}

/// A non-negative decimal number, exact: `digits / 10^scale`.
struct Decimal {
    digits: u128,
    scale: u32,
}

impl Decimal {
    /// Reads the number at the start of `text`; the rest is its unit.
    fn read(text: &str) -> Option<(Decimal, &str)> {
        let text = text.trim();
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let (whole, fraction) = match number.split_once('.') {
            Some((_, "")) => return None,
            Some((whole, fraction)) => (whole, fraction),
            None => (number, ""),
        };
        // Nine digits after the point are finer than any unit needs, and keep the arithmetic exact.
        if whole.is_empty() || fraction.len() > 9 {
            return None;
        }
        let scale = u32::try_from(fraction.len()).ok()?;
        let fraction = match fraction {
            "" => 0,
            digits => digits.parse().ok()?,
        };
        let digits = whole
            .parse::<u128>()
            .ok()?
            .checked_mul(10u128.pow(scale))?
            .checked_add(fraction)?;
        Some((Decimal { digits, scale }, unit.trim_start()))
    }

    /// The number times `factor`, rounded down; `None` when it does not fit.
    fn times(&self, factor: u64) -> Option<u64> {
        let product = self.digits.checked_mul(u128::from(factor))?;
        u64::try_from(product / 10u128.pow(self.scale)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_read_in_every_form() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("512B", 512),
            ("100K", 100 << 10),
            ("16m", 16 << 20),
            ("16MiB", 16 << 20),
            ("16 MiB", 16 << 20),
            ("1.5G", 3 << 29),
            ("0.5K", 512),
            ("1T", 1 << 40),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused_with_a_hint() {
        for text in [
            "", "M", "-1", "+1", "1..5M", "1.M", ".5M", "1,5M", "0x10", "1KB", "16Mi",
        ] {
            let why = parse_size(text).expect_err(text);
            assert!(why.contains("16MiB"), "{text}: {why}");
        }
    }

    #[test]
    fn a_size_past_64_bits_is_too_large_and_never_wraps() {
        for text in [
            "18446744073709551616",
            "16777216T",
            "99999999999999999999999G",
            "17179869184G",
        ] {
            assert_eq!(parse_size(text), Err("too large".to_owned()), "{text}");
        }
        assert_eq!(parse_size("16777215T"), Ok(16_777_215 << 40));
    }

    #[test]
    fn durations_are_read_with_their_unit() {
        for (text, millis) in [
            ("500ms", 500),
            ("0s", 0),
            ("30s", 30_000),
            ("1.5s", 1_500),
            ("5m", 300_000),
            ("2h", 7_200_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        assert!(
            parse_duration("30")
                .expect_err("no unit")
                .contains("unit is missing")
        );
        for text in ["", "s", "-1s", "1d", "5 parsecs"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_printed_size_reads_back(bytes: u64) {
            prop_assert_eq!(parse_size(&print_size(bytes)), Ok(bytes));
        }

        #[test]
        fn a_printed_round_size_reads_back(count in 0u64..4096, shift in 0u32..50) {
            let bytes = count << shift;
            prop_assert_eq!(parse_size(&print_size(bytes)), Ok(bytes));
        }

        #[test]
        fn a_printed_duration_reads_back(count in 0u64..100_000, unit in prop::sample::select(vec![1u64, 1_000, 60_000, 3_600_000])) {
            let duration = Duration::from_millis(count * unit);
            prop_assert_eq!(parse_duration(&print_duration(duration)), Ok(duration));
        }

        #[test]
        fn no_text_makes_the_readers_panic(text: String) {
            let _ = parse_size(&text);
            let _ = parse_duration(&text);
        }
    }
}
