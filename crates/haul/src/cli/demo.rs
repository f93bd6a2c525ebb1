//! `haul demo`: a daemon with something to do, for a newcomer without a network.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::daemon::{Daemon, reachable};
use super::number;
use super::output::{self, LogDefault, Verbosity};
use crate::assemble::{self, State};
use crate::config::{self, Config};
use crate::demo::{self, Origin};
use crate::shutdown::Signals;

/// `haul demo`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  haul demo
  haul demo --for 5m --port 0

A slow server on this machine has a dozen files: one whose every second
connection crawls, one without ranges, one without a size, one on a server
that is busy at first, one that is missing, one with a digest to be checked,
one that waits to be resumed. A daemon downloads them. Look at it with
`haul watch`, in a browser, or on the console; how is told when it starts.

Everything is in a directory that is deleted at the end, or at Ctrl-C.")]
pub(crate) struct Demo {
    /// How long it lasts; the downloads take most of that time
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = length)]
    length: Duration,
    /// Listening port; 0 takes any free one [default: 8765, or any when that is taken]
    #[arg(long, value_name = "PORT", value_parser = |text: &str| number::between(text, 0, u16::MAX))]
    port: Option<u16>,
}

/// Shorter ones show nothing, longer ones are no demo.
fn length(text: &str) -> Result<Duration, String> {
    let length = config::parse_duration(text)?;
    if (Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&length) {
        return Ok(length);
    }
    Err("give 1s to 1h".into())
}

/// Runs the demo until its time is over or somebody stops it.
pub(crate) fn demo(asked: &Demo, verbosity: Verbosity) -> anyhow::Result<u8> {
    let place = tempfile::Builder::new()
        .prefix("haul-demo-")
        .tempdir()
        .context("cannot make a temporary directory")?;
    let loaded = config::untouched(place.path())?;
    let _log = output::start_logging(&loaded, verbosity, LogDefault::Error, None);
    let config = Config {
        port: asked.port.unwrap_or(loaded.config.port),
        // A full temporary directory is no reason to show nothing.
        min_free_space: 0,
        // All files come from one host here, which they seldom do elsewhere.
        max_connections_per_host: loaded.config.max_connections,
        ..loaded.config
    };
    assemble::create_dir(&config.dir)?;
    let state = State::take(&config.state_dir())?;
    let transfers =
        assemble::transfer_runtime(assemble::Turn::AfterAnswers).context("cannot start threads")?;
    let api = assemble::api_runtime().context("cannot start threads")?;
    let ended = api.block_on(run(asked, verbosity, &config, &state, &transfers));
    transfers.shutdown_background();
    api.shutdown_background();
    ended
}

async fn run(
    asked: &Demo,
    verbosity: Verbosity,
    config: &Config,
    state: &State,
    transfers: &tokio::runtime::Runtime,
) -> anyhow::Result<u8> {
    let signals = Signals::listen().context("cannot listen for signals")?;
    let origin = Origin::listen(asked.length).await;
    let origin = origin.context("the demo's own server cannot listen")?;
    let daemon = Daemon {
        config,
        state,
        acceptor: None,
        transfers,
        listeners: listeners(asked, config).await?,
        wanted: demo::wanted(origin.address()?),
    };
    let over = async {
        tokio::select! {
            () = sleep(asked.length) => {}
            // It ends by itself only when something is wrong with it, and then there is nothing to show.
            _ = origin.serve() => {}
        }
    };
    let greet = |addresses: &[SocketAddr]| {
        if !verbosity.quiet {
            greet(asked.length, &config.dir, addresses);
        }
    };
    let code = daemon.run(signals, over, greet).await?;
    if !verbosity.quiet {
        output::note("the demo is over; its files are deleted");
    }
    Ok(code)
}

/// The usual port, where every client looks, unless somebody else has it.
async fn listeners(
    asked: &Demo,
    config: &Config,
) -> anyhow::Result<Vec<(SocketAddr, TcpListener)>> {
    match assemble::listen(&config.host, config.port).await {
        Err(assemble::Error::PortTaken { .. }) if asked.port.is_none() => {
            Ok(assemble::listen(&config.host, 0).await?)
        }
        listening => Ok(listening?),
    }
}

/// What a newcomer can look at.
fn greet(length: Duration, dir: &Path, addresses: &[SocketAddr]) {
    let Some(address) = addresses.first().copied().map(reachable) else {
        return;
    };
    let port = address.port();
    let server = match port {
        8765 => String::new(),
        _ => format!(" --server http://localhost:{port}"),
    };
    output::note(format_args!(
        "
Files are coming in from a slow server on this machine. Look at them
  in a browser     http://localhost:{port}/
  in a terminal    haul watch{server}
                   haul ls{server}
  on the console   haul console{server}     then: loading
  as files         {dir}
It ends by itself in {length}; Ctrl-C ends it now.
",
        dir = dir.display(),
        length = config::print_duration(length),
    ));
}
