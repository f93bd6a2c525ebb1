//! The log, the counters and the waits.

use haul_testkit::ledger::Ledger;
use haul_testkit::origin::{Asked, Origin};

use crate::raw::{Raw, answer};

#[tokio::test]
async fn the_log_tells_what_was_asked_and_sent() {
    let origin = Origin::start().await;
    answer(&origin, "/a?size=1K", "Range: bytes=5-9\r\nX-Mark: me\r\n").await;
    answer(&origin, "/b?size=2K", "").await;
    origin.wait_open(0).await;

    let log = origin.log();
    assert_eq!(log.len(), 2);
    assert_eq!((log[0].connection, log[1].connection), (1, 2));
    assert_eq!(log[0].method, "GET");
    assert_eq!(log[0].target, "/a?size=1K&keepalive=no");
    assert_eq!(log[0].path(), "/a");
    assert_eq!(
        log[0].range,
        Some(Asked {
            first: 5,
            last: Some(9)
        })
    );
    assert_eq!(log[0].header("x-mark"), Some("me"));
    assert_eq!(
        (log[0].status, log[0].body_sent, log[0].over),
        (206, 5, true)
    );
    assert_eq!(
        (log[1].status, log[1].body_sent, log[1].range),
        (200, 2048, None)
    );
    assert_eq!(origin.requests_for("/b").len(), 1);

    let ledger = Ledger::of("/a", log);
    assert_eq!((ledger.requests(), ledger.fetched()), (1, 5));
    assert_eq!(ledger.sent(), [5..10]);
}

#[tokio::test]
async fn open_connections_are_counted() {
    let origin = Origin::start().await;
    let first = Raw::connect(&origin).await;
    let second = Raw::connect(&origin).await;
    origin.wait_open(2).await;
    drop(first);
    origin.wait_open(1).await;
    drop(second);
    origin.wait_open(0).await;
    assert_eq!(
        (origin.max_open(), origin.open_now(), origin.accepted()),
        (2, 0, 2)
    );
}

#[tokio::test]
async fn waits_end_when_their_time_has_come() {
    let origin = Origin::start().await;
    let client = async {
        for _ in 0..3 {
            answer(&origin, "/a?size=1K", "").await;
        }
    };
    let test = async {
        origin.wait_requests(1).await;
        origin.wait_requests_for("/a", 2).await;
        origin.wait_body("/a", 3 << 10).await;
    };
    tokio::join!(client, test);
    assert_eq!(origin.log().len(), 3);
}

#[tokio::test]
async fn dropping_an_origin_ends_its_connections_and_frees_its_port() {
    let origin = Origin::start().await;
    let address = origin.address().to_string();
    let mut raw = Raw::connect(&origin).await;
    raw.get("/a?size=10&stall_after=5", "").await;
    raw.head().await;
    raw.take(5).await;
    drop(origin);
    assert!(raw.rest().await.bytes.is_empty());
    let again = Origin::start_on(&address).await;
    assert_eq!(answer(&again, "/a?size=1", "").await.status, 200);
}

#[tokio::test]
async fn a_client_may_take_the_origin_for_its_proxy() {
    let origin = Origin::start().await;
    let answer = answer(&origin, "http://elsewhere.invalid/a?size=10", "").await;
    assert_eq!((answer.status, answer.body.len()), (200, 10));
    let log = origin.requests_for("/a");
    assert_eq!(
        log[0].target,
        "http://elsewhere.invalid/a?size=10&keepalive=no"
    );
}
