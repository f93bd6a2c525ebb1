//! The certificates of a TLS origin, right and wrong ones, made afresh for each origin. It knows
//! nothing of HTTP.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What the certificate of a TLS origin is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// Signed by the origin's CA, for `localhost`, `127.0.0.1` and `::1`.
    Right,
    /// The same, but valid in 2001 only.
    Expired,
    /// Signed by the CA, for `elsewhere.invalid`.
    WrongName,
    /// Right but for being signed by nobody else than itself.
    SelfSigned,
}

/// A certificate, its key and the CA that a client should trust, each in PEM.
#[derive(Debug, Clone)]
pub struct Pem {
    /// The CA.
    pub ca: String,
    /// The server's certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl Pem {
    /// Makes all three for a server with such a certificate.
    pub fn issue(kind: Certificate) -> Pem {
        let (ca, certificate, key) = issue(kind);
        Pem {
            ca: ca.pem(),
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

/// An acceptor with such a certificate, and the PEM of the CA that a client should trust.
pub(crate) fn acceptor(kind: Certificate) -> (TlsAcceptor, String) {
    let (ca, certificate, key) = issue(kind);
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider knows the default versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .expect("key and certificate belong together");
    (TlsAcceptor::from(Arc::new(config)), ca.pem())
}

fn issue(
    kind: Certificate,
) -> (
    CertifiedIssuer<'static, KeyPair>,
    rcgen::Certificate,
    KeyPair,
) {
    let names = match kind {
        Certificate::WrongName => vec!["elsewhere.invalid".to_owned()],
        _ => ["localhost", "127.0.0.1", "::1"]
            .map(str::to_owned)
            .to_vec(),
    };
    let mut params = CertificateParams::new(names).expect("these are names");
    if kind == Certificate::Expired {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2001, 12, 31);
    }
    let ca = authority();
    let key = KeyPair::generate().expect("a key can be made");
    let certificate = match kind {
        Certificate::SelfSigned => params.self_signed(&key),
        _ => params.signed_by(&key, &ca),
    };
    let certificate = certificate.expect("these parameters can be signed");
    (ca, certificate, key)
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).expect("no names are fine");
    // A name of its own: a self-signed certificate must not look as if this CA had issued it.
    params
        .distinguished_name
        .push(DnType::CommonName, "testkit CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key can be made");
    CertifiedIssuer::self_signed(params, key).expect("a CA can sign itself")
}
