//! The REST skin: `/api/v1`, the health checks and what answers at `/`. Turns paths, queries
//! and bodies into commands; decides nothing else.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::{PathRejection, RawPathParamsRejection};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Path, RawPathParams, RawQuery, State};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, get, on};
use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::calls::{CALLS, Call, Effect};
use super::command::{self, Answer, Command};
use super::error::{ApiError, Edge};
use super::socket::Upgrade;
use super::types::add;
use super::types::asyncapi::ASYNCAPI;
use super::types::openapi::OPENAPI;
use super::types::params::Params;
use super::types::requests;
use super::{App, aria2, console, content, live, metrics, once};
use crate::web;

/// Most bytes in a body.
const MOST_BYTES: usize = 4 << 20;

/// Most bytes that are read of one that is too large.
const MOST_BYTES_DROPPED: usize = 64 << 20;

/// Longest wait for a whole body.
const LONGEST_BODY: Duration = Duration::from_secs(60);

/// Every path of the daemon, over all skins.
pub(super) fn routes(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for (path, method) in paths() {
        router = router.route(&path, method);
    }
    router
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(metrics::time))
        .with_state(app)
}

type Paths = Vec<(String, MethodRouter<Arc<App>>)>;

/// The calls, and what is no call.
pub(super) fn paths() -> Paths {
    let mut paths: Paths = CALLS
        .iter()
        .map(|call| (format!("/api/v1{}", call.path), answers(call)))
        .collect();
    let others = [
        ("/api/v1/downloads/{id}/content", get(content::serve)),
        ("/api/v1/events", get(live::events)),
        ("/api/v1/ws", get(live::connect)),
        ("/api/v1/openapi.json", get(openapi)),
        ("/api/v1/asyncapi.json", get(asyncapi)),
        ("/", get(index)),
        ("/page/{*name}", get(part)),
        (aria2::PATH, get(aria2::get).post(aria2::post)),
        ("/healthz", get(healthy)),
        ("/readyz", get(ready)),
        ("/metrics", get(metrics::show)),
    ];
    paths.extend(others.map(|(path, method)| (path.to_owned(), method)));
    paths
}

/// Answers the requests for a call.
fn answers(call: &'static Call) -> MethodRouter<Arc<App>> {
    let answer = async move |State(app): State<Arc<App>>,
                             path: Result<RawPathParams, RawPathParamsRejection>,
                             RawQuery(query): RawQuery,
                             headers: HeaderMap,
                             body: Body| {
        let Effect::Run(read) = call.effect else {
            return add_downloads(&app, &headers, body).await;
        };
        let mut params = match call.has_body() {
            true => members(&bytes(body).await?)?,
            false => Params::query(&query.unwrap_or_default())?,
        };
        let path = path
            .map_err(|cause| ApiError::edge(Edge::UnknownPath, format!("the path is {cause}")))?;
        for (name, value) in &path {
            params.add(name, value)?;
        }
        run(&app, params.read(read)?).await
    };
    let filter = MethodFilter::try_from(call.method.clone());
    on(filter.expect("a method of HTTP"), answer)
}

type Answered = Result<Response, ApiError>;

async fn run(app: &App, command: Command) -> Answered {
    let answer = command::apply(command, &app.engine).await?;
    let status = match answer {
        Answer::Added { .. } => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    Ok((status, json(answer.to_json())).into_response())
}

async fn add_downloads(app: &App, headers: &HeaderMap, body: Body) -> Answered {
    let body = bytes(body).await?;
    let key = once::key(headers, &body)?;
    let add = members(&body)?.read(|params| add::add(params, &app.options.root))?;
    command::check_links(&add, &app.options).await?;
    run(app, Command::add(key, add)).await
}

/// The console when an upgrade is asked for, the page for a browser, else how to connect.
async fn index(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: Result<Upgrade, WebSocketUpgradeRejection>,
) -> Answered {
    if headers.contains_key(header::UPGRADE) {
        let upgrade =
            upgrade.map_err(|cause| ApiError::edge(Edge::UpgradeRequired, cause.to_string()))?;
        return console::connect(&app, upgrade, uri.query().unwrap_or_default());
    }
    if web::is_wanted(&headers) {
        return Ok(web::page(&headers));
    }
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or(&app.options.host);
    Ok(format!(
        "haul is running.\n\n\
         Web page:      http://{host}/\n\
         Text console:  ws://{host}/          (python3 -m websockets ws://{host}/)\n\
         REST:          http://{host}/api/v1/downloads\n\
         Live, JSON-RPC 2.0 over a WebSocket:  ws://{host}/api/v1/ws\n\
         For aria2's clients:  http://{host}/jsonrpc\n"
    )
    .into_response())
}

async fn part(name: Result<Path<String>, PathRejection>, headers: HeaderMap, uri: Uri) -> Answered {
    let name = name.ok();
    match name.and_then(|Path(name)| web::part(&name, &headers)) {
        Some(part) => Ok(part),
        None => Err(unknown_path(uri).await),
    }
}

async fn healthy() -> &'static str {
    "ok\n"
}

async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, ApiError> {
    if app.stop.is_cancelled() {
        return Err(ApiError::edge(Edge::Stopping, "the daemon is stopping"));
    }
    Ok("ready\n")
}

async fn unknown_path(uri: Uri) -> ApiError {
    ApiError::edge(
        Edge::UnknownPath,
        format!(
            "there is nothing at {}; the API is under /api/v1",
            uri.path()
        ),
    )
}

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    ApiError::edge(
        Edge::MethodNotAllowed,
        format!("{method} is not for {}; see the Allow header", uri.path()),
    )
}

async fn openapi() -> impl IntoResponse {
    json(OPENAPI.as_str())
}

async fn asyncapi() -> impl IntoResponse {
    json(ASYNCAPI.as_str())
}

fn json<T>(text: T) -> ([(HeaderName, HeaderValue); 1], T) {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], text)
}

/// The members of a JSON body. An empty body has none.
fn members(body: &[u8]) -> Result<Params, ApiError> {
    if body.is_empty() {
        return Ok(Params::none());
    }
    let members = requests::json(body)?;
    Ok(Params::object(members)?)
}

pub(super) async fn bytes(body: Body) -> Result<Bytes, ApiError> {
    timeout(LONGEST_BODY, collected(body))
        .await
        .unwrap_or_else(|_| {
            Err(ApiError::edge(
                Edge::BodyIncomplete,
                "the body was not complete after 60 s",
            ))
        })
}

/// All of a body. Of one that is too large some more is read and dropped: a client that is cut off in the
/// middle of sending seldom sees the answer.
async fn collected(mut body: Body) -> Result<Bytes, ApiError> {
    let mut held = BytesMut::new();
    let mut came = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|cause| {
            let why = format!("the body broke off: {cause}");
            ApiError::edge(Edge::BodyIncomplete, why)
        })?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        came += piece.len();
        if came <= MOST_BYTES {
            held.extend_from_slice(&piece);
        } else {
            held = BytesMut::new();
        }
        if came > MOST_BYTES_DROPPED {
            break;
        }
    }
    if came > MOST_BYTES {
        return Err(ApiError::edge(
            Edge::BodyTooLarge,
            "a body is at most 4 MiB; send the URLs in several requests",
        ));
    }
    Ok(held.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up() {
        let endless = futures_util::stream::pending::<std::io::Result<Bytes>>();
        let given_up = bytes(Body::from_stream(endless)).await;
        let why = given_up.expect_err("given up").to_string();
        assert!(why.contains("60 s"), "{why}");
    }
}
