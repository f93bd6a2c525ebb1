//! A tiny HTTP/1.1 client for tests of the API: one request per connection over plain TCP,
//! independent of haul's own client, so that the two cannot share a mistake. It follows no
//! redirects and knows no TLS.

use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

const PATIENCE: Duration = Duration::from_secs(30);

/// An answer in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers in order, names as sent.
    pub headers: Vec<(String, String)>,
    /// The body, with its framing removed.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter();
        found
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// With the whole answer, when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|why| panic!("no JSON ({why}) in {} {}", self.status, self.text()))
    }
}

/// Sends one request; a body that is not empty is labelled as JSON.
///
/// # Errors
/// When the server cannot be reached, breaks HTTP or takes longer than 30 seconds.
pub async fn request(method: &str, url: &str, body: &[u8]) -> io::Result<Answer> {
    let json = [("Content-Type", "application/json")];
    let headers = if body.is_empty() { &[][..] } else { &json[..] };
    request_with(method, url, headers, body).await
}

/// Sends one request with just these headers beside `Host`, `Connection` and `Content-Length`;
/// a `Host` among them replaces ours.
///
/// # Errors
/// As [`request`].
pub async fn request_with(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Answer> {
    let exchange = exchange(method, url, headers, body);
    timeout(PATIENCE, exchange)
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, format!("{method} {url}")))?
}

async fn exchange(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Answer> {
    let url = Url::parse(url).map_err(|why| invalid(&format!("{url} is not a URL: {why}")))?;
    let address = match (url.scheme(), url.host_str(), url.port_or_known_default()) {
        ("http", Some(host), Some(port)) => format!("{host}:{port}"),
        _ => return Err(invalid("the test client speaks plain HTTP only")),
    };
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut head = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n");
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"))
    {
        head.push_str(&format!("Host: {address}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || !matches!(method, "GET" | "HEAD") {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");

    let mut stream = TcpStream::connect(&address).await?;
    stream.write_all(&[head.as_bytes(), body].concat()).await?;
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).await?;
    parse(method, &raw)
}

/// Reads a whole answer, as it was sent on a connection that then closed.
///
/// # Errors
/// When it is not HTTP/1.1 or ends before its declared end.
pub fn parse(method: &str, raw: &[u8]) -> io::Result<Answer> {
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or_else(|| invalid("the answer ends within its head"))?;
    let head = String::from_utf8_lossy(&raw[..end]);
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status: Option<u16> = status.and_then(|status| status.parse().ok());
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    let mut answer = Answer {
        status: status.ok_or_else(|| invalid("the answer has no status"))?,
        headers: headers.collect(),
        body: Vec::new(),
    };
    let rest = &raw[end + 4..];
    if method == "HEAD" || matches!(answer.status, 100..=199 | 204 | 304) {
        return Ok(answer);
    }
    let coding = answer.header("transfer-encoding").map(str::to_lowercase);
    answer.body = match (coding.as_deref(), answer.header("content-length")) {
        (Some("chunked"), _) => unchunk(rest)?,
        (_, Some(length)) => {
            let length = length
                .parse()
                .map_err(|_| invalid("Content-Length is no number"))?;
            let body = rest.get(..length);
            body.ok_or_else(|| invalid("the body is shorter than declared"))?
                .to_vec()
        }
        _ => rest.to_vec(),
    };
    Ok(answer)
}

fn unchunk(mut rest: &[u8]) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n");
        let line = line.ok_or_else(|| invalid("a chunk has no size line"))?;
        let text = String::from_utf8_lossy(&rest[..line]);
        let digits = text.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(digits, 16).map_err(|_| invalid("a chunk has no size"))?;
        if size == 0 {
            return Ok(body);
        }
        let start = line + 2;
        let chunk = rest.get(start..start + size);
        body.extend_from_slice(chunk.ok_or_else(|| invalid("a chunk is cut"))?);
        rest = rest.get(start + size + 2..).unwrap_or_default();
    }
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_framing_is_read() {
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";
        let answer = parse("GET", chunked).expect("well-formed");
        assert_eq!(answer.text(), "abc0123456789");

        let sized = b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\nX: y\r\n\r\n{}junk";
        let answer = parse("GET", sized).expect("well-formed");
        assert_eq!((answer.status, answer.text().as_str()), (404, "{}"));
        assert_eq!(answer.header("x"), Some("y"));
        assert_eq!(answer.json(), serde_json::json!({}));

        let open = parse("GET", b"HTTP/1.1 200 OK\r\n\r\nall of it").expect("well-formed");
        assert_eq!(open.text(), "all of it");
        let head = parse("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
        assert!(head.expect("well-formed").body.is_empty());
    }

    #[test]
    fn a_cut_answer_is_an_error() {
        for cut in [
            "HTTP/1.1 200 OK\r\nContent-Le",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcd",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "nonsense\r\n\r\n",
        ] {
            assert!(parse("GET", cut.as_bytes()).is_err(), "{cut}");
        }
    }
}
