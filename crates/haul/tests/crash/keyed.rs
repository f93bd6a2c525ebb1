//! A request with an `Idempotency-Key` whose answer never came, because the program was killed after it
//! had recorded the downloads: sent again, it adds no second ones.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use haul_testkit::crash::Remains;
use haul_testkit::daemon::Daemon;
use haul_testkit::http;

/// Nobody listens there, and nothing is asked for.
const BODY: &[u8] = br#"{"urls":["http://127.0.0.1:1/a","http://127.0.0.1:1/b"],"paused":true}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_recorded_but_not_answered_is_not_done_twice() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let remains = Remains::of(dir.path());
    let binary = Path::new(env!("CARGO_BIN_EXE_haul"));
    let none: [&str; 0] = [];
    let key = [
        ("Idempotency-Key", "k"),
        ("Content-Type", "application/json"),
    ];

    let armed = [("HAUL_CRASH_AT", "added:1")];
    let daemon = Daemon::start_with(Command::new(binary), dir.path(), &none, &armed).await;
    let daemon = daemon.unwrap_or_else(|fallen| panic!("{}", fallen.said()));
    let url = daemon.url("/api/v1/downloads");
    let unheard = http::request_with("POST", &url, &key, BODY).await;
    assert!(unheard.is_err(), "it was killed before it could answer");
    daemon.ended(Duration::from_secs(60)).await;
    assert_eq!(remains.records().await.len(), 2);

    let daemon = Daemon::start(binary, dir.path(), &none).await;
    let url = daemon.url("/api/v1/downloads");
    let again = http::request_with("POST", &url, &key, BODY).await;
    let again = again.expect("an answer");
    assert_eq!(again.status, 201, "{}", again.text());
    let downloads = again.json()["downloads"].as_array().map(Vec::len);
    assert_eq!(downloads, Some(2));
    daemon.terminate().await;
    assert_eq!(remains.records().await.len(), 2);
}
