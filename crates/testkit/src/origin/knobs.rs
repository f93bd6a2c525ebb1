//! Every way in which the origin can be told to misbehave: one field for each query parameter, of
//! the same name, with what it does. It knows neither sockets nor how the text is parsed.
//!
//! "The N-th request" counts the requests for one target (path and query, letter for letter),
//! from 1, over all connections. "Fault" marks the knobs that obey `fail_from`, `fail_times` and
//! `fail_until`; outside that window the answer is sound. For all others, and for a fault that begins
//! only when a test says so, there is `later`. Sizes take `K`, `M`, `G`; durations `ms`, `s`; raw
//! values are percent-decoded and sent as they are.

use std::time::Duration;

/// What one URL's query string asks of the origin.
#[derive(Debug, Clone)]
pub(crate) struct Knobs {
    // ---- The file ----
    /// `size=1M`: the file's length in bytes.
    pub(crate) size: u64,
    /// `seed=0`: which made-up bytes it has; see `content`.
    pub(crate) seed: u64,
    /// `name=RAW`: the value of `Content-Disposition`.
    pub(crate) name: Option<Vec<u8>>,
    /// `type=RAW`: the value of `Content-Type`; empty sends none.
    pub(crate) content_type: Vec<u8>,
    /// `etag=RAW`: the value of `ETag`, quotes included; without it none is sent.
    pub(crate) etag: Option<Vec<u8>>,
    /// `weak`: puts `W/` before the `ETag` (one is made up when `etag` is absent).
    pub(crate) weak: bool,
    /// `etag_per_node=N`: the `ETag` depends on which of N nodes the connection reached.
    pub(crate) etag_per_node: Option<u64>,
    /// `last_modified=RAW`: the value of `Last-Modified`.
    pub(crate) last_modified: Option<Vec<u8>>,
    /// `last_modified_per_node=N`: the `Last-Modified` depends on which of N nodes the connection
    /// reached; each has a date of its own.
    pub(crate) last_modified_per_node: Option<u64>,
    /// `header=RAW`: one more line of the head, `Name: value`; may be repeated.
    pub(crate) header: Vec<Vec<u8>>,
    /// `gzip`: labels the (unchanged) bytes `Content-Encoding: gzip`.
    pub(crate) gzip: bool,
    /// `change_after=N`: from the N-th request on it is another file: `changed_seed(seed)`,
    /// another `ETag` and another `Last-Modified`, where those are sent at all.
    pub(crate) change_after: Option<u64>,
    /// `change_on=GATE`: the same, once the gate is open.
    pub(crate) change_on: Option<String>,
    /// `change_size=N`: the changed file's length.
    pub(crate) change_size: Option<u64>,
    /// `change_from=N`: the changed file's bytes before N are those of the old one.
    pub(crate) change_from: u64,
    /// `change_keeps=etag,last_modified`: validators that do not tell of the change.
    pub(crate) change_keeps: Vec<String>,
    /// `change_drops=etag,last_modified`: validators that the changed file is sent without.
    pub(crate) change_drops: Vec<String>,

    // ---- The way to the file ----
    /// `redirect=N`: N hops first, each relative to the last.
    pub(crate) redirect: u64,
    /// `redirect_status=302`.
    pub(crate) redirect_status: u16,
    /// `redirect_to=RAW`: sends every request to that URL.
    pub(crate) redirect_to: Option<Vec<u8>>,
    /// `redirect_loop`: sends every request to itself.
    pub(crate) redirect_loop: bool,
    /// `expire_after=N`: one hop leads to a URL that answers N requests and then refuses; a fresh
    /// walk from this URL leads to a fresh one.
    pub(crate) expire_after: Option<u64>,
    /// `expire_status=403`: how it refuses then.
    pub(crate) expire_status: u16,
    /// `token=N`: put there by the origin itself, on the URL that `expire_after` leads to.
    pub(crate) token: Option<u64>,

    // ---- Being refused ----
    /// `basic=USER:PASSWORD`: 401 without these credentials.
    pub(crate) basic: Option<Vec<u8>>,
    /// `once`: 410 from the second request on.
    pub(crate) once: bool,
    /// `status=N`: answers with this status and a short text. Ends with `fail_until`.
    pub(crate) status: Option<u16>,
    /// `status_times=N`: only the first N requests, those before `status_on` included.
    pub(crate) status_times: u64,
    /// `status_on=GATE`: only once the gate is open.
    pub(crate) status_on: Option<String>,
    /// `retry_after=RAW`: sent with `status` and `over_status`.
    pub(crate) retry_after: Option<Vec<u8>>,
    /// `max_conns=N`: when N requests for this target are being answered, others are refused.
    pub(crate) max_conns: Option<u64>,
    /// `over_status=503` (or `reset`): how they are refused.
    pub(crate) over_status: Refusal,
    /// `head=refused|lies`: 405 to HEAD, or twice the size and no ranges.
    pub(crate) head: Head,
    /// `html_error_after=N`: after N requests, an HTML page with status 200; only `fail_times` of
    /// them when that is given.
    pub(crate) html_error_after: Option<u64>,
    /// `require_range`: 403 to a request without `Range`.
    pub(crate) require_range: bool,
    /// `refuse_range=STATUS`: the answer to any request with `Range`.
    pub(crate) refuse_range: Option<u16>,
    /// `long_range=N`: refuses ranges of more than N bytes; an open end counts to the file's.
    pub(crate) long_range: Option<u64>,
    /// `long_range_status=416`: how.
    pub(crate) long_range_status: u16,
    /// `bare_416`: no `Content-Range: bytes */SIZE` on any 416.
    pub(crate) bare_416: bool,

    // ---- Ranges and framing ----
    /// `ranges=…`: see [`Ranges`].
    pub(crate) ranges: Ranges,
    /// `no_length`: no `Content-Length`; the body ends when the connection does.
    pub(crate) no_length: bool,
    /// `chunked`: `Transfer-Encoding: chunked`.
    pub(crate) chunked: bool,
    /// `keepalive=no|lies`: closes after each answer, announced or not.
    pub(crate) keepalive: KeepAlive,
    /// `content_range=…`, fault: see [`ContentRange`].
    pub(crate) content_range: ContentRange,
    /// `full_on_range=206|200`, fault: the whole file in answer to a range.
    pub(crate) full_on_range: Option<u16>,
    /// `multipart`, fault: `multipart/byteranges` in answer to a single range.
    pub(crate) multipart: bool,
    /// `short=N`, fault: the body ends N bytes before its declared length, then FIN.
    pub(crate) short: u64,
    /// `long=N`, fault: N bytes more than declared.
    pub(crate) long: u64,

    // ---- Time ----
    /// `delay=DURATION`: before the head.
    pub(crate) delay: Duration,
    /// `rate=N`: bytes/s of each body.
    pub(crate) rate: Option<u64>,
    /// `slow_conn=K:RATE` or `K-K:RATE`: bodies on those connections (numbered from 1 as they were
    /// accepted) get this rate instead.
    pub(crate) slow_conn: Option<Slow>,
    /// `gate_before=NAME`: waits before the head until the test opens the gate.
    pub(crate) gate_before: Option<String>,
    /// `gate=NAME`: the body waits, after `gate_after` bytes, until the test opens the gate.
    pub(crate) gate: Option<String>,
    /// `gate_after=0`: bytes of each body before the gate.
    pub(crate) gate_after: u64,

    // ---- When faults happen ----
    /// `fail_from=1`: the first request with faults.
    pub(crate) fail_from: u64,
    /// `fail_times=N`: how many requests from there; without it, all.
    pub(crate) fail_times: Option<u64>,
    /// `fail_until=GATE`: no new ones once the gate is open.
    pub(crate) fail_until: Option<String>,

    /// `later=KNOBS`: more knobs, percent-encoded as one value, laid over the others while
    /// `later_from` … `later_until` say so. All but `redirect`, `expire_after` and `max_conns`, which
    /// must be known from the first request on.
    pub(crate) later: Option<Box<Knobs>>,
    /// `later_from=1`: the first request that they are for.
    pub(crate) later_from: u64,
    /// `later_times=N`: how many requests from there; without it, all.
    pub(crate) later_times: Option<u64>,
    /// `later_on=GATE`: only once the gate is open.
    pub(crate) later_on: Option<String>,
    /// `later_until=GATE`: no more once the gate is open.
    pub(crate) later_until: Option<String>,

    // ---- Broken bodies and heads: all faults; bytes are counted within one body ----
    /// `stall_after=N`: sends no more for ever, and keeps the connection.
    pub(crate) stall_after: Option<u64>,
    /// `reset_after=N`: RST.
    pub(crate) reset_after: Option<u64>,
    /// `close_after=N`: FIN; under TLS without `close_notify`.
    pub(crate) close_after: Option<u64>,
    /// `reset_head=before|inside`: RST instead of the head, or in its middle.
    pub(crate) reset_head: Option<ResetHead>,
    /// `slow_head=DURATION`: the pause after each byte of the head.
    pub(crate) slow_head: Option<Duration>,
    /// `bad_status_line`: a status that is no number.
    pub(crate) bad_status_line: bool,
    /// `http09`: the body without any head, then FIN.
    pub(crate) http09: bool,
    /// `header_size=N`: one header of N bytes.
    pub(crate) header_size: Option<u64>,
    /// `endless_headers`: headers for ever.
    pub(crate) endless_headers: bool,
}

/// How the origin treats `Range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ranges {
    /// `yes`: as RFC 9110 has it.
    Yes,
    /// `silent`: the same without `Accept-Ranges`.
    Silent,
    /// `no`: 200, and `Accept-Ranges: none`.
    No,
    /// `lies`: `Accept-Ranges: bytes`, and then 200.
    Lies,
    /// `ignore_offset`: claims the range asked for, and sends as many bytes from the file's start.
    IgnoreOffset,
    /// `ignore_end`: to the end of the file, and says so.
    IgnoreEnd,
    /// `short`: the first half of what was asked, and says so.
    Short,
    /// `early`: as many bytes, but from 100 bytes before what was asked, and says so; as asked from
    /// the file's start.
    Early,
}

/// What is wrong with `Content-Range` on a 206.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentRange {
    /// Nothing.
    Right,
    /// `missing`: it is absent.
    Missing,
    /// `shifted`: both ends are one too high.
    Shifted,
    /// `wrong_total`: the size is one too high.
    WrongTotal,
    /// `star`: `*` for the size, which RFC 9110 section 14.4 allows.
    Star,
    /// `unsatisfied`: the form that belongs on a 416.
    Unsatisfied,
    /// `garbage`: another unit and no numbers.
    Garbage,
    /// `twice`: two of them, which disagree.
    Twice,
    /// `reversed`: the last byte before the first.
    Reversed,
    /// `huge`: numbers beyond 64 bits.
    Huge,
}

/// How HEAD is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    /// As GET without its body.
    Honest,
    /// 405.
    Refused,
    /// Twice the size, and no ranges.
    Lies,
}

/// What happens to the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeepAlive {
    /// It serves on.
    Yes,
    /// Closed, and `Connection: close` said so.
    No,
    /// Closed without a word.
    Lies,
}

/// How a request too many is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// With this status.
    Status(u16),
    /// With RST.
    Reset,
}

/// Where the head is cut by RST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResetHead {
    /// Before its first byte.
    Before,
    /// After its first half.
    Inside,
}

/// Connections that are slow, and how slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slow {
    /// The first slow connection, from 1.
    pub(crate) first: u64,
    /// The last slow connection.
    pub(crate) last: u64,
    /// Bytes/s.
    pub(crate) rate: u64,
}

impl Knobs {
    /// The same without faults.
    pub(crate) fn sound(self) -> Knobs {
        let sound = Knobs::default();
        Knobs {
            content_range: sound.content_range,
            full_on_range: sound.full_on_range,
            multipart: sound.multipart,
            short: sound.short,
            long: sound.long,
            stall_after: sound.stall_after,
            reset_after: sound.reset_after,
            close_after: sound.close_after,
            reset_head: sound.reset_head,
            slow_head: sound.slow_head,
            bad_status_line: sound.bad_status_line,
            http09: sound.http09,
            header_size: sound.header_size,
            endless_headers: sound.endless_headers,
            ..self
        }
    }
}

impl Default for Knobs {
    fn default() -> Knobs {
        Knobs {
            size: 1 << 20,
            seed: 0,
            name: None,
            content_type: b"application/octet-stream".to_vec(),
            etag: None,
            weak: false,
            etag_per_node: None,
            last_modified: None,
            last_modified_per_node: None,
            header: Vec::new(),
            gzip: false,
            change_after: None,
            change_on: None,
            change_size: None,
            change_from: 0,
            change_keeps: Vec::new(),
            change_drops: Vec::new(),
            redirect: 0,
            redirect_status: 302,
            redirect_to: None,
            redirect_loop: false,
            expire_after: None,
            expire_status: 403,
            token: None,
            basic: None,
            once: false,
            status: None,
            status_times: u64::MAX,
            status_on: None,
            retry_after: None,
            max_conns: None,
            over_status: Refusal::Status(503),
            head: Head::Honest,
            html_error_after: None,
            require_range: false,
            refuse_range: None,
            long_range: None,
            long_range_status: 416,
            bare_416: false,
            ranges: Ranges::Yes,
            no_length: false,
            chunked: false,
            keepalive: KeepAlive::Yes,
            content_range: ContentRange::Right,
            full_on_range: None,
            multipart: false,
            short: 0,
            long: 0,
            delay: Duration::ZERO,
            rate: None,
            slow_conn: None,
            gate_before: None,
            gate: None,
            gate_after: 0,
            fail_from: 1,
            fail_times: None,
            fail_until: None,
            later: None,
            later_from: 1,
            later_times: None,
            later_on: None,
            later_until: None,
            stall_after: None,
            reset_after: None,
            close_after: None,
            reset_head: None,
            slow_head: None,
            bad_status_line: false,
            http09: false,
            header_size: None,
            endless_headers: false,
        }
    }
}
