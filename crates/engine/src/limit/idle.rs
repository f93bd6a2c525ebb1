//! The open connections to one host that wait for their next request: which of them is next, and
//! which has waited longest. Knows nothing of permits.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::permits::Parked;

/// Idle connections, the oldest first.
#[derive(Default)]
pub(crate) struct Idle(VecDeque<Waits>);

struct Waits {
    since: Instant,
    /// Bytes/s that it has proven.
    speed: u64,
    connection: Parked,
}

impl Idle {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Keeps a connection that has proven so many bytes/s.
    pub(crate) fn push(&mut self, connection: Parked, speed: u64, since: Instant) {
        self.0.push_back(Waits {
            since,
            speed,
            connection,
        });
    }

    /// Since when the oldest waits.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.0.front().map(|oldest| oldest.since)
    }

    pub(crate) fn pop_oldest(&mut self) -> Option<Parked> {
        self.0.pop_front().map(|oldest| oldest.connection)
    }

    /// The newest, because it has the best chance to be open still; but none that another one outdoes
    /// by far, because a whole download may wait for what goes over it.
    pub(crate) fn pop_best(&mut self) -> Option<Parked> {
        let fastest = self.0.iter().map(|waits| waits.speed).max()?;
        let is_good = |waits: &Waits| waits.speed >= fastest / 2;
        let best = self.0.iter().rposition(is_good)?;
        self.0.remove(best).map(|best| best.connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_next_unless_it_crawls() {
        let mut idle = Idle::default();
        for (name, speed) in [("a", 900), ("b", 1000), ("crawls", 5), ("c", 800)] {
            idle.push(Box::new(name), speed, Instant::now());
        }
        let mut next = || idle.pop_best()?.downcast::<&str>().ok().map(|name| *name);
        let order: Vec<&str> = std::iter::from_fn(&mut next).collect();
        assert_eq!(order, ["c", "b", "a", "crawls"]);
    }
}
