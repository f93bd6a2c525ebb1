//! `/metrics`: what is counted, as Prometheus reads it (its text format 0.0.4). Owns the recorder and
//! the names of what the server itself measures; what the engine counts is named there.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use haul_engine::{Status, meter};
use http::{Method, header};
use metrics::{Unit, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::App;
use super::socket::MOST_SOCKETS;

const DOWNLOADS: &str = "haul_downloads";
const SPEED: &str = "haul_speed_bytes_per_second";
const CONNECTIONS: &str = "haul_connections";
const FREE_SPACE: &str = "haul_free_space_bytes";
const WATCHERS: &str = "haul_websockets";
const TASKS: &str = "haul_tasks";
const REQUEST_TIME: &str = "haul_request_seconds";

/// Seconds: from a value that comes from memory to one that a client feels.
const BUCKETS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

/// How often what was measured is sorted into its buckets when nobody asks. Until then every single
/// value is kept.
const SORTING: Duration = Duration::from_secs(5);

/// What counts in this process: the facade that is counted through has one recorder.
static RECORDER: LazyLock<PrometheusHandle> = LazyLock::new(|| {
    let every_histogram = Matcher::Suffix("_seconds".to_owned());
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(every_histogram, &BUCKETS)
        .expect("there are buckets")
        .build_recorder();
    let handle = recorder.handle();
    // Fails only where another one counts already, and then there is nothing of ours to show.
    let _ = metrics::set_global_recorder(recorder);
    meter::describe();
    describe_gauge!(DOWNLOADS, "Downloads by status");
    describe_gauge!(SPEED, "Bytes per second, all together");
    describe_gauge!(CONNECTIONS, "Open connections to servers");
    describe_gauge!(
        FREE_SPACE,
        Unit::Bytes,
        "Free space where finished files go"
    );
    describe_gauge!(WATCHERS, "Open WebSockets");
    describe_gauge!(TASKS, "Tasks alive in this process");
    describe_histogram!(
        REQUEST_TIME,
        Unit::Seconds,
        "Time until an answer began, by route, method and status"
    );
    handle
});

/// Counts from now on, not only from the first time that somebody looks.
pub(super) fn begin() {
    LazyLock::force(&RECORDER);
}

/// Keeps what was counted small, until dropped by whoever runs it.
pub(super) async fn sort() {
    let mut due = tokio::time::interval(SORTING);
    loop {
        due.tick().await;
        RECORDER.run_upkeep();
    }
}

/// `GET /metrics`.
pub(super) async fn show(State(app): State<Arc<App>>) -> Response {
    let recorder = &*RECORDER;
    let live = app.engine.live();
    for status in Status::ALL {
        gauge!(DOWNLOADS, "status" => status.name()).set(number(live.count(status)));
    }
    let stats = live.stats();
    gauge!(SPEED).set(number(stats.speed));
    gauge!(CONNECTIONS).set(number(stats.connections));
    gauge!(FREE_SPACE).set(number(stats.free_space));
    gauge!(TASKS).set(number(app.engine.tasks() as u64));
    let watchers = MOST_SOCKETS - app.sockets.available_permits();
    gauge!(WATCHERS).set(number(watchers as u64));
    let format = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, format)], recorder.render()).into_response()
}

/// Measures how long a request waits for its answer to begin. The label is the route, never the path:
/// of those there is no end, and they may be anything.
pub(super) async fn time(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(|| "none".to_owned(), |route| route.as_str().to_owned());
    let method = known(request.method());
    let began = Instant::now();
    let answer = next.run(request).await;
    let status = answer.status().as_str().to_owned();
    histogram!(REQUEST_TIME, "route" => route, "method" => method, "status" => status)
        .record(began.elapsed());
    answer
}

/// A method that HTTP has (RFC 9110 §9): a client may make up others without end.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Exact up to 2⁵³; beyond that a gauge need not tell bytes apart.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn number(count: u64) -> f64 {
    count as f64
}
