//! The file as the origin serves it: which version, whole or in part, described truly or not. A
//! pure function; whether a request gets that far is decided in `decide`.

use std::ops::Range;

use super::book::Facts;
use super::content::changed_seed;
use super::knobs::{ContentRange, Head, Knobs, Ranges};
use super::reply::{Framing, Piece, Reply, bare, refusal};
use super::request::{Asked, Request};

/// The file as it is at one request.
struct Version {
    seed: u64,
    /// The bytes before `old_until` are those made from `old_seed`.
    old_seed: u64,
    old_until: u64,
    size: u64,
    etag: Option<Vec<u8>>,
    last_modified: Option<Vec<u8>>,
}

const CHANGED_DATE: &[u8] = b"Wed, 02 Jan 2030 03:04:05 GMT";

impl Version {
    fn at(knobs: &Knobs, facts: &Facts) -> Version {
        let by_gate = knobs.change_on.as_ref();
        let is_changed = knobs.change_after.is_some_and(|from| facts.nth >= from)
            || by_gate.is_some_and(|gate| facts.gates.contains(gate));
        if !is_changed {
            return Version {
                seed: knobs.seed,
                old_seed: knobs.seed,
                old_until: 0,
                size: knobs.size,
                etag: etag(knobs, facts, ""),
                last_modified: last_modified(knobs, facts),
            };
        }
        let keeps = |what: &str| knobs.change_keeps.iter().any(|kept| kept == what);
        let mut version = Version {
            seed: changed_seed(knobs.seed),
            old_seed: knobs.seed,
            old_until: knobs.change_from,
            size: knobs.change_size.unwrap_or(knobs.size),
            etag: etag(knobs, facts, "-changed"),
            last_modified: knobs.last_modified.as_ref().map(|_| CHANGED_DATE.to_vec()),
        };
        if keeps("etag") {
            version.etag = etag(knobs, facts, "");
        }
        if keeps("last_modified") {
            version.last_modified.clone_from(&knobs.last_modified);
        }
        let drops = |what: &str| knobs.change_drops.iter().any(|dropped| dropped == what);
        if drops("etag") {
            version.etag = None;
        }
        if drops("last_modified") {
            version.last_modified = None;
        }
        version
    }

    /// Its bytes in `span`.
    fn pieces(&self, span: Range<u64>) -> Vec<Piece> {
        let border = self.old_until.clamp(span.start, span.end);
        let both = [
            (self.old_seed, span.start..border),
            (self.seed, border..span.end),
        ];
        both.into_iter()
            .filter(|(_, span)| !span.is_empty())
            .map(|(seed, span)| Piece::File { seed, span })
            .collect()
    }

    /// The header lines that identify it.
    fn headers(&self) -> Vec<Vec<u8>> {
        let etag = self.etag.iter().map(|etag| [b"ETag: ", &etag[..]].concat());
        let date = self.last_modified.iter();
        let date = date.map(|date| [b"Last-Modified: ", &date[..]].concat());
        etag.chain(date).collect()
    }

    /// Whether an `If-Range` of this value holds (RFC 9110 section 13.1.5).
    fn is_strongly(&self, validator: &str) -> bool {
        let known = [&self.etag, &self.last_modified];
        let mut known = known.into_iter().flatten();
        known.any(|known| known == validator.as_bytes() && !known.starts_with(b"W/"))
    }
}

fn etag(knobs: &Knobs, facts: &Facts, version: &str) -> Option<Vec<u8>> {
    let is_made_up = knobs.weak || knobs.etag_per_node.is_some();
    let given = knobs.etag.clone();
    let mut etag = given.or_else(|| is_made_up.then(|| b"\"testkit\"".to_vec()))?;
    let mut suffix = String::new();
    if let Some(nodes) = knobs.etag_per_node {
        suffix = format!("-node{}", facts.connection % nodes);
    }
    suffix.push_str(version);
    let at = etag.len() - usize::from(etag.ends_with(b"\""));
    etag.splice(at..at, suffix.into_bytes());
    if knobs.weak {
        etag.splice(0..0, *b"W/");
    }
    Some(etag)
}

fn last_modified(knobs: &Knobs, facts: &Facts) -> Option<Vec<u8>> {
    let Some(nodes) = knobs.last_modified_per_node else {
        return knobs.last_modified.clone();
    };
    let second = facts.connection % nodes.min(60);
    Some(format!("Tue, 01 Jan 2030 03:04:{second:02} GMT").into_bytes())
}

/// The file, or the part asked for.
pub(crate) fn file(knobs: &Knobs, request: &Request, facts: &Facts) -> Reply {
    let version = Version::at(knobs, facts);
    let mut reply = match honoured(knobs, request, &version) {
        None => whole(knobs, &version),
        Some(asked) if asked.first >= version.size => return unsatisfied(knobs, &version),
        Some(asked) => {
            let last = asked.last.unwrap_or(u64::MAX).min(version.size - 1);
            part(knobs, &version, asked.first..last + 1)
        }
    };
    misstate_length(knobs, &mut reply, &version);
    if request.method == "HEAD" && knobs.head == Head::Lies {
        reply.framing = Framing::Length(version.size * 2);
        reply
            .headers
            .retain(|line| !line.starts_with(b"Accept-Ranges"));
        reply = reply.with("Accept-Ranges: none");
    }
    reply
}

/// The range to answer, when this request gets one at all.
fn honoured(knobs: &Knobs, request: &Request, version: &Version) -> Option<Asked> {
    let ignores = matches!(knobs.ranges, Ranges::No | Ranges::Lies);
    if ignores || request.method == "HEAD" {
        return None;
    }
    let condition = request.header("if-range");
    if condition.is_some_and(|validator| !version.is_strongly(validator)) {
        return None;
    }
    request.asked()
}

fn whole(knobs: &Knobs, version: &Version) -> Reply {
    let body = version.pieces(0..version.size);
    described(knobs, version, 200, body, version.size)
}

fn part(knobs: &Knobs, version: &Version, span: Range<u64>) -> Reply {
    if let Some(status) = knobs.full_on_range {
        let reply = whole(knobs, version);
        return match status {
            206 => Reply {
                status,
                ..reply.with(&right_range(&span, version.size))
            },
            _ => reply,
        };
    }
    let asked = span.end - span.start;
    let span = match knobs.ranges {
        Ranges::IgnoreEnd => span.start..version.size,
        Ranges::Short => span.start..span.start + asked.div_ceil(2),
        Ranges::Early => {
            let shift = span.start.min(100);
            span.start - shift..span.end - shift
        }
        _ => span,
    };
    let length = span.end - span.start;
    if knobs.multipart {
        return multipart(knobs, version, &span);
    }
    let body = match knobs.ranges {
        Ranges::IgnoreOffset => version.pieces(0..length),
        _ => version.pieces(span.clone()),
    };
    let reply = described(knobs, version, 206, body, length);
    match content_range(knobs.content_range, &span, version.size) {
        Some(line) => reply.with(&line),
        None => reply,
    }
}

fn right_range(span: &Range<u64>, size: u64) -> String {
    format!(
        "Content-Range: bytes {}-{}/{size}",
        span.start,
        span.end - 1
    )
}

fn content_range(wrong: ContentRange, span: &Range<u64>, size: u64) -> Option<String> {
    let (first, last) = (span.start, span.end - 1);
    let value = match wrong {
        ContentRange::Missing => return None,
        ContentRange::Right => format!("bytes {first}-{last}/{size}"),
        ContentRange::Shifted => format!("bytes {}-{}/{size}", first + 1, last + 1),
        ContentRange::WrongTotal => format!("bytes {first}-{last}/{}", size + 1),
        ContentRange::Star => format!("bytes {first}-{last}/*"),
        ContentRange::Unsatisfied => format!("bytes */{size}"),
        ContentRange::Garbage => "pages one-two".to_owned(),
        ContentRange::Twice => format!("bytes {first}-{last}/{size}\r\nContent-Range: bytes 0-0/1"),
        ContentRange::Reversed => format!("bytes {}-{first}/{size}", last + 1),
        ContentRange::Huge => format!("bytes {first}-99999999999999999999/199999999999999999999"),
    };
    Some(format!("Content-Range: {value}"))
}

fn multipart(knobs: &Knobs, version: &Version, span: &Range<u64>) -> Reply {
    let range = right_range(span, version.size);
    let before = format!("--testkit\r\nContent-Type: application/octet-stream\r\n{range}\r\n\r\n");
    let after = "\r\n--testkit--\r\n";
    let framing = before.len() + after.len();
    let mut body = version.pieces(span.clone());
    body.insert(0, Piece::Text(before.into_bytes()));
    body.push(Piece::Text(after.into()));
    let length = span.end - span.start + u64::try_from(framing).expect("a short text");
    let knobs = Knobs {
        content_type: b"multipart/byteranges; boundary=testkit".to_vec(),
        ..knobs.clone()
    };
    described(&knobs, version, 206, body, length)
}

/// A reply with everything that describes the file.
fn described(
    knobs: &Knobs,
    version: &Version,
    status: u16,
    body: Vec<Piece>,
    length: u64,
) -> Reply {
    let mut headers = version.headers();
    let mut raw = |name: &str, value: &[u8]| headers.push([name.as_bytes(), b": ", value].concat());
    if !knobs.content_type.is_empty() {
        raw("Content-Type", &knobs.content_type);
    }
    if let Some(name) = &knobs.name {
        raw("Content-Disposition", name);
    }
    if knobs.gzip {
        raw("Content-Encoding", b"gzip");
    }
    match knobs.ranges {
        Ranges::Silent => {}
        Ranges::No => raw("Accept-Ranges", b"none"),
        _ => raw("Accept-Ranges", b"bytes"),
    }
    headers.extend(knobs.header.iter().cloned());
    let framing = match (knobs.chunked, knobs.no_length) {
        (true, _) => Framing::Chunked,
        (false, true) => Framing::UntilClose,
        (false, false) => Framing::Length(length),
    };
    Reply {
        framing,
        headers,
        is_file: true,
        ..bare(status, body)
    }
}

/// Makes the body shorter or longer than its declared length.
fn misstate_length(knobs: &Knobs, reply: &mut Reply, version: &Version) {
    if knobs.long > 0 {
        reply
            .body
            .extend(version.pieces(version.size..version.size + knobs.long));
    }
    if let Some(Piece::File { span, .. }) = reply.body.last_mut() {
        span.end = span.end.saturating_sub(knobs.short).max(span.start);
    }
}

fn unsatisfied(knobs: &Knobs, version: &Version) -> Reply {
    let mut reply = refusal(416, "the range lies beyond the file");
    reply.headers.extend(version.headers());
    if knobs.bare_416 {
        return reply;
    }
    reply.with(&format!("Content-Range: bytes */{}", version.size))
}
