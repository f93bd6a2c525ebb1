//! Who gives connections back: whoever has the most, when a cap is lowered, and when another one waits who
//! has none. Knows what is counted in `queue`, and changes nothing there: a connection comes back when
//! its owner has closed it.

use std::collections::{HashMap, HashSet};

use super::{Host, Lane, Owner, Queue};

impl Queue {
    /// Connections to `host` that `owner` has to give back: those above a cap of ours that was lowered, and
    /// one for each download that waits for its first while `owner` has the most. What the host itself
    /// accepts no longer is not counted: those that work go on.
    pub(in crate::limit) fn surplus_to(&self, host: &Host, owner: Owner) -> usize {
        let Some(lane) = self.lanes.get(host) else {
            return 0;
        };
        let is_full = lane.at_work() >= lane.cap(self.most_per_host);
        let without = lane.without().len();
        let above = Above {
            cap: lane.at_work().saturating_sub(self.most_per_host),
            shared: if is_full { without } else { 0 },
        };
        above.given_by(owner, || lane.busy.clone())
    }

    /// The same of connections to all hosts.
    pub(in crate::limit) fn surplus(&self, owner: Owner) -> usize {
        let at_work = self.open - self.idle;
        if at_work < self.most {
            return 0;
        }
        let lanes = || self.lanes.values();
        let without = lanes()
            .flat_map(Lane::without)
            .filter(|owner| lanes().all(|lane| !lane.busy.contains_key(owner)))
            .collect::<HashSet<Owner>>();
        let above = Above {
            cap: at_work - self.most,
            shared: without.len(),
        };
        above.given_by(owner, || {
            let mut busy = HashMap::new();
            for (owner, count) in lanes().flat_map(|lane| &lane.busy) {
                *busy.entry(*owner).or_default() += count;
            }
            busy
        })
    }
}

impl Lane {
    /// Who waits here and has no connection.
    fn without(&self) -> HashSet<Owner> {
        let waits = self
            .waiting
            .iter()
            .filter(|waiter| !waiter.turn.is_closed());
        let owners = waits.map(|waiter| waiter.owner);
        owners
            .filter(|owner| !self.busy.contains_key(owner))
            .collect()
    }
}

/// How many connections are given back by all together.
struct Above {
    /// Until a cap holds, by whoever has the most.
    cap: usize,
    /// For those who have none, by whoever has more than one.
    shared: usize,
}

impl Above {
    /// How many of them `owner` gives: each time whoever has the most gives one.
    fn given_by(&self, owner: Owner, busy: impl Fn() -> HashMap<Owner, usize>) -> usize {
        if self.cap + self.shared == 0 {
            return 0;
        }
        let mut busy = busy();
        let mut own = 0;
        for nth in 0..self.cap + self.shared {
            let richest = busy
                .iter_mut()
                .max_by_key(|(owner, count)| (**count, **owner));
            let Some((richest, count)) = richest else {
                break;
            };
            if *count <= usize::from(nth >= self.cap) {
                break;
            }
            *count -= 1;
            own += usize::from(*richest == owner);
        }
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Id;

    #[test]
    fn whoever_has_the_most_gives_first_and_nobody_below_the_cap() {
        let [a, b, c] = [1, 2, 3].map(|id| Owner::Download(Id(id)));
        let busy = HashMap::from([(a, 9), (b, 4), (c, 1)]);
        let given = |cap, shared| {
            let above = Above { cap, shared };
            [a, b, c].map(|owner| above.given_by(owner, || busy.clone()))
        };
        assert_eq!(given(0, 0), [0, 0, 0]);
        assert_eq!(given(5, 0), [5, 0, 0]);
        assert_eq!(given(9, 0), [7, 2, 0]);
        // One of three has to go without: always the same one, whoever asks.
        assert_eq!(given(12, 0).iter().sum::<usize>(), 12);
        assert_eq!(given(99, 0), [9, 4, 1]);
        // Nobody gives the last one for others.
        assert_eq!(given(0, 2), [2, 0, 0]);
        assert_eq!(given(0, 99), [8, 3, 0]);
        assert_eq!(given(5, 2), [6, 1, 0]);
        let above = Above { cap: 12, shared: 9 };
        assert_eq!(above.given_by(Owner::Nobody, || busy.clone()), 0);
    }
}
