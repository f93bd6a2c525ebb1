//! Whose certificates are trusted: those that authorities vouch for, and the very ones that a user
//! handed over. Knows neither files nor sockets.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

/// Trusts what `authorities` trust, and the user's `own` certificates, which are among them.
#[derive(Debug)]
pub struct Trust {
    authorities: Arc<dyn ServerCertVerifier>,
    own: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// `authorities` have to know `own` as theirs already.
    pub fn new(
        authorities: Arc<dyn ServerCertVerifier>,
        own: Vec<CertificateDer<'static>>,
    ) -> Trust {
        Trust { authorities, own }
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

    use rustls::client::WebPkiServerVerifier;
    use rustls_platform_verifier::Verifier;

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
        let known = Verifier::new_with_extra_roots([own.clone()], provider.clone());
        let platform = Arc::new(known.expect("a verifier")) as Arc<dyn ServerCertVerifier>;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(own.clone()).expect("a root");
        let web = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        // Both kinds of authorities are in use, and have to judge alike.
        let verdicts = [platform, web.expect("a verifier")].map(|authorities| {
            let trust = Trust::new(authorities, vec![own.clone()]);
            let name = ServerName::try_from(name).expect("a name");
            trust.verify_server_cert(shown, &[], &name, &[], at).is_ok()
        });
        assert_eq!(verdicts[0], verdicts[1]);
        verdicts[0]
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
