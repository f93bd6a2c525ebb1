//! Who was refused, and why: one log line each, until there are too many. Knows neither the rules that
//! refuse nor any secret: of a request it sees the method and the path.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;

/// The other end of the connection that a request came on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

/// Marks an answer that refuses a request, with our stable code for the reason.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused(pub(super) &'static str);

/// Lines that may follow each other without a pause.
const BURST: u32 = 60;

/// How long it takes until one more may follow: a flood that never ends fills 2 MiB a day.
const PAUSE: Duration = Duration::from_secs(10);

/// Most characters of a path or method that are shown.
const LONGEST: usize = 200;

/// The log of refusals.
#[derive(Debug, Clone)]
pub(super) struct Audit(Arc<Mutex<Allowance>>);

impl Audit {
    pub(super) fn new() -> Audit {
        Audit(Arc::new(Mutex::new(Allowance::new(Instant::now()))))
    }

    /// Says that a request was refused.
    pub(super) fn request(&self, peer: Option<Peer>, method: &str, path: &str, code: &str) {
        let (method, path) = (cut(method), cut(path));
        self.say(|| tracing::warn!(%code, peer = %shown(peer), ?method, ?path, "refused"));
    }

    /// Says that a connection was closed for what its other end did.
    pub(super) fn connection(&self, peer: Option<Peer>, code: &str) {
        self.say(|| tracing::warn!(%code, peer = %shown(peer), "closed"));
    }

    fn say(&self, line: impl FnOnce()) {
        // A leaf lock: nothing is logged, locked or awaited while it is held.
        let turn = {
            let mut allowance = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            allowance.take(Instant::now())
        };
        let Turn::Said { unsaid, is_last } = turn else {
            return;
        };
        if unsaid > 0 {
            tracing::warn!(unsaid, "as many refusals before this one were not logged");
        }
        line();
        if is_last {
            tracing::warn!("too many refusals: from here on few of them are logged");
        }
    }
}

fn shown(peer: Option<Peer>) -> String {
    peer.map_or_else(|| "unknown".to_owned(), |Peer(address)| address.to_string())
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST)]
}

/// How many lines may be written now.
#[derive(Debug)]
struct Allowance {
    left: u32,
    /// Since when there is less than all.
    since: Instant,
    unsaid: u64,
}

/// Whether a line is written.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Said { unsaid: u64, is_last: bool },
    Unsaid,
}

impl Allowance {
    fn new(now: Instant) -> Allowance {
        Allowance {
            left: BURST,
            since: now,
            unsaid: 0,
        }
    }

    fn take(&mut self, now: Instant) -> Turn {
        let pauses = now.saturating_duration_since(self.since).as_secs() / PAUSE.as_secs();
        let earned = u32::try_from(pauses).unwrap_or(u32::MAX);
        self.since += PAUSE * earned.min(BURST);
        self.left = self.left.saturating_add(earned).min(BURST);
        if self.left == BURST {
            self.since = now;
        }
        if self.left == 0 {
            self.unsaid += 1;
            return Turn::Unsaid;
        }
        self.left -= 1;
        let unsaid = std::mem::take(&mut self.unsaid);
        Turn::Said {
            unsaid,
            // What comes drop by drop after that has been announced.
            is_last: self.left == 0 && unsaid == 0,
        }
    }
}

/// Looks at every answer, and logs those that refuse.
pub(super) async fn watch(State(audit): State<Audit>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let response = next.run(request).await;
    if let Some(Refused(code)) = response.extensions().get::<Refused>() {
        audit.request(peer, method.as_str(), uri.path(), code);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_off_and_counted() {
        let begun = Instant::now();
        let mut allowance = Allowance::new(begun);
        let said = |unsaid, is_last| Turn::Said { unsaid, is_last };
        for _ in 1..BURST {
            assert_eq!(allowance.take(begun), said(0, false));
        }
        assert_eq!(allowance.take(begun), said(0, true));
        for _ in 0..1000 {
            assert_eq!(allowance.take(begun), Turn::Unsaid);
        }
        let later = begun + PAUSE;
        assert_eq!(allowance.take(later), said(1000, false));
        assert_eq!(allowance.take(later), Turn::Unsaid);
        // Quiet for long: all of it is there again, and no more than that.
        let quiet = later + PAUSE * 10 * BURST;
        assert_eq!(allowance.take(quiet), said(1, false));
        let more = (1..BURST).filter(|_| allowance.take(quiet) != Turn::Unsaid);
        assert_eq!(more.count(), usize::try_from(BURST).expect("small") - 1);
        assert_eq!(allowance.take(quiet), Turn::Unsaid);
    }

    #[test]
    fn a_day_of_flood_is_few_lines() {
        let begun = Instant::now();
        let mut allowance = Allowance::new(begun);
        let seconds = 24 * 60 * 60;
        let at = |second| begun + Duration::from_secs(second);
        let said = (0..seconds).filter(|second| allowance.take(at(*second)) != Turn::Unsaid);
        let lines = said.count();
        assert!((8_000..9_000).contains(&lines), "{lines}");
    }

    #[test]
    fn what_is_shown_of_a_request_is_short() {
        assert_eq!(cut(&"я".repeat(200)).len(), LONGEST);
        assert_eq!(cut("/a"), "/a");
    }
}
