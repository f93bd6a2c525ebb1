//! Words that shells complete for a value that is read by a rule of its own. Knows no key.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command, Error};

/// Reads a value as `P` does, and offers words for it: not all that may be given, as with lists.
#[derive(Clone)]
pub(crate) struct Offering<P> {
    reads: P,
    words: Vec<&'static str>,
}

impl<P: TypedValueParser> Offering<P> {
    pub(crate) fn new(reads: P, words: impl IntoIterator<Item = &'static str>) -> Offering<P> {
        Offering {
            reads,
            words: words.into_iter().collect(),
        }
    }
}

impl<P: TypedValueParser> TypedValueParser for Offering<P> {
    type Value = P::Value;

    fn parse_ref(
        &self,
        command: &Command,
        flag: Option<&Arg>,
        text: &OsStr,
    ) -> Result<P::Value, Error> {
        self.reads.parse_ref(command, flag, text)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.words.iter().map(PossibleValue::new)))
    }
}
