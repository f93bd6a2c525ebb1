//! The cookies of this engine: a user's `cookies.txt` and what servers set since. Knows which cookie
//! belongs to which URL (RFC 6265), nothing of requests.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use cookie_store::CookieStore;
use http::{HeaderMap, header::SET_COOKIE};
use url::{Host, Url};

use crate::error::{Error, Kind, Result};

/// Most bytes of one cookie, as browsers take them (RFC 6265 §6.1).
const LONGEST: usize = 4096;

/// Most cookies that servers may set before theirs are forgotten: a bound on memory, far above what
/// honest sites use.
const MOST: usize = 3000;

/// All cookies. Shared by every download, like a browser's.
pub(super) struct Jar {
    /// What the user's file holds; never forgotten.
    file: CookieStore,
    live: Mutex<Live>,
}

struct Live {
    store: CookieStore,
    set: usize,
}

impl Jar {
    /// The cookies of a Netscape `cookies.txt`, if one is given.
    pub(super) fn load(path: Option<&Path>) -> Result<Jar> {
        let mut file = CookieStore::new();
        if let Some(path) = path {
            let text = std::fs::read(path)
                .map_err(|cause| Error::disk("read the cookies file", path, &cause))?;
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |now| now.as_secs());
            read(&String::from_utf8_lossy(&text), now, &mut file).map_err(|why| {
                Error::new(
                    Kind::InvalidOption,
                    format!("cookies file {}: {why}", path.display()),
                )
            })?;
        }
        Ok(Jar::of(file))
    }

    /// A jar that holds what a user's file holds.
    pub(super) fn of(file: CookieStore) -> Jar {
        let live = Mutex::new(Live {
            store: file.clone(),
            set: 0,
        });
        Jar { file, live }
    }

    /// A leaf lock: nothing else is locked or awaited while it is held.
    fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The `Cookie` field for a request to `url`.
    pub(super) fn field_for(&self, url: &Url) -> Option<String> {
        let live = self.lock();
        let pairs: Vec<String> = live
            .store
            .get_request_values(url)
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Keeps what an answer from `url` sets. Says whether it set anything.
    pub(super) fn keep(&self, url: &Url, headers: &HeaderMap) -> bool {
        let mut kept = false;
        for field in headers.get_all(SET_COOKIE) {
            let Ok(field) = field.to_str() else { continue };
            if field.len() > LONGEST || !is_scoped(field) {
                continue;
            }
            let mut live = self.lock();
            if live.set >= MOST {
                *live = Live {
                    store: self.file.clone(),
                    set: 0,
                };
            }
            if live.store.parse(field, url).is_ok() {
                live.set += 1;
                kept = true;
            }
        }
        kept
    }
}

/// Whether every `Domain` of a `Set-Cookie` is narrow enough, whichever of several comes to count.
/// Without the list of public suffixes at hand, what looks like one (`com`, `co.uk`) is refused: no
/// site needs it.
fn is_scoped(field: &str) -> bool {
    field.split(';').skip(1).all(|attribute| {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        !name.trim().eq_ignore_ascii_case("domain") || is_narrow(value.trim().trim_matches('.'))
    })
}

fn is_narrow(domain: &str) -> bool {
    let labels: Vec<&str> = domain.split('.').collect();
    match labels.as_slice() {
        // An empty one stands for the host alone.
        [single] => single.is_empty(),
        [second, top] => top.len() != 2 || second.len() > 3,
        _ => true,
    }
}

/// Reads the seven TAB-separated columns: domain, subdomains too?, path, TLS only?, expiry in Unix
/// seconds (0: end of the session), name, value.
pub(super) fn read(text: &str, now: u64, store: &mut CookieStore) -> Result<(), String> {
    for (at, line) in text.lines().enumerate() {
        let refuse = |why: &str| format!("line {}: {why}", at + 1);
        let line = line.trim_end_matches('\r');
        let line = match line.strip_prefix("#HttpOnly_") {
            Some(rest) => rest,
            None if line.starts_with('#') || line.trim().is_empty() => continue,
            None => line,
        };
        let columns: Vec<&str> = line.split('\t').collect();
        let (domain, subdomains, path, secure, expires, name, value) = match columns[..] {
            [domain, subdomains, path, secure, expires, name, value] => {
                (domain, subdomains, path, secure, expires, name, value)
            }
            // Some writers leave an empty value's TAB out.
            [domain, subdomains, path, secure, expires, name] => {
                (domain, subdomains, path, secure, expires, name, "")
            }
            _ => {
                return Err(refuse(
                    "expected 7 columns with a TAB between them (Netscape cookies.txt format)",
                ));
            }
        };
        // Browsers write fractions, some writers -1 for "session".
        let expires = expires.split('.').next().unwrap_or_default();
        let expires: i64 = expires
            .parse()
            .map_err(|_| refuse("the fifth column is not a time in Unix seconds"))?;
        let age = match u64::try_from(expires) {
            Ok(0) | Err(_) => None,
            Ok(at) if at <= now => continue,
            Ok(at) => Some(at - now),
        };
        if value.contains(';') || name.contains([';', '=']) {
            return Err(refuse("a cookie's name or value holds \";\" or \"=\""));
        }
        if [name, value]
            .iter()
            .any(|text| text.contains(is_unsendable))
        {
            return Err(refuse("a cookie's name or value holds a control character"));
        }
        let host = domain.trim_start_matches('.');
        let secure = secure.eq_ignore_ascii_case("true");
        let scheme = if secure { "https" } else { "http" };
        let url = Url::parse(&format!("{scheme}://{host}/"))
            .ok()
            .filter(|url| url.host_str().is_some())
            .ok_or_else(|| refuse("the first column is not a host name"))?;
        let mut field = format!("{name}={value}; Path={path}");
        // An address has no subdomains (RFC 6265 §5.1.3).
        let named = matches!(url.host(), Some(Host::Domain(_)));
        if named && (subdomains.eq_ignore_ascii_case("true") || domain.starts_with('.')) {
            field.push_str(&format!("; Domain={host}"));
        }
        if secure {
            field.push_str("; Secure");
        }
        if let Some(age) = age {
            field.push_str(&format!("; Max-Age={age}"));
        }
        store
            .parse(&field, &url)
            .map_err(|cause| refuse(&format!("not a usable cookie ({cause})")))?;
    }
    Ok(())
}

/// What no header can carry: one such cookie would spoil every request that it belongs to.
fn is_unsendable(c: char) -> bool {
    c.is_ascii_control()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    fn jar(file: &str) -> Jar {
        let mut store = CookieStore::new();
        read(file, 1000, &mut store).expect("a cookies file");
        Jar::of(store)
    }

    fn set(jar: &Jar, from: &str, field: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(SET_COOKIE, HeaderValue::from_str(field).expect("a value"));
        jar.keep(&url(from), &headers)
    }

    const FILE: &str = "# Netscape HTTP Cookie File\n\n\
        .a.org\tTRUE\t/\tFALSE\t0\twide\t1\n\
        a.org\tFALSE\t/dl\tTRUE\t99999999999\tnarrow\t2\r\n\
        #HttpOnly_b.org\tFALSE\t/\tFALSE\t0\thidden\t3\n\
        b.org\tFALSE\t/\tFALSE\t999\tgone\t4\n\
        b.org\tFALSE\t/\tFALSE\t0\tempty\n\
        127.0.0.1\tTRUE\t/\tFALSE\t0\tip\t5\n";

    #[test]
    fn each_cookie_goes_to_its_place_only() {
        let jar = jar(FILE);
        let field = |at: &str| {
            let mut pairs: Vec<String> = jar
                .field_for(&url(at))?
                .split("; ")
                .map(str::to_owned)
                .collect();
            pairs.sort();
            Some(pairs.join("; "))
        };
        assert_eq!(field("http://a.org/"), Some("wide=1".into()));
        assert_eq!(field("http://x.a.org/"), Some("wide=1".into()));
        assert_eq!(field("https://a.org/dl/f"), Some("narrow=2; wide=1".into()));
        assert_eq!(field("http://a.org/dl/f"), Some("wide=1".into()), "not TLS");
        assert_eq!(field("http://b.org/"), Some("empty=; hidden=3".into()));
        assert_eq!(field("http://127.0.0.1:81/"), Some("ip=5".into()));
        assert_eq!(field("http://nota.org/"), None);
    }

    #[test]
    fn mistakes_in_the_file_name_their_line() {
        for (text, line) in [
            ("a.org TRUE / FALSE 0 a b", "line 1"),
            ("\na.org\tTRUE\t/\tFALSE\tsoon\ta\tb", "line 2"),
            ("a b\tTRUE\t/\tFALSE\t0\ta\tb", "line 1"),
            // It would spoil every request to its host.
            ("a.org\tTRUE\t/\tFALSE\t0\ta\u{4}\tb", "line 1"),
            ("a.org\tTRUE\t/\tFALSE\t0\ta\tb\u{7f}", "line 1"),
        ] {
            let why = read(text, 0, &mut CookieStore::new()).expect_err(text);
            assert!(why.starts_with(line), "{why}");
        }
    }

    #[test]
    fn servers_set_cookies_for_themselves_only() {
        let jar = jar("");
        assert!(set(&jar, "https://dl.a.org/x", "s=1; Path=/; Secure"));
        assert!(set(&jar, "https://dl.a.org/x", "d=2; Domain=a.org; Path=/"));
        assert!(!set(&jar, "https://dl.a.org/x", "evil=1; Domain=b.org"));
        assert!(!set(&jar, "https://dl.a.org/x", "evil=1; Domain=org"));
        assert!(!set(&jar, "https://a.co.uk/x", "evil=1; domain=.co.uk"));
        assert!(!set(
            &jar,
            "https://a.org/x",
            &format!("a={}", "x".repeat(5000))
        ));
        assert_eq!(jar.field_for(&url("http://dl.a.org/")), Some("d=2".into()));
        assert_eq!(jar.field_for(&url("https://b.a.org/")), Some("d=2".into()));
        assert_eq!(jar.field_for(&url("https://b.org/")), None);
    }

    #[test]
    fn a_second_domain_does_not_widen_a_cookie() {
        let jar = jar("");
        assert!(!set(&jar, "https://a.org/x", "evil=1; Domain=; Domain=org"));
        assert!(!set(
            &jar,
            "https://a.org/x",
            "evil=1; Domain=a.org; Domain=org"
        ));
        assert!(!set(
            &jar,
            "https://a.co.uk/x",
            "evil=1; Domain; domain=.co.uk"
        ));
        assert_eq!(jar.field_for(&url("https://b.org/")), None);
    }

    #[test]
    fn a_flood_of_cookies_does_not_stay() {
        let jar = jar(FILE);
        for n in 0..MOST + 10 {
            assert!(set(&jar, "http://flood.org/", &format!("c{n}=1")));
        }
        assert!(jar.lock().set <= 10);
        assert_eq!(
            jar.field_for(&url("http://b.org/x")).map(|f| f.len()),
            Some("empty=; hidden=3".len())
        );
    }
}
