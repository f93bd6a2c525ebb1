//! What can be wrong with a configuration: which key, which value, where it came from, what is allowed.

use std::path::PathBuf;

use super::keys::KEYS;
use super::load::Source;

/// Why a configuration cannot be used. Each text names what to change.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A value that its key does not take.
    #[error("{key} = \"{value}\" ({source_name}): {why}; allowed: {allowed}")]
    Value {
        key: &'static str,
        /// As given; masked when it is a secret.
        value: String,
        source_name: Source,
        why: String,
        allowed: String,
    },
    /// A key that does not exist.
    #[error("unknown key \"{key}\" = {value} in {}{}", file.display(), suggestion(*near))]
    UnknownKey {
        key: String,
        /// As TOML; masked when it may be a secret.
        value: String,
        file: PathBuf,
        near: Option<&'static str>,
    },
    /// A configuration file that cannot be read.
    #[error("cannot read the configuration file {}: {cause}", path.display())]
    Unreadable {
        path: PathBuf,
        cause: std::io::Error,
    },
    /// A configuration file that is not TOML.
    #[error("{} is not valid TOML: {cause}", path.display())]
    Syntax {
        path: PathBuf,
        cause: Box<toml::de::Error>,
    },
    /// A value of the wrong TOML type.
    #[error("{key} = {value} (file {}): {why}; allowed: {allowed}", file.display())]
    Type {
        key: &'static str,
        /// As TOML; masked when it is a secret.
        value: String,
        file: PathBuf,
        why: String,
        allowed: String,
    },
    /// Values that are fine alone but not together, or not on this machine.
    #[error("{0}")]
    Together(String),
}

fn suggestion(near: Option<&'static str>) -> String {
    match near {
        Some(key) => format!("; did you mean \"{key}\"?"),
        None => {
            let names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
            format!("; the keys are {}", names.join(", "))
        }
    }
}
