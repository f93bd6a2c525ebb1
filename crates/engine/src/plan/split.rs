//! Who fetches how many bytes so that all threads end together. Numbers in, numbers out.
//!
//! One question decides everything: when would the last byte come if from now on everybody did what
//! they can? A thread without a block gets what it can fetch until then, and a block that would end
//! later keeps what its thread can fetch until then.

use std::time::Duration;

/// The least block for a thread of which nothing is known, and the most that is given to a thread only
/// because a request should be worth its round trip.
pub const MIN_BLOCK: u64 = 1 << 20;

/// No part of a block that is cut is shorter than this.
pub const MIN_CUT: u64 = 16 << 10;

/// What saves less time than this is not worth another request.
const WORTH_IT: Duration = Duration::from_millis(100);

/// The same where next to nothing is fetched twice for it.
const WORTH_A_CRUMB: Duration = Duration::from_millis(30);

/// So many threads at most fetch the same bytes.
const MOST_FETCHERS: usize = 3;

/// A block at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtWork {
    /// Bytes that are not written.
    pub left: u64,
    /// Bytes/s that are expected of its thread; `None` while nothing is known of it.
    pub speed: Option<u64>,
    /// Until its first byte is expected.
    pub due: Duration,
    /// For how long nothing has come.
    pub silent: Duration,
    /// Blocks of the same number are about the same bytes.
    pub about: u64,
}

/// The threads that have no block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idle {
    /// How many they are, the one that asks included.
    pub threads: u16,
    /// Bytes/s that are expected of the one that asks; `None` while nothing is known of it.
    pub speed: Option<u64>,
    /// From a request to its first byte.
    pub setup: Duration,
    /// Most bytes of a block.
    pub cap: u64,
}

/// How an idle thread helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relief {
    /// Leave the first `keep` bytes of the rest of the block at `index` to its thread.
    Cut {
        /// Which of the blocks.
        index: usize,
        /// How many bytes it keeps.
        keep: u64,
    },
    /// Fetch the rest of the block at `index` too: whoever is first wins.
    Hedge {
        /// Which of the blocks.
        index: usize,
    },
}

/// Everybody who could fetch bytes, with a speed for each.
struct Crew<'a> {
    blocks: &'a [AtWork],
    idle: Idle,
    /// Bytes/s of a thread of which nothing is known: those of the others, if anything is known.
    usual: Option<f64>,
}

impl<'a> Crew<'a> {
    fn new(blocks: &'a [AtWork], idle: Idle) -> Crew<'a> {
        let known = || blocks.iter().filter_map(|block| block.speed);
        let mean = as_f64(known().sum()) / as_f64(known().count() as u64);
        Crew {
            blocks,
            idle,
            usual: Some(mean).filter(|mean| mean.is_finite()),
        }
    }

    /// Bytes/s of the thread that asks. Where nobody gets anything it is still worth a try.
    fn helper(&self) -> Option<f64> {
        let speed = self.idle.speed.map(as_f64).or(self.usual)?;
        Some(speed.max(1.0))
    }

    /// Seconds until the block would end if it were left alone. One that is silent is expected to be so
    /// for as long again, apart from the time that any answer takes.
    fn alone(&self, block: &AtWork) -> f64 {
        let speed = block.speed.map(as_f64).or(self.usual).unwrap_or(0.0);
        let silent = block.silent.saturating_sub(2 * self.idle.setup);
        let busy = block.due.as_secs_f64() + seconds_for(block.left, speed);
        busy.max(silent.as_secs_f64())
    }

    /// Seconds until the last byte, `free` ones included, if nobody were idle before it; threads
    /// without a block fetch `helper` bytes/s each.
    fn together(&self, free: u64, helper: f64) -> f64 {
        let at_work = |block: &AtWork| match self.alone(block) {
            alone if alone > 0.0 => as_f64(block.left) / alone,
            _ => 0.0,
        };
        let idle = f64::from(self.idle.threads.max(1)) * helper;
        let speed = idle + self.blocks.iter().map(at_work).sum::<f64>();
        let left: u64 = self.blocks.iter().map(|block| block.left).sum();
        // What idle threads cannot do before their first byte, everybody has to make up for.
        let lost = idle * self.idle.setup.as_secs_f64();
        (as_f64(left.saturating_add(free)) + lost) / speed
    }
}

/// How many bytes the next block gets, of `free` ones that no thread has.
pub fn block_len(free: u64, blocks: &[AtWork], idle: &Idle) -> u64 {
    let crew = Crew::new(blocks, *idle);
    let len = match crew.helper() {
        Some(helper) => {
            let setup = idle.setup.as_secs_f64();
            let share = as_u64(helper * (crew.together(free, helper) - setup));
            let worth = as_u64(helper * setup.max(WORTH_IT.as_secs_f64()));
            share.max(worth.clamp(MIN_CUT, MIN_BLOCK))
        }
        None => {
            let left: u64 = blocks.iter().map(|block| block.left).sum();
            let threads = blocks.len() as u64 + u64::from(idle.threads.max(1));
            free.saturating_add(left).div_ceil(threads).max(MIN_BLOCK)
        }
    };
    // What is too little for a block of its own goes with this one.
    let len = if free.saturating_sub(len) < MIN_CUT {
        free
    } else {
        len
    };
    len.min(idle.cap).min(free)
}

/// Which block an idle thread relieves when no byte is free, and how: the one that would end last, if
/// its end comes sooner that way.
pub fn relief(blocks: &[AtWork], idle: &Idle) -> Option<Relief> {
    let crew = Crew::new(blocks, *idle);
    let helper = crew.helper()?;
    let same = |about: u64| blocks.iter().filter(move |block| block.about == about);
    // Of those that fetch the same bytes the first one counts.
    let end = |block: &AtWork| {
        let ends = same(block.about).map(|one| crew.alone(one));
        ends.fold(f64::INFINITY, f64::min)
    };
    let (index, last, end) = (blocks.iter().enumerate())
        .filter(|(_, block)| block.left > 0 && same(block.about).count() < MOST_FETCHERS)
        .map(|(index, block)| (index, block, end(block)))
        .max_by(|a, b| a.2.total_cmp(&b.2))?;
    let setup = idle.setup.as_secs_f64();
    let worth = |least: Duration| least.as_secs_f64().max(setup / 2.0);
    let helped = |bytes: u64| setup + seconds_for(bytes, helper);
    // Too little to cut, or in two hands already.
    if last.left < 2 * MIN_CUT || same(last.about).count() > 1 {
        let is_late = end > helped(last.left) + worth(WORTH_A_CRUMB);
        return is_late.then_some(Relief::Hedge { index });
    }
    let together = crew.together(0, helper).max(helped(MIN_CUT));
    if end <= together + worth(WORTH_IT) {
        return None;
    }
    let keep = as_u64(as_f64(last.left) * (together / end));
    let keep = keep.clamp(MIN_CUT, last.left - MIN_CUT);
    Some(Relief::Cut { index, keep })
}

/// Seconds that so many bytes take.
fn seconds_for(bytes: u64, speed: f64) -> f64 {
    match bytes {
        0 => 0.0,
        _ => as_f64(bytes) / speed,
    }
}

/// A thread is not replaced before it has had this long to show what it can do.
pub const FAIR_TRIAL: Duration = Duration::from_secs(5);

/// Slower than this (bytes/s) is as good as stalled, whatever the others do. Where nothing comes at all
/// the read timeout decides, which counts: a server that stalls for ever must be given up one day.
const TRICKLE: u64 = 64;

/// A thread so many times slower than most others is better off with a new connection.
const HOPELESS: u64 = 20;

/// The blocks whose threads are so slow, or silent for so long while others get on, that a new
/// connection in their place can only be better. Those that end soon anyway are left alone.
pub fn hopeless(blocks: &[AtWork]) -> Vec<usize> {
    let mut speeds: Vec<u64> = blocks.iter().filter_map(|block| block.speed).collect();
    speeds.sort_unstable();
    let usual = speeds.get(speeds.len() / 2).copied().unwrap_or(0);
    let some_get_on = blocks.iter().any(|block| block.silent < FAIR_TRIAL);
    let is_hopeless = |block: &AtWork| {
        let Some(speed) = block.speed else {
            return false;
        };
        if seconds_for(block.left, as_f64(speed)) < FAIR_TRIAL.as_secs_f64() {
            return false;
        }
        let trickles = (1..TRICKLE).contains(&speed);
        let is_stuck = some_get_on && block.silent >= FAIR_TRIAL;
        trickles || is_stuck || speed.saturating_mul(HOPELESS) < usual
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

    const IDLE: Idle = Idle {
        threads: 1,
        speed: None,
        setup: Duration::ZERO,
        cap: 16 * MIB,
    };

    /// Blocks that differ are about different bytes.
    fn at_work(left: u64, speed: u64) -> AtWork {
        AtWork {
            left,
            speed: Some(speed),
            due: Duration::ZERO,
            silent: Duration::ZERO,
            about: left ^ speed.rotate_left(32),
        }
    }

    fn young(left: u64) -> AtWork {
        AtWork {
            speed: None,
            ..at_work(left, 0)
        }
    }

    #[test]
    fn blocks_are_full_size_while_much_is_left() {
        let idle = Idle { threads: 8, ..IDLE };
        assert_eq!(block_len(2048 * MIB, &[], &idle), 16 * MIB);
        let others = [at_work(8 * MIB, MIB); 7];
        assert_eq!(block_len(2048 * MIB, &others, &IDLE), 16 * MIB);
    }

    #[test]
    fn where_nothing_is_known_all_get_the_same() {
        let idle = Idle { threads: 8, ..IDLE };
        assert_eq!(block_len(64 * MIB, &[], &idle), 8 * MIB);
        let idle = Idle { threads: 7, ..IDLE };
        assert_eq!(block_len(56 * MIB, &[young(8 * MIB)], &idle), 8 * MIB);
        assert_eq!(block_len(3 * MIB, &[], &idle), MIB, "worth a request");
        assert_eq!(block_len(1000, &[], &idle), 1000);
    }

    #[test]
    fn a_block_ends_when_the_others_do() {
        // 30 MiB are left to 5 MiB/s: six seconds, which are 6 MiB of this thread.
        let others = [at_work(2 * MIB, 3 * MIB), at_work(4 * MIB, MIB)];
        let idle = Idle {
            speed: Some(MIB),
            ..IDLE
        };
        assert_eq!(block_len(24 * MIB, &others, &idle), 6 * MIB);
        let far = Idle {
            setup: Duration::from_secs(1),
            ..idle
        };
        let len = block_len(24 * MIB, &others, &far);
        assert!((5 * MIB..6 * MIB).contains(&len), "{len}");
    }

    #[test]
    fn no_crumb_is_left_behind() {
        let idle = Idle {
            speed: Some(MIB),
            ..IDLE
        };
        let all = MIB + MIN_CUT / 2;
        assert_eq!(block_len(all, &[at_work(MIB, MIB)], &idle), all);
    }

    #[test]
    fn the_block_that_would_end_last_keeps_what_its_thread_can_do_in_time() {
        let blocks = [at_work(10 * MIB, 10 * MIB), at_work(10 * MIB, MIB)];
        let idle = Idle {
            speed: Some(9 * MIB),
            ..IDLE
        };
        // 20 MiB are left to 20 MiB/s: one second.
        let cut = Relief::Cut {
            index: 1,
            keep: MIB,
        };
        assert_eq!(relief(&blocks, &idle), Some(cut));
    }

    #[test]
    fn what_is_nearly_done_or_begins_too_late_is_left_alone() {
        let soon = [at_work(10 * MIB, 200 * MIB)];
        assert_eq!(relief(&soon, &IDLE), None);
        assert_eq!(relief(&[], &IDLE), None);
        let block = [at_work(MIB, MIB)];
        assert!(relief(&block, &IDLE).is_some());
        let far = Idle {
            setup: Duration::from_secs(1),
            ..IDLE
        };
        assert_eq!(relief(&block, &far), None);
    }

    #[test]
    fn a_stuck_remainder_is_fetched_again_as_long_as_nobody_brings_it() {
        let idle = Idle {
            speed: Some(MIB),
            ..IDLE
        };
        let stuck = at_work(1000, 0);
        let hedge = Some(Relief::Hedge { index: 0 });
        assert_eq!(relief(&[stuck], &idle), hedge);
        let fast = AtWork {
            speed: Some(MIB),
            ..stuck
        };
        assert_eq!(relief(&[stuck, fast], &idle), None, "it is on its way");
        assert!(relief(&[stuck, stuck], &idle).is_some());
        assert_eq!(relief(&[stuck; MOST_FETCHERS], &idle), None, "enough");
    }

    #[test]
    fn a_crumb_is_fetched_again_for_less_than_a_block_is_cut() {
        let idle = Idle {
            speed: Some(MIB),
            ..IDLE
        };
        let in_60_ms = at_work(6000, 100_000);
        let hedge = Some(Relief::Hedge { index: 0 });
        assert_eq!(relief(&[in_60_ms], &idle), hedge);
        assert_eq!(relief(&[at_work(2000, 100_000)], &idle), None);
        assert_eq!(relief(&[at_work(MIB / 16, MIB)], &idle), None, "no crumb");
    }

    #[test]
    fn who_was_fast_and_is_silent_is_not_waited_for() {
        let idle = Idle {
            speed: Some(MIB),
            ..IDLE
        };
        let fast = at_work(1000, MIB);
        assert_eq!(relief(&[fast], &idle), None);
        let silent = AtWork {
            silent: Duration::from_millis(300),
            ..fast
        };
        let hedge = Some(Relief::Hedge { index: 0 });
        assert_eq!(relief(&[silent], &idle), hedge);
        let far = Idle {
            setup: Duration::from_millis(200),
            ..idle
        };
        assert_eq!(relief(&[silent], &far), None, "any answer takes as long");
    }

    #[test]
    fn a_block_of_which_nothing_is_known_is_left_alone() {
        assert_eq!(relief(&[young(10 * MIB)], &IDLE), None);
        let one_is_known = [young(10 * MIB), at_work(MIB, MIB)];
        assert!(relief(&one_is_known, &IDLE).is_some());
    }

    #[test]
    fn who_crawls_beside_others_trickles_or_falls_silent_is_hopeless() {
        let fast = at_work(100 * MIB, MIB);
        let half = at_work(100 * MIB, MIB / 2);
        let crawls = at_work(100 * MIB, 20 << 10);
        assert_eq!(hopeless(&[fast, crawls, fast, half]), [1]);
        assert!(hopeless(&[crawls, crawls]).is_empty(), "all are as slow");
        assert!(hopeless(&[crawls]).is_empty());
        let trickles = at_work(1000, 1);
        assert_eq!(hopeless(&[trickles, trickles]), [0, 1]);
        let stuck = AtWork {
            silent: FAIR_TRIAL,
            ..at_work(1000, 0)
        };
        assert_eq!(hopeless(&[stuck, stuck, fast]), [0, 1]);
        assert!(
            hopeless(&[stuck, stuck]).is_empty(),
            "the read timeout decides"
        );
        let nearly_done = at_work(4, 1);
        assert!(hopeless(&[nearly_done, fast]).is_empty());
        assert!(hopeless(&[young(1000), fast]).is_empty());
    }

    fn any_block() -> impl Strategy<Value = AtWork> {
        let speed = proptest::option::of(0u64..1 << 40);
        let times = (0u64..100_000, 0u64..100_000);
        (0u64..1 << 45, speed, times, 0u64..4).prop_map(|(left, speed, (due, silent), about)| {
            AtWork {
                left,
                speed,
                due: Duration::from_millis(due),
                silent: Duration::from_millis(silent),
                about,
            }
        })
    }

    fn any_idle() -> impl Strategy<Value = Idle> {
        let speed = proptest::option::of(0u64..1 << 40);
        (0u16..300, speed, 0u64..100_000, 16u64 << 10..16 << 30).prop_map(
            |(threads, speed, setup, cap)| Idle {
                threads,
                speed,
                setup: Duration::from_millis(setup),
                cap,
            },
        )
    }

    proptest! {
        #[test]
        fn a_block_never_exceeds_its_cap_nor_what_is_free(
            free in 1u64..1 << 45,
            blocks in proptest::collection::vec(any_block(), 0..9),
            idle in any_idle(),
        ) {
            let len = block_len(free, &blocks, &idle);
            prop_assert!(len > 0 && len <= idle.cap && len <= free);
        }

        #[test]
        fn a_cut_leaves_something_to_both(
            blocks in proptest::collection::vec(any_block(), 0..9),
            idle in any_idle(),
        ) {
            match relief(&blocks, &idle) {
                Some(Relief::Cut { index, keep }) => {
                    prop_assert!(keep >= MIN_CUT && keep <= blocks[index].left - MIN_CUT);
                }
                Some(Relief::Hedge { index }) => prop_assert!(blocks[index].left > 0),
                None => {}
            }
        }
    }
}
