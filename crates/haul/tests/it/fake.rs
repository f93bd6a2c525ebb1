//! A daemon that answers from a script: what the commands say to it can be looked at.

use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

/// Answers a call with a result or an error object.
type Answer = fn(&str, &Value) -> Result<Value, Value>;

/// A scripted daemon. Dropping it ends it.
pub(crate) struct Fake {
    url: String,
    heard: Arc<Mutex<Vec<(String, Value)>>>,
    _tasks: JoinSet<()>,
}

/// The token that it wants.
pub(crate) const TOKEN: &str = "a-token";

impl Fake {
    /// Starts one that answers calls with `answer`, and text lines with themselves.
    pub(crate) async fn start(answer: Answer) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let heard = Arc::<Mutex<Vec<_>>>::default();
        let calls = heard.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut conversations = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                conversations.spawn(converse(stream, answer, calls.clone()));
            }
        });
        Fake {
            url,
            heard,
            _tasks: tasks,
        }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The calls that it has heard.
    pub(crate) fn heard(&self) -> Vec<(String, Value)> {
        self.heard.lock().expect("nobody panics with it").clone()
    }
}

#[allow(clippy::result_large_err, reason = "the library's own signature")]
fn guard(request: &Request, response: Response) -> Result<Response, ErrorResponse> {
    let shown = request.headers().get("authorization");
    if shown.is_some_and(|value| value == &format!("Bearer {TOKEN}")) {
        return Ok(response);
    }
    let mut refused = ErrorResponse::new(None);
    *refused.status_mut() = http::StatusCode::UNAUTHORIZED;
    Err(refused)
}

async fn converse(stream: TcpStream, answer: Answer, heard: Arc<Mutex<Vec<(String, Value)>>>) {
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, guard).await else {
        return;
    };
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else {
            continue;
        };
        let Ok(call) = serde_json::from_str::<Value>(&text) else {
            console(&mut socket, text.as_str()).await;
            continue;
        };
        let method = call["method"].as_str().expect("a method").to_owned();
        let reply = match answer(&method, &call["params"]) {
            Ok(result) => json!({"jsonrpc": "2.0", "id": call["id"], "result": result}),
            Err(error) => json!({"jsonrpc": "2.0", "id": call["id"], "error": error}),
        };
        heard
            .lock()
            .expect("nobody panics with it")
            .push((method, call["params"].clone()));
        // A notification in between must not be taken for the answer.
        let noise = json!({"jsonrpc": "2.0", "method": "changed", "params": {}}).to_string();
        for text in [noise, reply.to_string()] {
            if socket.send(Message::text(text)).await.is_err() {
                return;
            }
        }
    }
}

/// Echoes lines; the list of commands has two.
async fn console(socket: &mut tokio_tungstenite::WebSocketStream<TcpStream>, line: &str) {
    let answers = match line {
        "start" | "http://h/a" => vec![],
        "help_command" => vec![
            "help_command - help".to_owned(),
            "start - record".to_owned(),
        ],
        line => vec![format!("heard {line}")],
    };
    for answer in answers {
        if socket.send(Message::text(answer)).await.is_err() {
            return;
        }
    }
}
