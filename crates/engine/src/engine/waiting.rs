//! Downloads that wait for their next try outside of the queue, so that they keep no place from
//! others. Pure.

use std::collections::{BTreeSet, HashMap};

use tokio::time::Instant;

use crate::download::Wait;
use crate::spec::Id;

/// Downloads between two tries.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    waits: HashMap<Id, Wait>,
    due: BTreeSet<(Instant, Id)>,
}

impl Waiting {
    pub(crate) fn insert(&mut self, id: Id, wait: Wait) {
        self.due.insert((wait.until, id));
        self.waits.insert(id, wait);
    }

    /// Forgets what a download waits for, and returns it.
    pub(crate) fn remove(&mut self, id: Id) -> Option<Wait> {
        let wait = self.waits.remove(&id)?;
        self.due.remove(&(wait.until, id));
        Some(wait)
    }

    /// What a download waits for, until its time has come.
    pub(crate) fn wait_of(&self, id: Id) -> Option<&Wait> {
        let wait = self.waits.get(&id)?;
        self.due.contains(&(wait.until, id)).then_some(wait)
    }

    /// Those whose time has come. What they have waited for is remembered until they are removed.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Id> {
        let mut due = Vec::new();
        while let Some(&(at, id)) = self.due.first()
            && at <= now
        {
            self.due.pop_first();
            due.push(id);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Reason;
    use std::time::Duration;

    #[test]
    fn each_is_due_once_and_its_failures_stay_until_it_is_removed() {
        let now = Instant::now();
        let wait = |seconds, failures| Wait {
            until: now + Duration::from_secs(seconds),
            failures,
            reason: Reason::from(""),
            unfit: None,
        };
        let mut waiting = Waiting::default();
        waiting.insert(Id(1), wait(3, 1));
        waiting.insert(Id(2), wait(1, 2));
        waiting.insert(Id(3), wait(2, 3));
        assert_eq!(waiting.wait_of(Id(2)).map(|wait| wait.failures), Some(2));
        let failures = |wait: Option<Wait>| wait.map(|wait| wait.failures);
        assert_eq!(failures(waiting.remove(Id(3))), Some(3));
        assert_eq!(waiting.due(now), []);
        let later = now + Duration::from_secs(5);
        assert_eq!(waiting.due(later), [Id(2), Id(1)]);
        assert_eq!(waiting.due(later), []);
        assert_eq!(waiting.wait_of(Id(2)), None);
        assert_eq!(failures(waiting.remove(Id(2))), Some(2));
        assert_eq!(waiting.remove(Id(2)), None);
    }
}
