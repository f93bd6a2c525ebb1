//! Fuzz targets: the two files that users bring along, and the cookies that servers set.

use std::path::Path;

use cookie_store::CookieStore;
use haul_testkit::fuzz::{bytes, text};
use http::{HeaderMap, HeaderValue, header::SET_COOKIE};
use url::Url;

use super::cookies::{Jar, read};
use super::netrc::{Netrc, Scope};

const NETRC: &[&str] = &[
    "machine <w> login <w> password <w>\n",
    "machine a.org login ann password hunter2\n",
    "default login <w> password hunter2\n",
    "macdef <w>\n<w>\n\n",
    "account <w>\n",
    "password hunter2",
    "hunter2",
    "\"<w>\"",
    "\"hunter2\\\"<w>",
    "# <w>\n",
    "login",
    "machine",
    "\n",
    "<n>",
];

const COOKIES: &[&str] = &[
    "<w>\t<w>\t<w>\t<w>\t<w>\t<w>\t<w>\n",
    ".a.org\tTRUE\t/\tFALSE\t<n>\tname\t<w>\n",
    "a.org\tFALSE\t/<w>\tTRUE\t0\tname\tvalue\n",
    "#HttpOnly_a.org\tFALSE\t/\tFALSE\t<n>.<n>\t<w>\n",
    "127.0.0.1\tTRUE\t/\tFALSE\t-<n>\tip\t<w>\n",
    "# <w>\n",
    "a.org",
    "[::1]",
    "<n>",
    "\t",
    "; Domain=b.org",
    "=",
];

const SET: &[&str] = &[
    "name=<w>; Path=/; Domain=<w>",
    "name=<w>; Max-Age=<n>; <w>",
    "<w>=<w>; Expires=Sun, 06 Nov 1994 08:49:37 GMT",
    "a=b; Domain=<w>.<w>",
    "; Secure; HttpOnly; SameSite=<w>",
    "a.org",
    "b.org",
    "org",
    "co.uk",
    "..",
    ";",
    "=",
];

#[test]
fn netrc() {
    bolero::check!()
        .with_generator(text(NETRC))
        .for_each(|text| match Netrc::parse(text) {
            Ok(netrc) => {
                for scope in [Scope::Any, Scope::Named] {
                    let Some(login) = netrc.find("a.org", None, scope) else {
                        continue;
                    };
                    let again = netrc.find("A.ORG", Some(&login.user), scope);
                    assert!(again.is_some_and(|again| again.user == login.user));
                }
                assert!(
                    netrc
                        .find("a.org", Some("no such user"), Scope::Any)
                        .is_none()
                );
            }
            Err(why) => {
                let line = why
                    .strip_prefix("line ")
                    .and_then(|rest| rest.split(':').next());
                let line: usize = line.expect("a line").parse().expect("its number");
                assert!(0 < line && line <= text.split('\n').count(), "{why}");
                assert!(!why.contains("hunter2"), "{why}");
            }
        });
}

#[test]
fn cookies_file() {
    bolero::check!()
        .with_generator(bytes(COOKIES))
        .for_each(|file| {
            let text = String::from_utf8_lossy(file);
            let mut store = CookieStore::new();
            if let Err(why) = read(&text, 1000, &mut store) {
                assert!(why.starts_with("line ") && why.len() < 500, "{why}");
            }
            assert_sendable(&Jar::of(store));
        });
}

#[test]
fn set_cookie() {
    let from = Url::parse("https://dl.a.org/x").expect("a URL");
    bolero::check!()
        .with_generator((bytes(SET), bytes(SET)))
        .for_each(|(first, second)| {
            let jar = Jar::load(None::<&Path>).expect("no file");
            for value in [first, second] {
                let Ok(value) = HeaderValue::from_bytes(value) else {
                    continue;
                };
                jar.keep(&from, &HeaderMap::from_iter([(SET_COOKIE, value)]));
            }
            assert_sendable(&jar);
            for stranger in ["https://b.org/x", "https://org/", "https://xa.org/x"] {
                let stranger = Url::parse(stranger).expect("a URL");
                assert_eq!(jar.field_for(&stranger), None, "a cookie of a.org");
            }
        });
}

/// What is sent is one header of the size that servers take.
fn assert_sendable(jar: &Jar) {
    for at in ["https://dl.a.org/x", "https://a.org/", "http://127.0.0.1/"] {
        let Some(field) = jar.field_for(&Url::parse(at).expect("a URL")) else {
            continue;
        };
        assert!(HeaderValue::from_str(&field).is_ok(), "{field:?}");
    }
}
