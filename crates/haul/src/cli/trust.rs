//! Whose certificates a command that talks to a daemon trusts: the system's authorities, and those of
//! `--ca-file`. Knows no daemon.

use std::path::Path;
use std::sync::Arc;

use haul_engine::Trust;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, ClientConfig, Error};
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
    let authorities = Verifier::new_with_extra_roots(own.iter().cloned(), provider.clone());
    let trust = Trust::new(Arc::new(authorities.map_err(refuse)?), own);
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
