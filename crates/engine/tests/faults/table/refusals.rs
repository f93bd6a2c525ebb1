//! Statuses that say no.

use std::time::Duration;

use haul_engine::Kind;
use haul_testkit::origin::Seen;

use super::RIGHT;
use crate::row::{Moment, Outcome, Row, TAGGED};
use crate::within::Within;

pub(crate) fn rows() -> Vec<Row> {
    let final_word = |name, fault, knobs, kind| {
        let no = Outcome::Fails(kind);
        Row::striking(name, fault, knobs, [no; 3]).but(Moment::FirstPassing, no)
    };
    let for_now = |name, fault, knobs, kind| {
        Row::striking(name, fault, knobs, [Outcome::Fails(kind); 3]).within(Within::ALL_TRIES)
    };
    let mut rows = vec![
        final_word("unauthorized", "`401`", "status=401", Kind::Refused),
        for_now("forbidden", "`403`", "status=403", Kind::Refused)
            .but(Moment::FirstPassing, Outcome::Fails(Kind::Refused)),
        final_word("not_found", "`404`", "status=404", Kind::NotFound),
        final_word("gone", "`410`", "status=410", Kind::NotFound),
        final_word("legal_reasons", "`451`", "status=451", Kind::Refused),
        for_now("server_error", "`500`", "status=500", Kind::HttpStatus),
        for_now("bad_gateway", "`502`", "status=502", Kind::HttpStatus),
        for_now("gateway_timeout", "`504`", "status=504", Kind::HttpStatus),
        for_now("request_timeout", "`408`", "status=408", Kind::HttpStatus),
        for_now("too_many_requests", "`429`", "status=429", Kind::Busy),
        for_now("unavailable", "`503`", "status=503", Kind::Busy),
    ];
    rows.extend([
        patient(
            "too_many_requests_seconds",
            "`429`, `Retry-After: 1`",
            "status=429&retry_after=1",
        ),
        patient(
            "unavailable_seconds",
            "`503`, `Retry-After: 1`",
            "status=503&retry_after=1",
        ),
        dated(
            "unavailable_date",
            "`503`, `Retry-After` with a date",
            "status=503&retry_after={soon}",
        ),
        dated(
            "too_many_requests_date",
            "`429`, `Retry-After` with a date",
            "status=429&retry_after={soon}",
        ),
        Row::striking(
            "retry_after_garbage",
            "`503`, `Retry-After: soon`",
            "status=503&retry_after=soon",
            [Outcome::Fails(Kind::Busy); 3],
        )
        .within(Within::ALL_TRIES),
        crowded(
            "crowded_403",
            "`403` beyond 2 connections",
            "over_status=403",
        ),
        crowded(
            "crowded_429",
            "`429` beyond 2 connections",
            "over_status=429",
        ),
        crowded(
            "crowded_503",
            "`503` beyond 2 connections",
            "over_status=503",
        ),
        crowded(
            "crowded_reset",
            "a reset beyond 2 connections",
            "over_status=reset",
        ),
        expired(
            "expired_401",
            "a signed redirect that expires with `401`",
            401,
        ),
        expired(
            "expired_403",
            "a signed redirect that expires with `403`",
            403,
        ),
        expired(
            "expired_404",
            "a signed redirect that expires with `404`",
            404,
        ),
        expired(
            "expired_410",
            "a signed redirect that expires with `410`",
            410,
        ),
        expired_meanwhile(),
        Row {
            has_struck: |log| log.len() == 1,
            ..Row::standing(
                "one_time",
                "a URL that answers once, without ranges",
                "once&ranges=no",
                RIGHT,
            )
        },
    ]);
    rows
}

/// The server names a second; with nothing else under way that is kept to.
fn patient(name: &'static str, fault: &'static str, knobs: &str) -> Row {
    Row {
        not_before: Duration::from_secs(1),
        outcomes: vec![
            (Moment::First, Outcome::Fails(Kind::Busy)),
            (Moment::FirstPassing, RIGHT),
            (Moment::Resume, Outcome::Fails(Kind::Busy)),
        ],
        ..Row::striking(name, fault, knobs, [RIGHT; 3])
    }
    .within(Within::naming(Duration::from_secs(1)))
}

/// A date in two seconds, of which a fraction of the first may be gone.
fn dated(name: &'static str, fault: &'static str, knobs: &str) -> Row {
    Row {
        outcomes: vec![(Moment::FirstPassing, RIGHT), (Moment::LaterPassing, RIGHT)],
        ..Row::striking(name, fault, knobs, [RIGHT; 3])
    }
    .within(Within::naming(Duration::from_secs(2)))
}

fn crowded(name: &'static str, fault: &'static str, knobs: &str) -> Row {
    Row {
        has_struck: |log| log.iter().any(|seen| !matches!(seen.status, 200 | 206)),
        ..Row::standing(
            name,
            fault,
            &format!("max_conns=2&rate=400K&{knobs}"),
            RIGHT,
        )
    }
    .within(Within::ALL_TRIES)
}

fn expired(name: &'static str, fault: &'static str, status: u16) -> Row {
    Row {
        has_struck: was_refused,
        ..Row::standing(
            name,
            fault,
            &format!("expire_after=3&expire_status={status}"),
            RIGHT,
        )
    }
    .within(Within::ALL_TRIES)
}

fn expired_meanwhile() -> Row {
    Row {
        base: format!("{TAGGED}&expire_after=3&expire_status=403"),
        outcomes: vec![(Moment::Resume, RIGHT), (Moment::ResumeUntagged, RIGHT)],
        has_struck: was_refused,
        ..Row::striking(
            "expired_meanwhile",
            "a signed redirect that has expired with `403` while stopped",
            "",
            [RIGHT; 3],
        )
    }
    .within(Within::ALL_TRIES)
}

fn was_refused(log: &[Seen]) -> bool {
    log.iter().any(|seen| matches!(seen.status, 401..=410))
}
