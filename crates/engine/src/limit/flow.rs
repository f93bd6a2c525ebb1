//! What a connection has shown it can bring, so that of the idle ones a proven one goes first. Pure:
//! knows bytes and times, no connections.

use std::time::Duration;

/// So short a time proves nothing: the first packets of a slow connection come at once too.
const DOUBT: Duration = Duration::from_millis(20);

/// Of more time at work than this the older part fades.
const MEMORY: Duration = Duration::from_secs(1);

/// What a connection has brought lately, and in what time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flow {
    bytes: u64,
    time: Duration,
}

impl Flow {
    /// Takes note of an answer of so many bytes.
    pub(crate) fn brought(&mut self, bytes: u64, time: Duration) {
        if self.time > MEMORY {
            self.bytes /= 2;
            self.time /= 2;
        }
        self.bytes += bytes;
        self.time += time;
    }

    /// Bytes/s that it has proven; the less there was to see, the fewer.
    pub(crate) fn speed(&self) -> u64 {
        let micros = (self.time + DOUBT).as_micros();
        let speed = u128::from(self.bytes) * 1_000_000 / micros;
        u64::try_from(speed).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn after(answers: &[(u64, u64)]) -> u64 {
        let mut flow = Flow::default();
        for (bytes, millis) in answers {
            flow.brought(*bytes, Duration::from_millis(*millis));
        }
        flow.speed()
    }

    #[test]
    fn a_burst_proves_less_than_a_steady_flow() {
        let steady = after(&[(4 * MIB, 1000)]);
        assert!((3 * MIB..4 * MIB).contains(&steady), "{steady}");
        assert!(after(&[(14 << 10, 0)]) < steady);
        assert!(after(&[(14 << 10, 0), (10 << 10, 500)]) < 50 << 10);
        assert_eq!(after(&[]), 0);
    }

    #[test]
    fn what_was_long_ago_fades() {
        let slow_now = after(&[(16 * MIB, 2000), (MIB, 1000), (MIB, 1000), (MIB, 1000)]);
        assert!(slow_now < 2 * MIB, "{slow_now}");
    }
}
