//! Who may ask at all: `Host`, then `Origin`, then the token, for every path and every upgrade.
//! Knows no command. Tokens are compared in constant time and reach no log.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::ApiOptions;
use super::error::{ApiError, Edge};
use super::origin::Served;

/// What the checks are made against.
pub(super) struct Guard {
    served: Served,
    key: Option<Key>,
}

/// The token, as far as checking needs it.
struct Key {
    /// The digest of the token: comparing digests hides the token's length too.
    token: [u8; 32],
    /// What the browser keeps in its place, so that the cookie does not give the token away.
    cookie: String,
    /// Cookies are shared by all ports of a host: the name tells daemons apart.
    cookie_name: String,
    /// `; Secure` where the server speaks TLS.
    cookie_scope: &'static str,
}

impl Guard {
    /// For a daemon at these addresses. `is_tls` says whether the server itself speaks TLS.
    pub(super) fn new(options: &ApiOptions, listening: &[SocketAddr], scheme: Scheme) -> Guard {
        let port = listening.first().map_or(0, SocketAddr::port);
        let key = options.token.as_deref().map(|token| Key {
            token: Sha256::digest(token).into(),
            cookie: hex(&Sha256::digest(format!("haul cookie\0{token}"))),
            cookie_name: format!("haul_{port}"),
            cookie_scope: match scheme {
                Scheme::Http => "",
                Scheme::Https => "; Secure",
            },
        });
        Guard {
            served: Served::new(&options.host, &options.allowed_origins, listening),
            key,
        }
    }
}

/// What the server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

/// Checks a request, answers preflights, and names the allowed page in the answer.
pub(super) async fn check(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let host = match host(&request, &guard.served) {
        Ok(host) => host,
        Err(error) => return error.into_response(),
    };
    let page = match page(request.headers(), &host, &guard.served) {
        Ok(page) => page,
        Err(error) => return error.into_response(),
    };
    let mut response = if is_preflight(&request) {
        preflight(page.is_some(), request.headers())
    } else {
        match guard.key.as_ref().map_or(Pass::Free, |key| key.pass(&request)) {
            Pass::Free => next.run(request).await,
            Pass::Exchange(cookie) => exchange(cookie),
            Pass::Refused => ApiError::edge(
                Edge::Unauthorized,
                "the token is missing or wrong; send \"Authorization: Bearer TOKEN\", or for a WebSocket the subprotocol \"bearer.TOKEN\"",
            )
            .into_response(),
        }
    };
    if let Some(page) = page {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, page);
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("www-authenticate, retry-after, allow"),
        );
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    response
}

/// The `Host` of a request, if it is one that we serve.
fn host(request: &Request, served: &Served) -> Result<String, ApiError> {
    let refuse = |shown: &str| {
        ApiError::edge(
            Edge::HostRefused,
            format!(
                "\"{shown}\" is not a name of this daemon; use its address, or set \"host\" or \"allowed_origins\""
            ),
        )
    };
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().map_err(|_| refuse("…"))?,
        (None, _) => return Err(refuse("")),
        (Some(_), Some(_)) => return Err(refuse("two hosts")),
    };
    // A proxy's form of the request line has a host of its own (RFC 9112 §3.2.2).
    let asked = request.uri().authority().map(http::uri::Authority::as_str);
    for name in [Some(host), asked].into_iter().flatten() {
        if !served.serves(name) {
            return Err(refuse(name));
        }
    }
    Ok(host.to_owned())
}

/// The `Origin` when it is another page that may call; `None` for programs and our own page.
fn page(headers: &HeaderMap, host: &str, served: &Served) -> Result<Option<HeaderValue>, ApiError> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let refuse = |shown: &str| {
        ApiError::edge(
            Edge::OriginRefused,
            format!(
                "pages of \"{shown}\" may not call; list the origin in \"allowed_origins\" to let them"
            ),
        )
    };
    let origin = match (origins.next(), origins.next()) {
        (None, _) => return Ok(None),
        (Some(origin), None) => origin,
        (Some(_), Some(_)) => return Err(refuse("two origins")),
    };
    let text = origin.to_str().map_err(|_| refuse("…"))?;
    if !served.admits(text, host) {
        return Err(refuse(text));
    }
    Ok(served.is_allowed(text).then(|| origin.clone()))
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// What a page may do, asked before it does it. Our own page never needs to ask.
fn preflight(is_other_page: bool, asked: &HeaderMap) -> Response {
    const PRIVATE_ASKED: HeaderName =
        HeaderName::from_static("access-control-request-private-network");
    const PRIVATE: HeaderName = HeaderName::from_static("access-control-allow-private-network");
    let mut response = StatusCode::NO_CONTENT.into_response();
    if !is_other_page {
        return response;
    }
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, PATCH, DELETE"),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("authorization, content-type, idempotency-key, last-event-id"),
    );
    headers.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static("600"),
    );
    // Asked by a public page about a daemon on a private address.
    if asked.contains_key(PRIVATE_ASKED) {
        headers.insert(PRIVATE, HeaderValue::from_static("true"));
    }
    response
}

/// What the token check comes to.
enum Pass {
    Free,
    /// The token came in the address of the page: swap it for this cookie.
    Exchange(String),
    Refused,
}

impl Key {
    fn pass(&self, request: &Request) -> Pass {
        let path = request.uri().path();
        let headers = request.headers();
        if path == "/healthz" {
            return Pass::Free;
        }
        let is_page_load = request.method() == Method::GET
            && path == "/"
            && !headers.contains_key(header::UPGRADE);
        if is_page_load && let Some(token) = token_in_query(request.uri().query()) {
            return if self.is_token(&token) {
                Pass::Exchange(self.set_cookie())
            } else {
                Pass::Refused
            };
        }
        let is_known = bearer(headers).is_some_and(|token| self.is_token(token))
            || subprotocol(headers).is_some_and(|token| self.is_token(token))
            || self.has_cookie(headers);
        if is_known { Pass::Free } else { Pass::Refused }
    }

    fn is_token(&self, token: &str) -> bool {
        Sha256::digest(token).ct_eq(&self.token).into()
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.cookie_name)
            .any(|(_, value)| value.as_bytes().ct_eq(self.cookie.as_bytes()).into())
    }

    fn set_cookie(&self) -> String {
        format!(
            "{}={}; Path=/; HttpOnly; SameSite=Strict{}",
            self.cookie_name, self.cookie, self.cookie_scope
        )
    }
}

fn token_in_query(query: Option<&str>) -> Option<String> {
    url::form_urlencoded::parse(query?.as_bytes())
        .find(|(name, _)| name == "token")
        .map(|(_, token)| token.into_owned())
}

/// `Authorization: Bearer TOKEN` (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

/// `bearer.TOKEN` among the WebSocket subprotocols: the only header that a page can set there.
fn subprotocol(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .find_map(|name| name.trim().strip_prefix("bearer."))
}

/// Sends the browser back to the page without the token in its address.
fn exchange(cookie: String) -> Response {
    let Ok(cookie) = HeaderValue::try_from(cookie) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        (header::LOCATION, HeaderValue::from_static("/")),
        (header::SET_COOKIE, cookie),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
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
            lang: super::super::Lang::Ru,
            console_batches: super::super::Batches::Any,
            root: "/srv/files".into(),
        };
        let listening = [SocketAddr::from(([127, 0, 0, 1], 8765))];
        Arc::new(Guard::new(&options, &listening, Scheme::Http))
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

    #[tokio::test]
    async fn without_a_token_none_is_wanted() {
        let guard = guard(None);
        assert_eq!(status(&guard, "GET /api", &[]).await, 200);
        assert_eq!(status(&guard, "GET /?token=any", &[]).await, 200);
    }
}
