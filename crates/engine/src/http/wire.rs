//! One open byte stream to a server, plain or TLS, and a tap on it: how much came in, how much one
//! read may take, and how much the kernel gathers first. Knows nothing of HTTP.

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::sys::set_low_water_mark;

/// Most bytes of a TLS record with its head (RFC 8446 §5.2; RFC 5246 §6.2.3 allows a little more).
const LONGEST_RECORD: u64 = 5 + (1 << 14) + 2048;

/// What the owner of a connection sees and steers while hyper holds the stream.
pub(super) struct Tap {
    received: AtomicU64,
    most: AtomicUsize,
    gather: AtomicU64,
}

impl Tap {
    fn new() -> Arc<Tap> {
        Arc::new(Tap {
            received: AtomicU64::new(0),
            most: AtomicUsize::new(usize::MAX),
            gather: AtomicU64::new(1),
        })
    }

    /// Bytes received since the connection was opened, after decryption.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Most bytes that one read takes from now on.
    pub(super) fn set_most(&self, bytes: usize) {
        self.most.store(bytes.max(1), Ordering::Relaxed);
    }

    /// How many bytes the kernel gathers before it wakes the reader, from the next read on.
    pub(super) fn set_gather(&self, bytes: u64) {
        self.gather.store(bytes, Ordering::Relaxed);
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The stream that hyper reads and writes.
pub(super) struct Wire {
    stream: Stream,
    tap: Arc<Tap>,
    /// What the kernel was told to gather last.
    gathers: u64,
}

impl Wire {
    pub(super) fn plain(tcp: TcpStream) -> Wire {
        Wire::over(Stream::Plain(tcp))
    }

    pub(super) fn tls(tls: TlsStream<TcpStream>) -> Wire {
        Wire::over(Stream::Tls(Box::new(tls)))
    }

    fn over(stream: Stream) -> Wire {
        Wire {
            stream,
            tap: Tap::new(),
            gathers: 1,
        }
    }

    pub(super) fn tap(&self) -> Arc<Tap> {
        self.tap.clone()
    }

    /// Before a read, because whoever finds nothing there sleeps until so much has come.
    fn tell_kernel(&mut self) {
        let bytes = self.tap.gather.load(Ordering::Relaxed);
        if bytes == self.gathers {
            return;
        }
        self.gathers = bytes;
        let (tcp, bytes) = match &self.stream {
            Stream::Plain(tcp) => (tcp, bytes),
            // Some of what is to come may be here, as the beginning of a record that cannot be read yet.
            Stream::Tls(tls) => (tls.get_ref().0, bytes.saturating_sub(LONGEST_RECORD).max(1)),
        };
        // A system that refuses wakes us for every packet: slower, and as right.
        let _ = set_low_water_mark(tcp.as_fd(), i32::try_from(bytes).unwrap_or(i32::MAX));
    }

    fn read_inner(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Stream::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.tell_kernel();
        let most = self.tap.most.load(Ordering::Relaxed);
        let count = if buf.remaining() <= most {
            let before = buf.filled().len();
            ready!(self.read_inner(cx, buf))?;
            buf.filled().len() - before
        } else {
            let mut part = ReadBuf::new(buf.initialize_unfilled_to(most));
            ready!(self.read_inner(cx, &mut part))?;
            let count = part.filled().len();
            buf.advance(count);
            count
        };
        self.tap.received.fetch_add(count as u64, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Stream::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
