//! Reads `Retry-After` (RFC 9110 §10.2.3). It does not know what a download does with the answer.

use std::time::{Duration, SystemTime};

/// The longest wait that a server can ask for.
pub const LONGEST: Duration = Duration::from_secs(3600);

/// How long the server asks to wait: seconds or a date, cut to [`LONGEST`]; a date gone by is no
/// wait. `None`: not readable.
///
/// `date_header` is the answer's own `Date`. A date to wait for is measured against it, so that a
/// wrong clock on either side does not matter; `now` stands in when it is missing or unreadable.
///
/// ```
/// use haul_engine::plan::retry_after::parse;
/// use std::time::{Duration, SystemTime};
/// assert_eq!(parse("30", None, SystemTime::now()), Some(Duration::from_secs(30)));
/// ```
pub fn parse(value: &str, date_header: Option<&str>, now: SystemTime) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Only a number too large for u64 fails here.
        let wait = value.parse().map_or(LONGEST, Duration::from_secs);
        return Some(wait.min(LONGEST));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let sent = date_header.and_then(|date| httpdate::parse_http_date(date.trim()).ok());
    let wait = until.duration_since(sent.unwrap_or(now));
    Some(wait.unwrap_or(Duration::ZERO).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What our own clock says.
    fn now() -> SystemTime {
        httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").expect("a date")
    }

    #[test]
    fn seconds() {
        let cases = [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 5\t", Some(5)),
            ("0007", Some(7)),
            ("3600", Some(3600)),
            ("3601", Some(3600)),
            ("99999999999999999999999", Some(3600)),
            ("", None),
            (" ", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("1e3", None),
            ("5 s", None),
            ("soon", None),
            ("٣", None),
        ];
        for (value, expected) in cases {
            let expected = expected.map(Duration::from_secs);
            assert_eq!(parse(value, None, now()), expected, "{value:?}");
        }
    }

    #[test]
    fn dates_are_measured_by_the_clock_that_wrote_them() {
        let until = "Sun, 06 Nov 1994 08:50:37 GMT";
        let cases = [
            (None, 60),
            (Some("Sun, 06 Nov 1994 08:50:07 GMT"), 30),
            (Some("Sun, 06 Nov 1994 08:50:36 GMT"), 1),
            (Some("Sun, 06 Nov 1994 09:00:00 GMT"), 0),
            (Some("Sun, 06 Nov 1994 06:00:00 GMT"), 3600),
            (Some("yesterday"), 60),
            (Some(""), 60),
        ];
        for (date, seconds) in cases {
            let wait = parse(until, date, now());
            assert_eq!(wait, Some(Duration::from_secs(seconds)), "{date:?}");
        }
        let wait = parse(
            until,
            Some("Sun, 06 Nov 1994 08:50:07 GMT"),
            SystemTime::UNIX_EPOCH,
        );
        assert_eq!(
            wait,
            Some(Duration::from_secs(30)),
            "our clock is not asked"
        );
    }

    #[test]
    fn the_obsolete_date_formats_are_understood() {
        for until in ["Sunday, 06-Nov-94 08:50:37 GMT", "Sun Nov  6 08:50:37 1994"] {
            let wait = parse(until, None, now());
            assert_eq!(wait, Some(Duration::from_secs(60)), "{until}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_at_most_an_hour(value in ".*", date in proptest::option::of(".*")) {
            let wait = parse(&value, date.as_deref(), now());
            prop_assert!(wait.is_none_or(|wait| wait <= LONGEST));
        }
    }
}
