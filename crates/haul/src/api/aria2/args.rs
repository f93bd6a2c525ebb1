//! The positional arguments of one call, read one by one, with aria2's words for what is wrong with
//! them. Knows no method.

use serde_json::{Map, Value};

use super::envelope::Failure;
use super::options::{Pair, is_many};

/// Arguments not yet read.
#[derive(Debug)]
pub(super) struct Args {
    values: std::vec::IntoIter<Value>,
    /// The place of the next one.
    at: usize,
}

type Arg<T> = Result<T, Failure>;

impl Args {
    /// The token in front of the arguments, if there is one, and the arguments themselves.
    pub(super) fn split(params: Vec<Value>) -> (Option<String>, Args) {
        let mut values = params.into_iter();
        let first = values.as_slice().first().and_then(Value::as_str);
        let token = first
            .and_then(|text| text.strip_prefix("token:"))
            .map(str::to_owned);
        if token.is_some() {
            values.next();
        }
        (token, Args { values, at: 0 })
    }

    fn next(&mut self) -> (usize, Option<Value>) {
        let at = self.at;
        self.at += 1;
        (at, self.values.next().filter(|value| !value.is_null()))
    }

    fn needed(&mut self) -> Arg<(usize, Value)> {
        match self.next() {
            (at, Some(value)) => Ok((at, value)),
            (at, None) => Err(Failure::Refused(format!(
                "The parameter at {at} is required but missing."
            ))),
        }
    }

    /// A text.
    pub(super) fn text(&mut self) -> Arg<String> {
        match self.needed()? {
            (_, Value::String(text)) => Ok(text),
            (at, _) => Err(wrong(at)),
        }
    }

    /// A whole number of `least` or more.
    pub(super) fn whole(&mut self, least: i64) -> Arg<i64> {
        let (at, value) = self.needed()?;
        match value.as_i64() {
            Some(number) if number >= least => Ok(number),
            Some(_) => Err(Failure::Refused(format!(
                "The integer parameter at {at} has invalid value: the value must be greater than or equal to {least}."
            ))),
            None => Err(wrong(at)),
        }
    }

    /// A place in the queue, which may be left out.
    pub(super) fn position(&mut self) -> Arg<Option<i64>> {
        match self.next() {
            (_, None) => Ok(None),
            (at, Some(value)) => match value.as_i64() {
                Some(place) if place >= 0 => Ok(Some(place)),
                Some(_) => Err(Failure::refused(
                    "Position must be greater than or equal to 0.",
                )),
                None => Err(wrong(at)),
            },
        }
    }

    /// Several texts; members of other types are left out.
    pub(super) fn texts(&mut self) -> Arg<Vec<String>> {
        let (at, value) = self.needed()?;
        texts(at, value)
    }

    /// Several texts, which may be left out.
    pub(super) fn some_texts(&mut self) -> Arg<Vec<String>> {
        match self.next() {
            (_, None) => Ok(Vec::new()),
            (at, Some(value)) => texts(at, value),
        }
    }

    /// Options.
    pub(super) fn options(&mut self) -> Arg<Vec<Pair>> {
        let (at, value) = self.needed()?;
        options(at, value)
    }

    /// Options, which may be left out.
    pub(super) fn some_options(&mut self) -> Arg<Vec<Pair>> {
        match self.next() {
            (_, None) => Ok(Vec::new()),
            (at, Some(value)) => options(at, value),
        }
    }

    /// Several objects.
    pub(super) fn list(&mut self) -> Arg<Vec<Value>> {
        match self.needed()? {
            (_, Value::Array(members)) => Ok(members),
            (at, _) => Err(wrong(at)),
        }
    }
}

fn wrong(at: usize) -> Failure {
    Failure::Refused(format!("The parameter at {at} has wrong type."))
}

fn texts(at: usize, value: Value) -> Arg<Vec<String>> {
    let Value::Array(members) = value else {
        return Err(wrong(at));
    };
    let texts = members.into_iter().filter_map(|member| match member {
        Value::String(text) => Some(text),
        _ => None,
    });
    Ok(texts.collect())
}

/// Only texts are values; some options may have several, in an array or a line each.
/// Numbers and booleans are passed over, as aria2 does.
fn options(at: usize, value: Value) -> Arg<Vec<Pair>> {
    let Value::Object(members) = value else {
        return Err(wrong(at));
    };
    Ok(pairs(members))
}

fn pairs(members: Map<String, Value>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (name, value) in members {
        let is_many = is_many(&name);
        match value {
            Value::String(text) if is_many => {
                let lines = text.split('\n').filter(|line| !line.trim().is_empty());
                let before = pairs.len();
                pairs.extend(lines.map(|line| (name.clone(), line.to_owned())));
                // Nothing at all takes them away.
                if pairs.len() == before {
                    pairs.push((name, String::new()));
                }
            }
            Value::String(text) => pairs.push((name, text)),
            Value::Array(several) if is_many => {
                let texts = several.iter().filter_map(Value::as_str);
                pairs.extend(texts.map(|text| (name.clone(), text.to_owned())));
            }
            _ => {}
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn args(params: Value) -> Args {
        let Value::Array(params) = params else {
            panic!("an array");
        };
        Args::split(params).1
    }

    fn why<T>(result: Arg<T>) -> String {
        match result.err().expect("refused") {
            Failure::Refused(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_token_in_front_is_taken_off_and_is_not_counted() {
        let (token, mut rest) = Args::split(vec![json!("token:a b"), json!("gid")]);
        assert_eq!(token.as_deref(), Some("a b"));
        assert_eq!(rest.text(), Ok("gid".to_owned()));
        assert_eq!(
            why(rest.text()),
            "The parameter at 1 is required but missing."
        );
        assert_eq!(Args::split(vec![json!("gid")]).0, None);
        assert_eq!(Args::split(vec![json!(["token:x"])]).0, None);
    }

    #[test]
    fn what_is_wrong_is_said_in_aria2_s_words() {
        assert_eq!(
            why(args(json!([5])).text()),
            "The parameter at 0 has wrong type."
        );
        assert_eq!(
            why(args(json!(["0"])).whole(0)),
            "The parameter at 0 has wrong type."
        );
        assert_eq!(
            why(args(json!([-1])).whole(0)),
            "The integer parameter at 0 has invalid value: the value must be greater than or equal to 0."
        );
        assert_eq!(
            why(args(json!([-1])).position()),
            "Position must be greater than or equal to 0."
        );
        assert_eq!(
            why(args(json!(["x"])).some_options()),
            "The parameter at 0 has wrong type."
        );
    }

    #[test]
    fn members_that_are_no_texts_are_left_out() {
        assert_eq!(
            args(json!([["a", 1, null, "b"]])).texts(),
            Ok(vec!["a".to_owned(), "b".to_owned()])
        );
    }

    #[test]
    fn option_values_are_texts_and_only_headers_are_several() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let read = args(json!([{"split": 8, "pause": true, "out": "a", "dir": ["b"]}])).options();
        assert_eq!(read, Ok(vec![pair("out", "a")]));
        let read = args(json!([{"header": ["A: b", 5, "C: d"]}])).options();
        assert_eq!(
            read,
            Ok(vec![pair("header", "A: b"), pair("header", "C: d")])
        );
        // As `getOption` has told it.
        let read = args(json!([{"header": "A: b\nC: d\n"}])).options();
        assert_eq!(
            read,
            Ok(vec![pair("header", "A: b"), pair("header", "C: d")])
        );
        let read = args(json!([{"header": ""}])).options();
        assert_eq!(read, Ok(vec![pair("header", "")]));
    }
}
