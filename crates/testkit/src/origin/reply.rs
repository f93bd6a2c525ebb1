//! An answer as plain data, and the head that a server in its right mind would send for it.

use std::ops::Range;

use super::knobs::KeepAlive;

/// An answer, ready to be sent.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Header lines without their line ends.
    pub(crate) headers: Vec<Vec<u8>>,
    pub(crate) body: Vec<Piece>,
    pub(crate) framing: Framing,
    /// Whether the client asked for the body (HEAD does not).
    pub(crate) bodiless: bool,
    pub(crate) after: KeepAlive,
    /// Whether it is the file, which rates, gates and faults are about.
    pub(crate) is_file: bool,
}

/// A part of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(Vec<u8>),
    File { seed: u64, span: Range<u64> },
}

/// How the body's end is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// A short text with a status.
pub(crate) fn refusal(status: u16, why: &str) -> Reply {
    let body = Piece::Text(why.as_bytes().to_vec());
    bare(status, vec![body]).with("Content-Type: text/plain; charset=utf-8")
}

/// An answer with nothing but its body and its true length.
pub(crate) fn bare(status: u16, body: Vec<Piece>) -> Reply {
    Reply {
        status,
        headers: Vec::new(),
        framing: Framing::Length(body.iter().map(Piece::length).sum()),
        body,
        bodiless: false,
        after: KeepAlive::Yes,
        is_file: false,
    }
}

impl Reply {
    /// The same with one more header line.
    pub(crate) fn with(mut self, line: &str) -> Reply {
        self.headers.push(line.as_bytes().to_vec());
        self
    }

    /// The whole head as sent by a server in its right mind.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status)).into_bytes();
        for line in &self.headers {
            head.extend_from_slice(line);
            head.extend_from_slice(b"\r\n");
        }
        match self.framing {
            Framing::Length(length) => {
                head.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
            }
            Framing::Chunked => head.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
            Framing::UntilClose => {}
        }
        if self.after == KeepAlive::No || self.framing == Framing::UntilClose {
            head.extend_from_slice(b"Connection: close\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

impl Piece {
    pub(crate) fn length(&self) -> u64 {
        match self {
            Piece::Text(text) => u64::try_from(text.len()).expect("a text fits in memory"),
            Piece::File { span, .. } => span.end - span.start,
        }
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200..=299 => "Fine",
        300..=399 => "Elsewhere",
        400..=499 => "Refused",
        _ => "Failed",
    }
}
