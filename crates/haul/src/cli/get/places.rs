//! Which of the URLs asked for one is. A URL is shown without its query, which may hold a secret; its place
//! tells apart those that differ in nothing else.

use std::collections::HashMap;

use haul_engine::Spec;
use haul_engine::error::redacted;
use url::Url;

/// The places of those URLs that are not shown whole.
pub(super) struct Places {
    places: HashMap<String, usize>,
    all: usize,
}

impl Places {
    /// In the order in which they were given: on the command line, then in the list.
    pub(super) fn of(specs: &[Spec]) -> Places {
        let mut places = HashMap::new();
        let hidden = |(_, spec): &(usize, &Spec)| spec.url.query().is_some();
        for (place, spec) in (1..).zip(specs).filter(hidden) {
            places.entry(spec.url.to_string()).or_insert(place);
        }
        Places {
            places,
            all: specs.len(),
        }
    }

    /// A URL without what is secret in it, and its place where that hides something and there are others.
    pub(super) fn shown(&self, url: &str) -> String {
        let Ok(parsed) = Url::parse(url) else {
            return String::new();
        };
        let shown = redacted(&parsed);
        match self.places.get(url) {
            Some(place) if self.all > 1 => format!("{shown} (URL {place} of {})", self.all),
            _ => shown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_differ_in_what_is_hidden_are_told_apart_by_their_place() {
        let urls = [
            "http://me:hush@h/get?file=1",
            "http://h/whole",
            "http://h/get?file=2",
            "http://h/get?file=2",
        ];
        let specs = urls.map(|url| Spec::new(Url::parse(url).expect("a URL")));
        let shown = |specs: &[Spec]| {
            let places = Places::of(specs);
            let each = specs.iter().map(|spec| places.shown(spec.url.as_str()));
            each.collect::<Vec<String>>()
        };
        assert_eq!(
            shown(&specs),
            [
                "http://h/get?… (URL 1 of 4)",
                "http://h/whole",
                "http://h/get?… (URL 3 of 4)",
                "http://h/get?… (URL 3 of 4)",
            ]
        );
        assert_eq!(shown(&specs[..1]), ["http://h/get?…"]);
    }
}
