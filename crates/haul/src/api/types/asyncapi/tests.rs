//! What AsyncAPI says of the live protocol, held against what serves it.

use super::*;
use haul_testkit::schema::Description;

#[test]
fn the_document_is_as_it_was() {
    insta::assert_json_snapshot!(document(), {".info.version" => "…"});
}

#[test]
fn every_example_is_what_its_schema_says() {
    let description = Description::new(document());
    let messages = &description.document()["components"]["messages"];
    for (name, message) in messages.as_object().expect("messages") {
        let check = description.check(&message["payload"]);
        let examples = message["examples"].as_array().expect("examples");
        assert!(!examples.is_empty(), "{name}");
        for example in examples {
            let problem = check.problem(&example["payload"]);
            assert_eq!(problem, None, "{name}: {example}");
        }
    }
}
