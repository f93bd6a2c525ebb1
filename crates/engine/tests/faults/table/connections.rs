//! Connections that are not made, not trusted or not kept.

use std::time::Duration;

use haul_engine::{Kind, OnLoss};
use haul_testkit::origin::Certificate;

use super::{DISCONNECTED, RIGHT};
use crate::row::{Outcome, Row};
use crate::within::Within;

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row::striking("closed_after_each", "closed after each answer, as announced", "keepalive=no", [RIGHT; 3]),
        Row::striking("keep_alive_lies", "closed after each answer, unannounced", "keepalive=lies", [RIGHT; 3]),
        tls("tls", "a right certificate", Certificate::Right, "", RIGHT),
        untrusted("tls_expired", "an expired certificate", Certificate::Expired),
        untrusted("tls_wrong_name", "a certificate for another name", Certificate::WrongName),
        untrusted("tls_self_signed", "a self-signed certificate", Certificate::SelfSigned),
        tls(
            "tls_cut",
            "cut without `close_notify` after 8 KiB of each body",
            Certificate::Right,
            "close_after=8K",
            RIGHT,
        ),
        tls(
            "tls_cut_without_length",
            "no ranges and no length, cut without `close_notify` in each stream",
            Certificate::Right,
            "ranges=no&no_length&close_after=64K",
            DISCONNECTED,
        )
        .within(Within::ALL_TRIES),
        tls(
            "tls_cut_at_the_end",
            "no ranges and no length, cut without `close_notify` after the last byte: it may not be the last",
            Certificate::Right,
            "ranges=no&no_length&close_after=512K",
            DISCONNECTED,
        )
        .within(Within::ALL_TRIES),
        Row {
            // Where the tests run without a network, a daemon would wait for that.
            tune: |config, _| config.on_loss = OnLoss::Fail,
            ..host("no_address", "a name without an address", "nowhere.invalid", Outcome::Fails(Kind::Dns))
                .within(Within::ALL_TRIES)
        },
        host("refused_first", "the first of two addresses refuses", "refused-first.test", RIGHT),
        Row {
            // The second address is tried after 250 ms, which no setting shortens.
            tune: |config, _| config.connect_timeout = Duration::from_secs(2),
            ..host("silent_first", "the first of two addresses is silent", "silent-first.test", RIGHT)
        },
        host("refused", "the only address refuses", "refused.test", Outcome::Fails(Kind::Connect))
            .within(Within::ALL_TRIES),
        host("silent", "the only address is silent", "silent.test", Outcome::Fails(Kind::Timeout))
            .within(Within::ALL_UNCONNECTED),
    ]
}

fn tls(
    name: &'static str,
    fault: &'static str,
    certificate: Certificate,
    knobs: &str,
    outcome: Outcome,
) -> Row {
    Row {
        tls: Some(certificate),
        // Handshakes cost more than the rest of this table is scaled for.
        tune: |config, _| config.connect_timeout = Duration::from_secs(5),
        ..Row::standing(name, fault, knobs, outcome)
    }
}

fn untrusted(name: &'static str, fault: &'static str, certificate: Certificate) -> Row {
    Row {
        has_struck: |log| log.is_empty(),
        ..tls(name, fault, certificate, "", Outcome::Fails(Kind::Tls))
    }
}

fn host(name: &'static str, fault: &'static str, host: &'static str, outcome: Outcome) -> Row {
    Row {
        host: Some(host),
        has_struck: |_| true,
        ..Row::standing(name, fault, "", outcome)
    }
}
