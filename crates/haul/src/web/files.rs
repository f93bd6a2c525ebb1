//! The files of the page: their names, their types and their bytes. Answers nothing.

use std::borrow::Cow;

/// A file of the page.
pub(super) struct File {
    /// Its path below the page's directory.
    pub(super) name: &'static str,
    /// The bytes as they were at build time.
    built: &'static [u8],
    /// Where they lie in the source tree, below the crate.
    source: &'static str,
}

macro_rules! file {
    ($name:literal from $source:literal) => {
        File {
            name: $name,
            built: include_bytes!(concat!("../../", $source)),
            source: $source,
        }
    };
    ($name:literal) => {
        File {
            name: $name,
            built: include_bytes!(concat!("page/", $name)),
            source: concat!("src/web/page/", $name),
        }
    };
}

/// What stands in the head of every page.
pub(super) static HEAD: File = file!("head.html");
/// The page at `/`, with `{lang}` where the language belongs and `{head}` where the head does.
pub(super) static PAGE: File = file!("index.html");
/// The page that asks for the token, with names of messages in braces.
pub(super) static DOOR: File = file!("door.html");

/// What the pages load.
static PARTS: &[File] = &[
    file!("text/en.ftl" from "src/text/en.ftl"),
    file!("text/ru.ftl" from "src/text/ru.ftl"),
    file!("icon.svg"),
    file!("js/acts.js"),
    file!("js/add.js"),
    file!("js/app.js"),
    file!("js/causes.js"),
    file!("js/change.js"),
    file!("js/commands.js"),
    file!("js/context.js"),
    file!("js/details.js"),
    file!("js/dialogs.js"),
    file!("js/dom.js"),
    file!("js/early.js"),
    file!("js/facts.js"),
    file!("js/fluent.js"),
    file!("js/frame.js"),
    file!("js/graph.js"),
    file!("js/hands.js"),
    file!("js/head.js"),
    file!("js/history.js"),
    file!("js/icons.js"),
    file!("js/keys.js"),
    file!("js/labels.js"),
    file!("js/limits.js"),
    file!("js/list.js"),
    file!("js/live.js"),
    file!("js/many.js"),
    file!("js/map.js"),
    file!("js/order.js"),
    file!("js/row.js"),
    file!("js/selection.js"),
    file!("js/state.js"),
    file!("js/text.js"),
    file!("js/theme.js"),
    file!("js/threads.js"),
    file!("js/toast.js"),
    file!("js/urls.js"),
    file!("js/view.js"),
    file!("js/words.js"),
    file!("style/base.css"),
    file!("style/details.css"),
    file!("style/dialogs.css"),
    file!("style/door.css"),
    file!("style/frame.css"),
    file!("style/list.css"),
];

impl File {
    /// The part with this path.
    pub(super) fn part(name: &str) -> Option<&'static File> {
        PARTS.iter().find(|file| file.name == name)
    }

    /// Its bytes: in a debug build those that lie in the source tree now, if it is still there.
    pub(super) fn bytes(&self) -> Cow<'static, [u8]> {
        if cfg!(debug_assertions)
            && let Ok(now) =
                std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/").to_owned() + self.source)
        {
            return Cow::Owned(now);
        }
        Cow::Borrowed(self.built)
    }

    /// The same as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// Its media type.
    pub(super) fn media_type(&self) -> &'static str {
        match self.name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("html") => "text/html; charset=utf-8",
            _ => "text/plain; charset=utf-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Every file below a directory, as its path from there.
    fn below(root: &Path, dir: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                below(root, &path, found);
                continue;
            }
            let path = path.strip_prefix(root).expect("it lies below");
            found.push(path.to_string_lossy().into_owned());
        }
    }

    #[test]
    fn what_lies_in_the_directory_is_served_and_nothing_else_is() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/page");
        let mut lying = Vec::new();
        below(&root, &root, &mut lying);
        // For the type checker only.
        lying.retain(|name| !name.ends_with(".d.ts"));
        lying.sort();
        let parts = PARTS
            .iter()
            .filter(|file| file.source.starts_with("src/web/page/"));
        let mut served: Vec<&str> = parts
            .chain([&HEAD, &PAGE, &DOOR])
            .map(|file| file.name)
            .collect();
        served.sort_unstable();
        assert_eq!(served, lying);
    }

    #[test]
    fn scripts_and_styles_have_the_types_that_browsers_insist_on() {
        for (name, expected) in [
            ("js/app.js", "text/javascript; charset=utf-8"),
            ("style/base.css", "text/css; charset=utf-8"),
            ("icon.svg", "image/svg+xml"),
            ("text/ru.ftl", "text/plain; charset=utf-8"),
        ] {
            let part = File::part(name).expect(name);
            assert_eq!(part.media_type(), expected);
            assert_eq!(
                *part.bytes(),
                *part.built,
                "{name}: built from another file"
            );
        }
        assert!(File::part("../files.rs").is_none());
    }
}
