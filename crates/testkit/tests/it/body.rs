//! Broken bodies, framing, pace and gates.

use std::time::Duration;

use haul_testkit::origin::{Origin, content};
use tokio::time::Instant;

use crate::raw::{End, Raw, answer, get};

#[tokio::test]
async fn every_honest_framing_carries_the_file() {
    let origin = Origin::start().await;
    for framing in ["", "&chunked", "&no_length"] {
        for headers in ["", "Range: bytes=5-200000\r\n"] {
            let answer = answer(&origin, &format!("/a?size=200K{framing}"), headers).await;
            let file = content(0, 0..200 << 10);
            let part = if headers.is_empty() {
                &file[..]
            } else {
                &file[5..=200_000]
            };
            assert_eq!(answer.body, part, "{framing} {headers}");
            let has_length = answer.header("content-length").is_some();
            assert_eq!(has_length, framing.is_empty(), "{framing}");
        }
    }
}

#[tokio::test]
async fn a_connection_serves_request_after_request() {
    let origin = Origin::start().await;
    let mut raw = Raw::connect(&origin).await;
    for seed in 0..3 {
        raw.get(&format!("/a?size=10&seed={seed}"), "").await;
        raw.head().await;
        assert_eq!(raw.take(10).await, content(seed, 0..10));
    }
    assert_eq!(origin.accepted(), 1);
}

#[tokio::test]
async fn a_connection_is_closed_with_or_without_notice() {
    let origin = Origin::start().await;
    for (knob, notice) in [("no", Some("close")), ("lies", None)] {
        let received = get(&origin, &format!("/a?size=10&keepalive={knob}"), "").await;
        assert_eq!(received.end, End::Closed);
        assert_eq!(received.answer().header("connection"), notice);
    }
}

#[tokio::test]
async fn a_body_ends_by_reset_or_close_at_its_byte() {
    let origin = Origin::start().await;
    let cut = get(&origin, "/a?size=1M&close_after=100000", "").await;
    assert_eq!(cut.end, End::Closed);
    assert_eq!(cut.body(), content(0, 0..100_000));

    let reset = get(&origin, "/a?size=1M&reset_after=100000", "").await;
    assert_eq!(reset.end, End::Reset);
    // RST may overtake bytes on their way, so fewer may arrive but never more.
    assert_eq!(origin.log()[1].body_sent, 100_000);
    assert!(reset.bytes.len() < 100_000 + 1000);
}

#[tokio::test]
async fn a_body_stalls_until_the_client_leaves() {
    let origin = Origin::start().await;
    let mut raw = Raw::connect(&origin).await;
    raw.get("/a?size=1M&stall_after=1000", "").await;
    raw.head().await;
    assert_eq!(raw.take(1000).await, content(0, 0..1000));
    let more = tokio::time::timeout(Duration::from_millis(200), raw.take(1)).await;
    assert!(more.is_err(), "a byte came after the stall");
    assert_eq!(origin.open_now(), 1);
    drop(raw);
    origin.wait_open(0).await;
    assert!(origin.log()[0].over);
}

#[tokio::test]
async fn a_body_is_shorter_or_longer_than_declared() {
    let origin = Origin::start().await;
    let short = get(&origin, "/a?size=1000&short=1", "").await;
    assert!(short.text().contains("Content-Length: 1000\r\n"));
    assert_eq!(short.body(), content(0, 0..999));
    assert_eq!(short.end, End::Closed);

    let long = get(&origin, "/a?size=1000&long=5&keepalive=no", "").await;
    assert!(long.text().contains("Content-Length: 1000\r\n"));
    assert_eq!(long.body(), content(0, 0..1005));
}

#[tokio::test]
async fn faults_keep_to_their_window() {
    let origin = Origin::start().await;
    let target = "/a?size=1000&short=1&fail_from=2&fail_times=2&keepalive=no";
    let mut lengths = Vec::new();
    for _ in 0..4 {
        lengths.push(get(&origin, target, "").await.body().len());
    }
    assert_eq!(lengths, [1000, 999, 999, 1000]);

    let gated = "/b?size=1000&short=1&fail_until=g&keepalive=no";
    assert_eq!(get(&origin, gated, "").await.body().len(), 999);
    origin.open_gate("g");
    assert_eq!(get(&origin, gated, "").await.body().len(), 1000);
}

#[tokio::test]
async fn a_gate_holds_the_body_at_its_byte() {
    let origin = Origin::start().await;
    let mut raw = Raw::connect(&origin).await;
    raw.get("/a?size=300K&gate=g&gate_after=100K&keepalive=no", "")
        .await;
    origin.wait_gate("g", 1).await;
    assert_eq!(origin.log()[0].body_sent, 100 << 10);
    origin.open_gate("g");
    assert_eq!(raw.rest().await.answer().body, content(0, 0..300 << 10));
    // An open gate holds nobody any more.
    let again = get(&origin, "/a?size=1&gate=g&keepalive=no", "").await;
    assert_eq!(again.answer().body.len(), 1);
}

#[tokio::test]
async fn a_rate_is_kept_and_a_slow_connection_is_slower() {
    let origin = Origin::start().await;
    let mut times = Vec::new();
    for _ in 0..3 {
        let start = Instant::now();
        answer(&origin, "/a?size=40K&rate=400K&slow_conn=2:40K", "").await;
        times.push(start.elapsed());
    }
    assert!(times[0] >= Duration::from_millis(99), "{times:?}");
    assert!(times[1] >= Duration::from_millis(999), "{times:?}");
    assert!(times[2] < times[1], "{times:?}");
}
