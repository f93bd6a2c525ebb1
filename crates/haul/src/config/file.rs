//! The configuration file: where it is, and which key has which text in it.

use std::path::{Path, PathBuf};

use super::error::Error;
use super::form::MASK;
use super::keys::{KEYS, Key};

/// A configuration file whose keys are all known.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    table: toml::Table,
}

/// The file's name in the current directory and in the user's configuration directory.
const NAME: &str = "haul.toml";

impl File {
    /// Reads the file named by `--config`, or else the first of `./haul.toml` and
    /// `$XDG_CONFIG_HOME/haul/haul.toml` that exists.
    pub(crate) fn find(
        asked: Option<&Path>,
        variable: &dyn Fn(&str) -> Option<String>,
        current_dir: &Path,
    ) -> Result<Option<File>, Error> {
        if let Some(path) = asked {
            return File::read(&current_dir.join(path)).map(Some);
        }
        let mut places = vec![current_dir.join(NAME)];
        places.extend(user_directory(variable).map(|dir| dir.join("haul").join(NAME)));
        match places.into_iter().find(|path| path.is_file()) {
            Some(path) => File::read(&path).map(Some),
            None => Ok(None),
        }
    }

    fn read(path: &Path) -> Result<File, Error> {
        let text = std::fs::read_to_string(path).map_err(|cause| Error::Unreadable {
            path: path.to_owned(),
            cause,
        })?;
        File::parse(path, &text)
    }

    /// Reads the text of the file at `path`.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<File, Error> {
        let table: toml::Table = text.parse().map_err(|cause| Error::Syntax {
            path: path.to_owned(),
            cause: Box::new(cause),
        })?;
        if let Some((name, value)) = table
            .iter()
            .find(|(name, _)| !KEYS.iter().any(|key| key.name == **name))
        {
            return Err(Error::UnknownKey {
                key: name.clone(),
                value: unknown(value),
                file: path.to_owned(),
                near: nearest(name),
            });
        }
        Ok(File {
            path: path.to_owned(),
            table,
        })
    }

    /// The texts that the file gives for `key`.
    pub(crate) fn texts(&self, key: &'static Key) -> Result<Option<Vec<String>>, Error> {
        let Some(value) = self.table.get(key.name) else {
            return Ok(None);
        };
        let texts = if key.separator.is_some() {
            list(value)
        } else {
            scalar(value).map(|text| vec![text])
        };
        texts
            .map(Some)
            .map_err(|Misfit { value, why }| Error::Type {
                key: key.name,
                value: (key.masked)(&value),
                file: self.path.clone(),
                why,
                allowed: key.allowed(),
            })
    }
}

/// `$XDG_CONFIG_HOME`, which must be absolute to count, or `~/.config`.
fn user_directory(variable: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let configured = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    if let Some(dir) = configured.filter(|dir| dir.is_absolute()) {
        return Some(dir);
    }
    let home = variable("HOME").filter(|home| !home.is_empty())?;
    Some(Path::new(&home).join(".config"))
}

/// The value of an unknown key, which may be a secret when it is text.
fn unknown(value: &toml::Value) -> String {
    match value {
        toml::Value::String(_) | toml::Value::Array(_) | toml::Value::Table(_) => MASK.to_owned(),
        plain => plain.to_string(),
    }
}

/// A value of a type that its key does not take.
struct Misfit {
    /// As TOML, behind its name when it has one of its own.
    value: String,
    why: String,
}

fn scalar(value: &toml::Value) -> Result<String, Misfit> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        other => Err(Misfit {
            value: other.to_string(),
            why: format!("a TOML {} does not fit here", other.type_str()),
        }),
    }
}

/// An array of texts, one text, or a table of names and values.
fn list(value: &toml::Value) -> Result<Vec<String>, Misfit> {
    match value {
        toml::Value::Array(items) => items.iter().map(scalar).collect(),
        toml::Value::Table(fields) => fields
            .iter()
            .map(|(name, value)| match scalar(value) {
                Ok(text) => Ok(format!("{name}: {text}")),
                Err(Misfit { value, why }) => Err(Misfit {
                    value: format!("{name}: {value}"),
                    why,
                }),
            })
            .collect(),
        single => Ok(vec![scalar(single)?]),
    }
}

/// The key that a misspelt one most likely means.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    let wanted = name.to_ascii_lowercase().replace('-', "_");
    KEYS.iter()
        .map(|key| (strsim::jaro_winkler(key.name, &wanted), key.name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.85)
        .map(|(_, key)| key)
}
