//! Proxies: what they are asked, and what their refusals become.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use super::tls::Authority;
use crate::error::Kind;
use crate::http::script::{Reply, Server, client, config, get, read, read_head};
use crate::http::{Client, proxy::basic};
use crate::spec::{Config, Targets};

fn through(proxy: &str) -> Config {
    let mut config = config();
    config.proxy = Some(Url::parse(proxy).expect("a URL"));
    config
}

fn client_through(proxy: &str) -> Client {
    client(&through(proxy)).0
}

#[tokio::test]
async fn http_is_asked_for_by_its_whole_url() {
    let proxy = Server::start(|_, _| Reply::ok("via")).await;
    let client = client_through(&format!("http://me:pw@{}", proxy.address));
    let url = Url::parse("http://user@origin.invalid:81/f?q").expect("a URL");
    let answer = get(&client, &url).await.expect("an answer");
    assert_eq!(answer.url, url);
    assert_eq!(read(answer).await.expect("read"), "via");
    let heard = &proxy.heard()[0];
    assert!(
        heard.has("GET http://origin.invalid:81/f?q HTTP/1.1"),
        "{heard:?}"
    );
    assert!(heard.has("host: origin.invalid:81"));
    let login = basic(b"me", b"pw");
    let login = login.to_str().expect("text");
    assert!(heard.has(&format!("proxy-authorization: {login}")));
}

#[tokio::test]
async fn a_proxy_that_wants_a_login_is_an_error_of_the_proxy() {
    let answer = "HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n";
    let proxy = Server::start(move |_, _| Reply::keep(answer)).await;
    let client = client_through(&format!("http://{}", proxy.address));
    for url in ["http://origin.invalid/", "https://origin.invalid/"] {
        let url = Url::parse(url).expect("a URL");
        let error = get(&client, &url).await.err().expect("refused");
        assert_eq!((error.kind, error.status), (Kind::Proxy, Some(407)));
        assert!(!error.retryable());
    }
}

#[tokio::test]
async fn a_refused_tunnel_tells_the_status() {
    for (status, passes) in [(403, false), (503, true)] {
        let proxy = Server::start(move |_, _| {
            Reply::keep(format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n"))
        })
        .await;
        let client = client_through(&format!("http://{}", proxy.address));
        let url = Url::parse("https://origin.invalid/").expect("a URL");
        let error = get(&client, &url).await.err().expect("refused");
        assert_eq!((error.kind, error.status), (Kind::Proxy, Some(status)));
        assert_eq!(error.retryable(), passes);
    }
    let error = get(
        &client_through("http://127.0.0.1:1"),
        &Url::parse("http://origin.invalid/").expect("a URL"),
    )
    .await
    .err()
    .expect("nobody listens");
    assert_eq!(error.kind, Kind::Proxy);
    assert!(error.retryable());
}

/// A proxy that takes `hello` from each client and then connects it to `server`.
async fn relay<F>(
    server: SocketAddr,
    hello: fn(TcpStream) -> F,
) -> (SocketAddr, AbortOnDropHandle<()>)
where
    F: Future<Output = TcpStream> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address");
    let task = tokio::spawn(async move {
        let (client, _) = listener.accept().await.expect("accepted");
        let mut client = hello(client).await;
        let mut server = TcpStream::connect(server).await.expect("connected");
        let _ = copy_bidirectional(&mut client, &mut server).await;
    });
    (address, AbortOnDropHandle::new(task))
}

#[tokio::test]
async fn https_goes_through_a_tunnel_and_is_checked_end_to_end() {
    async fn hello(mut tcp: TcpStream) -> TcpStream {
        let head = read_head(&mut tcp).await.expect("a head");
        assert!(
            head.starts_with("CONNECT origin.invalid:443 HTTP/1.1\r\n"),
            "{head}"
        );
        assert!(
            head.to_lowercase()
                .contains("\r\nhost: origin.invalid:443\r\n")
        );
        assert!(
            head.to_lowercase()
                .contains("\r\nproxy-authorization: basic ")
        );
        tcp.write_all(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n")
            .await
            .expect("sent");
        tcp
    }
    let authority = Authority::new();
    let tls = authority.acceptor("origin.invalid", |_| {});
    let origin = Server::start_tls(tls, |_, _| Reply::ok("secret")).await;
    let (proxy, _task) = relay(origin.address, hello).await;
    let mut config = through(&format!("http://me:pw@{proxy}"));
    config.ca_file = Some(authority.file());
    let (client, _limits) = client(&config);
    let url = Url::parse("https://origin.invalid/f").expect("a URL");
    for _ in 0..2 {
        let answer = get(&client, &url).await.expect("an answer");
        assert_eq!(read(answer).await.expect("read"), "secret");
    }
    assert_eq!(origin.connections(), [0, 0]);
    let heard = &origin.heard()[0];
    assert!(heard.has("GET /f HTTP/1.1"));
    assert!(!heard.head.to_lowercase().contains("proxy-"), "{heard:?}");
}

#[tokio::test]
async fn socks_names_are_resolved_by_the_proxy_after_a_login() {
    async fn hello(mut tcp: TcpStream) -> TcpStream {
        let mut offer = [0; 4];
        tcp.read_exact(&mut offer).await.expect("an offer");
        assert_eq!(offer, [5, 2, 0, 2]);
        tcp.write_all(&[5, 2]).await.expect("sent");
        let mut login = [0; 7];
        tcp.read_exact(&mut login).await.expect("a login");
        assert_eq!(&login, b"\x01\x02me\x02pw");
        tcp.write_all(&[1, 0]).await.expect("sent");
        let mut request = [0; 21];
        tcp.read_exact(&mut request).await.expect("a request");
        assert_eq!(&request, b"\x05\x01\x00\x03\x0eorigin.invalid\x00\x51");
        tcp.write_all(b"\x05\x00\x00\x03\x03abc\x00\x00")
            .await
            .expect("sent");
        tcp
    }
    let origin = Server::start(|_, _| Reply::ok("far")).await;
    let (proxy, _task) = relay(origin.address, hello).await;
    let client = client_through(&format!("socks5h://me:pw@{proxy}"));
    let url = Url::parse("http://origin.invalid:81/f").expect("a URL");
    let answer = get(&client, &url).await.expect("an answer");
    assert_eq!(read(answer).await.expect("read"), "far");
    assert!(origin.heard()[0].has("GET /f HTTP/1.1"));
}

#[tokio::test]
async fn socks_addresses_are_resolved_here() {
    async fn hello(mut tcp: TcpStream) -> TcpStream {
        let mut offer = [0; 3];
        tcp.read_exact(&mut offer).await.expect("an offer");
        assert_eq!(offer, [5, 1, 0]);
        tcp.write_all(&[5, 0]).await.expect("sent");
        let mut request = [0; 10];
        tcp.read_exact(&mut request).await.expect("a request");
        assert_eq!(request[..8], [5, 1, 0, 1, 127, 0, 0, 1]);
        tcp.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
            .await
            .expect("sent");
        tcp
    }
    let origin = Server::start(|_, _| Reply::ok("far")).await;
    let (proxy, _task) = relay(origin.address, hello).await;
    let client = client_through(&format!("socks5://{proxy}"));
    let answer = get(&client, &origin.url("/")).await.expect("an answer");
    assert_eq!(read(answer).await.expect("read"), "far");
}

#[tokio::test]
async fn a_socks_refusal_says_why() {
    async fn hello(mut tcp: TcpStream) -> TcpStream {
        let mut offer = [0; 3];
        tcp.read_exact(&mut offer).await.expect("an offer");
        tcp.write_all(&[5, 0]).await.expect("sent");
        let mut request = [0; 10];
        tcp.read_exact(&mut request).await.expect("a request");
        tcp.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0])
            .await
            .expect("sent");
        tcp
    }
    let origin = Server::start(|_, _| Reply::ok("far")).await;
    let (proxy, _task) = relay(origin.address, hello).await;
    let client = client_through(&format!("socks5://{proxy}"));
    let error = get(&client, &origin.url("/")).await.err().expect("refused");
    assert_eq!(error.kind, Kind::Connect, "{error}");
    assert!(error.retryable() && error.detail.contains("refused"));
    assert!(origin.heard().is_empty());
}

#[tokio::test]
async fn a_proxy_is_not_asked_for_private_targets() {
    let proxy = Server::start(|_, _| Reply::ok("x")).await;
    for scheme in ["http", "socks5", "socks5h"] {
        let mut config = through(&format!("{scheme}://{}", proxy.address));
        config.targets = Targets::Public;
        let (client, _limits) = client(&config);
        for url in ["http://127.0.0.1/", "https://[::1]/", "http://localhost/"] {
            let url = Url::parse(url).expect("a URL");
            let error = get(&client, &url).await.err().expect("refused");
            assert_eq!(error.kind, Kind::TargetRefused, "{scheme} {url}");
        }
    }
    assert!(proxy.heard().is_empty());
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_refused_on_its_hop() {
    let proxy = Server::start(|_, _| Reply::redirect("http://169.254.169.254/latest", "")).await;
    let mut config = through(&format!("http://{}", proxy.address));
    config.targets = Targets::Public;
    let (client, _limits) = client(&config);
    let url = Url::parse("http://example.org/").expect("a URL");
    let error = get(&client, &url).await.err().expect("refused");
    assert_eq!(error.kind, Kind::TargetRefused);
    assert_eq!(error.url.as_deref(), Some("http://169.254.169.254/latest"));
    assert_eq!(proxy.heard().len(), 1);
}

#[tokio::test]
async fn a_proxy_is_not_asked_for_what_leads_to_private_addresses() {
    let proxy = Server::start(|_, head| {
        if head.contains("/there") {
            return Reply::ok("came");
        }
        Reply::keep(
            "HTTP/1.1 302 Found\r\nLocation: http://inside.example/\r\nContent-Length: 0\r\n\r\n",
        )
    })
    .await;
    let mut config = through(&format!("http://{}", proxy.address));
    config.targets = Targets::Public;
    let given = |name: &str, ips: &[&str]| {
        let ips = ips.iter().map(|ip| ip.parse().expect("an address"));
        (name.to_owned(), ips.collect())
    };
    config.hosts = vec![
        given("inside.example", &["10.0.0.1"]),
        given("both.example", &["1.1.1.1", "127.0.0.1"]),
    ];
    let client = client(&config).0;
    let ask = async |url: &str| get(&client, &Url::parse(url).expect("a URL")).await;
    for url in [
        "http://inside.example/",
        "https://both.example/",
        "http://127.0.0.1/",
        "http://[::ffff:169.254.169.254]/",
        "http://router/",
        // A public name, and then a redirect to a private one.
        "http://open.invalid/",
    ] {
        let error = ask(url).await.err().expect(url);
        assert_eq!(error.kind, Kind::TargetRefused, "{url}: {error}");
    }
    let asked = proxy.heard().len();
    assert_eq!(asked, 1, "only the public name got as far as the proxy");
    // A name that is not known here is the proxy's to judge.
    assert!(ask("http://open.invalid/there").await.is_ok());
}
