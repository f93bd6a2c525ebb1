//! Heads that are late, broken, endless, or no heads at all.

use super::{DISCONNECTED, PROTOCOL, RIGHT, TIMEOUT};
use crate::row::{Outcome, Row};
use crate::within::Within;

pub(crate) fn rows() -> Vec<Row> {
    let row = |name, fault, knobs: &str, outcome: Outcome| {
        Row::striking(name, fault, knobs, [outcome; 3]).within(Within::ALL_TRIES)
    };
    vec![
        row(
            "reset_before_head",
            "reset before the head",
            "reset_head=before",
            DISCONNECTED,
        ),
        row(
            "reset_inside_head",
            "reset inside the head",
            "reset_head=inside",
            DISCONNECTED,
        ),
        row(
            "bad_status_line",
            "a status line without a number",
            "bad_status_line",
            PROTOCOL,
        ),
        row(
            "http_0_9",
            "HTTP/0.9: a body without a head",
            "http09",
            PROTOCOL,
        ),
        row(
            "header_of_16_kib",
            "a header of 16 KiB",
            "header_size=16K",
            RIGHT,
        ),
        row(
            "header_of_1_mib",
            "a header of 1 MiB",
            "header_size=1M",
            PROTOCOL,
        ),
        row(
            "endless_headers",
            "headers for ever",
            "endless_headers",
            PROTOCOL,
        ),
        row(
            "two_lengths",
            "two `Content-Length` that disagree",
            "header=Content-Length%3A%205",
            PROTOCOL,
        ),
        // Time runs fifty times as fast here.
        row(
            "late_head",
            "an answer that begins after 20 s",
            "delay=400ms",
            RIGHT,
        )
        .within(Within::ALL_SILENT),
        row(
            "too_late_head",
            "an answer that begins after 60 s",
            "delay=1200ms",
            TIMEOUT,
        )
        .within(Within::ALL_SILENT),
        row("slow_head", "a head of 1 byte/s", "slow_head=20ms", TIMEOUT)
            .within(Within::ALL_SILENT),
    ]
}
