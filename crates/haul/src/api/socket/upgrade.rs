//! From an HTTP request to a WebSocket: what the client must have asked for, and what one socket may
//! hold in memory. Knows nothing of conversations.
//!
//! The framework checks the request, but the socket is not the framework's: that one sends a message
//! only in one piece, and keeps room for the longest that it ever sent.

use axum::extract::FromRequestParts;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::MOST_BYTES_IN;
use crate::api::audit::Peer;
use crate::api::neighbours::Place;

/// An open WebSocket.
pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// A request to become a WebSocket.
pub(in crate::api) struct Upgrade {
    asked: WebSocketUpgrade,
    connection: OnUpgrade,
    key: HeaderValue,
    protocol: Option<HeaderValue>,
    peer: Option<Peer>,
    place: Option<Place>,
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = WebSocketUpgradeRejection;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &S,
    ) -> Result<Upgrade, WebSocketUpgradeRejection> {
        let peer = parts.extensions.get::<Peer>().copied();
        let place = parts.extensions.get::<Place>().cloned();
        let connection = parts.extensions.get::<OnUpgrade>().cloned();
        let key = parts.headers.get(header::SEC_WEBSOCKET_KEY).cloned();
        let asked = WebSocketUpgrade::from_request_parts(parts, state).await?;
        Ok(Upgrade {
            asked,
            connection: connection.expect("the framework refuses a connection that cannot change"),
            key: key.expect("the framework refuses a request without a key"),
            protocol: None,
            peer,
            place,
        })
    }
}

impl Upgrade {
    /// Who asks.
    pub(super) fn peer(&self) -> Option<Peer> {
        self.peer
    }

    /// The place of its machine.
    pub(super) fn place(&self) -> Option<Place> {
        self.place.clone()
    }

    /// Chooses a subprotocol, if the client offers it.
    pub(in crate::api) fn choose(&mut self, protocol: &'static str) {
        let mut offered = self.asked.requested_protocols();
        if offered.any(|name| name == protocol) {
            self.protocol = Some(HeaderValue::from_static(protocol));
        }
    }

    /// The token as a subprotocol, when nothing else was offered that could be chosen: browsers give up a
    /// WebSocket of whose protocols none is. Whoever offered it knows it.
    fn bearer(&self) -> Option<HeaderValue> {
        let mut offered = self.asked.requested_protocols();
        let mut bearer = offered
            .find(|name| name.as_bytes().starts_with(b"bearer."))?
            .clone();
        bearer.set_sensitive(true);
        Some(bearer)
    }

    /// The answer that grants it, and the socket, which is there once the answer was sent.
    pub(super) fn grant(self) -> (Response, impl Future<Output = hyper::Result<Socket>> + Send) {
        let upgrade = [
            (header::CONNECTION, HeaderValue::from_static("upgrade")),
            (header::UPGRADE, HeaderValue::from_static("websocket")),
        ];
        let accept = [(
            header::SEC_WEBSOCKET_ACCEPT,
            derive_accept_key(self.key.as_bytes()),
        )];
        let status = StatusCode::SWITCHING_PROTOCOLS;
        let mut response = (status, upgrade, accept).into_response();
        if let Some(protocol) = self.protocol.clone().or_else(|| self.bearer()) {
            let headers = response.headers_mut();
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        let socket = async {
            let stream = TokioIo::new(self.connection.await?);
            Ok(Socket::from_raw_socket(stream, Role::Server, Some(limits())).await)
        };
        (response, socket)
    }
}

/// Bounds what one socket may hold in memory.
fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        // Messages are short as a rule; the library's own buffers are 128 KiB per socket.
        .read_buffer_size(8 << 10)
        .write_buffer_size(0)
        .max_message_size(Some(MOST_BYTES_IN))
        .max_frame_size(Some(MOST_BYTES_IN))
}
