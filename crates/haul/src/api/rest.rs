//! The REST skin: `/api/v1`, the health checks and what answers at `/`. Turns paths, queries
//! and bodies into commands; decides nothing else.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Path, RawQuery, State};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::BytesMut;
use haul_engine::Id;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::command::{self, Answer, Command};
use super::error::{ApiError, Edge};
use super::socket::Upgrade;
use super::types::add;
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
    let api = Router::new()
        .route("/downloads", post(add_downloads).get(list))
        .route("/downloads/{id}", get(show).patch(update).delete(remove))
        .route("/downloads/{id}/why", get(why))
        .route("/downloads/{id}/pause", post(pause))
        .route("/downloads/{id}/resume", post(resume))
        .route("/downloads/{id}/retry", post(retry))
        .route("/downloads/{id}/cancel", post(cancel))
        .route("/downloads/{id}/move", post(reorder))
        .route("/downloads/{id}/content", get(content::serve))
        .route("/stats", get(stats))
        .route("/settings", get(settings).patch(set_settings))
        .route("/events", get(live::events))
        .route("/ws", get(live::connect));
    Router::new()
        .nest("/api/v1", api)
        .route("/", get(index))
        .route("/page/{*name}", get(part))
        .route(aria2::PATH, get(aria2::get).post(aria2::post))
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics::show))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(metrics::time))
        .with_state(app)
}

type Answered = Result<Response, ApiError>;

async fn run(app: &App, command: Command) -> Answered {
    let answer = command::apply(command, &app.engine).await?;
    let status = match answer {
        Answer::Added { .. } => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    let json = (
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Ok((status, [json], answer.to_json()).into_response())
}

async fn add_downloads(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Answered {
    let body = bytes(body).await?;
    let key = once::key(&headers, &body)?;
    let add = add::add(members(&body)?, &app.options.root)?;
    command::check_links(&add, &app.options.root).await?;
    let command = match key {
        Some(key) => Command::AddOnce(key, add),
        None => Command::Add(add),
    };
    run(&app, command).await
}

async fn list(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Answered {
    let query = requests::list(pairs(query)?)?;
    run(&app, Command::List(query)).await
}

async fn show(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answered {
    run(&app, Command::Get(read(&id)?)).await
}

async fn why(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answered {
    run(&app, Command::Why(read(&id)?)).await
}

async fn update(State(app): State<Arc<App>>, Path(id): Path<String>, body: Body) -> Answered {
    let id = read(&id)?;
    let change = requests::change(arguments(body).await?)?;
    run(&app, Command::Update { id, change }).await
}

async fn remove(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answered {
    let id = read(&id)?;
    let files = requests::files(pairs(query)?)?;
    run(&app, Command::Remove { id, files }).await
}

async fn pause(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answered {
    run(&app, Command::Pause(read(&id)?)).await
}

async fn resume(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answered {
    run(&app, Command::Resume(read(&id)?)).await
}

async fn retry(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answered {
    run(&app, Command::Retry(read(&id)?)).await
}

async fn cancel(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answered {
    run(&app, Command::Cancel(read(&id)?)).await
}

async fn reorder(State(app): State<Arc<App>>, Path(id): Path<String>, body: Body) -> Answered {
    let id = read(&id)?;
    let position = requests::position(arguments(body).await?)?;
    run(&app, Command::Move { id, position }).await
}

async fn stats(State(app): State<Arc<App>>) -> Answered {
    run(&app, Command::Stats).await
}

async fn settings(State(app): State<Arc<App>>) -> Answered {
    run(&app, Command::Settings).await
}

async fn set_settings(State(app): State<Arc<App>>, body: Body) -> Answered {
    let change = requests::settings(arguments(body).await?)?;
    run(&app, Command::SetSettings(change)).await
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

async fn part(Path(name): Path<String>, headers: HeaderMap, uri: Uri) -> Answered {
    match web::part(&name, &headers) {
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

fn read(id: &str) -> Result<Id, ApiError> {
    Ok(id.parse()?)
}

fn pairs(query: Option<String>) -> Result<Params, ApiError> {
    Ok(Params::query(&query.unwrap_or_default())?)
}

/// The members of a JSON body. An empty body has none.
async fn arguments(body: Body) -> Result<Params, ApiError> {
    members(&bytes(body).await?)
}

fn members(body: &[u8]) -> Result<Params, ApiError> {
    if body.is_empty() {
        return Ok(Params::query("")?);
    }
    Ok(Params::object(requests::json(body)?)?)
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
