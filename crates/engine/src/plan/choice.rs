//! Which of several sources the next thread goes to. Numbers in, a number out.
//!
//! What a source gives is either limited for each connection or for all of them together, and nobody
//! says which. So one more thread is expected to bring its share of what the threads there bring now:
//! where the host is the limit the threads spread over the hosts, and where the connections are, they
//! go to the fastest. A thread that was there a moment ago is no further one: what the others bring was
//! measured beside it.

use std::cmp::Reverse;

/// A source that one more thread may be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// Threads that are there already.
    pub threads: u16,
    /// Threads that have nothing to do and were there last.
    pub left: u16,
    /// Bytes/s of one of them, or of the last one that was there; `None` while nothing is known.
    pub speed: Option<u64>,
    /// Whether it would get a connection at once.
    pub has_room: bool,
}

impl Offer {
    /// Bytes/s that one more thread may be expected to get there.
    fn expected(&self, speed: u64) -> u64 {
        if self.threads == 0 || self.left > 0 {
            return speed;
        }
        let threads = u64::from(self.threads);
        (speed / (threads + 1)).saturating_mul(threads)
    }
}

/// The source for the next of `limit` threads: one of which nothing is known before it has its share
/// of them, then the one that promises most; of equals the first. Where all connections are taken the
/// thread waits at the one that would be the best.
pub fn choose(offers: &[Offer], limit: u16) -> Option<usize> {
    let with_room = offers.iter().any(|offer| offer.has_room);
    let open = || {
        let open = move |(_, offer): &(usize, &Offer)| offer.has_room || !with_room;
        offers.iter().enumerate().filter(open)
    };
    let unknown = || open().filter(|(_, offer)| offer.speed.is_none());
    let newest = unknown().min_by_key(|(_, offer)| offer.threads);
    let share = usize::from(limit).div_ceil(offers.len().max(1));
    if let Some((index, offer)) = newest
        && usize::from(offer.threads) < share
    {
        return Some(index);
    }
    let promises = |(index, offer): (usize, &Offer)| Some((offer.expected(offer.speed?), index));
    let best = open()
        .filter_map(promises)
        .max_by_key(|(speed, index)| (*speed, Reverse(*index)));
    best.map(|(_, index)| index)
        .or(newest.map(|(index, _)| index))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(threads: u16, speed: Option<u64>) -> Offer {
        Offer {
            threads,
            left: 0,
            speed,
            has_room: true,
        }
    }

    /// Sends threads one after the other; `speed` tells what each of so many gets at a source. What is
    /// known of a source is what its threads got before the last one of them had ended its block.
    fn spread(sources: usize, limit: u16, speed: impl Fn(usize, u16) -> u64) -> Vec<u16> {
        let mut offers = vec![offer(0, None); sources];
        for round in 0..usize::from(limit) * 50 {
            for (n, offer) in offers.iter_mut().enumerate() {
                offer.left = 0;
                if offer.threads > 0 {
                    offer.speed = Some(speed(n, offer.threads));
                }
            }
            if round >= usize::from(limit) {
                let mut ends = (0..sources).map(|n| (round + n) % sources);
                let ends = ends.find(|n| offers[*n].threads > 0);
                let ends = &mut offers[ends.expect("some are at work")];
                (ends.threads, ends.left) = (ends.threads - 1, 1);
            }
            let index = choose(&offers, limit).expect("one of them");
            offers[index].threads += 1;
        }
        offers.iter().map(|offer| offer.threads).collect()
    }

    #[test]
    fn threads_spread_over_hosts_that_are_the_limit() {
        let alike = spread(2, 8, |_, threads| 1000 / u64::from(threads));
        assert_eq!(alike, [4, 4]);
        let three = spread(3, 9, |_, threads| 900 / u64::from(threads));
        assert_eq!(three, [3, 3, 3]);
        let unlike = spread(2, 8, |n, threads| [10_000, 1000][n] / u64::from(threads));
        assert!(
            unlike[0] >= 5 && unlike.iter().sum::<u16>() == 8,
            "{unlike:?}"
        );
    }

    #[test]
    fn threads_go_where_each_connection_is_fast() {
        let sent = spread(2, 8, |n, _| [1000, 50][n]);
        assert_eq!(sent, [8, 0]);
        let sent = spread(2, 8, |n, _| [50, 1000][n]);
        assert_eq!(sent, [0, 8]);
    }

    #[test]
    fn a_source_of_which_nothing_is_known_is_tried_up_to_its_share() {
        assert_eq!(choose(&[offer(1, Some(100)), offer(0, None)], 8), Some(1));
        assert_eq!(choose(&[offer(4, Some(100)), offer(4, None)], 8), Some(0));
        assert_eq!(choose(&[offer(4, None), offer(4, None)], 8), Some(0));
        assert_eq!(choose(&[offer(1, None)], 1), Some(0), "the only one");
        assert_eq!(choose(&[], 8), None);
    }

    #[test]
    fn nobody_waits_at_one_host_while_another_has_room() {
        let full = |offer: Offer| Offer {
            has_room: false,
            ..offer
        };
        let fast = offer(2, Some(1000));
        assert_eq!(choose(&[full(fast), offer(2, Some(10))], 8), Some(1));
        assert_eq!(choose(&[full(fast), full(offer(2, Some(10)))], 8), Some(0));
    }
}
