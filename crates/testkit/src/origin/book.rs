//! What the origin remembers: every request, every open connection, every open gate. Connections
//! write it, tests read it and wait on it. It knows nothing of sockets or of how to answer.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;

use super::request::{Asked, Request, path_of};

/// A test that waits longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// One request that the origin saw, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The connection that it came on, numbered from 1 in the order of acceptance.
    pub connection: u64,
    /// The method.
    pub method: String,
    /// Path and query as sent; an absolute URL from a client that takes the origin for its proxy.
    pub target: String,
    /// The single range that it asked for.
    pub range: Option<Asked>,
    /// Its headers, in order.
    pub headers: Vec<(String, String)>,
    /// The status sent; 0 while none has been, or when the connection was reset instead.
    pub status: u16,
    /// Bytes of the body given to the connection so far; framing is not counted.
    pub body_sent: u64,
    /// Whether the answer is over, whatever its end.
    pub over: bool,
    /// Whether the knobs of `later` were in force.
    pub later: bool,
}

impl Seen {
    /// The path without the query.
    pub fn path(&self) -> &str {
        path_of(&self.target)
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter();
        found
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) log: Vec<Seen>,
    pub(crate) open: usize,
    pub(crate) max_open: usize,
    pub(crate) accepted: u64,
    pub(crate) unknown: Vec<String>,
    gates: HashSet<String>,
    /// How many answers have come to each gate while it was closed.
    pub(crate) at_gate: HashMap<String, u64>,
    targets: HashMap<String, Target>,
}

#[derive(Default)]
struct Target {
    requests: u64,
    busy: u64,
}

#[derive(Default)]
pub(crate) struct Book {
    state: Mutex<State>,
    changed: Notify,
}

/// What the answer to a request may depend on beside the request.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// The request's number among those for its target, from 1.
    pub(crate) nth: u64,
    /// The connection's number, from 1.
    pub(crate) connection: u64,
    /// Whether as many requests for its target as are allowed were being answered when it came.
    pub(crate) is_over: bool,
    /// The gates that were open when it came.
    pub(crate) gates: HashSet<String>,
}

impl Book {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding it")
    }

    /// Looks at the state.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_waiters();
        result
    }

    /// A connection has been accepted; it counts as open until the guard is dropped.
    pub(crate) fn connect(self: &Arc<Book>) -> Connected {
        let number = self.change(|state| {
            state.open += 1;
            state.max_open = state.max_open.max(state.open);
            state.accepted += 1;
            state.accepted
        });
        Connected {
            book: Arc::clone(self),
            number,
        }
    }

    /// Marks a query string that the origin could not obey.
    pub(crate) fn refuse_knob(&self, why: String) {
        self.change(|state| state.unknown.push(why));
    }

    /// Opens a gate for good.
    pub(crate) fn open_gate(&self, name: &str) {
        self.change(|state| state.gates.insert(name.to_owned()));
    }

    /// Returns once the gate is open.
    pub(crate) async fn pass(&self, gate: &str) {
        let is_open = self.change(|state| {
            let is_open = state.gates.contains(gate);
            if !is_open {
                *state.at_gate.entry(gate.to_owned()).or_default() += 1;
            }
            is_open
        });
        if !is_open {
            self.until(|state| state.gates.contains(gate)).await;
        }
    }

    /// Returns once `ready` holds.
    async fn until(&self, ready: impl Fn(&State) -> bool) {
        loop {
            let changed = self.changed.notified();
            if ready(&self.lock()) {
                return;
            }
            changed.await;
        }
    }

    /// Returns once `ready` holds, on behalf of a test.
    ///
    /// # Panics
    /// With the whole log, when that takes longer than a test should.
    pub(crate) async fn wait(&self, what: &str, ready: impl Fn(&State) -> bool) {
        if tokio::time::timeout(PATIENCE, self.until(ready))
            .await
            .is_err()
        {
            let log = self.read(|state| format!("{:#?}", state.log));
            panic!("waited {PATIENCE:?} for {what}; the origin saw {log}");
        }
    }
}

/// An open connection.
pub(crate) struct Connected {
    book: Arc<Book>,
    pub(crate) number: u64,
}

impl Connected {
    pub(crate) fn book(&self) -> &Arc<Book> {
        &self.book
    }

    /// A request has come on this connection; `limit` is how many for its target may be answered
    /// at once.
    pub(crate) fn arrive(&self, request: &Request, limit: Option<u64>) -> (Visit, Facts) {
        let (index, facts) = self.book.change(|state| {
            state.log.push(Seen {
                connection: self.number,
                method: request.method.clone(),
                target: request.target.clone(),
                range: request.asked(),
                headers: request.headers.clone(),
                status: 0,
                body_sent: 0,
                over: false,
                later: false,
            });
            let target = state.targets.entry(request.target.clone()).or_default();
            target.requests += 1;
            // One that is turned away takes no place.
            let is_over = limit.is_some_and(|limit| target.busy >= limit);
            target.busy += u64::from(!is_over);
            let facts = Facts {
                nth: target.requests,
                connection: self.number,
                is_over,
                gates: state.gates.clone(),
            };
            (state.log.len() - 1, facts)
        });
        let visit = Visit {
            book: Arc::clone(&self.book),
            index,
            has_place: !facts.is_over,
        };
        (visit, facts)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.book.change(|state| state.open -= 1);
    }
}

/// One request's line in the log, open until dropped.
pub(crate) struct Visit {
    book: Arc<Book>,
    index: usize,
    /// Whether it counts among its target's requests being answered.
    has_place: bool,
}

impl Visit {
    /// The head with this status is about to be sent.
    pub(crate) fn answered(&self, status: u16) {
        self.book
            .change(|state| state.log[self.index].status = status);
    }

    /// The knobs of `later` are in force.
    pub(crate) fn came_later(&self) {
        self.book.change(|state| state.log[self.index].later = true);
    }

    /// So many more bytes of the body were sent.
    pub(crate) fn sent(&self, bytes: u64) {
        self.book
            .change(|state| state.log[self.index].body_sent += bytes);
    }

    /// Waits at a gate.
    pub(crate) async fn pass(&self, gate: &str) {
        self.book.pass(gate).await;
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.book.change(|state| {
            let seen = &mut state.log[self.index];
            seen.over = true;
            if let Some(target) = state.targets.get_mut(&seen.target) {
                target.busy -= u64::from(self.has_place);
            }
        });
    }
}
