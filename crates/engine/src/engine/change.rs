//! What callers change of what was asked for. Pure: knows specs, and neither the table nor records.

use url::Url;

use crate::error::{Error, Kind, Result};
use crate::plan::name;
use crate::spec::Spec;

/// What a caller may change of a download. `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Most bytes per second; 0 is no limit.
    pub speed_limit: Option<u64>,
    /// Most threads.
    pub threads: Option<u16>,
    /// Higher starts first.
    pub priority: Option<i32>,
    /// The file's name; only before delivery.
    pub name: Option<String>,
    /// Where to fetch it from now on, in place of a URL that has expired. The bytes that are held are
    /// kept: whether they are those of the file at the new URL is checked before more are fetched.
    /// Headers of the download's own stay behind when the new URL is of another origin.
    pub url: Option<Url>,
}

impl Change {
    /// Takes it over into `spec`.
    pub(super) fn apply(&self, spec: &mut Spec) {
        let Change {
            speed_limit,
            threads,
            priority,
            name,
            url,
        } = self.clone();
        spec.speed_limit = speed_limit.unwrap_or(spec.speed_limit);
        spec.threads = threads.or(spec.threads);
        spec.priority = priority.unwrap_or(spec.priority);
        spec.name = name.or(spec.name.take());
        if let Some(url) = url {
            spec.url = url;
        }
    }
}

/// What is done to a spec. Whoever owns the spec does it, to the spec as it is then, so that edits of
/// several callers add up. It may be tried on a copy first.
pub(super) type Edit = Box<dyn Fn(&mut Spec) -> Result<()> + Send>;

/// What an edit asks of a download that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// It goes on and follows.
    Followed,
    /// What it has asked its server for is not what is wanted now.
    Anew,
}

/// The spec after an edit, and how far that reaches.
pub(super) fn edited(before: &Spec, edit: &Edit) -> Result<(Spec, Reach)> {
    let mut after = before.clone();
    edit(&mut after)?;
    // It says how a download begins.
    after.paused = before.paused;
    if after.url.origin() != before.url.origin() {
        // They may be credentials, and those stay with their origin.
        after
            .headers
            .retain(|header| !before.headers.contains(header));
    }
    let is_named = after.name != before.name;
    if let Some(wanted) = after.name.as_deref().filter(|_| is_named)
        && name::safe(wanted).as_deref() != Some(wanted)
    {
        return Err(Error::new(
            Kind::InvalidOption,
            "the name cannot be a file's name here; leave out separators",
        ));
    }
    let reach = reach(before, &after);
    Ok((after, reach))
}

fn reach(before: &Spec, after: &Spec) -> Reach {
    let after = after.clone();
    let followed = Spec {
        name: after.name.clone(),
        threads: after.threads,
        block_size: after.block_size,
        speed_limit: after.speed_limit,
        priority: after.priority,
        checksum: after.checksum.clone(),
        on_conflict: after.on_conflict,
        notes: after.notes.clone(),
        ..before.clone()
    };
    if followed == after {
        Reach::Followed
    } else {
        Reach::Anew
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::OnConflict;

    fn spec() -> Spec {
        Spec {
            headers: vec![("A".into(), "1".into())],
            ..Spec::new(Spec::parse_url("http://host/a").expect("a URL"))
        }
    }

    fn after(edit: impl Fn(&mut Spec) + Send + 'static) -> (Spec, Reach) {
        let edit: Edit = Box::new(move |spec| {
            edit(spec);
            Ok(())
        });
        edited(&spec(), &edit).expect("allowed")
    }

    #[test]
    fn a_download_follows_what_its_requests_do_not_depend_on() {
        let (limited, reach) = after(|spec| {
            spec.speed_limit = 5;
            spec.threads = Some(3);
            spec.block_size = Some(1 << 20);
            spec.priority = 2;
            spec.name = Some("b".to_owned());
            spec.checksum = "md5=d41d8cd98f00b204e9800998ecf8427e".parse().ok();
            spec.on_conflict = OnConflict::Overwrite;
            spec.notes = vec![("split".into(), "3".into())];
        });
        assert_eq!((limited.speed_limit, reach), (5, Reach::Followed));
        let asks: [fn(&mut Spec); 5] = [
            |spec| spec.headers.clear(),
            |spec| spec.mirrors = vec![spec.url.clone()],
            |spec| spec.url.set_path("/b"),
            |spec| spec.accept_html = true,
            |spec| spec.dir = Some("/elsewhere".into()),
        ];
        for ask in asks {
            assert_eq!(after(ask).1, Reach::Anew);
        }
        assert_eq!(after(|spec| spec.paused = true).0, spec());
    }

    #[test]
    fn headers_stay_with_their_origin_and_new_ones_come_with_the_new() {
        let elsewhere = || Spec::parse_url("http://elsewhere/a").expect("a URL");
        let new = ("B".to_owned(), "2".to_owned());
        let added = new.clone();
        let (spec, _) = after(move |spec| {
            spec.url = elsewhere();
            spec.headers.push(added.clone());
        });
        assert_eq!(spec.headers, [new]);
    }

    #[test]
    fn a_name_is_checked_when_it_is_new() {
        let named = |name: &str| {
            let name = name.to_owned();
            let edit: Edit = Box::new(move |spec| {
                spec.name = Some(name.clone());
                Ok(())
            });
            edited(&spec(), &edit).is_ok()
        };
        assert_eq!(
            (named("b"), named("a/b"), named("..")),
            (true, false, false)
        );
    }
}
