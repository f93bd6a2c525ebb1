//! `/api/v1/asyncapi.json`: the description of the live protocol (AsyncAPI 3.0), made of the same lists
//! as that of REST.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::arguments::{Argument, object};
use super::examples;
use super::openapi::{generator, one_or_several};
use super::params::Params;
use super::requests;
use super::rpc::{ChangedJson, FailureJson, SnapshotJson};
use crate::api::calls::{CALLS, Effect};
use crate::api::error::Code;
use crate::api::live::{SUBSCRIBE, UNSUBSCRIBE};
use crate::api::once;

/// The document.
pub(crate) static ASYNCAPI: LazyLock<String> = LazyLock::new(|| document().to_string());

/// One method.
struct Method {
    name: &'static str,
    summary: &'static str,
    says: &'static str,
    params: Value,
    examples: Vec<Value>,
    result: Value,
    answer: Value,
}

fn methods(generator: &mut SchemaGenerator) -> Vec<Method> {
    let calls = CALLS.iter().map(|call| {
        let mut arguments = call.arguments();
        let is_add = matches!(call.effect, Effect::Add);
        if is_add {
            arguments.insert(
                0,
                Argument::new("idempotency_key", once::SAYS, once::schema()),
            );
        }
        let mut params = object(&arguments);
        if is_add {
            one_or_several(&mut params);
        }
        Method {
            name: call.name,
            summary: call.summary,
            says: call.says,
            params,
            examples: call.examples(),
            result: call.answer.schema(generator).to_value(),
            answer: examples::answer(call.answer),
        }
    });
    let mut all: Vec<Method> = calls.collect();
    let example = json!({"status": ["queued", "downloading"], "interval_ms": 500});
    all.push(Method {
        name: SUBSCRIBE,
        summary: "Be told of changes",
        says: "The answer is the state as it is; from then on `changed` tells what changed in it.",
        params: object(&Params::described(&example, requests::subscribe)),
        examples: vec![example],
        result: generator.subschema_for::<SnapshotJson>().to_value(),
        answer: examples::snapshot(),
    });
    let example = json!({"subscription": "s1"});
    all.push(Method {
        name: UNSUBSCRIBE,
        summary: "No longer be told",
        says: "Of what that subscription shows.",
        params: object(&Params::described(&example, requests::unsubscribe)),
        examples: vec![example],
        result: json!({"type": "object", "additionalProperties": false}),
        answer: json!({}),
    });
    all
}

fn document() -> Value {
    let mut generator = generator();
    let mut messages = Map::new();
    let mut operations = Map::new();
    for method in methods(&mut generator) {
        let (asked, answered) = (
            format!("{}.call", method.name),
            format!("{}.answer", method.name),
        );
        operations.insert(
            method.name.to_owned(),
            operation(&method, &asked, &answered),
        );
        messages.insert(asked, call(&method));
        messages.insert(answered, answer(&method));
    }
    messages.insert("failure".to_owned(), failure(&mut generator));
    messages.insert("changed".to_owned(), changed(&mut generator));
    operations.insert("changed".to_owned(), json!({
        "action": "send",
        "channel": {"$ref": CHANNEL},
        "summary": "Tell what has changed",
        "description": "`from` is the `revision` of the message before it on that subscription. A client \
            that takes over what is told holds the daemon's state at `revision`. For a slow client \
            changes merge; none is left out.",
        "messages": [{"$ref": message("changed")}]
    }));
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "haul, live",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "JSON-RPC 2.0 in the text frames of a WebSocket, batches included. Calls are \
                answered in the order in which they come; a call without `id` is not answered. \
                Arguments and answers are those of REST (`/api/v1/openapi.json`).",
            "license": {"name": "MIT OR Apache-2.0"}
        },
        "defaultContentType": "application/json",
        "servers": {"daemon": {
            "host": "localhost:8765",
            "protocol": "ws",
            "description": "`wss` when the daemon has a certificate. On a loopback address no token is \
                needed unless one is configured.",
            "security": [
                {"$ref": "#/components/securitySchemes/token"},
                {"$ref": "#/components/securitySchemes/protocol"}
            ]
        }},
        "channels": {"live": {
            "address": "/api/v1/ws",
            "description": "A message of the client has at most 4 MiB. The daemon sends a ping \
                every 20 s, and closes after 60 s in which nothing came.",
            "messages": messages.keys().map(|name| {
                (name.clone(), json!({"$ref": format!("#/components/messages/{name}")}))
            }).collect::<Map<_, _>>(),
            "bindings": {"ws": {
                "method": "GET",
                "headers": {"type": "object", "properties": {"Sec-WebSocket-Protocol": {
                    "type": "string",
                    "description": "`haul.v1`, which may be left out, and `bearer.TOKEN` where a token \
                        is needed and `Authorization` cannot be set.",
                    "examples": ["haul.v1"]
                }}},
                "bindingVersion": "0.1.0"
            }}
        }},
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "token": {
                    "type": "http", "scheme": "bearer",
                    "description": "The daemon's token. Without one it serves loopback addresses only."
                },
                "protocol": {
                    "type": "httpApiKey", "in": "header", "name": "Sec-WebSocket-Protocol",
                    "description": "The same as the subprotocol `bearer.TOKEN`, for pages."
                }
            }
        }
    })
}

const CHANNEL: &str = "#/channels/live";

fn message(name: &str) -> String {
    format!("{CHANNEL}/messages/{name}")
}

fn operation(method: &Method, asked: &str, answered: &str) -> Value {
    json!({
        "action": "receive",
        "channel": {"$ref": CHANNEL},
        "summary": method.summary,
        "description": method.says,
        "messages": [{"$ref": message(asked)}],
        "reply": {
            "channel": {"$ref": CHANNEL},
            "messages": [{"$ref": message(answered)}, {"$ref": message("failure")}]
        }
    })
}

fn call(method: &Method) -> Value {
    let mut frame = json!({
        "type": "object",
        "properties": {
            "jsonrpc": {"const": "2.0"},
            "id": ID.clone(),
            "method": {"const": method.name},
            "params": method.params
        },
        "required": ["jsonrpc", "method"]
    });
    if method.params.get("required").is_some() || method.params.get("oneOf").is_some() {
        frame["required"] = json!(["jsonrpc", "method", "params"]);
    }
    let examples = (1..).zip(&method.examples).map(|(id, params)| {
        json!({"payload": {
            "jsonrpc": "2.0", "id": id, "method": method.name, "params": params
        }})
    });
    json!({
        "summary": method.summary,
        "payload": frame,
        "examples": examples.collect::<Vec<_>>()
    })
}

/// What a call may be named by.
static ID: LazyLock<Value> = LazyLock::new(|| json!({"type": ["string", "number", "null"]}));

fn answer(method: &Method) -> Value {
    json!({
        "summary": format!("The answer to {}", method.name),
        "payload": {
            "type": "object",
            "properties": {
                "jsonrpc": {"const": "2.0"}, "id": ID.clone(), "result": method.result
            },
            "required": ["jsonrpc", "id", "result"]
        },
        "examples": [{"payload": {"jsonrpc": "2.0", "id": 1, "result": method.answer}}]
    })
}

fn failure(generator: &mut SchemaGenerator) -> Value {
    let names: BTreeSet<&str> = Code::all().map(Code::name).collect();
    json!({
        "summary": "The answer to a call that was not done",
        "payload": {
            "type": "object",
            "properties": {
                "jsonrpc": {"const": "2.0"},
                "id": ID.clone(),
                "error": {
                    "allOf": [generator.subschema_for::<FailureJson>()],
                    "properties": {
                        "code": {"enum": [-32700, -32600, -32601, -32602, -32000]},
                        "data": {"properties": {"code": {"enum": names}}}
                    }
                }
            },
            "required": ["jsonrpc", "id", "error"]
        },
        "examples": [{"payload": {"jsonrpc": "2.0", "id": 1, "error": {
            "code": -32000, "message": "there is no download 9f1c2a7be04d5566",
            "data": {"code": "no_such_download", "detail": "there is no download 9f1c2a7be04d5566"}
        }}}]
    })
}

fn changed(generator: &mut SchemaGenerator) -> Value {
    json!({
        "summary": "What has changed",
        "payload": {
            "type": "object",
            "properties": {
                "jsonrpc": {"const": "2.0"},
                "method": {"const": "changed"},
                "params": generator.subschema_for::<ChangedJson>()
            },
            "required": ["jsonrpc", "method", "params"]
        },
        "examples": [{"payload": {
            "jsonrpc": "2.0", "method": "changed", "params": examples::changes()
        }}]
    })
}

#[cfg(test)]
mod tests;
