//! The named arguments of one request, read one by one. Owns how a bad one is refused (with its name,
//! its value and what is allowed) and how each is described: by whoever reads it. Knows no command.

use std::fmt::Display;
use std::ops::RangeInclusive;

use haul_engine::{Error, Kind};
use serde_json::{Map, Value, json};

use super::arguments::{Argument, SIZE};
use crate::config::parse_size;

/// Arguments not yet read.
pub(crate) struct Params {
    left: Map<String, Value>,
    form: Form,
    known: Vec<&'static str>,
    /// What was read, when somebody wants to know.
    noted: Option<Vec<Argument>>,
}

/// What arguments are made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// JSON values of a body or of `params`.
    Json,
    /// Texts of a query: a number, a flag and a list are written out.
    Text,
}

impl Params {
    /// None at all.
    pub(crate) fn none() -> Params {
        Params::new(Map::new(), Form::Json)
    }

    /// The members of an object.
    pub(crate) fn object(value: Value) -> Result<Params, Error> {
        match value {
            Value::Object(left) => Ok(Params::new(left, Form::Json)),
            other => Err(Error::new(
                Kind::InvalidOption,
                format!(
                    "{} is not an object; give named arguments like {{\"threads\": 8}}",
                    brief(&other)
                ),
            )),
        }
    }

    /// The pairs of a query string. A name may be given once.
    pub(crate) fn query(query: &str) -> Result<Params, Error> {
        let mut params = Params {
            form: Form::Text,
            ..Params::none()
        };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            params.add(&name, &value)?;
        }
        Ok(params)
    }

    fn new(left: Map<String, Value>, form: Form) -> Params {
        Params {
            left,
            form,
            known: Vec::new(),
            noted: None,
        }
    }

    /// One more argument, a text.
    pub(crate) fn add(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let previous = self.left.insert(name.to_owned(), Value::from(value));
        match previous {
            None => Ok(()),
            Some(_) => Err(Error::new(
                Kind::InvalidOption,
                format!("{} is given twice; give it once", shortened(name)),
            )),
        }
    }

    /// Lets `read` take what it knows, and refuses what is left.
    pub(crate) fn read<T, E: From<Error>>(
        mut self,
        read: impl FnOnce(&mut Params) -> Result<T, E>,
    ) -> Result<T, E> {
        let taken = read(&mut self)?;
        self.finish()?;
        Ok(taken)
    }

    /// The arguments that `read` takes, in its own words. `example` is an object that it can read.
    pub(crate) fn described<T, E>(
        example: &Value,
        read: impl FnOnce(&mut Params) -> Result<T, E>,
    ) -> Vec<Argument> {
        let left = example.as_object().cloned().unwrap_or_default();
        let mut params = Params::new(left, Form::Json);
        params.noted = Some(Vec::new());
        let is_read = read(&mut params).is_ok() && params.left.is_empty();
        assert!(is_read, "an example must be readable: {example}");
        params.noted.unwrap_or_default()
    }

    /// Takes an argument; `null` and an absent one are the same. `schema` says what it may be.
    pub(crate) fn take(
        &mut self,
        name: &'static str,
        says: &'static str,
        schema: impl FnOnce() -> Value,
    ) -> Option<Value> {
        self.known.push(name);
        if let Some(noted) = &mut self.noted {
            noted.push(Argument::new(name, says, schema()));
        }
        self.left.remove(name).filter(|value| !value.is_null())
    }

    /// An argument that must be given.
    pub(crate) fn needed<T>(
        &mut self,
        name: &'static str,
        given: Option<T>,
        what: &str,
    ) -> Result<T, Error> {
        let mut noted = self.noted.iter_mut().flatten();
        if let Some(argument) = noted.find(|argument| argument.name == name) {
            argument.is_needed = true;
        }
        given.ok_or_else(|| {
            Error::new(
                Kind::InvalidOption,
                format!("{name} is missing; give {what}"),
            )
        })
    }

    /// A text.
    pub(crate) fn text(
        &mut self,
        name: &'static str,
        says: &'static str,
    ) -> Result<Option<String>, Error> {
        self.text_like(name, says, || json!({"type": "string"}))
    }

    /// A text of which `schema` says more. What it says is not checked here.
    pub(crate) fn text_like(
        &mut self,
        name: &'static str,
        says: &'static str,
        schema: impl FnOnce() -> Value,
    ) -> Result<Option<String>, Error> {
        match self.take(name, says, schema) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(refused(name, &other, "a text")),
        }
    }

    /// A whole number in a range.
    pub(crate) fn whole<T>(
        &mut self,
        name: &'static str,
        says: &'static str,
        range: RangeInclusive<T>,
    ) -> Result<Option<T>, Error>
    where
        T: TryFrom<i128> + PartialOrd + Display + Copy + Into<Value>,
    {
        let schema = || {
            let (least, most): (Value, Value) = ((*range.start()).into(), (*range.end()).into());
            json!({"type": "integer", "minimum": least, "maximum": most})
        };
        let Some(value) = self.take(name, says, schema) else {
            return Ok(None);
        };
        self.integer(&value)
            .and_then(|number| T::try_from(number).ok())
            .filter(|number| range.contains(number))
            .map(Some)
            .ok_or_else(|| {
                let allowed = format!("a whole number from {} to {}", range.start(), range.end());
                refused(name, &value, &allowed)
            })
    }

    /// The same with a value for whoever gives none.
    pub(crate) fn whole_or<T>(
        &mut self,
        name: &'static str,
        says: &'static str,
        range: RangeInclusive<T>,
        default: T,
    ) -> Result<T, Error>
    where
        T: TryFrom<i128> + PartialOrd + Display + Copy + Into<Value>,
    {
        let given = self.whole(name, says, range)?;
        if let Some(argument) = self.noted.iter_mut().flatten().last() {
            argument.schema["default"] = default.into();
        }
        Ok(given.unwrap_or(default))
    }

    /// A number of bytes in a range, as a number or a text like `16M`.
    pub(crate) fn size(
        &mut self,
        name: &'static str,
        says: &'static str,
        range: RangeInclusive<u64>,
        allowed: &str,
    ) -> Result<Option<u64>, Error> {
        let schema = || {
            json!({"anyOf": [
                {"type": "integer", "minimum": range.start(), "maximum": range.end()},
                {"type": "string", "pattern": SIZE}
            ]})
        };
        let Some(value) = self.take(name, says, schema) else {
            return Ok(None);
        };
        let bytes = match &value {
            Value::String(text) => parse_size(text).ok(),
            other => self
                .integer(other)
                .and_then(|number| u64::try_from(number).ok()),
        };
        bytes
            .filter(|bytes| range.contains(bytes))
            .map(Some)
            .ok_or_else(|| refused(name, &value, allowed))
    }

    /// `true` or, unless given, `false`.
    pub(crate) fn flag(&mut self, name: &'static str, says: &'static str) -> Result<bool, Error> {
        let schema = || json!({"type": "boolean", "default": false});
        match self.take(name, says, schema) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(Value::String(text)) if self.form == Form::Text && text == "true" => Ok(true),
            Some(Value::String(text)) if self.form == Form::Text && text == "false" => Ok(false),
            Some(other) => Err(refused(name, &other, "true or false")),
        }
    }

    /// One of a few words; the first unless one is given.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        says: &'static str,
        words: &[(&str, T)],
    ) -> Result<T, Error> {
        let known = || words.iter().map(|(word, _)| *word).collect::<Vec<&str>>();
        let schema = || json!({"type": "string", "enum": known(), "default": words[0].0});
        let Some(value) = self.take(name, says, schema) else {
            return Ok(words[0].1);
        };
        words
            .iter()
            .find(|(word, _)| value.as_str() == Some(word))
            .map(|(_, meaning)| *meaning)
            .ok_or_else(|| refused(name, &value, &format!("one of {}", known().join(", "))))
    }

    /// Several texts: an array, or in a query one text with commas. `item` says what each may be.
    pub(crate) fn words(
        &mut self,
        name: &'static str,
        says: &'static str,
        item: impl FnOnce() -> Value,
    ) -> Result<Option<Vec<String>>, Error> {
        let schema = || json!({"type": "array", "items": item()});
        match self.take(name, says, schema) {
            None => Ok(None),
            Some(Value::String(text)) if self.form == Form::Text => Ok(Some(
                text.split(',').map(|word| word.trim().to_owned()).collect(),
            )),
            Some(other) => texts(name, other).map(Some),
        }
    }

    /// What is left as JSON text.
    pub(crate) fn rest(&self) -> String {
        super::answer::to_json(&self.left)
    }

    /// Refuses what nobody asked for.
    fn finish(self) -> Result<(), Error> {
        let Some(unknown) = self.left.keys().next() else {
            return Ok(());
        };
        let known = match self.known.as_slice() {
            [] => "none is known here".to_owned(),
            known => format!("known are {}", known.join(", ")),
        };
        Err(Error::new(
            Kind::InvalidOption,
            format!("\"{}\" is not an option; {known}", shortened(unknown)),
        ))
    }

    /// A whole number as JSON (where 5.0 is one), or written out in a query.
    fn integer(&self, value: &Value) -> Option<i128> {
        match value {
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => Some(number.into()),
                (None, Some(number)) => Some(number.into()),
                (None, None) => number.as_f64().and_then(whole),
            },
            // `parse` takes a leading plus; people who write one mean something else.
            Value::String(text) if self.form == Form::Text && !text.starts_with('+') => {
                text.parse().ok()
            }
            _ => None,
        }
    }
}

/// A floating-point number without a fraction.
fn whole(number: f64) -> Option<i128> {
    let is_whole = number.fract() == 0.0 && number.abs() < 1e30;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it has no fraction and fits"
    )]
    is_whole.then_some(number as i128)
}

/// The refusal of an argument: its name, its value, what is allowed.
pub(crate) fn refused(name: &str, value: &Value, allowed: &str) -> Error {
    Error::new(
        Kind::InvalidOption,
        format!("{name}: {} is not allowed; give {allowed}", brief(value)),
    )
}

fn texts(name: &str, value: Value) -> Result<Vec<String>, Error> {
    let Value::Array(items) = value else {
        return Err(refused(name, &value, "an array of texts"));
    };
    items
        .into_iter()
        .map(|item| match item {
            Value::String(text) => Ok(text),
            other => Err(refused(name, &other, "an array of texts")),
        })
        .collect()
}

/// A value as it appears in an error: enough to recognise it.
fn brief(value: &Value) -> String {
    shortened(&value.to_string())
}

fn shortened(text: &str) -> String {
    const ENOUGH: usize = 120;
    match text.char_indices().nth(ENOUGH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn params(value: Value) -> Params {
        Params::object(value).expect("an object")
    }

    #[test]
    fn a_bad_argument_is_named_with_its_value_and_what_is_allowed() {
        let error = params(json!({"threads": 300})).whole::<u16>("threads", "", 1..=256);
        assert_eq!(
            error.expect_err("out of range").detail,
            "threads: 300 is not allowed; give a whole number from 1 to 256"
        );
        let error = params(json!({"paused": "yes"})).flag("paused", "");
        assert_eq!(
            error.expect_err("no flag").detail,
            "paused: \"yes\" is not allowed; give true or false"
        );
        let long = params(json!({"order": "x".repeat(1000)})).choice("order", "", &[("asc", 1)]);
        assert!(long.expect_err("no word").detail.len() < 200);
    }

    #[test]
    fn an_unknown_argument_is_named() {
        let mut given = params(json!({"thread": 3}));
        assert_eq!(given.whole::<u16>("threads", "", 1..=256), Ok(None));
        assert_eq!(
            given.finish().expect_err("unknown").detail,
            "\"thread\" is not an option; known are threads"
        );
    }

    #[test]
    fn numbers_may_be_texts_as_in_a_query() {
        let mut query = Params::query("limit=20&q=a%20b&status=a,b").expect("a query");
        assert_eq!(query.whole::<usize>("limit", "", 1..=1000), Ok(Some(20)));
        assert_eq!(query.text("q", ""), Ok(Some("a b".to_owned())));
        assert_eq!(
            query.words("status", "", || Value::Null),
            Ok(Some(vec!["a".to_owned(), "b".to_owned()]))
        );
        assert_eq!(query.finish(), Ok(()));
        assert!(Params::query("a=1&a=2").is_err());
        for wrong in [
            json!(1.5),
            json!("+3"),
            json!("3x"),
            json!(""),
            json!([3]),
            json!(-1),
            json!(1e300),
        ] {
            let read = params(json!({"limit": wrong.clone()})).whole::<usize>("limit", "", 1..=9);
            assert!(read.is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_numbers_or_texts_with_a_unit() {
        let read = |value: Value| params(json!({"n": value})).size("n", "", 0..=u64::MAX, "a size");
        for (value, bytes) in [
            (json!(4096), 4096),
            (json!("4096"), 4096),
            (json!("16M"), 16 << 20),
            (json!("16 mib"), 16 << 20),
            (json!("1g"), 1 << 30),
        ] {
            assert_eq!(read(value), Ok(Some(bytes)));
        }
        for wrong in [
            json!("M"),
            json!("16X"),
            json!("99999999999G"),
            json!(-1),
            json!(true),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_objects_are_arguments() {
        assert!(Params::object(json!([1])).is_err());
        assert!(Params::object(Value::Null).is_err());
    }
}
