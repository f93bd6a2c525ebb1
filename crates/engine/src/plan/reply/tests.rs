//! Every kind of answer, honest and otherwise, and what it is taken for.

use super::*;
use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

const OLD: &str = "Wed, 01 Jan 2025 00:00:00 GMT";
const NEW: &str = "Thu, 02 Jan 2025 00:00:00 GMT";

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let field = |(name, value): &(&'static str, &str)| {
        let value = HeaderValue::from_str(value).expect("a value");
        (HeaderName::from_static(name), value)
    };
    fields.iter().map(field).collect()
}

fn url() -> Url {
    Url::parse("http://host/dir/file.bin").expect("a URL")
}

/// A file of 1000 bytes with a strong tag and a date.
fn known() -> Resource {
    Resource {
        final_url: url(),
        size: Some(1000),
        ranges: true,
        validators: validators(&headers(&[("etag", "\"a\""), ("last-modified", OLD)])),
        content_type: None,
        name: "file.bin".into(),
    }
}

fn judge(status: u16, fields: &[(&'static str, &str)]) -> Result<u64> {
    judge_at(status, fields, Moved::Given)
}

/// Judges an answer that has the known tag, unless `fields` say otherwise.
fn judge_at(status: u16, fields: &[(&'static str, &str)], moved: Moved) -> Result<u64> {
    let mut headers = headers(fields);
    let tag = HeaderValue::from_static("\"a\"");
    headers.entry(header::ETAG).or_insert(tag);
    judge_as_is(status, &headers, moved)
}

fn judge_as_is(status: u16, headers: &HeaderMap, moved: Moved) -> Result<u64> {
    let url = url();
    let status = StatusCode::from_u16(status).expect("a status");
    let at = SystemTime::UNIX_EPOCH;
    let head = Head {
        url: &url,
        status,
        headers,
        at,
    };
    block(&head, (100, 199), &known(), moved)
}

fn kind(answer: Result<u64>) -> Kind {
    answer.expect_err("not to be accepted").kind
}

#[test]
fn the_part_that_was_asked_for_is_accepted() {
    assert_eq!(
        judge(206, &[("content-range", "bytes 100-199/1000")]),
        Ok(100)
    );
    assert_eq!(judge(206, &[("content-range", "bytes 100-199/*")]), Ok(100));
    let all = [
        ("content-range", "bytes 100-199/1000"),
        ("content-length", "100"),
        ("etag", "\"a\""),
    ];
    assert_eq!(judge(206, &all), Ok(100));
}

#[test]
fn less_than_asked_for_is_accepted_more_is_not() {
    assert_eq!(
        judge(206, &[("content-range", "bytes 100-149/1000")]),
        Ok(50)
    );
    for other in [
        "bytes 100-200/1000",
        "bytes 99-199/1000",
        "bytes 0-99/1000",
        "bytes 101-199/1000",
    ] {
        assert_eq!(
            kind(judge(206, &[("content-range", other)])),
            Kind::Protocol,
            "{other}"
        );
    }
}

#[test]
fn a_part_without_one_readable_place_is_refused() {
    assert_eq!(kind(judge(206, &[])), Kind::Protocol);
    for garbage in [
        "bytes */1000",
        "bytes 100-199",
        "100-199/1000",
        "bytes 199-100/1000",
        "items 100-199/1000",
    ] {
        assert_eq!(
            kind(judge(206, &[("content-range", garbage)])),
            Kind::Protocol,
            "{garbage}"
        );
    }
    let twice = [
        ("content-range", "bytes 100-199/1000"),
        ("content-range", "bytes 100-199/1000"),
    ];
    assert_eq!(kind(judge(206, &twice)), Kind::Protocol);
    let parts = [
        ("content-range", "bytes 100-199/1000"),
        ("content-type", "multipart/byteranges; boundary=x"),
    ];
    assert_eq!(kind(judge(206, &parts)), Kind::Protocol);
    let length = [
        ("content-range", "bytes 100-199/1000"),
        ("content-length", "99"),
    ];
    assert_eq!(kind(judge(206, &length)), Kind::Protocol);
}

#[test]
fn another_length_tag_date_or_encoding_is_another_file() {
    let range = ("content-range", "bytes 100-199/1000");
    assert_eq!(
        kind(judge(206, &[("content-range", "bytes 100-199/1001")])),
        Kind::Changed
    );
    assert_eq!(kind(judge(206, &[range, ("etag", "\"b\"")])), Kind::Changed);
    let dated = |date| validators(&headers(&[("last-modified", date)]));
    assert_eq!(dated(OLD).compare(&dated(NEW)), Identity::Different);
    assert_eq!(
        kind(judge(206, &[range, ("content-encoding", "gzip")])),
        Kind::Changed
    );
    assert_eq!(
        kind(judge(416, &[("content-range", "bytes */50")])),
        Kind::Changed
    );
}

#[test]
fn an_answer_that_no_longer_proves_its_version_is_not_believed() {
    let range = ("content-range", "bytes 100-199/1000");
    for fields in [
        &[range][..],
        &[range, ("etag", "W/\"a\"")],
        &[range, ("last-modified", OLD)],
    ] {
        let answer = judge_as_is(206, &headers(fields), Moved::Given);
        assert_eq!(kind(answer), Kind::Changed, "{fields:?}");
    }
}

#[test]
fn an_equal_strong_tag_outweighs_another_date() {
    let fields = [
        ("content-range", "bytes 100-199/1000"),
        ("etag", "\"a\""),
        ("last-modified", NEW),
    ];
    assert_eq!(judge(206, &fields), Ok(100));
}

#[test]
fn the_whole_file_in_place_of_a_part_is_never_taken_for_it() {
    assert_eq!(
        kind(judge(200, &[("content-length", "1000"), ("etag", "\"a\"")])),
        Kind::Protocol
    );
    assert_eq!(
        kind(judge(200, &[("content-length", "1000"), ("etag", "\"b\"")])),
        Kind::Changed
    );
    assert_eq!(
        kind(judge(200, &[("content-length", "999")])),
        Kind::Changed
    );
    assert_eq!(
        kind(judge(
            200,
            &[("content-length", "10"), ("content-type", "text/html")]
        )),
        Kind::Protocol
    );
}

#[test]
fn refusals_say_whether_and_when_to_try_again() {
    let retry =
        |status, fields: &[(&'static str, &str)]| judge(status, fields).expect_err("refused").retry;
    let after = Some(Duration::from_secs(7));
    assert_eq!(retry(500, &[]), Retry::Wait { after: None });
    assert_eq!(retry(502, &[("retry-after", "7")]), Retry::Wait { after });
    assert_eq!(
        retry(503, &[("retry-after", "7")]),
        Retry::FewerConnections { after }
    );
    assert_eq!(retry(429, &[]), Retry::FewerConnections { after: None });
    assert_eq!(retry(403, &[]), Retry::FewerConnections { after: None });
    // The file was served a moment ago: one node of many may not have it.
    assert_eq!(retry(404, &[]), Retry::Wait { after: None });
    assert_eq!(retry(418, &[]), Retry::Wait { after: None });
    let first = |status| probe(status, &[]).expect_err("refused").retry;
    assert_eq!(first(404), Retry::Never);
}

#[test]
fn an_expired_redirect_is_walked_anew() {
    for status in [401, 403, 404, 410] {
        let error = judge_at(status, &[], Moved::Redirected).expect_err("refused");
        assert_eq!(error.retry, Retry::Reresolve, "{status}");
    }
}

fn probe(status: u16, fields: &[(&'static str, &str)]) -> Result<First> {
    let (url, headers) = (url(), headers(fields));
    let status = StatusCode::from_u16(status).expect("a status");
    let at = SystemTime::UNIX_EPOCH;
    first(
        &Head {
            url: &url,
            status,
            headers: &headers,
            at,
        },
        Some(100),
    )
}

#[test]
fn the_first_answer_tells_size_and_ranges() {
    let Ok(First::Part { resource, len }) = probe(206, &[("content-range", "bytes 0-99/1000")])
    else {
        panic!("a part")
    };
    assert_eq!(
        (resource.size, resource.ranges, len),
        (Some(1000), true, 100)
    );
    let Ok(First::Whole(resource)) = probe(200, &[("content-length", "1000")]) else {
        panic!("the whole")
    };
    assert_eq!(
        (resource.size, resource.ranges, &*resource.name),
        (Some(1000), false, "file.bin")
    );
    let Ok(First::Whole(resource)) = probe(200, &[]) else {
        panic!("the whole")
    };
    assert_eq!(resource.size, None);
    let Ok(First::Empty(resource)) = probe(416, &[("content-range", "bytes */0")]) else {
        panic!("empty")
    };
    assert_eq!(resource.size, Some(0));
}

#[test]
fn a_first_answer_that_cannot_be_placed_is_asked_for_without_a_range() {
    for (status, fields) in [
        (206, &[("content-range", "bytes 1-99/1000")][..]),
        (206, &[("content-range", "bytes 0-100/1000")]),
        (206, &[("content-range", "bytes 0-99/*")]),
        (206, &[]),
        (
            206,
            &[
                ("content-range", "bytes 0-99/1000"),
                ("content-type", "multipart/byteranges"),
            ],
        ),
        (416, &[]),
        (403, &[]),
        (405, &[]),
    ] {
        assert_eq!(
            probe(status, fields),
            Ok(First::AskWhole),
            "{status} {fields:?}"
        );
    }
    assert_eq!(probe(404, &[]).expect_err("refused").kind, Kind::NotFound);
}

proptest! {
    #[test]
    fn whatever_a_part_says_only_bytes_inside_the_question_are_accepted(
        first in 0u64..300, last in 0u64..300, total in 0u64..2000, declared in proptest::option::of(0u64..400)
    ) {
        let range = format!("bytes {first}-{last}/{total}");
        let declared = declared.map(|len| len.to_string());
        let mut fields = vec![("content-range", range.as_str())];
        fields.extend(declared.as_deref().map(|len| ("content-length", len)));
        if let Ok(len) = judge(206, &fields) {
            prop_assert!(first == 100 && last <= 199 && total == 1000 && len == last - first + 1);
            prop_assert!(declared.is_none_or(|declared| declared == len.to_string()));
        }
    }
}

#[test]
fn a_declared_length_is_digits_and_a_wrong_one_is_not_repeated_at_length() {
    let range = ("content-range", "bytes 100-199/1000");
    assert_eq!(judge(206, &[range, ("content-length", " 100 ")]), Ok(100));
    let endless = "1".repeat(60_000);
    for wrong in ["+100", "-100", "1e2", "", &endless] {
        let error = judge(206, &[range, ("content-length", wrong)]).expect_err("refused");
        assert_eq!(error.kind, Kind::Protocol);
        assert!(error.detail.len() < 100, "{error}");
    }
}

#[test]
fn a_length_that_no_file_can_have_is_nonsense() {
    let url = url();
    let judge = |status, fields: &[(&'static str, &str)]| {
        let headers = headers(fields);
        let head = Head {
            url: &url,
            status,
            headers: &headers,
            at: SystemTime::UNIX_EPOCH,
        };
        first(&head, Some(16)).map_err(|error| error.kind)
    };
    let part = "bytes 0-15/9223372036854775808";
    let answered = judge(StatusCode::PARTIAL_CONTENT, &[("content-range", part)]);
    assert_eq!(answered, Err(Kind::Protocol));
    let whole = [("content-length", "18446744073709551615")];
    assert_eq!(judge(StatusCode::OK, &whole), Err(Kind::Protocol));
}
