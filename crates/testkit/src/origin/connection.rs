//! Serves one connection: request after request until one side ends it. What an answer says is
//! decided in `decide`, how it is sent in `send`.

use std::future::Future;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::book::Connected;
use super::decide::{Decision, Time, at_this_time, bad_knob, decide, in_force};
use super::knobs::Knobs;
use super::parse::parse;
use super::request::{self, Request};
use super::send::{Ending, send};

/// A stream whose TCP connection can be told to end with RST.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin {
    /// Makes the drop of this stream send RST.
    fn reset_on_drop(&self) -> io::Result<()>;
}

impl Wire for TcpStream {
    fn reset_on_drop(&self) -> io::Result<()> {
        self.set_zero_linger()
    }
}

impl Wire for TlsStream<TcpStream> {
    fn reset_on_drop(&self) -> io::Result<()> {
        self.get_ref().0.set_zero_linger()
    }
}

/// Serves `wire` to its end. An error means that the client has left, which is its right.
pub(crate) async fn serve(wire: impl Wire, connected: &Connected) -> io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(wire);
    let mut buffer = Vec::new();
    let ending = loop {
        let Some(request) = request::read(&mut reader, &mut buffer).await? else {
            break Ending::Close;
        };
        let answering = answer(&mut writer, &request, connected);
        match unless_gone(answering, &mut reader, &mut buffer).await? {
            Ending::Next => {}
            ending => break ending,
        }
    };
    match ending {
        Ending::Next | Ending::Close => writer.shutdown().await,
        Ending::Cut => Ok(()),
        Ending::Reset => reader.unsplit(writer).reset_on_drop(),
    }
}

async fn answer(
    writer: &mut (impl AsyncWrite + Unpin),
    request: &Request,
    connected: &Connected,
) -> io::Result<Ending> {
    let parsed = parse(request.query());
    let limit = parsed.as_ref().ok().and_then(|knobs| knobs.max_conns);
    let (visit, facts) = connected.arrive(request, limit);
    let knobs = match parsed {
        Ok(knobs) => {
            let (knobs, time) = at_this_time(knobs, &facts);
            if time == Time::Later {
                visit.came_later();
            }
            in_force(knobs, &facts)
        }
        Err(why) => {
            let reply = bad_knob(&why);
            connected.book().refuse_knob(why);
            return send(writer, &reply, &Knobs::default(), None, &visit).await;
        }
    };
    let decision = decide(&knobs, request, &facts);
    let Decision::Answer(reply) = decision else {
        return Ok(Ending::Reset);
    };
    let slow = knobs.slow_conn;
    let slow = slow.filter(|slow| (slow.first..=slow.last).contains(&facts.connection));
    let rate = slow.map(|slow| slow.rate).or(knobs.rate);
    send(writer, &reply, &knobs, rate, &visit).await
}

/// Does `work` unless the client closes the connection first. A stalled answer would otherwise
/// keep a connection open that nobody is on any more.
async fn unless_gone<T>(
    work: impl Future<Output = io::Result<T>>,
    reader: &mut ReadHalf<impl Wire>,
    buffer: &mut Vec<u8>,
) -> io::Result<T> {
    tokio::select! {
        biased;
        result = work => result,
        why = gone(reader, buffer) => Err(why),
    }
}

/// Returns when the client has closed the connection; what it sends before stays in `buffer`.
async fn gone(reader: &mut ReadHalf<impl Wire>, buffer: &mut Vec<u8>) -> io::Error {
    loop {
        match reader.read_buf(buffer).await {
            Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
            Ok(_) => {}
            Err(cause) => return cause,
        }
    }
}
