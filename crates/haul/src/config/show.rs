//! The configuration and its keys as people and programs read them.

use std::fmt::Write;

use serde_json::{Value as Json, json};

use super::keys::KEYS;
use super::load::Loaded;

/// Key, value and source in aligned columns.
pub(crate) fn table(loaded: &Loaded) -> String {
    let rows: Vec<[String; 3]> = loaded
        .sources
        .iter()
        .map(|(key, source)| {
            let value = match (key.show)(&loaded.config) {
                empty if empty.is_empty() => "-".to_owned(),
                value => value,
            };
            [key.name.to_owned(), value, source.to_string()]
        })
        .collect();
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        // One long path must not push the third column off the screen for all others.
        widths.filter(|width| *width <= 48).max().unwrap_or(0)
    };
    let (first, second) = (width(0), width(1));
    rows.iter()
        .fold(String::new(), |mut text, [key, value, source]| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{key:first$}  {value:second$}  {source}");
            text
        })
}

/// The same as one JSON object: sizes in bytes, secrets masked.
pub(crate) fn json(loaded: &Loaded) -> Json {
    let entries = loaded.sources.iter().map(|(key, source)| {
        let entry = json!({
            "value": (key.json)(&loaded.config),
            "source": source.to_string(),
        });
        (key.name.to_owned(), entry)
    });
    Json::Object(entries.collect())
}

/// Every key as a Markdown table, for the README.
pub(crate) fn table_markdown() -> String {
    let mut text = String::from(
        "| key | flag | environment | default | allowed | meaning |\n|---|---|---|---|---|---|\n",
    );
    for key in KEYS {
        let default = match key.default() {
            "" => "–".to_owned(),
            default => format!("`{default}`"),
        };
        let seed = key
            .about
            .seed
            .map_or_else(String::new, |seed| format!(" (the original's `{seed}`)"));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| `{}` | `--{}` | `{}` | {default} | {} | {}{seed} |",
            key.name,
            key.about.flag,
            key.variable(),
            key.allowed(),
            key.help(),
        );
    }
    text
}
