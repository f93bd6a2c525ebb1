//! The ways to `/jsonrpc`: POST, GET with JSONP, and WebSocket. Each gives a message and takes what is
//! said to it.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use tokio::task::coop::consume_budget;

use super::envelope::{self, Failure, Invalid, Message, Read};
use super::method::{self, MOST_BYTES_TO_UNKNOWN, too_large};
use super::standing::Standing;
use super::talk::Aria2Talk;
use crate::api::App;
use crate::api::auth::Unproven;
use crate::api::error::{ApiError, Edge};
use crate::api::rest;
use crate::api::socket::{self, MOST_BYTES_OUT, Upgrade};

/// Clients are careless with padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Most bytes of a callback's name.
const MOST_CALLBACK: usize = 256;

/// What is said to a message.
pub(super) struct Said {
    pub(super) body: String,
    /// For HTTP.
    status: StatusCode,
}

/// Does what a message asks for, one call after the other.
pub(super) async fn answer(app: &App, standing: &mut Standing, message: Message) -> Said {
    let calls = match message {
        Message::Single(call) => {
            let (id, result) = result(app, standing, call).await;
            let status = result
                .as_ref()
                .err()
                .map_or(StatusCode::OK, Failure::status);
            return Said {
                body: envelope::answer(&id, &result).to_string(),
                status,
            };
        }
        Message::Batch(calls) => calls,
    };
    let mut answers = Vec::new();
    let mut bytes = 0;
    for call in calls {
        // A long batch lets others have their turn.
        consume_budget().await;
        if bytes > MOST_BYTES_TO_UNKNOWN && !standing.is_known() {
            answers.push(envelope::answer(&Value::Null, &Err(too_large())).to_string());
            break;
        }
        let (id, result) = match call {
            Ok(call) if bytes > MOST_BYTES_OUT => (call.id, Err(too_large())),
            call => result(app, standing, call).await,
        };
        let answer = envelope::answer(&id, &result).to_string();
        bytes += answer.len();
        answers.push(answer);
    }
    Said {
        body: format!("[{}]", answers.join(",")),
        status: StatusCode::OK,
    }
}

async fn result(app: &App, standing: &mut Standing, call: Read) -> (Value, Result<Value, Failure>) {
    match call {
        Ok(call) => {
            let id = call.id.clone();
            let result = method::run(app, standing, call).await;
            let is_fit = |value: &Value| method::size(value) <= MOST_BYTES_OUT;
            let result = match result {
                Ok(value) if !is_fit(&value) => Err(too_large()),
                result => result,
            };
            (id, result)
        }
        Err(Invalid { id, failure }) => (id, Err(failure)),
    }
}

/// `POST /jsonrpc`; the content type is nobody's business.
pub(crate) async fn post(
    State(app): State<Arc<App>>,
    unproven: Option<Extension<Unproven>>,
    body: Body,
) -> Result<Response, ApiError> {
    let mut standing = Standing::new(unproven.map(|Extension(unproven)| unproven));
    // A body takes memory before its calls can show the token.
    seat(&app, &mut standing)?;
    let bytes = rest::bytes(body).await?;
    let said = answer(&app, &mut standing, envelope::read(&bytes)).await;
    Ok(respond(said.status, "application/json-rpc", said.body))
}

/// `GET /jsonrpc`: a WebSocket when one is asked for, else a call in the query.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    unproven: Option<Extension<Unproven>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    upgrade: Result<Upgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let mut standing = Standing::new(unproven.map(|Extension(unproven)| unproven));
    if headers.contains_key(header::UPGRADE) {
        let upgrade =
            upgrade.map_err(|cause| ApiError::edge(Edge::UpgradeRequired, cause.to_string()))?;
        return connect(&app, standing, upgrade);
    }
    let Query { message, callback } = Query::read(&query.unwrap_or_default());
    let said = answer(&app, &mut standing, message).await;
    let Some(callback) = callback else {
        return Ok(respond(said.status, "application/json-rpc", said.body));
    };
    let body = format!("{callback}({})", said.body);
    Ok(respond(said.status, "text/javascript", body))
}

fn connect(app: &Arc<App>, mut standing: Standing, upgrade: Upgrade) -> Result<Response, ApiError> {
    seat(app, &mut standing)?;
    socket::open(app, upgrade, |app| Aria2Talk::new(app, standing))
}

/// Gives whoever is a stranger one of their places.
fn seat(app: &App, standing: &mut Standing) -> Result<(), ApiError> {
    let Some(from) = standing.stranger() else {
        return Ok(());
    };
    let place = app.aria2.strangers.admit(from).ok_or_else(|| {
        ApiError::edge(
            Edge::TooManySockets,
            "too many are here that have not shown the token; send it as \"Authorization: Bearer\", or sooner",
        )
    })?;
    standing.hold(place);
    Ok(())
}

fn respond(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (status, headers, body).into_response()
}

/// A call in a query: `method`, `id`, `params` in base64, `jsoncallback`. With `params` alone it is a
/// whole message.
pub(super) struct Query {
    pub(super) message: Message,
    pub(super) callback: Option<String>,
}

impl Query {
    pub(super) fn read(query: &str) -> Query {
        let (mut method, mut id, mut params, mut callback) = (None, None, None, None);
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let field = match &*name {
                "method" => &mut method,
                "id" => &mut id,
                "params" => &mut params,
                "jsoncallback" => &mut callback,
                _ => continue,
            };
            *field = Some(value.into_owned());
        }
        let message = match &callback {
            Some(name) if !is_name(name) => None,
            _ => message(method, id, params),
        };
        Query {
            // aria2 tells bad JSON apart from a bad call only in a body.
            message: message.unwrap_or(Message::Single(Err(Invalid {
                id: Value::Null,
                failure: Failure::Request,
            }))),
            callback: callback.filter(|name| is_name(name)),
        }
    }
}

fn message(method: Option<String>, id: Option<String>, params: Option<String>) -> Option<Message> {
    let decoded = match params {
        // A plus that was not escaped comes as a space.
        Some(coded) => Some(BASE64.decode(coded.replace(' ', "+")).ok()?),
        None => None,
    };
    if method.is_none() && id.is_none() {
        let decoded = decoded?;
        serde_json::from_slice::<Value>(&decoded).ok()?;
        return Some(envelope::read(&decoded));
    }
    let mut call = json!({"method": method?, "id": id?});
    if let Some(decoded) = decoded {
        call["params"] = serde_json::from_slice(&decoded).ok()?;
    }
    Some(envelope::read(call.to_string().as_bytes()))
}

/// Whether a callback is a name, and nothing that would be run in its place.
fn is_name(text: &str) -> bool {
    let is_part = |part: &str| {
        let mut letters = part.chars();
        let first = letters.next();
        first.is_some_and(|letter| letter.is_ascii_alphabetic() || matches!(letter, '_' | '$'))
            && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '$'))
    };
    text.len() <= MOST_CALLBACK && text.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::BASE64_STANDARD;

    fn params(value: &Value) -> String {
        let coded = BASE64_STANDARD.encode(value.to_string());
        url::form_urlencoded::byte_serialize(coded.as_bytes()).collect()
    }

    fn single(query: &str) -> Read {
        match Query::read(query).message {
            Message::Single(call) => call,
            Message::Batch(_) => panic!("{query} is a batch"),
        }
    }

    #[test]
    fn a_call_in_a_query_has_texts_for_its_method_and_id() {
        let coded = params(&json!(["a", ["b>>>?"]]));
        let call = single(&format!("method=aria2.tellStatus&id=7&params={coded}")).expect("a call");
        assert_eq!(call.method, "aria2.tellStatus");
        assert_eq!(call.id, json!("7"));
        assert_eq!(call.params, [json!("a"), json!(["b>>>?"])]);
        let call = single("method=m&id=7").expect("a call");
        assert_eq!(call.params, Vec::<Value>::new());
    }

    #[test]
    fn base64_may_lack_its_padding_and_the_escape_of_its_plus() {
        let coded = BASE64_STANDARD.encode(r#"["~~>>"]"#);
        assert!(coded.contains('+') || coded.contains('='), "{coded}");
        let bare = coded.trim_end_matches('=');
        let call = single(&format!("method=m&id=1&params={bare}")).expect("a call");
        assert_eq!(call.params, [json!("~~>>")]);
    }

    #[test]
    fn params_alone_are_a_whole_message() {
        let batch = json!([{"id": 1, "method": "a"}, {"id": 2, "method": "b"}]);
        let query = format!("params={}", params(&batch));
        let Message::Batch(calls) = Query::read(&query).message else {
            panic!("not a batch");
        };
        assert_eq!(calls.len(), 2);
    }

    #[test]
    fn what_cannot_be_read_is_no_request() {
        for query in [
            "",
            "method=m",
            "id=1",
            "method=m&id=1&params=%%%",
            "method=m&id=1&params=ew",
            "params=ew",
            "method=m&id=1&jsoncallback=alert(1)",
        ] {
            let invalid = single(query).expect_err(query);
            assert_eq!(invalid.failure, Failure::Request, "{query}");
        }
    }

    #[test]
    fn a_callback_is_a_name() {
        for name in ["cb", "a.b.c", "$_1", "jQuery123_456"] {
            assert!(is_name(name), "{name}");
        }
        for other in ["", "1a", "a..b", "a b", "alert(1)", "a;b", "a[0]", "é"] {
            assert!(!is_name(other), "{other}");
        }
        assert!(!is_name(&"a".repeat(MOST_CALLBACK + 1)));
    }
}
