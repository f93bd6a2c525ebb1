//! The server's certificate and key, from PEM files to a TLS acceptor. Knows no socket.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::TlsFiles;

/// Reads the files. An error names the file and says what it should hold.
pub(crate) fn acceptor(files: &TlsFiles) -> anyhow::Result<TlsAcceptor> {
    let chain = chain(&files.cert)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).with_context(|| {
        format!(
            "tls_key {}: give a PEM file with a private key",
            files.key.display()
        )
    })?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS versions")?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .with_context(|| {
            format!(
                "tls_cert {} and tls_key {} do not go together",
                files.cert.display(),
                files.key.display()
            )
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn chain(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let wanted = || {
        format!(
            "tls_cert {}: give a PEM file with the certificate chain",
            path.display()
        )
    };
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(wanted)?;
    if chain.is_empty() {
        anyhow::bail!(wanted());
    }
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn files(dir: &Path, cert: &str, key: &str) -> TlsFiles {
        let write = |name: &str, text: &str| -> PathBuf {
            let path = dir.join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        TlsFiles {
            cert: write("cert.pem", cert),
            key: write("key.pem", key),
        }
    }

    #[test]
    fn a_certificate_with_its_key_is_taken_and_anything_else_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let one =
            rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("a certificate");
        let two =
            rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("a certificate");
        let (cert, key) = (one.cert.pem(), one.signing_key.serialize_pem());
        assert!(acceptor(&files(dir.path(), &cert, &key)).is_ok());

        let refusal = |cert: &str, key: &str| match acceptor(&files(dir.path(), cert, key)) {
            Ok(_) => panic!("was taken"),
            Err(error) => format!("{error:#}"),
        };
        assert!(refusal("", &key).contains("tls_cert"));
        assert!(refusal(&cert, "nonsense").contains("tls_key"));
        assert!(refusal(&cert, &two.signing_key.serialize_pem()).contains("do not go together"));
    }
}
