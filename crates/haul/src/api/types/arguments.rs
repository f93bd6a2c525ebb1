//! What the arguments of a call may be, as JSON Schema: how a reader's own words become the parameters
//! of a path or query, or the members of an object. Reads nothing.

use serde_json::{Map, Value, json};

/// A number of bytes with its unit, as the configuration reads it: `16M`, `1.5G`, `16 MiB`.
pub(crate) const SIZE: &str = "^[0-9]+(\\.[0-9]{1,9})? ?([KMGTkmgt]([Ii][Bb])?|[Bb])?$";

/// One argument.
pub(crate) struct Argument {
    pub(crate) name: &'static str,
    /// What it is for.
    pub(crate) says: &'static str,
    /// What it may be when it is given.
    pub(crate) schema: Value,
    /// Whether the call means nothing without it.
    pub(crate) is_needed: bool,
}

impl Argument {
    /// One that may be left out.
    pub(crate) fn new(name: &'static str, says: &'static str, schema: Value) -> Argument {
        Argument {
            name,
            says,
            schema,
            is_needed: false,
        }
    }

    /// As the parameter of a request that lies `place`: `path`, `query` or `header`.
    pub(crate) fn parameter(&self, place: &str) -> Value {
        let mut parameter = json!({
            "name": self.name, "in": place, "description": self.says, "schema": self.schema
        });
        if self.is_needed || place == "path" {
            parameter["required"] = true.into();
        }
        if self.schema["type"] == "array" {
            // a,b and not a=…&a=…: a name is given once.
            parameter["explode"] = false.into();
        }
        parameter
    }
}

/// The object that has these members and no others. `null` is as good as nothing.
pub(crate) fn object(arguments: &[Argument]) -> Value {
    let member = |argument: &Argument| {
        let mut schema = argument.schema.clone();
        if !argument.is_needed {
            schema = nullable(schema);
        }
        schema["description"] = argument.says.into();
        (argument.name.to_owned(), schema)
    };
    let members: Map<String, Value> = arguments.iter().map(member).collect();
    let needed = arguments.iter().filter(|argument| argument.is_needed);
    let needed: Vec<&str> = needed.map(|argument| argument.name).collect();
    let mut object =
        json!({"type": "object", "properties": members, "additionalProperties": false});
    if !needed.is_empty() {
        object["required"] = needed.into();
    }
    object
}

fn nullable(mut schema: Value) -> Value {
    if let Some(forms) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        forms.push(json!({"type": "null"}));
        return schema;
    }
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
    schema["type"] = json!([schema["type"], "null"]);
    schema
}
