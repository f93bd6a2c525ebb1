//! What browsers tell about the page that a request comes from, and what answers tell browsers. Decides
//! which pages may ask; knows no token and no command.
//!
//! `Origin` alone does not do: a picture, a script, a link or a form that only reads sends none. The
//! Fetch Metadata headers, which no page can set, tell such requests from a program's.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use url::Url;

use super::aria2;
use super::error::{ApiError, Edge};
use super::origin::Served;

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Who asks, as far as a browser tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// A program, or a person who has typed the address.
    Nobody,
    /// A page of ours.
    OwnPage,
    /// A page that may call, with its `Origin`.
    OtherPage(HeaderValue),
    /// A page that may call, by a tag and not by a script: it says no `Origin`.
    OtherTag,
}

impl Asker {
    /// Whether a cookie may speak for this request. Browsers send it along for whoever makes them ask, a
    /// page on another port of the same host included.
    pub(super) fn may_use_cookie(&self, request: &Request) -> bool {
        match self {
            Asker::OwnPage => true,
            Asker::OtherPage(_) | Asker::OtherTag => false,
            // Without encryption beyond loopback browsers tell nothing of a page that reads; of one that
            // changes something they always tell the `Origin`.
            Asker::Nobody => is_harmless(request),
        }
    }
}

fn is_harmless(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
        && !request.headers().contains_key(header::UPGRADE)
        // Reading there is enough to command.
        && request.uri().path() != aria2::PATH
}

/// Who asks at `host`, unless it is a page that may not.
pub(super) fn asker(request: &Request, host: &str, served: &Served) -> Result<Asker, ApiError> {
    let headers = request.headers();
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (Some(origin), None) => by_origin(origin, host, headers, served),
        (Some(_), Some(_)) => Err(refused("two origins")),
        (None, _) => by_site(request, served),
    }
}

fn by_origin(
    origin: &HeaderValue,
    host: &str,
    headers: &HeaderMap,
    served: &Served,
) -> Result<Asker, ApiError> {
    let text = origin.to_str().map_err(|_| refused("…"))?;
    if !served.admits(text, host) {
        return Err(refused(text));
    }
    // Behind a proxy that adds TLS, our own page has an origin that had to be allowed. WebSockets come
    // without the browser's word for it, and proxies may change the host.
    let is_own = served.is_own(text, host)
        || served.is_shown(text, host)
        || headers.get(SITE).is_some_and(|site| site == "same-origin");
    Ok(match is_own {
        true => Asker::OwnPage,
        false => Asker::OtherPage(origin.clone()),
    })
}

fn by_site(request: &Request, served: &Served) -> Result<Asker, ApiError> {
    let headers = request.headers();
    let mut sites = headers.get_all(SITE).iter();
    let site = match (sites.next(), sites.next()) {
        (None, _) => return Ok(Asker::Nobody),
        (Some(site), None) => site.as_bytes(),
        (Some(_), Some(_)) => return Err(refused("two sites")),
    };
    match site {
        b"same-origin" => Ok(Asker::OwnPage),
        b"none" => Ok(Asker::Nobody),
        _ if is_visit(request) => Ok(Asker::Nobody),
        _ if is_referred_by(headers, served) => Ok(Asker::OtherTag),
        _ => Err(refused("another site")),
    }
}

/// Whether somebody follows a link to the page itself: seen by a person, read by no other page.
fn is_visit(request: &Request) -> bool {
    let headers = request.headers();
    let is = |name, value: &str| headers.get(name).is_some_and(|found| found == value);
    is_harmless(request)
        && request.uri().path() == "/"
        && is(MODE, "navigate")
        && is(DEST, "document")
}

/// Whether the page that a tag stands in may call. No page can write another's address here.
fn is_referred_by(headers: &HeaderMap, served: &Served) -> bool {
    let referer = headers.get(header::REFERER);
    let page = referer.and_then(|page| Url::parse(page.to_str().ok()?).ok());
    page.is_some_and(|page| served.is_allowed(&page.origin().ascii_serialization()))
}

/// Sends a browser on to the page.
pub(super) fn onward(headers: &HeaderMap) -> Response {
    if headers.get(SITE).is_none_or(|site| site != "cross-site") {
        let page = [(header::LOCATION, HeaderValue::from_static("/"))];
        return (StatusCode::SEE_OTHER, page).into_response();
    }
    // As long as it is another site's link that leads it, it keeps our cookie back: it has to come from a
    // page of ours, which the usual policy would keep from going anywhere.
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ];
    let page =
        "<!doctype html><title>haul</title><meta http-equiv=\"refresh\" content=\"0;url=/\">";
    (headers, page).into_response()
}

fn refused(shown: &str) -> ApiError {
    ApiError::edge(
        Edge::OriginRefused,
        format!(
            "pages of \"{shown}\" may not call; list the origin in \"allowed_origins\" to let them"
        ),
    )
}

/// What every answer tells browsers: take it for what it says it is, keep no copy, put it into no frame,
/// let no other page read it, run nothing in it, and tell nobody its address. Whoever answers may have
/// said otherwise about copies and about what runs: the page does.
pub(super) fn protect(response: &mut Response, asker: Option<&Asker>) {
    const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
    const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
    let headers = response.headers_mut();
    let reach = match asker {
        Some(Asker::OtherPage(_) | Asker::OtherTag) => "cross-origin",
        _ => "same-origin",
    };
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (OPENER, "same-origin"),
        (RESOURCE, reach),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
        ),
    ] {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn served() -> Served {
        let listening = ["127.0.0.1:8765".parse().expect("an address")];
        let scheme = crate::api::origin::Scheme::Http;
        let allowed = ["https://ui.example".to_owned()];
        Served::new("localhost", &allowed, &listening, scheme)
    }

    fn ask(request: &str, headers: &[(&str, &str)]) -> Result<Asker, String> {
        let (method, target) = request.split_once(' ').expect("a method and a target");
        let mut builder = http::Request::builder().method(method).uri(target);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let request = builder.body(Body::empty()).expect("a request");
        asker(&request, "localhost:8765", &served()).map_err(|error| error.to_string())
    }

    #[test]
    fn our_own_page_behind_a_proxy_is_told_from_another_allowed_one() {
        let page = ("origin", "https://ui.example");
        let same = ("sec-fetch-site", "same-origin");
        let cross = ("sec-fetch-site", "cross-site");
        let other = Ok(Asker::OtherPage(HeaderValue::from_static(page.1)));
        assert_eq!(ask("POST /api", &[page, same]), Ok(Asker::OwnPage));
        assert_eq!(ask("POST /api", &[page, cross]), other);
        assert_eq!(ask("POST /api", &[page]), other);
        // What the browser says of a page that may not call changes nothing.
        let evil = ("origin", "https://evil.example");
        assert!(ask("POST /api", &[evil, same]).is_err());
        // Under another name of ours it is our page, too, but the cookie is not that name's.
        let twin = ("origin", "http://127.0.0.1:8765");
        let other_name = Ok(Asker::OtherPage(HeaderValue::from_static(twin.1)));
        assert_eq!(ask("POST /api", &[twin]), other_name);
        // Chromium says nothing about a WebSocket.
        let upgrade = http::Request::builder()
            .uri("/api/v1/ws")
            .header(page.0, page.1);
        let upgrade = upgrade.body(Body::empty()).expect("a request");
        let at = |host| asker(&upgrade, host, &served()).map_err(|error| error.to_string());
        assert_eq!(at("ui.example"), Ok(Asker::OwnPage));
        assert_eq!(at("localhost:8765"), other);
    }

    const CROSS: (&str, &str) = ("sec-fetch-site", "cross-site");
    const VISIT: [(&str, &str); 2] = [
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];

    #[test]
    fn a_tag_in_a_foreign_page_is_told_from_a_program() {
        assert_eq!(ask("GET /api", &[]), Ok(Asker::Nobody));
        for site in ["cross-site", "same-site", "nonsense", ""] {
            for path in ["GET /api", "GET /", "HEAD /", "GET /jsonrpc", "POST /api"] {
                let asked = ask(path, &[("sec-fetch-site", site)]);
                assert!(asked.is_err(), "{site} {path}: {asked:?}");
            }
        }
        let twice = [CROSS, ("sec-fetch-site", "none")];
        assert!(ask("GET /api", &twice).is_err());
        let typed = ask("GET /api", &[("sec-fetch-site", "none")]);
        assert_eq!(typed, Ok(Asker::Nobody));
        let own = ask("GET /api", &[("sec-fetch-site", "same-origin")]);
        assert_eq!(own, Ok(Asker::OwnPage));
    }

    #[test]
    fn a_link_leads_to_the_page_and_nowhere_else() {
        let link = [CROSS, VISIT[0], VISIT[1]];
        assert_eq!(ask("GET /", &link), Ok(Asker::Nobody));
        assert_eq!(ask("GET /?token=t", &link), Ok(Asker::Nobody));
        for elsewhere in ["GET /api/v1/downloads", "GET /jsonrpc?method=m", "POST /"] {
            assert!(ask(elsewhere, &link).is_err(), "{elsewhere}");
        }
        let frame = [CROSS, VISIT[0], ("sec-fetch-dest", "iframe")];
        assert!(ask("GET /", &frame).is_err());
        let upgrade = [CROSS, VISIT[0], VISIT[1], ("upgrade", "websocket")];
        assert!(ask("GET /", &upgrade).is_err());
    }

    #[test]
    fn a_tag_in_an_allowed_page_is_known_by_its_referer() {
        let by = |referer| ask("GET /jsonrpc", &[CROSS, ("referer", referer)]);
        assert_eq!(by("https://ui.example/a?b"), Ok(Asker::OtherTag));
        for other in [
            "https://ui.example.evil/",
            "https://evil/https://ui.example/",
            "http://ui.example/",
            "https://ui.example@evil/",
            "null",
        ] {
            assert!(by(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_cookie_speaks_for_our_own_page_and_for_who_only_reads() {
        let request = |text: &str| {
            let (method, target) = text.split_once(' ').expect("a method and a target");
            let builder = http::Request::builder().method(method).uri(target);
            builder.body(Body::empty()).expect("a request")
        };
        let page = Asker::OtherPage(HeaderValue::from_static("https://ui.example"));
        for text in ["GET /api", "POST /api", "GET /jsonrpc"] {
            assert!(Asker::OwnPage.may_use_cookie(&request(text)), "{text}");
            assert!(!page.may_use_cookie(&request(text)), "{text}");
            assert!(!Asker::OtherTag.may_use_cookie(&request(text)), "{text}");
        }
        assert!(Asker::Nobody.may_use_cookie(&request("GET /api")));
        for text in ["POST /api", "DELETE /api", "GET /jsonrpc"] {
            assert!(!Asker::Nobody.may_use_cookie(&request(text)), "{text}");
        }
    }
}
