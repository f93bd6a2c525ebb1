//! What stands between a client and the file: statuses, redirects, credentials, limits.

use haul_testkit::origin::{Origin, content};

use crate::raw::{End, Raw, answer, get, statuses};

const PART: &str = "Range: bytes=0-99\r\n";

#[tokio::test]
async fn an_unknown_knob_is_refused_and_remembered() {
    let origin = Origin::start().await;
    let mut raw = Raw::connect(&origin).await;
    raw.get("/a?sise=1", "").await;
    let head = raw.head().await;
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    let why = b"knob \"sise\" is unknown";
    assert_eq!(raw.take(why.len()).await, why);
    assert_eq!(origin.unknown_knobs(), ["knob \"sise\" is unknown"]);
}

#[tokio::test]
async fn a_status_ends_after_its_times_or_at_its_gate() {
    let origin = Origin::start().await;
    let first = answer(
        &origin,
        "/a?size=1&status=503&status_times=2&retry_after=7",
        "",
    )
    .await;
    assert_eq!(
        (first.status, first.header("retry-after")),
        (503, Some("7"))
    );
    let target = "/a?size=1&status=503&status_times=2&retry_after=7";
    assert_eq!(statuses(&origin, target, "", 2).await, [503, 200]);

    let gated = "/a?size=1&status=429&fail_until=g";
    assert_eq!(statuses(&origin, gated, "", 2).await, [429, 429]);
    origin.open_gate("g");
    assert_eq!(statuses(&origin, gated, "", 1).await, [200]);
}

#[tokio::test]
async fn a_one_time_url_answers_once() {
    let origin = Origin::start().await;
    assert_eq!(
        statuses(&origin, "/a?size=1&once", "", 3).await,
        [200, 410, 410]
    );
}

#[tokio::test]
async fn credentials_are_wanted() {
    let origin = Origin::start().await;
    let target = "/a?size=1&basic=user:secret";
    let refused = answer(&origin, target, "").await;
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").is_some());
    let wrong = "Authorization: Basic dXNlcjp3cm9uZw==\r\n";
    assert_eq!(answer(&origin, target, wrong).await.status, 401);
    let right = "Authorization: Basic dXNlcjpzZWNyZXQ=\r\n";
    assert_eq!(answer(&origin, target, right).await.status, 200);
}

#[tokio::test]
async fn an_html_page_comes_after_so_many_requests() {
    let origin = Origin::start().await;
    let target = "/a?size=9&html_error_after=1&fail_times=1";
    let mut types = Vec::new();
    for _ in 0..3 {
        let answer = answer(&origin, target, PART).await;
        types.push((
            answer.status,
            answer.header("content-type") == Some("text/html; charset=utf-8"),
        ));
    }
    assert_eq!(types, [(206, false), (200, true), (206, false)]);
}

#[tokio::test]
async fn ranges_can_be_required_refused_or_limited() {
    let origin = Origin::start().await;
    for (knobs, headers, status) in [
        ("require_range", "", 403),
        ("require_range", PART, 206),
        ("refuse_range=405", "", 200),
        ("refuse_range=405", PART, 405),
        ("long_range=100", PART, 206),
        ("long_range=99", PART, 416),
        ("long_range=99&long_range_status=400", PART, 400),
        ("long_range=1023", "Range: bytes=0-\r\n", 416),
        ("long_range=1024", "Range: bytes=0-\r\n", 206),
    ] {
        let answer = answer(&origin, &format!("/a?size=1K&{knobs}"), headers).await;
        assert_eq!(answer.status, status, "{knobs} {headers}");
    }
    for (knobs, size) in [
        ("long_range=99", Some("bytes */1024")),
        ("refuse_range=416", Some("bytes */1024")),
        ("refuse_range=416&bare_416", None),
        ("refuse_range=405", None),
    ] {
        let answer = answer(&origin, &format!("/a?size=1K&{knobs}"), PART).await;
        assert_eq!(answer.header("content-range"), size, "{knobs}");
    }
}

#[tokio::test]
async fn hops_lead_to_the_file() {
    let origin = Origin::start().await;
    let mut url = origin.url("/dir/a?size=10&redirect=2&redirect_status=307&keepalive=no");
    for _ in 0..2 {
        let target = &url[url::Position::BeforePath..];
        let hop = get(&origin, target, "").await.answer();
        assert_eq!(hop.status, 307);
        let location = hop.header("location").expect("a redirect has one");
        url = url.join(location).expect("it is a reference");
    }
    assert_eq!(url.path(), "/dir/a");
    let end = get(&origin, &url[url::Position::BeforePath..], "").await;
    assert_eq!(end.answer().body, content(0, 0..10));
}

#[tokio::test]
async fn redirects_lead_anywhere_or_round_in_circles() {
    let origin = Origin::start().await;
    let away = answer(&origin, "/a?redirect_to=ftp://x/%2520y", "").await;
    assert_eq!(
        (away.status, away.header("location")),
        (302, Some("ftp://x/%20y"))
    );
    let round = answer(&origin, "/a?redirect_loop", "").await;
    assert_eq!(
        round.header("location"),
        Some("/a?redirect_loop&keepalive=no")
    );
}

#[tokio::test]
async fn an_expired_link_is_healed_by_a_fresh_walk() {
    let origin = Origin::start().await;
    let start = origin.url("/a?size=10&expire_after=2&expire_status=410&keepalive=no");
    let mut links = Vec::new();
    for _ in 0..2 {
        let hop = get(&origin, &start[url::Position::BeforePath..], "")
            .await
            .answer();
        assert_eq!(hop.status, 302);
        let location = hop.header("location").expect("a redirect has one");
        let link = start.join(location).expect("it is a reference");
        let mut statuses = Vec::new();
        for _ in 0..3 {
            let answer = get(&origin, &link[url::Position::BeforePath..], "")
                .await
                .answer();
            statuses.push(answer.status);
        }
        assert_eq!(statuses, [200, 200, 410]);
        links.push(link);
    }
    assert_ne!(links[0], links[1]);
}

#[tokio::test]
async fn one_connection_too_many_is_refused_until_another_ends() {
    let origin = Origin::start().await;
    let target = "/a?size=10&max_conns=1&over_status=429&retry_after=1&gate=g&keepalive=no";
    let mut first = Raw::connect(&origin).await;
    first.get(target, "").await;
    origin.wait_gate("g", 1).await;
    let second = get(&origin, target, "").await.answer();
    assert_eq!(
        (second.status, second.header("retry-after")),
        (429, Some("1"))
    );
    origin.open_gate("g");
    assert_eq!(first.rest().await.answer().body, content(0, 0..10));
    origin.wait_open(0).await;
    assert_eq!(get(&origin, target, "").await.answer().status, 200);

    let target = "/b?size=10&max_conns=1&over_status=reset&gate=h";
    let mut first = Raw::connect(&origin).await;
    first.get(target, "").await;
    origin.wait_gate("h", 1).await;
    let second = get(&origin, target, "").await;
    assert_eq!((second.bytes.len(), second.end), (0, End::Reset));
}
