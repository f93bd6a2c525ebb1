//! Reads one request head off a connection. It accepts what a sane client sends and does not
//! police it: the origin is here to misbehave, not to judge.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

const LONGEST_HEAD: usize = 64 << 10;

/// One request's head.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// As sent: path and query, or an absolute URL from a client that takes us for its proxy.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
}

/// The bytes that a request asked for with `Range: bytes=first-last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The first byte's offset.
    pub first: u64,
    /// The last byte's offset, itself included; `None` is the end of the file.
    pub last: Option<u64>,
}

impl Request {
    /// The first header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter();
        found
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .next()
    }

    /// The single range asked for. Suffixes and several ranges count as none, as RFC 9110
    /// section 14.2 allows a server.
    pub(crate) fn asked(&self) -> Option<Asked> {
        asked(self.header("range")?)
    }

    /// The query string, empty when there is none.
    pub(crate) fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }
}

/// The path of a request target, whether relative or absolute.
pub(crate) fn path_of(target: &str) -> &str {
    let target = target.split_once('?').map_or(target, |(path, _)| path);
    let Some((_, rest)) = target.split_once("://") else {
        return target;
    };
    rest.find('/').map_or("/", |slash| &rest[slash..])
}

/// Reads a `Range` header's value.
pub(crate) fn asked(value: &str) -> Option<Asked> {
    let (first, last) = value.trim().strip_prefix("bytes=")?.split_once('-')?;
    let first = first.parse().ok()?;
    if last.is_empty() {
        return Some(Asked { first, last: None });
    }
    let last = last.parse().ok().filter(|last| *last >= first)?;
    Some(Asked {
        first,
        last: Some(last),
    })
}

/// The next request of a connection, or `None` when the client has closed it. Bytes beyond the
/// head stay in `buffer` for the next call.
pub(crate) async fn read(
    reader: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> io::Result<Option<Request>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head: Vec<u8> = buffer.drain(..end + 4).collect();
            return parse(&head[..end]).map(Some);
        }
        if buffer.len() > LONGEST_HEAD {
            return Err(invalid("the request's head is too long"));
        }
        if reader.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

fn parse(head: &[u8]) -> io::Result<Request> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let [method, target, _version] = first.split(' ').collect::<Vec<_>>()[..] else {
        return Err(invalid("the request line has not three parts"));
    };
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    Ok(Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: headers.collect(),
    })
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_plain_range_counts() {
        let range = |first, last| Some(Asked { first, last });
        assert_eq!(asked("bytes=0-99"), range(0, Some(99)));
        assert_eq!(asked("bytes=5-"), range(5, None));
        for none in [
            "bytes=-5",
            "bytes=9-1",
            "bytes=0-1,4-5",
            "items=0-1",
            "bytes=a-b",
        ] {
            assert_eq!(asked(none), None, "{none}");
        }
    }

    #[test]
    fn a_path_is_found_in_both_forms_of_a_target() {
        assert_eq!(path_of("/a/b?c=d"), "/a/b");
        assert_eq!(path_of("http://host:1/a?u=http://x/"), "/a");
        assert_eq!(path_of("http://host"), "/");
    }
}
