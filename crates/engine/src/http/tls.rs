//! TLS for connections to servers: whom to trust and what to offer. Knows nothing of sockets'
//! origin or of HTTP.

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Url;

use crate::error::{Error, Kind, Result};

use super::fault;
use super::trust::Trust;

/// Opens TLS over connected sockets.
pub(super) struct Tls {
    /// Authorities that are trusted besides those of the platform.
    more: Vec<CertificateDer<'static>>,
    /// Made for the first `https`: to read all that the platform trusts takes longer than many a
    /// download.
    connector: OnceCell<TlsConnector>,
}

impl Tls {
    /// Trusts what the platform trusts, or Mozilla's roots where the platform has none, and the
    /// authorities in `ca_file`.
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Tls> {
        let more = match ca_file {
            Some(path) => authorities(path)?,
            None => Vec::new(),
        };
        Ok(Tls {
            more,
            connector: OnceCell::new(),
        })
    }

    async fn connector(&self) -> Result<&TlsConnector> {
        let make = || async {
            let more = self.more.clone();
            let making = tokio::task::spawn_blocking(move || connector(more));
            making.await.unwrap_or_else(|cause| Err(broken(&cause)))
        };
        self.connector.get_or_try_init(make).await
    }

    /// The handshake with `url`'s host.
    pub(super) async fn open(&self, tcp: TcpStream, url: &Url) -> Result<TlsStream<TcpStream>> {
        let host = url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned()).map_err(|_| {
            Error::new(
                Kind::InvalidUrl,
                format!("\"{host}\" is not a name that a certificate can be for; check the URL"),
            )
        })?;
        self.connector()
            .await?
            .connect(name, tcp)
            .await
            .map_err(|cause| fault::handshake(host, &cause))
    }
}

fn connector(more: Vec<CertificateDer<'static>>) -> Result<TlsConnector> {
    // Named here instead of installed for the process: a library must not decide for others.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = verifier(more, &provider)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| broken(&cause))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    // Over h2 all blocks would share one congestion window.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn broken(cause: &dyn std::fmt::Display) -> Error {
    Error::new(Kind::Tls, format!("TLS cannot be set up: {cause}"))
}

fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let text = std::fs::read(path).map_err(|cause| Error::disk("read ca_file", path, &cause))?;
    let refuse = |why: String| {
        Error::new(
            Kind::InvalidOption,
            format!(
                "ca_file {}: {why}; give PEM certificates (-----BEGIN CERTIFICATE-----)",
                path.display()
            ),
        )
    };
    let found = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|cause| refuse(format!("not readable as PEM ({cause})")))?;
    if found.is_empty() {
        return Err(refuse("holds no certificate".into()));
    }
    // Checked here, where the file can be named.
    let mut roots = rustls::RootCertStore::empty();
    for authority in &found {
        roots
            .add(authority.clone())
            .map_err(|cause| refuse(format!("holds an unusable certificate ({cause})")))?;
    }
    Ok(found)
}

fn verifier(
    more: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>> {
    match Verifier::new(provider.clone()) {
        Ok(platform) if more.is_empty() => Ok(Arc::new(platform)),
        Ok(_) => {
            let both = Verifier::new_with_extra_roots(more.iter().cloned(), provider.clone());
            let both = both.map_err(|cause| broken(&cause))?;
            Ok(Arc::new(Trust::new(Arc::new(both), more)))
        }
        Err(cause) => {
            tracing::warn!("the system's certificate store is unusable ({cause}); using Mozilla's");
            let mut roots = rustls::RootCertStore::empty();
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            roots.add_parsable_certificates(more.iter().cloned());
            let built =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                    .build();
            let authorities = built.map_err(|cause| broken(&cause))?;
            Ok(Arc::new(Trust::new(authorities, more)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_file_must_hold_certificates() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("ca.pem");
        let error = Tls::new(Some(&path)).err().expect("missing");
        assert_eq!(error.kind, Kind::DiskIo);
        for text in [
            "",
            "no certificate",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            std::fs::write(&path, text).expect("written");
            let error = Tls::new(Some(&path)).err().expect("refused");
            assert_eq!(error.kind, Kind::InvalidOption, "{error}");
            assert!(error.detail.contains("ca_file"), "{error}");
        }
    }
}
