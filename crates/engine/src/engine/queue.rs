//! The order of admission: higher priority first, then lower rank. Pure.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::spec::Id;
use crate::store::Record;

/// Ranks are this far apart, so that one can be put between two others without moving them.
const STEP: i64 = 1 << 20;

/// A download's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) priority: i32,
    pub(crate) rank: i64,
}

impl Place {
    /// That of a record.
    pub(crate) fn of(record: &Record) -> Place {
        Place {
            priority: record.spec.priority,
            rank: record.rank,
        }
    }
}

/// The queued downloads in the order in which they will start.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    order: BTreeSet<(Reverse<i32>, i64, Id)>,
}

/// Where a download must go to stand at a wanted position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Between {
    /// This place is free.
    Free(Place),
    /// No number is left between its neighbours: all ranks must be spread anew.
    Full,
}

impl Queue {
    /// The rank behind `last`.
    pub(crate) fn rank_after(last: i64) -> i64 {
        last.saturating_add(STEP)
    }

    pub(crate) fn insert(&mut self, id: Id, place: Place) {
        self.order.insert((Reverse(place.priority), place.rank, id));
    }

    /// Whether it was there.
    pub(crate) fn remove(&mut self, id: Id, place: Place) -> bool {
        self.order
            .remove(&(Reverse(place.priority), place.rank, id))
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// The next one to start.
    pub(crate) fn first(&self) -> Option<Id> {
        self.order.first().map(|(_, _, id)| *id)
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Id> + '_ {
        self.order.iter().map(|(_, _, id)| *id)
    }

    /// The place that puts a download, which is not in the queue, at `position`. It takes the priority
    /// of the one that it goes in front of, so that it really stands there.
    pub(crate) fn place_at(&self, position: usize, own: i32) -> Between {
        let place =
            |&(Reverse(priority), rank, _): &(Reverse<i32>, i64, Id)| Place { priority, rank };
        let behind = self.order.iter().nth(position).map(place);
        let front = position
            .checked_sub(1)
            .and_then(|at| self.order.iter().nth(at))
            .map(place);
        match (front.or_else(|| self.last_if_past(position)), behind) {
            (None, None) => Between::Free(Place {
                priority: own,
                rank: 0,
            }),
            (Some(front), None) => Between::Free(Place {
                priority: front.priority,
                rank: Queue::rank_after(front.rank),
            }),
            (None, Some(behind)) => Between::Free(Place {
                priority: behind.priority,
                rank: behind.rank.saturating_sub(STEP),
            }),
            (Some(front), Some(behind)) if front.priority != behind.priority => {
                Between::Free(Place {
                    priority: front.priority,
                    rank: Queue::rank_after(front.rank),
                })
            }
            (Some(front), Some(behind)) if behind.rank - front.rank > 1 => {
                let rank = front.rank + (behind.rank - front.rank) / 2;
                Between::Free(Place {
                    priority: behind.priority,
                    rank,
                })
            }
            _ => Between::Full,
        }
    }

    fn last_if_past(&self, position: usize) -> Option<Place> {
        let last = self.order.last().filter(|_| position >= self.order.len());
        last.map(|&(Reverse(priority), rank, _)| Place { priority, rank })
    }

    /// New ranks, evenly apart, for all in their present order.
    pub(crate) fn spread(&self) -> Vec<(Id, i64)> {
        self.iter()
            .zip((1..).map(|n: i64| n.saturating_mul(STEP)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(places: &[(i32, i64)]) -> Queue {
        let mut queue = Queue::default();
        for (id, (priority, rank)) in (1..).zip(places) {
            queue.insert(
                Id(id),
                Place {
                    priority: *priority,
                    rank: *rank,
                },
            );
        }
        queue
    }

    fn order(queue: &Queue) -> Vec<u64> {
        queue.iter().map(|id| id.0).collect()
    }

    #[test]
    fn priority_goes_before_rank() {
        assert_eq!(
            order(&queue(&[(0, 10), (5, 30), (0, 5), (5, 20)])),
            [4, 2, 3, 1]
        );
    }

    #[test]
    fn a_moved_download_stands_where_it_was_put() {
        for position in 0..6 {
            let mut queue = queue(&[(5, 10), (5, 30), (0, 5), (0, 20)]);
            let Between::Free(place) = queue.place_at(position, 0) else {
                panic!("full")
            };
            queue.insert(Id(9), place);
            assert_eq!(order(&queue)[position.min(4)], 9, "{position}");
        }
    }

    #[test]
    fn when_no_number_is_left_ranks_are_spread() {
        let queue = queue(&[(0, 1), (0, 2)]);
        assert_eq!(queue.place_at(1, 0), Between::Full);
        assert_eq!(queue.spread(), [(Id(1), STEP), (Id(2), 2 * STEP)]);
    }
}
