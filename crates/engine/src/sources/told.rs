//! What people are told of a download's sources: why none of them gives the file, and which are not used.

use super::{Sources, Standing};
use crate::error::{Error, Kind, redacted};

/// So many sources that are set aside are named to people.
const NAMED: usize = 3;

impl Sources {
    /// Why none of them gives the file: what the lead, or else the first of them, has said that another
    /// try may mend, or if there is nothing such, what it has said.
    pub(crate) fn verdict(&self) -> Error {
        let mut said: Vec<(usize, &Error)> = (0..self.len())
            .filter_map(|at| Some((at, self.trouble(at)?)))
            .collect();
        said.sort_by_key(|(at, _)| *at != self.lead());
        let mendable = said
            .iter()
            .position(|(at, error)| error.retryable() && !self.is_aside(*at));
        if said.is_empty() {
            return Error::passing(Kind::Disconnected, "no source gives the file");
        }
        let (_, told) = said.remove(mendable.unwrap_or(0));
        let mut verdict = told.clone();
        let others: Vec<String> = said
            .iter()
            .take(NAMED)
            .map(|(at, error)| self.named(*at, error))
            .collect();
        if !others.is_empty() {
            verdict.detail = format!("{}; {}", verdict.detail, others.join("; "));
        }
        verdict
    }

    fn trouble(&self, at: usize) -> Option<&Error> {
        let place = &self.places[at];
        match &place.standing {
            Standing::Apart(why) | Standing::Aside(why) | Standing::Out(why) => Some(why),
            _ => place.rest.as_ref().map(|(_, error)| error),
        }
    }

    /// Which sources are not used, and why.
    pub(crate) fn unused(&self) -> Option<String> {
        let aside = (0..self.len()).filter_map(|at| match &self.places[at].standing {
            Standing::Apart(why) => Some(format!("{}: kept in reserve", self.named(at, why))),
            Standing::Aside(why) | Standing::Out(why) => {
                Some(format!("{}: not used", self.named(at, why)))
            }
            _ => None,
        });
        let mut told: Vec<String> = aside.take(NAMED).collect();
        if self.alone && self.len() > 1 {
            let lead = redacted(&self.source(self.lead()).home);
            told.push(format!(
                "what several sources gave did not fit together: only {lead} is used"
            ));
        }
        (!told.is_empty()).then(|| told.join("; "))
    }

    fn named(&self, at: usize, error: &Error) -> String {
        let place = if at == 0 { "source" } else { "mirror" };
        let url = redacted(&self.source(at).home);
        format!("{place} {url}: {}", error.detail)
    }
}
