//! The request to add downloads, read into specs. Every option is checked here, before the engine
//! sees any; whether a directory's links stay inside is asked of the disk elsewhere.

use std::path::{Component, Path, PathBuf};

use haul_engine::spec::{Algorithm, OnConflict};
use haul_engine::{Error, Kind, Spec};
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use url::Url;

use super::params::{Params, refused};
use crate::api::command::{Add, Rejected};
use crate::api::error::ApiError;

/// Most URLs in one request.
const MOST_URLS: usize = 100_000;

/// Most bytes in a name, as file systems have it.
const MOST_NAME_BYTES: usize = 255;

/// Most bytes of one download's headers and remembered options: servers take no more.
pub(in crate::api) const MOST_HEADER_BYTES: usize = 64 << 10;

/// Most other sources of one download.
const MOST_MIRRORS: usize = 1000;

/// Most bytes of one download's URLs together.
const MOST_URL_BYTES: usize = 4 << 20;

/// What can be said of a name by a pattern.
const NAME: &str = r"^(?!\.{1,2}$)[^/\\\u0000-\u001f\u007f-\u009f]+$";

/// The digests that are known, the best first.
const ALGORITHMS: [Algorithm; 4] = [
    Algorithm::Sha256,
    Algorithm::Sha512,
    Algorithm::Sha1,
    Algorithm::Md5,
];

/// Most bytes that the options of one request may come to: each download gets its own.
const MOST_OPTION_BYTES: usize = 64 << 20;

/// Headers that haul sets itself: a second opinion on them would break the transfer.
const OWN_HEADERS: [&str; 12] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "host",
    "if-range",
    "keep-alive",
    "range",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Whether haul sets this header itself.
pub(crate) fn is_own_header(name: &str) -> bool {
    let mut own = OWN_HEADERS.iter();
    own.any(|own| own.eq_ignore_ascii_case(name))
}

/// Reads `{"urls":[…], options}` (a download each) or `{"url":"…","mirrors":[…], options}` (one).
/// A bad URL among `urls` is rejected alone; anything else wrong refuses the request.
pub(crate) fn add(params: &mut Params, root: &Path) -> Result<Add, ApiError> {
    let item = || json!({"type": "string"});
    let urls = params.words(
        "urls",
        "Absolute `http` or `https` URLs, at most 100,000: a download each.",
        item,
    )?;
    let url = params.text_like(
        "url",
        "The absolute `http` or `https` URL of one download, in place of `urls`; `mirrors` may name \
         more places for it.",
        url_schema,
    )?;
    let mirrors = params.words(
        "mirrors",
        "Other places that hold the file of `url`.",
        url_schema,
    )?;
    let mut template = options(params, root)?;

    let urls = match (urls, url, &mirrors) {
        (Some(urls), None, None) => urls,
        (None, Some(url), _) => vec![url],
        _ => {
            return Err(invalid(
                "give either \"urls\" (a download each) or \"url\", perhaps with \"mirrors\" (one download)",
            )
            .into());
        }
    };
    template.mirrors = mirrors
        .unwrap_or_default()
        .iter()
        .map(|mirror| Spec::parse_url(mirror))
        .collect::<Result<Vec<Url>, Error>>()?;
    if urls.is_empty() {
        return Err(invalid("\"urls\" is empty; give at least one URL").into());
    }
    if urls.len() > MOST_URLS {
        return Err(ApiError::too_many_urls(urls.len(), MOST_URLS));
    }
    check_size(&template)?;
    let each = weight(&template);
    if each.saturating_mul(urls.len()) > MOST_OPTION_BYTES {
        return Err(invalid(&format!(
            "headers and dir have {each} bytes, for each of {} URLs; send fewer URLs at a time",
            urls.len()
        ))
        .into());
    }
    if template.name.is_some() && urls.len() > 1 {
        let count = urls.len();
        let why =
            format!("name is for one download, and {count} URLs are given; add them one by one");
        return Err(invalid(&why).into());
    }
    let mut add = Add::default();
    for text in urls {
        match Spec::parse_url(&text) {
            Ok(url) => add.specs.push(Spec {
                url,
                ..template.clone()
            }),
            Err(error) => add.rejected.push(Rejected { url: text, error }),
        }
    }
    Ok(add)
}

/// Bytes of what each download gets a copy of.
fn weight(template: &Spec) -> usize {
    let dir = template.dir.as_ref().map_or(0, |dir| dir.as_os_str().len());
    dir + pair_bytes(&template.headers)
}

/// Bytes of headers or options.
pub(in crate::api) fn pair_bytes(pairs: &[(String, String)]) -> usize {
    let lengths = pairs.iter().map(|(name, value)| name.len() + value.len());
    lengths.sum()
}

/// Refuses a download that is larger than any needs to be, however many requests have made it that.
pub(in crate::api) fn check_size(spec: &Spec) -> Result<(), Error> {
    let mirrors = spec.mirrors.len();
    if mirrors > MOST_MIRRORS {
        return Err(invalid(&format!(
            "mirrors: at most {MOST_MIRRORS} of one download, and {mirrors} are given"
        )));
    }
    let urls = std::iter::once(&spec.url).chain(&spec.mirrors);
    if urls.map(|url| url.as_str().len()).sum::<usize>() > MOST_URL_BYTES {
        return Err(invalid("url, mirrors: at most 4 MiB together"));
    }
    if pair_bytes(&spec.headers) + pair_bytes(&spec.notes) > MOST_HEADER_BYTES {
        return Err(invalid("headers: at most 64 KiB together"));
    }
    Ok(())
}

/// Every option, in a spec whose URL is yet to come.
fn options(params: &mut Params, root: &Path) -> Result<Spec, Error> {
    let nowhere = Url::parse("http://unset.invalid/").expect("a constant URL");
    let unset = Spec::new(nowhere);
    Ok(Spec {
        name: name_option(params)?,
        dir: params
            .text(
                "dir",
                "The directory for the file: inside the one where finished files go; a relative one \
                 counts from there.",
            )?
            .map(|text| dir(&text, root))
            .transpose()?,
        threads: threads(params)?,
        block_size: block_size(params)?,
        headers: params
            .take(
                "headers",
                "Request headers by name, at most 64 KiB together. Those that haul sets itself \
                 (`Range`, `Host`, …) are refused.",
                || json!({"type": "object", "additionalProperties": {"type": "string"}}),
            )
            .map(headers)
            .transpose()?
            .unwrap_or_default(),
        checksum: params
            .text_like("checksum", "The digest of the whole file.", checksum_schema)?
            .map(|text| text.parse())
            .transpose()?,
        speed_limit: speed_limit(params)?.unwrap_or(unset.speed_limit),
        priority: priority(params)?.unwrap_or(unset.priority),
        paused: params.flag("paused", "Added, but not started before it is resumed.")?,
        accept_html: params.flag("accept_html", "Whether an HTML page is wanted, too.")?,
        on_conflict: params.choice(
            "on_conflict",
            "What happens when a file of that name is there already.",
            &[
                ("rename", OnConflict::Rename),
                ("overwrite", OnConflict::Overwrite),
                ("fail", OnConflict::Fail),
                ("skip", OnConflict::Skip),
            ],
        )?,
        ..unset
    })
}

/// An absolute URL. That it is one of HTTP is said in words.
pub(super) fn url_schema() -> Value {
    json!({"type": "string", "format": "uri"})
}

fn checksum_schema() -> Value {
    let forms = ALGORITHMS.map(|algorithm| {
        let digits = algorithm.digest_len() * 2;
        format!("{}=[0-9A-Fa-f]{{{digits}}}", algorithm.name())
    });
    json!({"type": "string", "pattern": format!("^({})$", forms.join("|"))})
}

/// The option `name`.
pub(super) fn name_option(params: &mut Params) -> Result<Option<String>, Error> {
    let schema =
        || json!({"type": "string", "minLength": 1, "maxLength": MOST_NAME_BYTES, "pattern": NAME});
    params
        .text_like(
            "name",
            "The file's name, at most 255 bytes and without a directory.",
            schema,
        )?
        .map(name)
        .transpose()
}

/// The option `threads`.
pub(super) fn threads(params: &mut Params) -> Result<Option<u16>, Error> {
    params.whole(
        "threads",
        "Most threads: range requests at a time for one download.",
        1..=256,
    )
}

/// The option `block_size`, bytes.
pub(super) fn block_size(params: &mut Params) -> Result<Option<u64>, Error> {
    params.size(
        "block_size",
        "Most bytes in one range request, 16K to 16G, as a number or with a unit.",
        16 << 10..=16 << 30,
        "a size from 16K to 16G",
    )
}

/// The option `speed_limit`, bytes/s.
pub(super) fn speed_limit(params: &mut Params) -> Result<Option<u64>, Error> {
    params.size(
        "speed_limit",
        "Most bytes per second, at most 1T, as a number or with a unit; 0 is no limit.",
        0..=1 << 40,
        "bytes per second like 1048576 or \"1M\", at most 1T, 0 for no limit",
    )
}

/// The option `priority`.
pub(super) fn priority(params: &mut Params) -> Result<Option<i32>, Error> {
    params.whole(
        "priority",
        "Higher starts first; 0 unless told.",
        i32::MIN..=i32::MAX,
    )
}

/// A file's name: one component, nothing that leads elsewhere.
pub(in crate::api) fn name(name: String) -> Result<String, Error> {
    let refuse = |allowed| Err(refused("name", &Value::String(name.clone()), allowed));
    if name.is_empty() || name == "." || name == ".." {
        return refuse("a file name");
    }
    if name.contains(['/', '\\']) {
        return refuse("a name without \"/\" and \"\\\"; a directory goes into \"dir\"");
    }
    if name.chars().any(char::is_control) {
        return refuse("a name without control characters");
    }
    if name.len() > MOST_NAME_BYTES {
        return refuse("a name of at most 255 bytes");
    }
    Ok(name)
}

/// A directory inside `root`; a relative one counts from there.
pub(in crate::api) fn dir(text: &str, root: &Path) -> Result<PathBuf, Error> {
    let refuse = || {
        let allowed = format!("a directory inside {}", root.display());
        refused("dir", &Value::String(text.to_owned()), &allowed)
    };
    let given = Path::new(text);
    let climbs = given.components().any(|part| part == Component::ParentDir);
    if text.is_empty() || text.chars().any(char::is_control) || climbs {
        return Err(refuse());
    }
    let dir = root.join(given);
    if !dir.starts_with(root) {
        return Err(refuse());
    }
    // Collected anew, so that "." and doubled separators are gone.
    Ok(dir.components().collect())
}

/// Request headers, names and values checked.
fn headers(value: Value) -> Result<Vec<(String, String)>, Error> {
    let Value::Object(members) = value else {
        return Err(refused(
            "headers",
            &value,
            "an object like {\"Referer\": \"https://host/\"}",
        ));
    };
    members
        .into_iter()
        .map(|(name, value)| {
            let Ok(known) = HeaderName::from_bytes(name.as_bytes()) else {
                return Err(invalid(&format!(
                    "headers: \"{name}\" is not a header's name"
                )));
            };
            if OWN_HEADERS.contains(&known.as_str()) {
                return Err(invalid(&format!(
                    "headers: \"{name}\" is set by haul itself; leave it out"
                )));
            }
            // The value may be a credential: it is not repeated in the answer.
            match value {
                Value::String(text) if HeaderValue::from_bytes(text.as_bytes()).is_ok() => {
                    Ok((name, text))
                }
                _ => Err(invalid(&format!(
                    "headers: the value of \"{name}\" is not allowed; give one line of text"
                ))),
            }
        })
        .collect()
}

fn invalid(detail: &str) -> Error {
    Error::new(Kind::InvalidOption, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Result<Add, ApiError> {
        Params::object(value)?.read(|params| add(params, Path::new("/srv/files")))
    }

    fn detail(value: Value) -> String {
        read(value).expect_err("refused").to_string()
    }

    #[test]
    fn each_url_is_a_download_and_a_bad_one_is_rejected_alone() {
        let add = read(json!({"urls": ["http://h/a", "nonsense", "https://h/b"], "threads": 3}))
            .expect("readable");
        assert_eq!(add.specs.len(), 2);
        assert!(add.specs.iter().all(|spec| spec.threads == Some(3)));
        assert_eq!(add.rejected.len(), 1);
        assert_eq!(add.rejected[0].url, "nonsense");
        assert_eq!(add.rejected[0].error.kind, Kind::InvalidUrl);
    }

    #[test]
    fn a_url_with_mirrors_is_one_download() {
        let add = read(json!({"url": "http://h/a", "mirrors": ["http://m/a"]})).expect("readable");
        assert_eq!(add.specs.len(), 1);
        assert_eq!(add.specs[0].mirrors.len(), 1);
        assert!(detail(json!({"url": "http://h/a", "mirrors": ["no"]})).contains("\"no\""));
        assert!(detail(json!({"urls": ["http://h/a"], "mirrors": []})).contains("either"));
        assert!(detail(json!({"urls": ["http://h/a"], "url": "http://h/a"})).contains("either"));
        assert!(detail(json!({})).contains("either"));
        assert!(detail(json!({"urls": []})).contains("empty"));
    }

    #[test]
    fn a_download_has_so_many_mirrors_and_no_more() {
        let with = |count| read(json!({"url": "http://h/a", "mirrors": vec!["http://m/a"; count]}));
        with(MOST_MIRRORS).expect("allowed");
        let error = with(MOST_MIRRORS + 1).expect_err("refused").to_string();
        assert!(error.contains("1000") && error.contains("1001"), "{error}");
    }

    #[test]
    fn every_option_is_read() {
        let sum = format!("sha-256={}", "0".repeat(64));
        let add = read(json!({
            "url": "http://h/a", "name": "b.iso", "dir": "linux/iso", "threads": 256,
            "block_size": "16G", "headers": {"Referer": "http://h/"}, "checksum": sum,
            "speed_limit": "2M", "priority": -3, "paused": true, "accept_html": true,
            "on_conflict": "skip"
        }))
        .expect("readable");
        let mut expected = Spec::new(Url::parse("http://h/a").expect("a URL"));
        expected.name = Some("b.iso".into());
        expected.dir = Some("/srv/files/linux/iso".into());
        expected.threads = Some(256);
        expected.block_size = Some(16 << 30);
        expected.headers = vec![("Referer".into(), "http://h/".into())];
        expected.checksum = Some(sum.parse().expect("a checksum"));
        expected.speed_limit = 2 << 20;
        expected.priority = -3;
        expected.paused = true;
        expected.accept_html = true;
        expected.on_conflict = OnConflict::Skip;
        assert_eq!(add.specs, [expected]);
    }

    #[test]
    fn bad_options_are_refused_by_name() {
        for (option, value) in [
            ("threads", json!(0)),
            ("threads", json!(257)),
            ("block_size", json!(16_383)),
            ("block_size", json!("17G")),
            ("name", json!("a/b")),
            ("name", json!("..\\b")),
            ("name", json!("..")),
            ("name", json!("")),
            ("name", json!("a\u{0}b")),
            ("name", json!("n".repeat(256))),
            ("dir", json!("..")),
            ("dir", json!("a/../../b")),
            ("dir", json!("/srv/files-of-another")),
            ("dir", json!("/etc")),
            ("headers", json!({"Bad Name": "x"})),
            ("headers", json!({"X": "a\r\nEvil: 1"})),
            ("headers", json!({"Range": "bytes=0-1"})),
            ("headers", json!([])),
            ("checksum", json!("crc32=00")),
            ("priority", json!(1.5)),
            ("paused", json!("maybe")),
            ("on_conflict", json!("ask")),
            ("colour", json!("red")),
        ] {
            let error = detail(json!({"url": "http://h/a", option: value.clone()}));
            assert!(error.contains(option), "{option} = {value}: {error}");
        }
    }

    #[test]
    fn a_secret_header_is_not_repeated() {
        let error = detail(json!({"url": "http://h/a", "headers": {"Authorization": "s3cret\n"}}));
        assert!(!error.contains("s3cret"), "{error}");
    }

    #[test]
    fn an_absolute_directory_inside_the_root_is_fine() {
        let add = read(json!({"url": "http://h/a", "dir": "/srv/files/./a//b"})).expect("readable");
        assert_eq!(
            add.specs[0].dir.as_deref(),
            Some(Path::new("/srv/files/a/b"))
        );
    }

    #[test]
    fn one_name_is_not_for_several_urls() {
        let error = detail(json!({"urls": ["http://h/a", "http://h/b"], "name": "x"}));
        assert!(error.contains("name"), "{error}");
    }

    #[test]
    fn many_urls_with_long_options_are_refused_before_each_gets_its_copy() {
        let long = "x".repeat(MOST_HEADER_BYTES);
        let error = detail(json!({"url": "http://h/a", "headers": {"X": long}}));
        assert!(error.contains("64 KiB"), "{error}");
        let some = "x".repeat(MOST_HEADER_BYTES / 2);
        let error = detail(json!({
            "urls": vec!["http://h/a"; 3000], "headers": {"Cookie": some}
        }));
        assert!(
            error.contains("fewer URLs") && !error.contains("xxx"),
            "{error}"
        );
        let few = read(json!({"urls": vec!["http://h/a"; 100], "headers": {"Cookie": some}}));
        assert_eq!(few.expect("readable").specs.len(), 100);
    }

    #[test]
    fn too_many_urls_are_refused() {
        let urls = vec!["http://h/a"; MOST_URLS + 1];
        assert!(detail(json!({"urls": urls})).contains("100000"));
    }
}
