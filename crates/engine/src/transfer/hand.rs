//! What can be expected of a thread: its speed, from what is known of it before and what it shows, and
//! for how long it has been silent. Knows nothing of blocks and of what they are fetched with.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::pace::Pace;
use crate::plan::Expected;

/// In so long a time without a byte what was known before loses two thirds of its weight: the connection
/// may be another one.
const FORGETTING: Duration = Duration::from_millis(100);

/// Bytes that came tell sooner, where a round trip is shorter than this.
const LEARNING: Duration = Duration::from_millis(30);

/// A thread of which nothing was known is judged after so long.
const YOUTH: Duration = Duration::from_millis(200);

/// Blocks that together took so long tell how fast their thread is at least, however short each was.
const TELLING: Duration = Duration::from_millis(20);

/// What threads have reached on their last blocks, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Speeds(BTreeMap<u16, Past>);

/// What one thread has reached.
#[derive(Debug, Default)]
struct Past {
    /// Bytes/s.
    speed: u64,
    /// Whether the connection that has brought them is closed.
    is_lost: bool,
    /// Bytes of its last blocks that were too short to be measured, and the time that they took.
    short: (u64, Duration),
}

impl Speeds {
    /// Takes note of a block's end.
    pub(super) fn note(&mut self, number: u16, hand: &Hand, now: Instant) {
        let Some(speed) = hand.expected_speed() else {
            return;
        };
        let past = self.0.entry(number).or_default();
        (past.speed, past.is_lost) = (speed, false);
        if !hand.age().is_zero() {
            past.short = (0, Duration::ZERO);
            return;
        }
        let (bytes, time) = past.short;
        past.short = (
            bytes + hand.brought(),
            time + now.duration_since(hand.begun),
        );
        let (bytes, time) = past.short;
        if time >= TELLING {
            let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            past.speed = past.speed.max(bytes.saturating_mul(1000) / millis);
            past.short = (0, Duration::ZERO);
        }
    }

    /// Who of the idle threads is asked first: the one of which most is expected, because it gets the
    /// longest block and the connection that has done best.
    pub(super) fn best(&self, idle: impl Iterator<Item = u16>) -> Option<u16> {
        let usual = self.usual();
        idle.max_by_key(|number| (self.own(*number).or(usual), Reverse(*number)))
    }

    /// A thread's connection is closed: its next one may be anything.
    pub(super) fn lose(&mut self, number: u16) {
        if let Some(past) = self.0.get_mut(&number) {
            past.is_lost = true;
        }
    }

    /// What is to be expected of a thread: what it has reached over the connection that it still has,
    /// or what connections bring; `None` while no block has ended.
    pub(super) fn of(&self, number: u16) -> Option<u64> {
        self.own(number).or_else(|| self.usual())
    }

    fn own(&self, number: u16) -> Option<u64> {
        let past = self.0.get(&number).filter(|past| !past.is_lost);
        past.map(|past| past.speed)
    }

    /// What a connection of which nothing is known may bring: as much as the others where they are
    /// alike, and rather the less the more they differ. A file may wait for it.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a speed to expect; `as` saturates"
    )]
    pub(super) fn usual(&self) -> Option<u64> {
        let logs = self.0.values().map(|past| (past.speed.max(1) as f64).ln());
        let mean = logs.sum::<f64>() / self.0.len() as f64;
        Some(mean.exp().round() as u64).filter(|_| !self.0.is_empty())
    }
}

/// One thread's work on one block.
#[derive(Debug)]
pub(super) struct Hand {
    /// Bytes/s that it has reached on its last block.
    prior: Option<u64>,
    begun: Instant,
    /// From then until its first byte was due.
    setup: Duration,
    start: u64,
    pace: Pace,
    at: u64,
    heard_at: Instant,
}

impl Hand {
    /// A thread that begins now and whose first byte, `at`, is due after `setup`.
    pub(super) fn new(at: u64, prior: Option<u64>, now: Instant, setup: Duration) -> Hand {
        let from = now + setup;
        Hand {
            prior,
            begun: now,
            setup,
            start: at,
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

    /// Bytes of its block so far.
    pub(super) fn brought(&self) -> u64 {
        self.at - self.start
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
        let learning = match self.brought() {
            0 => FORGETTING,
            _ => self.setup.clamp(LEARNING, FORGETTING),
        };
        let remembered = (-age.as_secs_f64() / learning.as_secs_f64()).exp();
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
        let mut hand = Hand::new(0, Some(1_000_000), start, ms(0));
        assert_eq!(hand.expected(start).speed, Some(1_000_000));
        for tick in 1..=10 {
            hand.observe(tick * 100, start + ms(100 * tick));
        }
        let speed = hand.expected(start + ms(1000)).speed.expect("known");
        assert!((1000..2000).contains(&speed), "{speed}");
    }

    /// The first packets of a slow connection come at once.
    #[test]
    fn a_burst_does_not_keep_up_the_belief_in_a_fast_connection() {
        let start = Instant::now();
        let after = |setup| {
            let mut hand = Hand::new(0, Some(16 << 20), start, setup);
            let from = start + setup;
            (0..=5).for_each(|n| hand.observe(14 << 10, from + ms(n * 30)));
            hand.expected(from + ms(150)).speed.expect("known")
        };
        assert!(after(ms(1)) < 256 << 10, "{}", after(ms(1)));
        assert!(
            after(ms(100)) > 1 << 20,
            "far away the next ones take longer"
        );
    }

    #[test]
    fn nothing_is_said_of_a_thread_before_its_first_byte_is_due() {
        let start = Instant::now();
        let mut hand = Hand::new(0, None, start, ms(200));
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
        let mut hand = Hand::new(0, None, start, ms(200));
        hand.observe(1_000_000, start + ms(190));
        hand.observe(1_000_000, start + ms(400));
        assert_eq!(hand.expected(start + ms(400)).speed, Some(0));
    }

    #[test]
    fn who_waits_for_us_is_not_silent() {
        let start = Instant::now();
        let mut hand = Hand::new(0, None, start, ms(0));
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
        let of = |speed| Hand::new(0, Some(speed), start, ms(0));
        speeds.note(1, &of(100), start);
        speeds.note(2, &of(400), start);
        assert_eq!((speeds.of(2), speeds.of(3)), (Some(400), Some(200)));
        speeds.lose(2);
        assert_eq!(speeds.of(2), Some(200), "its next connection may be any");
    }

    /// Blocks for a thread that is thought to be slow are so short that none of them can be measured.
    #[test]
    fn short_blocks_together_tell_that_a_thread_is_fast() {
        let start = Instant::now();
        let mut speeds = Speeds::default();
        for _ in 0..10 {
            let mut hand = Hand::new(0, speeds.of(1).or(Some(1000)), start, ms(1));
            hand.observe(4000, start + ms(2));
            speeds.note(1, &hand, start + ms(2));
        }
        assert_eq!(speeds.of(1), Some(2_000_000));
        let mut slow = Hand::new(0, speeds.of(1), start, ms(1));
        (1..5).for_each(|n| slow.observe(n * 100, start + ms(n * 100)));
        speeds.note(1, &slow, start + ms(400));
        assert!(speeds.of(1) < Some(100_000), "{speeds:?}");
    }

    #[test]
    fn the_fastest_is_asked_first() {
        let start = Instant::now();
        let mut speeds = Speeds::default();
        assert_eq!(speeds.best(2..=4), Some(2));
        let of = |speed| Hand::new(0, Some(speed), start, ms(0));
        speeds.note(2, &of(100), start);
        speeds.note(3, &of(300), start);
        assert_eq!(speeds.best([2, 3].into_iter()), Some(3));
        assert_eq!(speeds.best([2, 4].into_iter()), Some(4), "as the others");
        assert_eq!(speeds.best(std::iter::empty()), None);
    }
}
