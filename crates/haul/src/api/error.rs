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

/// Makes the enum, its list, and what each of them looks like from outside.
macro_rules! edges {
    ($($(#[$says:meta])* $name:ident = $status:ident $code:literal,)*) => {
        /// What is wrong with a request before it is a command.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Edge {
            $($(#[$says])* $name,)*
        }

        impl Edge {
            /// All of them.
            const ALL: &[Edge] = &[$(Edge::$name),*];

            fn says(self) -> (StatusCode, &'static str) {
                match self {
                    $(Edge::$name => (StatusCode::$status, $code),)*
                }
            }
        }
    };
}

edges! {
    /// The bytes are not JSON.
    InvalidJson = BAD_REQUEST "invalid_json",
    /// JSON, but not a JSON-RPC request.
    InvalidRequest = BAD_REQUEST "invalid_request",
    /// No such JSON-RPC method.
    UnknownMethod = NOT_FOUND "unknown_method",
    /// No such path.
    UnknownPath = NOT_FOUND "unknown_path",
    /// The path knows other methods.
    MethodNotAllowed = METHOD_NOT_ALLOWED "method_not_allowed",
    /// The body is larger than is read.
    BodyTooLarge = PAYLOAD_TOO_LARGE "body_too_large",
    /// The body broke off or came too slowly.
    BodyIncomplete = REQUEST_TIMEOUT "body_incomplete",
    /// More URLs than one request may bring.
    TooManyUrls = UNPROCESSABLE_ENTITY "too_many_urls",
    /// The live answer would be larger than one frame may be.
    AnswerTooLarge = UNPROCESSABLE_ENTITY "answer_too_large",
    /// The token is missing or wrong.
    Unauthorized = UNAUTHORIZED "unauthorized",
    /// `Host` is not a name that is served here.
    HostRefused = FORBIDDEN "host_refused",
    /// `Origin` is a page that may not call.
    OriginRefused = FORBIDDEN "origin_refused",
    /// A WebSocket path was asked for without an upgrade.
    UpgradeRequired = UPGRADE_REQUIRED "upgrade_required",
    /// The file of a download that is not finished was asked for.
    NotCompleted = CONFLICT "not_completed",
    /// The finished file is not where it was put.
    FileGone = NOT_FOUND "file_gone",
    /// Bytes that the file does not have were asked for.
    RangeNotSatisfiable = RANGE_NOT_SATISFIABLE "range_not_satisfiable",
    /// The file is not the one that was asked for.
    PreconditionFailed = PRECONDITION_FAILED "precondition_failed",
    /// Every place for a WebSocket is taken.
    TooManySockets = SERVICE_UNAVAILABLE "too_many_sockets",
    /// The daemon is about to stop.
    Stopping = SERVICE_UNAVAILABLE "stopping",
}

/// Why a request was not done, without the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// See [`ApiError::Engine`].
    Engine(Kind),
    /// See [`ApiError::AllRejected`].
    AllRejected,
    /// See [`ApiError::Edge`].
    Edge(Edge),
}

impl Code {
    /// All of them.
    pub(crate) fn all() -> impl Iterator<Item = Code> {
        let kinds = Kind::ALL.into_iter().map(Code::Engine);
        let edges = Edge::ALL.iter().copied().map(Code::Edge);
        kinds.chain([Code::AllRejected]).chain(edges)
    }

    /// The HTTP status.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Code::Engine(kind) => status(kind),
            Code::AllRejected => StatusCode::UNPROCESSABLE_ENTITY,
            Code::Edge(edge) => edge.says().0,
        }
    }

    /// The stable `code`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Code::Engine(kind) => kind.code(),
            Code::AllRejected => "all_rejected",
            Code::Edge(edge) => edge.says().1,
        }
    }

    /// The number of a JSON-RPC error (JSON-RPC 2.0 §5.1).
    pub(crate) fn number(self) -> i32 {
        match self {
            Code::Edge(Edge::InvalidJson) => -32700,
            Code::Edge(Edge::InvalidRequest) => -32600,
            Code::Edge(Edge::UnknownMethod) => -32601,
            Code::Edge(Edge::TooManyUrls)
            | Code::Engine(Kind::InvalidOption | Kind::InvalidUrl) => -32602,
            _ => -32000,
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

    /// Why, without the words.
    pub(crate) fn code(&self) -> Code {
        match self {
            ApiError::Engine(error) => Code::Engine(error.kind),
            ApiError::AllRejected(_) => Code::AllRejected,
            ApiError::Edge(edge, _) => Code::Edge(*edge),
        }
    }

    fn rejected(&self) -> &[Rejected] {
        match self {
            ApiError::AllRejected(rejected) => rejected,
            _ => &[],
        }
    }

    /// The same as a JSON-RPC error.
    pub(crate) fn failure(&self) -> Failure {
        let code = self.code();
        Failure::new(
            code.number(),
            code.name(),
            &self.to_string(),
            self.rejected(),
        )
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
        let (status, code) = (self.code().status(), self.code().name());
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
    fn every_code_has_a_status_that_is_an_error() {
        for code in Code::all() {
            let status = code.status();
            assert!(
                status.is_client_error() || status.is_server_error(),
                "{code:?}"
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
