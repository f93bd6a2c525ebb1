//! A scripted origin: an HTTP/1.1 server over raw TCP that is told by each URL's query string how
//! to misbehave, and remembers what it was asked. It uses no HTTP library, because those refuse to
//! lie. Every knob is described in `origin/knobs.rs`.
//!
//! ```no_run
//! # async fn example() {
//! use haul_testkit::origin::{self, Origin};
//!
//! let origin = Origin::start().await;
//! let url = origin.url("/a.bin?size=64M&seed=7&reset_after=1M&fail_times=3");
//! // … download `url`, then:
//! let right = origin::digest(7, 64 << 20);
//! assert!(origin.unknown_knobs().is_empty());
//! # }
//! ```

mod book;
mod certificate;
mod connection;
mod content;
mod decide;
mod file;
mod knobs;
mod parse;
mod reply;
mod request;
mod send;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use url::Url;

pub use book::Seen;
pub use certificate::{Certificate, Pem};
pub use content::{changed_seed, content, digest};
pub use request::Asked;

pub(crate) use request::{asked, path_of};

use book::Book;

/// A running origin. Dropping it closes its port and every connection.
pub struct Origin {
    address: SocketAddr,
    scheme: &'static str,
    ca_pem: Option<String>,
    book: Arc<Book>,
    /// Held for its drop, which ends the tasks.
    _tasks: JoinSet<()>,
}

impl Origin {
    /// Starts an origin on a free port of 127.0.0.1.
    pub async fn start() -> Origin {
        Origin::start_on("127.0.0.1:0").await
    }

    /// Starts an origin on `address`: another loopback address for another host, or the port of
    /// an origin that was dropped.
    ///
    /// # Panics
    /// When the address cannot be had.
    pub async fn start_on(address: &str) -> Origin {
        Origin::run(address, None, None).await
    }

    /// Starts an origin that speaks TLS with a certificate that [`Origin::ca_pem`] vouches for.
    pub async fn start_tls() -> Origin {
        Origin::start_tls_with(Certificate::Right).await
    }

    /// Starts an origin that speaks TLS with such a certificate.
    pub async fn start_tls_with(certificate: Certificate) -> Origin {
        let (acceptor, ca) = certificate::acceptor(certificate);
        Origin::run("127.0.0.1:0", Some(acceptor), Some(ca)).await
    }

    async fn run(address: &str, tls: Option<TlsAcceptor>, ca_pem: Option<String>) -> Origin {
        let bound = TcpListener::bind(address).await;
        let listener = bound.unwrap_or_else(|why| panic!("cannot listen on {address}: {why}"));
        let address = listener.local_addr().expect("a listener has an address");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let book = Arc::new(Book::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, tls, Arc::clone(&book)));
        Origin {
            address,
            scheme,
            ca_pem,
            book,
            _tasks: tasks,
        }
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path with its knobs, for example `/a.bin?size=1G&ranges=no`.
    ///
    /// # Panics
    /// When that makes no URL.
    pub fn url(&self, path_and_query: &str) -> Url {
        let text = format!("{}://{}{path_and_query}", self.scheme, self.address);
        Url::parse(&text).unwrap_or_else(|why| panic!("{text} is not a URL: {why}"))
    }

    /// The CA that a client must trust, in PEM.
    ///
    /// # Panics
    /// When the origin speaks no TLS.
    pub fn ca_pem(&self) -> &str {
        let pem = self.ca_pem.as_deref();
        pem.expect("only an origin started with TLS has a CA")
    }

    /// Every request so far, in the order of arrival.
    pub fn log(&self) -> Vec<Seen> {
        self.book.read(|state| state.log.clone())
    }

    /// The requests so far for a path, whatever their query.
    pub fn requests_for(&self, path: &str) -> Vec<Seen> {
        let mut log = self.log();
        log.retain(|seen| seen.path() == path);
        log
    }

    /// Connections open now.
    pub fn open_now(&self) -> usize {
        self.book.read(|state| state.open)
    }

    /// The most connections that were open at once.
    pub fn max_open(&self) -> usize {
        self.book.read(|state| state.max_open)
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> u64 {
        self.book.read(|state| state.accepted)
    }

    /// What was wrong with the knobs of requests; a test that is about something else asserts
    /// that this is empty.
    pub fn unknown_knobs(&self) -> Vec<String> {
        self.book.read(|state| state.unknown.clone())
    }

    /// Opens a gate for good: lets pass what waits at it (`gate`, `gate_before`), changes files
    /// (`change_on`), ends faults (`fail_until`).
    pub fn open_gate(&self, name: &str) {
        self.book.open_gate(name);
    }

    /// Returns once `count` requests have arrived. This and the other waits panic with the log
    /// after 30 seconds.
    pub async fn wait_requests(&self, count: usize) {
        let what = format!("{count} requests");
        self.book
            .wait(&what, |state| state.log.len() >= count)
            .await;
    }

    /// Returns once `count` requests for a path have arrived.
    pub async fn wait_requests_for(&self, path: &str, count: usize) {
        let what = format!("{count} requests for {path}");
        let arrived = |log: &[Seen]| log.iter().filter(|seen| seen.path() == path).count();
        let wait = self.book.wait(&what, |state| arrived(&state.log) >= count);
        wait.await;
    }

    /// Returns once `bytes` of bodies have been sent for a path, over all its requests.
    pub async fn wait_body(&self, path: &str, bytes: u64) {
        let what = format!("{bytes} bytes of {path}");
        let sent = |log: &[Seen]| {
            let bodies = log.iter().filter(|seen| seen.path() == path);
            bodies.map(|seen| seen.body_sent).sum::<u64>()
        };
        let wait = self.book.wait(&what, |state| sent(&state.log) >= bytes);
        wait.await;
    }

    /// Returns once `count` answers have come to a closed gate.
    pub async fn wait_gate(&self, name: &str, count: u64) {
        let what = format!("{count} answers at gate {name}");
        let at_gate = |state: &book::State| state.at_gate.get(name).copied().unwrap_or(0);
        self.book.wait(&what, |state| at_gate(state) >= count).await;
    }

    /// Returns once exactly `count` connections are open; 0 shows that a client leaves none behind.
    pub async fn wait_open(&self, count: usize) {
        let what = format!("{count} open connections");
        self.book.wait(&what, |state| state.open == count).await;
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, book: Arc<Book>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // Running out of descriptors fails an accept but not the listener.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(stream, tls.clone(), Arc::clone(&book)));
                }
            }
            Some(ended) = connections.join_next() => {
                if let Err(failed) = ended && failed.is_panic() {
                    std::panic::resume_unwind(failed.into_panic());
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, book: Arc<Book>) {
    let connected = book.connect();
    // An error on either path means that the client has left, which the log shows well enough.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    match tls {
        None => drop(connection::serve(stream, &connected).await),
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                drop(connection::serve(stream, &connected).await);
            }
        }
    }
}
