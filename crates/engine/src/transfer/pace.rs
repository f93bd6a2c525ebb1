//! How fast something grows: a moving average of bytes/s. Knows nothing of what grows.

use std::time::Duration;

use tokio::time::Instant;

/// Half of the weight lies in about the last second and a half.
const MEMORY: Duration = Duration::from_secs(2);

/// A moving average of a growing count.
#[derive(Debug)]
pub(crate) struct Pace {
    started: Instant,
    seen_at: Instant,
    seen: u64,
    speed: f64,
}

impl Pace {
    pub(crate) fn new(count: u64, now: Instant) -> Pace {
        Pace {
            started: now,
            seen_at: now,
            seen: count,
            speed: 0.0,
        }
    }

    /// Takes note of the count now.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a speed for people and for shares"
    )]
    pub(crate) fn observe(&mut self, count: u64, now: Instant) {
        let passed = now.duration_since(self.seen_at);
        if passed < Duration::from_millis(20) {
            return;
        }
        let speed = count.saturating_sub(self.seen) as f64 / passed.as_secs_f64();
        // While there is less history than memory, the plain mean is the best guess.
        let history = now.duration_since(self.started).min(MEMORY);
        let weight = (passed.as_secs_f64() / history.as_secs_f64()).min(1.0);
        self.speed += (speed - self.speed) * weight;
        self.seen = count;
        self.seen_at = now;
    }

    /// How long it has been growing.
    pub(crate) fn age(&self) -> Duration {
        self.seen_at.duration_since(self.started)
    }

    /// Bytes/s.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "never negative; `as` saturates"
    )]
    pub(crate) fn speed(&self) -> u64 {
        self.speed.round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_flow_is_seen_at_once_and_a_stop_is_felt_soon() {
        let start = Instant::now();
        let mut pace = Pace::new(1000, start);
        for tick in 1..=10u64 {
            pace.observe(1000 + tick * 200, start + Duration::from_millis(200 * tick));
            assert_eq!(pace.speed(), 1000);
        }
        for tick in 11..=40u64 {
            pace.observe(3000, start + Duration::from_millis(200 * tick));
        }
        assert!(pace.speed() < 60, "{}", pace.speed());
    }
}
