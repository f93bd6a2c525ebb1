//! Who asks: every skin (REST, live WebSocket, text console, aria2) over the same commands.

pub(crate) mod aria2;
mod audit;
mod auth;
mod browser;
mod calls;
mod command;
mod console;
mod content;
mod error;
#[cfg(test)]
mod fuzz;
mod list;
mod live;
mod metrics;
mod neighbours;
mod once;
mod origin;
mod rest;
mod serve;
mod socket;
mod tls;
mod types;
mod why;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use haul_engine::Engine;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

#[cfg(test)]
pub(crate) use error::Code;
pub(crate) use serve::serve;
pub(crate) use tls::acceptor;
pub(crate) use types::add::is_own_header;
#[cfg(test)]
pub(crate) use types::download::tests::sample;
pub(crate) use types::download::{Detail, Download};
#[cfg(test)]
pub(crate) use why::CODES as CAUSES;

/// A language of the text console and of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Lang {
    /// Russian, the original's.
    #[default]
    Ru,
    /// English.
    En,
}

impl Lang {
    /// The language with this code, `ru` or `en`.
    pub(crate) fn from_code(code: &str) -> Option<Lang> {
        match code {
            "ru" => Some(Lang::Ru),
            "en" => Some(Lang::En),
            _ => None,
        }
    }

    /// Its code.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Lang::Ru => "ru",
            Lang::En => "en",
        }
    }
}

/// Whether the console takes URLs while a batch runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Batches {
    /// At any time.
    #[default]
    Any,
    /// Like the original: not before the last batch has finished.
    One,
}

/// The server's certificate chain and key, PEM files.
#[derive(Debug, Clone)]
pub(crate) struct TlsFiles {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// What the server is told at its start.
#[derive(Clone)]
pub(crate) struct ApiOptions {
    /// The configured name or address under which it is reached, for the `Host` check.
    pub(crate) host: String,
    /// Required of every request when set.
    pub(crate) token: Option<String>,
    /// Origins of other pages that may call.
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) lang: Lang,
    pub(crate) console_batches: Batches,
    /// The directory that a request's `dir` must lie in: where finished files go; absolute.
    pub(crate) root: PathBuf,
    /// Where haul keeps its own things, and nobody else puts any; absolute.
    pub(crate) state: PathBuf,
    /// Cancelled when a client asks the daemon to end.
    pub(crate) quit: CancellationToken,
}

// By hand, so that the token reaches no log.
impl fmt::Debug for ApiOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiOptions")
            .field("host", &self.host)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("allowed_origins", &self.allowed_origins)
            .field("lang", &self.lang)
            .field("console_batches", &self.console_batches)
            .field("root", &self.root)
            .finish()
    }
}

/// What every request may reach.
struct App {
    engine: Engine,
    options: ApiOptions,
    /// Cancelled when the server stops.
    stop: CancellationToken,
    /// One permit per WebSocket.
    sockets: Arc<Semaphore>,
    /// The open sockets, so that stopping can wait for their goodbye.
    conversations: TaskTracker,
    frames: live::Frames,
    batch: console::LastBatch,
    aria2: aria2::State,
    audit: audit::Audit,
}

impl App {
    fn new(
        engine: Engine,
        options: ApiOptions,
        audit: audit::Audit,
        stop: CancellationToken,
    ) -> App {
        App {
            engine,
            options,
            stop,
            sockets: Arc::new(Semaphore::new(socket::MOST_SOCKETS)),
            conversations: TaskTracker::new(),
            frames: live::Frames::default(),
            batch: console::LastBatch::default(),
            aria2: aria2::State::default(),
            audit,
        }
    }
}
