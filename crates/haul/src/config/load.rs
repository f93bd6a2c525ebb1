//! Lays the layers over each other: flag, environment, file, default. Reads no environment and no
//! file itself, so that it can be tested without either.

use std::fmt;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::file::File;
use super::keys::{Config, KEYS, Key};
use super::settle::settle;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody set it.
    Default,
    /// A configuration file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag, without its dashes.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File(path) => write!(f, "file {}", path.display()),
            Source::Environment(variable) => write!(f, "environment {variable}"),
            Source::Flag(flag) => {
                let key = KEYS.iter().find(|key| key.about.flag == *flag);
                match key.and_then(|key| key.about.alias) {
                    Some(alias) => write!(f, "flag --{flag} or --{alias}"),
                    None => write!(f, "flag --{flag}"),
                }
            }
        }
    }
}

/// Everything a configuration is made from.
pub(crate) struct Layers<'a> {
    /// The flags that were given, with their values.
    pub(crate) flags: &'a [(&'static Key, Vec<String>)],
    /// Looks an environment variable up.
    pub(crate) variable: &'a dyn Fn(&str) -> Option<String>,
    /// The configuration file, if there is one.
    pub(crate) file: Option<&'a File>,
    /// What relative paths start from.
    pub(crate) current_dir: &'a Path,
}

/// The effective configuration, and where each value of it came from.
pub(crate) struct Loaded {
    pub(crate) config: Config,
    /// In the order of the keys that were asked for.
    pub(crate) sources: Vec<(&'static Key, Source)>,
}

impl Loaded {
    /// Where the value of the key called `name` came from.
    pub(crate) fn source(&self, name: &str) -> &Source {
        self.sources
            .iter()
            .find(|(key, _)| key.name == name)
            .map_or(&Source::Default, |(_, source)| source)
    }
}

/// Reads the keys that `wanted` picks, each from the first layer that has it.
///
/// # Errors
/// A value that its key does not take, or values that contradict each other.
pub(crate) fn load(wanted: fn(&Key) -> bool, layers: &Layers<'_>) -> Result<Loaded, Error> {
    let mut config = Config::defaults();
    let mut sources = Vec::with_capacity(KEYS.len());
    for key in KEYS.iter().filter(|key| wanted(key)) {
        let Some((texts, source)) = given(key, layers)? else {
            sources.push((key, Source::Default));
            continue;
        };
        let texts = split(key, texts);
        (key.read)(&mut config, &texts).map_err(|why| refuse(key, &texts, &source, why))?;
        sources.push((key, source));
    }
    settle(&mut config, layers.current_dir)?;
    Ok(Loaded { config, sources })
}

/// The texts of the first layer that sets `key`.
fn given(key: &'static Key, layers: &Layers<'_>) -> Result<Option<(Vec<String>, Source)>, Error> {
    if let Some((_, texts)) = layers.flags.iter().find(|(flag, _)| flag.name == key.name) {
        return Ok(Some((texts.clone(), Source::Flag(key.about.flag))));
    }
    let variable = key.variable();
    // An empty variable means "not set": service files and containers write it so.
    if let Some(text) = (layers.variable)(&variable).filter(|text| !text.is_empty()) {
        return Ok(Some((vec![text], Source::Environment(variable))));
    }
    let Some(file) = layers.file else {
        return Ok(None);
    };
    let texts = file.texts(key)?;
    Ok(texts.map(|texts| (texts, Source::File(file.path.clone()))))
}

/// Lists may also be written in one text.
fn split(key: &Key, texts: Vec<String>) -> Vec<String> {
    let Some(separator) = key.separator else {
        return texts;
    };
    texts
        .iter()
        .flat_map(|text| text.split(separator))
        .map(|item| item.trim().to_owned())
        .filter(|item| !item.is_empty())
        .collect()
}

fn refuse(key: &'static Key, texts: &[String], source: &Source, why: String) -> Error {
    let masked: Vec<String> = texts.iter().map(|text| (key.masked)(text)).collect();
    Error::Value {
        key: key.name,
        value: masked.join(", "),
        source_name: source.clone(),
        why,
        allowed: key.allowed(),
    }
}
