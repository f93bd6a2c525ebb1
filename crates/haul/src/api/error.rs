//! What a refusal looks like from outside. The only place that knows HTTP status codes and
//! JSON-RPC error numbers.

use std::fmt;

use axum::response::{IntoResponse, Response};
use haul_engine::{Error, Kind};
use http::{HeaderValue, StatusCode, header};

use super::audit::Refused;
use super::command::Rejected;
use super::types::problem::Problem;
use super::types::rpc::Failure;

/// Why a request was not done.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// The engine, or the reading of an option, says no.
    Engine(Error),
    /// Not one of the URLs could be added.
    AllRejected(Vec<Rejected>),
    /// The request did not get as far as a command.
    Edge(Edge, String),
}

/// What is wrong with a request before it is a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    /// The bytes are not JSON.
    InvalidJson,
    /// JSON, but not a JSON-RPC request.
    InvalidRequest,
    /// No such JSON-RPC method.
    UnknownMethod,
    /// No such path.
    UnknownPath,
    /// The path knows other methods.
    MethodNotAllowed,
    /// The body is larger than is read.
    BodyTooLarge,
    /// The body broke off or came too slowly.
    BodyIncomplete,
    /// More URLs than one request may bring.
    TooManyUrls,
    /// The live answer would be larger than one frame may be.
    AnswerTooLarge,
    /// The token is missing or wrong.
    Unauthorized,
    /// `Host` is not a name that is served here.
    HostRefused,
    /// `Origin` is a page that may not call.
    OriginRefused,
    /// A WebSocket path was asked for without an upgrade.
    UpgradeRequired,
    /// The file of a download that is not finished was asked for.
    NotCompleted,
    /// The finished file is not where it was put.
    FileGone,
    /// Bytes that the file does not have were asked for.
    RangeNotSatisfiable,
    /// The file is not the one that was asked for.
    PreconditionFailed,
    /// Every place for a WebSocket is taken.
    TooManySockets,
    /// The daemon is about to stop.
    Stopping,
}

impl Edge {
    fn says(self) -> (StatusCode, &'static str) {
        match self {
            Edge::InvalidJson => (StatusCode::BAD_REQUEST, "invalid_json"),
            Edge::InvalidRequest => (StatusCode::BAD_REQUEST, "invalid_request"),
            Edge::UnknownMethod => (StatusCode::NOT_FOUND, "unknown_method"),
            Edge::UnknownPath => (StatusCode::NOT_FOUND, "unknown_path"),
            Edge::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Edge::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Edge::BodyIncomplete => (StatusCode::REQUEST_TIMEOUT, "body_incomplete"),
            Edge::TooManyUrls => (StatusCode::UNPROCESSABLE_ENTITY, "too_many_urls"),
            Edge::AnswerTooLarge => (StatusCode::UNPROCESSABLE_ENTITY, "answer_too_large"),
            Edge::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Edge::HostRefused => (StatusCode::FORBIDDEN, "host_refused"),
            Edge::OriginRefused => (StatusCode::FORBIDDEN, "origin_refused"),
            Edge::UpgradeRequired => (StatusCode::UPGRADE_REQUIRED, "upgrade_required"),
            Edge::NotCompleted => (StatusCode::CONFLICT, "not_completed"),
            Edge::FileGone => (StatusCode::NOT_FOUND, "file_gone"),
            Edge::RangeNotSatisfiable => {
                (StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable")
            }
            Edge::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "precondition_failed"),
            Edge::TooManySockets => (StatusCode::SERVICE_UNAVAILABLE, "too_many_sockets"),
            Edge::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        }
    }
}

fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::InvalidUrl | Kind::InvalidOption | Kind::HtmlPage | Kind::KeyReused => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Kind::TooManyKeys => StatusCode::TOO_MANY_REQUESTS,
        Kind::NoSuchDownload => StatusCode::NOT_FOUND,
        Kind::IllegalState | Kind::FileExists | Kind::Changed | Kind::ChecksumMismatch => {
            StatusCode::CONFLICT
        }
        Kind::TargetRefused => StatusCode::FORBIDDEN,
        Kind::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
        Kind::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        // What follows is the answer of a third party to us.
        Kind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        Kind::Dns
        | Kind::Connect
        | Kind::Tls
        | Kind::Proxy
        | Kind::Disconnected
        | Kind::NotFound
        | Kind::Refused
        | Kind::Busy
        | Kind::HttpStatus
        | Kind::Protocol
        | Kind::TooManyRedirects => StatusCode::BAD_GATEWAY,
        // Disk and database trouble, and kinds yet to come, are ours.
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl ApiError {
    /// A refusal of the edge.
    pub(crate) fn edge(what: Edge, detail: impl Into<String>) -> ApiError {
        ApiError::Edge(what, detail.into())
    }

    /// Its code, when somebody is turned away who may be up to no good: that is worth a line in the log.
    fn refusal(&self) -> Option<Refused> {
        let ApiError::Edge(edge, _) = self else {
            return None;
        };
        let is_refusal = matches!(
            edge,
            Edge::BodyTooLarge
                | Edge::BodyIncomplete
                | Edge::TooManyUrls
                | Edge::Unauthorized
                | Edge::HostRefused
                | Edge::OriginRefused
                | Edge::TooManySockets
        );
        is_refusal.then(|| Refused(edge.says().1))
    }

    /// The request brings `count` URLs.
    pub(crate) fn too_many_urls(count: usize, most: usize) -> ApiError {
        ApiError::edge(
            Edge::TooManyUrls,
            format!("{count} URLs in one request; send at most {most} at a time"),
        )
    }

    fn says(&self) -> (StatusCode, &'static str) {
        match self {
            ApiError::Engine(error) => (status(error.kind), error.kind.code()),
            ApiError::AllRejected(_) => (StatusCode::UNPROCESSABLE_ENTITY, "all_rejected"),
            ApiError::Edge(edge, _) => edge.says(),
        }
    }

    fn rejected(&self) -> &[Rejected] {
        match self {
            ApiError::AllRejected(rejected) => rejected,
            _ => &[],
        }
    }

    /// The same as a JSON-RPC error (JSON-RPC 2.0 §5.1).
    pub(crate) fn failure(&self) -> Failure {
        let number = match self {
            ApiError::Edge(Edge::InvalidJson, _) => -32700,
            ApiError::Edge(Edge::InvalidRequest, _) => -32600,
            ApiError::Edge(Edge::UnknownMethod, _) => -32601,
            ApiError::Edge(Edge::TooManyUrls, _) => -32602,
            ApiError::Engine(error)
                if matches!(error.kind, Kind::InvalidOption | Kind::InvalidUrl) =>
            {
                -32602
            }
            _ => -32000,
        };
        Failure::new(number, self.says().1, &self.to_string(), self.rejected())
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> ApiError {
        ApiError::Engine(error)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ApiError::Engine(error) => error.fmt(f),
            ApiError::AllRejected(rejected) => match rejected.as_slice() {
                [only] => only.error.fmt(f),
                several => write!(f, "none of the {} URLs can be downloaded", several.len()),
            },
            ApiError::Edge(_, detail) => f.write_str(detail),
        }
    }
}

/// `application/problem+json` (RFC 9457).
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = self.says();
        let title = status.canonical_reason().unwrap_or("Error");
        let detail = self.to_string();
        let body = Problem::new(status.as_u16(), title, code, &detail, self.rejected()).to_json();
        let mut response = (status, body).into_response();
        if let Some(refused) = self.refusal() {
            response.extensions_mut().insert(refused);
        }
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_status_that_is_an_error() {
        for kind in Kind::ALL {
            let status = status(kind);
            assert!(
                status.is_client_error() || status.is_server_error(),
                "{kind:?}"
            );
        }
        assert_eq!(status(Kind::Store), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(status(Kind::NoSuchDownload), StatusCode::NOT_FOUND);
    }

    #[test]
    fn a_refusal_by_token_says_how_to_authenticate() {
        let response = ApiError::edge(Edge::Unauthorized, "no").into_response();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
    }
}
