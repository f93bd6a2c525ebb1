//! What single steps of a plan cost when the file is in a million pieces, beside the same in a
//! thousand: a step that is not much slower with a thousand times as many is cheap enough.

use std::ops::Range;
use std::time::Duration;

use divan::{Bencher, black_box};
use haul_engine::plan::Plan;
use haul_engine::plan::ranges::RangeSet;
use haul_engine::plan::seals::{Seal, Seals, longest};
use haul_engine::plan::split::Idle;
use haul_engine::store::columns;

fn main() {
    divan::main();
}

/// Pieces of a file.
const PIECES: [u64; 2] = [1_000, 1_000_000];

/// Bytes of a piece.
const PIECE: u64 = 64 << 10;

fn piece(number: u64) -> Range<u64> {
    number * PIECE..(number + 1) * PIECE
}

/// Every other piece is held: as many ranges as there can be.
fn scattered(pieces: u64) -> RangeSet {
    (0..pieces).step_by(2).map(piece).collect()
}

fn plan(pieces: u64) -> Plan {
    Plan::new(Some(pieces * PIECE), scattered(pieces))
}

/// Everywhere in the file, in an order without one.
fn anywhere(pieces: u64) -> impl FnMut() -> u64 {
    let mut at = 0;
    move || {
        at = (at + 7_919 * 65_537) % pieces;
        at
    }
}

/// A block is given out, written and given back: what a thread asks of the plan.
#[divan::bench(args = PIECES)]
fn lease_write_release(bencher: Bencher, pieces: u64) {
    let mut plan = plan(pieces);
    bencher.bench_local(|| {
        let Some(lease) = plan.lease(PIECE / 16) else {
            plan = self::plan(pieces);
            return;
        };
        plan.wrote(lease.id, lease.bytes.end);
        plan.release(lease.id);
    });
}

/// A block comes back unwritten, as it does when a connection breaks.
#[divan::bench(args = PIECES)]
fn lease_release(bencher: Bencher, pieces: u64) {
    let mut plan = plan(pieces);
    bencher.bench_local(|| {
        let lease = plan.lease(PIECE).expect("half of it is free");
        plan.release(lease.id);
    });
}

/// An idle thread takes a part of the slowest of 64 blocks, and gives up.
#[divan::bench(args = PIECES)]
fn relieve(bencher: Bencher, pieces: u64) {
    let blocks = 64;
    let mut held = scattered(pieces);
    held.insert(0..(pieces - blocks) * PIECE);
    let mut plan = Plan::new(Some(pieces * PIECE), held);
    while plan.lease(PIECE).is_some() {}
    let idle = Idle {
        threads: 1,
        speed: Some(1 << 20),
        setup: Duration::ZERO,
        cap: PIECE,
    };
    bencher.bench_local(|| {
        if let Some(job) = plan.job(black_box(&idle)) {
            plan.release(job.lease.id);
        }
    });
}

/// A piece is filled somewhere, and lost again.
#[divan::bench(args = PIECES)]
fn fill_anywhere(bencher: Bencher, pieces: u64) {
    let mut held = scattered(pieces);
    let mut next = anywhere(pieces);
    bencher.bench_local(|| {
        let at = next();
        held.insert(piece(at));
        held.remove(piece(at));
    });
}

/// The 512 slices of the picture of a file.
#[divan::bench(args = PIECES, sample_count = 20)]
fn map(bencher: Bencher, pieces: u64) {
    let plan = plan(pieces);
    bencher.bench_local(|| plan.map());
}

/// What a start does with the held ranges of a record.
#[divan::bench(args = PIECES, sample_count = 10, sample_size = 1)]
fn restore_ranges(bencher: Bencher, pieces: u64) {
    let column = columns::ranges(&scattered(pieces));
    bencher.bench_local(|| Plan::new(Some(pieces * PIECE), column.read_ranges().expect("ranges")));
}

/// What a checkpoint does with them.
#[divan::bench(args = PIECES, sample_count = 10, sample_size = 1)]
fn encode_ranges(bencher: Bencher, pieces: u64) {
    let held = scattered(pieces);
    bencher.bench_local(|| columns::ranges(&held));
}

fn seal(number: u64) -> Seal {
    Seal {
        bytes: piece(number),
        crc: 7,
    }
}

/// Blocks are sealed as they end: in order, in eight places of the file.
#[divan::bench(args = PIECES, sample_count = 5, sample_size = 1)]
fn seal_all(bencher: Bencher, pieces: u64) {
    bencher.bench_local(|| {
        let mut seals = Seals::default();
        for at in 0..pieces / 8 {
            for thread in 0..8 {
                seals.add(
                    seal(thread * (pieces / 8) + at),
                    longest(Some(pieces * PIECE)),
                );
            }
        }
        seals
    });
}

/// The seals of scattered pieces, which cannot be joined.
#[divan::bench(args = PIECES, sample_count = 10, sample_size = 1)]
fn encode_and_read_seals(bencher: Bencher, pieces: u64) {
    let seals: Seals = (0..pieces).step_by(2).map(seal).collect();
    bencher.bench_local(|| columns::seals(&seals).read_seals());
}
