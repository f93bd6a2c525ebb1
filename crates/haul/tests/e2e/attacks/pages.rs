//! Requests as browsers send them for pages that may not ask, and as rebound names and crooked clients do.

use super::{TOKEN, WITH_TOKEN, downloads, send, status_of};
use crate::world::World;

const HOST: &str = "Host: 127.0.0.1:PORT";

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_in_a_foreign_page_reads_and_commands_nothing() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    for site in ["cross-site", "same-site"] {
        let site = format!("Sec-Fetch-Site: {site}");
        for path in [
            "/",
            "/healthz",
            "/readyz",
            "/api/v1/downloads",
            "/api/v1/events",
            "/jsonrpc?method=aria2.addUri&id=1&params=W1siaHR0cDovLzEyNy4wLjAuMToxL2EiXV0=",
            "/nowhere",
        ] {
            for mode in ["no-cors", "navigate", "websocket"] {
                let mode = format!("Sec-Fetch-Mode: {mode}");
                let lines = [HOST, &site, &mode, "Sec-Fetch-Dest: iframe"];
                let status = status_of(&daemon, &format!("GET {path}"), &lines).await;
                assert_eq!(status, 403, "{path} {lines:?}");
            }
        }
        for method in ["POST", "PATCH", "DELETE", "PUT"] {
            let first = format!("{method} /api/v1/downloads");
            let status = status_of(&daemon, &first, &[HOST, &site]).await;
            assert_eq!(status, 403, "{method}");
        }
    }
    let typed = [HOST, "Sec-Fetch-Site: none"];
    assert_eq!(status_of(&daemon, "GET /api/v1/stats", &typed).await, 200);
    assert_eq!(downloads(&daemon).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_from_another_site_leads_to_the_page_only() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let link = [
        HOST,
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-Dest: document",
    ];
    assert_eq!(status_of(&daemon, "GET /", &link).await, 200);
    for elsewhere in ["GET /api/v1/downloads", "POST /", "GET /jsonrpc"] {
        assert_eq!(status_of(&daemon, elsewhere, &link).await, 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_host_of_ours_said_once_is_served() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    for lines in [
        &[][..],
        &["Host:"],
        &["Host: evil.example"],
        &["Host: evil.example:PORT"],
        &["Host: 127.0.0.1:PORT", "Host: evil.example"],
        &["Host: 127.0.0.1:PORT", "Host: 127.0.0.1:PORT"],
        &["Host: 127.0.0.1:PORT, evil.example"],
        &["Host: 127.0.0.1:1"],
        &["Host: 127.0.0.1.:1"],
        &["Host: 127.0.0.1.evil.example:PORT"],
        &["Host: localhost.evil.example:PORT"],
        &["Host: evil.example@127.0.0.1:PORT"],
        &["Host: 127.0.0.1:PORT@evil.example"],
        &["Host: [::1%25lo]:PORT"],
        &["Host: [::2]:PORT"],
        &["Host: 127.0.0.2:PORT"],
        &["Host: 127.1:PORT"],
        &["Host: 0x7f000001:PORT"],
        &["Host: 0.0.0.0:PORT"],
    ] {
        let status = status_of(&daemon, "GET /api/v1/stats", lines).await;
        assert!([400, 403].contains(&status), "{lines:?}: {status}");
    }
    for first in [
        "GET http://evil.example/api/v1/stats",
        "GET http://127.0.0.1:1/api/v1/stats",
        "GET //evil.example/api/v1/stats",
    ] {
        let status = status_of(&daemon, first, &[HOST]).await;
        assert!([400, 403, 404].contains(&status), "{first}: {status}");
    }
    for host in ["127.0.0.1:PORT", "LocalHost:PORT", "localhost.:PORT"] {
        let line = format!("Host: {host}");
        let status = status_of(&daemon, "GET /api/v1/stats", &[&line]).await;
        assert_eq!(status, 200, "{host}");
    }
    let absolute = format!("GET http://127.0.0.1:{}/api/v1/stats", daemon.port());
    assert_eq!(status_of(&daemon, &absolute, &[HOST]).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_is_ours_to_the_letter_or_it_is_refused() {
    let world = World::new();
    let daemon = world
        .daemon(&["--allowed-origins", "https://friend.example"])
        .await;
    for origin in [
        "null",
        "",
        "https://127.0.0.1:PORT",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "http://localhost",
        "http://localhost:1",
        "https://localhost:PORT",
        "http://127.0.0.2:PORT",
        "http://[::1]:PORT",
        "http://localhost.evil.example:PORT",
        "http://evil.localhost:PORT",
        "http://127.0.0.1:PORT.evil.example",
        "http://127.0.0.1:PORT@evil.example",
        "http://evil.example/http://127.0.0.1:PORT",
        "http://friend.example",
        "https://friend.example:444",
        "https://a.friend.example",
        "https://friend.example.evil.example",
        "https://friendxexample",
        "file://",
        "chrome-extension://abc",
        "http://127.0.0.1:PORT http://evil.example",
    ] {
        let origin = format!("Origin: {origin}");
        // A preflight that is answered is as good as a request that is.
        for first in ["GET /api/v1/stats", "OPTIONS /api/v1/downloads", "GET /"] {
            let asked = "Access-Control-Request-Method: POST";
            let upgrade = ["Upgrade: websocket", "Connection: upgrade"];
            let lines = [HOST, &origin, asked, upgrade[0], upgrade[1]];
            assert_eq!(status_of(&daemon, first, &lines).await, 403, "{origin}");
        }
    }
    let twice = [
        HOST,
        "Origin: http://127.0.0.1:PORT",
        "Origin: https://evil",
    ];
    assert_eq!(status_of(&daemon, "GET /api/v1/stats", &twice).await, 403);
    // The daemon listens on loopback, where `localhost` is its name, too.
    for origin in [
        "http://127.0.0.1:PORT",
        "http://localhost:PORT",
        "https://Friend.example",
    ] {
        let origin = format!("Origin: {origin}");
        let status = status_of(&daemon, "GET /api/v1/stats", &[HOST, &origin]).await;
        assert_eq!(status, 200, "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_allowed_pages_are_told_that_they_may_read() {
    let world = World::new();
    let daemon = world
        .daemon(&["--allowed-origins", "https://friend.example"])
        .await;
    for (origin, may) in [
        ("https://friend.example", true),
        ("https://evil.example", false),
    ] {
        for method in ["OPTIONS", "GET"] {
            let request = format!(
                "{method} /api/v1/stats HTTP/1.1\r\nConnection: close\r\nHost: 127.0.0.1:{}\r\n\
                 Origin: {origin}\r\nAccess-Control-Request-Method: GET\r\n\r\n",
                daemon.port()
            );
            let answer = send(&daemon, request.as_bytes()).await.expect("an answer");
            let told = answer.header("access-control-allow-origin");
            assert_eq!(told, may.then_some(origin), "{method} of {origin}");
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_does_not_speak_for_a_page_on_another_port_of_the_same_host() {
    let world = World::new();
    let daemon = world.daemon(&WITH_TOKEN).await;
    let request = format!(
        "GET /?token={TOKEN} HTTP/1.1\r\nConnection: close\r\nHost: 127.0.0.1:{}\r\n\r\n",
        daemon.port()
    );
    let answer = send(&daemon, request.as_bytes()).await.expect("an answer");
    let cookie = answer.header("set-cookie").expect("a cookie").to_owned();
    assert!(!cookie.contains(TOKEN), "{cookie}");
    let cookie = format!("Cookie: {}", cookie.split(';').next().expect("a pair"));
    let status = async |first: &str, lines: &[&str]| {
        let lines = [&[HOST, cookie.as_str()], lines].concat();
        status_of(&daemon, first, &lines).await
    };
    // Same site, so the browser sends the cookie along; a tag says no `Origin`.
    for site in ["Sec-Fetch-Site: same-site", "Sec-Fetch-Site: cross-site"] {
        assert_eq!(status("GET /api/v1/stats", &[site]).await, 403);
        assert_eq!(status("POST /api/v1/downloads", &[site]).await, 403);
    }
    // A browser that tells nothing of reading, or a form of a browser that never says `Origin`.
    assert_eq!(status("POST /api/v1/downloads", &[]).await, 401);
    // As aria2 says that the token is missing.
    let version = "GET /jsonrpc?method=aria2.getVersion&id=1";
    assert_eq!(status(version, &[]).await, 400);
    let upgrade = ["Upgrade: websocket", "Connection: upgrade"];
    assert_eq!(status("GET /api/v1/ws", &upgrade).await, 401);
    // Our own page: by its origin, or by what the browser says.
    let own = "Origin: http://127.0.0.1:PORT";
    assert_eq!(status(version, &[own]).await, 200);
    assert_eq!(status("POST /api/v1/downloads", &[own]).await, 422);
    assert_eq!(
        status("GET /api/v1/stats", &["Sec-Fetch-Site: same-origin"]).await,
        200
    );
    assert_eq!(status("GET /api/v1/stats", &[]).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_tells_browsers_to_keep_it_to_themselves() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    for (target, host) in [
        ("/", "127.0.0.1"),
        ("/api/v1/downloads", "127.0.0.1"),
        ("/nowhere", "127.0.0.1"),
        ("/", "evil.example"),
    ] {
        let request = format!(
            "GET {target} HTTP/1.1\r\nConnection: close\r\nHost: {host}:{}\r\n\r\n",
            daemon.port()
        );
        let answer = send(&daemon, request.as_bytes()).await.expect("an answer");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{target} at {host}");
        }
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    }
}
