//! `GET /api/v1/downloads/{id}/content`: the finished file. Owns how its bytes are read and how a
//! browser is kept from running what somebody else has written as if it were ours.

mod conditions;

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{self, State};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use haul_engine::folder::Pinned;
use haul_engine::{Error, Id, Status, View};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::App;
use super::command::known;
use super::error::{ApiError, Edge};
use conditions::{Verdict, Version};

/// Bytes that are read at once.
const PIECE: u64 = 256 << 10;

/// Answers with the file, or a part of it.
pub(super) async fn serve(
    State(app): State<Arc<App>>,
    extract::Path(id): extract::Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id: Id = id.parse()?;
    let view = known(id, &app.engine)?;
    let path = match &view.path {
        Some(path) if view.status == Status::Completed => path.to_path_buf(),
        _ => {
            let detail = format!(
                "download {id} is {}; it has no file yet",
                view.status.name()
            );
            return Err(ApiError::edge(Edge::NotCompleted, detail));
        }
    };
    let root = app.options.root.clone();
    // A stalled disk must not stall every other request.
    let opening = tokio::task::spawn_blocking(move || open(&path, &root));
    let (file, found) = opening.await.unwrap_or_else(|broken| {
        Err(Error::disk("open", Path::new(""), &io::Error::other(broken)).into())
    })?;
    let version = version(&found);
    let range = match version.judge(&headers) {
        Verdict::Whole => None,
        Verdict::Part(range) => Some(range),
        Verdict::NotModified => return Ok(not_modified(&version)),
        Verdict::PreconditionFailed => {
            let detail = "the file is another one than the request expects";
            return Err(ApiError::edge(Edge::PreconditionFailed, detail));
        }
        Verdict::NotSatisfiable => return Ok(not_satisfiable(&version)),
    };
    Ok(answer(&view, file, &version, range))
}

/// Opens what was delivered: a file of that name, and not what a link of that name leads to.
fn open(path: &Path, root: &Path) -> Result<(File, Metadata), ApiError> {
    let gone = || {
        let shown = path.display();
        ApiError::edge(
            Edge::FileGone,
            format!("the file is no longer at {shown}; it was moved, replaced or deleted"),
        )
    };
    let trouble = |cause: &io::Error| match cause.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => gone(),
        _ if cause.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => gone(),
        _ => Error::disk("open", path, cause).into(),
    };
    // A directory on the way may have become a link since, or become one now. What was delivered
    // elsewhere, under an older configuration, is where its record says.
    let dir = Pinned::open(path.parent().unwrap_or(path)).map_err(|cause| trouble(&cause))?;
    if path.starts_with(root) && !dir.is_inside(root) {
        return Err(gone());
    }
    // Opening a pipe must not wait for its other end.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let name = path.file_name().unwrap_or(OsStr::new(""));
    let file = rustix::fs::openat(&dir, name, flags, Mode::empty())
        .map_err(|cause| trouble(&cause.into()))?;
    let file = File::from(file);
    let found = file.metadata().map_err(|cause| trouble(&cause))?;
    if !found.is_file() {
        return Err(gone());
    }
    Ok((file, found))
}

/// Every write moves the time of the last change, so that no two contents have the same tag.
fn version(found: &Metadata) -> Version {
    let tag = format!(
        "\"{:x}-{:x}-{:x}.{:x}\"",
        found.ino(),
        found.len(),
        found.ctime(),
        found.ctime_nsec()
    );
    Version {
        tag,
        modified: found.modified().ok().and_then(Version::date),
        len: found.len(),
    }
}

fn answer(view: &View, file: File, version: &Version, range: Option<Range<u64>>) -> Response {
    let status = match range {
        Some(_) => StatusCode::PARTIAL_CONTENT,
        None => StatusCode::OK,
    };
    let sent = range.clone().unwrap_or(0..version.len);
    let len = sent.end - sent.start;
    let body = Body::from_stream(pieces(file, sent));
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    validators(version, headers);
    headers.insert(header::CONTENT_LENGTH, len.into());
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_TYPE, content_type(view));
    headers.insert(header::CONTENT_DISPOSITION, disposition(&file_name(view)));
    harmless(headers);
    if let Some(range) = range {
        let text = format!("bytes {}-{}/{}", range.start, range.end - 1, version.len);
        headers.insert(header::CONTENT_RANGE, value(&text));
    }
    response
}

fn not_modified(version: &Version) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    validators(version, response.headers_mut());
    response
}

fn not_satisfiable(version: &Version) -> Response {
    let detail = format!("the file has {} bytes", version.len);
    let mut response = ApiError::edge(Edge::RangeNotSatisfiable, detail).into_response();
    let text = format!("bytes */{}", version.len);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_RANGE, value(&text));
    response
}

/// What tells this version of the file from others. Whoever keeps a copy asks whether it still counts.
fn validators(version: &Version, headers: &mut HeaderMap) {
    headers.insert(header::ETAG, value(&version.tag));
    if let Some(modified) = version.modified {
        let date = httpdate::fmt_http_date(modified);
        headers.insert(header::LAST_MODIFIED, value(&date));
    }
    let kept = HeaderValue::from_static("private, no-cache");
    headers.insert(header::CACHE_CONTROL, kept);
}

/// The file is somebody else's work, and comes from our own origin: it is never opened as a page, and
/// pages of others cannot show it. As with every answer, its type is not guessed.
fn harmless(headers: &mut HeaderMap) {
    let sandbox = HeaderValue::from_static("sandbox; default-src 'none'");
    headers.insert(header::CONTENT_SECURITY_POLICY, sandbox);
    let policy = HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(policy, HeaderValue::from_static("same-origin"));
}

/// The origin's type, unless a browser could run it.
fn content_type(view: &View) -> HeaderValue {
    let unknown = HeaderValue::from_static("application/octet-stream");
    let Some(told) = &view.content_type else {
        return unknown;
    };
    let essence = told.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    let is_active = ["html", "xml", "script", "css"]
        .iter()
        .any(|part| essence.contains(part));
    if is_active || !essence.contains('/') {
        return unknown;
    }
    HeaderValue::from_str(told).unwrap_or(unknown)
}

fn file_name(view: &View) -> String {
    let delivered = view.path.as_deref().and_then(Path::file_name);
    delivered.map_or_else(
        || view.name.to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// Keep it under this name (RFC 6266): for old clients in ASCII, for all others as it is (RFC 8187).
fn disposition(name: &str) -> HeaderValue {
    /// All but the `attr-char` of RFC 8187 §3.2.1.
    const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'!')
        .remove(b'#')
        .remove(b'$')
        .remove(b'&')
        .remove(b'+')
        .remove(b'-')
        .remove(b'.')
        .remove(b'^')
        .remove(b'_')
        .remove(b'`')
        .remove(b'|')
        .remove(b'~');
    let plain = |c: char| match c {
        '"' | '\\' | '%' => '_',
        ' '..='~' => c,
        _ => '_',
    };
    let ascii: String = name.chars().map(plain).collect();
    let exact = utf8_percent_encode(name, ESCAPED);
    value(&format!(
        "attachment; filename=\"{ascii}\"; filename*=UTF-8''{exact}"
    ))
}

/// A field's value of our own making.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("printable ASCII")
}

/// The bytes of a range, read as the client takes them. One that ends early breaks the answer off: it
/// would be too short.
fn pieces(file: File, range: Range<u64>) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let begin = (Arc::new(file), range);
    stream::try_unfold(begin, async |(file, left)| {
        if left.is_empty() {
            return Ok(None);
        }
        let end = left.end.min(left.start + PIECE);
        let (source, at) = (file.clone(), left.start..end);
        let reading = tokio::task::spawn_blocking(move || read(&source, at));
        let bytes = reading
            .await
            .unwrap_or_else(|broken| Err(io::Error::other(broken)))?;
        Ok(Some((bytes, (file, end..left.end))))
    })
}

fn read(file: &File, range: Range<u64>) -> io::Result<Bytes> {
    let len = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, range.start)?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests;
