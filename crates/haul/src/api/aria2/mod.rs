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
mod strangers;
mod talk;
mod transport;

pub(super) use transport::{get, post};

/// Where it answers. Calls bring the token themselves there, and reading is enough to command.
pub(super) const PATH: &str = "/jsonrpc";

/// What the skin holds as long as the process lives.
pub(super) struct State {
    /// 40 hex digits, other ones in each process.
    session: String,
    globals: globals::Globals,
    strangers: strangers::Strangers,
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
            strangers: strangers::Strangers::default(),
        }
    }
}
