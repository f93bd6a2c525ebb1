//! Talks to a daemon over its live WebSocket: one JSON-RPC call at a time. Knows no commands.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use futures_util::{SinkExt, StreamExt};
use haul_engine::Kind;
use serde_json::{Value as Json, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error as SocketError;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
};
use url::Url;

use super::exit::{self, Failure};
use super::trust;
use crate::config;

/// Which daemon, and how to be let in.
#[derive(Debug, Clone, Args)]
pub(crate) struct Server {
    /// Address of the daemon
    #[arg(
        long,
        value_name = "URL",
        env = "HAUL_SERVER",
        hide_env_values = true,
        default_value = "http://localhost:8765",
        help_heading = "Daemon"
    )]
    server: String,
    /// Token of the daemon
    #[arg(
        long,
        value_name = "TOKEN",
        env = "HAUL_TOKEN",
        hide_env_values = true,
        help_heading = "Daemon"
    )]
    token: Option<String>,
    /// More certificates to trust, a PEM file: the daemon's own or its authority's
    #[arg(
        long,
        value_name = "FILE",
        env = "HAUL_CA_FILE",
        hide_env_values = true,
        help_heading = "Daemon"
    )]
    ca_file: Option<PathBuf>,
}

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const CONNECT: Duration = Duration::from_secs(10);
/// Longer than the daemon takes for anything: it answers a pause only when it has taken effect.
const ANSWER: Duration = Duration::from_secs(60);

/// Most bytes of a message: a hundred thousand downloads in one snapshot.
const MESSAGE: usize = 256 << 20;

impl Server {
    /// The address as it was given.
    pub(crate) fn name(&self) -> &str {
        &self.server
    }

    /// The WebSocket address of `path` on this server.
    fn address(&self, path: &str) -> Result<Url, Failure> {
        let refuse = |why: &str| {
            Failure::new(exit::USAGE, format!("--server \"{}\": {why}", self.server))
                .next("write it like http://localhost:8765")
        };
        let mut url = Url::parse(&self.server).map_err(|cause| refuse(&config::no_url(cause)))?;
        let scheme = match url.scheme() {
            "http" | "ws" => "ws",
            "https" | "wss" => "wss",
            _ => return Err(refuse("the scheme is none of http, https, ws, wss")),
        };
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}/{path}"));
        // Going from one of the four special schemes to another cannot fail.
        let _ = url.set_scheme(scheme);
        Ok(url)
    }

    /// Opens a WebSocket to `path`; `query` is added to the URL.
    pub(crate) async fn open(&self, path: &str, query: Option<&str>) -> Result<Socket, Failure> {
        let mut url = self.address(path)?;
        url.set_query(query);
        let mut request = url
            .as_str()
            .into_client_request()
            .map_err(|error| self.unreachable(error))?;
        if let Some(token) = self.token.as_deref().filter(|token| !token.is_empty()) {
            let value = HeaderValue::from_str(&format!("Bearer {token}"));
            let value = value.map_err(|_| {
                Failure::new(
                    exit::USAGE,
                    "--token has characters that a header cannot carry",
                )
            })?;
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let connector = self.connector(&url)?;
        let sizes = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE))
            .max_frame_size(Some(MESSAGE));
        let connected = connect_async_tls_with_config(request, Some(sizes), false, Some(connector));
        match timeout(CONNECT, connected).await {
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(error)) => Err(self.unreachable(error)),
            Err(_) => Err(self.silent(CONNECT)),
        }
    }

    fn connector(&self, url: &Url) -> Result<Connector, Failure> {
        if url.scheme() != "wss" {
            return Ok(Connector::Plain);
        }
        // An empty variable means "not set", as everywhere.
        let ca_file = self.ca_file.as_deref();
        let ca_file = ca_file.filter(|path| !path.as_os_str().is_empty());
        Ok(Connector::Rustls(Arc::new(trust::client(ca_file)?)))
    }

    fn unreachable(&self, error: SocketError) -> Failure {
        let server = &self.server;
        if let SocketError::Io(cause) = &error
            && let Some(why) = trust::refused(cause)
        {
            return Failure::new(
                exit::NETWORK,
                format!("the certificate of {server} is not accepted: {why}"),
            )
            .next("for a private certificate give it, or its authority's, with --ca-file FILE");
        }
        match error {
            SocketError::Http(answer) if matches!(answer.status().as_u16(), 401 | 403) => {
                Failure::new(
                    exit::REFUSED,
                    format!("{server} refuses: {}", answer.status()),
                )
                .next("give its token with --token or HAUL_TOKEN")
            }
            SocketError::Http(answer) => Failure::new(
                exit::NETWORK,
                format!("{server} is no haul: it answers {}", answer.status()),
            )
            .next("check --server"),
            SocketError::Tls(cause) => {
                Failure::new(exit::NETWORK, format!("no TLS with {server}: {cause}"))
                    .next("check --server")
            }
            SocketError::ConnectionClosed | SocketError::AlreadyClosed => {
                Failure::new(exit::NETWORK, format!("{server} closed the connection"))
                    .next("if the daemon was stopped, start it and run the command again")
            }
            cause => Failure::new(
                exit::NETWORK,
                format!("no daemon at {server}: {}", in_words(&cause)),
            )
            .next("is `haul serve` running? If it is elsewhere, give --server URL"),
        }
    }

    fn silent(&self, waited: Duration) -> Failure {
        Failure::new(
            exit::NETWORK,
            format!("{} did not answer in {} s", self.server, waited.as_secs()),
        )
        .next("is `haul serve` running? If it is elsewhere, give --server URL")
    }
}

/// A connection to the daemon.
pub(crate) struct Client {
    server: Server,
    socket: Socket,
    last_id: u64,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// Exit code 5 when nobody is there, 4 when the token is not the right one.
    pub(crate) async fn connect(server: &Server) -> Result<Client, Failure> {
        let socket = server.open("api/v1/ws", None).await?;
        Ok(Client {
            server: server.clone(),
            socket,
            last_id: 0,
        })
    }

    /// Calls a method and waits for its result.
    ///
    /// # Errors
    /// The daemon's own refusal with its exit code, or 5 when the connection breaks.
    pub(crate) async fn call(&mut self, method: &str, params: Json) -> Result<Json, Failure> {
        self.last_id += 1;
        let request =
            json!({"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params});
        let sent = self.socket.send(Message::text(request.to_string())).await;
        sent.map_err(|error| self.server.unreachable(error))?;
        let answer = timeout(ANSWER, self.answer()).await;
        let mut answer = answer.map_err(|_| self.server.silent(ANSWER))??;
        match answer.get("error") {
            Some(error) => Err(refusal(error)),
            None => Ok(answer["result"].take()),
        }
    }

    /// The answer to the last request; other messages are not for us.
    async fn answer(&mut self) -> Result<Json, Failure> {
        loop {
            let message = match self.socket.next().await {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(_))) | None => {
                    return Err(self.server.unreachable(SocketError::ConnectionClosed));
                }
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Err(self.server.unreachable(error)),
            };
            let answer: Json = serde_json::from_str(&message).map_err(|cause| {
                Failure::new(
                    exit::PROTOCOL,
                    format!("the daemon's answer is not JSON: {cause}"),
                )
            })?;
            if answer["id"] == self.last_id {
                return Ok(answer);
            }
        }
    }

    /// Says goodbye. A daemon that is gone needs none.
    pub(crate) async fn close(mut self) {
        let _ = self.socket.close(None).await;
    }
}

/// Why nobody could be reached, without the names and numbers that only developers know.
fn in_words(cause: &SocketError) -> String {
    let SocketError::Io(cause) = cause else {
        return cause.to_string();
    };
    if cause.kind() == io::ErrorKind::ConnectionRefused {
        return "nothing listens there".to_owned();
    }
    let told = cause.to_string();
    match told.split_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => told,
    }
}

/// A JSON-RPC error as the command's own failure.
fn refusal(error: &Json) -> Failure {
    let name = error["data"]["code"].as_str().unwrap_or_default();
    let detail = error["data"]["detail"].as_str();
    let message = detail
        .or(error["message"].as_str())
        .unwrap_or("the daemon refuses");
    let message = super::paint::plain(message);
    if let Some(kind) = Kind::from_code(name) {
        let failure = Failure::new(exit::code(kind, None), message);
        return Failure {
            kind: Some(kind),
            ..failure.next(exit::next_step(kind, None))
        };
    }
    Failure::new(
        match name {
            "not_found" => exit::NOT_FOUND,
            "unauthorized" | "forbidden" => exit::REFUSED,
            name if name.starts_with("invalid") => exit::USAGE,
            _ => exit::FAILED,
        },
        message,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(server: &str) -> Result<String, Failure> {
        let server = Server {
            server: server.to_owned(),
            token: None,
            ca_file: None,
        };
        server.address("api/v1/ws").map(String::from)
    }

    #[test]
    fn the_socket_is_on_the_server_s_own_address() {
        for (server, socket) in [
            ("http://localhost:8765", "ws://localhost:8765/api/v1/ws"),
            ("https://box/haul/", "wss://box/haul/api/v1/ws"),
            ("wss://box", "wss://box/api/v1/ws"),
        ] {
            assert_eq!(address(server).expect(server), socket);
        }
        assert_eq!(
            address("ftp://box").expect_err("a scheme").code,
            exit::USAGE
        );
        assert_eq!(
            address("localhost:8765").expect_err("a scheme").code,
            exit::USAGE
        );
    }

    #[test]
    fn why_nobody_is_there_is_told_in_words() {
        for (server, why) in [
            ("box", "the scheme is missing"),
            ("http://", "empty host"),
            ("ftp://box", "none of http, https, ws, wss"),
        ] {
            let message = address(server).expect_err(server).message;
            assert!(message.contains(why), "{message}");
        }
        let told = |code| in_words(&SocketError::Io(io::Error::from_raw_os_error(code)));
        assert_eq!(told(111), "nothing listens there");
        assert_eq!(told(113), "No route to host");
    }

    #[test]
    fn a_refusal_keeps_its_reason_and_has_an_exit_code() {
        let error = json!({"code": -32000, "message": "m", "data": {"code": "no_such_download", "detail": "gone"}});
        let failure = refusal(&error);
        assert_eq!(
            (failure.code, failure.message.as_str()),
            (exit::NOT_FOUND, "gone")
        );
        let failure = refusal(&json!({"code": -32601, "message": "no such method"}));
        assert_eq!(
            (failure.code, failure.message.as_str()),
            (exit::FAILED, "no such method")
        );
    }
}
