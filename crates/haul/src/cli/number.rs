//! Whole numbers on the command line, and what is said of those that are none. Knows no flag.

use std::fmt::Display;
use std::str::FromStr;

/// A whole number; a leading plus is no part of one.
pub(crate) fn whole<T: FromStr>(text: &str) -> Option<T> {
    let text = text.trim();
    text.parse().ok().filter(|_| !text.starts_with('+'))
}

/// A whole number from `least` to `most`.
///
/// # Errors
/// What is allowed.
pub(crate) fn between<T>(text: &str, least: T, most: T) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display + Copy,
{
    whole(text)
        .filter(|number| (&least..=&most).contains(&number))
        .ok_or_else(|| format!("give a whole number from {least} to {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_such_number_is_told_what_is_one() {
        assert_eq!(between("256", 1_u16, 256), Ok(256));
        assert_eq!(between("-3", -4_i32, 4), Ok(-3));
        for wrong in ["", "x", "+3", "0", "257", "70000", "1.5", "-1"] {
            let why = between(wrong, 1_u16, 256).expect_err(wrong);
            assert_eq!(why, "give a whole number from 1 to 256", "{wrong}");
        }
    }
}
