//! One download as aria2's clients read it: every number a text, and only the keys that they ask for.
//! Translates the live state; asks nobody.

use std::collections::HashSet;
use std::path::Path;

use haul_engine::{Error, Kind, Spec, Status, View};
use serde_json::{Map, Value, json};

use super::pieces::Pieces;

/// What a download's status is made from.
pub(super) struct Seen<'a> {
    pub(super) view: &'a View,
    /// What was asked for, where that is known.
    pub(super) spec: Option<&'a Spec>,
    /// Where files go by default.
    pub(super) root: &'a Path,
}

/// The keys that clients want; none are all.
pub(super) struct Keys(HashSet<String>);

impl Keys {
    pub(super) fn new(keys: Vec<String>) -> Keys {
        Keys(keys.into_iter().collect())
    }

    fn has(&self, key: &str) -> bool {
        self.0.is_empty() || self.0.contains(key)
    }

    /// Whether what was asked for has to be known besides the live state.
    pub(super) fn need_specs(&self) -> bool {
        self.has("dir") || self.has("files")
    }
}

/// aria2's word for a state.
pub(super) fn word(status: Status) -> &'static str {
    match status {
        Status::Queued => "waiting",
        Status::Probing | Status::Downloading | Status::Verifying | Status::Delivering => "active",
        Status::Paused => "paused",
        Status::Completed => "complete",
        Status::Failed => "error",
        Status::Cancelled => "removed",
    }
}

type Tell = fn(&Seen<'_>) -> Option<Value>;

/// Every key with its value; `None` where aria2 has no such key at that time.
const TABLE: [(&str, Tell); 15] = [
    ("gid", |seen| Some(json!(seen.view.id.to_string()))),
    ("status", |seen| Some(json!(word(seen.view.status)))),
    ("totalLength", |seen| text(seen.view.size.unwrap_or(0))),
    ("completedLength", |seen| text(seen.view.done)),
    ("uploadLength", |_| text(0)),
    ("downloadSpeed", |seen| text(seen.view.speed)),
    ("uploadSpeed", |_| text(0)),
    ("connections", |seen| {
        text(u64::from(seen.view.threads_active))
    }),
    ("pieceLength", |seen| {
        text(Pieces::of(seen.view.size).length)
    }),
    ("numPieces", |seen| text(Pieces::of(seen.view.size).count)),
    ("bitfield", |seen| {
        let field = Pieces::of(seen.view.size).bitfield(&seen.view.map);
        field.map(Value::String)
    }),
    ("errorCode", |seen| {
        let code = error_code(seen.view)?;
        Some(json!(code.to_string()))
    }),
    ("errorMessage", |seen| {
        error_code(seen.view)?;
        let error = seen.view.error.as_deref();
        Some(json!(error.map(Error::to_string).unwrap_or_default()))
    }),
    ("dir", |seen| Some(json!(dir(seen)))),
    ("files", |seen| Some(files(seen))),
];

/// The status with these keys.
pub(super) fn status(seen: &Seen<'_>, keys: &Keys) -> Value {
    let mut told = Map::new();
    for (key, tell) in TABLE {
        if keys.has(key)
            && let Some(value) = tell(seen)
        {
            told.insert(key.to_owned(), value);
        }
    }
    Value::Object(told)
}

fn text(number: u64) -> Option<Value> {
    Some(Value::String(number.to_string()))
}

/// The directory of its file.
pub(super) fn dir(seen: &Seen<'_>) -> String {
    let delivered = seen.view.path.as_deref().and_then(Path::parent);
    let asked = seen.spec.and_then(|spec| spec.dir.as_deref());
    let dir = asked.or(delivered).unwrap_or(seen.root);
    dir.to_string_lossy().into_owned()
}

/// Its one file. The path is empty until the name is known, as it is in aria2.
pub(super) fn files(seen: &Seen<'_>) -> Value {
    let view = seen.view;
    let planned = || {
        let name = seen.spec.and_then(|spec| spec.name.as_deref())?;
        Some(format!("{}/{name}", dir(seen)))
    };
    let path = view.path.as_deref();
    let path = path.map(|path| path.to_string_lossy().into_owned());
    json!([{
        "index": "1",
        "path": path.or_else(planned).unwrap_or_default(),
        "length": view.size.unwrap_or(0).to_string(),
        "completedLength": view.done.to_string(),
        "selected": "true",
        "uris": uris(view),
    }])
}

/// Its URLs. The first is called used while it is under way, the others while a thread is there.
pub(super) fn uris(view: &View) -> Value {
    let is_waiting = matches!(view.status, Status::Queued | Status::Paused);
    let first = if is_waiting { "waiting" } else { "used" };
    let first = json!({"uri": *view.url, "status": first});
    let is_used = |mirror: &str| view.blocks.iter().any(|block| *block.url == *mirror);
    let word = |mirror: &str| if is_used(mirror) { "used" } else { "waiting" };
    let others = view.mirrors.iter();
    let others = others.map(|mirror| json!({"uri": mirror, "status": word(mirror)}));
    Value::Array(std::iter::once(first).chain(others).collect())
}

/// Where its threads get their bytes, each with its speed.
pub(super) fn servers(view: &View) -> Value {
    let each = view.blocks.iter().map(|block| {
        json!({
            "uri": *view.url,
            "currentUri": *block.url,
            "downloadSpeed": block.speed.to_string(),
        })
    });
    json!([{"index": "1", "servers": each.collect::<Vec<_>>()}])
}

/// aria2's number for how it ended; `None` before.
fn error_code(view: &View) -> Option<u8> {
    match view.status {
        Status::Completed => Some(0),
        Status::Cancelled => Some(31),
        Status::Failed => Some(view.error.as_deref().map_or(1, code)),
        _ => None,
    }
}

fn code(error: &Error) -> u8 {
    match (error.kind, error.status) {
        (Kind::Timeout, _) => 2,
        (Kind::NotFound, _) => 3,
        (Kind::Connect | Kind::Tls | Kind::Proxy | Kind::Disconnected | Kind::TargetRefused, _) => {
            6
        }
        (Kind::Changed, _) => 8,
        (Kind::DiskFull, _) => 9,
        (Kind::FileExists, _) => 13,
        (Kind::DiskPermission, _) => 15,
        (Kind::DiskIo, _) => 17,
        (Kind::Dns, _) => 19,
        (Kind::TooManyRedirects, _) => 23,
        (Kind::Refused, Some(401 | 407)) => 24,
        (Kind::InvalidUrl | Kind::InvalidOption, _) => 28,
        (Kind::Busy, _) | (Kind::HttpStatus, Some(502..=504)) => 29,
        (Kind::Refused | Kind::HttpStatus | Kind::Protocol | Kind::HtmlPage, _) => 22,
        (Kind::ChecksumMismatch, _) => 32,
        (Kind::Stopping, _) => 7,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use haul_engine::event::{BlockView, ThreadState};

    use super::*;
    use crate::api::types::download::tests::sample;

    fn seen(view: &View) -> Seen<'_> {
        Seen {
            view,
            spec: None,
            root: Path::new("/srv/files"),
        }
    }

    fn told(view: &View) -> Value {
        status(&seen(view), &Keys::new(vec![]))
    }

    #[test]
    fn every_scalar_is_a_text() {
        let told = told(&sample());
        for (key, value) in told.as_object().expect("an object") {
            assert!(value.is_string() || key == "files", "{key}: {value}");
        }
        for (key, value) in told["files"][0].as_object().expect("a file") {
            assert!(value.is_string() || key == "uris", "{key}: {value}");
        }
        assert_eq!(told["gid"], "9f1c2a7be04d5566");
        assert_eq!(told["totalLength"], "21657943");
        assert_eq!(told["completedLength"], "3681851");
        assert_eq!(told["connections"], "5");
        assert_eq!(told["uploadSpeed"], "0");
        assert_eq!(told["files"][0]["selected"], "true");
    }

    #[test]
    fn only_the_wanted_keys_are_told_and_unknown_ones_are_none() {
        let keys = ["gid", "numSeeders", "status"].map(str::to_owned);
        let told = status(&seen(&sample()), &Keys::new(keys.to_vec()));
        assert_eq!(told, json!({"gid": "9f1c2a7be04d5566", "status": "active"}));
    }

    #[test]
    fn each_state_has_its_word_and_only_an_end_has_a_code() {
        for (status, word, code) in [
            (Status::Queued, "waiting", None),
            (Status::Probing, "active", None),
            (Status::Downloading, "active", None),
            (Status::Verifying, "active", None),
            (Status::Delivering, "active", None),
            (Status::Paused, "paused", None),
            (Status::Completed, "complete", Some("0")),
            (Status::Cancelled, "removed", Some("31")),
        ] {
            let told = told(&View { status, ..sample() });
            assert_eq!(told["status"], word);
            assert_eq!(told["errorCode"].as_str(), code, "{word}");
            assert_eq!(told["errorMessage"].as_str(), code.map(|_| ""), "{word}");
        }
    }

    #[test]
    fn a_failure_has_aria2_s_number_and_our_words() {
        let failed = |kind, status: Option<u16>| {
            let error = Error {
                status,
                ..Error::new(kind, "in words")
            };
            told(&View {
                status: Status::Failed,
                error: Some(Arc::new(error)),
                ..sample()
            })
        };
        for (kind, status, code) in [
            (Kind::Timeout, None, "2"),
            (Kind::NotFound, Some(404), "3"),
            (Kind::Disconnected, None, "6"),
            (Kind::DiskFull, None, "9"),
            (Kind::FileExists, None, "13"),
            (Kind::Dns, None, "19"),
            (Kind::HttpStatus, Some(500), "22"),
            (Kind::HttpStatus, Some(503), "29"),
            (Kind::Refused, Some(403), "22"),
            (Kind::Refused, Some(401), "24"),
            (Kind::TooManyRedirects, None, "23"),
            (Kind::Busy, Some(429), "29"),
            (Kind::ChecksumMismatch, None, "32"),
            (Kind::Store, None, "1"),
        ] {
            let told = failed(kind, status);
            assert_eq!(told["errorCode"], code, "{kind:?} {status:?}");
            assert_eq!(told["errorMessage"], "in words");
        }
    }

    #[test]
    fn the_path_is_empty_until_the_name_is_known() {
        let view = View {
            path: None,
            status: Status::Queued,
            size: None,
            ..sample()
        };
        let unnamed = told(&view);
        assert_eq!(unnamed["files"][0]["path"], "");
        assert_eq!(unnamed["files"][0]["length"], "0");
        assert_eq!(unnamed["totalLength"], "0");
        assert_eq!(unnamed["dir"], "/srv/files");
        let spec = Spec {
            name: Some("b.iso".into()),
            dir: Some("/srv/files/deep".into()),
            ..Spec::new(Spec::parse_url("http://host/a").expect("a URL"))
        };
        let named = status(
            &Seen {
                spec: Some(&spec),
                ..seen(&view)
            },
            &Keys::new(vec![]),
        );
        assert_eq!(named["files"][0]["path"], "/srv/files/deep/b.iso");
        assert_eq!(named["dir"], "/srv/files/deep");
    }

    #[test]
    fn urls_wait_until_the_download_has_begun() {
        let mirrored = |status| View {
            status,
            mirrors: ["http://mirror/a".to_owned()].into(),
            ..sample()
        };
        let words = |view: &View| {
            let uris = uris(view);
            let uris = uris.as_array().expect("an array").clone();
            uris.into_iter()
                .map(|uri| uri["status"].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(words(&mirrored(Status::Paused)), ["waiting", "waiting"]);
        assert_eq!(words(&mirrored(Status::Downloading)), ["used", "waiting"]);
        let mut both = mirrored(Status::Downloading);
        both.blocks = [BlockView {
            thread: 1,
            start: 0,
            end: None,
            done: 0,
            speed: 0,
            state: ThreadState::Streaming,
            url: "http://mirror/a".into(),
        }]
        .into();
        assert_eq!(words(&both), ["used", "used"]);
    }
}
