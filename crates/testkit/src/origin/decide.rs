//! Decides the answer to a request: a pure function of the knobs, the request and what came
//! before. It knows nothing of sockets; `send` puts the answer on the wire.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::book::Facts;
use super::file::file;
use super::knobs::{Head, Knobs, Refusal};
use super::reply::{Reply, refusal};
use super::request::Request;

/// What to do about a request.
#[derive(Debug)]
pub(crate) enum Decision {
    Answer(Box<Reply>),
    Reset,
}

/// The answer to a query string that cannot be obeyed.
pub(crate) fn bad_knob(why: &str) -> Reply {
    refusal(400, why)
}

/// The knobs that count for one request: those of `later`, when its time has come.
pub(crate) fn at_this_time(mut knobs: Knobs, facts: &Facts) -> (Knobs, Time) {
    let since = facts.nth.checked_sub(knobs.later_from);
    let is_within = since.is_some_and(|since| knobs.later_times.is_none_or(|times| since < times));
    let is_open = |gate: &String| facts.gates.contains(gate);
    let has_begun = knobs.later_on.as_ref().is_none_or(is_open);
    let is_past = knobs.later_until.as_ref().is_some_and(is_open);
    if is_within && has_begun && !is_past {
        let over = knobs.later.take();
        return over.map_or((knobs, Time::Base), |over| (*over, Time::Later));
    }
    (knobs, Time::Base)
}

/// Whether the knobs of `later` are in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    /// They are not.
    Base,
    /// They are.
    Later,
}

/// The knobs as they are for one request: outside of the window of faults, without them.
pub(crate) fn in_force(knobs: Knobs, facts: &Facts) -> Knobs {
    let since = facts.nth.checked_sub(knobs.fail_from);
    let is_within = since.is_some_and(|since| knobs.fail_times.is_none_or(|times| since < times));
    if is_within && !is_healed(&knobs, facts) {
        return knobs;
    }
    knobs.sound()
}

/// Decides what to do about `request`; the knobs are those [`in_force`].
pub(crate) fn decide(knobs: &Knobs, request: &Request, facts: &Facts) -> Decision {
    if facts.is_over {
        return match knobs.over_status {
            Refusal::Reset => Decision::Reset,
            Refusal::Status(status) => answer(knobs, waiting(knobs, status), request),
        };
    }
    let reply = way(knobs, request, facts)
        .or_else(|| refused(knobs, request, facts))
        .unwrap_or_else(|| file(knobs, request, facts));
    answer(knobs, reply, request)
}

fn answer(knobs: &Knobs, mut reply: Reply, request: &Request) -> Decision {
    reply.bodiless = request.method == "HEAD";
    reply.after = knobs.keepalive;
    Decision::Answer(Box::new(reply))
}

/// What stands between the client and the file: credentials, one-time URLs, redirects.
fn way(knobs: &Knobs, request: &Request, facts: &Facts) -> Option<Reply> {
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return Some(refusal(405, "only GET and HEAD"));
    }
    if let Some(user) = &knobs.basic {
        let wanted = format!("Basic {}", BASE64_STANDARD.encode(user));
        if request.header("authorization") != Some(&wanted) {
            let reply = refusal(401, "credentials, please");
            return Some(reply.with("WWW-Authenticate: Basic realm=\"testkit\""));
        }
    }
    if knobs.once && facts.nth > 1 {
        return Some(refusal(410, "this URL answered once"));
    }
    if knobs.redirect_loop {
        return Some(redirect(knobs, request.target.as_bytes()));
    }
    if let Some(to) = &knobs.redirect_to {
        return Some(redirect(knobs, to));
    }
    if knobs.redirect > 0 {
        let old = format!("redirect={}", knobs.redirect);
        let new = format!("redirect={}", knobs.redirect - 1);
        let next = request.query().replacen(&old, &new, 1);
        return Some(redirect(knobs, format!("?{next}").as_bytes()));
    }
    let limit = knobs.expire_after?;
    if knobs.token.is_none() {
        let next = format!("?{}&token={}", request.query(), facts.nth);
        return Some(redirect(knobs, next.as_bytes()));
    }
    (facts.nth > limit).then(|| refusal(knobs.expire_status, "this URL has expired"))
}

/// Refusals at the file's own URL.
fn refused(knobs: &Knobs, request: &Request, facts: &Facts) -> Option<Reply> {
    if let Some(status) = knobs.status
        && facts.nth <= knobs.status_times
        && knobs
            .status_on
            .as_ref()
            .is_none_or(|gate| facts.gates.contains(gate))
        && !is_healed(knobs, facts)
    {
        return Some(waiting(knobs, status));
    }
    if request.method == "HEAD" {
        return (knobs.head == Head::Refused).then(|| refusal(405, "no HEAD here"));
    }
    if let Some(after) = knobs.html_error_after
        && facts.nth > after
        && knobs
            .fail_times
            .is_none_or(|times| facts.nth - after <= times)
        && !is_healed(knobs, facts)
    {
        return Some(html_page());
    }
    if request.header("range").is_none() {
        let refuses = knobs.require_range;
        return refuses.then(|| refusal(403, "only parts of this file are served"));
    }
    if let Some(status) = knobs.refuse_range {
        return Some(no_range(knobs, status, "only the whole file is served"));
    }
    let asked = request.asked()?;
    let last = asked.last.unwrap_or(knobs.size.saturating_sub(1));
    let length = last.saturating_sub(asked.first).saturating_add(1);
    let too_long = knobs.long_range.is_some_and(|limit| length > limit);
    too_long.then(|| no_range(knobs, knobs.long_range_status, "the range is too long"))
}

/// A range refused; a 416 says the size as RFC 9110 section 15.5.17 has it.
fn no_range(knobs: &Knobs, status: u16, why: &str) -> Reply {
    let reply = refusal(status, why);
    if status != 416 || knobs.bare_416 {
        return reply;
    }
    reply.with(&format!("Content-Range: bytes */{}", knobs.size))
}

fn is_healed(knobs: &Knobs, facts: &Facts) -> bool {
    let gate = knobs.fail_until.as_ref();
    gate.is_some_and(|gate| facts.gates.contains(gate))
}

fn redirect(knobs: &Knobs, to: &[u8]) -> Reply {
    let mut reply = refusal(knobs.redirect_status, "elsewhere");
    reply.headers.push([b"Location: ", to].concat());
    reply
}

fn waiting(knobs: &Knobs, status: u16) -> Reply {
    let mut reply = refusal(status, "not now");
    if let Some(when) = &knobs.retry_after {
        reply.headers.push([b"Retry-After: ", &when[..]].concat());
    }
    reply
}

fn html_page() -> Reply {
    let page = "<!DOCTYPE html><title>Error</title><p>Something went wrong.\n";
    let mut reply = refusal(200, page);
    reply.headers = vec![b"Content-Type: text/html; charset=utf-8".to_vec()];
    reply
}
