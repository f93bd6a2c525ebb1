//! One download as JSON, whole or only what changed. One table says which JSON key shows which
//! fields of the live state, so the two can never disagree.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use haul_engine::event::{BlockView, DigestView, Fields, Reason, ThreadState};
use haul_engine::{Error, Id, Status, View};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};
use url::Url;

use super::problem::KindName;
use super::schema::described;
use super::waits::Waits;

/// Whether what the single threads do is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Without `blocks` and `map`.
    Plain,
    /// With them.
    Full,
}

/// A download on the wire.
pub(crate) struct Download<'a> {
    view: &'a View,
    fields: Fields,
    detail: Detail,
}

impl<'a> Download<'a> {
    /// All of it.
    pub(crate) fn whole(view: &'a View, detail: Detail) -> Download<'a> {
        Download::changed(view, Fields::ALL, detail)
    }

    /// Its id, its revision and what `fields` affect.
    pub(crate) fn changed(view: &'a View, fields: Fields, detail: Detail) -> Download<'a> {
        Download {
            view,
            fields,
            detail,
        }
    }
}

/// Writes, for each line, the key when one of its fields is wanted; and says what it holds.
macro_rules! table {
    ($view:ident
        $($(#[doc = $says:literal])+ $key:literal : $type:ty = $value:expr, when $($field:ident)|+;)*
     detail
        $($(#[doc = $tells:literal])+ $more:literal : $form:ty = $shown:expr, when $from:ident;)*
    ) => {
        impl Serialize for Download<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let $view = self.view;
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("id", &IdText($view.id))?;
                $(if self.fields.intersects($(Fields::$field)|+) {
                    let value: $type = $value;
                    map.serialize_entry($key, &value)?;
                })*
                $(if self.detail == Detail::Full && self.fields.intersects(Fields::$from) {
                    let value: $form = $shown;
                    map.serialize_entry($more, &value)?;
                })*
                map.serialize_entry("revision", &$view.revision)?;
                map.end()
            }
        }

        /// The keys that every download has, and those that come with [`Detail::Full`].
        const KEYS: (&[&str], &[&str]) = (&["id", $($key,)* "revision"], &[$($more,)*]);

        fn properties(generator: &mut SchemaGenerator) -> Map<String, Value> {
            let mut all = Map::new();
            let mut tell = |key: &str, says: &str, mut schema: Schema| {
                schema.insert("description".to_owned(), says.trim().into());
                all.insert(key.to_owned(), schema.to_value());
            };
            tell("id", "Its name for ever.", generator.subschema_for::<IdText>());
            $(tell($key, concat!($($says,)+), generator.subschema_for::<$type>());)*
            $(tell($more, concat!($($tells,)+), generator.subschema_for::<$form>());)*
            tell(
                "revision",
                "Raised by every change, over all downloads.",
                generator.subschema_for::<u64>(),
            );
            all
        }
    };
}

table! { view
    /// Where it is fetched from; a password in it is not shown.
    "url": Cow<'_, str> = shown_url(&view.url), when URL;
    /// Where redirects have led.
    "final_url": Option<Cow<'_, str>> = view.final_url.as_deref().map(shown_url), when FINAL_URL;
    /// Other places that hold the same file.
    "mirrors": Urls<'_, String> = Urls(&view.mirrors), when MIRRORS;
    /// The file's name.
    "name": &str = &view.name, when NAME;
    /// Where the file is or will be.
    "path": Option<Cow<'_, str>> = view.path.as_deref().map(Path::to_string_lossy), when PATH;
    /// The same as a URL (RFC 8089), once it is completed.
    "file_url": Option<String> = file_url(view), when PATH | STATUS;
    /// What it is doing.
    "status": StatusName = StatusName(view.status), when STATUS;
    /// Bytes of the whole file; null until known.
    "size": Option<u64> = view.size, when SIZE;
    /// Bytes that are held.
    "done": u64 = view.done, when DONE;
    /// Percent that is held, with one decimal; null until known.
    "progress": Option<f64> = view.progress().map(|tenths| f64::from(tenths) / 10.0), when DONE | SIZE | STATUS;
    /// Threads at work, and how many there may be.
    "threads": Threads = Threads { active: view.threads_active, limit: view.threads_limit }, when THREADS_ACTIVE | THREADS_LIMIT;
    /// Most bytes in one range request.
    "block_size": u64 = view.block_size, when BLOCK_SIZE;
    /// Whether the server answers range requests; null until known.
    "ranges": Option<bool> = view.ranges, when RANGES;
    /// Bytes per second.
    "speed": u64 = view.speed, when SPEED;
    /// Seconds to go, as things are; null until known.
    "eta": Option<u64> = view.eta, when ETA;
    /// Most bytes per second; 0 is no limit.
    "speed_limit": u64 = view.speed_limit, when SPEED_LIMIT;
    /// Higher starts first.
    "priority": i32 = view.priority, when PRIORITY;
    /// Its place in the queue, 0 is next; null when it does not wait there.
    "position": Option<u64> = view.position, when POSITION;
    /// What tells this version of the remote file from others, as its server says it.
    "etag": Option<&str> = view.etag.as_deref(), when ETAG;
    /// When the remote file was changed last, as its server says.
    "last_modified": Option<Time> = view.last_modified.and_then(time), when LAST_MODIFIED;
    /// The media type, as its server says it.
    "content_type": Option<&str> = view.content_type.as_deref(), when CONTENT_TYPE;
    /// The digest of the whole file.
    "checksum": Digest<'_> = Digest::of(&view.checksum), when CHECKSUM;
    /// Why it has failed.
    "error": Option<Failure<'_>> = view.error.as_deref().map(Failure::of), when ERROR;
    /// Why it waits, for a human.
    "reason": Option<&str> = view.reason.as_deref(), when REASON;
    /// The same for programs; null when it waits for nothing.
    "waits": Option<Waits> = view.reason.as_ref().and_then(Reason::cause).map(Waits::of), when REASON;
    /// Requests that have failed.
    "attempts": u32 = view.attempts, when ATTEMPTS;
    /// Bytes that were fetched twice.
    "wasted": u64 = view.wasted, when WASTED;
    /// When it was added.
    "added_at": Option<Time> = time(view.added_at), when ADDED_AT;
    /// When it was started first.
    "started_at": Option<Time> = view.started_at.and_then(time), when STARTED_AT;
    /// When it came to its end.
    "finished_at": Option<Time> = view.finished_at.and_then(time), when FINISHED_AT;
    detail
    /// What each thread does. Only with detail.
    "blocks": Blocks<'_> = Blocks(&view.blocks), when BLOCKS;
    /// The filled tenths of up to 512 equal slices of the file. Only with detail.
    "map": MapText<'_> = MapText(&view.map), when MAP;
}

impl JsonSchema for Download<'_> {
    fn schema_name() -> Cow<'static, str> {
        "Download".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "A download: one file to fetch.",
            "properties": properties(generator),
            "required": KEYS.0,
        })
    }
}

/// A download of which only what changed is told.
pub(super) struct Changed;

impl JsonSchema for Changed {
    fn schema_name() -> Cow<'static, str> {
        "Change".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "What changed of a download: a field that is absent is as it was. A download \
                that was not told of before comes with all of its fields.",
            "properties": properties(generator),
            "required": ["id", "revision"],
        })
    }
}

/// A download with [`Detail::Full`].
pub(super) struct Detailed;

described! { Detailed, |generator| {
    let download = generator.subschema_for::<Download>();
    json!({"allOf": [download, {"required": KEYS.1}]})
} }

/// Several whole downloads.
pub(super) struct Downloads<'a>(pub(super) &'a [Arc<View>], pub(super) Detail);

impl Serialize for Downloads<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|view| Download::whole(view, self.1)))
    }
}

described! { Downloads<'_>, |generator| {
    json!({"type": "array", "items": generator.subschema_for::<Download>()})
} }

/// An id as its 16 hex digits.
pub(crate) struct IdText(pub(in crate::api) Id);

impl Serialize for IdText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

described! { IdText, |_generator| json!({"type": "string", "pattern": "^[0-9a-f]{16}$"}) }

struct StatusName(Status);

impl Serialize for StatusName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

described! { StatusName, |_generator| json!({"type": "string", "enum": Status::ALL.map(Status::name)}) }

/// RFC 3339, UTC, to the second.
#[derive(serde::Serialize)]
struct Time(String);

/// `None` for years that it cannot say.
fn time(time: SystemTime) -> Option<Time> {
    let mut text = String::new();
    write!(text, "{}", humantime::format_rfc3339_seconds(time)).ok()?;
    Some(Time(text))
}

described! { Time, |_generator| json!({"type": "string", "format": "date-time"}) }

struct MapText<'a>(&'a str);

impl Serialize for MapText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

described! { MapText<'_>, |_generator| json!({"type": "string", "pattern": "^[0-9]{0,512}$"}) }

#[derive(serde::Serialize, JsonSchema)]
#[schemars(inline)]
struct Threads {
    active: u16,
    limit: u16,
}

#[derive(serde::Serialize, JsonSchema)]
#[schemars(inline)]
struct Digest<'a> {
    algorithm: &'static str,
    /// What it must be, when that was said.
    expected: Option<&'a str>,
    /// What it is, once it was computed.
    actual: Option<&'a str>,
    /// Whether the two agree; null until that was tried.
    verified: Option<bool>,
}

impl Digest<'_> {
    fn of(digest: &DigestView) -> Digest<'_> {
        Digest {
            algorithm: digest.algorithm.name(),
            expected: digest.expected.as_deref(),
            actual: digest.actual.as_deref(),
            verified: digest.verified,
        }
    }
}

#[derive(serde::Serialize, JsonSchema)]
#[schemars(inline)]
struct Failure<'a> {
    /// What it was, as a stable name.
    code: KindName,
    /// What it was, for a human.
    detail: &'a str,
    /// Where it happened.
    url: Option<&'a str>,
    /// What the server answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Whether another try may help.
    retryable: bool,
}

impl Failure<'_> {
    fn of(error: &Error) -> Failure<'_> {
        Failure {
            code: KindName(error.kind),
            detail: &error.detail,
            url: error.url.as_deref(),
            status: error.status,
            retryable: error.retryable(),
        }
    }
}

struct Blocks<'a>(&'a [BlockView]);

impl Serialize for Blocks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|block| Block {
            thread: block.thread,
            start: block.start,
            end: block.end,
            done: block.done,
            speed: block.speed,
            state: match block.state {
                ThreadState::Connecting => State::Connecting,
                ThreadState::Streaming => State::Streaming,
                ThreadState::Waiting => State::Waiting,
                ThreadState::Retrying => State::Retrying,
            },
            url: shown_url(&block.url),
        }))
    }
}

described! { Blocks<'_>, |generator| {
    json!({"type": "array", "items": generator.subschema_for::<Block>()})
} }

/// The range that one thread fetches.
#[derive(serde::Serialize, JsonSchema)]
struct Block<'a> {
    /// Which thread.
    thread: u16,
    /// Its first byte.
    start: u64,
    /// Its last byte; null where the file's end is not known.
    end: Option<u64>,
    /// Bytes of it that are held.
    done: u64,
    /// Bytes per second.
    speed: u64,
    state: State,
    /// Where they come from.
    url: Cow<'a, str>,
}

/// What a thread does.
#[derive(serde::Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum State {
    Connecting,
    Streaming,
    Waiting,
    Retrying,
}

struct Urls<'a, T>(&'a [T]);

impl<T: AsRef<str>> Serialize for Urls<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|url| shown_url(url.as_ref())))
    }
}

described! { Urls<'_, String>, |_generator| json!({"type": "array", "items": {"type": "string"}}) }

/// A URL as it is shown to whoever may ask: with its query, which can tell files apart, and without its
/// password, which cannot.
pub(crate) fn shown_url(text: &str) -> Cow<'_, str> {
    // Most have nothing to hide.
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    match Url::parse(text) {
        Ok(mut url) if url.password().is_some() => {
            // It fails only for URLs that cannot have a password, and this one has one.
            let _ = url.set_password(Some("***"));
            Cow::Owned(url.into())
        }
        _ => Cow::Borrowed(text),
    }
}

/// Where the finished file is, as a URL (RFC 8089); `None` before it is finished.
pub(crate) fn file_url(view: &View) -> Option<String> {
    if view.status != Status::Completed {
        return None;
    }
    view.path.as_deref().map(path_url)
}

/// The `file:///` URL of an absolute path. Works on bytes: names need not be UTF-8.
pub(crate) fn path_url(path: &Path) -> String {
    /// All but the unreserved characters of RFC 3986 §2.3 and the separator.
    const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~')
        .remove(b'/');
    let bytes = path.as_os_str().as_encoded_bytes();
    format!("file://{}", percent_encode(bytes, ESCAPED))
}

#[cfg(test)]
pub(crate) mod tests;
