//! Reads the console's answers strictly: what is not letter for letter as documented is `None`.

use std::path::PathBuf;

use url::Url;

/// A line of `loading`.
pub(crate) struct Loading {
    pub(crate) url: String,
    pub(crate) size: u64,
    pub(crate) threads: u64,
    pub(crate) percent: f64,
}

/// A line of `download`.
pub(crate) struct Delivered {
    pub(crate) url: String,
    pub(crate) size: u64,
    pub(crate) path: PathBuf,
}

/// The URL of a line of `queue`: `url:URL, status: В очереди`.
pub(crate) fn queued(line: &str) -> Option<&str> {
    line.strip_prefix("url:")?
        .strip_suffix(", status: В очереди")
}

/// `url:URL, file_amount_bytes:21657943, threads_size:5, status:17.0`
pub(crate) fn loading(line: &str) -> Option<Loading> {
    let rest = line.strip_prefix("url:")?;
    let (url, rest) = rest.split_once(", file_amount_bytes:")?;
    let (size, rest) = rest.split_once(", threads_size:")?;
    let (threads, percent) = rest.split_once(", status:")?;
    let (whole, tenths) = percent.split_once('.')?;
    if number(whole)? > 100 || tenths.len() != 1 || !digits(tenths) {
        return None;
    }
    Some(Loading {
        url: url.to_owned(),
        size: number(size)?,
        threads: number(threads)?,
        percent: percent.parse().ok()?,
    })
}

/// `url:URL, file_amount_bytes:21657943, patch: file:///abs/path/sample-30s.mp4`
pub(crate) fn delivered(line: &str) -> Option<Delivered> {
    let rest = line.strip_prefix("url:")?;
    let (url, rest) = rest.split_once(", file_amount_bytes:")?;
    let (size, file_url) = rest.split_once(", patch: ")?;
    if !file_url.starts_with("file:///") {
        return None;
    }
    Some(Delivered {
        url: url.to_owned(),
        size: number(size)?,
        path: Url::parse(file_url).ok()?.to_file_path().ok()?,
    })
}

fn number(text: &str) -> Option<u64> {
    digits(text).then(|| text.parse().ok())?
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[test]
fn the_documented_lines_are_read_and_others_are_not() {
    let line = "url:http://h/a, file_amount_bytes:21657943, threads_size:5, status:17.0";
    let read = loading(line).expect("the contract's own example");
    assert_eq!(
        (read.url.as_str(), read.size, read.threads),
        ("http://h/a", 21_657_943, 5)
    );
    assert!((read.percent - 17.0).abs() < 1e-9);
    for wrong in ["17", "17.00", "17.", "117.0", "-1.0"] {
        let line = format!("url:http://h/a, file_amount_bytes:1, threads_size:5, status:{wrong}");
        assert!(loading(&line).is_none(), "{line}");
    }
    assert_eq!(
        queued("url:http://h/a, status: В очереди"),
        Some("http://h/a")
    );
    assert_eq!(queued("url:http://h/a, status:В очереди"), None);
    let line = "url:http://h/a, file_amount_bytes:21657943, patch: file:///abs/sample%20s.mp4";
    let read = delivered(line).expect("as in the contract");
    assert_eq!(read.path, PathBuf::from("/abs/sample s.mp4"));
}
