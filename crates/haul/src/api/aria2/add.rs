//! `aria2.addUri`: one download from one URL or several mirrors, with options.

use std::path::Path;

use haul_engine::{Error, Id, Kind, New, Seat, Spec, View};
use serde_json::{Value, json};

use super::args::Args;
use super::envelope::Failure;
use super::gid;
use super::options::{self, Pair, Refused};
use crate::api::App;
use crate::api::command::{Add, check_links};
use crate::api::types::add;

/// `aria2.addUri`.
pub(super) async fn uri(app: &App, mut args: Args) -> Result<Value, Failure> {
    let uris = args.texts()?;
    let given = args.some_options()?;
    let place = args.position()?;
    let mut spec = urls(&uris)?;
    take(
        &mut spec,
        &app.aria2.globals.under(&given),
        &app.options.root,
    )?;
    let add = Add {
        specs: vec![spec],
        ..Add::default()
    };
    check_links(&add, &app.options).await?;
    let new = match given.iter().rfind(|(name, _)| name == "gid") {
        None => add.specs.into_iter().map(New::Unseen).collect(),
        Some((_, text)) => {
            let Some(id) = gid::chosen(text) else {
                return Err(Failure::Refused(format!(
                    "No URI to download. \"{text}\" is not a GID: 16 hex digits, and not only 0"
                )));
            };
            let each = add.specs.into_iter();
            each.map(|spec| New::Named(id, spec)).collect()
        }
    };
    let added = app.engine.add(new).await.map_err(taken)?;
    let Some(view) = added.first() else {
        return Err(Failure::refused("No URI to download."));
    };
    if let Some(place) = place {
        seat(app, view, place).await?;
    }
    Ok(json!(view.id.to_string()))
}

/// aria2's answer when the gid belongs to another download.
fn taken(error: Error) -> Failure {
    match error.kind {
        Kind::IllegalState => Failure::Refused(format!("No URI to download. {error}")),
        _ => error.into(),
    }
}

/// Puts a new download at this place of the line, unless it has started at once.
async fn seat(app: &App, view: &View, place: i64) -> Result<(), Failure> {
    match app.engine.reseat(view.id, Seat::Front(place)).await {
        Err(error) if error.kind != Kind::IllegalState => Err(error.into()),
        _ => Ok(()),
    }
}

/// A download of these URLs. Those that are none for us are left out, as aria2 does with those that it
/// does not speak, unless they are all that there is.
fn urls(uris: &[String]) -> Result<Spec, Failure> {
    let mut read = uris.iter().map(|uri| Spec::parse_url(uri));
    let mut refused = None;
    let mut known = Vec::new();
    for url in &mut read {
        match url {
            Ok(url) => known.push(url),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    let mut known = known.into_iter();
    match (known.next(), refused) {
        (Some(first), _) => Ok(Spec {
            mirrors: known.collect(),
            ..Spec::new(first)
        }),
        (None, Some(error)) => Err(error.into()),
        (None, None) => Err(Failure::refused("URI is not provided.")),
    }
}

/// A download of these URLs with these options, its directory inside `root`. For files that users bring.
pub(crate) fn listed(uris: &[String], given: &[Pair], root: &Path) -> Result<Spec, String> {
    let spec = urls(uris).and_then(|mut spec| {
        take(&mut spec, given, root)?;
        Ok(spec)
    });
    spec.map_err(|failure| failure.to_string())
}

/// The id in the option `gid`, if it is one.
pub(crate) fn gid(given: &[Pair]) -> Option<Id> {
    let (_, text) = given.iter().rfind(|(name, _)| name == "gid")?;
    gid::chosen(text)
}

/// Takes options over into `spec`. Its directory stays inside `root`, however it is written.
pub(super) fn take(spec: &mut Spec, given: &[Pair], root: &Path) -> Result<(), Failure> {
    // More cannot fit in the end, and takes long to look through.
    if add::pair_bytes(given) > add::MOST_HEADER_BYTES {
        return Err(Failure::refused(
            "The options are too long: at most 64 KiB together.",
        ));
    }
    let mut read = spec.clone();
    let given: Vec<Pair> = given
        .iter()
        .filter(|(name, value)| !is_of_the_call(name) && (name != "out" || !value.is_empty()))
        .cloned()
        .collect();
    // A path in `out` is relative to where the file goes.
    let has_dir = read.dir.is_some();
    read.dir.get_or_insert_with(|| root.to_owned());
    let left = options::apply(&mut read, &given).map_err(problem)?;
    if let Some(dir) = &read.dir {
        let inside = add::dir(&dir.to_string_lossy(), root).map_err(Failure::from)?;
        read.dir = Some(inside).filter(|dir| has_dir || dir != root);
    }
    if let Some(name) = read.name.take() {
        read.name = Some(add::name(name).map_err(Failure::from)?);
    }
    options::remember(&mut read, left);
    add::check_size(&read)?;
    *spec = read;
    Ok(())
}

/// What is no option of a download, but of the call that adds it; and what is nobody's business.
fn is_of_the_call(name: &str) -> bool {
    matches!(name, "gid" | "position" | "rpc-secret")
}

/// aria2's words, and then what is wrong. The value may be a secret.
pub(super) fn problem(refused: Refused) -> Failure {
    let Refused { name, why, .. } = refused;
    Failure::Refused(format!(
        "We encountered a problem while processing the option '--{name}'. {why}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why<T>(result: Result<T, Failure>) -> String {
        match result.err().expect("refused") {
            Failure::Refused(why) => why,
            other => panic!("{other:?}"),
        }
    }

    fn taken_with(given: &[(&str, &str)]) -> Result<Spec, Failure> {
        let mut spec = Spec::new(Spec::parse_url("http://host/a").expect("a URL"));
        let given: Vec<Pair> = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        take(&mut spec, &given, Path::new("/srv/files"))?;
        Ok(spec)
    }

    #[test]
    fn several_urls_are_mirrors_of_one_file() {
        let uris = ["ftp://a/1", "http://b/1", "magnet:?xt=1", "https://c/1"];
        let spec = urls(&uris.map(str::to_owned)).expect("two that we speak");
        assert_eq!(spec.url.as_str(), "http://b/1");
        assert_eq!(spec.mirrors.len(), 1);
        assert_eq!(why(urls(&[])), "URI is not provided.");
        let magnet = why(urls(&["magnet:?xt=urn:btih:0".to_owned()]));
        assert!(magnet.contains("magnet:?xt=urn:btih:0"), "{magnet}");
    }

    #[test]
    fn a_bad_option_fails_the_call_in_aria2_s_words_and_repeats_no_secret() {
        let refused = why(taken_with(&[("split", "0")]));
        let words = "We encountered a problem while processing the option '--split'.";
        assert!(refused.starts_with(words), "{refused}");
        let refused = why(taken_with(&[("all-proxy", "http://user:s3cret@proxy")]));
        assert!(!refused.contains("s3cret"), "{refused}");
    }

    #[test]
    fn options_have_a_bound_however_many_calls_bring_them() {
        let mut spec = Spec::new(Spec::parse_url("http://host/a").expect("a URL"));
        let mut give = |name: &str, value: String| {
            let given = [(name.to_owned(), value)];
            take(&mut spec, &given, Path::new("/srv/files"))
        };
        let half = add::MOST_HEADER_BYTES / 2;
        give("x", "x".repeat(half)).expect("room for it");
        give("header", format!("A: {}", "x".repeat(half / 2))).expect("room for it");
        let refused = why(give("y", "y".repeat(half / 2)));
        assert!(refused.contains("64 KiB"), "{refused}");
        let refused = why(give("header", format!("B: {}", "x".repeat(half))));
        assert!(refused.contains("64 KiB"), "{refused}");
        give("y", "y".repeat(half / 4)).expect("there is still room for this");
        let refused = why(give("z", "z".repeat(add::MOST_HEADER_BYTES + 1)));
        assert!(refused.contains("64 KiB"), "{refused}");
    }

    #[test]
    fn so_many_mirrors_and_no_more() {
        let uris = |count: usize| vec!["http://h/a".to_owned(); count];
        let root = Path::new("/srv/files");
        listed(&uris(1001), &[], root).expect("a URL and a thousand mirrors");
        let refused = listed(&uris(1002), &[], root).expect_err("one too many");
        assert!(refused.contains("1000"), "{refused}");
    }

    #[test]
    fn no_option_leads_out_of_the_download_directory() {
        for (name, value) in [
            ("dir", "/etc"),
            ("dir", "../up"),
            ("dir", "/srv/files/../up"),
            ("dir", "/srv/files-of-another"),
            ("out", "/etc/cron.d/x"),
            ("out", "../x"),
            ("out", "a/../../x"),
            ("out", ".."),
        ] {
            taken_with(&[(name, value)]).expect_err(value);
        }
    }

    #[test]
    fn out_is_relative_to_the_directory() {
        let spec = taken_with(&[("out", "deep/b.iso"), ("dir", "iso")]).expect("inside");
        assert_eq!(spec.dir.as_deref(), Some(Path::new("/srv/files/iso/deep")));
        assert_eq!(spec.name.as_deref(), Some("b.iso"));
        let spec = taken_with(&[("out", "b.iso")]).expect("inside");
        assert_eq!((spec.dir, spec.name.as_deref()), (None, Some("b.iso")));
        let spec = taken_with(&[("dir", "/srv/files")]).expect("the root itself");
        assert_eq!(spec.dir, None);
    }

    #[test]
    fn what_has_no_effect_is_remembered_and_what_is_of_the_call_is_not() {
        let spec = taken_with(&[
            ("file-allocation", "none"),
            ("gid", "0000000000000001"),
            ("rpc-secret", "s3cret"),
        ])
        .expect("options");
        let kept = ("file-allocation".to_owned(), "none".to_owned());
        assert_eq!(spec.notes, [kept]);
    }
}
