//! File names: safe on every system, whatever a server, a URL or a user wrote. It decides on the
//! name alone and does not know what is on the disk.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization;
use url::Url;

use super::disposition::Disposition;

/// Most bytes in a name: what every common file system takes.
pub const LONGEST: usize = 255;

/// What a file is called when nobody names it.
const FALLBACK: &str = "download";

/// The name that a user gave, made safe; `None` when nothing of it is left.
///
/// - Only what stands behind the last `/` or `\` counts.
/// - Controls, marks that turn the writing direction or have no width, and blanks around the name
///   are dropped, and so are dots at its end, which Windows does not keep.
/// - `< > : " | ? *` become `_`. `CON`, `NUL` and the other devices of Windows, with or without an
///   extension, get a `_` in front, and so does what looks like a scratch file (`.ID.part`).
/// - Unicode is composed (NFC), so that names that look equal are equal.
/// - Above 255 bytes the stem is cut and the extension kept.
///
/// A `.` or `-` in front stays: a user who writes `.profile` means it. See [`of`] for servers.
///
/// ```
/// use haul_engine::plan::name::safe;
/// assert_eq!(safe("../../etc/passwd").as_deref(), Some("passwd"));
/// assert_eq!(safe("what?.txt").as_deref(), Some("what_.txt"));
/// assert_eq!(safe("nul.txt").as_deref(), Some("_nul.txt"));
/// assert_eq!(safe(".."), None);
/// ```
pub fn safe(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown = last.chars().filter(|c| !is_unseen(*c)).nfc();
    let kept: String = shown
        .map(|c| if is_reserved(c) { '_' } else { c })
        .collect();
    let mut name = shorten(&kept);
    if is_device(&name) || is_scratch(&name) {
        name = shorten(&format!("_{name}"));
    }
    (!name.is_empty()).then_some(name)
}

/// The name for a file from `url`: the server's, else the last part of the URL's path, else
/// `download`. Always safe.
///
/// What others chose is treated with more care than [`safe`] alone: a `.` or `-` in front becomes
/// `_`, so that no server plants a hidden file, or one that a command takes for an option.
///
/// ```
/// use haul_engine::plan::name::of;
/// let url = url::Url::parse("https://host/a/b%20c.iso?x=1").expect("a URL");
/// assert_eq!(of(None, &url), "b c.iso");
/// ```
pub fn of(disposition: Option<&Disposition>, url: &Url) -> String {
    let given = disposition.and_then(|disposition| disposition.name.as_deref());
    given
        .and_then(foreign)
        .or_else(|| last_segment(url).as_deref().and_then(foreign))
        .unwrap_or_else(|| FALLBACK.to_owned())
}

/// The name for the `n`-th file that would have been called `name`: `a (1).tar.gz`. As safe as
/// `name`, and at most 255 bytes too.
///
/// ```
/// use haul_engine::plan::name::numbered;
/// assert_eq!(numbered("sample.mp4", 1), "sample (1).mp4");
/// assert_eq!(numbered("README", 2), "README (2)");
/// ```
pub fn numbered(name: &str, n: u32) -> String {
    fit(name, &format!(" ({n})"))
}

/// A name that somebody else chose, made safe.
fn foreign(name: &str) -> Option<String> {
    let name = safe(name)?;
    match name.strip_prefix(['.', '-']) {
        Some(rest) => Some(format!("_{rest}")),
        None => Some(name),
    }
}

/// The last part of the path that is not empty, decoded once.
fn last_segment(url: &Url) -> Option<Cow<'_, str>> {
    let last = url.path_segments()?.rfind(|segment| !segment.is_empty())?;
    Some(percent_decode_str(last).decode_utf8_lossy())
}

/// Without blanks around it and dots behind it, and not too long.
fn shorten(name: &str) -> String {
    let is_edge = |c: char| c == '.' || c.is_whitespace();
    let name = name.trim_start().trim_end_matches(is_edge);
    // A cut may bring a new blank or dot to the end.
    fit(name, "").trim_end_matches(is_edge).to_owned()
}

/// Puts `mark` between stem and extension, and cuts the stem until all of it fits.
fn fit(name: &str, mark: &str) -> String {
    let (stem, extension) = split(name);
    let room = LONGEST - mark.len() - extension.len();
    let stem = &stem[..stem.floor_char_boundary(room)];
    format!("{stem}{mark}{extension}")
}

/// Stem and extension. A packed file keeps both of its extensions, as in `.tar.gz`.
fn split(name: &str) -> (&str, &str) {
    let (stem, outer) = split_last(name);
    let (inner_stem, inner) = split_last(stem);
    let is_packed = PACKERS
        .iter()
        .any(|packer| outer.eq_ignore_ascii_case(packer));
    let is_kind = inner.len() <= ".warc".len() && !inner.contains(|c: char| c.is_ascii_digit());
    if is_packed && is_kind {
        return (inner_stem, &name[inner_stem.len()..]);
    }
    (stem, outer)
}

/// Extensions that say how a file is packed, and not what it is.
const PACKERS: [&str; 10] = [
    ".7z", ".br", ".bz2", ".gz", ".lz", ".lz4", ".lzma", ".xz", ".z", ".zst",
];

/// Most bytes in an extension. What is longer, or contains a blank, is part of the sentence.
const LONGEST_EXTENSION: usize = 16;

fn split_last(name: &str) -> (&str, &str) {
    let dot = name.rfind('.').unwrap_or_default();
    let (stem, extension) = name.split_at(dot);
    let is_extension =
        extension.len() <= LONGEST_EXTENSION && !extension.contains(char::is_whitespace);
    // A dot in front makes a hidden file, not an extension.
    if stem.is_empty() || extension == "." || !is_extension {
        return (name, "");
    }
    (stem, extension)
}

/// Controls, and what changes a name without being seen: `gpj.exe` could be shown as `exe.jpg`.
/// The joiners U+200C and U+200D are left: whole scripts and emoji need them.
fn is_unseen(c: char) -> bool {
    let mark = matches!(
        c,
        '\u{61C}'
            | '\u{200B}'
            | '\u{200E}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'
            | '\u{2066}'..='\u{2069}'
            | '\u{FEFF}'
    );
    mark || c.is_control()
}

fn is_reserved(c: char) -> bool {
    matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*')
}

/// Whether Windows opens a device under this name. An extension changes nothing there.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let stem = stem.to_ascii_uppercase();
    if matches!(&*stem, "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$") {
        return true;
    }
    let port = stem
        .strip_prefix("COM")
        .or_else(|| stem.strip_prefix("LPT"));
    let mut number = port.unwrap_or_default().chars();
    let is_number = |c| matches!(c, '0'..='9' | '¹' | '²' | '³');
    number.next().is_some_and(is_number) && number.next().is_none()
}

/// Whether it could be the scratch file of a download in the same directory.
fn is_scratch(name: &str) -> bool {
    let id = name
        .strip_prefix('.')
        .and_then(|rest| rest.strip_suffix(".part"));
    id.is_some_and(|id| id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_made_safe() {
        let cases = [
            ("sample-30s.mp4", Some("sample-30s.mp4")),
            ("имя файла.txt", Some("имя файла.txt")),
            ("/etc/passwd", Some("passwd")),
            ("../../a", Some("a")),
            ("C:\\dir\\a.txt", Some("a.txt")),
            ("..\\../a.txt", Some("a.txt")),
            ("a/", None),
            ("a/..", None),
            ("", None),
            (".", None),
            ("..", None),
            (". . .", None),
            (" \t ", None),
            ("\u{202E}\u{0}", None),
            ("a\u{0}\r\n\u{7F}\u{85}b", Some("ab")),
            ("a\u{202E}gpj.exe", Some("agpj.exe")),
            ("\u{FEFF}a\u{200B}\u{2066}b\u{2069}", Some("ab")),
            ("👩\u{200D}💻.txt", Some("👩\u{200D}💻.txt")),
            (" a.txt. . ", Some("a.txt")),
            ("a<b>c:d\"e|f?g*h", Some("a_b_c_d_e_f_g_h")),
            ("e\u{301}", Some("é")),
            ("con", Some("_con")),
            ("NUL.tar.gz", Some("_NUL.tar.gz")),
            ("Com1 .txt", Some("_Com1 .txt")),
            ("LPT³", Some("_LPT³")),
            ("conin$", Some("_conin$")),
            ("console.txt", Some("console.txt")),
            ("COM", Some("COM")),
            ("COM10", Some("COM10")),
            (".profile", Some(".profile")),
            ("-rf", Some("-rf")),
            (".9f1c2a7be04d5566.part", Some("_.9f1c2a7be04d5566.part")),
            (".9f1c2a7be04d556.part", Some(".9f1c2a7be04d556.part")),
        ];
        for (name, expected) in cases {
            assert_eq!(safe(name).as_deref(), expected, "{name:?}");
        }
    }

    #[test]
    fn long_names_keep_their_extension() {
        let cases = [
            ("a".repeat(300) + ".mp4", "a".repeat(251) + ".mp4"),
            ("a".repeat(300) + ".tar.gz", "a".repeat(248) + ".tar.gz"),
            ("я".repeat(200) + ".mp4", "я".repeat(125) + ".mp4"),
            ("я".repeat(128), "я".repeat(127)),
            ("a".repeat(255), "a".repeat(255)),
            ("a".repeat(254) + " b", "a".repeat(254)),
            ("a. ".repeat(100), "a. ".repeat(84) + "a"),
            (".".repeat(300) + "a b", String::new()),
        ];
        for (name, expected) in cases {
            assert_eq!(safe(&name).unwrap_or_default(), expected, "{name}");
        }
        let device = format!("CON{}.txt", " ".repeat(300));
        let made = safe(&device).expect("a name");
        assert!(made.len() == LONGEST && made.starts_with("_CON ") && made.ends_with(" .txt"));
    }

    #[test]
    fn numbers_stand_before_the_extension() {
        let cases = [
            ("sample.mp4", "sample (1).mp4"),
            ("a.tar.gz", "a (1).tar.gz"),
            ("a.TAR.Zst", "a (1).TAR.Zst"),
            ("dump.sql.xz", "dump (1).sql.xz"),
            ("v1.2.gz", "v1.2 (1).gz"),
            ("a.gz", "a (1).gz"),
            ("a.b.c", "a.b (1).c"),
            ("README", "README (1)"),
            (".profile", ".profile (1)"),
            (".a.txt", ".a (1).txt"),
            ("Mr. Smith goes", "Mr. Smith goes (1)"),
            ("a.averylongextension", "a.averylongextension (1)"),
        ];
        for (name, expected) in cases {
            assert_eq!(numbered(name, 1), expected, "{name}");
        }
        let long = "я".repeat(125) + ".mp4";
        assert_eq!(numbered(&long, 12), "я".repeat(123) + " (12).mp4");
    }

    #[test]
    fn the_server_names_a_file_before_its_url_does() {
        let named = |name: &str| Disposition {
            attachment: true,
            name: Some(name.to_owned()),
        };
        let cases = [
            (Some(named("b.txt")), "http://h/a.txt", "b.txt"),
            (Some(named("../..")), "http://h/a.txt", "a.txt"),
            (Some(Disposition::default()), "http://h/a.txt", "a.txt"),
            (Some(named("a%20b")), "http://h/", "a%20b"),
            (Some(named(".bashrc")), "http://h/", "_bashrc"),
            (Some(named("-rf")), "http://h/", "_rf"),
            (None, "http://h", "download"),
            (None, "http://h/", "download"),
            (None, "http://h//", "download"),
            (None, "http://h/?file=a.txt", "download"),
            (None, "http://h/a.txt?b.txt#c.txt", "a.txt"),
            (None, "http://h/dir/", "dir"),
            (None, "http://h/dir//", "dir"),
            (None, "http://h/%D0%B8%D0%BC%D1%8F.txt", "имя.txt"),
            (None, "http://h/имя.txt", "имя.txt"),
            (None, "http://h/a%2520b", "a%20b"),
            (None, "http://h/a%FFb", "a\u{FFFD}b"),
            (None, "http://h/..%2F..%2Fetc%2Fpasswd", "passwd"),
            (None, "http://h/a%2F", "download"),
            (None, "http://h/.hidden", "_hidden"),
            (None, "http://h/aux", "_aux"),
        ];
        for (disposition, url, expected) in cases {
            let parsed = Url::parse(url).expect("a URL");
            assert_eq!(of(disposition.as_ref(), &parsed), expected, "{url}");
        }
    }

    /// Any text, with a taste for what makes trouble, and often too long.
    fn any_name() -> impl Strategy<Value = String> {
        let part = "\\PC{0,3}|[./\\\\ -]{1,9}|CON|com1|NUL|\u{202E}|<|\u{0}|é|e\u{301}|я{90}|\\.tar\\.gz|\\.mp4| {200}";
        proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
    }

    fn assert_safe(name: &str) {
        assert!(!matches!(name, "" | "." | ".."), "{name:?}");
        assert!(name.len() <= LONGEST, "{name:?}");
        let wrong = |c: char| c == '/' || c == '\\' || is_reserved(c) || is_unseen(c);
        assert!(!name.contains(wrong), "{name:?}");
        assert!(
            !name.ends_with(['.', ' ']) && !name.starts_with(' '),
            "{name:?}"
        );
        assert!(!is_device(name) && !is_scratch(name), "{name:?}");
    }

    proptest! {
        #[test]
        fn every_name_is_safe_and_stays_as_it_is(name in any_name()) {
            if let Some(made) = safe(&name) {
                assert_safe(&made);
                prop_assert_eq!(safe(&made), Some(made));
            }
        }

        #[test]
        fn every_file_gets_a_safe_name(name in proptest::option::of(any_name()), path in any_name()) {
            let mut url = Url::parse("http://host/").expect("a URL");
            url.set_path(&path);
            let disposition = name.map(|name| Disposition { attachment: true, name: Some(name) });
            let made = of(disposition.as_ref(), &url);
            assert_safe(&made);
            prop_assert!(!made.starts_with(['.', '-']));
        }

        #[test]
        fn numbered_names_are_safe_and_differ(name in any_name(), n: u32) {
            if let Some(made) = safe(&name) {
                let first = numbered(&made, n);
                assert_safe(&first);
                prop_assert_ne!(&first, &numbered(&made, n.wrapping_add(1)));
                prop_assert_ne!(first, made);
            }
        }
    }
}
