//! Reads `Content-Disposition` (RFC 6266, with RFC 8187 values). It takes what servers send, and
//! does not know what makes a name safe: that is [`super::name`].

use percent_encoding::percent_decode;

/// What an answer says about its body as a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disposition {
    /// To be saved rather than shown: any type but `inline`, as RFC 6266 §4.2 has it.
    pub attachment: bool,
    /// The file's name as the server wrote it, never empty and NOT safe.
    pub name: Option<String>,
}

/// Reads a field value; what makes no sense is skipped.
///
/// - `filename*` wins over `filename`, unless it cannot be decoded.
/// - Of parameters given twice the first counts, as in browsers: whoever checked the name before
///   us has most likely looked at that one.
/// - A plain `filename` is taken as UTF-8, or as ISO-8859-1 when it is not. Neither `%41` nor
///   `=?…?=` mean anything there: senders disagree, and decoding would spoil names that contain
///   such text.
/// - Blanks in a name without quotes belong to it, and a missing closing quote is forgiven.
///
/// ```
/// use haul_engine::plan::disposition::parse;
/// let found = parse(b"attachment; filename=\"a;b.txt\"; filename*=UTF-8''%e2%82%ac.txt");
/// assert!(found.attachment);
/// assert_eq!(found.name.as_deref(), Some("€.txt"));
/// ```
pub fn parse(value: &[u8]) -> Disposition {
    let mut rest = value;
    let head = take_until(&mut rest, b";").trim_ascii();
    // Some servers leave the type out and begin with a parameter.
    let typed = !head.is_empty() && !head.contains(&b'=');
    let mut rest = if typed { rest } else { value };
    let (mut plain, mut extended) = (None, None);
    while let Some((name, value)) = take_parameter(&mut rest) {
        if name.eq_ignore_ascii_case(b"filename") {
            plain.get_or_insert(value);
        } else if name.eq_ignore_ascii_case(b"filename*") {
            extended.get_or_insert(value);
        }
    }
    let extended = extended.and_then(|value| decode_extended(&value));
    let plain = plain.map(utf8_or_latin1).filter(|name| !name.is_empty());
    Disposition {
        attachment: typed && !head.eq_ignore_ascii_case(b"inline"),
        name: extended.or(plain),
    }
}

/// Takes the next `name=value` with its `;`; parts without `=` are skipped. `None` at the end.
fn take_parameter<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], Vec<u8>)> {
    while !rest.is_empty() {
        let name = take_until(rest, b";=").trim_ascii();
        if !rest.starts_with(b"=") {
            skip(rest, 1);
            continue;
        }
        skip(rest, 1);
        *rest = rest.trim_ascii_start();
        let value = if rest.starts_with(b"\"") {
            skip(rest, 1);
            take_quoted(rest)
        } else {
            let bare = take_until(rest, b";").trim_ascii();
            // Its opening quote is missing.
            bare.strip_suffix(b"\"").unwrap_or(bare).to_vec()
        };
        // Between a closing quote and the `;` there is nothing to find.
        take_until(rest, b";");
        skip(rest, 1);
        return Some((name, value));
    }
    None
}

/// Takes the inside of a quoted string (RFC 9110 §5.6.4) and its closing quote, or all without one.
fn take_quoted(rest: &mut &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    loop {
        value.extend_from_slice(take_until(rest, b"\"\\"));
        let escaped = match **rest {
            [b'\\', escaped, ..] => escaped,
            _ => break,
        };
        value.push(escaped);
        skip(rest, 2);
    }
    skip(rest, 1);
    value
}

/// Takes what stands before the first of `ends`, or everything.
fn take_until<'a>(rest: &mut &'a [u8], ends: &[u8]) -> &'a [u8] {
    let end = rest.iter().position(|byte| ends.contains(byte));
    let (taken, left) = rest.split_at(end.unwrap_or(rest.len()));
    *rest = left;
    taken
}

fn skip(rest: &mut &[u8], bytes: usize) {
    *rest = rest.get(bytes..).unwrap_or_default();
}

/// Decodes `charset'language'text` (RFC 8187 §3.2). A stray `%` stands for itself. `None`: another
/// charset, bytes that the charset does not have, or nothing.
fn decode_extended(value: &[u8]) -> Option<String> {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    let (charset, _language, text) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes: Vec<u8> = percent_decode(text).collect();
    let name = if charset.eq_ignore_ascii_case(b"utf-8") {
        String::from_utf8(bytes).ok()?
    } else if charset.eq_ignore_ascii_case(b"iso-8859-1") {
        latin1(&bytes)
    } else {
        return None;
    };
    (!name.is_empty()).then_some(name)
}

fn utf8_or_latin1(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|cause| latin1(cause.as_bytes()))
}

/// The first 256 characters of Unicode are ISO-8859-1.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    fn name(value: &[u8]) -> Option<String> {
        parse(value).name
    }

    #[test]
    fn attachment_is_every_type_but_inline() {
        let cases: [(&str, bool); 12] = [
            ("attachment", true),
            ("ATTACHMENT;", true),
            (" attachment ; filename=a", true),
            ("form-data; name=x", true),
            ("\"attachment\"", true),
            ("inline", false),
            ("Inline; filename=a", false),
            (" inline ;", false),
            ("", false),
            (";", false),
            ("; filename=a", false),
            ("filename=attachment", false),
        ];
        for (value, expected) in cases {
            assert_eq!(parse(value.as_bytes()).attachment, expected, "{value:?}");
        }
    }

    #[test]
    fn plain_names() {
        let cases = [
            ("attachment; filename=a.txt", "a.txt"),
            ("attachment; filename=\"a b.txt\"", "a b.txt"),
            ("attachment;filename=a.txt;", "a.txt"),
            ("attachment ; FileName = \"a.txt\" ; size=5", "a.txt"),
            ("inline; filename=a.txt", "a.txt"),
            ("filename=a.txt", "a.txt"),
            ("; filename=a.txt", "a.txt"),
            ("attachment; ;; filename=a.txt", "a.txt"),
            ("attachment; junk; filename=a.txt", "a.txt"),
            ("attachment; x=\"a;filename=no\"; filename=a.txt", "a.txt"),
            ("attachment; xfilename=no; filename=a.txt", "a.txt"),
            ("attachment; filename=\"a;b.txt\"", "a;b.txt"),
            ("attachment; filename=\"a\\\"b\\\\c.txt\"", "a\"b\\c.txt"),
            ("attachment; filename=\"\\a.txt\"", "a.txt"),
            ("attachment; filename=\"a.txt\"junk; x=y", "a.txt"),
            ("attachment; filename=\"a.txt", "a.txt"),
            ("attachment; filename=\"a.txt\\", "a.txt"),
            ("attachment; filename=a.txt\"", "a.txt"),
            ("attachment; filename=a b.txt ; x=y", "a b.txt"),
            ("attachment; filename='a.txt'", "'a.txt'"),
            ("attachment; filename=a=b.txt", "a=b.txt"),
            ("attachment; filename=one; filename=two", "one"),
            ("attachment; filename=a%20b.txt", "a%20b.txt"),
            ("attachment; filename=\"=?UTF-8?Q?a?=\"", "=?UTF-8?Q?a?="),
            (
                "attachment; filename=\"../../etc/passwd\"",
                "../../etc/passwd",
            ),
            ("attachment; filename=\"имя.txt\"", "имя.txt"),
        ];
        for (value, expected) in cases {
            assert_eq!(
                name(value.as_bytes()).as_deref(),
                Some(expected),
                "{value:?}"
            );
        }
        let latin1 = b"attachment; filename=\"na\xEFve.txt\"";
        assert_eq!(name(latin1).as_deref(), Some("naïve.txt"));
    }

    #[test]
    fn extended_names() {
        let cases = [
            ("attachment; filename*=UTF-8''%e2%82%ac%20rates", "€ rates"),
            ("attachment; filename*=utf-8'en'a.txt", "a.txt"),
            ("attachment; filename*=iso-8859-1'de'na%EFve", "naïve"),
            ("attachment; filename*=\"UTF-8''%C3%A4.txt\"", "ä.txt"),
            ("attachment; filename* = UTF-8''a.txt", "a.txt"),
            ("attachment; filename=b; filename*=UTF-8''a", "a"),
            ("attachment; filename*=UTF-8''a; filename=b", "a"),
            ("attachment; filename*=UTF-8''a; filename*=UTF-8''b", "a"),
            ("attachment; filename*=UTF-8''it's", "it's"),
            ("attachment; filename*=UTF-8''100%.txt", "100%.txt"),
            ("attachment; filename*=UTF-8''a%2520b", "a%20b"),
            // What cannot be decoded gives way to the plain name.
            ("attachment; filename*=UTF-8''%ff; filename=b", "b"),
            ("attachment; filename*=UTF-16''a; filename=b", "b"),
            ("attachment; filename*=''a; filename=b", "b"),
            ("attachment; filename*=a; filename=b", "b"),
            ("attachment; filename*=UTF-8''; filename=b", "b"),
            ("attachment; filename*0=a; filename=b", "b"),
        ];
        for (value, expected) in cases {
            assert_eq!(
                name(value.as_bytes()).as_deref(),
                Some(expected),
                "{value:?}"
            );
        }
    }

    #[test]
    fn no_names() {
        for value in [
            "",
            "attachment",
            "attachment; filename",
            "attachment; filename=",
            "attachment; filename=\"\"",
            "attachment; filename=\"",
            "attachment; filename=;x=y",
            "attachment; filename*=UTF-8''",
            "attachment; filename*=UTF-8'a",
            "attachment; =a",
        ] {
            assert_eq!(name(value.as_bytes()), None, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_without_a_panic(
            value: Vec<u8>,
            text in "(attachment|inline)?[;= \"\\\\'%*a-f\\PC]{0,20}(filename\\*?=)?[;= \"\\\\'%*a-f\\PC]{0,20}",
        ) {
            for value in [&value[..], text.as_bytes()] {
                prop_assert_ne!(name(value), Some(String::new()));
            }
        }

        #[test]
        fn what_is_written_by_the_rules_is_read_back(wanted in "\\PC{1,30}") {
            let quoted = wanted.replace('\\', "\\\\").replace('"', "\\\"");
            let value = format!("attachment; filename=\"{quoted}\"");
            prop_assert_eq!(name(value.as_bytes()), Some(wanted.clone()));

            let encoded = utf8_percent_encode(&wanted, NON_ALPHANUMERIC);
            let value = format!("attachment; filename=other; filename*=UTF-8''{encoded}; x=y");
            prop_assert_eq!(name(value.as_bytes()), Some(wanted));
        }
    }
}
