//! How many bytes the kernel gathers before it wakes the reader of a body. Pure: knows sizes and
//! times, no sockets.
//!
//! Waking for every packet costs more than the packet: where many connections bring a few MiB/s each,
//! gathering halves the CPU time per byte. What is gathered is late, so it is never more than a
//! connection brings in a moment.

use std::time::Duration;

use tokio::time::Instant;

/// Bytes may be late by this much.
const MOMENT: Duration = Duration::from_millis(200);

/// After so long without a byte the kernel hands over what it has.
pub(super) const PAUSE: Duration = Duration::from_millis(400);

/// More is no gain.
const MOST: u64 = 256 << 10;

/// Less is no gain either.
const LEAST: u64 = 32 << 10;

/// A connection's flow, and what it allows to be gathered.
pub(super) struct Gather {
    since: Instant,
    /// Bytes that came since then.
    came: u64,
    bytes: u64,
}

impl Gather {
    pub(super) fn new(now: Instant) -> Gather {
        Gather {
            since: now,
            came: 0,
            bytes: 1,
        }
    }

    /// Takes note of bytes that arrived.
    pub(super) fn came(&mut self, bytes: usize, now: Instant) {
        self.came += bytes as u64;
        let passed = now.duration_since(self.since);
        if passed < MOMENT {
            return;
        }
        let in_a_moment = u128::from(self.came) * MOMENT.as_micros() / passed.as_micros();
        let in_a_moment = u64::try_from(in_a_moment).unwrap_or(u64::MAX).min(MOST);
        // In powers of two, so that it changes seldom.
        self.bytes = match in_a_moment {
            LEAST.. => 1 << in_a_moment.ilog2(),
            _ => 1,
        };
        self.since = now;
        self.came = 0;
    }

    /// Nothing came for a while: every byte is welcome at once.
    pub(super) fn paused(&mut self, now: Instant) {
        *self = Gather::new(now);
    }

    /// Whether bytes may be there that nobody was told of.
    pub(super) fn holds_back(&self) -> bool {
        self.bytes > 1
    }

    /// How many bytes to wait for, when `left` are still to come: never more than those, or nobody
    /// would ever be woken.
    pub(super) fn bytes(&self, left: Option<u64>) -> u64 {
        // The end of a body without a length may come at any byte.
        self.bytes.min(left.unwrap_or(1)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    /// After a second of `rate` bytes/s in reads of a fifth of it.
    fn after_a_second_of(rate: usize) -> Gather {
        let start = Instant::now();
        let mut gather = Gather::new(start);
        (1..=5).for_each(|fifth| gather.came(rate / 5, start + fifth * MOMENT));
        gather
    }

    #[test]
    fn what_is_gathered_comes_within_a_moment() {
        for (rate, bytes) in [
            (100 * MIB, 256 << 10),
            (2 * MIB, 256 << 10),
            (MIB, 128 << 10),
            (200 << 10, 32 << 10),
            (100 << 10, 1),
            (1000, 1),
        ] {
            assert_eq!(
                after_a_second_of(rate).bytes(Some(1 << 30)),
                bytes,
                "{rate}"
            );
        }
    }

    #[test]
    fn never_more_is_awaited_than_is_to_come() {
        let gather = after_a_second_of(100 * MIB);
        assert_eq!(gather.bytes(Some(70_000)), 70_000);
        assert_eq!(gather.bytes(Some(0)), 1);
        assert_eq!(gather.bytes(None), 1, "the end of the body is unknown");
    }

    #[test]
    fn a_pause_ends_the_gathering() {
        let mut gather = after_a_second_of(100 * MIB);
        assert!(gather.holds_back());
        gather.paused(Instant::now());
        assert!(!gather.holds_back());
        assert_eq!(gather.bytes(Some(1 << 30)), 1);
    }
}
