//! One live subscriber, as cheap as it can be: it reads frames off a bare socket, and of each only its
//! revision. A thousand of them must not be what is slow.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::bench::watched::Times;

/// The first byte of a ping, and an answer to it that is masked with zeroes: who answers none is told no more
/// after a while.
const PING: u8 = 0x89;
const PONG: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];

/// Enough of a message to find its revision in: it stands before the downloads.
const BEGINNING: usize = 256;

/// What one was told.
#[derive(Default)]
pub(super) struct Heard {
    /// The revision that each message led to, and when it was there in full.
    pub(super) messages: Vec<(u64, Instant)>,
    pub(super) bytes: u64,
}

/// A subscriber of everything. Dropping it hangs up.
pub(super) struct Subscriber {
    heard: Arc<Mutex<Heard>>,
    /// Held for its drop, which ends the task.
    _task: JoinSet<()>,
}

impl Subscriber {
    /// Connects, subscribes, and listens from then on.
    pub(super) async fn connect(port: u16) -> Result<Subscriber> {
        let begun = timeout(Duration::from_secs(30), begin(port)).await;
        let mut stream = begun.context("a subscriber was not let in")??;
        let heard = Arc::<Mutex<Heard>>::default();
        let mut task = JoinSet::new();
        let told = heard.clone();
        task.spawn(async move {
            while let Ok((revision, bytes)) = frame(&mut stream).await {
                let now = Instant::now();
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                told.bytes += bytes;
                // Pings have none.
                told.messages
                    .extend(revision.map(|revision| (revision, now)));
            }
        });
        Ok(Subscriber { heard, _task: task })
    }

    /// Takes what was heard so far.
    pub(super) fn heard(&mut self) -> Heard {
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn forget(&mut self) {
        self.heard();
    }
}

async fn begin(port: u16) -> Result<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let upgrade = format!(
        "GET /api/v1/ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(upgrade.as_bytes()).await?;
    let mut stream = BufReader::with_capacity(8 << 10, stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let said = String::from_utf8_lossy(&head);
    ensure!(said.starts_with("HTTP/1.1 101 "), "no WebSocket: {said}");
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{"interval_ms":200}}"#;
    // A final text frame, masked with zeroes.
    let length = u8::try_from(call.len()).ok().filter(|length| *length < 126);
    let start = [0x81, 0x80 | length.context("a long call")?, 0, 0, 0, 0];
    stream
        .write_all(&[&start, call.as_bytes()].concat())
        .await?;
    let (revision, _) = frame(&mut stream).await?;
    ensure!(revision.is_some(), "no answer to subscribe");
    Ok(stream)
}

/// Reads a frame: the revision in it, if there is one, and its length.
async fn frame(stream: &mut BufReader<TcpStream>) -> Result<(Option<u64>, u64)> {
    let kind = stream.read_u8().await?;
    let length = match stream.read_u8().await? {
        126 => u64::from(stream.read_u16().await?),
        127 => stream.read_u64().await?,
        short => u64::from(short),
    };
    let mut beginning = [0; BEGINNING];
    let kept = usize::try_from(length).map_or(BEGINNING, |length| length.min(BEGINNING));
    stream.read_exact(&mut beginning[..kept]).await?;
    let mut rest = stream.take(length - kept as u64);
    tokio::io::copy_buf(&mut rest, &mut tokio::io::sink()).await?;
    if kind == PING {
        stream.write_all(&PONG).await?;
    }
    Ok((revision(&beginning[..kept]), length))
}

fn revision(text: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(text);
    let (_, behind) = text.split_once(r#""revision":"#)?;
    let end = behind.find(|c: char| !c.is_ascii_digit())?;
    behind[..end].parse().ok()
}

/// How late each message was: from when anybody was first told something that this one did not know.
pub(super) fn lag(heard: &[Heard]) -> Times {
    let mut all: Vec<(u64, Instant)> = heard.iter().flat_map(|one| one.messages.clone()).collect();
    all.sort_unstable();
    // For each message, when the first was there of all those that lead as far or further.
    let mut first: Option<Instant> = None;
    for (_, at) in all.iter_mut().rev() {
        let earliest = first.map_or(*at, |first| first.min(*at));
        first = Some(earliest);
        *at = earliest;
    }
    let mut times = Times::default();
    for one in heard {
        for pair in one.messages.windows(2) {
            let [(known, _), (_, told)] = pair else {
                continue;
            };
            let newer = all.partition_point(|(revision, _)| revision <= known);
            if let Some((_, first)) = all.get(newer) {
                times.push(told.saturating_duration_since(*first));
            }
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_revision_is_the_one_that_the_message_leads_to() {
        let text = br#"{"jsonrpc":"2.0","method":"changed","params":{"subscription":"s1","from":412,"revision":431,"downloads":[{"revision":9"#;
        assert_eq!(revision(text), Some(431));
        assert_eq!(revision(b""), None);
    }

    #[test]
    fn who_misses_a_message_is_late_from_the_first_that_it_missed() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let heard = |messages: &[(u64, u64)]| Heard {
            messages: messages
                .iter()
                .map(|(revision, ms)| (*revision, at(*ms)))
                .collect(),
            bytes: 0,
        };
        let quick = heard(&[(1, 0), (2, 200), (3, 400)]);
        let slow = heard(&[(1, 1), (3, 450)]);
        let times = lag(&[quick, slow]);
        assert_eq!([0.0, 1.0].map(|part| times.part_ms(part)), [0.0, 250.0]);
    }
}
