//! The server: takes connections from the listeners, with or without TLS, and ends them in order.
//! Knows no path and no command.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use haul_engine::Engine;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::auth::{self, Guard, Scheme};
use super::{ApiOptions, App, TlsFiles, rest, tls};

/// How long requests and goodbyes may take once the server stops.
const LONGEST_STOP: Duration = Duration::from_secs(5);

/// Longest wait for a TLS handshake.
const LONGEST_HANDSHAKE: Duration = Duration::from_secs(10);

/// Longest wait for a request's head, between two requests too.
const LONGEST_HEAD: Duration = Duration::from_secs(60);

/// The wait after a failed `accept`: without free descriptors it fails again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Most connections at once on one listener; more wait in the system's queue.
const MOST_CONNECTIONS: usize = 4096;

/// Serves until `stop` is cancelled, then closes every WebSocket with 1001, gives open requests
/// 5 s, and returns. Fails when a listener or the TLS files are unusable.
pub(crate) async fn serve(
    engine: Engine,
    options: ApiOptions,
    tls: Option<TlsFiles>,
    listeners: Vec<(SocketAddr, TcpListener)>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let acceptor = tls.as_ref().map(tls::acceptor).transpose()?;
    let scheme = if acceptor.is_some() {
        Scheme::Https
    } else {
        Scheme::Http
    };
    let addresses: Vec<SocketAddr> = listeners.iter().map(|(address, _)| *address).collect();
    let guard = Arc::new(Guard::new(&options, &addresses, scheme));
    let app = Arc::new(App::new(engine, options, stop.clone()));
    let router = rest::routes(app.clone()).layer(from_fn_with_state(guard, auth::check));

    let mut doors = JoinSet::new();
    for (_, listener) in listeners {
        let door = Door {
            router: router.clone(),
            acceptor: acceptor.clone(),
            stop: stop.clone(),
        };
        doors.spawn(door.keep(listener));
    }
    while doors.join_next().await.is_some() {}
    // What upgraded is no longer a request: it says its own goodbye.
    app.conversations.close();
    if timeout(LONGEST_STOP, app.conversations.wait())
        .await
        .is_err()
    {
        tracing::warn!("some WebSockets did not close in time");
    }
    Ok(())
}

/// One listening address.
struct Door {
    router: Router,
    acceptor: Option<TlsAcceptor>,
    stop: CancellationToken,
}

impl Door {
    /// Takes connections until the server stops, then waits for those that are busy.
    async fn keep(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            let taken = tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                Some(_) = connections.join_next() => continue,
                taken = listener.accept(), if connections.len() < MOST_CONNECTIONS => taken,
            };
            match taken {
                Ok((stream, _)) => {
                    connections.spawn(connection(
                        stream,
                        self.acceptor.clone(),
                        self.router.clone(),
                        self.stop.clone(),
                    ));
                }
                Err(cause) => {
                    tracing::warn!(%cause, "a connection could not be taken");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        let rest = async { while connections.join_next().await.is_some() {} };
        if timeout(LONGEST_STOP, rest).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
        // Dropping the set ends what is left.
    }
}

async fn connection(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    stop: CancellationToken,
) {
    // Live changes are small and wanted at once. A socket that refuses is only slower.
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = acceptor else {
        return requests(stream, router, &stop).await;
    };
    match timeout(LONGEST_HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => requests(stream, router, &stop).await,
        Ok(Err(cause)) => tracing::debug!(%cause, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

async fn requests<S>(stream: S, router: Router, stop: &CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    let mut served = pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(cause) = ended {
        tracing::debug!(%cause, "a connection broke off");
    }
}
