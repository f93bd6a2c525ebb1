//! How many bytes a block gets, and which block an idle thread relieves. Numbers in, numbers out.
//!
//! Blocks are as large as allowed while much is left, so that requests are few, and shrink towards
//! the end, so that all threads finish together. When nothing is free any more, an idle thread takes
//! over the back of the block that would finish last.

use std::time::Duration;

/// Below this a block is not worth a request of its own, unless its thread is very slow.
pub const MIN_BLOCK: u64 = 1 << 20;

/// Below this many bytes per part a block is not cut in two.
pub const MIN_CUT: u64 = 64 << 10;

/// A block that will end this soon is left to its thread: a new connection costs more.
pub const WORTH_RELIEF: Duration = Duration::from_millis(400);

/// How many bytes the next block gets.
///
/// `free` bytes are not given to any thread yet, `threads` share them, `cap` is `block_size`, and
/// `speed` (bytes/s, 0 if unknown) is what one thread achieves: a block should last it about a
/// second, so that the round trip in front of it does not count.
pub fn block_len(free: u64, threads: u16, cap: u64, speed: u64) -> u64 {
    let share = free.div_ceil(u64::from(threads.max(1)));
    let floor = if speed == 0 {
        MIN_BLOCK
    } else {
        speed.clamp(MIN_CUT, 4 * MIN_BLOCK)
    };
    share.max(floor).min(cap).min(free)
}

/// A block at work, as relief sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtWork {
    /// The first byte that is not written.
    pub at: u64,
    /// One past the last byte of the block.
    pub end: u64,
    /// Bytes/s; `None` while it is too young to tell.
    pub speed: Option<u64>,
    /// Whether a second thread fetches the same bytes already.
    pub hedged: bool,
}

impl AtWork {
    fn left(&self) -> u64 {
        self.end.saturating_sub(self.at)
    }
}

/// Time that so many bytes take.
fn time_for(bytes: u64, speed: u64) -> Duration {
    match bytes {
        0 => Duration::ZERO,
        _ => Duration::try_from_secs_f64(as_f64(bytes) / as_f64(speed)).unwrap_or(Duration::MAX),
    }
}

/// How an idle thread helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relief {
    /// Take over the block at `index` from byte `cut` on.
    Cut {
        /// Which of the blocks.
        index: usize,
        /// The first byte of the new block, the new end of the old.
        cut: u64,
    },
    /// Fetch the rest of the block at `index` too: whoever is first wins.
    Hedge {
        /// Which of the blocks.
        index: usize,
    },
}

/// Chooses the block that would finish last, and how to relieve it.
///
/// `helper` is the speed in bytes/s that the idle thread is expected to reach, after `setup`.
pub fn relief(blocks: &[AtWork], helper: u64, setup: Duration) -> Option<Relief> {
    let candidate = |(index, block): (usize, &AtWork)| {
        let speed = block.speed.filter(|_| !block.hedged)?;
        Some((time_for(block.left(), speed), index, speed))
    };
    let (time_left, index, speed) = blocks.iter().enumerate().filter_map(candidate).max()?;
    if time_left < WORTH_RELIEF.max(2 * setup) {
        return None;
    }
    let last = &blocks[index];
    // Too little to cut, yet it takes long: its connection is stuck or crawls.
    if last.left() < 2 * MIN_CUT {
        return Some(Relief::Hedge { index });
    }
    // Both parts should end together, so each thread gets what it can fetch in the same time.
    let helper = helper.max(speed).max(1);
    let keep = as_f64(last.left()) * (as_f64(speed) / (as_f64(speed) + as_f64(helper)));
    let keep = as_u64(keep).clamp(MIN_CUT, last.left() - MIN_CUT);
    Some(Relief::Cut {
        index,
        cut: last.at + keep,
    })
}

/// A thread is not replaced before it has had this long to show what it can do.
pub const FAIR_TRIAL: Duration = Duration::from_secs(5);

/// Slower than this (bytes/s) is as good as stalled, whatever the others do. Where nothing comes at all
/// the read timeout decides, which counts: a server that stalls for ever must be given up one day.
const TRICKLE: u64 = 64;

/// A thread so many times slower than most others is better off with a new connection.
const HOPELESS: u64 = 20;

/// The blocks whose threads are so slow that a new connection in their place can only be better.
/// Those that end soon anyway are left alone.
pub fn hopeless(blocks: &[AtWork]) -> Vec<usize> {
    let mut speeds: Vec<u64> = blocks.iter().filter_map(|block| block.speed).collect();
    speeds.sort_unstable();
    let usual = speeds.get(speeds.len() / 2).copied().unwrap_or(0);
    let is_hopeless = |block: &AtWork| {
        block.speed.is_some_and(|speed| {
            let ends_soon = time_for(block.left(), speed) < FAIR_TRIAL;
            let trickles = (1..TRICKLE).contains(&speed);
            !ends_soon && (trickles || speed.saturating_mul(HOPELESS) < usual)
        })
    };
    let numbered = blocks.iter().enumerate();
    numbered
        .filter(|(_, block)| is_hopeless(block))
        .map(|(index, _)| index)
        .collect()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share or a duration, not an offset: 53 bits are plenty"
)]
fn as_f64(bytes: u64) -> f64 {
    bytes as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a u64 that the caller clamps; `as` saturates"
)]
fn as_u64(bytes: f64) -> u64 {
    bytes as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;

    fn at_work(at: u64, end: u64, speed: u64) -> AtWork {
        AtWork {
            at,
            end,
            speed: Some(speed),
            hedged: false,
        }
    }

    #[test]
    fn blocks_are_full_size_while_much_is_left() {
        assert_eq!(block_len(2048 * MIB, 8, 16 * MIB, 0), 16 * MIB);
    }

    #[test]
    fn blocks_shrink_towards_the_end() {
        assert_eq!(block_len(64 * MIB, 8, 16 * MIB, 0), 8 * MIB);
        assert_eq!(block_len(3 * MIB, 8, 16 * MIB, 0), MIB);
        assert_eq!(block_len(1000, 8, 16 * MIB, 0), 1000);
    }

    #[test]
    fn a_slow_thread_gets_less() {
        assert_eq!(block_len(3 * MIB, 64, 16 * MIB, 100 << 10), 100 << 10);
    }

    #[test]
    fn the_block_that_would_end_last_is_cut_in_proportion_to_speed() {
        let blocks = [
            at_work(0, 10 * MIB, 10 * MIB),
            at_work(20 * MIB, 30 * MIB, MIB),
        ];
        let Some(Relief::Cut { index: 1, cut }) = relief(&blocks, 9 * MIB, Duration::ZERO) else {
            panic!("no cut")
        };
        assert_eq!(cut, 21 * MIB);
    }

    #[test]
    fn a_block_that_is_nearly_done_is_left_alone() {
        assert_eq!(
            relief(&[at_work(0, 10 * MIB, 100 * MIB)], MIB, Duration::ZERO),
            None
        );
        assert_eq!(relief(&[], MIB, Duration::ZERO), None);
    }

    #[test]
    fn a_stuck_remainder_is_fetched_twice_but_not_three_times() {
        let stuck = at_work(0, 1000, 0);
        assert_eq!(
            relief(&[stuck], MIB, Duration::ZERO),
            Some(Relief::Hedge { index: 0 })
        );
        assert_eq!(
            relief(
                &[AtWork {
                    hedged: true,
                    ..stuck
                }],
                MIB,
                Duration::ZERO
            ),
            None
        );
    }

    #[test]
    fn a_block_too_young_to_judge_is_left_alone() {
        let young = AtWork {
            speed: None,
            ..at_work(0, 10 * MIB, 0)
        };
        assert_eq!(relief(&[young], MIB, Duration::ZERO), None);
    }

    #[test]
    fn who_crawls_beside_others_or_trickles_is_hopeless() {
        let fast = at_work(0, 100 * MIB, MIB);
        let half = at_work(0, 100 * MIB, MIB / 2);
        let crawls = at_work(0, 100 * MIB, 20 << 10);
        assert_eq!(hopeless(&[fast, crawls, fast, half]), [1]);
        assert!(hopeless(&[crawls, crawls]).is_empty(), "all are as slow");
        assert!(hopeless(&[crawls]).is_empty());
        let trickles = at_work(0, 1000, 1);
        assert_eq!(hopeless(&[trickles, trickles]), [0, 1]);
        let silent = at_work(0, 1000, 0);
        assert_eq!(hopeless(&[fast, silent, fast]), [1]);
        assert!(
            hopeless(&[silent, silent]).is_empty(),
            "the read timeout decides"
        );
        let nearly_done = at_work(0, 4, 1);
        assert!(hopeless(&[nearly_done, fast]).is_empty());
        let young = AtWork {
            speed: None,
            ..trickles
        };
        assert!(hopeless(&[young, fast]).is_empty());
    }

    proptest! {
        #[test]
        fn a_block_never_exceeds_its_cap_nor_what_is_free(
            free in 1u64..1 << 45, threads in 0u16..300, cap in 16u64 << 10..16 << 30, speed in 0u64..1 << 40
        ) {
            let len = block_len(free, threads, cap, speed);
            prop_assert!(len > 0 && len <= cap && len <= free);
        }

        #[test]
        fn a_cut_lies_inside_the_block(
            at in 0u64..1 << 40, left in 1u64..1 << 40, speed in 0u64..1 << 34, helper in 0u64..1 << 34
        ) {
            if let Some(Relief::Cut { cut, .. }) = relief(&[at_work(at, at + left, speed)], helper, Duration::ZERO) {
                prop_assert!(cut >= at + MIN_CUT && cut <= at + left - MIN_CUT);
            }
        }
    }
}
