//! Opens connections: name to addresses, address policy, happy eyeballs (RFC 8305), proxy, TLS.
//! Knows nothing of requests, permits or reuse.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use url::{Host, Url};

use crate::error::{Error, Kind, Result};
use crate::spec::{Config, Targets};

use super::proxy::{self, Goal, Proxy, Speaks};
use super::tls::Tls;
use super::wire::Wire;
use super::{fault, target};

/// How long one address has before the next is tried beside it (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);

pub(super) struct Dialer {
    connect_timeout: Duration,
    targets: Targets,
    hosts: Vec<(String, Vec<IpAddr>)>,
    proxy: Option<Proxy>,
    tls: Tls,
}

impl Dialer {
    pub(super) fn new(config: &Config) -> Result<Dialer> {
        Ok(Dialer {
            connect_timeout: config.connect_timeout,
            targets: config.targets,
            hosts: config.hosts.clone(),
            proxy: config.proxy.as_ref().map(Proxy::parse).transpose()?,
            tls: Tls::new(config.ca_file.as_deref())?,
        })
    }

    /// The HTTP proxy that requests for `url` are addressed to, with its credentials: then they are
    /// in absolute-form.
    pub(super) fn forwards(&self, url: &Url) -> Option<&Option<http::HeaderValue>> {
        match &self.proxy {
            Some(Proxy {
                speaks: Speaks::Http(login),
                ..
            }) if url.scheme() == "http" => Some(login),
            _ => None,
        }
    }

    /// A connection that takes requests for `url`. `reached` is told as soon as somebody is there, which
    /// with TLS is half of the way.
    pub(super) async fn dial(&self, url: &Url, reached: &Notify) -> Result<Wire> {
        tokio::time::timeout(self.connect_timeout, self.open(url, reached))
            .await
            .unwrap_or_else(|_| Err(fault::connect_timeout(self.connect_timeout)))
    }

    async fn open(&self, url: &Url, reached: &Notify) -> Result<Wire> {
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(Error::new(
                Kind::InvalidUrl,
                "the URL has no host; give an absolute http:// or https:// URL",
            ));
        };
        let tcp = match &self.proxy {
            None => connect(&self.resolve(&host, port).await?).await?,
            Some(proxy) => self.through(proxy, url, &host, port).await?,
        };
        reached.notify_one();
        match url.scheme() {
            "https" => Ok(Wire::tls(self.tls.open(tcp, url).await?)),
            _ => Ok(Wire::plain(tcp)),
        }
    }

    /// The addresses of `host` that the policy lets pass.
    async fn resolve(&self, host: &Host<&str>, port: u16) -> Result<Vec<SocketAddr>> {
        let found = match self.given(host, port) {
            Some(given) => given,
            None => addresses(host, port).await?,
        };
        let allowed: Vec<SocketAddr> = found
            .into_iter()
            .filter(|address| target::allows(self.targets, address.ip()))
            .collect();
        if allowed.is_empty() {
            return Err(target::refused(host));
        }
        Ok(allowed)
    }

    /// Refuses a name that leads to an address which the policy refuses, as far as that can be seen from
    /// here: the proxy looks it up again, and may take any of its addresses.
    async fn check_found_here(&self, host: &Host<&str>, port: u16) -> Result<()> {
        if self.targets == Targets::Any {
            return Ok(());
        }
        let found = match self.given(host, port) {
            Some(given) => given,
            // What only the proxy knows is for the proxy to judge.
            None => addresses(host, port).await.unwrap_or_default(),
        };
        let is_allowed = |address: &SocketAddr| target::allows(self.targets, address.ip());
        match found.iter().all(is_allowed) {
            true => Ok(()),
            false => Err(target::refused(host)),
        }
    }

    /// The addresses that the configuration gives to `host`, in its order.
    fn given(&self, host: &Host<&str>, port: u16) -> Option<Vec<SocketAddr>> {
        let Host::Domain(name) = host else {
            return None;
        };
        let (_, ips) = self.hosts.iter().find(|(known, _)| known == name)?;
        Some(ips.iter().map(|ip| (*ip, port).into()).collect())
    }

    async fn through(
        &self,
        proxy: &Proxy,
        url: &Url,
        host: &Host<&str>,
        port: u16,
    ) -> Result<TcpStream> {
        let resolved = match &proxy.speaks {
            Speaks::Socks(_) => Some(self.resolve(host, port).await?),
            Speaks::Http(_) => {
                target::check_unresolved(self.targets, host)?;
                self.check_found_here(host, port).await?;
                None
            }
            // Who writes `socks5h` wants no name looked up here.
            Speaks::SocksNames(_) => {
                target::check_unresolved(self.targets, host)?;
                None
            }
        };
        let mut tcp = reach(proxy).await?;
        match &proxy.speaks {
            Speaks::Http(login) if url.scheme() == "https" => {
                proxy::tunnel(tcp, &format!("{host}:{port}"), login.as_ref()).await
            }
            Speaks::Http(_) => Ok(tcp),
            Speaks::Socks(login) | Speaks::SocksNames(login) => {
                let goal = match (resolved.as_deref(), host) {
                    (Some([first, ..]), _) => Goal::Address(*first),
                    (_, Host::Ipv4(ip)) => Goal::Address(((*ip), port).into()),
                    (_, Host::Ipv6(ip)) => Goal::Address(((*ip), port).into()),
                    (_, Host::Domain(name)) => Goal::Name(name, port),
                };
                proxy::socks(&mut tcp, &goal, login.as_ref()).await?;
                Ok(tcp)
            }
        }
    }
}

/// The proxy itself is the operator's choice: no address policy applies to it.
async fn reach(proxy: &Proxy) -> Result<TcpStream> {
    let unreachable = |cause: Error| Error {
        kind: Kind::Proxy,
        detail: format!("the proxy {}:{}: {}", proxy.host, proxy.port, cause.detail),
        ..cause
    };
    let host = Host::parse(&proxy.host)
        .map_err(|_| Error::new(Kind::InvalidOption, "proxy: the host is not a name"))?;
    let host = match &host {
        Host::Domain(name) => Host::Domain(name.as_str()),
        Host::Ipv4(ip) => Host::Ipv4(*ip),
        Host::Ipv6(ip) => Host::Ipv6(*ip),
    };
    let found = addresses(&host, proxy.port).await.map_err(unreachable)?;
    connect(&found).await.map_err(unreachable)
}

async fn addresses(host: &Host<&str>, port: u16) -> Result<Vec<SocketAddr>> {
    let name = match host {
        Host::Ipv4(ip) => return Ok(vec![(*ip, port).into()]),
        Host::Ipv6(ip) => return Ok(vec![(*ip, port).into()]),
        Host::Domain(name) => *name,
    };
    let found = tokio::net::lookup_host((name, port))
        .await
        .map_err(|cause| fault::dns(name, &cause))?;
    let found = interleaved(found.collect());
    if found.is_empty() {
        return Err(fault::dns(name, &io::Error::other("an empty answer")));
    }
    Ok(found)
}

/// Alternates between the families, beginning with the one that the system prefers (RFC 8305 §4).
fn interleaved(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = found.first().copied() else {
        return found;
    };
    let (preferred, other): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|address| address.is_ipv4() == first.is_ipv4());
    let mut preferred = preferred.into_iter();
    let mut other = other.into_iter();
    let mut mixed = Vec::new();
    loop {
        let pair = [preferred.next(), other.next()];
        if pair.iter().all(Option::is_none) {
            return mixed;
        }
        mixed.extend(pair.into_iter().flatten());
    }
}

/// Tries the addresses in order, each a moment after the one before or as soon as that has failed.
/// The first connection wins; the others are cancelled.
async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream> {
    let mut waiting = addresses.iter();
    let mut trying = FuturesUnordered::new();
    let mut most_telling = io::Error::from(io::ErrorKind::NetworkUnreachable);
    loop {
        match waiting.next() {
            Some(address) => trying.push(connect_to(*address)),
            None if trying.is_empty() => return Err(fault::connect(&most_telling)),
            None => {}
        }
        tokio::select! {
            Some(tried) = trying.next() => match tried {
                Ok(tcp) => return Ok(tcp),
                // Where one family has no road, what the other one meets says more.
                Err(cause) if fault::is_no_road(&cause) && !fault::is_no_road(&most_telling) => {}
                Err(cause) => most_telling = cause,
            },
            () = tokio::time::sleep(STAGGER), if waiting.len() > 0 => {}
        }
    }
}

async fn connect_to(address: SocketAddr) -> io::Result<TcpStream> {
    let named = |cause: io::Error| io::Error::new(cause.kind(), format!("{address}: {cause}"));
    let tcp = TcpStream::connect(address).await.map_err(named)?;
    // A request is one small write: waiting for more would only delay it.
    tcp.set_nodelay(true).map_err(named)?;
    Ok(tcp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn families_alternate_from_the_preferred_one() {
        let addresses = |list: &[&str]| -> Vec<SocketAddr> {
            list.iter()
                .map(|text| text.parse().expect("an address"))
                .collect()
        };
        let found = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"]);
        let wanted = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"]);
        assert_eq!(interleaved(found), wanted);
        assert!(interleaved(Vec::new()).is_empty());
    }

    /// An address on which nothing listens.
    async fn refusing() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        listener.local_addr().expect("an address")
    }

    #[tokio::test]
    async fn a_dead_address_costs_no_wait() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let alive = listener.local_addr().expect("an address");
        let dead = refusing().await;
        let start = std::time::Instant::now();
        let tcp = connect(&[dead, dead, alive]).await.expect("connected");
        assert_eq!(tcp.peer_addr().expect("connected"), alive);
        assert!(tcp.nodelay().expect("connected"));
        assert!(start.elapsed() < STAGGER, "refusals are seen at once");
    }

    #[tokio::test]
    async fn a_silent_address_is_overtaken() {
        // A full backlog leaves further connections without an answer.
        let silent = socket_with_full_backlog().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let alive = listener.local_addr().expect("an address");
        let tcp = connect(&[silent.address, alive]).await.expect("connected");
        assert_eq!(tcp.peer_addr().expect("connected"), alive);
    }

    struct Silent {
        address: SocketAddr,
        _held: (TcpListener, Vec<TcpStream>),
    }

    async fn socket_with_full_backlog() -> Silent {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket
            .bind("127.0.0.1:0".parse().expect("an address"))
            .expect("bound");
        let listener = socket.listen(1).expect("listening");
        let address = listener.local_addr().expect("an address");
        let mut held = Vec::new();
        let patience = Duration::from_millis(100);
        while let Ok(tcp) = tokio::time::timeout(patience, TcpStream::connect(address)).await {
            held.push(tcp.expect("in the backlog"));
        }
        Silent {
            address,
            _held: (listener, held),
        }
    }

    #[tokio::test]
    async fn the_last_refusal_is_reported() {
        let dead = refusing().await;
        let error = connect(&[dead]).await.expect_err("refused");
        assert_eq!(error.kind, Kind::Connect);
        assert!(error.retryable());
        assert!(error.detail.contains(&dead.to_string()), "{error}");
    }

    #[tokio::test]
    async fn private_addresses_are_refused_after_resolution() {
        let mut config = Config::new("/files".into(), "/state".into());
        config.targets = Targets::Public;
        let dialer = Dialer::new(&config).expect("a dialer");
        for private in [
            "http://127.0.0.1:1/",
            "http://localhost:1/",
            "http://[::1]:1/",
            "http://0x7f.1:1/",
            "http://2130706433:1/",
            "http://017700000001:1/",
            "http://127.1:1/",
            "http://127.0.0.1.:1/",
            "http://LOCALHOST:1/",
            "http://１２７.０.０.１:1/",
            "http://①②⑦.0.0.1:1/",
            "http://127%2E0.0.1:1/",
            "http://0:1/",
            "http://0.0.0.0:1/",
            "http://[::]:1/",
            "http://[::ffff:127.0.0.1]:1/",
            "http://[::ffff:7f00:1]:1/",
            "http://[64:ff9b::127.0.0.1]:1/",
            "http://example.org@127.0.0.1:1/",
            "http://example.org:80@127.0.0.1:1/",
            "http://127.0.0.1:1\\@example.org/",
            "http://169.254.169.254:1/latest/meta-data/",
            "http://[fd00:ec2::254]:1/",
        ] {
            let url = Url::parse(private).expect("a URL");
            let error = dialer
                .dial(&url, &Notify::new())
                .await
                .err()
                .expect(private);
            assert_eq!(error.kind, Kind::TargetRefused, "{private}: {error}");
            assert!(!error.retryable());
        }
    }

    #[tokio::test]
    async fn of_a_name_with_both_only_the_public_addresses_are_dialled() {
        let mut config = Config::new("/files".into(), "/state".into());
        config.targets = Targets::Public;
        let ips = [
            "127.0.0.1",
            "1.1.1.1",
            "::1",
            "::ffff:10.0.0.1",
            "2606:4700::1",
        ];
        let ips = ips.map(|ip| ip.parse().expect("an address"));
        config.hosts = vec![("both.example".to_owned(), ips.to_vec())];
        let dialer = Dialer::new(&config).expect("a dialer");
        let found = dialer.resolve(&Host::Domain("both.example"), 80).await;
        let found: Vec<String> = found
            .expect("some are public")
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, ["1.1.1.1:80", "[2606:4700::1]:80"]);
    }

    #[tokio::test]
    async fn an_unknown_name_is_a_passing_dns_error() {
        let dialer = Dialer::new(&Config::new("/files".into(), "/state".into())).expect("a dialer");
        let url = Url::parse("http://no-such-name.invalid/").expect("a URL");
        let error = dialer
            .dial(&url, &Notify::new())
            .await
            .err()
            .expect("no address");
        assert_eq!(error.kind, Kind::Dns);
        assert!(error.retryable());
    }
}
