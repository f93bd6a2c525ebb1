//! A raw server for this room's tests: it answers each request with exactly the bytes of a script,
//! however wrong they are as HTTP, and remembers what it heard.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::limit::Limits;
use crate::spec::Config;

use super::{Answer, Ask, Client};
use crate::error::Result;

/// What becomes of the connection after a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Keep,
    /// A proper end: FIN, after TLS's own goodbye.
    Close,
    /// No proper end: RST, or FIN without TLS's goodbye.
    Cut,
    /// Nothing more comes.
    Hang,
}

pub(super) struct Reply {
    bytes: Vec<u8>,
    then: Then,
}

impl Reply {
    pub(super) fn keep(bytes: impl Into<Vec<u8>>) -> Reply {
        Reply::new(bytes, Then::Keep)
    }

    pub(super) fn close(bytes: impl Into<Vec<u8>>) -> Reply {
        Reply::new(bytes, Then::Close)
    }

    pub(super) fn cut(bytes: impl Into<Vec<u8>>) -> Reply {
        Reply::new(bytes, Then::Cut)
    }

    pub(super) fn hang(bytes: impl Into<Vec<u8>>) -> Reply {
        Reply::new(bytes, Then::Hang)
    }

    fn new(bytes: impl Into<Vec<u8>>, then: Then) -> Reply {
        Reply {
            bytes: bytes.into(),
            then,
        }
    }

    /// A well-formed 200 on a connection that stays.
    pub(super) fn ok(body: &str) -> Reply {
        let len = body.len();
        Reply::keep(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n{body}"
        ))
    }

    /// A well-formed redirect, with more header lines.
    pub(super) fn redirect(to: &str, more: &str) -> Reply {
        Reply::keep(format!(
            "HTTP/1.1 302 Found\r\nLocation: {to}\r\n{more}Content-Length: 4\r\n\r\ngone"
        ))
    }
}

/// A request as it came in.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    /// Which connection it came over, counted from 0.
    pub(super) connection: usize,
    /// The request line and fields.
    pub(super) head: String,
}

impl Heard {
    pub(super) fn has(&self, line: &str) -> bool {
        let matches = |held: &str| held.eq_ignore_ascii_case(line);
        self.head.lines().any(matches)
    }
}

type Script = dyn Fn(usize, &str) -> Reply + Send + Sync;

pub(super) struct Server {
    pub(super) address: SocketAddr,
    scheme: &'static str,
    heard: Arc<Mutex<Vec<Heard>>>,
    _task: AbortOnDropHandle<()>,
}

impl Server {
    /// Answers the `n`-th request (over all connections, from 0) with `script(n, head)`.
    pub(super) async fn start(
        script: impl Fn(usize, &str) -> Reply + Send + Sync + 'static,
    ) -> Server {
        Server::listen(None, Arc::new(script)).await
    }

    pub(super) async fn start_tls(
        tls: TlsAcceptor,
        script: impl Fn(usize, &str) -> Reply + Send + Sync + 'static,
    ) -> Server {
        Server::listen(Some(tls), Arc::new(script)).await
    }

    async fn listen(tls: Option<TlsAcceptor>, script: Arc<Script>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("an address");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let task = tokio::spawn(accept(listener, tls, script, heard.clone()));
        Server {
            address,
            scheme,
            heard,
            _task: AbortOnDropHandle::new(task),
        }
    }

    pub(super) fn url(&self, path: &str) -> Url {
        let text = format!("{}://{}{path}", self.scheme, self.address);
        Url::parse(&text).expect("a URL")
    }

    pub(super) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("no panic").clone()
    }

    /// Which connection each request came over.
    pub(super) fn connections(&self) -> Vec<usize> {
        self.heard().iter().map(|heard| heard.connection).collect()
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    script: Arc<Script>,
    heard: Arc<Mutex<Vec<Heard>>>,
) {
    let mut tasks = JoinSet::new();
    for connection in 0.. {
        let (tcp, _) = listener.accept().await.expect("accepted");
        let (tls, script, heard) = (tls.clone(), script.clone(), heard.clone());
        tasks.spawn(async move {
            // A client that breaks off is part of many tests.
            let _ = serve(tcp, tls, connection, &*script, &heard).await;
        });
    }
}

async fn serve(
    tcp: TcpStream,
    tls: Option<TlsAcceptor>,
    connection: usize,
    script: &Script,
    heard: &Mutex<Vec<Heard>>,
) -> io::Result<()> {
    let mut io = match tls {
        None => Io::Plain(tcp),
        Some(tls) => Io::Tls(Box::new(tls.accept(tcp).await?)),
    };
    loop {
        let head = read_head(&mut io).await?;
        let count = {
            let mut heard = heard.lock().expect("no panic");
            heard.push(Heard {
                connection,
                head: head.clone(),
            });
            heard.len() - 1
        };
        let reply = script(count, &head);
        io.write_all(&reply.bytes).await?;
        io.flush().await?;
        match reply.then {
            Then::Keep => {}
            Then::Close => return io.shutdown().await,
            Then::Cut => {
                if let Io::Plain(tcp) = &io {
                    tcp.set_zero_linger()?;
                }
                return Ok(());
            }
            Then::Hang => std::future::pending().await,
        }
    }
}

pub(super) async fn read_head(io: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Io::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Io::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Io::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Io::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Io::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Io::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Io::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Io::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

pub(super) fn config() -> Config {
    Config::new("/files".into(), "/state".into())
}

/// A client and its limits.
pub(super) fn client(config: &Config) -> (Client, Arc<Limits>) {
    let limits = Limits::new(&config.settings);
    let client = Client::new(config, limits.clone()).expect("a client");
    (client, limits)
}

/// Asks without a range or headers, on the URL's own behalf.
pub(super) async fn get(client: &Client, url: &Url) -> Result<Answer> {
    let ask = Ask {
        url,
        home: url,
        range: None,
        headers: &[],
        owner: crate::limit::Owner::Nobody,
        turn: None,
        ahead: None,
    };
    client.get(&ask).await
}

/// Reads the body to its end and gives the connection back.
pub(super) async fn read(answer: Answer) -> Result<String> {
    let mut body = answer.body;
    let mut text = Vec::new();
    while let Some(bytes) = body.frame().await? {
        text.extend_from_slice(&bytes);
    }
    body.finish();
    Ok(String::from_utf8_lossy(&text).into_owned())
}
