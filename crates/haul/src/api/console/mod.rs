//! The text console at `/`: line commands that people type, driven by any WebSocket client.

mod backend;
mod dialogue;
mod phrase;
mod recording;
#[cfg(test)]
mod transcripts;

use std::sync::Arc;

use axum::response::Response;
use haul_engine::{Error, Kind};

use backend::Daemon;
pub(super) use backend::LastBatch;
use dialogue::Console;

use super::error::ApiError;
use super::socket::Upgrade;
use super::types::params::Params;
use super::{App, Lang, socket};

/// Opens the dialogue; `?lang=en` chooses its language.
pub(super) fn connect(app: &Arc<App>, upgrade: Upgrade, query: &str) -> Result<Response, ApiError> {
    let lang = match Params::query(query)?.text("lang", "The language of the answers.")? {
        None => app.options.lang,
        Some(code) => Lang::from_code(&code).ok_or_else(|| {
            Error::new(
                Kind::InvalidOption,
                format!("lang: \"{code}\" is not allowed; give ru or en"),
            )
        })?,
    };
    let batches = app.options.console_batches;
    socket::open(app, upgrade, move |app| {
        Console::new(Arc::new(Daemon::new(app)), lang, batches)
    })
}
