//! The named arguments of one request, read one by one. Owns how a bad one is refused: with its
//! name, its value and what is allowed. Knows no command.

use std::fmt::Display;
use std::ops::RangeInclusive;

use haul_engine::{Error, Kind};
use serde_json::{Map, Value};

use crate::config::parse_size;

/// Arguments not yet read. JSON values of a body or of `params`, or texts of a query: both forms
/// of a number, a flag and a list are understood.
pub(crate) struct Params {
    left: Map<String, Value>,
    known: Vec<&'static str>,
}

impl Params {
    /// The members of an object. Nothing at all counts as an empty one.
    pub(crate) fn object(value: Value) -> Result<Params, Error> {
        match value {
            Value::Object(left) => Ok(Params {
                left,
                known: Vec::new(),
            }),
            Value::Null => Params::object(Value::Object(Map::new())),
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
        let mut left = Map::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let previous =
                left.insert(name.clone().into_owned(), Value::String(value.into_owned()));
            if previous.is_some() {
                return Err(Error::new(
                    Kind::InvalidOption,
                    format!("{name} is given twice; give it once"),
                ));
            }
        }
        Params::object(Value::Object(left))
    }

    /// Takes an argument; `null` and an absent one are the same.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.left.remove(name).filter(|value| !value.is_null())
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<String>, Error> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(refused(name, &other, "a text")),
        }
    }

    /// A whole number in a range.
    pub(crate) fn whole<T>(
        &mut self,
        name: &'static str,
        range: RangeInclusive<T>,
    ) -> Result<Option<T>, Error>
    where
        T: TryFrom<i128> + PartialOrd + Display,
    {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        integer(&value)
            .and_then(|number| T::try_from(number).ok())
            .filter(|number| range.contains(number))
            .map(Some)
            .ok_or_else(|| {
                let allowed = format!("a whole number from {} to {}", range.start(), range.end());
                refused(name, &value, &allowed)
            })
    }

    /// A number of bytes in a range, as a number or a text like `16M`.
    pub(crate) fn size(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u64>,
        allowed: &str,
    ) -> Result<Option<u64>, Error> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let bytes = match &value {
            Value::String(text) => parse_size(text).ok(),
            other => integer(other).and_then(|number| u64::try_from(number).ok()),
        };
        bytes
            .filter(|bytes| range.contains(bytes))
            .map(Some)
            .ok_or_else(|| refused(name, &value, allowed))
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, name: &'static str) -> Result<Option<bool>, Error> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(Value::String(text)) if text == "true" => Ok(Some(true)),
            Some(Value::String(text)) if text == "false" => Ok(Some(false)),
            Some(other) => Err(refused(name, &other, "true or false")),
        }
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        words
            .iter()
            .find(|(word, _)| value.as_str() == Some(word))
            .map(|(_, meaning)| Some(*meaning))
            .ok_or_else(|| {
                let allowed: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                refused(name, &value, &format!("one of {}", allowed.join(", ")))
            })
    }

    /// Several texts: an array, or one text with commas.
    pub(crate) fn words(&mut self, name: &'static str) -> Result<Option<Vec<String>>, Error> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(
                text.split(',')
                    .map(str::trim)
                    .filter(|word| !word.is_empty())
                    .map(str::to_owned)
                    .collect(),
            )),
            Some(other) => texts(name, other).map(Some),
        }
    }

    /// An array of texts.
    pub(crate) fn array(&mut self, name: &'static str) -> Result<Option<Vec<String>>, Error> {
        self.take(name).map(|value| texts(name, value)).transpose()
    }

    /// Refuses what nobody asked for.
    pub(crate) fn finish(self) -> Result<(), Error> {
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

/// A whole number as JSON or as decimal text.
fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Some(number.into()),
            (None, Some(number)) => Some(number.into()),
            (None, None) => None,
        },
        // `parse` takes a leading plus; people who write one mean something else.
        Value::String(text) if !text.starts_with('+') => text.parse().ok(),
        _ => None,
    }
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
        let error = params(json!({"threads": 300})).whole::<u16>("threads", 1..=256);
        assert_eq!(
            error.expect_err("out of range").detail,
            "threads: 300 is not allowed; give a whole number from 1 to 256"
        );
        let error = params(json!({"paused": "yes"})).flag("paused");
        assert_eq!(
            error.expect_err("no flag").detail,
            "paused: \"yes\" is not allowed; give true or false"
        );
        let long = params(json!({"order": "x".repeat(1000)})).choice("order", &[("asc", 1)]);
        assert!(long.expect_err("no word").detail.len() < 200);
    }

    #[test]
    fn an_unknown_argument_is_named() {
        let mut given = params(json!({"thread": 3}));
        assert_eq!(given.whole::<u16>("threads", 1..=256), Ok(None));
        assert_eq!(
            given.finish().expect_err("unknown").detail,
            "\"thread\" is not an option; known are threads"
        );
    }

    #[test]
    fn numbers_may_be_texts_as_in_a_query() {
        let mut query = Params::query("limit=20&q=a%20b&status=a,b").expect("a query");
        assert_eq!(query.whole::<usize>("limit", 1..=1000), Ok(Some(20)));
        assert_eq!(query.text("q"), Ok(Some("a b".to_owned())));
        assert_eq!(
            query.words("status"),
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
            let read = params(json!({"limit": wrong.clone()})).whole::<usize>("limit", 1..=9);
            assert!(read.is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_numbers_or_texts_with_a_unit() {
        let read = |value: Value| params(json!({"n": value})).size("n", 0..=u64::MAX, "a size");
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
        assert!(Params::object(Value::Null).is_ok());
    }
}
