//! Fuzz targets: whatever a server says, what is decided of it is sound. `cargo xtask fuzz` runs
//! them for longer than `cargo test` does.

use std::time::SystemTime;

use bolero::{Driver, ValueGenerator};
use haul_testkit::fuzz::{bytes, text};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use url::Url;

use super::content_range::{self, ContentRange};
use super::reply::{First, Head, Moved};
use super::resource::Resource;
use super::{disposition, name, reply, retry_after};
use crate::error::{Kind, Retry};

const RANGES: &[&str] = &[
    "bytes <n>-<n>/<n>",
    "bytes 100-199/1000",
    "bytes 100-<n>/1000",
    "bytes <n>-199/1000",
    "bytes <n>-<n>/*",
    "bytes */<n>",
    "<w> <n>-<n>/<n>",
    "bytes <w>-<w>/<w>",
    "bytes <w>",
    "bytes",
    " ",
    "-",
    "/",
    "*",
    ", <w>",
];

const DISPOSITIONS: &[&str] = &[
    "attachment; <w>",
    "inline; <w>",
    "filename=\"<w>\"; <w>",
    "filename=<w>; <w>",
    "filename*=UTF-8''<w>; <w>",
    "filename*=iso-8859-1'<w>'<w>",
    "FILENAME = \"<w>",
    "%<n>%e2%82%ac<w>",
    "=?utf-8?B?<w>?=",
    "../../<w>",
    "C:\\<w>",
    "CON.<w>",
    ".9f1c2a7be04d5566.part",
    "name.tar.gz",
    "<w><w><w>",
    "a",
    "\\\"",
    ";",
    "\"",
];

const WAITS: &[&str] = &[
    "<n>",
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Fri, 31 Dec 9999 23:59:60 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
    "<w>, <n> <w> <n> <n>:<n>:<n> GMT",
    "Nov",
    "GMT",
    ":",
];

#[test]
fn content_range() {
    bolero::check!()
        .with_generator(text(RANGES))
        .for_each(|value| {
            let Some(ContentRange::Bytes { first, last, total }) = content_range::parse(value)
            else {
                return;
            };
            assert!(first <= last && last < u64::MAX, "{value:?}");
            assert!(total.is_none_or(|total| last < total), "{value:?}");
            let total = total.map_or("*".to_owned(), |total| total.to_string());
            let plain = format!("bytes {first}-{last}/{total}");
            assert_eq!(content_range::parse(&plain), content_range::parse(value));
        });
}

#[test]
fn retry_after() {
    let now = SystemTime::UNIX_EPOCH;
    bolero::check!()
        .with_generator((text(WAITS), text(WAITS)))
        .for_each(|(value, date)| {
            for date in [None, Some(date.as_str())] {
                let wait = retry_after::parse(value, date, now);
                assert!(wait.is_none_or(|wait| wait <= retry_after::LONGEST));
            }
        });
}

#[test]
fn content_disposition() {
    let url = Url::parse("http://host/").expect("a URL");
    bolero::check!()
        .with_generator(bytes(DISPOSITIONS))
        .for_each(|value| {
            let found = disposition::parse(value);
            assert_ne!(found.name.as_deref(), Some(""));
            assert_safe(&name::of(Some(&found), &url));
        });
}

#[test]
fn file_names() {
    let mut url = Url::parse("http://host/").expect("a URL");
    bolero::check!()
        .with_generator((text(DISPOSITIONS), 0u32..))
        .for_each(|(given, n)| {
            url.set_path(given);
            assert_safe(&name::of(None, &url));
            let Some(safe) = name::safe(given) else {
                return;
            };
            assert_safe(&safe);
            assert_eq!(name::safe(&safe).as_ref(), Some(&safe), "made safe once");
            let numbered = name::numbered(&safe, *n);
            assert_safe(&numbered);
            assert_ne!(numbered, safe);
        });
}

/// Said anew here, so that the target does not believe what it tests.
fn assert_safe(name: &str) {
    assert!(!matches!(name, "" | "." | ".."), "{name:?}");
    assert!(name.len() <= 255, "{} bytes: {name:?}", name.len());
    let leads_away = |c: char| matches!(c, '/' | '\\') || c.is_control();
    assert!(!name.contains(leads_away), "{name:?}");
    let stem = name.split('.').next().unwrap_or_default();
    assert!(!stem.trim_end().eq_ignore_ascii_case("nul"), "{name:?}");
    assert!(
        !(name.starts_with('.') && name.ends_with(".part") && name.len() == 22),
        "looks like a scratch file: {name:?}"
    );
}

/// The fields that decisions read, and what stands in them.
const FIELDS: &[(&str, &[&str])] = &[
    ("content-range", RANGES),
    (
        "content-length",
        &["<n>", "100", "1000", "<n>, <n>", " <n> "],
    ),
    ("content-disposition", DISPOSITIONS),
    ("retry-after", WAITS),
    ("date", WAITS),
    ("last-modified", WAITS),
    (
        "etag",
        &["\"a\"", "W/\"a\"", "W/<w>", "\"<w>\"", "\"b\"", "<n>"],
    ),
    (
        "content-encoding",
        &["gzip", "identity", "br, <w>", "GZIP", "x-<w>"],
    ),
    (
        "content-type",
        &[
            "text/html; charset=<w>",
            "multipart/byteranges; boundary=<w>",
            "application/octet-stream",
            "<w>/<w>",
        ],
    ),
];

const STATUSES: &[u16] = &[
    100, 101, 199, 200, 201, 204, 206, 301, 304, 308, 400, 401, 403, 404, 405, 407, 408, 410, 416,
    421, 425, 429, 451, 500, 501, 502, 503, 504, 599, 600, 999,
];

/// A response head: nearly right, and then not.
struct AnyHead;

#[derive(Debug)]
struct Said {
    status: StatusCode,
    headers: HeaderMap,
}

impl ValueGenerator for AnyHead {
    type Output = Said;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Said> {
        let usual = [200, 206, 206, 416];
        let status = match driver.produce::<bool>()? {
            true => usual[(0..usual.len()).generate(driver)?],
            false => STATUSES[(0..STATUSES.len()).generate(driver)?],
        };
        let mut headers = HeaderMap::new();
        // What an honest server says, most of the time; fields may come twice.
        if (0..4u8).generate(driver)? > 0 {
            headers.append(
                "content-range",
                HeaderValue::from_static("bytes 100-199/1000"),
            );
            headers.append("etag", HeaderValue::from_static("\"a\""));
        }
        for _ in 0..(0..4u8).generate(driver)? {
            let (name, words) = FIELDS[(0..FIELDS.len()).generate(driver)?];
            let value = bytes(words).generate(driver)?;
            let Ok(value) = HeaderValue::from_bytes(&value) else {
                continue;
            };
            let name = HeaderName::from_static(name);
            if driver.produce()? {
                headers.append(name, value);
            } else {
                headers.insert(name, value);
            }
        }
        let status = StatusCode::from_u16(status).expect("a status of the list");
        Some(Said { status, headers })
    }
}

fn head<'a>(url: &'a Url, said: &'a Said) -> Head<'a> {
    Head {
        url,
        status: said.status,
        headers: &said.headers,
        at: SystemTime::UNIX_EPOCH,
    }
}

/// Its only `Content-Range`, read by nobody but the parser.
fn only_range(headers: &HeaderMap) -> Option<ContentRange> {
    let values: Vec<_> = headers.get_all("content-range").iter().collect();
    match values.as_slice() {
        [only] => content_range::parse(only.to_str().ok()?),
        _ => None,
    }
}

fn declared(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get("content-length")?.to_str().ok()?;
    value.trim().parse().ok()
}

#[test]
fn first_answer() {
    let url = Url::parse("http://user:s3cret@host/file.bin?key=s3cret").expect("a URL");
    bolero::check!()
        .with_generator((AnyHead, 0u64..2000))
        .for_each(|(said, block)| {
            for block in [None, Some(*block)] {
                let judged = reply::first(&head(&url, said), block);
                match judged {
                    Ok(First::Part { resource, len }) => {
                        assert_eq!(said.status, 206);
                        assert!(0 < len && Some(len) <= block, "{len} of {block:?}");
                        assert!(resource.size.is_some_and(|size| len <= size));
                        assert!(declared(&said.headers).is_none_or(|told| told == len));
                        assert_safe(&resource.name);
                    }
                    Ok(First::Whole(resource)) => {
                        assert_eq!(said.status, 200);
                        assert_eq!(resource.size, declared(&said.headers));
                        assert_safe(&resource.name);
                    }
                    Ok(First::Empty(resource)) => {
                        assert_eq!((said.status.as_u16(), resource.size), (416, Some(0)));
                    }
                    Ok(First::AskWhole) => assert!(block.is_some(), "it was asked for the whole"),
                    Err(error) => assert_tellable(&error),
                }
            }
        });
}

#[test]
fn block_answer() {
    let url = Url::parse("http://user:s3cret@host/file.bin?key=s3cret").expect("a URL");
    let known = Resource {
        final_url: url.clone(),
        size: Some(1000),
        ranges: true,
        validators: reply::validators(&HeaderMap::from_iter([(
            http::header::ETAG,
            HeaderValue::from_static("\"a\""),
        )])),
        content_type: None,
        name: "file.bin".into(),
    };
    let tagless = Resource {
        validators: reply::validators(&HeaderMap::new()),
        ..known.clone()
    };
    bolero::check!()
        .with_generator((AnyHead, 0u64..1000, 0u64..1000))
        .for_each(|(said, a, b)| {
            let drawn = (*a.min(b), *a.max(b));
            for asked in [(100, 199), (100, 100 + a / 2), drawn] {
                for (known, moved) in [(&known, Moved::Given), (&tagless, Moved::Redirected)] {
                    match reply::block(&head(&url, said), asked, known, moved) {
                        Ok(len) => assert_wanted(said, asked, known, len),
                        Err(error) => assert_tellable(&error),
                    }
                }
            }
        });
}

/// An accepted answer brings only bytes that were asked for, of the version that is known.
fn assert_wanted(said: &Said, asked: (u64, u64), known: &Resource, len: u64) {
    assert_eq!(said.status, 206);
    let Some(ContentRange::Bytes { first, last, total }) = only_range(&said.headers) else {
        panic!("without one readable place");
    };
    assert_eq!(first, asked.0);
    assert!(last <= asked.1 && len == last - first + 1, "{len} bytes");
    assert!(total.is_none() || total == known.size);
    assert!(declared(&said.headers).is_none_or(|told| told == len));
    let validators = reply::validators(&said.headers);
    if known.validators.is_strong() {
        assert_eq!(validators.etag, known.validators.etag);
    }
    assert_eq!(validators.encoding, known.validators.encoding);
}

/// What is told of a refusal holds no secret, no line end, and a bounded wait.
fn assert_tellable(error: &crate::Error) {
    let told = error.to_string();
    assert!(!told.contains("s3cret"), "{told}");
    assert!(!told.contains(char::is_control), "{told:?}");
    assert!(
        told.len() < 1000,
        "{} bytes of {:?}",
        told.len(),
        error.kind
    );
    if let Retry::Wait { after } | Retry::FewerConnections { after } = error.retry {
        assert!(after.is_none_or(|after| after <= retry_after::LONGEST));
    }
    assert_eq!(Kind::from_code(error.kind.code()), Some(error.kind));
}
