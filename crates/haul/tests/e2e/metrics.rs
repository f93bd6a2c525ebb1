//! `/metrics` tells what happened, in the form that its readers expect, and nothing that is secret.

use std::collections::BTreeMap;

use haul_testkit::http;
use haul_testkit::origin::Origin;
use serde_json::json;

use crate::world::{self, World};

/// Every sample by its name and labels.
async fn samples(url: &str) -> BTreeMap<String, f64> {
    let answer = http::request("GET", url, b"").await.expect("an answer");
    assert_eq!(answer.status, 200);
    let kind = answer.header("content-type").expect("a content type");
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let text = answer.text();
    assert!(!text.contains("secret"), "a URL is in a label: {text}");
    let samples = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let samples = samples.map(|line| {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        (name.to_owned(), value.parse().expect("a number"))
    });
    samples.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_is_counted() {
    let world = World::new();
    let origin = Origin::start().await;
    let daemon = world
        .daemon(&["--retry-wait", "1ms", "--retries", "2"])
        .await;
    let whole = origin.url("/secret-a.bin?size=3M&seed=1");
    let small = origin.url("/secret-b.bin?size=5K&seed=2");
    let busy = origin.url("/secret-c.bin?size=5K&status=503");
    for (url, end) in [(whole, "completed"), (small, "completed"), (busy, "failed")] {
        let id = world::add(&daemon, url.as_str(), json!({})).await;
        world::until_status(&daemon, &id, end).await;
    }
    world::call(&daemon, "GET", "/nothing/here", None).await;
    let samples = samples(&daemon.url("/metrics")).await;
    let told = |name: &str| {
        *samples
            .get(name)
            .unwrap_or_else(|| panic!("{name}: {samples:#?}"))
    };
    assert_eq!(told(r#"haul_downloads{status="completed"}"#), 2.0);
    assert_eq!(told(r#"haul_downloads{status="failed"}"#), 1.0);
    assert_eq!(told(r#"haul_downloads{status="queued"}"#), 0.0);
    assert_eq!(told("haul_bytes_total"), f64::from((3 << 20) + (5 << 10)));
    assert!(told(r#"haul_retries_total{code="busy"}"#) >= 2.0);
    assert!(told("haul_commit_seconds_count") >= 3.0);
    assert!(told("haul_committed_writes_total") >= told("haul_commit_seconds_count"));
    assert!(told("haul_free_space_bytes") > 0.0);
    let added =
        r#"haul_request_seconds_count{route="/api/v1/downloads",method="POST",status="201"}"#;
    assert_eq!(told(added), 3.0);
    let lost = r#"haul_request_seconds_count{route="none",method="GET",status="404"}"#;
    assert_eq!(told(lost), 1.0);
}
