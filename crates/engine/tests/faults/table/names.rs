//! What files are called, whatever a server or a URL says.

use super::PROTOCOL;
use crate::ground::encoded_bytes;
use crate::row::{Outcome, Row};
use crate::within::Within;

/// 251 letters and an extension are the longest name.
const LONGEST: &str = concat!(
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bin"
);

pub(crate) fn rows() -> Vec<Row> {
    let long = format!("attachment; filename=\"{}.bin\"", "a".repeat(296));
    let mut rows: Vec<Row> = [
        said(
            "traversal",
            "`filename=\"../../etc/passwd\"`",
            b"attachment; filename=\"../../etc/passwd\"",
            "passwd",
        ),
        said(
            "traversal_backslash",
            "`filename=\"..\\\\..\\\\a.bin\"`",
            b"attachment; filename=\"..\\\\..\\\\a.bin\"",
            "a.bin",
        ),
        said(
            "absolute",
            "`filename=\"/etc/shadow\"`",
            b"attachment; filename=\"/etc/shadow\"",
            "shadow",
        ),
        said(
            "absolute_drive",
            "`filename=\"C:\\\\boot.ini\"`",
            b"attachment; filename=\"C:\\\\boot.ini\"",
            "boot.ini",
        ),
        said(
            "only_dots",
            "`filename=\"..\"`: the URL names it",
            b"attachment; filename=\"..\"",
            "a.bin",
        ),
        said(
            "device",
            "`filename=\"NUL.txt\"`",
            b"attachment; filename=\"NUL.txt\"",
            "_NUL.txt",
        ),
        said(
            "hidden",
            "`filename=\".bashrc\"`",
            b"attachment; filename=\".bashrc\"",
            "_bashrc",
        ),
        said(
            "option",
            "`filename=\"-rf\"`",
            b"attachment; filename=\"-rf\"",
            "_rf",
        ),
        said(
            "encoded_controls",
            "control characters in `filename*`",
            b"attachment; filename*=UTF-8''a%0D%0A%00%1Bb.bin",
            "ab.bin",
        ),
        said(
            "turned",
            "a mark that turns the writing direction",
            "attachment; filename=\"a\u{202E}nib.exe\"".as_bytes(),
            "anib.exe",
        ),
        said(
            "three_hundred_bytes",
            "300 bytes, the extension is kept",
            long.as_bytes(),
            LONGEST,
        ),
        said(
            "extended",
            "`filename*` of RFC 8187 beside `filename`",
            b"attachment; filename=\"b.bin\"; filename*=UTF-8''%D0%B8%D0%BC%D1%8F.bin",
            "имя.bin",
        ),
        said(
            "extended_broken",
            "`filename*` that cannot be decoded",
            b"attachment; filename=\"b.bin\"; filename*=UTF-8''%FF.bin",
            "b.bin",
        ),
        said(
            "quoted_pairs",
            "quoted pairs",
            b"attachment; filename=\"a\\'\\b.bin\"",
            "a'b.bin",
        ),
        said(
            "quoted_quote",
            "a quoted quote, which Windows forbids",
            b"attachment; filename=\"a\\\"b.bin\"",
            "a_b.bin",
        ),
        said(
            "utf_8",
            "raw UTF-8",
            "attachment; filename=\"имя.bin\"".as_bytes(),
            "имя.bin",
        ),
        said(
            "latin_1",
            "raw ISO-8859-1",
            b"attachment; filename=\"na\xEFve.bin\"",
            "naïve.bin",
        ),
        said(
            "mojibake",
            "raw windows-1251, of which nothing tells",
            b"attachment; filename=\"\xE8\xEC\xFF.bin\"",
            "èìÿ.bin",
        ),
        said(
            "empty",
            "`filename=\"\"`: the URL names it",
            b"attachment; filename=\"\"",
            "a.bin",
        ),
        said(
            "unclosed",
            "a quote that is never closed",
            b"attachment; filename=\"b.bin",
            "b.bin",
        ),
        said(
            "garbage",
            "unreadable `Content-Disposition`: the URL names it",
            b"=;;=\"",
            "a.bin",
        ),
    ]
    .to_vec();
    rows.extend([
        path(
            "path_encoded",
            "`%2F..%2F` in the URL's path",
            "/dir/..%2F..%2Fetc%2Fpasswd",
            "passwd",
        ),
        path(
            "path_controls",
            "control characters in the URL's path",
            "/a%0D%0A%00b.bin",
            "ab.bin",
        ),
        path(
            "path_not_utf_8",
            "a URL's path that is not UTF-8",
            "/a%FFb.bin",
            "a\u{FFFD}b.bin",
        ),
        path("path_empty", "a URL without a path", "/", "download"),
        path("path_device", "`/aux` in the URL", "/aux", "_aux"),
        Row {
            there: &["a.bin", "a (1).bin"],
            ..path(
                "duplicate",
                "a file of that name is there, and `a (1).bin` too",
                "/a.bin",
                "a (2).bin",
            )
        },
        Row::standing(
            "raw_controls",
            "raw control characters in a header",
            &format!(
                "name={}",
                encoded_bytes(b"attachment; filename=\"a\x01b.bin\"")
            ),
            PROTOCOL,
        )
        .within(Within::ALL_TRIES),
    ]);
    rows
}

/// By `Content-Disposition`.
fn said(name: &'static str, fault: &'static str, value: &[u8], called: &'static str) -> Row {
    let knobs = format!("name={}", encoded_bytes(value));
    Row::standing(name, fault, &knobs, Outcome::Named(called))
}

/// By the URL.
fn path(name: &'static str, fault: &'static str, path: &'static str, called: &'static str) -> Row {
    Row {
        path,
        ..Row::standing(name, fault, "", Outcome::Named(called))
    }
}
