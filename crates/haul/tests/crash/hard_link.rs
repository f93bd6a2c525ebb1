//! Where a rename cannot refuse an existing name, delivery is a hard link and then a deletion. A kill
//! in between leaves one file under both names, and must not lead to a second copy.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use haul_testkit::crash::{Remains, Wanted};
use haul_testkit::daemon::Daemon;
use haul_testkit::http;
use haul_testkit::origin::Origin;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_under_both_names_is_delivered_once() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (origin, remains) = (Origin::start().await, Remains::of(dir.path()));
    let url: String = origin.url("/a.bin?size=100K&seed=1").into();
    let binary = Path::new(env!("CARGO_BIN_EXE_haul"));
    let none: [&str; 0] = [];

    // Killed between the record of the final path and the rename …
    let armed = [("HAUL_CRASH_AT", "targeted:1")];
    let daemon = Daemon::start_with(Command::new(binary), dir.path(), &none, &armed).await;
    let daemon = daemon.unwrap_or_else(|fallen| panic!("{}", fallen.said()));
    let body = json!({ "urls": [url] }).to_string();
    let add = daemon.url("/api/v1/downloads");
    // … which may be before the answer.
    let _ = http::request("POST", &add, body.as_bytes()).await;
    daemon.ended(Duration::from_secs(60)).await;
    let records = remains.records().await;
    let [record] = records.as_slice() else {
        panic!("one record: {records:#?}");
    };
    let (scratch, path) = (record.scratch.as_ref(), record.path.as_ref());
    let (scratch, path) = scratch.zip(path).expect("it is being delivered");
    std::fs::hard_link(scratch, path).expect("a second name");

    let daemon = Daemon::start(binary, dir.path(), &none).await;
    let list = daemon.url("/api/v1/downloads");
    let over = async {
        loop {
            let answer = http::request("GET", &list, b"").await.expect("an answer");
            if answer.json()["downloads"][0]["status"] == "completed" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), over).await;
    waited.expect("it is delivered");
    daemon.terminate().await;
    let wanted = Wanted {
        url,
        name: "a.bin".to_owned(),
        seed: 1,
        size: 100 << 10,
    };
    let verdict = remains.judge(&[wanted]).await;
    verdict.assert_clean("both names were there");
    assert_eq!(origin.log().len(), 1, "it was there already");
}
