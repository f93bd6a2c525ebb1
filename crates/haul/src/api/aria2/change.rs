//! Changing a download: its place, its URLs, its options.

use std::collections::HashMap;

use haul_engine::{Change, Id, Seat, Spec, Status};
use serde_json::{Value, json};
use url::Url;

use super::add;
use super::args::Args;
use super::envelope::Failure;
use super::one::named;
use crate::api::App;
use crate::api::command::{Add, check_links};
use crate::api::types::add::check_size;

type Answer = Result<Value, Failure>;

/// `aria2.changePosition`: among the waiting, where the paused are, too.
pub(super) async fn position(app: &App, mut args: Args) -> Answer {
    let view = named(app, &mut args)?;
    let places = args.whole(i64::MIN)?;
    let seat = match args.text()?.as_str() {
        "POS_SET" => Seat::Front(places),
        "POS_CUR" => Seat::Further(places),
        "POS_END" => Seat::Last(places),
        _ => return Err(Failure::refused("Illegal argument.")),
    };
    if !matches!(view.status, Status::Queued | Status::Paused) {
        return Err(Failure::Refused(format!(
            "GID#{} not found in the waiting queue.",
            view.id
        )));
    }
    Ok(json!(app.engine.reseat(view.id, seat).await?))
}

/// `aria2.changeUri`.
pub(super) async fn uris(app: &App, mut args: Args) -> Answer {
    let view = named(app, &mut args)?;
    let file = args.whole(1)?;
    let (gone, new) = (args.texts()?, args.texts()?);
    let place = args.position()?;
    if view.status.is_over() {
        return Err(Failure::Refused(format!(
            "Cannot remove URIs from GID#{}",
            view.id
        )));
    }
    if file != 1 {
        return Err(Failure::refused("fileIndex is out of range"));
    }
    let mut spec = app.engine.spec(view.id).await?;
    let (deleted, added) = replace(&mut spec, &gone, &new, place)?;
    if (deleted, added) != (0, 0) {
        put(app, view.id, spec).await?;
    }
    Ok(json!([deleted, added]))
}

/// Takes one occurrence of each of `gone` away, then puts those of `new` that are URLs at `place`, or at
/// the end; returns how many that were.
fn replace(
    spec: &mut Spec,
    gone: &[String],
    new: &[String],
    place: Option<i64>,
) -> Result<(usize, usize), Failure> {
    let first = std::iter::once(spec.url.clone());
    let mut urls: Vec<Url> = first.chain(spec.mirrors.clone()).collect();
    let before = urls.len();
    let mut wanted: HashMap<Url, usize> = HashMap::new();
    for url in gone.iter().filter_map(|text| Spec::parse_url(text).ok()) {
        *wanted.entry(url).or_default() += 1;
    }
    urls.retain(|url| match wanted.get_mut(url) {
        Some(left @ 1..) => {
            *left -= 1;
            false
        }
        _ => true,
    });
    let deleted = before - urls.len();
    let new: Vec<Url> = new
        .iter()
        .filter_map(|text| Spec::parse_url(text).ok())
        .collect();
    let added = new.len();
    let place = place.and_then(|place| usize::try_from(place).ok());
    let at = place.unwrap_or(urls.len()).min(urls.len());
    urls.splice(at..at, new);
    if urls.is_empty() {
        return Err(Failure::refused(
            "A download needs at least one URI; add another one in the same call.",
        ));
    }
    spec.url = urls.remove(0);
    spec.mirrors = urls;
    check_size(spec)?;
    Ok((deleted, added))
}

/// `aria2.changeOption`.
pub(super) async fn options(app: &App, mut args: Args) -> Answer {
    let view = named(app, &mut args)?;
    let mut given = args.options()?;
    if view.status.is_over() {
        return Err(Failure::Refused(format!(
            "Cannot change option for GID#{}",
            view.id
        )));
    }
    // aria2 pauses with a method of its own.
    given.retain(|(name, _)| name != "pause");
    let mut spec = app.engine.spec(view.id).await?;
    add::take(&mut spec, &given, &app.options.root)?;
    let add = Add {
        specs: vec![spec],
        ..Add::default()
    };
    check_links(&add, &app.options).await?;
    for spec in add.specs {
        put(app, view.id, spec).await?;
    }
    Ok(json!("OK"))
}

/// Makes `spec` what is asked for. What a running download cannot follow stops it for a moment, as aria2
/// does.
async fn put(app: &App, id: Id, spec: Spec) -> Result<(), Failure> {
    let engine = &app.engine;
    let before = engine.spec(id).await?;
    let change = Change {
        speed_limit: Some(spec.speed_limit),
        threads: spec.threads,
        name: spec.name.clone().filter(|_| spec.name != before.name),
        mirrors: Some(spec.mirrors.clone()),
        notes: Some(spec.notes.clone()),
        ..Change::default()
    };
    if followed(&before, &change) == spec {
        engine.change(id, change).await?;
        return Ok(());
    }
    let runs = || {
        let view = engine.live().get(id);
        view.is_some_and(|view| view.status.is_active())
    };
    if !runs() {
        engine.ask_anew(id, spec).await?;
        return Ok(());
    }
    engine.pause(id).await?;
    let asked = engine.ask_anew(id, spec).await;
    // Whatever came of it: it ran before.
    engine.resume(id).await?;
    asked?;
    Ok(())
}

/// What a download that follows `change` asks for.
fn followed(before: &Spec, change: &Change) -> Spec {
    let mut after = before.clone();
    after.speed_limit = change.speed_limit.unwrap_or(after.speed_limit);
    after.threads = change.threads.or(after.threads);
    after.name = change.name.clone().or(after.name);
    after.mirrors = change.mirrors.clone().unwrap_or(after.mirrors);
    after.notes = change.notes.clone().unwrap_or(after.notes);
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(urls: &[&str]) -> Spec {
        let mut urls = urls.iter().map(|url| Spec::parse_url(url).expect("a URL"));
        Spec {
            url: urls.next().expect("one"),
            mirrors: urls.collect(),
            ..Spec::new(Spec::parse_url("http://none/").expect("a URL"))
        }
    }

    fn replaced(
        before: &[&str],
        gone: &[&str],
        new: &[&str],
        place: Option<i64>,
    ) -> Result<((usize, usize), Vec<String>), Failure> {
        let owned = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        let mut spec = spec(before);
        let counts = replace(&mut spec, &owned(gone), &owned(new), place)?;
        let urls = std::iter::once(&spec.url).chain(&spec.mirrors);
        Ok((counts, urls.map(ToString::to_string).collect()))
    }

    #[test]
    fn one_occurrence_of_each_goes_and_then_the_new_ones_come() {
        let (counts, urls) = replaced(
            &["http://a/", "http://b/", "http://a/"],
            &["http://a/", "http://c/"],
            &["http://d/", "magnet:?x", "http://e/"],
            None,
        )
        .expect("some are left");
        assert_eq!(counts, (1, 2));
        assert_eq!(urls, ["http://b/", "http://a/", "http://d/", "http://e/"]);
    }

    #[test]
    fn the_place_counts_after_the_deletion_and_is_clamped() {
        let at = |place| {
            let done = replaced(
                &["http://a/", "http://b/"],
                &["http://a/"],
                &["http://c/"],
                place,
            );
            done.expect("some are left").1
        };
        assert_eq!(at(Some(0)), ["http://c/", "http://b/"]);
        assert_eq!(at(Some(9)), ["http://b/", "http://c/"]);
    }

    #[test]
    fn urls_have_a_bound_however_many_calls_bring_them() {
        let mut spec = spec(&["http://a/"]);
        let new: Vec<String> = (0..600).map(|at| format!("http://b/{at}")).collect();
        replace(&mut spec, &[], &new, None).expect("room for them");
        let refused = replace(&mut spec.clone(), &[], &new, None).expect_err("too many");
        assert!(refused.to_string().contains("1000"), "{refused}");
        // In the place of others they fit; and looking for them takes no time worth naming.
        let gone = vec![new; 100].concat();
        let begun = std::time::Instant::now();
        let counts = replace(&mut spec, &gone, &gone[..600], None).expect("room for them");
        assert_eq!(counts, (600, 600));
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
        let long = format!("http://b/{}", "x".repeat(3 << 20));
        let mut longer = |_| replace(&mut spec, &[], std::slice::from_ref(&long), None);
        longer(1).expect("room for one");
        longer(2).expect_err("and for no other");
    }

    #[test]
    fn a_download_keeps_a_url() {
        replaced(&["http://a/"], &["http://a/"], &["ftp://b/"], None).expect_err("none is left");
        let (counts, urls) = replaced(&["http://a/"], &["http://a/"], &["http://b/"], None)
            .expect("another one comes");
        assert_eq!((counts, urls), ((1, 1), vec!["http://b/".to_owned()]));
    }

    #[test]
    fn what_a_running_download_follows_does_not_stop_it() {
        let before = spec(&["http://a/"]);
        let limited = Spec {
            speed_limit: 5,
            threads: Some(3),
            mirrors: vec![before.url.clone()],
            ..before.clone()
        };
        let change = Change {
            speed_limit: Some(5),
            threads: Some(3),
            mirrors: Some(limited.mirrors.clone()),
            ..Change::default()
        };
        assert_eq!(followed(&before, &change), limited);
        let other = Spec {
            headers: vec![("A".into(), "b".into())],
            ..limited
        };
        assert_ne!(followed(&before, &change), other);
    }
}
