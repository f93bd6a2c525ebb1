//! Knobs that are laid over the others for a time.

use haul_testkit::origin::{Origin, content};

use crate::raw::{Raw, answer, statuses};

const PART: &str = "Range: bytes=0-99\r\n";

#[tokio::test]
async fn knobs_come_later_by_count() {
    let origin = Origin::start().await;
    let target = "/a?size=1K&later=status%3D503%26retry_after%3D7&later_from=2&later_times=2";
    assert_eq!(statuses(&origin, target, "", 4).await, [200, 503, 503, 200]);
    let later: Vec<_> = origin.log().iter().map(|seen| seen.later).collect();
    assert_eq!(later, [false, true, true, false]);
}

#[tokio::test]
async fn knobs_come_later_from_one_gate_to_another() {
    let origin = Origin::start().await;
    let target = "/a?size=1K&etag=%22x%22&later=ranges%3Dno%26etag%3D&later_on=on&later_until=off";
    assert_eq!(statuses(&origin, target, PART, 1).await, [206]);
    origin.open_gate("on");
    let later = answer(&origin, target, PART).await;
    assert_eq!((later.status, later.header("etag")), (200, Some("")));
    assert_eq!(later.body, content(0, 0..1024));
    origin.open_gate("off");
    let well = answer(&origin, target, PART).await;
    assert_eq!((well.status, well.header("etag")), (206, Some("\"x\"")));
}

#[tokio::test]
async fn what_cannot_come_later_is_refused() {
    let origin = Origin::start().await;
    for (knobs, why) in [
        ("later=max_conns%3D1", "\"max_conns\" cannot come later"),
        ("later=later%3Dx", "\"later\" cannot come later"),
        ("later=sise%3D1", "\"sise\" is unknown"),
        ("later=status_times%3D1", "nothing without \"status\""),
        ("later_on=g", "nothing without \"later\""),
    ] {
        let mut raw = Raw::connect(&origin).await;
        raw.get(&format!("/a?{knobs}"), "").await;
        assert!(raw.head().await.starts_with("HTTP/1.1 400 "), "{knobs}");
        let told = origin.unknown_knobs().pop().expect("it is remembered");
        assert!(told.contains(why), "{knobs}: {told}");
    }
}
