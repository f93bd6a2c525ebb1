//! Bodies that end too early, too late, never or slowly, and every way to tell where they end.

use haul_engine::Kind;

use super::{DISCONNECTED, RIGHT, TIMEOUT};
use crate::row::{Outcome, Row, with_digest};
use crate::within::Within;

pub(crate) fn rows() -> Vec<Row> {
    let mended = [
        (
            "reset_within",
            "reset after 8 KiB of each body",
            "reset_after=8K",
        ),
        (
            "closed_within",
            "closed after 8 KiB of each body",
            "close_after=8K",
        ),
        (
            "longer_than_declared",
            "1 KiB longer than declared",
            "long=1K",
        ),
        ("chunked", "chunked `206`", "chunked"),
        (
            "chunked_cut",
            "chunked `206`, closed after 8 KiB",
            "chunked&close_after=8K",
        ),
        (
            "no_length",
            "`206` without a length, ended by closing",
            "no_length",
        ),
        (
            "no_length_cut",
            "the same, closed after 8 KiB",
            "no_length&close_after=8K",
        ),
    ];
    let lost = [
        (
            "shorter_than_declared",
            "each ends 1 KiB short of its declared length",
            "short=1K",
        ),
        (
            "reset_at_once",
            "reset before the first byte",
            "reset_after=0",
        ),
        (
            "closed_at_once",
            "closed before the first byte",
            "close_after=0",
        ),
    ];
    let mended = mended.into_iter().map(|(name, fault, knobs)| {
        Row::striking(name, fault, knobs, [RIGHT; 3]).within(Within::ALL_TRIES)
    });
    let lost = lost.into_iter().map(|(name, fault, knobs)| {
        Row::striking(name, fault, knobs, [DISCONNECTED; 3]).within(Within::ALL_TRIES)
    });
    mended.chain(lost).chain(times()).chain(streams()).collect()
}

fn times() -> Vec<Row> {
    vec![
        Row::striking(
            "stall",
            "a stall before the first byte, for ever",
            "stall_after=0",
            [TIMEOUT; 3],
        )
        .within(Within::ALL_SILENT),
        Row::striking(
            "stall_within",
            "a stall after 24 KiB of each body",
            "stall_after=24K",
            [RIGHT; 3],
        )
        .within(Within::ALL_SILENT),
        Row {
            // 1 byte/s where time runs fifty times as fast.
            base: "etag=%22one%22&slow_conn=2-3:50".to_owned(),
            tune: |config, _| config.settings.threads = 4,
            has_struck: |log| log.iter().any(|seen| matches!(seen.connection, 2 | 3)),
            ..Row::standing("trickle", "1 byte/s on two of four connections", "", RIGHT)
        },
        Row {
            base: "etag=%22one%22&slow_conn=1:50".to_owned(),
            ..Row::standing(
                "trickle_first",
                "1 byte/s on the first connection",
                "",
                RIGHT,
            )
        },
    ]
}

/// Without ranges there is one answer, and every new try starts at its first byte.
fn streams() -> Vec<Row> {
    let stream = |name, fault, knobs, outcome| {
        let knobs = format!("ranges=no&{knobs}");
        Row::standing(name, fault, &knobs, outcome).within(Within::ALL_TRIES)
    };
    vec![
        stream("stream", "no ranges", "", RIGHT),
        stream(
            "stream_without_length",
            "no ranges and no length",
            "no_length",
            RIGHT,
        ),
        stream("stream_chunked", "no ranges, chunked", "chunked", RIGHT),
        stream(
            "stream_reset_twice",
            "no ranges, reset in the first two streams",
            "reset_after=64K&fail_times=2",
            RIGHT,
        ),
        stream(
            "stream_reset",
            "no ranges, reset in each stream",
            "reset_after=64K",
            DISCONNECTED,
        ),
        stream(
            "stream_chunked_cut",
            "no ranges, chunked, closed in each stream",
            "chunked&close_after=64K",
            DISCONNECTED,
        ),
        stream(
            "stream_without_length_reset",
            "no ranges and no length, reset in each stream",
            "no_length&reset_after=64K",
            DISCONNECTED,
        ),
        stream(
            "stream_stall",
            "no ranges, each stream stalls",
            "stall_after=64K",
            TIMEOUT,
        )
        .within(Within::ALL_SILENT),
        Row {
            ask: with_digest,
            ..stream(
                "stream_without_length_cut",
                "no ranges and no length, closed early: nothing but a checksum can tell (one is given)",
                "no_length&close_after=64K",
                Outcome::Fails(Kind::ChecksumMismatch),
            )
        },
    ]
}
