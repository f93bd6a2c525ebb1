//! The aria2 skin at `/jsonrpc`: JSON-RPC as aria2's clients speak it, over HTTP and WebSocket. It only
//! translates; `docs/aria2.md` says what differs.

pub(crate) mod add;
mod args;
mod change;
mod control;
mod envelope;
#[cfg(test)]
mod fuzz;
mod gid;
mod globals;
mod lists;
mod method;
mod notify;
mod one;
pub(crate) mod options;
mod pieces;
mod session;
mod standing;
mod status;
mod talk;
mod transport;

use std::sync::Arc;

use tokio::sync::Semaphore;

pub(super) use transport::{get, post};

/// Where it answers. Calls bring the token themselves there, and reading is enough to command.
pub(super) const PATH: &str = "/jsonrpc";

/// Bodies and sockets at once that have not shown the token yet.
const MOST_UNKNOWN: usize = 64;

/// What the skin holds as long as the process lives.
pub(super) struct State {
    /// 40 hex digits, other ones in each process.
    session: String,
    globals: globals::Globals,
    /// One permit for each of those.
    unknown: Arc<Semaphore>,
}

impl Default for State {
    fn default() -> State {
        let mut random = [0; 20];
        // Without random numbers it is still another one after a restart, which is all it is for.
        if getrandom::fill(&mut random).is_err() {
            random[..4].copy_from_slice(&std::process::id().to_be_bytes());
        }
        State {
            session: random.iter().map(|byte| format!("{byte:02x}")).collect(),
            globals: globals::Globals::default(),
            unknown: Arc::new(Semaphore::new(MOST_UNKNOWN)),
        }
    }
}
