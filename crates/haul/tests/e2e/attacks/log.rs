//! What the log says of those who were refused.

use super::{TOKEN, WITH_TOKEN, connect, status_of};
use crate::world::{World, until};
use tokio::io::AsyncWriteExt;

const HOST: &str = "Host: 127.0.0.1:PORT";

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_is_one_line_that_says_who_what_and_why() {
    let world = World::new();
    let daemon = world
        .daemon(&[&WITH_TOKEN[..], &["--log-format", "json"]].concat())
        .await;
    let asked: [(&str, &[&str], &str); 5] = [
        (
            "GET /api/v1/stats?token=wrong-secret",
            &[HOST],
            "unauthorized",
        ),
        (
            "DELETE /api/v1/downloads/1",
            &["Host: evil.example"],
            "host_refused",
        ),
        (
            "POST /api/v1/downloads",
            &[HOST, "Origin: http://evil.example"],
            "origin_refused",
        ),
        (
            "GET /",
            &[HOST, "Authorization: Bearer wrong-secret"],
            "unauthorized",
        ),
        // Its calls have to show the token.
        (
            "GET /jsonrpc?method=aria2.getVersion&id=1",
            &[HOST],
            "unauthorized",
        ),
    ];
    for (first, lines, _) in asked {
        status_of(&daemon, first, lines).await;
    }
    let lines = until("a line for each", async || {
        let said = daemon.said();
        let refused = said.lines().filter(|line| line.contains("\"refused\""));
        let lines: Vec<String> = refused.map(str::to_owned).collect();
        (lines.len() >= asked.len()).then_some(lines)
    })
    .await;
    assert_eq!(lines.len(), asked.len(), "{lines:#?}");
    for ((first, _, code), line) in asked.iter().zip(&lines) {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let fields = &line["fields"];
        assert_eq!(fields["code"], *code);
        let peer = fields["peer"].as_str().expect("a peer");
        assert!(peer.starts_with("127.0.0.1:"), "{peer}");
        let (method, target) = first.split_once(' ').expect("two words");
        let path = target.split('?').next().expect("a path");
        let shown = |name: &str| {
            fields[name]
                .as_str()
                .expect("a text")
                .trim_matches('"')
                .to_owned()
        };
        let method = if target.starts_with("/jsonrpc") {
            "call"
        } else {
            method
        };
        assert_eq!(shown("method"), method);
        assert_eq!(shown("path"), path);
    }
    let said = daemon.said();
    for secret in ["wrong-secret", TOKEN] {
        assert!(!said.contains(secret), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_no_request_at_all_has_a_line_too() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let long = format!("X: {}", "x".repeat(64 << 10));
    assert_eq!(status_of(&daemon, "GET /", &[HOST, &long]).await, 431);
    let crooked = [HOST, "Content-Length: -1"];
    assert_eq!(status_of(&daemon, "POST /", &crooked).await, 400);
    for code in ["head_too_large", "not_http"] {
        until(code, async || daemon.said().contains(code).then_some(())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_refusals_is_few_lines() {
    let world = World::new();
    let daemon = world.daemon(&WITH_TOKEN).await;
    // Thousands on one connection, with a path that would like to be many lines.
    let mut stream = connect(&daemon).await;
    let path = format!("/{}", "%0arefused".repeat(500));
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n",
        daemon.port()
    );
    let (mut reader, mut writer) = stream.split();
    let flood = async {
        for _ in 0..2_000 {
            writer.write_all(request.as_bytes()).await.expect("sent");
        }
        writer.shutdown().await.expect("sent");
    };
    let mut nowhere = tokio::io::sink();
    let drain = tokio::io::copy(&mut reader, &mut nowhere);
    let ((), drained) = tokio::join!(flood, drain);
    drained.expect("answered");
    let said = daemon.said();
    assert!(said.lines().count() < 100, "{} lines", said.lines().count());
    assert!(said.len() < 64 << 10, "{} bytes", said.len());
    assert!(said.contains("too many refusals"), "{said}");
}
