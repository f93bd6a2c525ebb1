//! What OpenAPI says of REST, held against what serves it.

use super::*;
use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, header};
use haul_testkit::schema::Description;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use crate::api::fuzz::WORLD;
use crate::api::rest;
use crate::api::types::download::tests::sample;
use crate::api::types::download::{Detail, Download};
use crate::api::types::params::Params;

/// Served, but only mentioned: a page for people, and what clients of aria2 know from elsewhere.
const MENTIONED: [&str; 3] = ["/", "/page/{*name}", "/jsonrpc"];

fn description() -> Description {
    Description::new(document())
}

fn operations(document: &Value) -> Vec<(String, &str, &Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("methods") {
            all.push((path.clone(), method.as_str(), operation));
        }
    }
    all
}

#[test]
fn the_document_is_as_it_was() {
    insta::assert_json_snapshot!(document(), {".info.version" => "…"});
}

/// Which methods a path has is told by whoever serves it.
#[test]
fn every_path_that_is_served_is_described_and_the_reverse() {
    let document = document();
    let described: BTreeSet<(String, String)> = operations(&document)
        .into_iter()
        .map(|(path, method, _)| (path, method.to_ascii_uppercase()))
        // Whoever answers GET answers HEAD, too.
        .filter(|(_, method)| method != "HEAD")
        .collect();
    let mut served = BTreeSet::new();
    let service = TowerToHyperService::new(rest::routes(Arc::clone(&WORLD.app)));
    for path in rest::paths().into_iter().map(|(path, _)| path) {
        let request = Request::options(path.replace("{id}", "0000000000000000"));
        let request = request.body(Body::empty()).expect("a request");
        let answer = WORLD
            .runtime
            .block_on(service.call(request))
            .expect("an answer");
        assert_eq!(answer.status(), 405, "{path}");
        let allowed = answer.headers()[header::ALLOW].to_str().expect("text");
        for method in allowed.split(',').filter(|method| *method != "HEAD") {
            if !MENTIONED.contains(&path.as_str()) {
                served.insert((path.clone(), method.to_owned()));
            }
        }
    }
    assert_eq!(described, served);
}

#[test]
fn every_key_of_a_download_is_described_and_nothing_else() {
    let document = document();
    let schema = &document["components"]["schemas"]["Download"];
    let view = sample();
    let written = |detail| serde_json::to_value(Download::whole(&view, detail)).expect("JSON");
    let keys = |value: &Value| -> BTreeSet<String> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(keys(&schema["properties"]), keys(&written(Detail::Full)));
    let required: BTreeSet<String> =
        serde_json::from_value(schema["required"].clone()).expect("names");
    assert_eq!(required, keys(&written(Detail::Plain)));
    let check = Description::new(document.clone()).check(schema);
    for detail in [Detail::Plain, Detail::Full] {
        assert_eq!(check.problem(&written(detail)), None);
    }
}

#[test]
fn every_example_is_what_its_schema_says() {
    let description = description();
    let mut shown = 0;
    for (path, method, operation) in operations(description.document()) {
        let bodies = &operation["requestBody"]["content"]["application/json"];
        let bodies = bodies["examples"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(_, example)| (&bodies["schema"], &example["value"]));
        let answers = operation["responses"]
            .as_object()
            .expect("answers")
            .values();
        let answers = answers.map(|answer| &answer["content"]["application/json"]);
        let answers = answers
            .filter(|answer| answer.get("example").is_some())
            .map(|answer| (&answer["schema"], &answer["example"]));
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameters = parameters
            .filter(|parameter| parameter.get("example").is_some())
            .map(|parameter| (&parameter["schema"], &parameter["example"]));
        for (schema, example) in bodies.chain(answers).chain(parameters) {
            let problem = description.check(schema).problem(example);
            assert_eq!(problem, None, "{method} {path}: {example}");
            shown += 1;
        }
    }
    assert!(shown > CALLS.len(), "{shown} examples");
}

/// Just inside of what an argument's description allows, and just outside.
fn edges(schema: &Value) -> (Vec<Value>, Vec<Value>) {
    let (mut inside, mut outside) = (Vec::new(), vec![json!({"a": [1]})]);
    for form in schema["anyOf"].as_array().unwrap_or(&vec![schema.clone()]) {
        let bound = |name: &str| {
            form[name]
                .as_number()
                .map(|number| number.as_i128().expect("whole"))
        };
        for (bound, step) in [(bound("minimum"), -1), (bound("maximum"), 1)] {
            let Some(bound) = bound else { continue };
            inside.push(number(bound));
            outside.push(number(bound + step));
        }
        if let Some(words) = form["enum"].as_array() {
            inside.extend(words.clone());
            outside.push(json!("something else"));
        }
        if form["type"] == "boolean" {
            inside.extend([json!(true), json!(false)]);
            outside.extend([json!("true"), json!(1)]);
        }
        if schema["type"] == "integer" {
            outside.extend([json!(1.5), json!("8")]);
        }
        if let Some(most) = form["maxLength"].as_u64() {
            let most = usize::try_from(most).expect("short");
            inside.extend([json!("n"), json!("n".repeat(most))]);
            outside.extend([json!(""), json!("n".repeat(most + 1))]);
        }
    }
    (inside, outside)
}

fn number(number: i128) -> Value {
    serde_json::from_str(&number.to_string()).expect("a number")
}

#[test]
fn documented_bounds_are_the_real_ones() {
    let mut tried = 0;
    for call in &CALLS {
        let read = |arguments: &Value| -> Result<(), String> {
            let params = Params::object(arguments.clone()).map_err(|error| error.to_string())?;
            match call.effect {
                Effect::Run(read) => params.read(read).map(drop).map_err(|e| e.to_string()),
                Effect::Add => {
                    let root = std::path::Path::new("/");
                    params
                        .read(|params| super::super::add::add(params, root))
                        .map(drop)
                        .map_err(|e| e.to_string())
                }
            }
        };
        for argument in call.arguments() {
            let mut given = call.examples()[0].clone();
            let urls = given.get_mut("urls").and_then(Value::as_array_mut);
            if let Some(urls) = urls.filter(|_| argument.name == "name") {
                // It is for one download only.
                urls.truncate(1);
            }
            let (inside, outside) = edges(&argument.schema);
            for value in inside {
                given[argument.name] = value;
                assert_eq!(read(&given), Ok(()), "{} {given}", call.name);
                tried += 1;
            }
            for value in outside {
                given[argument.name] = value;
                let refused = read(&given);
                assert!(refused.is_err(), "{} takes {given}", call.name);
                tried += 1;
            }
            given
                .as_object_mut()
                .expect("an object")
                .remove(argument.name);
            if argument.name == "urls" {
                given["url"] = json!("http://example.com/");
            }
            assert_eq!(
                read(&given).is_err(),
                argument.is_needed,
                "{} {given}",
                call.name
            );
        }
    }
    assert!(tried > 100, "{tried} values");
}

/// A call's own list must not forget what can be said of any call.
#[test]
fn every_code_is_described() {
    let document = document().to_string();
    let only_live = ["invalid_request", "unknown_method", "method_not_allowed"];
    let of_a_download = Code::all().filter(|code| matches!(code, Code::Engine(_)));
    let of_a_download: Vec<&str> = of_a_download.map(Code::name).collect();
    for name in Code::all().map(Code::name) {
        let is_said = document.contains(&format!("\"{name}\""));
        assert!(
            is_said || only_live.contains(&name) || of_a_download.contains(&name),
            "{name}"
        );
    }
}
