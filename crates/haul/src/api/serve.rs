//! The server: takes connections from the listeners, with or without TLS, and ends them in order.
//! Knows no path and no command.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use haul_engine::Engine;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::audit::{self, Audit, Peer};
use super::auth::{self, Guard};
use super::neighbours::{Neighbours, Place};
use super::origin::Scheme;
use super::{ApiOptions, App, metrics, rest};

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

/// Most of them from one machine.
const MOST_FROM_ONE: usize = MOST_CONNECTIONS / 2;

/// Most bytes of a request's head.
const MOST_HEAD: usize = 64 << 10;

/// How long what we send may lie there unread: whoever is gone, or never reads, leaves his place.
const LONGEST_UNREAD: Duration = Duration::from_secs(120);

/// Serves until `stop` is cancelled, then closes every WebSocket with 1001, gives open requests
/// 5 s, and returns. With an `acceptor` it speaks TLS.
pub(crate) async fn serve(
    engine: Engine,
    options: ApiOptions,
    acceptor: Option<TlsAcceptor>,
    listeners: Vec<(SocketAddr, TcpListener)>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let scheme = if acceptor.is_some() {
        Scheme::Https
    } else {
        Scheme::Http
    };
    let addresses: Vec<SocketAddr> = listeners.iter().map(|(address, _)| *address).collect();
    let audit = Audit::new();
    let guard = Arc::new(Guard::new(&options, &addresses, scheme, audit.clone()));
    let app = Arc::new(App::new(engine, options, audit.clone(), stop.clone()));
    metrics::begin();
    let _sorting = AbortOnDropHandle::new(tokio::spawn(metrics::sort()));
    let router = rest::routes(app.clone())
        .layer(from_fn_with_state(guard, auth::check))
        .layer(from_fn_with_state(audit.clone(), audit::watch));

    let doors = listeners
        .into_iter()
        .map(|(_, listener)| {
            let door = Door {
                router: router.clone(),
                acceptor: acceptor.clone(),
                audit: audit.clone(),
                stop: stop.clone(),
            };
            door.keep(listener)
        })
        .collect::<JoinSet<()>>();
    doors.join_all().await;
    // What upgraded is no longer a request: it says its own goodbye.
    app.conversations.close();
    let closed = timeout(LONGEST_STOP, app.conversations.wait()).await;
    if closed.is_err() {
        tracing::warn!("some WebSockets did not close in time");
    }
    Ok(())
}

/// One listening address.
struct Door {
    router: Router,
    acceptor: Option<TlsAcceptor>,
    audit: Audit,
    stop: CancellationToken,
}

impl Door {
    /// Takes connections until the server stops, then waits for those that are busy.
    async fn keep(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        let mut neighbours = Neighbours::new(MOST_FROM_ONE);
        loop {
            let taken = tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                Some(_) = connections.join_next() => continue,
                taken = listener.accept(), if connections.len() < MOST_CONNECTIONS => taken,
            };
            match taken {
                Ok((stream, address)) => {
                    let peer = Peer(address);
                    let Some(place) = neighbours.admit(address.ip()) else {
                        self.audit.connection(Some(peer), "too_many_connections");
                        continue;
                    };
                    let (acceptor, router) = (self.acceptor.clone(), self.router.clone());
                    let stop = self.stop.clone();
                    let caller = Caller {
                        peer,
                        place,
                        audit: self.audit.clone(),
                    };
                    connections.spawn(async move {
                        connection(stream, caller, acceptor, router, &stop).await;
                    });
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

/// The other end of a connection, and the place that it holds until it is gone.
struct Caller {
    peer: Peer,
    place: Place,
    /// Where it is told what no request came of.
    audit: Audit,
}

async fn connection(
    stream: TcpStream,
    caller: Caller,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    stop: &CancellationToken,
) {
    prepare(&stream);
    let Some(acceptor) = acceptor else {
        return requests(stream, caller, router, stop).await;
    };
    match timeout(LONGEST_HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => requests(stream, caller, router, stop).await,
        Ok(Err(cause)) => tracing::debug!(%cause, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

/// A socket that refuses is only slower to answer, or to notice that nobody reads.
fn prepare(stream: &TcpStream) {
    // Live changes are small and wanted at once.
    let _ = stream.set_nodelay(true);
    let millis = u32::try_from(LONGEST_UNREAD.as_millis()).unwrap_or(u32::MAX);
    let _ = set_tcp_user_timeout(stream, millis);
}

async fn requests<S>(stream: S, caller: Caller, router: Router, stop: &CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer = TowerToHyperService::new(router);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(LONGEST_HEAD)
        .max_header_size(MOST_HEAD)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(move |mut request: http::Request<Incoming>| {
                let extensions = request.extensions_mut();
                extensions.insert(caller.peer);
                // A WebSocket outlives its connection's service, and keeps its place.
                extensions.insert(caller.place.clone());
                answer.call(request)
            }),
        )
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
        if cause.is_parse_too_large() {
            caller.audit.connection(Some(caller.peer), "head_too_large");
        } else if cause.is_parse() {
            caller.audit.connection(Some(caller.peer), "not_http");
        }
        tracing::debug!(%cause, "a connection broke off");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{TlsFiles, tls};
    use axum::body::Body;
    use axum::routing::get;
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, RootCertStore};
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;
    use tokio::time::Instant;
    use tokio_rustls::TlsConnector;
    use tokio_util::task::AbortOnDropHandle;

    struct Served {
        address: SocketAddr,
        stop: CancellationToken,
        /// Lets `/slow` answer.
        release: Arc<Notify>,
        /// Told when `/slow` is asked for.
        asked: Arc<Notify>,
        kept: AbortOnDropHandle<()>,
    }

    async fn door(acceptor: Option<TlsAcceptor>) -> Served {
        let (release, asked) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (wait, tell) = (release.clone(), asked.clone());
        let slow = move || async move {
            tell.notify_one();
            wait.notified().await;
            Body::from("slow")
        };
        let router = Router::new()
            .route("/", get(async || "quick"))
            .route("/slow", get(slow));
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let door = Door {
            router,
            acceptor,
            audit: Audit::new(),
            stop: stop.clone(),
        };
        let kept = AbortOnDropHandle::new(tokio::spawn(door.keep(listener)));
        Served {
            address,
            stop,
            release,
            asked,
            kept,
        }
    }

    async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        let read = timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await;
        read.expect("in time").expect("an answer");
        answer
    }

    #[tokio::test]
    async fn stopping_lets_a_request_finish_and_takes_no_more() {
        let served = door(None).await;
        let mut busy = TcpStream::connect(served.address).await.expect("connected");
        let answer = tokio::spawn(async move { ask(&mut busy, "/slow").await });
        served.asked.notified().await;
        // Kept alive and idle: it must not hold up the stop.
        let idle = TcpStream::connect(served.address).await.expect("connected");
        served.stop.cancel();
        served.release.notify_one();
        assert!(answer.await.expect("asked").ends_with("slow"));
        let begun = std::time::Instant::now();
        served.kept.await.expect("kept");
        assert!(begun.elapsed() < LONGEST_STOP);
        drop(idle);
        assert!(TcpStream::connect(served.address).await.is_err());
    }

    #[tokio::test]
    async fn a_socket_notices_that_nobody_reads() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let _client = TcpStream::connect(address).await.expect("connected");
        let (stream, _) = listener.accept().await.expect("a connection");
        prepare(&stream);
        let unread = rustix::net::sockopt::tcp_user_timeout(&stream).expect("an option");
        assert_eq!(u128::from(unread), LONGEST_UNREAD.as_millis());
        assert!(stream.nodelay().expect("an option"));
    }

    #[tokio::test]
    async fn a_handshake_that_never_comes_holds_up_nobody() {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("made");
        let dir = tempfile::tempdir().expect("a directory");
        let files = TlsFiles {
            cert: dir.path().join("cert"),
            key: dir.path().join("key"),
        };
        std::fs::write(&files.cert, made.cert.pem()).expect("a file");
        std::fs::write(&files.key, made.signing_key.serialize_pem()).expect("a file");
        let served = door(Some(tls::acceptor(&files).expect("an acceptor"))).await;

        let silent = TcpStream::connect(served.address).await.expect("connected");
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = TcpStream::connect(served.address).await.expect("connected");
        let connector = TlsConnector::from(Arc::new(config));
        let mut stream = connector.connect(name, stream).await.expect("a handshake");
        assert!(ask(&mut stream, "/").await.ends_with("quick"));
        let waited = until_closed(silent).await;
        assert!(waited < LONGEST_HANDSHAKE * 2, "{waited:?}");
    }

    /// How long it takes until the server has closed a connection.
    async fn until_closed(mut stream: TcpStream) -> Duration {
        let begun = Instant::now();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.expect("an orderly end");
        assert_eq!(String::from_utf8_lossy(&said), "");
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_never_ends_and_one_that_never_begins_are_cut_off() {
        let served = door(None).await;
        for begin in ["GET / HTTP/1.1\r\nhost: ", ""] {
            let mut slow = TcpStream::connect(served.address).await.expect("connected");
            slow.write_all(begin.as_bytes()).await.expect("sent");
            let waited = until_closed(slow).await;
            assert!(waited < LONGEST_HEAD * 2, "{begin}: {waited:?}");
        }
    }
}
