//! Broken heads.

use std::time::Duration;

use haul_testkit::origin::{Origin, content};
use tokio::time::Instant;

use crate::raw::{End, Raw, answer, get};

#[tokio::test]
async fn a_head_is_reset_before_or_within() {
    let origin = Origin::start().await;
    let before = get(&origin, "/a?reset_head=before", "").await;
    assert_eq!((before.bytes.len(), before.end), (0, End::Reset));

    let mut raw = Raw::connect(&origin).await;
    raw.get("/a?reset_head=inside", "").await;
    let start = raw.take(15).await;
    assert_eq!(start, b"HTTP/1.1 200 Fi");
    let rest = raw.rest().await;
    assert_eq!(rest.end, End::Reset);
    assert!(!rest.text().contains("\r\n\r\n"));
    assert!(origin.log().iter().all(|seen| seen.status == 0));
}

#[tokio::test]
async fn a_status_line_is_nonsense() {
    let origin = Origin::start().await;
    let received = get(&origin, "/a?bad_status_line&keepalive=no&size=1", "").await;
    assert!(received.text().starts_with("HTTP/1.1 fine OK\r\n"));
    assert!(received.text().contains("\r\nContent-Length: 1\r\n"));
}

#[tokio::test]
async fn a_body_comes_without_any_head() {
    let origin = Origin::start().await;
    let received = get(&origin, "/a?http09&size=100", "").await;
    assert_eq!(received.bytes, content(0, 0..100));
    assert_eq!(received.end, End::Closed);
}

#[tokio::test]
async fn a_header_has_a_mebibyte() {
    let origin = Origin::start().await;
    let answer = answer(&origin, "/a?header_size=1M&size=10", "").await;
    let padding = answer.header("x-padding").map(str::len);
    assert_eq!(padding, Some(1 << 20));
    assert_eq!(answer.body, content(0, 0..10));
}

#[tokio::test]
async fn headers_never_end() {
    let origin = Origin::start().await;
    let mut raw = Raw::connect(&origin).await;
    raw.get("/a?endless_headers", "").await;
    let megabytes = raw.take(4 << 20).await;
    assert!(!megabytes.windows(4).any(|four| four == b"\r\n\r\n"));
    drop(raw);
    origin.wait_open(0).await;
}

#[tokio::test]
async fn a_slow_or_late_head_takes_its_time() {
    let origin = Origin::start().await;
    let start = Instant::now();
    let slow = answer(&origin, "/a?slow_head=2ms&size=10", "").await;
    // The shortest of our heads has more than a hundred bytes.
    assert!(start.elapsed() > Duration::from_millis(200));
    assert_eq!(slow.body, content(0, 0..10));

    let start = Instant::now();
    answer(&origin, "/a?delay=200ms&size=10", "").await;
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn a_head_waits_at_its_gate() {
    let origin = Origin::start().await;
    let mut raw = Raw::connect(&origin).await;
    raw.get("/a?gate_before=g&size=10&keepalive=no", "").await;
    origin.wait_gate("g", 1).await;
    assert_eq!(origin.log()[0].status, 0);
    origin.open_gate("g");
    assert_eq!(raw.rest().await.answer().body, content(0, 0..10));
}
