//! One download as JSON, whole and changed, and its schema.

use super::*;
use haul_engine::Kind;
use haul_engine::spec::Algorithm;
use serde_json::to_value;
use std::time::{Duration, UNIX_EPOCH};

/// A download in the middle of its way, as in the contract's example.
pub(crate) fn sample() -> View {
    View {
        id: "9f1c2a7be04d5566".parse().expect("an id"),
        revision: 412,
        url: "http://host/sample-30s.mp4".into(),
        final_url: None,
        mirrors: Arc::new([]),
        name: "sample-30s.mp4".into(),
        path: Some(Path::new("/abs/files/sample-30s.mp4").into()),
        status: Status::Downloading,
        size: Some(21_657_943),
        done: 3_681_851,
        threads_active: 5,
        threads_limit: 8,
        block_size: 16 << 20,
        ranges: Some(true),
        speed: 1_048_576,
        eta: Some(17),
        speed_limit: 0,
        priority: 0,
        position: None,
        etag: Some("\"abc\"".into()),
        last_modified: Some(UNIX_EPOCH + Duration::from_secs(1_767_323_045)),
        content_type: Some("video/mp4".into()),
        checksum: Arc::new(DigestView {
            algorithm: Algorithm::Sha256,
            expected: None,
            actual: None,
            verified: None,
        }),
        error: None,
        reason: None,
        attempts: 0,
        wasted: 0,
        added_at: UNIX_EPOCH + Duration::from_secs(1_767_323_000),
        started_at: Some(UNIX_EPOCH + Duration::from_secs(1_767_323_001)),
        finished_at: None,
        blocks: Arc::new([BlockView {
            thread: 1,
            start: 0,
            end: Some(16_777_215),
            done: 4_194_304,
            speed: 262_144,
            state: ThreadState::Streaming,
            url: "http://host/sample-30s.mp4".into(),
        }]),
        map: "9900".into(),
    }
}

fn whole(view: &View) -> Value {
    to_value(Download::whole(view, Detail::Plain)).expect("JSON")
}

#[test]
fn a_download_has_the_shape_of_the_contract() {
    let shown = whole(&sample());
    assert_eq!(
        shown,
        json!({
            "id": "9f1c2a7be04d5566", "url": "http://host/sample-30s.mp4", "final_url": null,
            "mirrors": [], "name": "sample-30s.mp4", "path": "/abs/files/sample-30s.mp4",
            "file_url": null, "status": "downloading", "size": 21_657_943, "done": 3_681_851,
            "progress": 17.0, "threads": {"active": 5, "limit": 8}, "block_size": 16_777_216,
            "ranges": true, "speed": 1_048_576, "eta": 17, "speed_limit": 0, "priority": 0,
            "position": null, "etag": "\"abc\"", "last_modified": "2026-01-02T03:04:05Z",
            "content_type": "video/mp4",
            "checksum": {"algorithm": "sha-256", "expected": null, "actual": null, "verified": null},
            "error": null, "reason": null, "waits": null, "attempts": 0, "wasted": 0,
            "added_at": "2026-01-02T03:03:20Z", "started_at": "2026-01-02T03:03:21Z",
            "finished_at": null, "revision": 412
        })
    );
}

#[test]
fn detail_adds_blocks_and_map() {
    let view = sample();
    let shown = to_value(Download::whole(&view, Detail::Full)).expect("JSON");
    assert_eq!(shown["map"], "9900");
    assert_eq!(
        shown["blocks"],
        json!([{"thread": 1, "start": 0, "end": 16_777_215, "done": 4_194_304,
            "speed": 262_144, "state": "streaming", "url": "http://host/sample-30s.mp4"}])
    );
}

#[test]
fn a_change_shows_its_fields_and_what_follows_from_them() {
    let view = sample();
    let changed =
        |fields, detail| to_value(Download::changed(&view, fields, detail)).expect("JSON");
    assert_eq!(
        changed(Fields::DONE, Detail::Plain),
        json!({"id": "9f1c2a7be04d5566", "done": 3_681_851, "progress": 17.0, "revision": 412})
    );
    assert_eq!(
        changed(Fields::THREADS_ACTIVE, Detail::Plain),
        json!({"id": "9f1c2a7be04d5566", "threads": {"active": 5, "limit": 8}, "revision": 412})
    );
    // Hidden fields change nothing but the revision.
    assert_eq!(
        changed(Fields::MAP, Detail::Plain),
        json!({"id": "9f1c2a7be04d5566", "revision": 412})
    );
    assert_eq!(changed(Fields::MAP, Detail::Full)["map"], "9900");
}

#[test]
fn progress_reaches_a_hundred_only_with_the_last_byte() {
    let at = |size, done, status| {
        let view = View {
            size,
            done,
            status,
            ..sample()
        };
        whole(&view)["progress"].clone()
    };
    assert_eq!(at(Some(3), 1, Status::Downloading), 33.3);
    assert_eq!(at(Some(1_000_000), 999_999, Status::Downloading), 99.9);
    assert_eq!(at(Some(7), 7, Status::Verifying), 100.0);
    assert_eq!(at(None, 7, Status::Downloading), Value::Null);
    assert_eq!(at(None, 7, Status::Completed), 100.0);
    assert_eq!(at(Some(0), 0, Status::Completed), 100.0);
    assert_eq!(at(Some(0), 0, Status::Downloading), 0.0);
}

#[test]
fn a_password_is_not_shown_and_the_rest_of_a_url_is() {
    for (url, shown) in [
        ("http://u:s3cret@h/a?k=v#f", "http://u:***@h/a?k=v#f"),
        ("http://u@h/a", "http://u@h/a"),
        ("http://h/a@b:c", "http://h/a@b:c"),
    ] {
        assert_eq!(shown_url(url), shown);
    }
    let mut view = sample();
    let secret = "http://u:s3cret@h/a";
    view.url = secret.into();
    view.final_url = Some(secret.into());
    view.mirrors = Arc::new([secret.to_owned()]);
    let blocks = view.blocks.iter().map(|block| BlockView {
        url: secret.into(),
        ..block.clone()
    });
    view.blocks = blocks.collect();
    assert!(!view.blocks.is_empty());
    let json = to_value(Download::whole(&view, Detail::Full)).expect("JSON");
    assert_eq!(json["blocks"][0]["url"], "http://u:***@h/a");
    assert!(!json.to_string().contains("s3cret"), "{json}");
}

#[test]
fn a_file_url_is_escaped_byte_by_byte() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let path = Path::new(OsStr::from_bytes(b"/a dir/\xd0\xb9 100%~\xff#?.mp4"));
    assert_eq!(
        path_url(path),
        "file:///a%20dir/%D0%B9%20100%25~%FF%23%3F.mp4"
    );
    let done = View {
        status: Status::Completed,
        ..sample()
    };
    assert_eq!(whole(&done)["file_url"], "file:///abs/files/sample-30s.mp4");
}

#[test]
fn an_error_has_its_status_only_when_there_was_one() {
    let error = Error::new(Kind::NotFound, "gone").with_status(404);
    let view = View {
        error: Some(Arc::new(error)),
        ..sample()
    };
    assert_eq!(
        whole(&view)["error"],
        json!({"code": "not_found", "detail": "gone", "url": null, "status": 404, "retryable": false})
    );
    let error = Error::passing(Kind::Timeout, "late");
    let view = View {
        error: Some(Arc::new(error)),
        ..sample()
    };
    assert_eq!(
        whole(&view)["error"],
        json!({"code": "timeout", "detail": "late", "url": null, "retryable": true})
    );
}

#[test]
fn a_time_that_cannot_be_said_is_null() {
    let view = View {
        last_modified: Some(UNIX_EPOCH + Duration::from_secs(400_000_000_000)),
        ..sample()
    };
    assert_eq!(whole(&view)["last_modified"], Value::Null);
}
