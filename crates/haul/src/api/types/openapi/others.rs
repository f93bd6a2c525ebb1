//! What REST serves besides calls: the finished file, the stream of events, the WebSocket, the
//! descriptions themselves, and how the daemon is. Each is described by hand, beside what it may answer.

use haul_engine::Kind;
use serde_json::{Map, Value, json};

use super::super::arguments::Argument;
use super::super::params::Params;
use super::super::{examples, requests};
use super::{CONTENT, exemplified, refused};
use crate::api::calls::STRANGERS;
use crate::api::error::{Code, Edge};

/// What is not a call.
pub(super) fn others() -> [(&'static str, Value); 8] {
    let get = |tag: &str, name: &str, summary: &str, responses: Value| {
        json!({"get": {
            "operationId": name, "tags": [tag], "summary": summary, "responses": responses
        }})
    };
    let plain = |name: &str, summary: &str, more: &[Code]| {
        let mut responses = or_refused(more);
        responses["200"] = said("text/plain", summary, &json!({"type": "string"}));
        get("daemon", name, summary, responses)
    };
    let document = |name: &str, summary: &str| {
        let mut responses = or_refused(&[]);
        responses["200"] = said("application/json", summary, &json!({"type": "object"}));
        get("daemon", name, summary, responses)
    };
    let mut socket = or_refused(&[
        Code::Edge(Edge::UpgradeRequired),
        Code::Edge(Edge::TooManySockets),
    ]);
    socket["101"] = json!({"description": "From here on `/api/v1/asyncapi.json` tells."});
    let mut healthy = plain("healthy", "Whether the process lives", &[]);
    // The only one that anybody may ask.
    healthy["get"]["security"] = json!([]);
    [
        ("/api/v1/downloads/{id}/content", content()),
        ("/api/v1/events", events()),
        (
            "/api/v1/ws",
            get(
                "live",
                "ws",
                "Speak the live protocol over a WebSocket",
                socket,
            ),
        ),
        ("/api/v1/openapi.json", document("openapi", "Describe REST")),
        (
            "/api/v1/asyncapi.json",
            document("asyncapi", "Describe the live protocol"),
        ),
        ("/healthz", healthy),
        (
            "/readyz",
            plain(
                "ready",
                "Whether the daemon takes work",
                &[Code::Edge(Edge::Stopping)],
            ),
        ),
        (
            "/metrics",
            plain("metrics", "What is counted, as Prometheus reads it", &[]),
        ),
    ]
}

fn or_refused(more: &[Code]) -> Value {
    refused(&[&STRANGERS, more].concat())
}

fn said(kind: &str, says: &str, schema: &Value) -> Value {
    json!({"description": says, "content": {kind: {"schema": schema}}})
}

fn events() -> Value {
    let mut responses = or_refused(&[
        Code::Engine(Kind::InvalidOption),
        // Of an id that is none.
        Code::Engine(Kind::NoSuchDownload),
        Code::Edge(Edge::AnswerTooLarge),
        Code::Edge(Edge::TooManySockets),
        Code::Edge(Edge::Stopping),
    ]);
    responses["200"] = said(
        "text/event-stream",
        "Server-sent events without end: `snapshot`, or what changed since `Last-Event-ID`; then \
         `changed`. Their `data` is the answer to `subscribe` and the `params` of `changed` in \
         `/api/v1/asyncapi.json`, their `id` is the revision.",
        &json!({"type": "string"}),
    );
    let wanted = Params::described(&json!({}), requests::subscribe);
    let mut parameters: Vec<Value> = wanted.iter().map(|one| one.parameter("query")).collect();
    parameters.push(field(
        "Last-Event-ID",
        "The `id` of the last event that was seen, to be told what happened since.",
    ));
    json!({"get": {
        "operationId": "events",
        "tags": ["live"],
        "summary": "Be told what changes, as server-sent events",
        "parameters": parameters,
        "responses": responses
    }})
}

/// A header of a request.
fn field(name: &'static str, says: &'static str) -> Value {
    Argument::new(name, says, json!({"type": "string"})).parameter("header")
}

fn content() -> Value {
    let codes = [
        Code::Engine(Kind::NoSuchDownload),
        Code::Edge(Edge::UnknownPath),
        Code::Edge(Edge::NotCompleted),
        Code::Edge(Edge::FileGone),
        Code::Edge(Edge::PreconditionFailed),
        Code::Edge(Edge::RangeNotSatisfiable),
        Code::Engine(Kind::DiskPermission),
        Code::Engine(Kind::DiskIo),
    ];
    let example = examples::arguments();
    let mut parameters: Vec<Value> = Params::described(&example, requests::id)
        .iter()
        .map(|id| exemplified(id, "path", &example))
        .collect();
    parameters.extend([
        field(
            "Range",
            "One range of bytes; several are answered with the whole file.",
        ),
        field(
            "If-Range",
            "The `ETag` or date of what is held; of another file all is sent.",
        ),
        field("If-Match", "Only if its `ETag` is one of these."),
        field("If-None-Match", "Only if its `ETag` is none of these."),
        field("If-Modified-Since", "Only if it was changed later."),
        field("If-Unmodified-Since", "Only if it was not changed later."),
    ]);
    let headers = |names: &[(&str, &str)]| {
        let header = |(name, says): &(&str, &str)| {
            let header = json!({"description": says, "schema": {"type": "string"}});
            ((*name).to_owned(), header)
        };
        Value::from(names.iter().map(header).collect::<Map<_, _>>())
    };
    let of_file = [
        ("ETag", "Tells this content of the file from others."),
        ("Last-Modified", "When it was changed."),
    ];
    let of_bytes = [
        ("Accept-Ranges", "`bytes`"),
        (
            "Content-Disposition",
            "That it is to be saved, and under which name.",
        ),
    ];
    let of_part = [("Content-Range", "Which bytes these are, and of how many.")];
    let operation = |name: &str, summary: &str| {
        let mut responses = or_refused(&codes);
        for (status, says, fields) in [
            ("200", "The whole file.", [&of_file[..], &of_bytes].concat()),
            (
                "206",
                "A part of it.",
                [&of_file[..], &of_bytes, &of_part].concat(),
            ),
            ("304", "The client's copy is still good.", of_file.to_vec()),
        ] {
            responses[status] = json!({"description": says, "headers": headers(&fields)});
            if status != "304" {
                // Of whatever type the file is.
                responses[status]["content"] = json!({"*/*": {}});
            }
        }
        json!({
            "operationId": name, "tags": ["downloads"], "summary": summary,
            "parameters": parameters, "responses": responses
        })
    };
    let mut head = operation("downloads.content.head", "Ask about the finished file");
    // An answer to HEAD has no body, and neither has a refusal.
    for answer in head["responses"].as_object_mut().into_iter().flatten() {
        answer
            .1
            .as_object_mut()
            .map(|answer| answer.remove("content"));
    }
    json!({"get": operation(CONTENT, "Fetch the finished file"), "head": head})
}
