//! Fuzz target: whatever the body of a request holds, REST answers with what its contract names. The
//! daemon behind it runs nothing and reaches nobody.

use std::path::{Component, Path};
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::response::Response;
use haul_engine::store::MemoryStore;
use haul_engine::{Config, Engine, Files, Settings, Spec};
use haul_testkit::fuzz::{bytes, text};
use http::{HeaderName, HeaderValue, Method, Request, header};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::audit::Audit;
use super::types::params::Params;
use super::types::{add, requests};
use super::{ApiOptions, App, Batches, Lang, rest};

/// Where the daemon thinks that files go; nothing is ever there.
pub(super) const ROOT: &str = "/nowhere/files";

/// Enough to have something to change, few enough to stay fast.
const MOST_DOWNLOADS: usize = 100;

pub(super) struct World {
    pub(super) runtime: Runtime,
    pub(super) app: Arc<App>,
}

/// One for all inputs: what one leaves behind, the next one meets.
pub(super) static WORLD: LazyLock<World> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime");
    // No place for a download to start in; and should an input make one, the only way out is a proxy
    // on a port that nobody listens on.
    let config = Config {
        settings: Settings {
            max_downloads: 0,
            ..Settings::default()
        },
        retries: 0,
        proxy: Some(Spec::parse_url("http://127.0.0.1:1/").expect("a URL")),
        ..Config::new(ROOT.into(), "/nowhere/state".into())
    };
    let store = Arc::new(MemoryStore::new());
    let engine = Engine::start(config, store, runtime.handle().clone());
    let engine = runtime.block_on(engine).expect("an engine");
    let options = ApiOptions {
        host: "localhost".into(),
        token: None,
        allowed_origins: Vec::new(),
        lang: Lang::Ru,
        console_batches: Batches::Any,
        root: ROOT.into(),
        state: Path::new(ROOT).join(".haul"),
        quit: CancellationToken::new(),
    };
    let app = Arc::new(App::new(
        engine,
        options,
        Audit::new(),
        CancellationToken::new(),
    ));
    World { runtime, app }
});

impl World {
    /// Forgets all downloads when there are many.
    pub(super) async fn tidy(&self) {
        let all = self.app.engine.live().snapshot(|_| true).1;
        if all.len() < MOST_DOWNLOADS {
            return;
        }
        for view in all {
            let removed = self.app.engine.remove(view.id, Files::Keep).await;
            removed.expect("it is there, and may always be removed");
        }
    }

    /// An id that exists, if any does.
    fn id(&self) -> String {
        let all = self.app.engine.live().snapshot(|_| true).1;
        all.first()
            .map_or_else(|| "0".repeat(16), |view| view.id.to_string())
    }
}

/// Members and values of every request there is, over REST and over the live protocol.
pub(super) const BODIES: &[&str] = &[
    "{\"urls\":[\"http://127.0.0.1:1/<w>\",\"<w>\"],<w>}",
    "{\"url\":\"http://127.0.0.1:1/<n>\",\"mirrors\":[\"http://127.0.0.1:1/<w>\"],\"paused\":true}",
    "{\"url\":\"http://127.0.0.1:1/a\",\"name\":\"<w>\",\"dir\":\"<w>\"}",
    "{\"url\":\"http://127.0.0.1:1/a\",\"dir\":\"/nowhere/files/<w>/..\"}",
    "{\"url\":\"http://127.0.0.1:1/a\",\"dir\":\"sub/../../<w>\",\"name\":\"..<w>\"}",
    "{\"url\":\"http://127.0.0.1:1/a\",\"dir\":\"sub/<w>\",\"threads\":<n>,\"block_size\":\"<n>M\"}",
    "{\"url\":\"http://127.0.0.1:1/a\",\"headers\":{\"X-A\":\"<w>\",\"<w>\":\"<w>\"}}",
    "{\"url\":\"http://127.0.0.1:1/a\",\"checksum\":\"<w>\",\"on_conflict\":\"<w>\"}",
    "{\"threads\":<n>,\"speed_limit\":<n>,\"priority\":<n>}",
    "{\"name\":\"<w>\"}",
    "{\"url\":\"http://127.0.0.1:1/<w>\",\"speed_limit\":<n>}",
    "{\"position\":<n>}",
    "{\"max_downloads\":<n>,\"max_connections\":<n>,\"max_connections_per_host\":<n>}",
    "{\"block_size\":<n>}",
    "{\"<w>\":<w>}",
    "[<w>]",
    "[[[[<w>",
    "\"<w>\"",
    "\"threads\":<n>",
    "../<w>",
    "rename",
    "sha-256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "a.iso",
    "null",
    "<n>",
];

const QUERIES: &[&str] = &[
    "status=<w>&q=<w>&sort=<w>",
    "limit=<n>&cursor=<w>",
    "sort=size&order=desc&limit=<n>",
    "status=queued,paused",
    "files=<w>",
    "queued",
    "<n>:<n>",
];

#[test]
fn rest_body() {
    bolero::check!()
        .with_generator((0..5u8, bytes(BODIES)))
        .for_each(|(which, body)| {
            WORLD.runtime.block_on(async {
                WORLD.tidy().await;
                let id = WORLD.id();
                let (method, path) = match which {
                    0 => (Method::PATCH, format!("/downloads/{id}")),
                    1 => (Method::PATCH, "/settings".to_owned()),
                    2 => (Method::POST, format!("/downloads/{id}/move")),
                    _ => (Method::POST, "/downloads".to_owned()),
                };
                let answer = ask(method, &path, Body::from(body.to_vec())).await;
                assert_of_the_contract(answer).await;
            });
            assert_specs_stay_inside(body);
        });
}

#[test]
fn rest_query() {
    bolero::check!()
        .with_generator((text(QUERIES), text(QUERIES)))
        .for_each(|(query, id)| {
            WORLD.runtime.block_on(async {
                let id = utf8_percent_encode(id, NON_ALPHANUMERIC);
                let mark = utf8_percent_encode(query, URI);
                for (method, path) in [
                    (Method::GET, format!("/downloads?{mark}")),
                    (Method::GET, format!("/downloads/a{id}")),
                    (Method::GET, format!("/downloads/a{id}/content")),
                    (
                        Method::DELETE,
                        format!("/downloads/{}?{mark}", "0".repeat(16)),
                    ),
                ] {
                    // hyper takes no head of that length either.
                    if path.len() < 30_000 {
                        assert_of_the_contract(ask(method, &path, Body::empty()).await).await;
                    }
                }
            });
        });
}

/// What a body asks for, before a probe has told any path.
fn assert_specs_stay_inside(body: &[u8]) {
    let params = requests::json(body).ok().map(Params::object);
    let Some(Ok(params)) = params else {
        return;
    };
    let Ok(add) = params.read(|params| add::add(params, Path::new(ROOT))) else {
        return;
    };
    for spec in add.specs {
        if let Some(dir) = spec.dir {
            let climbs = dir.components().any(|part| part == Component::ParentDir);
            assert!(dir.starts_with(ROOT) && !climbs, "{}", dir.display());
        }
        if let Some(name) = spec.name {
            let leads_away = name.contains(['/', '\\']) || matches!(name.as_str(), "." | "..");
            assert!(!leads_away && name.len() <= 255, "{name:?}");
        }
        for (name, value) in &spec.headers {
            assert!(HeaderName::from_bytes(name.as_bytes()).is_ok(), "{name:?}");
            assert!(HeaderValue::from_str(value).is_ok(), "{value:?}");
        }
    }
}

/// What must be escaped for a request to be one at all; `&`, `=` and `,` keep their meaning.
const URI: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC
    .remove(b'&')
    .remove(b'=')
    .remove(b',')
    .remove(b':')
    .remove(b'+');

async fn ask(method: Method, path: &str, body: Body) -> Response {
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/v1{path}"))
        .body(body);
    let request = request.expect("a path without blanks");
    let service = TowerToHyperService::new(rest::routes(WORLD.app.clone()));
    service
        .call(request)
        .await
        .unwrap_or_else(|never| match never {})
}

async fn assert_of_the_contract(answer: Response) {
    let status = answer.status();
    let kind = answer.headers()[header::CONTENT_TYPE].clone();
    let body = answer.into_body().collect().await.expect("a whole body");
    let body: Value = serde_json::from_slice(&body.to_bytes()).expect("JSON");
    if status.is_success() {
        assert_eq!(kind, "application/json");
        for download in body["downloads"].as_array().into_iter().flatten() {
            assert_inside(download);
        }
        return;
    }
    // Nothing that a caller sends is our fault.
    assert!(status.is_client_error(), "{status}: {body}");
    assert_eq!(kind, "application/problem+json");
    assert_eq!(body["status"], status.as_u16());
    let code = body["code"].as_str().expect("a stable code");
    assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
    assert!(body["detail"].as_str().is_some_and(|told| !told.is_empty()));
}

/// A name or a directory never leads out of where files go.
fn assert_inside(download: &Value) {
    let name = download["name"].as_str().expect("a name");
    assert!(
        !name.contains(['/', '\\', '\0']) && name.len() <= 255,
        "{name:?}"
    );
    assert!(!matches!(name, "" | "." | ".."), "{name:?}");
    if let Some(path) = download["path"].as_str() {
        assert!(Path::new(path).starts_with(ROOT), "{path}");
        assert!(!path.split('/').any(|part| part == ".."), "{path}");
    }
    let threads = download["threads"]["limit"].as_u64();
    assert!(threads.is_some_and(|threads| (1..=256).contains(&threads)));
}
