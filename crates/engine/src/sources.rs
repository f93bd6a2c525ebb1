//! The places that hold one download's file, the URL and its mirrors: which of them is asked next,
//! which has shown that it has the file that was begun, which rests after a failure, which is set aside
//! and why. The download owns it and lends it to its transfer. It knows no connections and no bytes.

mod given;
mod told;

use std::sync::Arc;

use tokio::time::Instant;
use url::Url;

use crate::error::{Error, Kind, Retry, redacted};
use crate::limit::Owner;
use crate::plan::ranges::RangeSet;
use crate::plan::resource::Resource;
use crate::source::Source;
use crate::spec::Spec;

/// All places that may have the file.
pub(crate) struct Sources {
    places: Vec<Place>,
    /// The one that says what the file is, and what it has said.
    lead: Option<(usize, Arc<Resource>)>,
    /// Bytes come from the lead only: what came from several was not right.
    alone: bool,
    /// Digests of whole files that were not what was expected.
    digests: Vec<String>,
    /// A digest tells in the end whether the bytes are one file.
    checked: bool,
    /// Bytes that are held since an earlier run, and may be those of several.
    inherited: RangeSet,
}

/// One place.
struct Place {
    source: Arc<Source>,
    standing: Standing,
    /// Failures in a row, without a byte in between.
    failures: u32,
    /// Why it is not asked for now, and until when.
    rest: Option<(Instant, Error)>,
    patience: Patience,
    /// The bytes of the file that have come of it in this run.
    given: RangeSet,
}

/// What is known of a place.
#[derive(Debug, Clone)]
enum Standing {
    /// Nothing.
    New,
    /// It is asked now.
    Asked,
    /// It has the file that was begun, which it describes like this.
    Good(Arc<Resource>),
    /// It calls the file another version: it may give the whole of it, and nothing beside others.
    Apart(Error),
    /// It is of no use while this is the file.
    Aside(Error),
    /// It is not asked again.
    Out(Error),
}

/// How much patience is left with a place that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    Some,
    /// One more try, should all others fail too.
    LastTry,
    None,
}

impl Sources {
    /// The URL first, then its mirrors, each once.
    pub(crate) fn of(spec: &Spec, owner: Owner) -> Sources {
        let mut sources = Sources {
            places: Vec::with_capacity(1 + spec.mirrors.len()),
            lead: None,
            alone: false,
            digests: Vec::new(),
            checked: spec.checksum.is_some(),
            inherited: RangeSet::new(),
        };
        for url in std::iter::once(&spec.url).chain(&spec.mirrors) {
            if sources.find(url).is_none() {
                let headers = headers_for(url, spec);
                let source = Arc::new(Source::new(url.clone(), headers, owner));
                sources.places.push(Place::new(source));
            }
        }
        sources
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn source(&self, at: usize) -> &Arc<Source> {
        &self.places[at].source
    }

    /// The place of this URL.
    pub(crate) fn find(&self, url: &Url) -> Option<usize> {
        let is_it = |place: &Place| place.source.home == *url;
        self.places.iter().position(is_it)
    }

    /// What was said about earlier answers is forgotten: a transfer begins.
    pub(crate) fn renew(&mut self) {
        for place in &mut self.places {
            let Source {
                home,
                headers,
                owner,
                ..
            } = &*place.source;
            place.source = Arc::new(Source::new(home.clone(), headers.clone(), *owner));
            match &place.standing {
                Standing::Good(known) => place.source.found_at(known.final_url.clone()),
                Standing::Asked => place.standing = Standing::New,
                _ => {}
            }
        }
    }

    /// The file starts over: whoever had another one may have the next one.
    pub(crate) fn start_over(&mut self) {
        self.lead = None;
        self.inherited = RangeSet::new();
        for place in &mut self.places {
            place.given = RangeSet::new();
            if !place.is_out() {
                place.standing = Standing::New;
            }
        }
    }

    /// Whether a digest will tell whether the bytes are one file.
    pub(crate) fn are_checked(&self) -> bool {
        self.checked
    }

    /// This place says what the file is.
    pub(crate) fn leads(&mut self, at: usize, resource: Arc<Resource>) {
        self.lead = Some((at, resource));
    }

    /// What the file is, if `at` is who has said it.
    pub(crate) fn said_by(&self, at: usize) -> Option<&Arc<Resource>> {
        let lead = self.lead.as_ref().filter(|(lead, _)| *lead == at);
        lead.map(|(_, resource)| resource)
    }

    /// The place that says what the file is; the first one while that is unknown.
    pub(crate) fn lead(&self) -> usize {
        self.lead.as_ref().map_or(0, |(lead, _)| *lead)
    }

    /// Whether the file that was begun is not to be had any more: whoever has said what it is has another
    /// one now, or is no longer among them and nobody else has it.
    pub(crate) fn is_file_gone(&self) -> bool {
        match &self.lead {
            Some((lead, _)) => self.is_aside(*lead),
            None => self.in_turn().is_empty(),
        }
    }

    /// It has the file, and describes it like this.
    pub(crate) fn proven(&mut self, at: usize, resource: Arc<Resource>) {
        let place = &mut self.places[at];
        place.standing = Standing::Good(resource);
        place.rest = None;
        place.patience = Patience::Some;
        place.failures = 0;
    }

    /// How it describes the file, when it has shown that it has it.
    pub(crate) fn known(&self, at: usize) -> Option<&Arc<Resource>> {
        match &self.places[at].standing {
            Standing::Good(resource) => Some(resource),
            _ => None,
        }
    }

    /// It is of no use.
    pub(crate) fn set_aside(&mut self, at: usize, why: Error) {
        if self.len() > 1 {
            tracing::info!(source = %redacted(&self.source(at).home), error = %why, "a source is set aside");
        }
        self.places[at].standing = Standing::Aside(why);
    }

    pub(crate) fn is_aside(&self, at: usize) -> bool {
        let standing = &self.places[at].standing;
        matches!(
            standing,
            Standing::Aside(_) | Standing::Apart(_) | Standing::Out(_)
        )
    }

    /// It calls the file another version than the one that was begun.
    pub(crate) fn keep_apart(&mut self, at: usize, why: Error) {
        tracing::info!(source = %redacted(&self.source(at).home), "a source calls the file another version");
        self.places[at].standing = Standing::Apart(why);
    }

    /// Whether the file may be begun anew at a source that is kept apart, because the one that began it
    /// gives no more of it for this reason. That one is not asked again.
    pub(crate) fn turn_to_one_apart(&mut self, why: &Error) -> bool {
        let is_apart = |place: &Place| matches!(place.standing, Standing::Apart(_));
        // Where there is no network there is none for the other one.
        if why.retry == Retry::NoNetwork || !self.places.iter().any(is_apart) {
            return false;
        }
        let lead = self.lead();
        self.places[lead].standing = Standing::Out(why.clone());
        true
    }

    /// It has failed, and is asked again at `until` at the soonest.
    pub(crate) fn rests(&mut self, at: usize, until: Instant, failures: u32, error: Error) {
        let place = &mut self.places[at];
        if matches!(place.standing, Standing::Asked) {
            place.standing = Standing::New;
        }
        place.failures = place.failures.max(failures);
        let until = place.rest.as_ref().map_or(until, |(at, _)| until.max(*at));
        place.rest = Some((until, error));
    }

    /// Patience with it has ended after so many failures: it has one more try at `until`, or when all
    /// others have failed too.
    pub(crate) fn fails(
        &mut self,
        at: usize,
        (now, until): (Instant, Instant),
        failures: u32,
        error: Error,
    ) {
        let rested = self.rests_at(at, now);
        self.rests(at, until, failures, error);
        let place = &mut self.places[at];
        place.patience = match place.patience {
            Patience::Some => Patience::LastTry,
            // Threads that give up there together are one failure.
            Patience::LastTry if rested => Patience::LastTry,
            _ => Patience::None,
        };
    }

    /// Whether it is not to be asked now.
    pub(crate) fn rests_at(&self, at: usize, now: Instant) -> bool {
        !self.is_due(at, now)
    }

    /// Failures in a row, without a byte in between.
    pub(crate) fn failures(&self, at: usize) -> u32 {
        self.places[at].failures
    }

    /// One more failure; returns how many in a row that makes.
    pub(crate) fn failed(&mut self, at: usize) -> u32 {
        self.places[at].failures += 1;
        self.places[at].failures
    }

    /// So many failures in a row are behind the lead.
    pub(crate) fn go_on_after(&mut self, failures: u32) {
        let lead = self.lead();
        let place = &mut self.places[lead];
        place.failures = failures;
        place.rest = None;
        for place in &mut self.places {
            place.patience = Patience::Some;
        }
    }

    /// Whether another one than `failed` can still be hoped for. Those that have a last try get it now.
    pub(crate) fn is_any_left(&mut self, failed: usize, now: Instant) -> bool {
        let mut is_left = false;
        for at in self.others_than(failed) {
            let place = &mut self.places[at];
            if place.patience == Patience::None {
                continue;
            }
            if place.patience == Patience::LastTry
                && let Some((until, _)) = &mut place.rest
            {
                *until = now.min(*until);
            }
            is_left = true;
        }
        is_left
    }

    /// Places that are of use besides this one.
    fn others_than(&self, but: usize) -> Vec<usize> {
        let others = (0..self.len()).filter(|at| *at != but && !self.is_aside(*at));
        others.filter(|at| self.may_help(*at)).collect()
    }

    /// Whether bytes may come of it beside those of the lead.
    fn may_help(&self, at: usize) -> bool {
        !self.alone || at == self.lead()
    }

    /// Those that can be asked for blocks now.
    pub(crate) fn usable(&self, now: Instant) -> Vec<usize> {
        let is_usable =
            |at: &usize| self.known(*at).is_some() && self.may_help(*at) && self.is_due(*at, now);
        (0..self.len()).filter(is_usable).collect()
    }

    /// The first one that has not shown yet whether it has the file, and may be asked now.
    pub(crate) fn stranger(&self, now: Instant) -> Option<usize> {
        let is_new = |at: &usize| matches!(self.places[*at].standing, Standing::New);
        (0..self.len())
            .filter(is_new)
            .find(|at| self.may_help(*at) && self.is_due(*at, now))
    }

    /// It is asked whether it has the file.
    pub(crate) fn is_asked(&mut self, at: usize) {
        self.places[at].standing = Standing::Asked;
    }

    /// How many are asked now whether they have the file.
    pub(crate) fn asked(&self) -> usize {
        let is_asked = |place: &&Place| matches!(place.standing, Standing::Asked);
        self.places.iter().filter(is_asked).count()
    }

    fn is_due(&self, at: usize, now: Instant) -> bool {
        let rest = self.places[at].rest.as_ref();
        rest.is_none_or(|(until, _)| *until <= now)
    }

    /// The first that may be asked again, of those that rest: when, why it rests, and how often it has
    /// failed.
    pub(crate) fn next_due(&self) -> Option<(Instant, Error, u32)> {
        let resting = (0..self.len()).filter(|at| !self.is_aside(*at) && self.may_help(*at));
        resting
            .filter_map(|at| {
                let place = &self.places[at];
                let (until, error) = place.rest.clone()?;
                Some((until, error, place.failures))
            })
            .min_by_key(|(until, ..)| *until)
    }

    /// All that may be asked for the file; those that have failed come last. Before it is known what the
    /// file is, any of them may be the one alone that gives it.
    pub(crate) fn in_turn(&self) -> Vec<usize> {
        let may_give = |at: &usize| self.lead.is_none() || self.may_help(*at);
        let all = (0..self.len()).filter(|at| !self.is_aside(*at));
        let mut all: Vec<usize> = all.filter(may_give).collect();
        all.sort_by_key(|at| self.places[*at].rest.as_ref().map(|(until, _)| *until));
        all
    }

    /// Those that can tell whether the bytes that are held are the file's.
    pub(crate) fn witnesses(&self) -> Vec<usize> {
        let mut witnesses = self.in_turn();
        witnesses.retain(|at| self.known(*at).is_some() && self.may_help(*at));
        witnesses
    }

    /// Those that have not shown yet whether they have the file, and may soon.
    pub(crate) fn expected(&self, now: Instant) -> usize {
        let is_expected = |at: &usize| {
            let standing = &self.places[*at].standing;
            matches!(standing, Standing::New | Standing::Asked)
                && self.may_help(*at)
                && self.is_due(*at, now)
        };
        (0..self.len()).filter(is_expected).count()
    }

    /// Bytes come from the lead only, from now on.
    pub(crate) fn go_alone(&mut self) {
        self.alone = true;
    }

    /// Whether bytes come from the lead only.
    pub(crate) fn is_alone(&self) -> bool {
        self.alone || self.len() == 1
    }
}

impl Place {
    fn new(source: Arc<Source>) -> Place {
        Place {
            source,
            standing: Standing::New,
            failures: 0,
            rest: None,
            patience: Patience::Some,
            given: RangeSet::new(),
        }
    }

    fn is_out(&self) -> bool {
        matches!(self.standing, Standing::Out(_))
    }
}

/// Whether an error is about the source and not about us.
pub(crate) fn is_of_source(error: &Error) -> bool {
    use Kind::{
        Busy, Changed, Connect, Disconnected, Dns, HtmlPage, HttpStatus, NotFound, Protocol, Proxy,
        Refused, TargetRefused, Timeout, Tls, TooManyRedirects,
    };
    matches!(
        error.kind,
        Busy | Changed
            | Connect
            | Disconnected
            | Dns
            | HtmlPage
            | HttpStatus
            | NotFound
            | Protocol
            | Proxy
            | Refused
            | TargetRefused
            | Timeout
            | Tls
            | TooManyRedirects
    )
}

/// Whether asking again is of no use: what is there is not the file, or not to be had in parts.
pub(crate) fn is_no_use(error: &Error) -> bool {
    matches!(error.retry, Retry::Never | Retry::NoParts) || error.kind == Kind::Changed
}

/// The request headers for one of a download's URLs. They may be credentials, which stay with the
/// origin of the first; only who asks is no secret.
fn headers_for(url: &Url, spec: &Spec) -> Vec<(String, String)> {
    let is_at_home = url.origin() == spec.url.origin();
    let is_for_all = |name: &str| is_at_home || name.trim().eq_ignore_ascii_case("user-agent");
    let headers = spec.headers.iter().filter(|(name, _)| is_for_all(name));
    headers.cloned().collect()
}

#[cfg(test)]
mod tests;
