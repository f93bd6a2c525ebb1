//! The forms that a key's value can take: how it is read, shown and described. Knows no keys.

use std::marker::PhantomData;
use std::path::PathBuf;
use std::time::Duration;

use super::units::{parse_duration, parse_size, print_duration, print_size};
use serde_json::{Value as Json, json};

/// How one key's value is read and shown.
pub(crate) trait Form {
    /// What it is in the program.
    type Value;

    /// For lists: what separates the items inside one text.
    const SEPARATOR: Option<char> = None;

    /// Whether `--help` says what is allowed: ranges and words, but not "a path".
    const NARROW: bool = false;

    /// The words that it can be, where there are only a few.
    fn words(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Reads the value from its text; only lists are given other than one.
    fn read(&self, texts: &[String]) -> Result<Self::Value, String>;

    /// What `haul config` shows; secrets are masked.
    fn show(&self, value: &Self::Value) -> String;

    /// How error texts repeat a given text, right or wrong: without the secrets that may be in it.
    fn masked(&self, text: &str) -> String {
        text.to_owned()
    }

    /// What is allowed, in a few words.
    fn allowed(&self) -> String;

    /// What `haul config --json` shows.
    fn json(&self, value: &Self::Value) -> Json {
        Json::String(self.show(value))
    }
}

/// The one text of a value that is no list.
pub(super) fn only(texts: &[String]) -> &str {
    texts.first().map_or("", |text| text.trim())
}

/// A whole number from `min` to `max`.
pub(crate) struct Whole<T> {
    min: u64,
    max: u64,
    number: PhantomData<fn() -> T>,
}

impl<T> Whole<T> {
    pub(crate) const fn new(min: u64, max: u64) -> Whole<T> {
        Whole {
            min,
            max,
            number: PhantomData,
        }
    }
}

impl<T: TryFrom<u64> + Copy + TryInto<u64>> Form for Whole<T> {
    type Value = T;

    const NARROW: bool = true;

    fn read(&self, texts: &[String]) -> Result<T, String> {
        let text = only(texts);
        // `u64::from_str` takes a leading plus; people who write one mean something else.
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err("not a whole number".to_owned());
        }
        text.parse()
            .ok()
            .filter(|number| (self.min..=self.max).contains(number))
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| "out of range".to_owned())
    }

    fn show(&self, value: &T) -> String {
        self.json(value).to_string()
    }

    fn allowed(&self) -> String {
        format!("{}–{}", self.min, self.max)
    }

    fn json(&self, value: &T) -> Json {
        let number: Option<u64> = (*value).try_into().ok();
        json!(number)
    }
}

/// A size in bytes from `min` to `max`.
pub(crate) struct Bytes {
    pub(crate) min: u64,
    pub(crate) max: u64,
}

impl Form for Bytes {
    type Value = u64;

    const NARROW: bool = true;

    fn read(&self, texts: &[String]) -> Result<u64, String> {
        let bytes = parse_size(only(texts))?;
        if !(self.min..=self.max).contains(&bytes) {
            return Err("out of range".to_owned());
        }
        Ok(bytes)
    }

    fn show(&self, value: &u64) -> String {
        print_size(*value)
    }

    fn allowed(&self) -> String {
        format!("{}–{}", print_size(self.min), print_size(self.max))
    }

    fn json(&self, value: &u64) -> Json {
        json!(value)
    }
}

/// A duration from `min` to `max`.
pub(crate) struct Time {
    pub(crate) min: Duration,
    pub(crate) max: Duration,
}

impl Form for Time {
    type Value = Duration;

    const NARROW: bool = true;

    fn read(&self, texts: &[String]) -> Result<Duration, String> {
        let duration = parse_duration(only(texts))?;
        if !(self.min..=self.max).contains(&duration) {
            return Err("out of range".to_owned());
        }
        Ok(duration)
    }

    fn show(&self, value: &Duration) -> String {
        print_duration(*value)
    }

    fn allowed(&self) -> String {
        format!("{}–{}", print_duration(self.min), print_duration(self.max))
    }
}

/// One of a few words.
pub(crate) struct Choice<T: 'static>(pub(crate) &'static [(&'static str, T)]);

impl<T: Copy + PartialEq> Form for Choice<T> {
    type Value = T;

    const NARROW: bool = true;

    fn read(&self, texts: &[String]) -> Result<T, String> {
        let text = only(texts);
        self.0
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value)
            .ok_or_else(|| "not one of the words".to_owned())
    }

    fn show(&self, value: &T) -> String {
        let found = self.0.iter().find(|(_, known)| known == value);
        found.map_or("", |(word, _)| word).to_owned()
    }

    fn words(&self) -> Vec<&'static str> {
        self.0.iter().map(|(word, _)| *word).collect()
    }

    fn allowed(&self) -> String {
        self.words().join(", ")
    }
}

/// A text checked by `check`.
pub(crate) struct Text {
    pub(crate) allowed: &'static str,
    pub(crate) check: fn(&str) -> Result<(), String>,
}

impl Form for Text {
    type Value = String;

    fn read(&self, texts: &[String]) -> Result<String, String> {
        let text = only(texts);
        if text.is_empty() {
            return Err("empty".to_owned());
        }
        (self.check)(text)?;
        Ok(text.to_owned())
    }

    fn show(&self, value: &String) -> String {
        value.clone()
    }

    fn allowed(&self) -> String {
        self.allowed.to_owned()
    }
}

/// A text that is shown to nobody.
pub(crate) struct Secret(pub(crate) Text);

impl Form for Secret {
    type Value = String;

    fn read(&self, texts: &[String]) -> Result<String, String> {
        self.0.read(texts)
    }

    fn show(&self, _: &String) -> String {
        MASK.to_owned()
    }

    fn masked(&self, _: &str) -> String {
        MASK.to_owned()
    }

    fn allowed(&self) -> String {
        self.0.allowed()
    }
}

/// What stands in place of a secret.
pub(crate) const MASK: &str = "********";

/// A file or directory.
pub(crate) struct File;

impl Form for File {
    type Value = PathBuf;

    fn read(&self, texts: &[String]) -> Result<PathBuf, String> {
        // A path may end in white space, so it is not trimmed.
        match texts.first().map_or("", String::as_str) {
            "" => Err("empty".to_owned()),
            path => Ok(PathBuf::from(path)),
        }
    }

    fn show(&self, value: &PathBuf) -> String {
        value.display().to_string()
    }

    fn allowed(&self) -> String {
        "a path".to_owned()
    }
}

/// A value that may be absent; an empty text means absent.
pub(crate) struct Maybe<F>(pub(crate) F);

impl<F: Form> Form for Maybe<F> {
    type Value = Option<F::Value>;

    const SEPARATOR: Option<char> = F::SEPARATOR;
    const NARROW: bool = F::NARROW;

    fn words(&self) -> Vec<&'static str> {
        self.0.words()
    }

    fn read(&self, texts: &[String]) -> Result<Self::Value, String> {
        if texts.iter().all(|text| text.trim().is_empty()) {
            return Ok(None);
        }
        self.0.read(texts).map(Some)
    }

    fn show(&self, value: &Self::Value) -> String {
        value
            .as_ref()
            .map_or_else(String::new, |value| self.0.show(value))
    }

    fn masked(&self, text: &str) -> String {
        self.0.masked(text)
    }

    fn allowed(&self) -> String {
        self.0.allowed()
    }

    fn json(&self, value: &Self::Value) -> Json {
        value
            .as_ref()
            .map_or(Json::Null, |value| self.0.json(value))
    }
}
