//! Adds up what was asked of a server and what it sent, so that a test can say: no range was too
//! long, nothing was fetched twice, nothing was missed. It works on the logs of every server here
//! and knows none of them.

use std::ops::Range;

use crate::origin::{Asked, Seen};
use crate::servers::Logged;

/// The requests of a log, one file's when made with [`Ledger::of`].
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
}

/// One request as far as bytes are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path without the query.
    pub path: String,
    /// The single range asked for.
    pub range: Option<Asked>,
    /// The status sent.
    pub status: u16,
    /// Bytes of the body sent.
    pub sent: u64,
}

impl Entry {
    /// The part of the file that was sent: what a 206 started to send where it was asked to, or a
    /// 200 from the beginning.
    fn sent_part(&self) -> Option<Range<u64>> {
        let first = match self.status {
            200 => 0,
            206 => self.range?.first,
            _ => return None,
        };
        (self.sent > 0).then(|| first..first + self.sent)
    }
}

impl From<Seen> for Entry {
    fn from(seen: Seen) -> Entry {
        Entry {
            path: seen.path().to_owned(),
            range: seen.range,
            status: seen.status,
            sent: seen.body_sent,
        }
    }
}

impl From<Logged> for Entry {
    fn from(logged: Logged) -> Entry {
        Entry {
            path: logged.path().to_owned(),
            range: logged.range,
            status: logged.status,
            sent: logged.body_sent,
        }
    }
}

impl Ledger {
    /// The ledger of all requests of a log.
    pub fn new<T: Into<Entry>>(log: impl IntoIterator<Item = T>) -> Ledger {
        Ledger {
            entries: log.into_iter().map(Into::into).collect(),
        }
    }

    /// The ledger of the requests for one path.
    pub fn of<T: Into<Entry>>(path: &str, log: impl IntoIterator<Item = T>) -> Ledger {
        let mut ledger = Ledger::new(log);
        ledger.entries.retain(|entry| entry.path == path);
        ledger
    }

    /// How many requests there were.
    pub fn requests(&self) -> usize {
        self.entries.len()
    }

    /// Fails the test if a range was longer than `limit` bytes, had an open end, or if there was
    /// no range at all to look at.
    ///
    /// # Panics
    /// With the offending request.
    pub fn assert_no_range_longer_than(&self, limit: u64) {
        let mut ranges = 0;
        for entry in &self.entries {
            let Some(asked) = entry.range else { continue };
            ranges += 1;
            let Some(last) = asked.last else {
                panic!("a range with an open end: {entry:?}");
            };
            let length = last - asked.first + 1;
            assert!(
                length <= limit,
                "a range of {length} bytes, over {limit}: {entry:?}"
            );
        }
        assert!(ranges > 0, "no request had a range");
    }

    /// Fails the test if more than `allowed` bytes were sent a second time.
    ///
    /// # Panics
    /// With the parts sent twice.
    pub fn assert_sent_twice_at_most(&self, allowed: u64) {
        let twice = self.sent_twice();
        let bytes = length(&twice);
        assert!(
            bytes <= allowed,
            "{bytes} bytes were sent twice, over {allowed}: {twice:?}"
        );
    }

    /// All bytes of bodies sent, those sent again counted again.
    pub fn fetched(&self) -> u64 {
        self.entries.iter().map(|entry| entry.sent).sum()
    }

    /// The parts that requests asked for more than once, in order. An open end asks for all that
    /// follows.
    pub fn asked_twice(&self) -> Vec<Range<u64>> {
        let asked = self.entries.iter().filter_map(|entry| entry.range);
        let end = |asked: Asked| asked.last.map_or(u64::MAX, |last| last.saturating_add(1));
        covered(asked.map(|asked| asked.first..end(asked)), 2)
    }

    /// The parts that were sent more than once, in order.
    pub fn sent_twice(&self) -> Vec<Range<u64>> {
        covered(self.entries.iter().filter_map(Entry::sent_part), 2)
    }

    /// The parts of a file of `size` bytes that were never sent, in order.
    pub fn missing(&self, size: u64) -> Vec<Range<u64>> {
        let whole = 0..size;
        outside(std::slice::from_ref(&whole), &self.sent())
    }

    /// The parts that were sent at least once, in order.
    pub fn sent(&self) -> Vec<Range<u64>> {
        covered(self.entries.iter().filter_map(Entry::sent_part), 1)
    }
}

/// The total length of parts that do not overlap.
pub fn length(parts: &[Range<u64>]) -> u64 {
    parts.iter().map(|part| part.end - part.start).sum()
}

/// What is left of `parts` outside of `allowed`; both may be in any order, `parts` without overlap.
pub fn outside(parts: &[Range<u64>], allowed: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut left = parts.to_vec();
    for hole in allowed {
        let cut = left.into_iter().flat_map(|part| {
            let before = part.start..part.end.min(hole.start);
            let after = part.start.max(hole.end)..part.end;
            [before, after]
        });
        left = cut.filter(|part| part.start < part.end).collect();
    }
    left
}

/// The parts that at least `times` of the ranges cover, merged and in order.
fn covered(ranges: impl Iterator<Item = Range<u64>>, times: i64) -> Vec<Range<u64>> {
    let mut edges = Vec::new();
    for range in ranges.filter(|range| range.start < range.end) {
        edges.push((range.start, 1));
        edges.push((range.end, -1));
    }
    // Starts sort before ends at the same byte, so that neighbours merge.
    edges.sort_by_key(|(at, step)| (*at, -*step));
    let (mut depth, mut parts, mut open) = (0_i64, Vec::new(), None);
    for (at, step) in edges {
        depth += step;
        match open {
            None if depth >= times => open = Some(at),
            Some(start) if depth < times => {
                parts.push(start..at);
                open = None;
            }
            _ => {}
        }
    }
    parts.retain(|part| part.start < part.end);
    parts
}

#[cfg(test)]
#[expect(
    clippy::single_range_in_vec_init,
    reason = "one part is what is expected"
)]
mod tests {
    use super::*;

    fn entry(status: u16, range: Option<(u64, Option<u64>)>, sent: u64) -> Entry {
        Entry {
            path: "/a".into(),
            range: range.map(|(first, last)| Asked { first, last }),
            status,
            sent,
        }
    }

    #[test]
    fn parts_sent_are_merged_and_repeats_found() {
        let ledger = Ledger::new([
            entry(206, Some((0, Some(99))), 100),
            entry(206, Some((100, Some(199))), 40),
            entry(503, Some((140, Some(199))), 7),
            entry(206, Some((130, Some(199))), 70),
        ]);
        assert_eq!(ledger.sent(), [0..200]);
        assert_eq!(ledger.missing(210), [200..210]);
        assert!(ledger.missing(200).is_empty());
        assert_eq!(ledger.sent_twice(), [130..140]);
        assert_eq!(ledger.asked_twice(), [130..200]);
        assert_eq!(ledger.fetched(), 217);
        ledger.assert_sent_twice_at_most(10);
        ledger.assert_no_range_longer_than(100);
    }

    #[test]
    fn touching_parts_do_not_count_as_repeats() {
        let ledger = Ledger::new([
            entry(206, Some((10, Some(19))), 10),
            entry(206, Some((0, Some(9))), 10),
        ]);
        assert_eq!(ledger.sent(), [0..20]);
        assert!(ledger.sent_twice().is_empty());
    }

    #[test]
    #[should_panic(expected = "sent twice")]
    fn too_many_repeats_fail() {
        let whole = entry(200, None, 100);
        Ledger::new([whole.clone(), whole]).assert_sent_twice_at_most(99);
    }

    #[test]
    #[should_panic(expected = "open end")]
    fn an_open_end_is_too_long() {
        Ledger::new([entry(206, Some((5, None)), 1)]).assert_no_range_longer_than(1 << 40);
    }

    #[test]
    #[should_panic(expected = "over 100")]
    fn a_range_one_byte_too_long_fails() {
        Ledger::new([entry(206, Some((0, Some(100))), 101)]).assert_no_range_longer_than(100);
    }

    #[test]
    #[should_panic(expected = "no request had a range")]
    fn a_log_without_ranges_proves_nothing() {
        Ledger::new([entry(200, None, 5)]).assert_no_range_longer_than(1);
    }

    #[test]
    fn what_is_allowed_is_cut_out() {
        let left = outside(&[0..10, 20..30], &[5..7, 25..40]);
        assert_eq!(left, [0..5, 7..10, 20..25]);
        assert_eq!(length(&left), 13);
    }
}
