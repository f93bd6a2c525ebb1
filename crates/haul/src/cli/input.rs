//! The input file: one download per line, its options on indented lines below, as aria2 writes it.
//! Pure text to entries; what the options mean is decided in `wanted`.

/// One download of an input file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The line of its URLs, from 1.
    pub(crate) line: usize,
    /// The URL and its mirrors.
    pub(crate) urls: Vec<String>,
    /// Options in their order, `name=value`.
    pub(crate) options: Vec<(String, String)>,
}

/// What cannot be read, with its line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub(crate) struct Error {
    pub(crate) line: usize,
    pub(crate) why: &'static str,
}

/// Reads an input file: `URL[TAB MIRROR…]` at the start of a line, ` name=value` on indented lines,
/// `#` for comments.
pub(crate) fn parse(text: &str) -> Result<Vec<Entry>, Error> {
    let mut entries: Vec<Entry> = Vec::new();
    // Editors on Windows begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (line, content) in (1..).zip(text.lines()) {
        let trimmed = content.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if !content.starts_with([' ', '\t']) {
            let urls = trimmed.split('\t').map(str::trim);
            entries.push(Entry {
                line,
                urls: urls
                    .filter(|url| !url.is_empty())
                    .map(str::to_owned)
                    .collect(),
                options: Vec::new(),
            });
            continue;
        }
        let Some(entry) = entries.last_mut() else {
            return Err(Error {
                line,
                why: "an option stands before the first URL",
            });
        };
        let Some((name, value)) = trimmed.split_once('=') else {
            return Err(Error {
                line,
                why: "an indented line holds an option, written name=value; a URL stands at the line's start",
            });
        };
        entry
            .options
            .push((name.trim().to_owned(), value.trim().to_owned()));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn urls_mirrors_options_and_comments_are_told_apart() {
        let text = "# a list\nhttp://a/1\thttp://b/1\n  out=one.iso\n\theader=A: b=c\n\nhttp://a/2\r\n # note\n dir=/tmp\r\n";
        let entries = parse(text).expect("a list");
        let option = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            entries,
            [
                Entry {
                    line: 2,
                    urls: vec!["http://a/1".into(), "http://b/1".into()],
                    options: vec![option("out", "one.iso"), option("header", "A: b=c")],
                },
                Entry {
                    line: 6,
                    urls: vec!["http://a/2".into()],
                    options: vec![option("dir", "/tmp")],
                },
            ]
        );
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        assert_eq!(parse("\n out=x").expect_err("no URL").line, 2);
        assert_eq!(parse("http://a\n http://b").expect_err("no option").line, 2);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            entries in proptest::collection::vec(
                (
                    proptest::collection::vec("http://[a-z]{1,8}/[a-z0-9]{0,8}", 1..4),
                    proptest::collection::vec(("[a-z-]{1,12}", "[a-zA-Z0-9/:=.-]{0,12}"), 0..4),
                ),
                0..8,
            )
        ) {
            let mut text = String::new();
            for (urls, options) in &entries {
                text.push_str(&urls.join("\t"));
                text.push('\n');
                for (name, value) in options {
                    text.push_str(&format!("  {name}={value}\n"));
                }
            }
            let read = parse(&text).expect("what was written");
            let read: Vec<_> = read.into_iter().map(|entry| (entry.urls, entry.options)).collect();
            prop_assert_eq!(read, entries);
        }

        #[test]
        fn no_text_makes_it_panic_and_no_entry_is_without_a_url(text: String) {
            for entry in parse(&text).unwrap_or_default() {
                prop_assert!(!entry.urls.is_empty());
            }
        }
    }
}
