//! What the descriptions of the API show: one download in the middle of its way, and what is said of it.

use serde_json::{Value, json};

use super::answer::Shape;

/// The arguments of a call about one download.
pub(super) fn arguments() -> Value {
    json!({"id": "9f1c2a7be04d5566"})
}

/// An answer.
pub(super) fn answer(shape: Shape) -> Value {
    match shape {
        Shape::Added => json!({
            "downloads": [download()],
            "rejected": [{"url": "example.com", "code": "invalid_url", "detail": "\"example.com\" is \
                not an absolute http or https URL"}]
        }),
        Shape::Page => json!({
            "downloads": [download()], "total": 1, "revision": 412, "next": null
        }),
        Shape::Detailed => detailed(),
        Shape::Download => download(),
        Shape::Causes => json!({"causes": [{
            "code": "own_limit", "detail": "its own limit of 1.0 MiB/s is used up (speed_limit)"
        }]}),
        Shape::Settings => json!({
            "threads": 8, "block_size": 16_777_216, "max_downloads": 5, "max_connections": 128,
            "max_connections_per_host": 16, "speed_limit": 0
        }),
        Shape::Totals => {
            let mut totals = stats();
            totals["tasks"] = 21.into();
            totals
        }
    }
}

/// What the notification `changed` says.
pub(super) fn changes() -> Value {
    json!({
        "subscription": "s1", "from": 412, "revision": 431,
        "downloads": [
            {"id": "9f1c2a7be04d5566", "done": 4_194_304, "progress": 19.3, "revision": 431}
        ],
        "removed": [], "stats": stats()
    })
}

/// The answer to `subscribe`.
pub(super) fn snapshot() -> Value {
    json!({
        "subscription": "s1", "revision": 412, "downloads": [download()], "stats": stats()
    })
}

fn stats() -> Value {
    json!({
        "speed": 1_048_576, "active": 1, "queued": 0, "paused": 0, "completed": 7, "failed": 0,
        "connections": 5, "free_space": 52_428_800_000_u64
    })
}

fn detailed() -> Value {
    let mut detailed = download();
    detailed["blocks"] = json!([{
        "thread": 1, "start": 0, "end": 16_777_215, "done": 3_681_850, "speed": 262_144,
        "state": "streaming", "url": "https://example.com/sample-30s.mp4"
    }]);
    detailed["map"] = "92000000".into();
    detailed
}

fn download() -> Value {
    json!({
        "id": "9f1c2a7be04d5566", "url": "https://example.com/sample-30s.mp4", "final_url": null,
        "mirrors": [], "name": "sample-30s.mp4", "path": "/srv/files/sample-30s.mp4", "file_url": null,
        "status": "downloading", "size": 21_657_943, "done": 3_681_850, "progress": 17.0,
        "threads": {"active": 5, "limit": 8}, "block_size": 16_777_216, "ranges": true,
        "speed": 1_048_576, "eta": 17, "speed_limit": 0, "priority": 0, "position": null,
        "etag": "\"abc\"", "last_modified": "2026-01-02T03:04:05Z", "content_type": "video/mp4",
        "checksum": {"algorithm": "sha-256", "expected": null, "actual": null, "verified": null},
        "error": null, "reason": null, "waits": null, "attempts": 0, "wasted": 0,
        "added_at": "2026-01-02T03:04:06Z", "started_at": "2026-01-02T03:04:06Z", "finished_at": null,
        "revision": 412
    })
}
