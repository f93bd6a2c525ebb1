//! Numbers as people read them: sizes, speeds, times. Rounded; `config::units` has the exact ones.

const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// `20.7 MiB`; three figures at most before the point, one after.
pub(crate) fn size(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // In tenths of a unit, so that 1023.96 KiB becomes 1.0 MiB and never 1024.0 KiB.
    let mut tenths = (u128::from(bytes) * 10 + 512) >> 10;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        unit += 1;
        tenths = (u128::from(bytes) * 10 + (512 << (10 * unit))) >> (10 * (unit + 1));
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// `1.0 MiB/s`.
pub(crate) fn speed(bytes_per_second: u64) -> String {
    format!("{}/s", size(bytes_per_second))
}

/// `17s`, `2m 05s`, `3h 20m`, `4d 06h`.
pub(crate) fn time(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {:02}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_short_and_in_their_unit() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_525, "1.0 MiB"),
            (21_657_943, "20.7 MiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(speed(1 << 20), "1.0 MiB/s");
    }

    #[test]
    fn times_show_two_units() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (125, "2m 05s"),
            (12_000, "3h 20m"),
            (367_200, "4d 06h"),
        ] {
            assert_eq!(time(seconds), text);
        }
    }

    proptest! {
        #[test]
        fn a_size_is_never_wider_than_its_column(bytes: u64) {
            prop_assert!(size(bytes).len() <= 10, "{}", size(bytes));
        }
    }
}
