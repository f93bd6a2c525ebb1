//! `haul serve`: the daemon, from its start to its last checkpoint.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use haul_engine::{Engine, Id, New, Spec};
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::exit::{self, Failure};
use super::listed;
use super::output::{self, LogDefault, Verbosity};
use crate::api::{self, ApiOptions};
use crate::assemble::{self, State, Token};
use crate::config::{self, Config, Flags};
use crate::shutdown::Signals;

/// `haul serve`.
#[derive(Clone, Args)]
#[command(after_help = "Examples:
  haul serve
  haul serve --dir /srv/files --speed-limit 20M
  haul serve --input-file aria2.session
  haul serve --host 0.0.0.0 --tls-cert chain.pem --tls-key key.pem

Every flag is also a key of haul.toml and an environment variable; `haul config` shows them.")]
pub(crate) struct Serve {
    #[command(flatten)]
    flags: Flags<config::Serve>,
    /// Add what FILE lists, - is stdin, unless it is in the list already: an input or session file as
    /// aria2 writes it
    #[arg(long, value_name = "FILE")]
    input_file: Option<PathBuf>,
}

/// How long a stop may take; less than the ten seconds that are promised.
const LONGEST_STOP: Duration = Duration::from_secs(9);

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
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let listeners = assemble::listen(&config.host, config.port).await?;
    let addresses: Vec<SocketAddr> = listeners.iter().map(|(address, _)| *address).collect();
    let token = token(config, state)?;
    let engine = Engine::start(
        haul_engine::Config {
            // Whoever may ask us chooses a directory in ours, and nowhere else.
            root: Some(config.dir.clone()),
            ..config.engine(config.dir.clone(), state.dir().to_owned())
        },
        state.open_store()?,
        transfers.handle().clone(),
    )
    .await?;
    add_unknown(&engine, wanted).await?;
    let stop = CancellationToken::new();
    let quit = CancellationToken::new();
    let api = config.api(
        token.as_ref().map(|token| token.text().to_owned()),
        quit.clone(),
    );
    let mut server = start_server(&engine, api, acceptor, listeners, &stop);
    announce(config, &addresses, token.as_ref());
    notify(&[NotifyState::Ready]);

    let ended = tokio::select! {
        () = signals.next() => Ok(exit::DONE),
        () = quit.cancelled() => Ok(exit::DONE),
        // It only ends by itself when something is wrong with it.
        ended = server.join_next() => match ended {
            Some(Ok(Err(cause))) => Err(cause),
            Some(Err(cause)) => Err(cause.into()),
            Some(Ok(Ok(()))) | None => Ok(exit::FAILED),
        },
    };
    notify(&[NotifyState::Stopping]);
    tracing::info!("stopping; a second signal ends haul at once");
    let closing = async {
        // The engine first: clients still see their downloads come to rest.
        engine.shutdown().await;
        stop.cancel();
        while server.join_next().await.is_some() {}
    };
    if signals
        .unless_repeated(tokio::time::timeout(LONGEST_STOP, closing))
        .await
        .is_err()
    {
        tracing::warn!("not everything stopped in time; what was checkpointed is safe");
    }
    ended
}

/// Adds the downloads that are not in the list yet.
async fn add_unknown(engine: &Engine, wanted: Vec<(Id, Spec)>) -> haul_engine::Result<()> {
    let unknown = wanted.into_iter();
    let unknown = unknown.filter(|(id, _)| engine.live().get(*id).is_none());
    let new: Vec<New> = unknown.map(|(id, spec)| New::Named(id, spec)).collect();
    if !new.is_empty() {
        engine.add(new).await?;
    }
    Ok(())
}

/// The token that requests need; beyond loopback there is always one.
fn token(config: &Config, state: &State) -> anyhow::Result<Option<Token>> {
    match &config.token {
        Some(configured) => Ok(Some(Token::Kept(configured.clone()))),
        None if config::is_loopback(&config.host) => Ok(None),
        None => state.token().map(Some),
    }
}

fn start_server(
    engine: &Engine,
    options: ApiOptions,
    acceptor: Option<TlsAcceptor>,
    listeners: Vec<(SocketAddr, TcpListener)>,
    stop: &CancellationToken,
) -> JoinSet<anyhow::Result<()>> {
    let mut server = JoinSet::new();
    server.spawn(api::serve(
        engine.clone(),
        options,
        acceptor,
        listeners,
        stop.clone(),
    ));
    server
}

/// Says where the daemon can be reached. Programs wait for these lines, so they are no log lines.
fn announce(config: &Config, addresses: &[SocketAddr], token: Option<&Token>) {
    let scheme = match config.tls_cert {
        Some(_) => "https",
        None => "http",
    };
    for address in addresses {
        output::note(format_args!("listening on {scheme}://{address}"));
    }
    if let (Some(Token::New(token)), Some(address)) = (token, addresses.first()) {
        let address = reachable(*address);
        output::note(format_args!("open {scheme}://{address}/?token={token}"));
    }
}

/// An address that other machines can use, in place of "any address".
fn reachable(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    // Connecting a UDP socket sends nothing; it only chooses the way and with it our address. The
    // destinations are reserved for documentation (RFC 5737, RFC 3849).
    let outside = match address.ip() {
        IpAddr::V4(_) => "192.0.2.1:9",
        IpAddr::V6(_) => "[2001:db8::1]:9",
    };
    let own = UdpSocket::bind((address.ip(), 0))
        .and_then(|socket| {
            socket.connect(outside)?;
            socket.local_addr()
        })
        .map_or(address.ip(), |own| own.ip());
    SocketAddr::new(own, address.port())
}

fn notify(state: &[NotifyState<'_>]) {
    // Without systemd there is nobody to tell, which is no error.
    if let Err(cause) = sd_notify::notify(state) {
        tracing::warn!("systemd could not be told: {cause}");
    }
}
