//! A client that looks at bare bytes: how an answer ended matters here more than what it says.

use haul_testkit::http;
use haul_testkit::origin::Origin;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How the server ended a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// FIN.
    Closed,
    /// RST.
    Reset,
}

/// Everything received on a connection, and its end.
pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    pub(crate) end: End,
}

impl Received {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The bytes after the head.
    pub(crate) fn body(&self) -> &[u8] {
        let end = self.bytes.windows(4).position(|four| four == b"\r\n\r\n");
        &self.bytes[end.expect("there is a head") + 4..]
    }

    pub(crate) fn answer(&self) -> http::Answer {
        http::parse("GET", &self.bytes).expect("a well-formed answer")
    }
}

/// A connection to the origin.
pub(crate) struct Raw(TcpStream);

impl Raw {
    pub(crate) async fn connect(origin: &Origin) -> Raw {
        let stream = TcpStream::connect(origin.address()).await;
        Raw(stream.expect("the origin listens"))
    }

    /// Sends a GET with more header lines, each ended with CRLF.
    pub(crate) async fn get(&mut self, target: &str, headers: &str) {
        self.request("GET", target, headers).await;
    }

    pub(crate) async fn request(&mut self, method: &str, target: &str, headers: &str) {
        let text = format!("{method} {target} HTTP/1.1\r\nHost: test\r\n{headers}\r\n");
        let sent = self.0.write_all(text.as_bytes()).await;
        sent.expect("the origin reads requests");
    }

    /// Reads exactly so many bytes.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let read = self.0.read_exact(&mut bytes).await;
        read.unwrap_or_else(|why| panic!("no {count} bytes came: {why}"));
        bytes
    }

    /// Reads through the end of a head.
    pub(crate) async fn head(&mut self) -> String {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.extend(self.take(1).await);
        }
        String::from_utf8(bytes).expect("a head is text")
    }

    /// Reads until the server ends the connection.
    pub(crate) async fn rest(mut self) -> Received {
        let mut bytes = Vec::new();
        let end = match self.0.read_to_end(&mut bytes).await {
            Ok(_) => End::Closed,
            Err(why) if why.kind() == std::io::ErrorKind::ConnectionReset => End::Reset,
            Err(why) => panic!("the connection failed: {why}"),
        };
        Received { bytes, end }
    }
}

/// The whole answer to one GET whose connection the origin ends by itself.
pub(crate) async fn get(origin: &Origin, target: &str, headers: &str) -> Received {
    let mut raw = Raw::connect(origin).await;
    raw.get(target, headers).await;
    raw.rest().await
}

/// The answer to one GET, on a connection of its own.
pub(crate) async fn answer(origin: &Origin, target: &str, headers: &str) -> http::Answer {
    let joint = if target.contains('?') { '&' } else { '?' };
    let target = format!("{target}{joint}keepalive=no");
    get(origin, &target, headers).await.answer()
}

/// The statuses of several such GETs, one after the other.
pub(crate) async fn statuses(
    origin: &Origin,
    target: &str,
    headers: &str,
    times: usize,
) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..times {
        statuses.push(answer(origin, target, headers).await.status);
    }
    statuses
}
