//! Who gives connections back when a cap is lowered. Knows what is counted in `queue`, and changes nothing
//! there: a connection comes back when its owner has closed it.

use std::collections::HashMap;

use super::{Host, Owner, Queue};

impl Queue {
    /// Connections to `host` that `owner` has to give back, above a cap of ours that was lowered. What the
    /// host itself accepts no longer is not counted: those that work go on.
    pub(in crate::limit) fn surplus_to(&self, host: &Host, owner: Owner) -> usize {
        let lane = self.lanes.get(host);
        let lane = lane.filter(|lane| lane.at_work() > self.most_per_host);
        lane.map_or(0, |lane| {
            surplus(lane.busy.clone(), self.most_per_host, owner)
        })
    }

    /// The same of connections to all hosts.
    pub(in crate::limit) fn surplus(&self, owner: Owner) -> usize {
        if self.open - self.idle <= self.most {
            return 0;
        }
        let mut busy = HashMap::new();
        for (owner, count) in self.lanes.values().flat_map(|lane| &lane.busy) {
            *busy.entry(*owner).or_default() += count;
        }
        surplus(busy, self.most, owner)
    }
}

/// How many of its `busy` connections `owner` gives back until `most` are left of all: each time whoever
/// has the most gives one.
fn surplus(mut busy: HashMap<Owner, usize>, most: usize, owner: Owner) -> usize {
    let above = busy.values().sum::<usize>().saturating_sub(most);
    let mut own = 0;
    for _ in 0..above {
        let richest = busy
            .iter_mut()
            .max_by_key(|(owner, count)| (**count, **owner));
        if let Some((richest, count)) = richest {
            *count -= 1;
            own += usize::from(*richest == owner);
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Id;

    #[test]
    fn whoever_has_the_most_gives_first_and_nobody_below_the_cap() {
        let [a, b, c] = [1, 2, 3].map(|id| Owner::Download(Id(id)));
        let busy = HashMap::from([(a, 9), (b, 4), (c, 1)]);
        let given = |most| [a, b, c].map(|owner| surplus(busy.clone(), most, owner));
        assert_eq!(given(20), [0, 0, 0]);
        assert_eq!(given(9), [5, 0, 0]);
        assert_eq!(given(5), [7, 2, 0]);
        // One of three has to go without: always the same one, whoever asks.
        let sums: usize = given(2).iter().sum();
        assert_eq!(sums, 12);
        assert_eq!(surplus(busy, 2, Owner::Nobody), 0);
    }
}
