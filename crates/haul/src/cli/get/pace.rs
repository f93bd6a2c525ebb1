//! How fast bytes come in, all downloads together: by what there was a few seconds ago. Sums of single
//! speeds would miss small files, which end before they have one.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How far back it looks, unless nobody has looked for longer.
const SPAN: Duration = Duration::from_secs(3);

/// What there was, and when.
#[derive(Debug, Default)]
pub(super) struct Pace {
    looks: VecDeque<(Instant, u64)>,
}

impl Pace {
    /// Bytes per second, when there are `bytes` now.
    pub(super) fn speed(&mut self, now: Instant, bytes: u64) -> u64 {
        self.looks.push_back((now, bytes));
        // The first one left is at least a span old, or as old as there are.
        let is_old = |at: &(Instant, u64)| now.duration_since(at.0) >= SPAN;
        while self.looks.len() > 2 && self.looks.get(1).is_some_and(is_old) {
            self.looks.pop_front();
        }
        let Some((since, before)) = self.looks.front().copied() else {
            return 0;
        };
        let milliseconds = now.duration_since(since).as_millis();
        // A download that had to begin again has taken its bytes with it.
        let came = u128::from(bytes.saturating_sub(before));
        u64::try_from(came * 1000 / milliseconds.max(1)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_is_that_of_the_last_seconds_however_often_one_looks() {
        let begun = Instant::now();
        let at = |tenths: u32| begun + Duration::from_millis(100) * tenths;
        let mut pace = Pace::default();
        assert_eq!(
            pace.speed(begun, 5_000),
            0,
            "what was there before has not come now"
        );
        assert_eq!(pace.speed(at(10), 6_000), 1_000);
        for tenth in 11..=60 {
            pace.speed(at(tenth), 6_000 + u64::from(tenth - 10) * 1_000);
        }
        assert_eq!(
            pace.speed(at(61), 57_000),
            10_000,
            "the first second is forgotten"
        );
        assert!(
            pace.looks.len() <= 40,
            "{} looks are kept",
            pace.looks.len()
        );
        assert_eq!(
            pace.speed(at(161), 57_000 + 65_000),
            6_500,
            "after a long time, over that"
        );
        assert_eq!(pace.speed(at(162), 0), 0, "it began again");
    }
}
