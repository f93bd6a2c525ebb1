//! Which `Host` and `Origin` values are ours. Pure: decides on names alone, against DNS rebinding
//! and against pages of others.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::uri::Authority;
use url::Url;

/// What the server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

/// The names under which the daemon is reached and the pages that may call it.
#[derive(Debug)]
pub(crate) struct Served {
    /// Lower-case names and addresses, without brackets.
    names: Vec<String>,
    ports: Vec<u16>,
    /// That of our own pages. Behind a proxy that adds TLS they have another, which is to be allowed.
    scheme: Scheme,
    /// Whether every address of the machine is listened on.
    is_everywhere: bool,
    /// Origins of other pages that may call.
    allowed: Vec<String>,
}

/// A host and perhaps a port, as in `Host`.
struct Place {
    name: String,
    port: Option<u16>,
}

impl Served {
    pub(crate) fn new(
        host: &str,
        allowed: &[String],
        listening: &[SocketAddr],
        scheme: Scheme,
    ) -> Served {
        let mut names = vec!["localhost".to_owned(), bare(host)];
        names.extend(listening.iter().map(|address| address.ip().to_string()));
        let allowed = allowed
            .iter()
            .map(|origin| origin.trim_end_matches('/').to_ascii_lowercase())
            .collect();
        Served {
            names,
            ports: listening.iter().map(SocketAddr::port).collect(),
            scheme,
            is_everywhere: listening
                .iter()
                .any(|address| address.ip().is_unspecified()),
            allowed,
        }
    }

    /// Whether `Host` is a name that we serve, with our port or none.
    pub(crate) fn serves(&self, host: &str) -> bool {
        let Some(place) = Place::read(host) else {
            return false;
        };
        // A page that an operator lets call may be where a proxy shows us to the world.
        if self.allowed.iter().any(|origin| is_at(origin, &place)) {
            return true;
        }
        if place.port.is_some_and(|port| !self.ports.contains(&port)) {
            return false;
        }
        // A rebound name is never an address: on every interface, any address may be ours.
        let is_address = place.name.parse::<IpAddr>().is_ok();
        self.names.contains(&place.name) || (self.is_everywhere && is_address)
    }

    /// Whether a page of `origin` may call, when asked at `host`.
    pub(crate) fn admits(&self, origin: &str, host: &str) -> bool {
        self.is_allowed(origin) || self.is_own(origin, host) || self.is_neighbour(origin, host)
    }

    /// Whether both `origin` and `host` are names of ours on this machine alone, like `localhost` and
    /// `127.0.0.1`, with our scheme and port: what is served there is served by us.
    fn is_neighbour(&self, origin: &str, host: &str) -> bool {
        let Some(Place { name, port }) = Place::read(host).filter(|_| self.serves(host)) else {
            return false;
        };
        let mut alone = self.names.iter().filter(|name| is_loopback(name));
        let is_page = |name: &String| {
            let name = name.clone();
            is_at(origin, &Place { name, port })
        };
        is_loopback(&name) && self.is_our_scheme(origin) && alone.any(is_page)
    }

    /// Whether a page of `origin` was served by us at `host`. On the same host and port another scheme is
    /// another server's.
    pub(crate) fn is_own(&self, origin: &str, host: &str) -> bool {
        self.is_our_scheme(origin) && Place::read(host).is_some_and(|place| is_at(origin, &place))
    }

    fn is_our_scheme(&self, origin: &str) -> bool {
        Url::parse(origin).is_ok_and(|url| url.scheme() == self.scheme.name())
    }

    /// Whether a proxy shows us to the world at `origin`, when asked at `host`: an operator has allowed it
    /// as a page's, and the page is served at this very place.
    pub(crate) fn is_shown(&self, origin: &str, host: &str) -> bool {
        self.is_allowed(origin) && Place::read(host).is_some_and(|place| is_at(origin, &place))
    }

    /// What a browser speaks that asks at `host`: a proxy in front of us may add TLS.
    pub(crate) fn scheme_at(&self, host: &str) -> Scheme {
        let place = Place::read(host);
        let mut shown = self.allowed.iter().filter_map(|origin| {
            let is_there = place.as_ref().is_some_and(|place| is_at(origin, place));
            is_there.then(|| origin.starts_with("https:"))
        });
        match shown.next() {
            Some(is_https) if is_https && shown.all(|is_https| is_https) => Scheme::Https,
            _ => self.scheme,
        }
    }

    /// Whether `origin` is one of the other pages that may call.
    pub(crate) fn is_allowed(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        origin != "null" && self.allowed.contains(&origin)
    }
}

impl Place {
    fn read(host: &str) -> Option<Place> {
        let authority = Authority::from_str(host).ok()?;
        // A user in front of the host is never sent by an honest client.
        if host.contains('@') {
            return None;
        }
        let has_port = !host.ends_with(']') && authority.as_str() != authority.host();
        let port = authority.port_u16();
        if has_port && port.is_none() {
            return None;
        }
        Some(Place {
            name: bare(authority.host()),
            port,
        })
    }
}

/// A host without brackets and final dot, in lower case.
fn bare(host: &str) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// Whether a name or an address is this machine's alone.
fn is_loopback(name: &str) -> bool {
    let address = name.parse::<IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Whether the page of `origin` lies at `place`; a port left out is the scheme's own.
fn is_at(origin: &str, place: &Place) -> bool {
    let Ok(url) = Url::parse(origin) else {
        return false;
    };
    let Some(name) = url.host_str().map(bare) else {
        return false;
    };
    let port = url.port_or_known_default();
    matches!(url.scheme(), "http" | "https")
        && name == place.name
        && (place.port.is_none() || place.port == port)
        && (place.port.is_some() || url.port().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(addresses: &[&str], host: &str, allowed: &[&str]) -> Served {
        let listening: Vec<SocketAddr> = addresses
            .iter()
            .map(|address| address.parse().expect("an address"))
            .collect();
        let allowed: Vec<String> = allowed.iter().map(|origin| (*origin).to_owned()).collect();
        Served::new(host, &allowed, &listening, Scheme::Http)
    }

    #[test]
    fn only_our_names_and_ports_are_served() {
        let served = at(&["127.0.0.1:8765", "[::1]:8765"], "localhost", &[]);
        for host in [
            "localhost:8765",
            "localhost",
            "LOCALHOST:8765",
            "localhost.:8765",
            "127.0.0.1:8765",
            "127.0.0.1",
            "[::1]:8765",
            "[::1]",
        ] {
            assert!(served.serves(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:8765",
            "localhost:80",
            "localhost.evil.example",
            "user@localhost:8765",
            "localhost:",
            "localhost:99999",
            "127.0.0.2:8765",
            "0.0.0.0:8765",
            "[::2]:8765",
            "localhost:8765 evil",
        ] {
            assert!(!served.serves(host), "{host}");
        }
    }

    #[test]
    fn on_every_interface_any_address_is_served_but_no_foreign_name() {
        let served = at(&["0.0.0.0:8765"], "0.0.0.0", &[]);
        assert!(served.serves("192.168.1.7:8765"));
        assert!(served.serves("[fe80::1]:8765"));
        assert!(served.serves("localhost:8765"));
        assert!(!served.serves("rebound.example:8765"));
        assert!(!served.serves("192.168.1.7:80"));
    }

    #[test]
    fn the_configured_name_and_that_of_an_allowed_page_are_served() {
        let served = at(&["10.0.0.5:8765"], "nas.lan", &["https://dl.example.org"]);
        assert!(served.serves("nas.lan:8765"));
        assert!(served.serves("dl.example.org"));
        assert!(served.serves("dl.example.org:443"));
        assert!(!served.serves("dl.example.org:8765"));
    }

    #[test]
    fn only_our_own_page_and_allowed_ones_may_call() {
        let served = at(
            &["127.0.0.1:8765"],
            "localhost",
            &["https://ui.example/", "chrome-extension://abc"],
        );
        for (origin, host) in [
            ("http://localhost:8765", "localhost:8765"),
            ("http://LOCALHOST:8765", "localhost:8765"),
            ("http://[::1]:8765", "[::1]:8765"),
            ("http://localhost", "localhost"),
            ("http://localhost", "localhost:80"),
            ("http://localhost:8765", "127.0.0.1:8765"),
            ("http://127.0.0.1:8765", "localhost:8765"),
            ("http://localhost", "127.0.0.1"),
            ("https://ui.example", "localhost:8765"),
            ("chrome-extension://abc", "localhost:8765"),
        ] {
            assert!(served.admits(origin, host), "{origin} at {host}");
        }
        for (origin, host) in [
            ("null", "localhost:8765"),
            ("", "localhost:8765"),
            ("http://localhost:3000", "localhost:8765"),
            ("http://localhost", "localhost:8765"),
            ("http://localhost:8765", "localhost"),
            ("http://localhost:8765", "127.0.0.1"),
            ("http://localhost:80", "127.0.0.1:8765"),
            ("http://127.0.0.1", "localhost:8765"),
            ("http://127.0.0.2:8765", "localhost:8765"),
            ("http://[::1]:8765", "127.0.0.1:8765"),
            ("https://127.0.0.1:8765", "localhost:8765"),
            ("http://localhost.evil.example:8765", "127.0.0.1:8765"),
            ("http://evil.example:8765", "127.0.0.1:8765"),
            ("http://localhost:8765", "evil.example:8765"),
            ("https://ui.example.evil", "localhost:8765"),
            ("http://ui.example", "localhost:8765"),
            ("ftp://localhost:8765", "localhost:8765"),
            ("https://localhost:8765", "localhost:8765"),
            ("https://localhost", "localhost"),
            ("http://localhost:8765@evil.example", "localhost:8765"),
            ("http://localhost:8765.evil.example", "localhost:8765"),
            ("http://evil.example#localhost:8765", "localhost:8765"),
            ("http://evil.localhost:8765", "localhost:8765"),
            ("chrome-extension://abd", "localhost:8765"),
        ] {
            assert!(!served.admits(origin, host), "{origin} at {host}");
        }
    }

    #[test]
    fn only_a_daemon_on_loopback_has_several_names_for_its_page() {
        let both = at(&["127.0.0.1:8765", "[::1]:8765"], "localhost", &[]);
        assert!(both.admits("http://[::1]:8765", "127.0.0.1:8765"));
        assert!(both.admits("http://localhost:8765", "[::1]:8765"));
        for beyond in ["0.0.0.0:8765", "10.0.0.5:8765"] {
            let served = at(&[beyond], "nas.lan", &[]);
            for host in ["10.0.0.5:8765", "nas.lan:8765"] {
                assert!(!served.admits("http://localhost:8765", host), "{host}");
            }
            for origin in ["http://127.0.0.1:8765", "http://nas.lan:8765"] {
                assert!(!served.admits(origin, "localhost:8765"), "{origin}");
            }
        }
    }

    #[test]
    fn a_page_that_a_proxy_shows_is_told_from_other_allowed_ones() {
        let allowed = [
            "https://dl.example",
            "https://ui.example:8443",
            "http://both",
            "https://both",
        ];
        let served = at(&["127.0.0.1:8765"], "localhost", &allowed);
        for (origin, host, is_shown) in [
            ("https://dl.example", "dl.example", true),
            ("https://dl.example", "dl.example:443", true),
            ("https://ui.example:8443", "ui.example:8443", true),
            ("https://dl.example", "localhost:8765", false),
            ("https://dl.example", "dl.example:8765", false),
            ("https://ui.example:8443", "ui.example", false),
            ("https://dl.example", "ui.example:8443", false),
            ("http://dl.example", "dl.example", false),
            ("https://evil.example", "evil.example", false),
        ] {
            assert_eq!(
                served.is_shown(origin, host),
                is_shown,
                "{origin} at {host}"
            );
        }
        assert_eq!(served.scheme_at("dl.example"), Scheme::Https);
        assert_eq!(served.scheme_at("localhost:8765"), Scheme::Http);
        assert_eq!(
            served.scheme_at("both"),
            Scheme::Http,
            "it is reached without, too"
        );
    }

    #[test]
    fn null_is_not_made_an_origin_by_configuration() {
        let served = at(&["127.0.0.1:8765"], "localhost", &["null"]);
        assert!(!served.admits("null", "localhost:8765"));
    }
}
