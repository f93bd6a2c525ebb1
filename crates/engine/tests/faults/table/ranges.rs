//! Answers to a range that are not what was asked for.

use haul_engine::Kind;

use super::{PROTOCOL, RIGHT};
use crate::row::{Moment, Outcome, Row, with_digest};
use crate::within::Within;

/// A server that never gave a range is asked for the whole file; one that stops giving them is asked
/// again, because the whole may be no better, and what is held would be lost.
const NEVER_OR_NO_MORE: [Outcome; 3] = [RIGHT, PROTOCOL, PROTOCOL];

pub(crate) fn rows() -> Vec<Row> {
    let given_whole = [
        (
            "whole_file_for_a_range",
            "`200` with the whole file",
            "full_on_range=200",
        ),
        ("no_ranges", "`200` and `Accept-Ranges: none`", "ranges=no"),
        (
            "ranges_promised_only",
            "`200` and `Accept-Ranges: bytes`",
            "ranges=lies",
        ),
    ];
    let placed_wrongly = [
        (
            "whole_file_as_a_part",
            "`206` with the whole file",
            "full_on_range=206",
        ),
        (
            "content_range_missing",
            "`206` without `Content-Range`",
            "content_range=missing",
        ),
        (
            "content_range_shifted",
            "`Content-Range` one byte off",
            "content_range=shifted",
        ),
        (
            "content_range_unsatisfied",
            "`206` with `bytes */SIZE`",
            "content_range=unsatisfied",
        ),
        (
            "content_range_garbage",
            "`Content-Range` unreadable",
            "content_range=garbage",
        ),
        (
            "content_range_twice",
            "two `Content-Range` that disagree",
            "content_range=twice",
        ),
        (
            "content_range_reversed",
            "`Content-Range` from last to first",
            "content_range=reversed",
        ),
        (
            "content_range_huge",
            "`Content-Range` beyond 64 bits",
            "content_range=huge",
        ),
        (
            "other_than_asked",
            "other bytes than asked for, and says so",
            "ranges=early",
        ),
        (
            "more_than_asked",
            "more than was asked for",
            "ranges=ignore_end",
        ),
        ("multipart", "`multipart/byteranges`", "multipart"),
        (
            "not_satisfiable_with_size",
            "`416` with the right size",
            "refuse_range=416",
        ),
        (
            "not_satisfiable",
            "`416` without a size",
            "refuse_range=416&bare_416",
        ),
    ];
    let mut rows: Vec<Row> = placed_wrongly
        .into_iter()
        .map(|(name, fault, knobs)| {
            Row::striking(name, fault, knobs, NEVER_OR_NO_MORE).within(Within::ALL_TRIES)
        })
        .collect();
    let given_whole = given_whole.into_iter().map(|(name, fault, knobs)| {
        Row::striking(name, fault, knobs, [RIGHT; 3]).within(Within::ALL_TRIES)
    });
    rows.splice(0..0, given_whole);
    rows.extend([
        Row::striking(
            "total_unknown",
            "`*` for the size",
            "content_range=star",
            [RIGHT; 3],
        ),
        Row::striking(
            "less_than_asked",
            "half of what was asked for",
            "ranges=short",
            [RIGHT; 3],
        ),
        Row::striking(
            "size_one_too_high",
            "`Content-Range` with a size one too high",
            "content_range=wrong_total",
            [RIGHT; 3],
        )
        .within(Within::ALL_TRIES),
        Row::striking(
            "gzip_on_a_range",
            "`Content-Encoding: gzip` on every answer; the bytes are kept as they come",
            "gzip",
            [RIGHT; 3],
        ),
        page(),
        Row::striking(
            "long_ranges_416",
            "ranges over 16 KiB refused with `416`",
            "long_range=16K",
            NEVER_OR_NO_MORE,
        )
        .within(Within::ALL_TRIES),
        refusing(
            "long_ranges_403",
            "ranges over 16 KiB refused with `403`",
            "long_range=16K&long_range_status=403",
            Kind::Refused,
        ),
        refusing(
            "ranges_403",
            "`403` to any range",
            "refuse_range=403",
            Kind::Refused,
        ),
        refusing(
            "ranges_400",
            "`400` to any range",
            "refuse_range=400",
            Kind::HttpStatus,
        ),
        refusing(
            "ranges_405",
            "`405` to any range",
            "refuse_range=405",
            Kind::HttpStatus,
        ),
        refusing(
            "ranges_501",
            "`501` to any range",
            "refuse_range=501",
            Kind::HttpStatus,
        ),
        Row::standing(
            "only_ranges",
            "`403` to a request without a range",
            "require_range",
            RIGHT,
        ),
        Row::standing("head_refused", "`405` to `HEAD`", "head=refused", RIGHT),
        Row::standing(
            "head_lies",
            "`HEAD` tells twice the size and no ranges",
            "head=lies",
            RIGHT,
        ),
        Row::standing(
            "no_accept_ranges",
            "ranges without `Accept-Ranges`",
            "ranges=silent",
            RIGHT,
        ),
        wrong_bytes(
            "wrong_bytes",
            "the right words about the range, other bytes (a checksum is given)",
            "ranges=ignore_offset",
        ),
        wrong_bytes(
            "whole_file_as_a_part_chunked",
            "the same, chunked, with the whole file (a checksum is given)",
            "full_on_range=206&chunked",
        ),
    ]);
    rows
}

fn refusing(name: &'static str, fault: &'static str, knobs: &str, kind: Kind) -> Row {
    let later = Outcome::Fails(kind);
    Row::striking(name, fault, knobs, [RIGHT, later, later]).within(Within::ALL_TRIES)
}

/// At the start there is nothing that a page could be told from.
fn page() -> Row {
    let page = Outcome::Fails(Kind::HtmlPage);
    Row::striking(
        "error_page",
        "an HTML error page with `200`",
        "html_error_after=0",
        [page, PROTOCOL, PROTOCOL],
    )
    .but(Moment::FirstPassing, page)
    .within(Within::ALL_TRIES)
}

/// Every word of the answer is right and its bytes are others: only a digest can tell.
fn wrong_bytes(name: &'static str, fault: &'static str, knobs: &str) -> Row {
    Row {
        ask: with_digest,
        ..Row::standing(name, fault, knobs, Outcome::Fails(Kind::ChecksumMismatch))
    }
}
