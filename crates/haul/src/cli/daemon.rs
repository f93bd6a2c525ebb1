//! A daemon from its first connection to its last checkpoint, whoever starts it and however long it is
//! wanted. Knows no command line.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use haul_engine::{Engine, Id, New, Spec};
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{exit, output};
use crate::api::{self, ApiOptions};
use crate::assemble::{State, Token};
use crate::config::{self, Config};
use crate::shutdown::Signals;

/// How long a stop may take; less than the ten seconds that are promised.
const LONGEST_STOP: Duration = Duration::from_secs(9);

/// What a daemon is made of.
pub(super) struct Daemon<'a> {
    pub(super) config: &'a Config,
    pub(super) state: &'a State,
    pub(super) acceptor: Option<TlsAcceptor>,
    /// The runtime that moves bytes.
    pub(super) transfers: &'a Runtime,
    pub(super) listeners: Vec<(SocketAddr, TcpListener)>,
    /// Downloads that are added unless they are in the list already.
    pub(super) wanted: Vec<(Id, Spec)>,
}

impl Daemon<'_> {
    /// Runs until a signal, until a client ends it, or until `over`. `greet` is called with the addresses
    /// once it can be reached.
    pub(super) async fn run(
        self,
        mut signals: Signals,
        over: impl Future<Output = ()>,
        greet: impl FnOnce(&[SocketAddr]),
    ) -> anyhow::Result<u8> {
        let Daemon {
            config,
            state,
            acceptor,
            transfers,
            listeners,
            wanted,
        } = self;
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
        greet(&addresses);
        notify(&[NotifyState::Ready]);

        let ended = tokio::select! {
            () = signals.next() => Ok(exit::DONE),
            () = quit.cancelled() => Ok(exit::DONE),
            () = over => Ok(exit::DONE),
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
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
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
