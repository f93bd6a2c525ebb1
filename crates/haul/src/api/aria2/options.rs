//! aria2's names of options, and what they mean for a download here: read into a [`Spec`] and told
//! from one. Knows no protocol: input files use the same names.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use haul_engine::Spec;
use haul_engine::spec::{Checksum, OnConflict};
use url::Url;

use crate::api::types::add::is_own_header;
use crate::config;

/// An option and its value.
pub(crate) type Pair = (String, String);

/// An option that cannot be taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) name: String,
    pub(crate) value: String,
    /// What is wrong, or allowed.
    pub(crate) why: String,
}

/// What a spec alone does not tell of the options that went into it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    /// Those that mean nothing here.
    pub(crate) idle: Vec<Pair>,
    /// Those that had their effect.
    pub(crate) used: Vec<Pair>,
}

/// What would be pretended if it were only remembered: the user counts on it.
const REFUSED: [(&str, &str); 5] = [
    ("all-proxy", "one proxy serves all downloads: see --proxy"),
    ("http-proxy", "one proxy serves all downloads: see --proxy"),
    ("https-proxy", "one proxy serves all downloads: see --proxy"),
    ("dry-run", "haul downloads what it is given"),
    ("hash-check-only", "haul downloads what it is given"),
];

/// Whether an option may have several values.
pub(super) fn is_many(name: &str) -> bool {
    matches!(name, "header" | "index-out")
}

/// Takes options over into `spec`; those given before stay unless they are given again.
pub(crate) fn apply(spec: &mut Spec, options: &[Pair]) -> Result<Left, Refused> {
    let mut left = Left::default();
    let mut headers = Headers::default();
    let mut conflict = Conflict::of(spec.on_conflict);
    let mut threads = None;
    // `dir` first: a path in `out` is relative to it, whatever their order.
    for (_, value) in options.iter().filter(|(name, _)| name == "dir") {
        spec.dir = (!value.is_empty()).then(|| PathBuf::from(value));
    }
    for pair in options {
        let (name, value) = pair;
        let told = |why: String| Refused {
            name: name.clone(),
            value: value.clone(),
            why,
        };
        match name.as_str() {
            "dir" => {}
            "out" => save_as(spec, value).map_err(told)?,
            "header" => headers.line(value, &mut left).map_err(told)?,
            "user-agent" => headers.agent = Some(header("User-Agent", value).map_err(told)?),
            "referer" => {
                let whole = match value.as_str() {
                    "*" => referer(&spec.url),
                    _ => value.clone(),
                };
                headers.referer = Some(header("Referer", &whole).map_err(told)?);
            }
            "http-user" | "http-passwd" => left.used.push(pair.clone()),
            "checksum" => spec.checksum = checksum(value).map_err(told)?,
            "max-download-limit" => spec.speed_limit = config::parse_size(value).map_err(told)?,
            "threads" => threads = Some(within(value, 1..=256).map_err(told)?),
            "split" | "max-connection-per-server" => {
                within(value, 1..=256).map_err(told)?;
                left.used.push(pair.clone());
            }
            // Ours: aria2 takes every page for a file.
            "accept-html" => spec.accept_html = value == "true",
            "pause" => spec.paused = value == "true",
            "allow-overwrite" => conflict.overwrite = value == "true",
            "auto-file-renaming" => conflict.rename = value != "false",
            // These say what haul does anyway.
            "continue" | "always-resume" | "check-certificate" if value == "true" => {}
            other => match REFUSED.iter().find(|(name, _)| *name == other) {
                Some((_, why)) if !matches!(value.as_str(), "" | "false") => {
                    return Err(told((*why).to_owned()));
                }
                _ => left.idle.push(pair.clone()),
            },
        }
    }
    spec.on_conflict = conflict.meant(spec.on_conflict);
    headers.credentials = credentials(&left.used, spec);
    headers.put(&mut spec.headers);
    let asked = threads.or_else(|| threads_of(&left.used, &spec.notes, spec));
    spec.threads = asked.or(spec.threads);
    Ok(left)
}

/// Remembers with `spec` what it does not tell by itself.
pub(crate) fn remember(spec: &mut Spec, left: Left) {
    let new: Vec<Pair> = left.used.into_iter().chain(left.idle).collect();
    let names: HashSet<&str> = new.iter().map(|(name, _)| name.as_str()).collect();
    spec.notes
        .retain(|(name, _)| !names.contains(name.as_str()));
    spec.notes.extend(new);
}

/// The options that lead to `spec`, but for its URLs. Those that may be given several times come so.
pub(crate) fn of(spec: &Spec) -> Vec<Pair> {
    let mut told: Vec<Pair> = Vec::new();
    let mut tell = |name: &str, value: String| told.push((name.to_owned(), value));
    if let Some(dir) = &spec.dir {
        tell("dir", dir.to_string_lossy().into_owned());
    }
    if let Some(name) = &spec.name {
        tell("out", name.clone());
    }
    let has_credentials = authorization(&spec.headers).is_some() && are_credentials_held(spec);
    for (name, value) in &spec.headers {
        match name.to_ascii_lowercase().as_str() {
            "user-agent" => tell("user-agent", value.clone()),
            "referer" => tell("referer", value.clone()),
            "authorization" if has_credentials => {}
            _ => tell("header", format!("{name}: {value}")),
        }
    }
    if let Some(checksum) = &spec.checksum {
        tell("checksum", checksum.to_string());
    }
    if spec.speed_limit > 0 {
        tell("max-download-limit", spec.speed_limit.to_string());
    }
    if spec.accept_html {
        tell("accept-html", "true".to_owned());
    }
    match spec.on_conflict {
        OnConflict::Overwrite => tell("allow-overwrite", "true".to_owned()),
        OnConflict::Fail => tell("auto-file-renaming", "false".to_owned()),
        OnConflict::Rename | OnConflict::Skip => {}
    }
    // What is remembered may have been overtaken by a change from elsewhere.
    let is_overtaken = spec.threads != threads_of(&[], &spec.notes, spec);
    if let Some(threads) = spec.threads.filter(|_| is_overtaken) {
        tell("split", threads.to_string());
        tell("max-connection-per-server", threads.to_string());
    }
    let is_told = |name: &str| match name {
        "split" | "max-connection-per-server" => is_overtaken,
        "http-user" | "http-passwd" => !has_credentials,
        _ => false,
    };
    let notes = spec.notes.iter().filter(|(name, _)| !is_told(name));
    told.extend(notes.cloned());
    told
}

/// Reads a whole number inside `range`.
pub(crate) fn within(text: &str, range: std::ops::RangeInclusive<u16>) -> Result<u16, String> {
    text.parse()
        .ok()
        .filter(|number| range.contains(number))
        .ok_or_else(|| format!("allowed: {}–{}", range.start(), range.end()))
}

/// Takes a name over; directories in front of it go to the download's directory.
pub(crate) fn save_as(spec: &mut Spec, path: &str) -> Result<(), String> {
    if path.ends_with('/') || path.ends_with("/.") {
        return Err(format!("\"{path}\" names a directory, not a file"));
    }
    let path = Path::new(path);
    let plain = path
        .components()
        .all(|part| !matches!(part, Component::ParentDir));
    let name = path.file_name().and_then(|name| name.to_str());
    let Some(name) = name.filter(|_| plain) else {
        return Err(format!("\"{}\" is not a file's name", path.display()));
    };
    spec.name = Some(name.to_owned());
    let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    else {
        return Ok(());
    };
    spec.dir = Some(spec.dir.take().unwrap_or_default().join(parent));
    Ok(())
}

fn checksum(value: &str) -> Result<Option<Checksum>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    value
        .parse()
        .map(Some)
        .map_err(|error: haul_engine::Error| error.to_string())
}

/// One header; `None` when its value is empty, which takes it away.
fn header(name: &str, value: &str) -> Result<Option<Pair>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    config::header(&format!("{name}: {value}")).map(Some)
}

fn note<'a>(pairs: &'a [Pair], wanted: &str) -> Option<&'a str> {
    let mut found = pairs.iter().rev();
    found
        .find(|(name, _)| name == wanted)
        .map(|(_, value)| value.as_str())
}

/// How many threads `split` and `max-connection-per-server` come to: the former says how many in all,
/// the latter how many to each of the URLs. `None` when neither is given.
fn threads_of(given: &[Pair], kept: &[Pair], spec: &Spec) -> Option<u16> {
    let number = |name| note(given, name).or_else(|| note(kept, name))?.parse().ok();
    let urls = u16::try_from(spec.mirrors.len() + 1).unwrap_or(u16::MAX);
    let each = number("max-connection-per-server").map(|each: u16| each.saturating_mul(urls));
    match (number("split"), each) {
        (Some(all), Some(each)) => Some(all.min(each).min(256)),
        (Some(some), None) | (None, Some(some)) => Some(some.min(256)),
        (None, None) => None,
    }
}

/// `Authorization` from `http-user` and `http-passwd`, when one of them is new.
fn credentials(given: &[Pair], spec: &Spec) -> Option<Option<Pair>> {
    if note(given, "http-user").is_none() && note(given, "http-passwd").is_none() {
        return None;
    }
    let kept = match are_credentials_held(spec) {
        true => spec.notes.as_slice(),
        false => &[],
    };
    let value = |name| {
        let value = note(given, name).or_else(|| note(kept, name));
        value.unwrap_or_default()
    };
    let coded = basic(value("http-user"), value("http-passwd"));
    Some(coded.map(|coded| ("Authorization".to_owned(), coded)))
}

/// Whether the login that is remembered is the one that is sent. Another URL has none until one is given
/// for it, and a header in full may have overtaken it.
fn are_credentials_held(spec: &Spec) -> bool {
    let value = |name| note(&spec.notes, name).unwrap_or_default();
    let coded = basic(value("http-user"), value("http-passwd"));
    authorization(&spec.headers) == coded.as_deref()
}

fn authorization(headers: &[Pair]) -> Option<&str> {
    let mut found = headers.iter();
    let found = found.find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    found.map(|(_, value)| value.as_str())
}

fn basic(user: &str, password: &str) -> Option<String> {
    if user.is_empty() {
        return None;
    }
    let coded = BASE64_STANDARD.encode(format!("{user}:{password}"));
    Some(format!("Basic {coded}"))
}

/// A URL as a `Referer` tells it (RFC 9110 §10.1.3): without login and fragment.
fn referer(url: &Url) -> String {
    let mut told = url.clone();
    // Both are only refused where there can be no login.
    let _ = told.set_username("");
    let _ = told.set_password(None);
    told.set_fragment(None);
    told.into()
}

/// What is said of request headers. The outer `None`: nothing; the inner one: there shall be none.
#[derive(Default)]
struct Headers {
    lines: Option<Vec<Pair>>,
    agent: Option<Option<Pair>>,
    referer: Option<Option<Pair>>,
    credentials: Option<Option<Pair>>,
}

impl Headers {
    fn line(&mut self, text: &str, left: &mut Left) -> Result<(), String> {
        let lines = self.lines.get_or_insert_default();
        if text.is_empty() {
            return Ok(());
        }
        let (name, value) = config::header(text)?;
        // Browser extensions hand over all that their browser has sent.
        if is_own_header(&name) {
            left.idle.push(("header".to_owned(), text.to_owned()));
        } else {
            lines.push((name, value));
        }
        Ok(())
    }

    fn put(self, held: &mut Vec<Pair>) {
        let has = |pairs: &[Pair], name: &str| {
            let mut names = pairs.iter().map(|(held, _)| held);
            names.any(|held| held.eq_ignore_ascii_case(name))
        };
        let specials = [
            ("User-Agent", self.agent),
            ("Referer", self.referer),
            ("Authorization", self.credentials),
        ];
        for (name, _) in specials.iter().filter(|(_, said)| said.is_some()) {
            held.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        }
        if let Some(lines) = self.lines {
            let is_special = |name: &str| {
                let mut names = specials.iter().map(|(special, _)| special);
                names.any(|special| special.eq_ignore_ascii_case(name))
            };
            let overtaken = specials.iter().map(|(special, _)| *special);
            let overtaken: Vec<&str> = overtaken.filter(|name| has(&lines, name)).collect();
            let is_overtaken = |name: &str| {
                let mut names = overtaken.iter();
                names.any(|overtaken| overtaken.eq_ignore_ascii_case(name))
            };
            held.retain(|(name, _)| is_special(name) && !is_overtaken(name));
            held.extend(lines);
        }
        for (name, said) in specials {
            // A line in full is more than the option of that name.
            if !has(held, name) {
                held.extend(said.flatten());
            }
        }
    }
}

/// aria2's two switches for a name that is taken.
struct Conflict {
    overwrite: bool,
    rename: bool,
}

impl Conflict {
    fn of(on_conflict: OnConflict) -> Conflict {
        Conflict {
            overwrite: on_conflict == OnConflict::Overwrite,
            rename: on_conflict != OnConflict::Fail,
        }
    }

    fn meant(&self, before: OnConflict) -> OnConflict {
        match (self.overwrite, self.rename) {
            (true, _) => OnConflict::Overwrite,
            (false, false) => OnConflict::Fail,
            (false, true) if before == OnConflict::Skip => OnConflict::Skip,
            (false, true) => OnConflict::Rename,
        }
    }
}

#[cfg(test)]
mod tests;
