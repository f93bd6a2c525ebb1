//! Builds the requests: which header fields and credentials go to which URL. Knows nothing of
//! connections.
//!
//! A user's header fields, and what the URL's user-info says, go to the origin (scheme, host, port)
//! of the download's own URL only; after a redirect elsewhere just `User-Agent` stays. A netrc
//! entry belongs to the machine that it names, so it also answers there after a redirect, over
//! `https`; `default` does not. First found wins: an `Authorization` field, user-info, netrc.

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, Entry,
    HOST, HeaderMap, HeaderName, HeaderValue, IF_RANGE, PROXY_AUTHORIZATION, RANGE, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use http::{Request, Uri};
use http_body_util::Empty;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::error::{Error, Kind, Result};
use crate::spec::Config;

use super::Ask;
use super::netrc::{Login, Netrc, Scope};
use super::proxy::basic;

/// What requests have in common.
pub(super) struct Requests {
    user_agent: HeaderValue,
    headers: HeaderMap,
    netrc: Netrc,
}

/// How the request target is written (RFC 9112 §3.2).
pub(super) enum Form<'a> {
    /// The path alone, for the server itself.
    Origin,
    /// The whole URL, for a proxy, with its credentials.
    Absolute(Option<&'a HeaderValue>),
}

impl Requests {
    pub(super) fn new(config: &Config) -> Result<Requests> {
        let user_agent = HeaderValue::from_str(&config.user_agent).map_err(|_| {
            Error::new(
                Kind::InvalidOption,
                "user_agent holds a character that a header field may not (a line break?)",
            )
        })?;
        let netrc = match &config.netrc {
            Some(path) => Netrc::load(path)?,
            None => Netrc::default(),
        };
        Ok(Requests {
            user_agent,
            headers: fields(&config.headers)?,
            netrc,
        })
    }

    /// The request for `url` on behalf of `ask`, with the cookies for it.
    pub(super) fn build(
        &self,
        ask: &Ask<'_>,
        url: &Url,
        cookies: Option<String>,
        form: &Form<'_>,
    ) -> Result<Request<Empty<Bytes>>> {
        let at_home = url.origin() == ask.home.origin();
        let mut own = self.headers.clone();
        replace(&mut own, fields(ask.headers)?);

        let mut headers = HeaderMap::new();
        headers.insert(HOST, value(&authority(url))?);
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        let user_agent = own.get(USER_AGENT).unwrap_or(&self.user_agent);
        headers.insert(USER_AGENT, user_agent.clone());
        if let Some(cookies) = cookies {
            headers.insert(COOKIE, secret(value(&cookies)?));
        }
        if let Some(login) = self.login(url, ask.home) {
            let credentials = basic(login.user.as_bytes(), login.password.as_bytes());
            headers.insert(AUTHORIZATION, credentials);
        }
        if at_home {
            replace(&mut headers, own);
        }
        // Ranges address the encoded bytes, so no encoding may come in between (RFC 9110 §8.4).
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some((first, last)) = ask.range {
            headers.insert(RANGE, value(&format!("bytes={first}-{last}"))?);
        }
        if let Form::Absolute(Some(login)) = form {
            headers.insert(PROXY_AUTHORIZATION, (*login).clone());
        }

        let mut request = Request::new(Empty::new());
        *request.uri_mut() = target(url, form)?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn login(&self, url: &Url, home: &Url) -> Option<Login> {
        let at_home = url.origin() == home.origin();
        let named = [Some(url), at_home.then_some(home)]
            .into_iter()
            .flatten()
            .find(|url| !url.username().is_empty() || url.password().is_some());
        let user = named.map(|url| decoded(url.username()));
        if let (Some(user), Some(password)) = (&user, named.and_then(Url::password)) {
            return Some(Login {
                user: user.clone(),
                password: decoded(password),
            });
        }
        let found = if at_home {
            self.netrc
                .find(url.host_str()?, user.as_deref(), Scope::Any)
        } else if url.scheme() == "https" {
            self.netrc
                .find(url.host_str()?, user.as_deref(), Scope::Named)
        } else {
            None
        };
        let nameless = |user| Login {
            user,
            password: String::new(),
        };
        found.or_else(|| user.map(nameless))
    }
}

/// Reads header fields. What haul itself decides (ranges, encoding, framing, the connection) is left
/// out: browsers' extensions pass whole requests on, and their `Range` is not ours.
fn fields(pairs: &[(String, String)]) -> Result<HeaderMap> {
    let mut fields = HeaderMap::new();
    for (name, text) in pairs {
        let refuse = |what: &str| {
            Error::new(
                Kind::InvalidOption,
                format!("header \"{name}\": {what}; write it as \"Name: value\" on one line"),
            )
        };
        let name: HeaderName = name
            .trim()
            .parse()
            .map_err(|_| refuse("the name holds a character that it may not"))?;
        let value = HeaderValue::from_bytes(text.trim().as_bytes())
            .map_err(|_| refuse("the value holds a character that it may not"))?;
        if is_ours(&name) {
            continue;
        }
        let value = match name {
            AUTHORIZATION | COOKIE => secret(value),
            _ => value,
        };
        fields.append(name, value);
    }
    Ok(fields)
}

fn is_ours(name: &HeaderName) -> bool {
    let ours = [
        ACCEPT_ENCODING,
        CONNECTION,
        CONTENT_LENGTH,
        EXPECT,
        IF_RANGE,
        PROXY_AUTHORIZATION,
        RANGE,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ];
    ours.contains(name) || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

/// Puts all of `new` into `fields`, in place of those with the same names.
fn replace(fields: &mut HeaderMap, new: HeaderMap) {
    for name in new.keys() {
        if let Entry::Occupied(old) = fields.entry(name) {
            old.remove_entry_mult();
        }
    }
    let mut last = None;
    for (name, value) in new {
        // Only the first of several with one name comes with it.
        last = name.or(last);
        if let Some(name) = &last {
            fields.append(name, value);
        }
    }
}

fn secret(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

fn value(text: &str) -> Result<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        Error::new(
            Kind::InvalidUrl,
            "the URL or a cookie holds a character that a request may not",
        )
    })
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn target(url: &Url, form: &Form<'_>) -> Result<Uri> {
    let mut text = match form {
        Form::Origin => String::new(),
        Form::Absolute(_) => format!("{}://{}", url.scheme(), authority(url)),
    };
    text.push_str(url.path());
    if let Some(query) = url.query() {
        text.push('?');
        text.push_str(query);
    }
    text.parse().map_err(|cause| {
        Error::new(
            Kind::InvalidUrl,
            format!("the URL does not fit into a request ({cause})"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        list.iter().map(owned).collect()
    }

    fn requests(headers: &[(&str, &str)]) -> Requests {
        let mut config = Config::new("/files".into(), "/state".into());
        config.headers = pairs(headers);
        Requests::new(&config).expect("fine headers")
    }

    struct Case<'a> {
        home: &'a str,
        at: &'a str,
        headers: &'a [(&'a str, &'a str)],
    }

    fn built(requests: &Requests, case: &Case<'_>) -> Request<Empty<Bytes>> {
        let (home, headers) = (url(case.home), pairs(case.headers));
        let ask = Ask {
            url: &home,
            home: &home,
            range: Some((5, 9)),
            headers: &headers,
            owner: crate::limit::Owner::Nobody,
            turn: None,
            ahead: None,
        };
        requests
            .build(&ask, &url(case.at), Some("jar=1".into()), &Form::Origin)
            .expect("a request")
    }

    fn field<'a>(request: &'a Request<Empty<Bytes>>, name: &str) -> Option<&'a str> {
        Some(request.headers().get(name)?.to_str().expect("text"))
    }

    #[test]
    fn a_request_asks_for_plain_bytes_of_one_range() {
        let request = built(
            &requests(&[]),
            &Case {
                home: "http://a.org:81/x%20y?q=1#f",
                at: "http://a.org:81/x%20y?q=1#f",
                headers: &[
                    ("Range", "bytes=0-"),
                    ("accept-encoding", "br"),
                    ("X-A", "1"),
                    ("x-a", "2"),
                ],
            },
        );
        assert_eq!(request.uri(), "/x%20y?q=1");
        assert_eq!(field(&request, "host"), Some("a.org:81"));
        assert_eq!(field(&request, "range"), Some("bytes=5-9"));
        assert_eq!(field(&request, "accept-encoding"), Some("identity"));
        assert_eq!(field(&request, "accept"), Some("*/*"));
        assert_eq!(field(&request, "cookie"), Some("jar=1"));
        assert!(
            field(&request, "user-agent")
                .expect("set")
                .starts_with("haul/")
        );
        assert_eq!(request.headers().get_all("range").iter().count(), 1);
        assert_eq!(request.headers().get_all("x-a").iter().count(), 2);
    }

    #[test]
    fn secrets_and_own_headers_stay_at_their_origin() {
        let requests = requests(&[("X-Config", "c"), ("User-Agent", "mine/1")]);
        let headers = &[
            ("X-Own", "o"),
            ("Authorization", "Bearer t"),
            ("Cookie", "own=1"),
        ];
        let request = |home, at| built(&requests, &Case { home, at, headers });
        let home = request("http://a.org/", "http://a.org/other");
        assert_eq!(field(&home, "x-config"), Some("c"));
        assert_eq!(field(&home, "x-own"), Some("o"));
        assert_eq!(field(&home, "authorization"), Some("Bearer t"));
        assert_eq!(
            field(&home, "cookie"),
            Some("own=1"),
            "in place of the jar's"
        );
        assert!(home.headers()["authorization"].is_sensitive());
        for away in [
            "https://a.org/",
            "http://a.org:81/",
            "http://b.a.org/",
            "http://b.org/",
        ] {
            let request = request("http://a.org/", away);
            for name in ["x-config", "x-own", "authorization"] {
                assert_eq!(field(&request, name), None, "{name} at {away}");
            }
            assert_eq!(field(&request, "cookie"), Some("jar=1"));
            assert_eq!(field(&request, "user-agent"), Some("mine/1"));
        }
    }

    #[test]
    fn user_info_answers_for_its_own_origin() {
        let requests = requests(&[]);
        let login = |home, at| {
            let request = built(
                &requests,
                &Case {
                    home,
                    at,
                    headers: &[],
                },
            );
            field(&request, "authorization").map(str::to_owned)
        };
        let given = basic(b"u", b"p@ss");
        let given = given.to_str().ok().map(str::to_owned);
        let home = "http://u:p%40ss@a.org/";
        assert_eq!(login(home, home), given);
        assert_eq!(login(home, "http://a.org/other"), given);
        assert_eq!(login(home, "https://a.org/"), None);
        assert_eq!(login("http://a.org/", "http://u:p%40ss@b.org/"), given);
        assert!(login("http://u@a.org/", "http://u@a.org/").is_some());
    }

    #[cfg(unix)]
    #[test]
    fn a_netrc_entry_answers_for_its_machine() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("netrc");
        let text = "machine a.org login ann password x\ndefault login any password y";
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
        let mut config = Config::new("/files".into(), "/state".into());
        config.netrc = Some(path);
        let requests = Requests::new(&config).expect("fine");
        let user = |home, at| Some(requests.login(&url(at), &url(home))?.user);
        assert_eq!(
            user("http://a.org/", "http://a.org/").as_deref(),
            Some("ann")
        );
        assert_eq!(
            user("http://b.org/", "http://b.org/").as_deref(),
            Some("any")
        );
        assert_eq!(
            user("http://b.org/", "https://a.org/").as_deref(),
            Some("ann")
        );
        assert_eq!(
            user("http://b.org/", "http://a.org/"),
            None,
            "not in the clear"
        );
        assert_eq!(
            user("http://b.org/", "https://c.org/"),
            None,
            "default stays home"
        );
        assert_eq!(
            user("http://u:p@a.org/", "http://a.org/").as_deref(),
            Some("u")
        );
    }

    #[test]
    fn a_proxy_gets_the_whole_url_without_user_info() {
        let home = url("http://u:p@[::1]:8080/a?b");
        let ask = Ask {
            url: &home,
            home: &home,
            range: None,
            headers: &[],
            owner: crate::limit::Owner::Nobody,
            turn: None,
            ahead: None,
        };
        let login = basic(b"proxy", b"pw");
        let request = requests(&[])
            .build(&ask, &home, None, &Form::Absolute(Some(&login)))
            .expect("a request");
        assert_eq!(request.uri(), "http://[::1]:8080/a?b");
        assert_eq!(request.headers()["proxy-authorization"], login);
        assert_eq!(field(&request, "range"), None);
    }

    #[test]
    fn headers_that_cannot_be_sent_are_refused() {
        for bad in [("A B", "1"), ("A", "1\r\nB: 2"), ("", "x"), ("A", "\u{0}")] {
            let error = fields(&pairs(&[bad])).expect_err("refused");
            assert_eq!(error.kind, Kind::InvalidOption);
        }
        assert_eq!(
            fields(&pairs(&[("Имя", "x")])).map_err(|e| e.kind),
            Err(Kind::InvalidOption)
        );
        assert!(fields(&pairs(&[("X-Name", "значение")])).is_ok());
    }
}
