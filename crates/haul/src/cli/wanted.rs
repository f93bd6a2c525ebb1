//! What `get` and `add` are asked for: URLs and input files, with options, as [`Spec`]s.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, ValueEnum};
use haul_engine::Spec;
use haul_engine::spec::{Checksum, OnConflict};

use super::exit::{Failure, USAGE};
use super::input::{self, Entry};
use super::output::{self, Verbosity};
use crate::api::aria2::options::{self, Refused, save_as};

/// What to download, and under which name.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("what").args(["urls", "input"]).multiple(true).required(true))]
pub(crate) struct Wanted {
    /// Absolute http:// or https:// URLs, one download each
    #[arg(value_name = "URL")]
    urls: Vec<String>,
    /// Save under this name (one URL only)
    #[arg(short, long, value_name = "NAME", conflicts_with = "input")]
    output: Option<String>,
    /// Another source of the same file, beside URL; may be given several times (one URL only)
    #[arg(long = "mirror", value_name = "URL", conflicts_with = "input")]
    mirrors: Vec<String>,
    /// Read URLs from FILE, - is stdin: one per line, TAB-separated mirrors, options on indented lines
    #[arg(short, long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// The digest that the file must have, like sha-256=HEX (one URL only)
    #[arg(long, value_name = "ALGORITHM=HEX", conflicts_with = "input")]
    checksum: Option<Checksum>,
    /// Keep HTML pages too
    #[arg(long)]
    accept_html: bool,
    /// What to do when a file with that name exists
    #[arg(long, value_name = "WHAT", default_value = "rename")]
    on_conflict: Conflict,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Conflict {
    // Without quotation marks: the script for fish puts them around it.
    /// Save as name (1).ext
    Rename,
    /// Replace the file
    Overwrite,
    /// Fail
    Fail,
    /// Leave the file alone and call the download done
    Skip,
}

impl From<Conflict> for OnConflict {
    fn from(conflict: Conflict) -> OnConflict {
        match conflict {
            Conflict::Rename => OnConflict::Rename,
            Conflict::Overwrite => OnConflict::Overwrite,
            Conflict::Fail => OnConflict::Fail,
            Conflict::Skip => OnConflict::Skip,
        }
    }
}

impl Wanted {
    /// Every download asked for. Options of an input file that mean nothing here are noted once.
    pub(crate) fn specs(&self, verbosity: Verbosity) -> Result<Vec<Spec>, Failure> {
        let mut specs = Vec::with_capacity(self.urls.len());
        for url in &self.urls {
            specs.push(self.spec(url)?);
        }
        let is_about_one =
            self.output.is_some() || self.checksum.is_some() || !self.mirrors.is_empty();
        if specs.len() != 1 && is_about_one {
            let message = "-o, --checksum and --mirror are for one URL";
            return Err(Failure::new(USAGE, message)
                .next("give each URL its mirrors, out= and checksum= in a file read with -i"));
        }
        for mirror in &self.mirrors {
            let mirror = self
                .spec(mirror)
                .map_err(|failure| Failure::new(USAGE, format!("--mirror: {}", failure.message)))?;
            let mirror = mirror.url;
            specs[0].mirrors.push(mirror);
        }
        if self.output.as_deref() == Some("-") {
            let message = "haul does not write to standard output; -o names a file";
            return Err(Failure::new(USAGE, message)
                .next("give it a name, like -o file.bin, and read that file when haul has ended"));
        }
        if let Some(name) = &self.output {
            save_as(&mut specs[0], name).map_err(|why| {
                Failure::new(USAGE, why).next("-o names the file; give its directory with -d DIR")
            })?;
        }
        if let Some(path) = &self.input {
            specs.extend(self.listed(path, verbosity)?);
        }
        if specs.is_empty() {
            return Err(Failure::new(USAGE, "the list holds no URL"));
        }
        Ok(specs)
    }

    fn spec(&self, url: &str) -> Result<Spec, Failure> {
        let url =
            Spec::parse_url(url.trim()).map_err(|error| Failure::new(USAGE, error.to_string()))?;
        Ok(Spec {
            checksum: self.checksum.clone(),
            accept_html: self.accept_html,
            on_conflict: self.on_conflict.into(),
            ..Spec::new(url)
        })
    }

    fn listed(&self, path: &Path, verbosity: Verbosity) -> Result<Vec<Spec>, Failure> {
        let text = read(path).map_err(|cause| {
            Failure::new(USAGE, format!("cannot read {}: {cause}", path.display()))
        })?;
        let (specs, ignored) = self.list(path, &text)?;
        if !ignored.is_empty() && !verbosity.quiet {
            let names: Vec<String> = ignored.into_iter().collect();
            output::note(format_args!(
                "ignored, not known here: {}",
                names.join(", ")
            ));
        }
        Ok(specs)
    }

    /// The downloads of the input file at `path`, and the options that mean nothing here.
    fn list(&self, path: &Path, text: &str) -> Result<(Vec<Spec>, BTreeSet<String>), Failure> {
        let refuse = |line: usize, why: String| {
            Failure::new(USAGE, format!("{}, line {line}: {why}", path.display()))
        };
        let entries =
            input::parse(text).map_err(|error| refuse(error.line, error.why.to_owned()))?;
        let mut ignored = BTreeSet::new();
        let mut specs = Vec::with_capacity(entries.len());
        for entry in entries {
            let line = entry.line;
            let told = |failure: Failure| refuse(line, failure.message);
            let [first, mirrors @ ..] = entry.urls.as_slice() else {
                continue;
            };
            let mut spec = self.spec(first).map_err(told)?;
            for mirror in mirrors {
                spec.mirrors.push(self.spec(mirror).map_err(told)?.url);
            }
            ignored.extend(apply(&mut spec, &entry).map_err(|why| refuse(line, why))?);
            specs.push(spec);
        }
        Ok((specs, ignored))
    }
}

/// The text of an input file, - is stdin.
pub(crate) fn read(path: &Path) -> std::io::Result<String> {
    if path != Path::new("-") {
        return std::fs::read_to_string(path);
    }
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text)?;
    Ok(text)
}

/// Takes over an entry's options; returns the names of those that mean nothing here.
fn apply(spec: &mut Spec, entry: &Entry) -> Result<Vec<String>, String> {
    let told = |Refused { name, value, why }: Refused| format!("{name}={value}: {why}");
    let left = options::apply(spec, &entry.options).map_err(told)?;
    Ok(left.idle.into_iter().map(|(name, _)| name).collect())
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(options: &[(&str, &str)]) -> Result<(Spec, Vec<String>), String> {
        let mut spec = Spec::new(Spec::parse_url("http://a/b").expect("a URL"));
        let entry = Entry {
            line: 1,
            urls: vec!["http://a/b".into()],
            options: options
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        };
        let ignored = apply(&mut spec, &entry)?;
        Ok((spec, ignored))
    }

    fn wanted(line: &str) -> Result<Vec<Spec>, Failure> {
        #[derive(clap::Parser)]
        struct Asked {
            #[command(flatten)]
            wanted: Wanted,
        }
        let asked: Asked = clap::Parser::parse_from(line.split(' '));
        let verbosity = Verbosity {
            quiet: true,
            verbose: 0,
        };
        asked.wanted.specs(verbosity)
    }

    #[test]
    fn a_refusal_names_the_flag_and_what_is_wrong() {
        for (line, told) in [
            ("get h/a", "has no scheme"),
            (
                "get --mirror zz http://h/a",
                "--mirror: \"zz\" has no scheme",
            ),
            ("get -o - http://h/a", "does not write to standard output"),
        ] {
            let failure = wanted(line).expect_err(line);
            assert_eq!(failure.code, USAGE);
            assert!(failure.message.contains(told), "{}", failure.message);
        }
    }

    #[test]
    fn options_of_an_input_file_become_those_of_the_download() {
        let (spec, ignored) = applied(&[
            ("out", "deep/c.iso"),
            ("dir", "/srv"),
            ("header", "A: b"),
            ("header", "C: d"),
            ("max-download-limit", "1M"),
            ("split", "4"),
            ("checksum", &format!("sha-256={}", "0".repeat(64))),
            ("bt-seed", "x"),
            ("pause", "true"),
            ("allow-overwrite", "true"),
        ])
        .expect("options");
        assert_eq!(spec.name.as_deref(), Some("c.iso"));
        assert_eq!(spec.dir.as_deref(), Some(Path::new("/srv/deep")));
        assert_eq!(spec.headers.len(), 2);
        assert_eq!(spec.speed_limit, 1 << 20);
        assert_eq!(spec.threads, Some(4));
        assert!(spec.checksum.is_some() && spec.paused);
        assert_eq!(spec.on_conflict, OnConflict::Overwrite);
        assert_eq!(ignored, ["bt-seed"]);
    }

    #[test]
    fn a_bad_option_is_refused_with_its_value() {
        for (name, value) in [
            ("split", "0"),
            ("split", "x"),
            ("max-download-limit", "fast"),
            ("header", "no colon"),
            // Refused now, and not when the download's turn has come.
            ("user-agent", "a\u{0}b"),
            ("referer", "http://a/\u{7f}"),
            ("checksum", "sha-256=00"),
            ("out", "../up"),
            ("out", ".."),
            ("out", ""),
            ("out", "sub/"),
            ("out", "sub/."),
        ] {
            let why = applied(&[(name, value)]).expect_err(value);
            assert!(why.contains(value), "{why}");
        }
    }
}
