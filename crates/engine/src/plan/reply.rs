//! Is this answer what we asked for? Decided here, before a byte of it is written.
//!
//! The rules are those of RFC 9110 §14 and §15.3.7: a part counts only when it starts where it was
//! asked to, lies inside what was asked for, belongs to a file of the known length, and nothing
//! contradicts that it is the same version. A server that gives less than asked for is within its
//! rights; one that gives something else is not believed.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};

use super::content_range::{self, ContentRange};
use super::disposition::{self, Disposition};
use super::resource::{ETag, Identity, Resource, Validators};
use super::{name, retry_after};
use crate::error::{Error, Kind, Result, Retry};
use url::Url;

/// The head of an answer, as far as decisions need it.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// Where it came from, after redirects.
    pub url: &'a Url,
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: &'a HeaderMap,
    /// When it came, to read dates against.
    pub at: SystemTime,
}

/// What an answer to the first request means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum First {
    /// The server answers ranges; the body holds bytes `0..len`.
    Part {
        /// What there is.
        resource: Resource,
        /// Bytes in this body.
        len: u64,
    },
    /// The body is the whole file.
    Whole(Resource),
    /// An empty file, told by `416` with `*/0`.
    Empty(Resource),
    /// The server dislikes the range: ask again without one.
    AskWhole,
}

/// Judges the answer to the first request, which asked for the first `block` bytes, or for the whole
/// file when `block` is `None`.
pub fn first(head: &Head<'_>, block: Option<u64>) -> Result<First> {
    match head.status {
        StatusCode::OK => {
            let size = content_length(head.headers)?;
            Ok(First::Whole(resource(head, size, false)?))
        }
        StatusCode::PARTIAL_CONTENT => first_part(head, block),
        StatusCode::RANGE_NOT_SATISFIABLE if block.is_some() => match content_range(head.headers) {
            Some(ContentRange::Unsatisfied { total: 0 }) => {
                Ok(First::Empty(resource(head, Some(0), false)?))
            }
            _ => Ok(First::AskWhole),
        },
        // These may be about the range only; the plain request will tell.
        StatusCode::BAD_REQUEST
        | StatusCode::FORBIDDEN
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::NOT_IMPLEMENTED
            if block.is_some() =>
        {
            Ok(First::AskWhole)
        }
        _ => Err(refusal(head)),
    }
}

fn first_part(head: &Head<'_>, block: Option<u64>) -> Result<First> {
    let Some(block) = block else {
        return Err(protocol(head, "answers 206 to a request without a range"));
    };
    // Neither is a part that can be placed; the whole file may still be had.
    if is_multipart(head.headers) {
        return Ok(First::AskWhole);
    }
    let Some(ContentRange::Bytes {
        first: 0,
        last,
        total,
    }) = content_range(head.headers)
    else {
        return Ok(First::AskWhole);
    };
    let len = last + 1;
    // Without the total nothing says where the file ends.
    let Some(total) = total else {
        return Ok(First::AskWhole);
    };
    if len > block || content_length(head.headers)?.is_some_and(|declared| declared != len) {
        return Ok(First::AskWhole);
    }
    Ok(First::Part {
        resource: resource(head, Some(total), true)?,
        len,
    })
}

/// Whether the body is a page to look at, and not sent as a file to keep.
pub fn is_page(headers: &HeaderMap) -> bool {
    is_html(headers) && !disposition(headers).is_some_and(|disposition| disposition.attachment)
}

/// Judges the answer to a block: bytes `asked.0..=asked.1` of `known`. Returns how many bytes its
/// body brings, from the first one asked for.
///
/// `moved` says that the block was asked for at an address reached through a redirect, which may have
/// expired.
pub fn block(head: &Head<'_>, asked: (u64, u64), known: &Resource, moved: Moved) -> Result<u64> {
    match head.status {
        StatusCode::PARTIAL_CONTENT => part(head, asked, known),
        StatusCode::OK => Err(whole_for_a_part(head, known)),
        StatusCode::RANGE_NOT_SATISFIABLE => match content_range(head.headers) {
            Some(ContentRange::Unsatisfied { total }) if Some(total) != known.size => Err(changed(
                head,
                &format!("it now has {total} bytes instead of {}", shown(known.size)),
            )),
            _ => Err(protocol(head, "refuses a range that lies inside the file")),
        },
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::NOT_FOUND
        | StatusCode::GONE
            if moved == Moved::Redirected =>
        {
            Err(refusal(head).with_retry(Retry::Reresolve))
        }
        // The file was served a moment ago: more likely one connection too many than a change of mind.
        StatusCode::FORBIDDEN => Err(refusal(head).with_retry(Retry::FewerConnections {
            after: wait_named(head),
        })),
        status => {
            let refusal = refusal(head);
            // One node of many may not have it, or not yet.
            if status.is_client_error() && refusal.retry == Retry::Never {
                return Err(refusal.with_retry(Retry::Wait { after: None }));
            }
            Err(refusal)
        }
    }
}

/// How the address of a block was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// It is the URL that the user gave.
    Given,
    /// A redirect led there.
    Redirected,
}

fn part(head: &Head<'_>, (first, last): (u64, u64), known: &Resource) -> Result<u64> {
    if is_multipart(head.headers) {
        return Err(protocol(head, "answers one range with several parts"));
    }
    let Some(range) = content_range(head.headers) else {
        return Err(protocol(
            head,
            "sends a part without one valid Content-Range",
        ));
    };
    let ContentRange::Bytes {
        first: got_first,
        last: got_last,
        total,
    } = range
    else {
        return Err(protocol(head, "sends a part and calls it unsatisfiable"));
    };
    if let (Some(total), Some(size)) = (total, known.size)
        && total != size
    {
        return Err(changed(
            head,
            &format!("it now has {total} bytes instead of {size}"),
        ));
    }
    match known.validators.compare(&validators(head.headers)) {
        Identity::Same => {}
        Identity::Unproven if !known.validators.is_strong() => {}
        // What could be proven before must be proven again.
        Identity::Unproven => return Err(changed(head, "it no longer says which version it is")),
        Identity::Different => {
            return Err(changed(head, "its ETag, date or encoding is another one"));
        }
    }
    if got_first != first || got_last > last {
        let why = format!("was asked for bytes {first}-{last} and sends {got_first}-{got_last}");
        return Err(protocol(head, &why));
    }
    let len = got_last - got_first + 1;
    if content_length(head.headers)?.is_some_and(|declared| declared != len) {
        return Err(protocol(
            head,
            "declares a length that is not its Content-Range's",
        ));
    }
    Ok(len)
}

/// A 200 in place of a block is never written: it starts at byte 0.
fn whole_for_a_part(head: &Head<'_>, known: &Resource) -> Error {
    let is_html = is_html(head.headers) && !known.content_type.as_deref().is_some_and(is_html_type);
    if is_html {
        return protocol(head, "sends an HTML page in place of a part of the file");
    }
    if known.validators.compare(&validators(head.headers)) == Identity::Different {
        return changed(head, "its ETag, date or encoding is another one");
    }
    match content_length(head.headers) {
        Ok(Some(size)) if Some(size) != known.size => changed(
            head,
            &format!("it now has {size} bytes instead of {}", shown(known.size)),
        ),
        _ => protocol(head, "sends the whole file in place of a part").with_retry(Retry::NoParts),
    }
}

/// An answer that is no success, with its class.
fn refusal(head: &Head<'_>) -> Error {
    let status = head.status;
    let after = wait_named(head);
    let (kind, retry) = match status.as_u16() {
        404 | 410 => (Kind::NotFound, Retry::Never),
        401 | 403 | 407 | 451 => (Kind::Refused, Retry::Never),
        429 | 503 => (Kind::Busy, Retry::FewerConnections { after }),
        408 | 425 | 500..=599 => (Kind::HttpStatus, Retry::Wait { after }),
        _ => (Kind::HttpStatus, Retry::Never),
    };
    let reason = status.canonical_reason().unwrap_or("no known reason");
    let detail = format!("the server answers {} ({reason})", status.as_u16());
    Error::new(kind, detail)
        .with_retry(retry)
        .with_status(status.as_u16())
        .at(head.url)
}

fn changed(head: &Head<'_>, how: &str) -> Error {
    Error::new(Kind::Changed, format!("the remote file has changed: {how}"))
        .with_status(head.status.as_u16())
        .at(head.url)
}

/// Nonsense may come from one node of many, so it is worth a few more tries.
fn protocol(head: &Head<'_>, what: &str) -> Error {
    Error::passing(Kind::Protocol, format!("the server {what}"))
        .with_status(head.status.as_u16())
        .at(head.url)
}

fn wait_named(head: &Head<'_>) -> Option<Duration> {
    let value = text(head.headers, header::RETRY_AFTER)?;
    retry_after::parse(value, text(head.headers, header::DATE), head.at)
}

/// Offsets in files are signed.
const LONGEST_FILE: u64 = i64::MAX.cast_unsigned();

fn resource(head: &Head<'_>, size: Option<u64>, ranges: bool) -> Result<Resource> {
    if size.is_some_and(|size| size > LONGEST_FILE) {
        return Err(protocol(head, "names a length that no file can have"));
    }
    let disposition = disposition(head.headers);
    Ok(Resource {
        final_url: head.url.clone(),
        size,
        ranges,
        validators: validators(head.headers),
        content_type: text(head.headers, header::CONTENT_TYPE).map(str::to_owned),
        name: name::of(disposition.as_ref(), head.url),
    })
}

fn disposition(headers: &HeaderMap) -> Option<Disposition> {
    headers
        .get(header::CONTENT_DISPOSITION)
        .map(|value| disposition::parse(value.as_bytes()))
}

/// What tells this version from another.
pub fn validators(headers: &HeaderMap) -> Validators {
    let encoding = text(headers, header::CONTENT_ENCODING).map(str::to_ascii_lowercase);
    Validators {
        etag: text(headers, header::ETAG).and_then(ETag::parse),
        last_modified: text(headers, header::LAST_MODIFIED)
            .and_then(|date| httpdate::parse_http_date(date).ok()),
        encoding: encoding.filter(|encoding| encoding != "identity" && !encoding.is_empty()),
    }
}

/// The one valid `Content-Range`; several, or one that cannot be read, are none.
fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    let mut values = headers.get_all(header::CONTENT_RANGE).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    content_range::parse(value)
}

/// The `Content-Length`; hyper has already refused contradicting ones.
fn content_length(headers: &HeaderMap) -> Result<Option<u64>> {
    let Some(value) = text(headers, header::CONTENT_LENGTH) else {
        return Ok(None);
    };
    let length = content_range::number(value.trim()).map(Some);
    // It may be as long as a whole head, so it is not repeated.
    let refuse = || {
        Error::passing(
            Kind::Protocol,
            "the server sends a length that is no number",
        )
    };
    length.ok_or_else(refuse)
}

fn is_multipart(headers: &HeaderMap) -> bool {
    text(headers, header::CONTENT_TYPE)
        .is_some_and(|value| value.to_ascii_lowercase().starts_with("multipart/"))
}

fn is_html(headers: &HeaderMap) -> bool {
    text(headers, header::CONTENT_TYPE).is_some_and(is_html_type)
}

/// Whether a `Content-Type` is that of a page to look at.
fn is_html_type(value: &str) -> bool {
    let essence = value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    matches!(essence.as_str(), "text/html" | "application/xhtml+xml")
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn shown(size: Option<u64>) -> String {
    size.map_or("an unknown number".to_owned(), |size| size.to_string())
}

#[cfg(test)]
mod tests;
