//! The proxy that every request goes through, if one is configured: reading its URL, and the
//! conversation that asks it for a connection. Knows nothing of the request that follows.
//!
//! `http://` proxies get CONNECT for `https` and absolute-form requests for `http` (RFC 9110
//! §9.3.6, RFC 9112 §3.2.2); `socks5://` resolves names here, `socks5h://` at the proxy. All hosts
//! go through it, loopback ones too. SOCKS is spoken here in a few lines because hyper-util's
//! connector comes with a whole pooled client and hides the proxy's answer.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::task::Poll;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use crate::error::{Error, Kind, Result, Retry};

/// A configured proxy.
#[derive(Clone)]
pub(super) struct Proxy {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) speaks: Speaks,
}

/// What a proxy speaks.
#[derive(Clone)]
pub(super) enum Speaks {
    /// HTTP, with these credentials.
    Http(Option<HeaderValue>),
    /// SOCKS 5 with addresses that were resolved here.
    Socks(Option<SocksLogin>),
    /// SOCKS 5 with names, which the proxy resolves.
    SocksNames(Option<SocksLogin>),
}

/// User and password for SOCKS (RFC 1929).
#[derive(Clone)]
pub(super) struct SocksLogin {
    user: Vec<u8>,
    password: Vec<u8>,
}

/// Where a SOCKS proxy shall connect to.
pub(super) enum Goal<'a> {
    Address(SocketAddr),
    Name(&'a str, u16),
}

impl Proxy {
    /// Reads the `proxy` setting.
    pub(super) fn parse(url: &Url) -> Result<Proxy> {
        let refuse = |why: &str| {
            Error::new(
                Kind::InvalidOption,
                format!("proxy: {why}; write http://[user:password@]host:port or socks5://…"),
            )
        };
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or_else(|| refuse("the host is missing"))?
            .to_owned();
        let user: Vec<u8> = percent_decode_str(url.username()).collect();
        let password: Vec<u8> = percent_decode_str(url.password().unwrap_or_default()).collect();
        let named = !user.is_empty() || !password.is_empty();
        let socks = || {
            if user.len() > 255 || password.len() > 255 {
                return Err(refuse("SOCKS takes at most 255 bytes of user or password"));
            }
            Ok(named.then(|| SocksLogin {
                user: user.clone(),
                password: password.clone(),
            }))
        };
        let (speaks, port) = match url.scheme() {
            "http" => (Speaks::Http(named.then(|| basic(&user, &password))), 80),
            "socks5" => (Speaks::Socks(socks()?), 1080),
            "socks5h" => (Speaks::SocksNames(socks()?), 1080),
            _ => return Err(refuse("only http, socks5 and socks5h are spoken")),
        };
        Ok(Proxy {
            host,
            port: url.port().unwrap_or(port),
            speaks,
        })
    }
}

/// The value of a Basic authentication field (RFC 7617).
pub(super) fn basic(user: &[u8], password: &[u8]) -> HeaderValue {
    let pair = BASE64_STANDARD.encode([user, b":", password].concat());
    let mut value = HeaderValue::from_str(&format!("Basic {pair}"))
        .expect("base64 holds nothing that a field may not");
    value.set_sensitive(true);
    value
}

fn broken(cause: &dyn std::fmt::Display) -> Error {
    Error::passing(
        Kind::Proxy,
        format!("the proxy broke the connection: {cause}"),
    )
}

/// Asks an HTTP proxy for a tunnel to `authority` (`host:port`).
pub(super) async fn tunnel(
    tcp: TcpStream,
    authority: &str,
    login: Option<&HeaderValue>,
) -> Result<TcpStream> {
    let (mut sender, mut link) = http1::Builder::new()
        .max_header_size(super::conn::MAX_HEAD)
        .handshake::<_, Empty<Bytes>>(TokioIo::new(tcp))
        .await
        .map_err(|cause| broken(&cause))?;
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(authority)
        .header(HOST, authority);
    if let Some(login) = login {
        request = request.header(PROXY_AUTHORIZATION, login);
    }
    let request = request.body(Empty::new()).map_err(|cause| {
        Error::new(
            Kind::InvalidUrl,
            format!("cannot ask the proxy for {authority}: {cause}"),
        )
    })?;
    let mut over = false;
    let answer = {
        let mut sent = pin!(sender.send_request(request));
        std::future::poll_fn(|cx| {
            // Its error, if any, reaches `sent`.
            over = over || link.poll_without_shutdown(cx).is_ready();
            sent.as_mut().poll(cx)
        })
        .await
        .map_err(|cause| broken(&cause))?
    };
    match answer.status() {
        status if status.is_success() => {}
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => return Err(login_wanted()),
        status => {
            let error = Error::passing(
                Kind::Proxy,
                format!("the proxy answered {status} to CONNECT {authority}"),
            );
            let error = error.with_status(status.as_u16());
            if status.is_client_error() {
                return Err(error.with_retry(Retry::Never));
            }
            return Err(error);
        }
    }
    drop(answer);
    std::future::poll_fn(|cx| {
        if over {
            return Poll::Ready(Ok(()));
        }
        link.poll_without_shutdown(cx)
    })
    .await
    .map_err(|cause| broken(&cause))?;
    let parts = link.into_parts();
    if !parts.read_buf.is_empty() {
        return Err(broken(&"it sent data before the tunnel was used"));
    }
    Ok(parts.io.into_inner())
}

/// The proxy wants credentials, or others.
pub(super) fn login_wanted() -> Error {
    Error::new(
        Kind::Proxy,
        "the proxy wants a user and password; write proxy = \"http://user:password@host:port\"",
    )
    .with_status(407)
}

/// Asks a SOCKS 5 proxy for a connection (RFC 1928).
pub(super) async fn socks(
    tcp: &mut TcpStream,
    goal: &Goal<'_>,
    login: Option<&SocksLogin>,
) -> Result<()> {
    const NO_LOGIN: u8 = 0;
    const PASSWORD: u8 = 2;
    let offer: &[u8] = match login {
        None => &[5, 1, NO_LOGIN],
        Some(_) => &[5, 2, NO_LOGIN, PASSWORD],
    };
    send(tcp, offer).await?;
    match (receive::<2>(tcp).await?, login) {
        ([5, NO_LOGIN], _) => {}
        ([5, PASSWORD], Some(login)) => socks_login(tcp, login).await?,
        ([5, _], _) => {
            return Err(Error::new(
                Kind::Proxy,
                "the SOCKS proxy wants another login; write proxy = \"socks5://user:password@host:port\"",
            ));
        }
        _ => return Err(not_socks()),
    }

    const CONNECT: u8 = 1;
    let mut request = vec![5, CONNECT, 0];
    let port = match goal {
        Goal::Address(address) => {
            match address.ip() {
                IpAddr::V4(ip) => {
                    request.push(1);
                    request.extend(ip.octets());
                }
                IpAddr::V6(ip) => {
                    request.push(4);
                    request.extend(ip.octets());
                }
            }
            address.port()
        }
        Goal::Name(name, port) => {
            let len = u8::try_from(name.len()).map_err(|_| {
                Error::new(
                    Kind::InvalidUrl,
                    "the host name is longer than SOCKS can carry (255 bytes)",
                )
            })?;
            request.extend([3, len]);
            request.extend(name.as_bytes());
            *port
        }
    };
    request.extend(port.to_be_bytes());
    send(tcp, &request).await?;

    let [5, reply, 0, kind] = receive::<4>(tcp).await? else {
        return Err(not_socks());
    };
    if reply != 0 {
        return Err(refused(reply));
    }
    // The address that the proxy bound follows; nobody needs it.
    let bound = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(receive::<1>(tcp).await?[0]),
        _ => return Err(not_socks()),
    };
    let mut rest = vec![0; bound + 2];
    tcp.read_exact(&mut rest)
        .await
        .map_err(|cause| broken(&cause))?;
    Ok(())
}

async fn socks_login(tcp: &mut TcpStream, login: &SocksLogin) -> Result<()> {
    let mut message = vec![1];
    for part in [&login.user, &login.password] {
        message.push(u8::try_from(part.len()).expect("checked when the setting was read"));
        message.extend(part);
    }
    send(tcp, &message).await?;
    match receive::<2>(tcp).await? {
        [1, 0] => Ok(()),
        [1, _] => Err(Error::new(
            Kind::Proxy,
            "the SOCKS proxy refused the user or password",
        )),
        _ => Err(not_socks()),
    }
}

fn refused(reply: u8) -> Error {
    match reply {
        2 => Error::new(Kind::Proxy, "the SOCKS proxy's rules forbid this host"),
        3 => Error::passing(Kind::Connect, "the SOCKS proxy cannot reach the network"),
        4 => Error::passing(Kind::Connect, "the SOCKS proxy cannot reach the host"),
        5 => Error::passing(
            Kind::Connect,
            "the host refused the SOCKS proxy's connection",
        ),
        6 => Error::passing(
            Kind::Connect,
            "the host did not answer the SOCKS proxy in time",
        ),
        7 | 8 => Error::new(
            Kind::Proxy,
            "the SOCKS proxy does not support this kind of address",
        ),
        other => Error::passing(
            Kind::Proxy,
            format!("the SOCKS proxy failed (reply {other})"),
        ),
    }
}

fn not_socks() -> Error {
    Error::new(
        Kind::Proxy,
        "the proxy does not speak SOCKS 5; is it an http:// proxy?",
    )
}

async fn send(tcp: &mut TcpStream, bytes: &[u8]) -> Result<()> {
    tcp.write_all(bytes).await.map_err(|cause| broken(&cause))
}

async fn receive<const N: usize>(tcp: &mut TcpStream) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    tcp.read_exact(&mut bytes)
        .await
        .map_err(|cause| broken(&cause))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_setting_is_read_or_refused_with_the_way_to_write_it() {
        let parse = |text: &str| Proxy::parse(&Url::parse(text).expect("a URL"));
        let proxy = parse("http://us%40er:p%3Aw@proxy.example:3128").expect("a proxy");
        assert_eq!((proxy.host.as_str(), proxy.port), ("proxy.example", 3128));
        let Speaks::Http(Some(login)) = proxy.speaks else {
            panic!("no login");
        };
        assert_eq!(login, basic(b"us@er", b"p:w"));
        assert!(login.is_sensitive());
        assert_eq!(parse("http://proxy.example").expect("a proxy").port, 80);
        assert_eq!(parse("socks5://10.0.0.1").expect("a proxy").port, 1080);
        let names = parse("socks5h://[::1]:9050").expect("a proxy");
        assert!(matches!(names.speaks, Speaks::SocksNames(None)));
        for wrong in ["https://proxy:1", "ftp://proxy", "socks4://proxy:1"] {
            let error = parse(wrong).err().expect(wrong);
            assert_eq!(error.kind, Kind::InvalidOption);
            assert!(error.detail.contains("write http://"), "{error}");
        }
    }
}
