//! Requests at the guard: who is let in and who is not.

use super::*;
use axum::Router;
use axum::body::Body;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

const TOKEN: &str = "s3cret-token";

fn guard(token: Option<&str>) -> Arc<Guard> {
    let options = ApiOptions {
        host: "localhost".into(),
        token: token.map(str::to_owned),
        allowed_origins: vec!["https://ui.example".into()],
        lang: crate::api::Lang::Ru,
        console_batches: crate::api::Batches::Any,
        root: "/srv/files".into(),
        state: "/srv/files/.haul".into(),
        quit: tokio_util::sync::CancellationToken::new(),
    };
    let listening = [SocketAddr::from(([127, 0, 0, 1], 8765))];
    Arc::new(Guard::new(&options, &listening, Scheme::Http, Audit::new()))
}

async fn ask(guard: &Arc<Guard>, request: &str, headers: &[(&str, &str)]) -> Response {
    let (method, target) = request.split_once(' ').expect("a method and a target");
    let mut builder = http::Request::builder().method(method).uri(target);
    if !headers.iter().any(|(name, _)| *name == "host") {
        builder = builder.header("host", "localhost:8765");
    }
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let request = builder.body(Body::empty()).expect("a request");
    let router = Router::new()
        .route("/", get(async || "page"))
        .route("/healthz", get(async || "ok"))
        .route("/api", get(async || "api").post(async || "posted"))
        .layer(from_fn_with_state(guard.clone(), check));
    let Ok(response) = TowerToHyperService::new(router).call(request).await;
    response
}

async fn status(guard: &Arc<Guard>, request: &str, headers: &[(&str, &str)]) -> u16 {
    ask(guard, request, headers).await.status().as_u16()
}

#[tokio::test]
async fn a_foreign_host_or_page_is_refused_everywhere() {
    let guard = guard(None);
    for path in [
        "GET /",
        "GET /api",
        "GET /nowhere",
        "GET /healthz",
        "OPTIONS /api",
    ] {
        assert_eq!(
            status(&guard, path, &[("host", "evil.example")]).await,
            403,
            "{path}"
        );
        let origin = ("origin", "https://evil.example");
        assert_eq!(status(&guard, path, &[origin]).await, 403, "{path}");
        assert_eq!(
            status(&guard, path, &[("origin", "null")]).await,
            403,
            "{path}"
        );
        let upgrade = [("upgrade", "websocket"), ("connection", "upgrade"), origin];
        assert_eq!(status(&guard, path, &upgrade).await, 403, "{path}");
    }
    assert_eq!(status(&guard, "GET /api", &[]).await, 200);
    let own = ("origin", "http://localhost:8765");
    assert_eq!(status(&guard, "POST /api", &[own]).await, 200);
    let two = [("host", "localhost:8765"), ("host", "evil.example")];
    assert_eq!(status(&guard, "GET /api", &two).await, 403);
    let absolute = "GET http://evil.example/api";
    assert_eq!(status(&guard, absolute, &[]).await, 403);
}

#[tokio::test]
async fn an_allowed_page_may_ask_and_read() {
    let guard = guard(Some(TOKEN));
    let page = ("origin", "https://ui.example");
    let asked = [page, ("access-control-request-method", "PATCH")];
    let preflight = ask(&guard, "OPTIONS /api", &asked).await;
    assert_eq!(preflight.status(), 204);
    let headers = preflight.headers();
    assert_eq!(
        headers[header::ACCESS_CONTROL_ALLOW_ORIGIN],
        "https://ui.example"
    );
    assert!(
        headers[header::ACCESS_CONTROL_ALLOW_METHODS]
            .to_str()
            .is_ok_and(|all| all.contains("PATCH"))
    );
    let refused = ask(&guard, "GET /api", &[page]).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(
        refused.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN],
        "https://ui.example"
    );
    // Our own page and programs need no such header.
    let own = ask(
        &guard,
        "GET /healthz",
        &[("origin", "http://localhost:8765")],
    )
    .await;
    assert!(
        !own.headers()
            .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
    );
}

#[tokio::test]
async fn a_token_is_wanted_of_everybody_and_taken_in_each_form() {
    let guard = guard(Some(TOKEN));
    let bearer = format!("Bearer {TOKEN}");
    let protocols = format!("haul.v1, bearer.{TOKEN}");
    for (request, headers, expected) in [
        ("GET /api", vec![], 401),
        ("GET /", vec![], 401),
        ("GET /nowhere", vec![], 401),
        ("GET /healthz", vec![], 200),
        ("GET /api", vec![("authorization", bearer.as_str())], 200),
        (
            "GET /api",
            vec![("authorization", "Bearer s3cret-toke")],
            401,
        ),
        (
            "GET /api",
            vec![("authorization", "Basic s3cret-token")],
            401,
        ),
        ("GET /api", vec![("authorization", "Bearer ")], 401),
        (
            "GET /api",
            vec![("sec-websocket-protocol", protocols.as_str())],
            200,
        ),
        (
            "GET /api",
            vec![("sec-websocket-protocol", "bearer.wrong")],
            401,
        ),
        ("GET /api", vec![("cookie", "haul_8765=s3cret-token")], 401),
        ("GET /api?token=s3cret-token", vec![], 401),
        ("POST /?token=s3cret-token", vec![], 401),
        ("GET /?token=wrong", vec![], 401),
        (
            "GET /?token=s3cret-token",
            vec![("upgrade", "websocket")],
            401,
        ),
    ] {
        assert_eq!(
            status(&guard, request, &headers).await,
            expected,
            "{request} {headers:?}"
        );
    }
}

#[tokio::test]
async fn a_token_in_the_address_is_swapped_for_a_cookie() {
    let guard = guard(Some(TOKEN));
    let swapped = ask(&guard, "GET /?token=s3cret-token", &[]).await;
    assert_eq!(swapped.status(), 303);
    assert_eq!(swapped.headers()[header::LOCATION], "/");
    let cookie = swapped.headers()[header::SET_COOKIE]
        .to_str()
        .expect("text");
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    assert!(!cookie.contains(TOKEN), "{cookie}");
    let pair = cookie.split(';').next().expect("a pair");
    let kept = format!("other=1; {pair}");
    assert_eq!(status(&guard, "GET /api", &[("cookie", &kept)]).await, 200);
    let cut = &pair[..pair.len() - 1];
    assert_eq!(status(&guard, "GET /api", &[("cookie", cut)]).await, 401);
}

/// Browsers keep a strict cookie back as long as another site's link leads them.
#[tokio::test]
async fn whoever_follows_a_link_from_another_site_goes_on_from_a_page_of_ours() {
    let guard = guard(Some(TOKEN));
    let led = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    let page = ask(&guard, "GET /?token=s3cret-token", &led).await;
    assert_eq!(page.status(), 200);
    let headers = page.headers();
    assert!(headers.contains_key(header::SET_COOKIE));
    let policy = headers[header::CONTENT_SECURITY_POLICY]
        .to_str()
        .expect("text");
    assert!(!policy.contains("sandbox"), "{policy}");
    let wrong = ask(&guard, "GET /?token=wrong", &led).await;
    assert_eq!(wrong.status(), 401);
}

/// A proxy that adds TLS shows the daemon at an origin that had to be allowed.
#[tokio::test]
async fn behind_a_proxy_our_own_page_keeps_its_cookie_and_only_encrypted() {
    let guard = guard(Some(TOKEN));
    let shown = ("host", "ui.example");
    let swapped = ask(&guard, "GET /?token=s3cret-token", &[shown]).await;
    let cookie = swapped.headers()[header::SET_COOKIE]
        .to_str()
        .expect("text");
    assert!(cookie.ends_with("; Secure"), "{cookie}");
    let kept = ("cookie", cookie.split(';').next().expect("a pair"));
    let page = ("origin", "https://ui.example");
    assert_eq!(status(&guard, "POST /api", &[shown, kept, page]).await, 200);
    let site = ("sec-fetch-site", "same-origin");
    assert_eq!(status(&guard, "POST /api", &[kept, page, site]).await, 200);
    // The same page, when it calls a daemon that is elsewhere.
    assert_eq!(status(&guard, "POST /api", &[kept, page]).await, 401);
    let plain = ask(&guard, "GET /?token=s3cret-token", &[]).await;
    let cookie = plain.headers()[header::SET_COOKIE].to_str().expect("text");
    assert!(!cookie.contains("Secure"), "{cookie}");
}

#[tokio::test]
async fn without_a_token_none_is_wanted() {
    let guard = guard(None);
    assert_eq!(status(&guard, "GET /api", &[]).await, 200);
    assert_eq!(status(&guard, "GET /?token=any", &[]).await, 200);
}
