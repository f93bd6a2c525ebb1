//! Who may ask at all: `Host`, then the page, then the token, for every path and every upgrade.
//! Knows no command. Tokens are compared in constant time and reach no log.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::ApiOptions;
use super::aria2;
use super::audit::{Audit, Peer};
use super::browser::{self, Asker};
use super::error::{ApiError, Edge};
use super::origin::{Scheme, Served};
use crate::web;

/// What the checks are made against.
pub(super) struct Guard {
    served: Served,
    key: Option<Arc<Key>>,
    /// Where calls without the token are told.
    audit: Audit,
}

/// Marks a request whose calls have to show the token.
#[derive(Clone)]
pub(super) struct Unproven {
    key: Arc<Key>,
    audit: Audit,
    peer: Option<Peer>,
}

impl Unproven {
    /// Who has not shown it.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.peer.map(|Peer(address)| address.ip())
    }

    /// Whether a call shows the token. One that does not is told to the log.
    pub(super) fn admits(&self, token: Option<&str>) -> bool {
        let is_right = token.is_some_and(|token| self.key.is_token(token));
        if !is_right {
            let audit = &self.audit;
            audit.request(self.peer, "call", aria2::PATH, "unauthorized");
        }
        is_right
    }
}

/// The token, as far as checking needs it.
struct Key {
    /// The digest of the token: comparing digests hides the token's length too.
    token: [u8; 32],
    /// What the browser keeps in its place, so that the cookie does not give the token away.
    cookie: String,
    /// Cookies are shared by all ports of a host: the name tells daemons apart.
    cookie_name: String,
}

impl Guard {
    /// For a daemon at these addresses, which speaks this itself.
    pub(super) fn new(
        options: &ApiOptions,
        listening: &[SocketAddr],
        scheme: Scheme,
        audit: Audit,
    ) -> Guard {
        let port = listening.first().map_or(0, SocketAddr::port);
        let key = options.token.as_deref().map(|token| {
            Arc::new(Key {
                token: Sha256::digest(token).into(),
                cookie: hex(&Sha256::digest(format!("haul cookie\0{token}"))),
                cookie_name: format!("haul_{port}"),
            })
        });
        Guard {
            served: Served::new(&options.host, &options.allowed_origins, listening, scheme),
            key,
            audit,
        }
    }
}

/// Checks a request, answers preflights, and tells browsers what may be done with the answer.
pub(super) async fn check(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let caller = host(&request, &guard.served).and_then(|host| {
        let asker = browser::asker(&request, &host, &guard.served)?;
        Ok((asker, guard.served.scheme_at(&host)))
    });
    let (asker, mut response) = match caller {
        Ok((asker, scheme)) => {
            let response = admit(&guard, &asker, scheme, request, next).await;
            (Some(asker), response)
        }
        Err(error) => (None, error.into_response()),
    };
    browser::protect(&mut response, asker.as_ref());
    if let Some(Asker::OtherPage(page)) = asker {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, page);
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(
                "www-authenticate, retry-after, allow, etag, accept-ranges, content-range, \
                 content-disposition",
            ),
        );
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    response
}

/// Answers a request of somebody who may ask, if he has the token.
async fn admit(
    guard: &Guard,
    asker: &Asker,
    scheme: Scheme,
    mut request: Request,
    next: Next,
) -> Response {
    if is_preflight(&request) {
        let is_other_page = matches!(asker, Asker::OtherPage(_));
        return preflight(is_other_page, request.headers());
    }
    let pass = match &guard.key {
        Some(key) => key.pass(&request, asker, scheme),
        None => Pass::Free,
    };
    match pass {
        Pass::Free => next.run(request).await,
        Pass::Later(key) => {
            let unproven = Unproven {
                key,
                audit: guard.audit.clone(),
                peer: request.extensions().get::<Peer>().copied(),
            };
            request.extensions_mut().insert(unproven);
            next.run(request).await
        }
        Pass::Exchange(cookie) => exchange(cookie, browser::onward(request.headers())),
        Pass::Refused => refused(&request),
    }
}

/// Turns somebody away who has not shown the token: a person gets a page that asks for it.
fn refused(request: &Request) -> Response {
    let refused = ApiError::edge(
        Edge::Unauthorized,
        "the token is missing or wrong; send \"Authorization: Bearer TOKEN\", or for a WebSocket the subprotocol \"bearer.TOKEN\"",
    )
    .into_response();
    if !is_page_load(request) || !web::is_wanted(request.headers()) {
        return refused;
    }
    let key = match token_in_query(request.uri().query()) {
        Some(_) => web::Key::Wrong,
        None => web::Key::Missing,
    };
    let mut door = web::door(request.headers(), key);
    *door.extensions_mut() = refused.extensions().clone();
    door
}

/// Whether this is a browser at our address, which has no other way to show a token.
fn is_page_load(request: &Request) -> bool {
    request.method() == Method::GET
        && request.uri().path() == "/"
        && !request.headers().contains_key(header::UPGRADE)
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
        HeaderValue::from_static(
            "authorization, content-type, idempotency-key, last-event-id, range, if-range, \
             if-match, if-none-match",
        ),
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
    /// Its calls have to show the token.
    Later(Arc<Key>),
    Refused,
}

impl Key {
    fn pass(self: &Arc<Key>, request: &Request, asker: &Asker, scheme: Scheme) -> Pass {
        let path = request.uri().path();
        let headers = request.headers();
        if path == "/healthz" || path.starts_with(web::PARTS) {
            return Pass::Free;
        }
        if is_page_load(request)
            && let Some(token) = token_in_query(request.uri().query())
        {
            return if self.is_token(&token) {
                Pass::Exchange(self.set_cookie(scheme))
            } else {
                Pass::Refused
            };
        }
        let is_known = bearer(headers).is_some_and(|token| self.is_token(token))
            || subprotocol(headers).is_some_and(|token| self.is_token(token))
            || (asker.may_use_cookie(request) && self.has_cookie(headers));
        match is_known {
            true => Pass::Free,
            // Calls bring the token themselves there.
            false if path == aria2::PATH => Pass::Later(self.clone()),
            false => Pass::Refused,
        }
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

    /// The cookie for a browser that speaks this.
    fn set_cookie(&self, scheme: Scheme) -> String {
        let scope = match scheme {
            Scheme::Http => "",
            Scheme::Https => "; Secure",
        };
        format!(
            "{}={}; Path=/; HttpOnly; SameSite=Strict{scope}",
            self.cookie_name, self.cookie
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

/// Sends the browser on to the page without the token in its address, and with a cookie.
fn exchange(cookie: String, mut onward: Response) -> Response {
    let Ok(cookie) = HeaderValue::try_from(cookie) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    onward.headers_mut().insert(header::SET_COOKIE, cookie);
    onward
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
