//! `/api/v1/openapi.json`: the description of REST (OpenAPI 3.1). Made of the list of calls, of the
//! readers of their arguments and of the types of their answers; what is no call is described here.

mod others;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::answer::Shape;
use super::arguments::{Argument, object};
use super::examples;
use super::problem::Problem;
use crate::api::calls::{CALLS, Call, Effect};
use crate::api::error::Code;
use crate::api::once;

/// The document.
pub(crate) static OPENAPI: LazyLock<String> = LazyLock::new(|| document().to_string());

/// The operation that fetches a finished file.
const CONTENT: &str = "downloads.content";

const PROBLEM: &str = "application/problem+json";

/// Makes the schemas of answers; those with a name stand at `#/components/schemas/NAME`.
pub(super) fn generator() -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator()
}

fn document() -> Value {
    let mut generator = generator();
    let mut paths = Map::new();
    for call in &CALLS {
        let path = format!("/api/v1{}", call.path);
        let method = call.method.as_str().to_ascii_lowercase();
        paths.entry(path).or_insert_with(|| json!({}))[method] = operation(call, &mut generator);
    }
    for (path, item) in others::others() {
        paths.insert(path.to_owned(), item);
    }
    // Named by `refused`.
    generator.subschema_for::<Problem>();
    let responses = shared(&mut paths);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "haul",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "A download manager: many parallel range requests per file.",
            "description": "Errors are problems (RFC 9457) with a stable `code`. What changes is told \
                over `/api/v1/ws`, which `/api/v1/asyncapi.json` describes, and over `/api/v1/events`. \
                Beside this API there are the page and the text console (both at `/`) and `/jsonrpc`, which \
                speaks as aria2 does.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"}
        },
        "servers": [{"url": "/"}],
        // On a loopback address no token is needed unless one is configured.
        "security": [{}, {"token": []}, {"cookie": []}],
        "tags": [
            {"name": "downloads", "description": "What is fetched."},
            {"name": "live", "description": "What changes, as it changes."},
            {"name": "daemon", "description": "What holds for all downloads, and how the daemon is."},
        ],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "responses": responses,
            "securitySchemes": {
                "token": {
                    "type": "http", "scheme": "bearer",
                    "description": "The daemon's token. Without one it serves loopback addresses only."
                },
                "cookie": {
                    "type": "apiKey", "in": "cookie", "name": "haul_8765",
                    "description": "What a browser is given for `/?token=TOKEN`; the name ends in the \
                        daemon's port. It counts for haul's own page only."
                }
            }
        }
    })
}

fn operation(call: &Call, generator: &mut SchemaGenerator) -> Value {
    let arguments = call.arguments();
    let (in_path, others): (Vec<Argument>, Vec<Argument>) = arguments
        .into_iter()
        .partition(|argument| call.path.contains(&format!("{{{}}}", argument.name)));
    let examples = call.examples();
    let parameter = |argument: &Argument, place| exemplified(argument, place, &examples[0]);
    let mut parameters: Vec<Value> = in_path
        .iter()
        .map(|argument| parameter(argument, "path"))
        .collect();
    let mut operation = json!({
        "operationId": call.name,
        "summary": call.summary,
        "description": call.says,
        "tags": [if call.name.starts_with("downloads.") { "downloads" } else { "daemon" }],
    });
    if !call.has_body() {
        parameters.extend(others.iter().map(|argument| parameter(argument, "query")));
    } else if !others.is_empty() {
        operation["requestBody"] = body(call, &others, &in_path);
    }
    let mut success = "200";
    if let Effect::Add = call.effect {
        success = "201";
        let key = Argument::new("Idempotency-Key", once::SAYS, once::schema());
        parameters.push(key.parameter("header"));
    }
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    let mut responses = refused(&call.refusals());
    let answer = json!({
        "schema": call.answer.schema(generator), "example": examples::answer(call.answer)
    });
    responses[success] = json!({
        "description": call.answer.says(), "content": {"application/json": answer}
    });
    if let Some(links) = links(call.answer) {
        responses[success]["links"] = links;
    }
    operation["responses"] = responses;
    operation
}

/// The parameter as it may be given.
fn exemplified(argument: &Argument, place: &str, example: &Value) -> Value {
    let mut parameter = argument.parameter(place);
    if let Some(value) = example.get(argument.name) {
        parameter["example"] = value.clone();
    }
    parameter
}

/// The body that has these members. Its examples leave out what the path has.
fn body(call: &Call, members: &[Argument], in_path: &[Argument]) -> Value {
    let mut schema = object(members);
    if let Effect::Add = call.effect {
        one_or_several(&mut schema);
    }
    let without = |mut example: Value| {
        for argument in in_path {
            example
                .as_object_mut()
                .map(|members| members.remove(argument.name));
        }
        example
    };
    let examples: Map<String, Value> = (1..)
        .zip(call.examples())
        .map(|(number, example)| (number.to_string(), json!({"value": without(example)})))
        .collect();
    let is_required = schema.get("required").is_some() || schema.get("oneOf").is_some();
    json!({
        "required": is_required,
        "content": {"application/json": {"schema": schema, "examples": examples}}
    })
}

/// What `downloads.add` wants of its members together.
pub(super) fn one_or_several(schema: &mut Value) {
    schema["oneOf"] = json!([
        {
            "required": ["urls"],
            "properties": {
                "urls": {"type": "array", "minItems": 1, "maxItems": 100_000},
                "url": {"type": "null"},
                "mirrors": {"type": "null"}
            }
        },
        {
            "required": ["url"],
            "properties": {"url": {"type": "string"}, "urls": {"type": "null"}}
        }
    ]);
    // A name is for one file.
    schema["if"] = json!({"required": ["name"], "properties": {"name": {"type": "string"}}});
    schema["then"] = json!({"properties": {"urls": {"maxItems": 1}}});
}

/// Where an answer leads: to all that can be done with the download in it.
fn links(answer: Shape) -> Option<Value> {
    let id = match answer {
        Shape::Added => "$response.body#/downloads/0/id",
        Shape::Detailed => "$response.body#/id",
        _ => return None,
    };
    let about_one = CALLS.iter().filter(|call| call.path.contains("{id}"));
    let names = about_one.map(|call| call.name).chain([CONTENT]);
    let link = |name: &str| {
        let link = json!({"operationId": name, "parameters": {"id": id}});
        (name.to_owned(), link)
    };
    Some(names.map(link).collect::<Map<String, Value>>().into())
}

/// The answers to what is not done, by their status.
fn refused(codes: &[Code]) -> Value {
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for code in codes {
        let names = by_status.entry(code.status().as_u16()).or_default();
        if !names.contains(&code.name()) {
            names.push(code.name());
        }
    }
    let answer = |(status, names): (u16, Vec<&str>)| {
        let mut answer = json!({
            "description": names.join(", "),
            "content": {PROBLEM: {"schema": {
                "allOf": [{"$ref": "#/components/schemas/Problem"}],
                "properties": {"status": {"const": status}, "code": {"enum": names}}
            }}}
        });
        if let Some((name, says)) = header(status) {
            answer["headers"][name] = json!({"description": says, "schema": {"type": "string"}});
        }
        (status.to_string(), answer)
    };
    by_status
        .into_iter()
        .map(answer)
        .collect::<Map<_, _>>()
        .into()
}

/// Takes the refusals that many operations have out of them, under the names of their codes.
fn shared(paths: &mut Map<String, Value>) -> Map<String, Value> {
    let operations = paths.values_mut().flat_map(members);
    let answers = operations.flat_map(|operation| members(&mut operation["responses"]));
    let mut shared = Map::new();
    for answer in answers.filter(|answer| answer["content"].get(PROBLEM).is_some()) {
        let name = answer["description"].as_str().unwrap_or_default();
        let name = name.replace(", ", ".");
        let there = json!({"$ref": format!("#/components/responses/{name}")});
        shared.insert(name, std::mem::replace(answer, there));
    }
    shared
}

fn members(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_object_mut().into_iter().flat_map(Map::values_mut)
}

/// What else a refusal with this status says.
fn header(status: u16) -> Option<(&'static str, &'static str)> {
    Some(match status {
        401 => ("WWW-Authenticate", "How to authenticate: `Bearer`."),
        416 => ("Content-Range", "How long the file is: `bytes */SIZE`."),
        426 => ("Upgrade", "What to upgrade to: `websocket`."),
        503 => ("Retry-After", "Seconds after which another try may help."),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
