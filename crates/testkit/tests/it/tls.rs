//! The origin over TLS, with right and wrong certificates.

use std::sync::Arc;

use haul_testkit::http;
use haul_testkit::origin::{Certificate, Origin, content};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

async fn connect(origin: &Origin) -> std::io::Result<TlsStream<TcpStream>> {
    let ca = CertificateDer::from_pem_slice(origin.ca_pem().as_bytes()).expect("it is PEM");
    let mut roots = RootCertStore::empty();
    roots.add(ca).expect("it is a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider knows the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::from(origin.address().ip());
    let stream = TcpStream::connect(origin.address()).await?;
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

async fn get(origin: &Origin, target: &str) -> (Vec<u8>, std::io::Result<usize>) {
    let mut stream = connect(origin).await.expect("the certificate is right");
    let request = format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("the origin reads");
    let mut received = Vec::new();
    let end = stream.read_to_end(&mut received).await;
    (received, end)
}

#[tokio::test]
async fn a_right_certificate_serves_files() {
    let origin = Origin::start_tls().await;
    assert_eq!(origin.url("/a").scheme(), "https");
    let (received, end) = get(&origin, "/a?size=300K&keepalive=no").await;
    end.expect("an orderly close says goodbye");
    let answer = http::parse("GET", &received).expect("well-formed");
    assert_eq!(answer.body, content(0, 0..300 << 10));
}

#[tokio::test]
async fn a_cut_comes_without_close_notify() {
    let origin = Origin::start_tls().await;
    let (received, end) = get(&origin, "/a?size=1K&no_length&close_after=500").await;
    assert!(received.ends_with(&content(0, 0..500)));
    let why = end.expect_err("the end of the stream is not vouched for");
    assert_eq!(why.kind(), std::io::ErrorKind::UnexpectedEof);

    let (_, end) = get(&origin, "/a?size=1K&reset_after=500").await;
    let why = end.expect_err("the stream was reset");
    assert_eq!(why.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn wrong_certificates_are_refused_for_their_own_reason() {
    for (kind, reason) in [
        (Certificate::Expired, "expired"),
        (Certificate::WrongName, "not valid for name"),
        (Certificate::SelfSigned, "UnknownIssuer"),
    ] {
        let origin = Origin::start_tls_with(kind).await;
        let why = connect(&origin).await.expect_err("it is wrong").to_string();
        assert!(why.contains(reason), "{kind:?}: {why}");
    }
}
