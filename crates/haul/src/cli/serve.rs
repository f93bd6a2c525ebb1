//! `haul serve`: what a daemon needs before it runs.

use std::future::pending;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use haul_engine::{Id, Spec};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use super::daemon::Daemon;
use super::exit::{self, Failure};
use super::listed;
use super::output::{self, LogDefault, Verbosity};
use crate::api;
use crate::assemble::{self, State};
use crate::config::{self, Config, Flags};
use crate::shutdown::Signals;

/// `haul serve`.
#[derive(Clone, Args)]
#[command(after_help = "Examples:
  haul serve
  haul serve --dir /srv/files --speed-limit 20M
  haul serve --input-file aria2.session
  haul serve --host 0.0.0.0 --tls-cert chain.pem --tls-key key.pem

Every flag is also a key of haul.toml and an environment variable:
`haul config` shows them.")]
pub(crate) struct Serve {
    #[command(flatten)]
    flags: Flags<config::Serve>,
    /// Add what FILE lists, - is stdin, unless it is in the list already: an input or session file as
    /// aria2 writes it
    #[arg(long, value_name = "FILE")]
    input_file: Option<PathBuf>,
}

/// Runs the daemon until it is told to stop.
pub(crate) fn serve(asked: &Serve, verbosity: Verbosity) -> anyhow::Result<u8> {
    let loaded = config::effective(&asked.flags)?;
    let _log = output::start_logging(&loaded, verbosity, LogDefault::Info, None);
    for (variable, near) in config::misspelt_variables() {
        tracing::warn!("the environment variable {variable} means nothing; did you mean {near}?");
    }
    let config = loaded.config;
    let acceptor = acceptor(&config)?;
    assemble::create_dir(&config.dir)?;
    let state = State::take(&config.state_dir())?;
    assemble::open_many_files();
    let transfers =
        assemble::transfer_runtime(assemble::Turn::AfterAnswers).context("cannot start threads")?;
    let api = assemble::api_runtime().context("cannot start threads")?;
    let wanted = match &asked.input_file {
        Some(path) => listed::read(path, &config.dir)?,
        None => Vec::new(),
    };
    let ended = api.block_on(run(&config, &state, acceptor, &transfers, wanted));
    // Whatever still runs has been told to stop and has had its time.
    transfers.shutdown_background();
    api.shutdown_background();
    ended
}

/// What speaks TLS, when that is configured. Read before anything is promised to anybody.
fn acceptor(config: &Config) -> anyhow::Result<Option<TlsAcceptor>> {
    let Some(files) = config.tls() else {
        return Ok(None);
    };
    match api::acceptor(&files) {
        Ok(acceptor) => Ok(Some(acceptor)),
        Err(cause) => Err(Failure::new(exit::USAGE, format!("{cause:#}"))
            .next("check tls_cert and tls_key; `haul config` shows where they come from")
            .into()),
    }
}

async fn run(
    config: &Config,
    state: &State,
    acceptor: Option<TlsAcceptor>,
    transfers: &Runtime,
    wanted: Vec<(Id, Spec)>,
) -> anyhow::Result<u8> {
    let signals = Signals::listen().context("cannot listen for signals")?;
    let daemon = Daemon {
        config,
        state,
        acceptor,
        transfers,
        listeners: assemble::listen(&config.host, config.port).await?,
        wanted,
    };
    daemon.run(signals, pending(), |_| {}).await
}
