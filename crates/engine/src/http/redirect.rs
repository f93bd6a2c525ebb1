//! Decides where a redirect leads and when to stop following. Pure: knows nothing of connections.

use std::collections::HashSet;

use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use percent_encoding::{CONTROLS, percent_encode};
use url::Url;

use crate::error::{Error, Kind, Result};

/// Most redirects from the first URL to the answer.
const MOST: usize = 10;

/// Where an answer from `at` redirects to, or `None` when it is the answer itself.
///
/// Every redirect is followed with GET, the only method there is here (RFC 9110 §15.4). A download
/// that began at an `https` URL (`home`) is never led to plain `http`: what the user took for
/// protected would not be.
pub(super) fn next(
    at: &Url,
    home: &Url,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Option<Url>> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = headers.get(LOCATION) else {
        return Ok(None);
    };
    // Some servers send UTF-8 or Latin-1 as it is; encoded, its bytes are kept.
    let location = percent_encode(location.as_bytes(), CONTROLS).to_string();
    let mut next = at.join(location.trim()).map_err(|cause| {
        Error::passing(
            Kind::Protocol,
            format!("the server redirects to something that is not a URL ({cause})"),
        )
        .with_status(status.as_u16())
    })?;
    let refuse =
        |why: String| Err(Error::new(Kind::TargetRefused, why).with_status(status.as_u16()));
    if !matches!(next.scheme(), "http" | "https") {
        return refuse(format!(
            "the server redirects to a {}: URL, which haul does not speak",
            next.scheme()
        ));
    }
    if next.scheme() == "http" && home.scheme() == "https" {
        return refuse(format!(
            "the server redirects from https to plain http ({}); \
             if you trust the network, download the http:// URL itself",
            crate::error::redacted(&next)
        ));
    }
    // A fragment is inherited (RFC 9110 §10.2.2).
    if next.fragment().is_none() {
        next.set_fragment(at.fragment());
    }
    Ok(Some(next))
}

/// What a walk through redirects has seen.
pub(super) struct Trail {
    seen: HashSet<Url>,
    steps: usize,
}

/// Whether an answer changed what the next request looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cookies {
    Set,
    Unchanged,
}

impl Trail {
    pub(super) fn from(start: &Url) -> Trail {
        Trail {
            seen: HashSet::from([start.clone()]),
            steps: 0,
        }
    }

    /// Goes on to `next`, unless that leads nowhere.
    pub(super) fn step(&mut self, next: &Url, cookies: Cookies) -> Result<()> {
        self.steps += 1;
        if self.steps > MOST {
            return Err(Error::new(
                Kind::TooManyRedirects,
                format!(
                    "more than {MOST} redirects; open the URL in a browser to see where it leads"
                ),
            ));
        }
        // With a new cookie the same URL may answer differently: sites set one and send back.
        if cookies == Cookies::Set {
            self.seen.clear();
        }
        if !self.seen.insert(next.clone()) {
            return Err(Error::new(
                Kind::TooManyRedirects,
                "the redirects go round in a circle; the URL may need a login (cookies, headers)",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    fn follow(at: &str, home: &str, status: u16, location: &[u8]) -> Result<Option<String>> {
        let mut headers = HeaderMap::new();
        headers.insert(
            LOCATION,
            HeaderValue::from_bytes(location).expect("a value"),
        );
        let status = StatusCode::from_u16(status).expect("a status");
        next(&url(at), &url(home), status, &headers).map(|next| next.map(String::from))
    }

    #[test]
    fn a_location_is_read_against_the_url_that_sent_it() {
        let at = "http://a.org/x/y?q";
        for (location, leads_to) in [
            ("http://b.org/z", "http://b.org/z"),
            ("/z", "http://a.org/z"),
            ("z", "http://a.org/x/z"),
            ("//b.org/z", "http://b.org/z"),
            ("?n=1", "http://a.org/x/y?n=1"),
            (" /a b ", "http://a.org/a%20b"),
            ("/файл", "http://a.org/%D1%84%D0%B0%D0%B9%D0%BB"),
        ] {
            let next = follow(at, at, 302, location.as_bytes()).expect(location);
            assert_eq!(next.as_deref(), Some(leads_to), "{location}");
        }
        let latin = follow(at, at, 302, b"/caf\xe9").expect("a URL");
        assert_eq!(latin.as_deref(), Some("http://a.org/caf%E9"));
        let fragment = follow("http://a.org/#f", at, 301, b"/z").expect("a URL");
        assert_eq!(fragment.as_deref(), Some("http://a.org/z#f"));
    }

    #[test]
    fn only_redirects_redirect() {
        let at = "http://a.org/";
        for status in [301, 302, 303, 307, 308] {
            assert!(follow(at, at, status, b"/z").expect("followed").is_some());
        }
        for status in [200, 206, 300, 304, 305, 404] {
            assert!(follow(at, at, status, b"/z").expect("an answer").is_none());
        }
        let bare = next(&url(at), &url(at), StatusCode::FOUND, &HeaderMap::new());
        assert_eq!(bare, Ok(None));
    }

    #[test]
    fn protection_is_not_given_up_and_foreign_schemes_are_refused() {
        let kind = |at: &str, home: &str, location: &[u8]| {
            follow(at, home, 302, location).expect_err("refused").kind
        };
        assert_eq!(
            kind("https://a.org/", "https://a.org/", b"http://a.org/"),
            Kind::TargetRefused
        );
        assert_eq!(
            kind("http://a.org/", "http://a.org/", b"file:///etc/passwd"),
            Kind::TargetRefused
        );
        assert_eq!(
            kind("http://a.org/", "http://a.org/", b"http://[::1"),
            Kind::Protocol
        );
        let back = follow("https://b.org/", "http://a.org/", 302, b"http://a.org/f");
        assert!(back.expect("nothing was protected before").is_some());
        assert!(follow("http://a.org/", "http://a.org/", 301, b"https://a.org/").is_ok());
    }

    #[test]
    fn a_walk_ends() {
        let mut trail = Trail::from(&url("http://a.org/0"));
        for n in 1..=10 {
            let next = url(&format!("http://a.org/{n}"));
            assert_eq!(trail.step(&next, Cookies::Unchanged), Ok(()));
        }
        let error = trail
            .step(&url("http://a.org/11"), Cookies::Unchanged)
            .expect_err("too many");
        assert_eq!(error.kind, Kind::TooManyRedirects);

        let here = url("http://a.org/");
        let mut trail = Trail::from(&here);
        assert_eq!(trail.step(&here, Cookies::Set), Ok(()), "a cookie was set");
        let error = trail.step(&here, Cookies::Unchanged).expect_err("a circle");
        assert_eq!(error.kind, Kind::TooManyRedirects);
        assert!(!error.retryable());
    }
}
