//! TLS: who is trusted, what a user is told otherwise, and that a cut is no end.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio_rustls::TlsAcceptor;
use url::Url;

use crate::error::{Error, Kind};
use crate::http::Client;
use crate::http::script::{Reply, Server, client, config, get, read};

/// A certificate authority of the test's own, in a file.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: tempfile::TempDir,
}

impl Authority {
    pub(super) fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Two authorities of one name would be told apart by their signatures only.
        let name = format!("authority {:x}", fastrand::u64(..));
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("ca.pem"), issuer.pem()).expect("written");
        Authority { issuer, dir }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// A server's end for a certificate on `name`, changed by `change`.
    pub(super) fn acceptor(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> TlsAcceptor {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let leaf = params.signed_by(&key, &self.issuer).expect("a certificate");
        let secret = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).expect("a key");
        acceptor(leaf.der().clone(), secret)
    }

    pub(super) fn client(&self) -> Client {
        let mut config = config();
        config.ca_file = Some(self.file());
        client(&config).0
    }
}

/// A server's end for a certificate and its key.
fn acceptor(own: CertificateDer<'static>, secret: PrivateKeyDer<'static>) -> TlsAcceptor {
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![own], secret)
            .expect("a key that fits");
    TlsAcceptor::from(Arc::new(config))
}

async fn refused(client: &Client, url: &Url) -> Error {
    let error = get(client, url).await.err().expect("refused");
    assert_eq!(error.kind, Kind::Tls, "{error}");
    assert!(!error.retryable(), "{error}");
    error
}

#[tokio::test]
async fn a_server_under_the_given_authority_is_trusted_and_its_connection_kept() {
    let authority = Authority::new();
    let tls = authority.acceptor("127.0.0.1", |_| {});
    let server = Server::start_tls(tls, |_, _| Reply::ok(&"x".repeat(100_000))).await;
    let client = authority.client();
    for _ in 0..2 {
        let answer = get(&client, &server.url("/")).await.expect("an answer");
        assert_eq!(read(answer).await.expect("read").len(), 100_000);
    }
    assert_eq!(server.connections(), [0, 0]);
}

#[tokio::test]
async fn the_very_certificate_in_ca_file_is_trusted_though_marked_as_an_authority_s() {
    // As `openssl req -x509` makes it.
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let own = params.self_signed(&key).expect("a certificate");
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("own.pem");
    std::fs::write(&file, own.pem()).expect("written");
    let secret = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).expect("a key");
    let tls = acceptor(own.der().clone(), secret);
    let server = Server::start_tls(tls, |_, _| Reply::ok("x")).await;
    let mut config = config();
    config.ca_file = Some(file);
    let answer = get(&client(&config).0, &server.url("/")).await;
    assert_eq!(read(answer.expect("an answer")).await.as_deref(), Ok("x"));
    refused(&Authority::new().client(), &server.url("/")).await;
}

#[tokio::test]
async fn a_certificate_is_refused_with_the_reason() {
    let authority = Authority::new();
    let client = authority.client();
    let serve = |tls| Server::start_tls(tls, |_, _| Reply::ok("x"));

    let other = serve(authority.acceptor("other.example", |_| {})).await;
    let error = refused(&client, &other.url("/")).await;
    assert!(error.detail.contains("another name"), "{error}");

    let old = authority.acceptor("127.0.0.1", |params| {
        params.not_after = date_time_ymd(2001, 1, 1);
    });
    let old = serve(old).await;
    let error = refused(&client, &old.url("/")).await;
    assert!(error.detail.contains("expired"), "{error}");

    let unknown = serve(Authority::new().acceptor("127.0.0.1", |_| {})).await;
    let error = refused(&client, &unknown.url("/")).await;
    assert!(error.detail.contains("ca_file"), "{error}");
    assert!(unknown.heard().is_empty(), "no request left the machine");
}

#[tokio::test]
async fn a_server_without_tls_is_named_as_such() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("bound");
    let address = listener.local_addr().expect("an address");
    let plain = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut tcp, _) = listener.accept().await.expect("accepted");
        tcp.read_u8().await.expect("a hello");
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .expect("sent");
        // Open until the client has read it.
        let _ = tcp.read_to_end(&mut Vec::new()).await;
    });
    let url = Url::parse(&format!("https://{address}/")).expect("a URL");
    let error = refused(&Authority::new().client(), &url).await;
    assert!(error.detail.contains("does not speak TLS"), "{error}");
    plain.await.expect("no panic");
}

#[tokio::test]
async fn a_cut_without_a_goodbye_is_not_the_end() {
    let authority = Authority::new();
    let client = authority.client();
    let bare = "HTTP/1.1 200 OK\r\n\r\nabc";
    let tls = || authority.acceptor("127.0.0.1", |_| {});
    let proper = Server::start_tls(tls(), move |_, _| Reply::close(bare)).await;
    let answer = get(&client, &proper.url("/")).await.expect("an answer");
    assert_eq!(read(answer).await.as_deref(), Ok("abc"));

    let cut = Server::start_tls(tls(), move |_, _| Reply::cut(bare)).await;
    let answer = get(&client, &cut.url("/")).await.expect("an answer");
    let error = read(answer).await.expect_err("cut");
    assert_eq!(error.kind, Kind::Disconnected, "{error}");
    assert!(error.retryable());
}

#[tokio::test]
async fn https_is_never_left_for_http() {
    let plain = Server::start(|_, _| Reply::ok("x")).await;
    let there = plain.url("/").to_string();
    let authority = Authority::new();
    let tls = authority.acceptor("127.0.0.1", |_| {});
    let server = Server::start_tls(tls, move |_, _| Reply::redirect(&there, "")).await;
    let error = get(&authority.client(), &server.url("/"))
        .await
        .err()
        .expect("refused");
    assert_eq!(error.kind, Kind::TargetRefused);
    assert!(plain.heard().is_empty());
}
