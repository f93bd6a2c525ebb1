//! Changing a download: its place, its URLs, its options.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use haul_engine::{Error, Kind, Seat, Spec, Status};
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
    let new: Vec<Url> = new
        .iter()
        .filter_map(|text| Spec::parse_url(text).ok())
        .collect();
    let added = new.len();
    let deleted = Arc::new(AtomicUsize::new(0));
    let count = deleted.clone();
    let gone = counted(&gone);
    let edit = move |spec: &mut Spec| {
        count.store(replace(spec, gone.clone(), &new, place)?, Ordering::Relaxed);
        Ok(())
    };
    app.engine.edit(view.id, edit).await?;
    Ok(json!([deleted.load(Ordering::Relaxed), added]))
}

/// How often each URL is named. Read here: the engine, where it is used, waits for nobody's long list.
fn counted(texts: &[String]) -> HashMap<Url, usize> {
    let mut counted: HashMap<Url, usize> = HashMap::new();
    for url in texts.iter().filter_map(|text| Spec::parse_url(text).ok()) {
        *counted.entry(url).or_default() += 1;
    }
    counted
}

/// Takes one occurrence of each of `gone` away, then puts `new` at `place`, or at the end; returns how
/// many have gone.
fn replace(
    spec: &mut Spec,
    mut gone: HashMap<Url, usize>,
    new: &[Url],
    place: Option<i64>,
) -> Result<usize, Error> {
    let first = std::iter::once(spec.url.clone());
    let mut urls: Vec<Url> = first.chain(spec.mirrors.clone()).collect();
    let before = urls.len();
    urls.retain(|url| match gone.get_mut(url) {
        Some(left @ 1..) => {
            *left -= 1;
            false
        }
        _ => true,
    });
    let deleted = before - urls.len();
    let place = place.and_then(|place| usize::try_from(place).ok());
    let at = place.unwrap_or(urls.len()).min(urls.len());
    urls.splice(at..at, new.iter().cloned());
    if urls.is_empty() {
        return Err(Error::new(
            Kind::InvalidOption,
            "A download needs at least one URI; add another one in the same call.",
        ));
    }
    spec.url = urls.remove(0);
    spec.mirrors = urls;
    check_size(spec)?;
    Ok(deleted)
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
    let root = app.options.root.clone();
    // Their directory is looked at here: a disk that hangs must not hold up the engine.
    let mut spec = app.engine.spec(view.id).await?;
    add::take(&mut spec, &given, &root)?;
    let add = Add {
        specs: vec![spec],
        ..Add::default()
    };
    check_links(&add, &app.options).await?;
    let edit = move |spec: &mut Spec| {
        let taken = add::take(spec, &given, &root);
        taken.map_err(|why| Error::new(Kind::InvalidOption, why.to_string()))
    };
    app.engine.edit(view.id, edit).await?;
    Ok(json!("OK"))
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
    ) -> Result<(usize, Vec<String>), Error> {
        let mut spec = spec(before);
        let gone: Vec<String> = gone.iter().map(|text| (*text).to_owned()).collect();
        let new = new.iter().map(|url| Spec::parse_url(url).expect("a URL"));
        let deleted = replace(&mut spec, counted(&gone), &new.collect::<Vec<_>>(), place)?;
        let urls = std::iter::once(&spec.url).chain(&spec.mirrors);
        Ok((deleted, urls.map(ToString::to_string).collect()))
    }

    #[test]
    fn one_occurrence_of_each_goes_and_then_the_new_ones_come() {
        let (deleted, urls) = replaced(
            &["http://a/", "http://b/", "http://a/"],
            &["http://a/", "http://c/", "magnet:?x"],
            &["http://d/", "http://e/"],
            None,
        )
        .expect("some are left");
        assert_eq!(deleted, 1);
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
        let urls = new.iter().map(|url| Spec::parse_url(url).expect("a URL"));
        let urls: Vec<Url> = urls.collect();
        replace(&mut spec, HashMap::new(), &urls, None).expect("room for them");
        let refused =
            replace(&mut spec.clone(), HashMap::new(), &urls, None).expect_err("too many");
        assert!(refused.to_string().contains("1000"), "{refused}");
        // In the place of others they fit; and looking for them takes no time worth naming.
        let gone = vec![new; 100].concat();
        let begun = std::time::Instant::now();
        let deleted = replace(&mut spec, counted(&gone), &urls, None).expect("room for them");
        assert_eq!(deleted, 600);
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
        let long = format!("http://b/{}", "x".repeat(3 << 20));
        let long = [Spec::parse_url(&long).expect("a URL")];
        let mut longer = |_| replace(&mut spec, HashMap::new(), &long, None);
        longer(1).expect("room for one");
        longer(2).expect_err("and for no other");
    }

    #[test]
    fn a_download_keeps_a_url() {
        replaced(&["http://a/"], &["http://a/"], &[], None).expect_err("none is left");
        let (deleted, urls) = replaced(&["http://a/"], &["http://a/"], &["http://b/"], None)
            .expect("another one comes");
        assert_eq!((deleted, urls), (1, vec!["http://b/".to_owned()]));
    }
}
