//! Which bytes of a file a request is to be answered with: preconditions (RFC 9110 §13) and a single
//! range (§14). Pure: decides on header fields, the file's tag, date and length alone.

use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, header};

/// A file as it is now.
#[derive(Debug)]
pub(super) struct Version {
    /// A strong `ETag`, with its quotes.
    pub(super) tag: String,
    /// When it was changed, as far as HTTP can say that: to the second.
    pub(super) modified: Option<SystemTime>,
    /// Bytes.
    pub(super) len: u64,
}

/// What to answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All of it.
    Whole,
    /// These bytes, at least one.
    Part(Range<u64>),
    /// The client has it.
    NotModified,
    /// It is not the version that was asked for.
    PreconditionFailed,
    /// None of the bytes that were asked for are there.
    NotSatisfiable,
}

impl Version {
    /// The date as HTTP has it.
    pub(super) fn date(modified: SystemTime) -> Option<SystemTime> {
        /// The last second of the year 9999.
        const LAST: u64 = 253_402_300_799;
        let since = modified.duration_since(UNIX_EPOCH).ok()?.as_secs();
        (since <= LAST).then(|| UNIX_EPOCH + Duration::from_secs(since))
    }

    /// Decides in the order of RFC 9110 §13.2.2.
    pub(super) fn judge(&self, headers: &HeaderMap) -> Verdict {
        let is_expected = if headers.contains_key(header::IF_MATCH) {
            names(headers, header::IF_MATCH, |tag| tag == self.tag)
        } else {
            self.date_in(headers, header::IF_UNMODIFIED_SINCE, |modified, then| {
                modified <= then
            })
            .unwrap_or(true)
        };
        if !is_expected {
            return Verdict::PreconditionFailed;
        }
        let is_held = if headers.contains_key(header::IF_NONE_MATCH) {
            names(headers, header::IF_NONE_MATCH, |tag| {
                tag.strip_prefix("W/").unwrap_or(tag) == self.tag
            })
        } else {
            self.date_in(headers, header::IF_MODIFIED_SINCE, |modified, then| {
                modified <= then
            })
            .unwrap_or(false)
        };
        if is_held {
            return Verdict::NotModified;
        }
        if !self.is_of_range(headers) {
            return Verdict::Whole;
        }
        self.range(headers)
    }

    /// Whether the ranges that the client asks for are ranges of this version.
    fn is_of_range(&self, headers: &HeaderMap) -> bool {
        let Some(condition) = headers.get(header::IF_RANGE) else {
            return true;
        };
        if condition.as_bytes() == self.tag.as_bytes() {
            return true;
        }
        // A date vouches for bytes only when it is exactly ours.
        self.date_in(headers, header::IF_RANGE, |modified, then| modified == then)
            .unwrap_or(false)
    }

    /// What `compare` says of our date and that in a field; `None` when one of them is not there.
    fn date_in(
        &self,
        headers: &HeaderMap,
        field: HeaderName,
        compare: impl FnOnce(SystemTime, SystemTime) -> bool,
    ) -> Option<bool> {
        let then = headers.get(field)?.to_str().ok()?;
        let then = httpdate::parse_http_date(then).ok()?;
        Some(compare(self.modified?, then))
    }

    /// A range that cannot be read is as good as none, and several are answered with the whole file: a
    /// server may do both (RFC 9110 §14.2).
    fn range(&self, headers: &HeaderMap) -> Verdict {
        let mut ranges = headers.get_all(header::RANGE).iter();
        let (Some(range), None) = (ranges.next(), ranges.next()) else {
            return Verdict::Whole;
        };
        let Some(spec) = range.to_str().ok().and_then(Spec::parse) else {
            return Verdict::Whole;
        };
        let range = match spec {
            Spec::From(first, last) => first..last.saturating_add(1).min(self.len),
            Spec::Last(count) => self.len.saturating_sub(count)..self.len,
        };
        if range.is_empty() {
            return Verdict::NotSatisfiable;
        }
        Verdict::Part(range)
    }
}

/// One range as it was asked for.
#[derive(Debug, PartialEq, Eq)]
enum Spec {
    /// From this byte to that one, or to the end.
    From(u64, u64),
    /// So many at the end.
    Last(u64),
}

impl Spec {
    fn parse(value: &str) -> Option<Spec> {
        let (unit, spec) = value.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (first, last) = spec.trim().split_once('-')?;
        match (first, last) {
            ("", last) => Some(Spec::Last(number(last)?)),
            (first, "") => Some(Spec::From(number(first)?, u64::MAX)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Spec::From(first, last))
            }
        }
    }
}

/// Digits and nothing else; more than there could be bytes are as many as there could be.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Whether a list of tags is `*` or has one that is meant. Our tags have no commas, so theirs may be
/// taken apart at any.
fn names(headers: &HeaderMap, field: HeaderName, is_meant: impl Fn(&str) -> bool) -> bool {
    let lines = headers.get_all(field);
    let lines = lines.iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || is_meant(tag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{NotModified, NotSatisfiable, Part, PreconditionFailed, Whole};
    use http::HeaderValue;

    const DATE: &str = "Fri, 02 Jan 2026 03:04:05 GMT";
    const BEFORE: &str = "Fri, 02 Jan 2026 03:04:04 GMT";
    const AFTER: &str = "Fri, 02 Jan 2026 03:04:06 GMT";

    fn judged(len: u64, fields: &[(&str, &str)]) -> Verdict {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        let modified = httpdate::parse_http_date(DATE).expect("a date");
        let version = Version {
            tag: "\"v1\"".to_owned(),
            modified: Version::date(modified + Duration::from_millis(900)),
            len,
        };
        version.judge(&headers)
    }

    #[test]
    fn one_range_is_cut_to_the_file() {
        for (range, expected) in [
            ("bytes=0-0", Part(0..1)),
            ("bytes=2-5", Part(2..6)),
            ("bytes=5-", Part(5..10)),
            ("bytes=9-99999999999999999999999", Part(9..10)),
            ("bytes=-3", Part(7..10)),
            ("bytes=-99", Part(0..10)),
            ("BYTES = 1-2", Part(1..3)),
            ("bytes=10-", NotSatisfiable),
            ("bytes=99999999999999999999999-", NotSatisfiable),
            ("bytes=-0", NotSatisfiable),
        ] {
            assert_eq!(judged(10, &[("range", range)]), expected, "{range}");
        }
        assert_eq!(judged(0, &[("range", "bytes=0-")]), NotSatisfiable);
        assert_eq!(judged(0, &[("range", "bytes=-1")]), NotSatisfiable);
    }

    #[test]
    fn several_ranges_and_what_is_no_range_give_the_whole_file() {
        for range in [
            "bytes=0-1,3-4",
            "bytes=5-2",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=--1",
            "lines=1-2",
            "0-1",
        ] {
            assert_eq!(judged(10, &[("range", range)]), Whole, "{range}");
        }
        let twice = [("range", "bytes=0-1"), ("range", "bytes=0-1")];
        assert_eq!(judged(10, &twice), Whole);
        assert_eq!(judged(10, &[]), Whole);
    }

    #[test]
    fn a_range_of_another_version_gives_the_whole_file() {
        for (condition, expected) in [
            ("\"v1\"", Part(0..1)),
            (DATE, Part(0..1)),
            ("\"v2\"", Whole),
            // Weak tags vouch for no bytes.
            ("W/\"v1\"", Whole),
            (BEFORE, Whole),
            (AFTER, Whole),
            ("nonsense", Whole),
        ] {
            let fields = [("range", "bytes=0-0"), ("if-range", condition)];
            assert_eq!(judged(10, &fields), expected, "{condition}");
        }
    }

    #[test]
    fn what_the_client_holds_is_not_sent_again() {
        for (name, value, expected) in [
            ("if-none-match", "\"v1\"", NotModified),
            ("if-none-match", "\"v0\", W/\"v1\"", NotModified),
            ("if-none-match", "*", NotModified),
            ("if-none-match", "\"v2\"", Whole),
            ("if-modified-since", DATE, NotModified),
            ("if-modified-since", AFTER, NotModified),
            ("if-modified-since", BEFORE, Whole),
            ("if-modified-since", "yesterday", Whole),
        ] {
            assert_eq!(judged(10, &[(name, value)]), expected, "{name}: {value}");
        }
        // The tag has the last word, and a range changes nothing.
        let fields = [("if-none-match", "\"v2\""), ("if-modified-since", DATE)];
        assert_eq!(judged(10, &fields), Whole);
        let fields = [("if-none-match", "\"v1\""), ("range", "bytes=0-0")];
        assert_eq!(judged(10, &fields), NotModified);
    }

    #[test]
    fn another_version_than_the_expected_one_is_not_sent_at_all() {
        for (name, value, expected) in [
            ("if-match", "\"v1\"", Whole),
            ("if-match", "*", Whole),
            ("if-match", "\"v2\"", PreconditionFailed),
            ("if-match", "W/\"v1\"", PreconditionFailed),
            ("if-unmodified-since", DATE, Whole),
            ("if-unmodified-since", BEFORE, PreconditionFailed),
        ] {
            assert_eq!(judged(10, &[(name, value)]), expected, "{name}: {value}");
        }
    }
}
