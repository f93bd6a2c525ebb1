//! Turns what sockets, TLS and hyper report into the engine's [`Error`]: what a user understands,
//! and whether another try can help. Knows nothing of where in a download it happened.

use std::error::Error as Cause;
use std::io;
use std::net::UdpSocket;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError};

use crate::error::{Error, Kind, Retry};

/// Finds a cause of type `T` anywhere below `error`.
fn cause<'a, T: Cause + 'static>(error: &'a (dyn Cause + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // An `io::Error` hides the error that it wraps from its own sources.
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(|error| error.get_ref())
            .map(|inner| inner as &(dyn Cause + 'static));
        next = inner.or_else(|| error.source());
    }
    None
}

/// A name could not be resolved.
pub(super) fn dns(host: &str, error: &io::Error) -> Error {
    Error::new(
        Kind::Dns,
        format!("the name {host} has no address: {error}; check the spelling and the network"),
    )
    .with_retry(roadless())
}

/// No address took a connection.
pub(super) fn connect(error: &io::Error) -> Error {
    let retry = match is_no_road(error) {
        true => roadless(),
        false => Retry::Unreachable,
    };
    Error::new(Kind::Connect, format!("no connection: {error}")).with_retry(retry)
}

/// Whether no road leads to an address. That says less than a refusal or silence at its end.
pub(super) fn is_no_road(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown
    )
}

/// What helps when somebody has no address, or no road leads to it.
fn roadless() -> Retry {
    if has_road_out() {
        Retry::Unreachable
    } else {
        Retry::NoNetwork
    }
}

/// Whether this machine knows a road to everywhere. Nothing is sent to find out.
fn has_road_out() -> bool {
    // Set aside for documents: there only leads what leads everywhere.
    let far = [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")];
    let leads_there = |(here, there)| UdpSocket::bind(here)?.connect(there);
    far.into_iter().any(|road| leads_there(road).is_ok())
}

/// No connection in time.
pub(super) fn connect_timeout(limit: Duration) -> Error {
    Error::new(
        Kind::Timeout,
        format!("no connection within {}", shown(limit)),
    )
    .with_retry(Retry::Unreachable)
}

/// Nothing arrived in time.
pub(super) fn stalled(limit: Duration) -> Error {
    Error::passing(
        Kind::Timeout,
        format!("the server sent nothing for {}", shown(limit)),
    )
}

fn shown(limit: Duration) -> String {
    format!("{} s", limit.as_secs_f64())
}

/// The TLS handshake failed: for good when the certificate is the reason.
pub(super) fn handshake(host: &str, error: &io::Error) -> Error {
    use rustls::Error as Tls;
    let Some(tls) = cause::<Tls>(error) else {
        return Error::passing(
            Kind::Tls,
            format!("the connection broke during the TLS handshake: {error}"),
        );
    };
    match tls {
        Tls::InvalidCertificate(reason) => Error::new(Kind::Tls, certificate(host, reason)),
        Tls::InvalidMessage(_) => Error::new(
            Kind::Tls,
            format!("{host} does not speak TLS on this port; is it an http:// URL?"),
        ),
        Tls::PeerIncompatible(reason) => Error::new(
            Kind::Tls,
            format!("{host} shares no TLS version or cipher with haul ({reason:?})"),
        ),
        Tls::AlertReceived(
            alert @ (AlertDescription::HandshakeFailure
            | AlertDescription::ProtocolVersion
            | AlertDescription::InsufficientSecurity
            | AlertDescription::UnrecognisedName
            | AlertDescription::CertificateRequired),
        ) => Error::new(
            Kind::Tls,
            format!("{host} refused the TLS handshake ({alert:?})"),
        ),
        other => Error::passing(Kind::Tls, format!("the TLS handshake failed: {other}")),
    }
}

fn certificate(host: &str, reason: &CertificateError) -> String {
    use CertificateError as C;
    match reason {
        C::Expired | C::ExpiredContext { .. } => format!(
            "the certificate of {host} has expired; check this machine's clock, or ask the server's owner"
        ),
        C::NotValidYet | C::NotValidYetContext { .. } => {
            format!("the certificate of {host} is not valid yet; check this machine's clock")
        }
        C::NotValidForName | C::NotValidForNameContext { .. } => {
            format!("the certificate is for another name than {host}; check the URL")
        }
        C::UnknownIssuer => format!(
            "the certificate of {host} is from an issuer that this machine does not trust; \
             give its CA with ca_file if you do"
        ),
        C::Revoked => format!("the certificate of {host} has been revoked"),
        other => format!("the certificate of {host} is not acceptable: {other}"),
    }
}

/// The exchange failed before the answer's head was complete.
pub(super) fn head(error: &hyper::Error) -> Error {
    if error.is_parse() {
        return Error::passing(
            Kind::Protocol,
            format!(
                "the answer is not HTTP/1.1, or its head is larger than 64 KiB or 100 fields: {error}"
            ),
        );
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return Error::passing(
            Kind::Disconnected,
            "the server closed the connection before it answered",
        );
    }
    broken(error, "before the answer")
}

/// The exchange failed within the body.
pub(super) fn body(error: &hyper::Error) -> Error {
    broken(error, "in the middle of the answer")
}

fn broken(error: &hyper::Error, when: &str) -> Error {
    if let Some(tls) = cause::<rustls::Error>(error) {
        return Error::passing(
            Kind::Disconnected,
            format!("the TLS connection broke {when}: {tls}"),
        );
    }
    match cause::<io::Error>(error) {
        // hyper reports malformed chunks as invalid input.
        Some(io)
            if matches!(
                io.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
            ) =>
        {
            Error::passing(Kind::Protocol, format!("the answer is malformed: {io}"))
        }
        Some(io) => Error::passing(
            Kind::Disconnected,
            format!("the connection broke {when}: {io}"),
        ),
        None => Error::passing(
            Kind::Disconnected,
            format!("the connection broke {when}: {error}"),
        ),
    }
}
