//! Puts an answer on the wire, with every fault that its knobs ask for. It decides nothing about
//! the answer itself.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep, sleep_until};

use super::book::Visit;
use super::content::content;
use super::knobs::{KeepAlive, Knobs, ResetHead};
use super::reply::{Framing, Piece, Reply};

const CHUNK: u64 = 64 << 10;

/// What becomes of the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The next request, please.
    Next,
    /// An orderly close.
    Close,
    /// FIN without any farewell of the layers above TCP.
    Cut,
    /// RST.
    Reset,
}

/// Sends `reply` as `knobs` want it.
///
/// # Errors
/// When the client no longer takes it.
pub(crate) async fn send(
    out: &mut (impl AsyncWrite + Unpin),
    reply: &Reply,
    knobs: &Knobs,
    rate: Option<u64>,
    visit: &Visit,
) -> io::Result<Ending> {
    sleep(knobs.delay).await;
    if let Some(gate) = &knobs.gate_before {
        visit.pass(gate).await;
    }
    if let Some(ending) = head(out, reply, knobs, visit).await? {
        return Ok(ending);
    }
    if !reply.bodiless {
        let mut body = Body::new(out, reply, knobs, rate, visit);
        if let Some(ending) = body.send(reply).await? {
            return Ok(ending);
        }
    }
    if reply.is_file && knobs.http09 {
        return Ok(Ending::Close);
    }
    match reply.after {
        KeepAlive::Yes => Ok(Ending::Next),
        KeepAlive::No | KeepAlive::Lies => Ok(Ending::Close),
    }
}

/// Sends the head; an ending means that nothing follows.
async fn head(
    out: &mut (impl AsyncWrite + Unpin),
    reply: &Reply,
    knobs: &Knobs,
    visit: &Visit,
) -> io::Result<Option<Ending>> {
    let mut head = reply.head();
    if !reply.is_file {
        visit.answered(reply.status);
        out.write_all(&head).await?;
        return Ok(None);
    }
    match knobs.reset_head {
        Some(ResetHead::Before) => return Ok(Some(Ending::Reset)),
        Some(ResetHead::Inside) => {
            out.write_all(&head[..head.len() / 2]).await?;
            return Ok(Some(Ending::Reset));
        }
        None if knobs.http09 => return Ok(None),
        None => {}
    }
    visit.answered(reply.status);
    if knobs.bad_status_line {
        let end = head.iter().position(|byte| *byte == b'\r').unwrap_or(0);
        head.splice(..end, *b"HTTP/1.1 fine OK");
    }
    if let Some(size) = knobs.header_size {
        let size = usize::try_from(size).map_err(io::Error::other)?;
        let line = [b"X-Padding: ", &b"x".repeat(size)[..], b"\r\n"].concat();
        head.splice(head.len() - 2..head.len() - 2, line);
    }
    if knobs.endless_headers {
        return endless(out, &head[..head.len() - 2]).await;
    }
    let Some(pause) = knobs.slow_head else {
        out.write_all(&head).await?;
        return Ok(None);
    };
    for byte in head {
        out.write_all(&[byte]).await?;
        out.flush().await?;
        sleep(pause).await;
    }
    Ok(None)
}

/// Headers until the client gives up, which it shows by an error here.
async fn endless(out: &mut (impl AsyncWrite + Unpin), start: &[u8]) -> io::Result<Option<Ending>> {
    out.write_all(start).await?;
    for page in 0_u64.. {
        let lines = (0..500).map(|line| format!("X-Endless-{page}-{line}: on and on\r\n"));
        out.write_all(lines.collect::<String>().as_bytes()).await?;
    }
    Ok(Some(Ending::Close))
}

/// Something that happens at a certain byte of the body.
enum Stop<'a> {
    Gate(&'a str),
    Stall,
    End(Ending),
}

struct Body<'a, W> {
    out: &'a mut W,
    visit: &'a Visit,
    framing: Framing,
    /// What is still to happen, the next one last.
    stops: Vec<(u64, Stop<'a>)>,
    sent: u64,
    started: Instant,
    rate: Option<u64>,
}

impl<'a, W: AsyncWrite + Unpin> Body<'a, W> {
    fn new(
        out: &'a mut W,
        reply: &Reply,
        knobs: &'a Knobs,
        rate: Option<u64>,
        visit: &'a Visit,
    ) -> Body<'a, W> {
        let mut stops = Vec::new();
        if reply.is_file {
            let gate = knobs.gate.as_deref();
            stops.extend(gate.map(|gate| (knobs.gate_after, Stop::Gate(gate))));
            stops.extend(knobs.stall_after.map(|at| (at, Stop::Stall)));
            stops.extend(knobs.reset_after.map(|at| (at, Stop::End(Ending::Reset))));
            stops.extend(knobs.close_after.map(|at| (at, Stop::End(Ending::Cut))));
        }
        // A stable sort, then reversed: of two at one byte, the gate comes first.
        stops.sort_by_key(|(at, _)| *at);
        stops.reverse();
        let naked = reply.is_file && knobs.http09;
        Body {
            out,
            visit,
            framing: if naked {
                Framing::UntilClose
            } else {
                reply.framing
            },
            stops,
            sent: 0,
            started: Instant::now(),
            rate: rate.filter(|_| reply.is_file),
        }
    }

    /// Sends the body; an ending means that the connection serves no more.
    async fn send(&mut self, reply: &Reply) -> io::Result<Option<Ending>> {
        for piece in &reply.body {
            if let Some(ending) = self.piece(piece).await? {
                return Ok(Some(ending));
            }
        }
        if let Some(ending) = self.due().await? {
            return Ok(Some(ending));
        }
        match self.framing {
            Framing::UntilClose => return Ok(Some(Ending::Close)),
            Framing::Length(declared) if self.sent < declared => return Ok(Some(Ending::Close)),
            Framing::Length(_) => {}
            Framing::Chunked => self.out.write_all(b"0\r\n\r\n").await?,
        }
        self.out.flush().await?;
        Ok(None)
    }

    async fn piece(&mut self, piece: &Piece) -> io::Result<Option<Ending>> {
        let mut at = 0;
        while at < piece.length() {
            if let Some(ending) = self.due().await? {
                return Ok(Some(ending));
            }
            let step = self.step().min(piece.length() - at);
            match piece {
                Piece::Text(text) => {
                    let from = usize::try_from(at).map_err(io::Error::other)?;
                    let to = usize::try_from(at + step).map_err(io::Error::other)?;
                    self.write(&text[from..to]).await?;
                }
                Piece::File { seed, span } => {
                    let from = span.start + at;
                    self.write(&content(*seed, from..from + step)).await?;
                }
            }
            at += step;
            self.sent += step;
            self.visit.sent(step);
            self.keep_pace().await;
        }
        Ok(None)
    }

    /// Lets everything happen that is due at this byte.
    async fn due(&mut self) -> io::Result<Option<Ending>> {
        while self.stops.last().is_some_and(|(at, _)| *at <= self.sent) {
            let Some((_, stop)) = self.stops.pop() else {
                break;
            };
            self.out.flush().await?;
            match stop {
                Stop::Gate(gate) => self.visit.pass(gate).await,
                Stop::Stall => std::future::pending().await,
                Stop::End(ending) => return Ok(Some(ending)),
            }
            self.started = Instant::now() - self.earned();
        }
        Ok(None)
    }

    /// The most bytes to send in one go.
    fn step(&self) -> u64 {
        let to_stop = self.stops.last().map_or(CHUNK, |(at, _)| at - self.sent);
        // Fifty steps a second make a rate look steady.
        let by_rate = self.rate.map_or(CHUNK, |rate| (rate / 50).max(1));
        CHUNK.min(to_stop).min(by_rate)
    }

    /// The time that the bytes sent so far take at the wanted rate.
    fn earned(&self) -> Duration {
        let Some(rate) = self.rate else {
            return Duration::ZERO;
        };
        let micros = u128::from(self.sent) * 1_000_000 / u128::from(rate);
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    async fn keep_pace(&self) {
        if self.rate.is_some() {
            sleep_until(self.started + self.earned()).await;
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.framing != Framing::Chunked {
            return self.out.write_all(bytes).await;
        }
        let size = format!("{:x}\r\n", bytes.len());
        self.out.write_all(size.as_bytes()).await?;
        self.out.write_all(bytes).await?;
        self.out.write_all(b"\r\n").await
    }
}
