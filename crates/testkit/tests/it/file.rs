//! The file itself: its bytes, its headers, its ranges, its changes.

use haul_testkit::origin::{Origin, changed_seed, content};

use crate::raw::{Raw, answer};

const PART: &str = "Range: bytes=100-199\r\n";

#[tokio::test]
async fn a_plain_file_is_served_whole() {
    let origin = Origin::start().await;
    let answer = answer(&origin, "/a?size=100K&seed=7", "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, content(7, 0..100 << 10));
    assert_eq!(answer.header("accept-ranges"), Some("bytes"));
    assert_eq!(answer.header("etag"), None);
    assert!(origin.unknown_knobs().is_empty());
}

#[tokio::test]
async fn a_range_is_served_exactly_and_cut_at_the_end() {
    let origin = Origin::start().await;
    let part = answer(&origin, "/a?size=1K&seed=7", PART).await;
    assert_eq!(part.status, 206);
    assert_eq!(part.header("content-range"), Some("bytes 100-199/1024"));
    assert_eq!(part.body, content(7, 100..200));

    let tail = answer(&origin, "/a?size=1K&seed=7", "Range: bytes=1000-9999\r\n").await;
    assert_eq!(tail.header("content-range"), Some("bytes 1000-1023/1024"));
    assert_eq!(tail.body, content(7, 1000..1024));

    let open = answer(&origin, "/a?size=1K&seed=7", "Range: bytes=1020-\r\n").await;
    assert_eq!(open.body, content(7, 1020..1024));
}

#[tokio::test]
async fn a_range_beyond_the_end_is_refused_with_or_without_the_size() {
    let origin = Origin::start().await;
    let beyond = "Range: bytes=1024-\r\n";
    let told = answer(&origin, "/a?size=1K", beyond).await;
    assert_eq!(
        (told.status, told.header("content-range")),
        (416, Some("bytes */1024"))
    );
    let bare = answer(&origin, "/a?size=1K&bare_416", beyond).await;
    assert_eq!((bare.status, bare.header("content-range")), (416, None));
    let empty = answer(&origin, "/a?size=0", "Range: bytes=0-99\r\n").await;
    assert_eq!(
        (empty.status, empty.header("content-range")),
        (416, Some("bytes */0"))
    );
}

#[tokio::test]
async fn every_kind_of_range_support_does_what_it_says() {
    let origin = Origin::start().await;
    let file = content(0, 0..1024);
    for (kind, status, range, accepts, body) in [
        (
            "silent",
            206,
            Some("bytes 100-199/1024"),
            None,
            &file[100..200],
        ),
        ("no", 200, None, Some("none"), &file[..]),
        ("lies", 200, None, Some("bytes"), &file[..]),
        (
            "ignore_offset",
            206,
            Some("bytes 100-199/1024"),
            Some("bytes"),
            &file[..100],
        ),
        (
            "ignore_end",
            206,
            Some("bytes 100-1023/1024"),
            Some("bytes"),
            &file[100..],
        ),
        (
            "short",
            206,
            Some("bytes 100-149/1024"),
            Some("bytes"),
            &file[100..150],
        ),
        (
            "early",
            206,
            Some("bytes 0-99/1024"),
            Some("bytes"),
            &file[..100],
        ),
    ] {
        let answer = answer(&origin, &format!("/a?size=1K&ranges={kind}"), PART).await;
        assert_eq!(answer.status, status, "{kind}");
        assert_eq!(answer.header("content-range"), range, "{kind}");
        assert_eq!(answer.header("accept-ranges"), accepts, "{kind}");
        assert_eq!(answer.body, body, "{kind}");
    }
}

#[tokio::test]
async fn every_wrong_content_range_is_sent_over_the_right_bytes() {
    let origin = Origin::start().await;
    for (kind, range) in [
        ("missing", None),
        ("shifted", Some("bytes 101-200/1024")),
        ("wrong_total", Some("bytes 100-199/1025")),
        ("star", Some("bytes 100-199/*")),
        ("unsatisfied", Some("bytes */1024")),
        ("garbage", Some("pages one-two")),
        ("reversed", Some("bytes 200-100/1024")),
        (
            "huge",
            Some("bytes 100-99999999999999999999/199999999999999999999"),
        ),
    ] {
        let answer = answer(&origin, &format!("/a?size=1K&content_range={kind}"), PART).await;
        assert_eq!(
            (answer.status, answer.header("content-range")),
            (206, range),
            "{kind}"
        );
        assert_eq!(answer.body, content(0, 100..200), "{kind}");
    }
    let twice = answer(&origin, "/a?size=1K&content_range=twice", PART).await;
    let ranges = twice
        .headers
        .iter()
        .filter(|(name, _)| name == "Content-Range");
    assert_eq!(ranges.count(), 2);
}

#[tokio::test]
async fn the_whole_file_can_answer_a_range() {
    let origin = Origin::start().await;
    let lie = answer(&origin, "/a?size=1K&full_on_range=206", PART).await;
    assert_eq!((lie.status, lie.body.len()), (206, 1024));
    assert_eq!(lie.header("content-range"), Some("bytes 100-199/1024"));
    let plain = answer(&origin, "/a?size=1K&full_on_range=200", PART).await;
    assert_eq!((plain.status, plain.body.len()), (200, 1024));
    assert_eq!(plain.header("content-range"), None);
}

#[tokio::test]
async fn multipart_wraps_the_part() {
    let origin = Origin::start().await;
    let answer = answer(&origin, "/a?size=1K&multipart", PART).await;
    assert_eq!(answer.status, 206);
    assert_eq!(answer.header("content-range"), None);
    assert_eq!(
        answer.header("content-type"),
        Some("multipart/byteranges; boundary=testkit")
    );
    let part = content(0, 100..200);
    assert!(answer.body.starts_with(b"--testkit\r\n"));
    assert!(answer.body.ends_with(b"\r\n--testkit--\r\n"));
    assert!(answer.body.windows(100).any(|bytes| bytes == part));
}

#[tokio::test]
async fn headers_are_sent_as_given() {
    let origin = Origin::start().await;
    let target = "/a?size=1&name=attachment;%20filename=%22a%20b%22&type=video/mp4&etag=%22x%22\
        &last_modified=yesterday&gzip&header=Link:%20%3Cb%3E&header=X-Y:%20z";
    let answer = answer(&origin, target, "").await;
    for (name, value) in [
        ("content-disposition", "attachment; filename=\"a b\""),
        ("content-type", "video/mp4"),
        ("etag", "\"x\""),
        ("last-modified", "yesterday"),
        ("content-encoding", "gzip"),
        ("link", "<b>"),
        ("x-y", "z"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert_eq!(answer.body, content(0, 0..1));
}

#[tokio::test]
async fn weak_tags_and_tags_per_node() {
    let origin = Origin::start().await;
    let weak = answer(&origin, "/a?size=1&weak&etag=%22x%22", "").await;
    assert_eq!(weak.header("etag"), Some("W/\"x\""));
    let mut tags = Vec::new();
    for _ in 0..3 {
        let answer = answer(&origin, "/a?size=1&etag_per_node=2&etag=%22x%22", "").await;
        tags.push(answer.header("etag").map(str::to_owned));
    }
    assert_eq!(tags[0], tags[2]);
    assert_ne!(tags[0], tags[1]);
    let mut dates = Vec::new();
    for _ in 0..3 {
        let answer = answer(&origin, "/a?size=1&last_modified_per_node=2", "").await;
        dates.push(answer.header("last-modified").map(str::to_owned));
    }
    assert!(dates[0].is_some());
    assert_eq!(dates[0], dates[2]);
    assert_ne!(dates[0], dates[1]);
}

#[tokio::test]
async fn a_file_changes_at_its_request_or_gate() {
    let origin = Origin::start().await;
    let dated = "size=1K&seed=7&etag=%22x%22&last_modified=yesterday";
    let by_count = format!("/a?{dated}&change_after=2&change_size=2K");
    let old = answer(&origin, &by_count, "").await;
    let new = answer(&origin, &by_count, "").await;
    assert_eq!(old.body, content(7, 0..1024));
    assert_eq!(new.body, content(changed_seed(7), 0..2048));
    assert_eq!(old.header("etag"), Some("\"x\""));
    assert_eq!(new.header("etag"), Some("\"x-changed\""));
    assert_ne!(old.header("last-modified"), new.header("last-modified"));

    let by_gate = format!("/a?{dated}&change_on=g&change_keeps=etag,last_modified");
    let old = answer(&origin, &by_gate, "").await;
    origin.open_gate("g");
    let new = answer(&origin, &by_gate, "").await;
    assert_eq!(old.body, content(7, 0..1024));
    assert_eq!(new.body, content(changed_seed(7), 0..1024));
    assert_eq!(old.header("etag"), new.header("etag"));
    assert_eq!(old.header("last-modified"), new.header("last-modified"));
}

#[tokio::test]
async fn if_range_turns_a_stale_range_off() {
    let origin = Origin::start().await;
    for (tag, status) in [("\"x\"", 206), ("\"old\"", 200), ("W/\"x\"", 200)] {
        let headers = format!("{PART}If-Range: {tag}\r\n");
        let answer = answer(&origin, "/a?size=1K&etag=%22x%22", &headers).await;
        assert_eq!(answer.status, status, "{tag}");
    }
}

#[tokio::test]
async fn head_answers_without_a_body_and_lies_when_told() {
    let origin = Origin::start().await;
    for (knob, status, length, accepts) in [
        ("", 200, "1024", Some("bytes")),
        ("&head=lies", 200, "2048", Some("none")),
        ("&head=refused", 405, "12", None),
    ] {
        let mut raw = Raw::connect(&origin).await;
        let target = format!("/a?size=1K&keepalive=no{knob}");
        raw.request("HEAD", &target, "").await;
        let received = raw.rest().await;
        assert!(received.body().is_empty(), "{knob}");
        let answer = haul_testkit::http::parse("HEAD", &received.bytes).expect("well-formed");
        assert_eq!(answer.status, status, "{knob}");
        assert_eq!(answer.header("content-length"), Some(length), "{knob}");
        assert_eq!(answer.header("accept-ranges"), accepts, "{knob}");
    }
}
