//! What can be expected of a thread: its speed, from what is known of it before and what it shows, and
//! for how long it has been silent. Knows nothing of blocks and of what they are fetched with.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::pace::Pace;
use crate::plan::Expected;

/// In so long a time at work what was known before loses two thirds of its weight: the connection may
/// be another one.
const FORGETTING: Duration = Duration::from_millis(100);

/// A thread of which nothing was known is judged after so long.
const YOUTH: Duration = Duration::from_millis(200);

/// What threads have reached on their last block, by their numbers, in bytes/s.
#[derive(Debug, Default)]
pub(super) struct Speeds(BTreeMap<u16, u64>);

impl Speeds {
    /// Takes note of a block's end.
    pub(super) fn note(&mut self, number: u16, hand: &Hand) {
        self.0
            .extend(hand.expected_speed().map(|speed| (number, speed)));
    }

    /// A thread gets another connection.
    pub(super) fn forget(&mut self, number: u16) {
        self.0.remove(&number);
    }

    /// What is to be expected of a thread: what it has reached, or what the others have; `None` while
    /// no block has ended.
    pub(super) fn of(&self, number: u16) -> Option<u64> {
        let others = || {
            let sum: u64 = self.0.values().sum();
            sum.checked_div(self.0.len() as u64)
        };
        self.0.get(&number).copied().or_else(others)
    }
}

/// One thread's work on one block.
#[derive(Debug)]
pub(super) struct Hand {
    /// Bytes/s that it has reached on its last block.
    prior: Option<u64>,
    pace: Pace,
    at: u64,
    heard_at: Instant,
}

impl Hand {
    /// A thread whose first byte, `at`, is due at `from`.
    pub(super) fn new(at: u64, prior: Option<u64>, from: Instant) -> Hand {
        Hand {
            prior,
            pace: Pace::new(at, from),
            at,
            heard_at: from,
        }
    }

    /// Takes note of how far it has come.
    pub(super) fn observe(&mut self, at: u64, now: Instant) {
        if at == self.at {
            self.pace.observe(at, now);
            return;
        }
        // Before its time nothing was expected, so that says nothing of its speed.
        if now < self.heard_at {
            self.pace = Pace::new(at, now);
        }
        self.pace.observe(at, now);
        self.at = at;
        self.heard_at = now;
    }

    /// It may not ask before others let it: its first byte is due at `from`.
    pub(super) fn starts_late(&mut self, from: Instant) {
        self.pace = Pace::new(self.at, from);
        self.heard_at = from;
    }

    /// It may not write before others let it.
    pub(super) fn is_held_up(&mut self, now: Instant) {
        self.heard_at = now;
    }

    /// For how long it was watched.
    pub(super) fn age(&self) -> Duration {
        self.pace.age()
    }

    /// Bytes/s, as measured.
    pub(super) fn speed(&self) -> u64 {
        self.pace.speed()
    }

    /// What is to be expected of it from now on.
    pub(super) fn expected(&self, now: Instant) -> Expected {
        Expected {
            speed: self.expected_speed(),
            due: self.heard_at.saturating_duration_since(now),
            silent: now.saturating_duration_since(self.heard_at),
        }
    }

    /// Bytes/s; `None` while nothing is known.
    fn expected_speed(&self) -> Option<u64> {
        let age = self.age();
        let Some(prior) = self.prior else {
            return Some(self.speed()).filter(|_| age >= YOUTH);
        };
        let remembered = (-age.as_secs_f64() / FORGETTING.as_secs_f64()).exp();
        Some(mix(self.speed(), prior, remembered))
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a speed to expect; `as` saturates"
)]
fn mix(from: u64, to: u64, weight: f64) -> u64 {
    (from as f64 + (to as f64 - from as f64) * weight).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_new_connection_is_believed_soon() {
        let start = Instant::now();
        let mut hand = Hand::new(0, Some(1_000_000), start);
        assert_eq!(hand.expected(start).speed, Some(1_000_000));
        for tick in 1..=10 {
            hand.observe(tick * 100, start + ms(100 * tick));
        }
        let speed = hand.expected(start + ms(1000)).speed.expect("known");
        assert!((1000..2000).contains(&speed), "{speed}");
    }

    #[test]
    fn nothing_is_said_of_a_thread_before_its_first_byte_is_due() {
        let start = Instant::now();
        let mut hand = Hand::new(0, None, start + ms(200));
        hand.observe(0, start + ms(150));
        let expected = Expected {
            speed: None,
            due: ms(50),
            silent: ms(0),
        };
        assert_eq!(hand.expected(start + ms(150)), expected);
        hand.observe(0, start + ms(500));
        let expected = hand.expected(start + ms(500));
        assert_eq!((expected.speed, expected.silent), (Some(0), ms(300)));
    }

    /// What came before its time came in no time at all.
    #[test]
    fn an_early_first_byte_makes_nobody_fast() {
        let start = Instant::now();
        let mut hand = Hand::new(0, None, start + ms(200));
        hand.observe(1_000_000, start + ms(190));
        hand.observe(1_000_000, start + ms(400));
        assert_eq!(hand.expected(start + ms(400)).speed, Some(0));
    }

    #[test]
    fn who_waits_for_us_is_not_silent() {
        let start = Instant::now();
        let mut hand = Hand::new(0, None, start);
        hand.is_held_up(start + ms(700));
        assert_eq!(hand.expected(start + ms(700)).silent, ms(0));
        hand.starts_late(start + ms(900));
        assert_eq!(hand.expected(start + ms(800)).due, ms(100));
    }

    #[test]
    fn a_thread_without_a_past_is_expected_to_be_as_fast_as_the_others() {
        let start = Instant::now();
        let mut speeds = Speeds::default();
        assert_eq!(speeds.of(1), None);
        speeds.note(1, &Hand::new(0, Some(100), start));
        speeds.note(2, &Hand::new(0, Some(300), start));
        assert_eq!((speeds.of(2), speeds.of(3)), (Some(300), Some(200)));
        speeds.forget(2);
        assert_eq!(speeds.of(2), Some(100));
    }
}
