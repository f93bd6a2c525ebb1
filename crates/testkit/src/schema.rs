//! Compares what haul says with what its own descriptions of the API (OpenAPI, AsyncAPI) promise. Takes
//! them by their word: a member that is not described is as wrong as one that is missing.

use jsonschema::Validator;
use serde_json::{Value, json};

/// A description, with the schemas that its parts name.
pub struct Description {
    document: Value,
    /// The same schemas, each without room for what it does not name.
    components: Value,
}

impl Description {
    /// Of a whole document.
    pub fn new(document: Value) -> Description {
        let mut components = json!({"schemas": document["components"]["schemas"]});
        close(&mut components);
        Description {
            document,
            components,
        }
    }

    /// All of it.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// What is compared with `schema`, a part of the document.
    ///
    /// # Panics
    /// When it is no schema.
    pub fn check(&self, schema: &Value) -> Check {
        let mut schema = schema.clone();
        close(&mut schema);
        schema["components"] = self.components.clone();
        Check(jsonschema::draft202012::new(&schema).expect("a schema"))
    }
}

/// A schema that values are compared with.
pub struct Check(Validator);

impl Check {
    /// What is wrong with a value; `None` when it is as promised.
    pub fn problem(&self, value: &Value) -> Option<String> {
        let problem = self.0.iter_errors(value).next()?;
        Some(format!("{problem} at {}", problem.instance_path()))
    }
}

/// An object holds what is named, unless it says itself what else it may hold.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(close);
            let names_members = members.get("type") == Some(&json!("object"))
                && members.contains_key("properties")
                && !members.contains_key("additionalProperties");
            if names_members {
                members.insert("unevaluatedProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
