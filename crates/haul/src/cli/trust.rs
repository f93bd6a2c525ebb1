//! Whose certificates a command that talks to a daemon trusts: the system's authorities, and those of
//! `--ca-file`. Knows no daemon.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::exit::{self, Failure};

/// How TLS is spoken to a daemon; `ca_file` holds more certificates to trust.
///
/// # Errors
/// Exit code 2 when the file cannot be used; 5 when there is nothing to trust at all.
pub(crate) fn client(ca_file: Option<&Path>) -> Result<ClientConfig, Failure> {
    let own = match ca_file {
        Some(path) => certificates(path)?,
        None => Vec::new(),
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let refuse = |cause: Error| match ca_file {
        Some(path) => unusable(path, &cause.to_string()),
        None => Failure::new(
            exit::NETWORK,
            format!("no certificate authorities to trust: {cause}"),
        )
        .next("give the daemon's certificate with --ca-file FILE"),
    };
    let trust = Trust::new(own, provider.clone()).map_err(refuse)?;
    let versions = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(refuse)?;
    Ok(versions
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(trust))
        .with_no_client_auth())
}

/// What was wrong with the daemon's certificate, when that is why a connection failed.
pub(crate) fn refused(cause: &std::io::Error) -> Option<String> {
    let inner = cause.get_ref()?;
    let error = inner
        .downcast_ref::<Error>()
        .or_else(|| inner.source()?.downcast_ref::<Error>())?;
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            Some("its issuer is not trusted".to_owned())
        }
        Error::InvalidCertificate(why) => Some(why.to_string()),
        _ => None,
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|cause| unusable(path, &cause.to_string()))?;
    if found.is_empty() {
        return Err(unusable(path, "it holds no certificate"));
    }
    Ok(found)
}

fn unusable(path: &Path, why: &str) -> Failure {
    Failure::new(exit::USAGE, format!("--ca-file {}: {why}", path.display()))
        .next("give PEM certificates (-----BEGIN CERTIFICATE-----)")
}

/// The system's authorities and the user's own certificates.
#[derive(Debug)]
struct Trust {
    authorities: Verifier,
    own: Vec<CertificateDer<'static>>,
}

impl Trust {
    fn new(
        own: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        Ok(Trust {
            authorities: Verifier::new_with_extra_roots(own.iter().cloned(), provider)?,
            own,
        })
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verdict {
            // `openssl req -x509` marks a certificate as an authority's, which a server must not
            // show. When it is the very one that the user handed over, its dates were looked at
            // before its marks, and only its name is left to be checked.
            Err(Error::InvalidCertificate(CertificateError::Other(_)))
                if self.own.iter().any(|own| own == end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A certificate for localhost that signed itself, marked as an authority's.
    fn marked() -> CertificateDer<'static> {
        let mut params =
            rcgen::CertificateParams::new(vec!["localhost".into()]).expect("parameters");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").into()
    }

    fn verdict(
        own: &CertificateDer<'static>,
        shown: &CertificateDer<'_>,
        name: &str,
        at: UnixTime,
    ) -> bool {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let trust = Trust::new(vec![own.clone()], provider).expect("a verifier");
        let name = ServerName::try_from(name).expect("a name");
        trust.verify_server_cert(shown, &[], &name, &[], at).is_ok()
    }

    #[test]
    fn a_certificate_handed_over_is_trusted_for_its_own_name_and_time_only() {
        let (own, other) = (marked(), marked());
        let now = UnixTime::now();
        assert!(verdict(&own, &own, "localhost", now));
        assert!(!verdict(&own, &own, "elsewhere", now));
        assert!(!verdict(&own, &other, "localhost", now));
        let long_ago = UnixTime::since_unix_epoch(Duration::ZERO);
        assert!(!verdict(&own, &own, "localhost", long_ago));
    }
}
