//! What strangers try: other pages, other machines, other users of this one. `SECURITY.md` names each of
//! these tests beside what it shows.

mod frames;
mod limits;
mod log;
mod pages;
mod rpc;
mod secrets;
mod strangers;

use std::io;
use std::time::Duration;

use haul_testkit::daemon::Daemon;
use haul_testkit::http::{self, Answer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::world::PATIENCE;

const TOKEN: &str = "a-token-that-nobody-guesses";

/// A daemon that wants [`TOKEN`].
const WITH_TOKEN: [&str; 2] = ["--token", TOKEN];

/// A connection to the daemon, for bytes that no client would send.
async fn connect(daemon: &Daemon) -> TcpStream {
    let connecting = TcpStream::connect(("127.0.0.1", daemon.port()));
    connecting.await.expect("the daemon listens")
}

/// Sends these very bytes and reads the answer until the daemon closes the connection.
async fn send(daemon: &Daemon, request: &[u8]) -> io::Result<Answer> {
    let mut stream = connect(daemon).await;
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.map_err(|_| io::ErrorKind::TimedOut)??;
    http::parse("GET", &answer)
}

/// The status with which a request with just these lines after its first is answered.
async fn status_of(daemon: &Daemon, first: &str, lines: &[&str]) -> u16 {
    let port = daemon.port();
    let mut head = format!("{first} HTTP/1.1\r\nConnection: close\r\n");
    for line in lines {
        head.push_str(&line.replace("PORT", &port.to_string()));
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    let answer = send(daemon, head.as_bytes()).await;
    answer.unwrap_or_else(|why| panic!("{head}: {why}")).status
}

/// How many downloads there are.
async fn downloads(daemon: &Daemon) -> u64 {
    let bearer = format!("Bearer {TOKEN}");
    let url = daemon.url("/api/v1/downloads");
    let headers = [("Authorization", bearer.as_str())];
    let answer = http::request_with("GET", &url, &headers, b"").await;
    let total = answer.expect("an answer").json()["total"].as_u64();
    total.expect("a number")
}

/// How long something may take that has no reason to wait.
const SOON: Duration = Duration::from_secs(20);
