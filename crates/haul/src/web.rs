//! The web page: its files, embedded, and how they are answered. Knows no download and no token.
//!
//! A debug build reads the files from where they lie, so that a change of the page needs no build.

mod files;
mod language;
#[cfg(test)]
mod tests;

use axum::response::{IntoResponse, Response};
use fluent_bundle::FluentArgs;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

use crate::api::Lang;
use crate::text;
use files::{DOOR, File, HEAD, PAGE};
use language::preferred;

/// What the page may do: run, show and ask what comes from here, and nothing else.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

/// What the page that asks for the token may do: look like one, and send its form.
const DOOR_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'none'";

/// Where the parts of the pages lie. They are the same for everybody and hold no secret, and whoever has
/// not shown the token yet needs some of them.
pub(crate) const PARTS: &str = "/page/";

/// Whether a page is wanted rather than text: browsers say so, programs do not.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    let accept = accept.and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// The page at `/`.
pub(crate) fn page(headers: &HeaderMap) -> Response {
    let text = template(&PAGE, preferred(headers));
    document(StatusCode::OK, headers, PAGE_POLICY, text)
}

/// What is wrong with the token of somebody who wants to see the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// There is none.
    Missing,
    /// It is not ours.
    Wrong,
}

/// The page that asks for the token, in place of the other one.
pub(crate) fn door(headers: &HeaderMap, key: Key) -> Response {
    let lang = preferred(headers);
    let mut page = template(&DOOR, lang);
    let explained = match key {
        Key::Missing => "page-door-missing",
        Key::Wrong => "page-door-wrong",
    };
    for (place, name) in [
        ("{title}", "page-door-title"),
        ("{explained}", explained),
        ("{where}", "page-door-where"),
        ("{label}", "page-door-label"),
        ("{open}", "page-door-open"),
    ] {
        page = page.replace(place, &text::say(lang, name, &FluentArgs::new()));
    }
    document(StatusCode::UNAUTHORIZED, headers, DOOR_POLICY, page)
}

/// A page with the head that all of them have, in a language.
fn template(file: &File, lang: Lang) -> String {
    let page = file.text().replace("{head}", HEAD.text().trim_end());
    page.replace("{lang}", lang.code())
}

/// The part of the pages with this path, or `None` when there is none.
pub(crate) fn part(name: &str, headers: &HeaderMap) -> Option<Response> {
    let file = File::part(name)?;
    let bytes = file.bytes();
    let kind = HeaderValue::from_static(file.media_type());
    let tag = etag(&bytes);
    let mut response = match is_held(headers, &tag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => bytes.into_response(),
    };
    let told = response.headers_mut();
    told.insert(header::CONTENT_TYPE, kind);
    told.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    told.insert(header::ETAG, tag);
    Some(response)
}

fn document(
    status: StatusCode,
    headers: &HeaderMap,
    policy: &'static str,
    text: String,
) -> Response {
    let tag = etag(text.as_bytes());
    let is_known = status == StatusCode::OK && is_held(headers, &tag);
    let mut response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => (status, text).into_response(),
    };
    let told = response.headers_mut();
    told.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    told.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(policy),
    );
    told.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    told.insert(
        header::VARY,
        HeaderValue::from_static("Accept, Accept-Language, Cookie"),
    );
    if status == StatusCode::OK {
        told.insert(header::ETAG, tag);
    }
    response
}

/// The bytes' own name: another release has others.
fn etag(bytes: &[u8]) -> HeaderValue {
    let digest = Sha256::digest(bytes);
    let hex: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    HeaderValue::try_from(format!("\"{hex}\"")).expect("hex digits in quotes")
}

/// Whether the browser holds just this.
fn is_held(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let mut held = headers.get_all(header::IF_NONE_MATCH).iter();
    held.any(|held| held == tag)
}
