//! What the console says, in the language asked for. The words are in `text/*.ftl`; this knows
//! which there are and what goes into them.

use fluent_bundle::FluentArgs;

use crate::api::Lang;
use crate::text;

/// Something to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phrase {
    /// A line without values; its name in the text files.
    Plain(&'static str),
    /// The file was delivered before.
    DeliveredBefore { file: String },
    /// A waiting download.
    Queued { url: String },
    /// A paused download.
    PausedWaiting { url: String },
    /// An active download.
    Loading {
        url: String,
        size: u64,
        threads: u16,
        /// Tenths of a percent.
        tenths: u16,
    },
    /// A finished download.
    Downloaded {
        url: String,
        size: u64,
        file: String,
    },
    /// A download that failed.
    NotDownloaded { url: String, why: String },
    /// A command for one URL was done; its name in the text files.
    Done { what: &'static str, url: String },
    /// It was not done, for this reason.
    Failed { what: &'static str, why: String },
}

pub(super) const SUBMITTED: Phrase = Phrase::Plain("console-submitted");
pub(super) const NOTHING_ADDED: Phrase = Phrase::Plain("console-nothing-added");
pub(super) const NOT_A_URL: Phrase = Phrase::Plain("console-not-a-url");
pub(super) const NOT_A_FILE: Phrase = Phrase::Plain("console-not-a-file");
pub(super) const DEAD_URL: Phrase = Phrase::Plain("console-dead-url");
pub(super) const BATCH_RUNNING: Phrase = Phrase::Plain("console-batch-running");
pub(super) const EMPTY: Phrase = Phrase::Plain("console-empty");
pub(super) const UNKNOWN_COMMAND: Phrase = Phrase::Plain("console-unknown-command");
pub(super) const NO_SUCH_URL: Phrase = Phrase::Plain("console-no-such-url");
pub(super) const NOT_NOW: Phrase = Phrase::Plain("console-not-now");

/// The answer to `help_command`: the original's commands, then ours.
pub(super) const HELP: [Phrase; 13] = [
    Phrase::Plain("console-help-help-command"),
    Phrase::Plain("console-help-start"),
    Phrase::Plain("console-help-end"),
    Phrase::Plain("console-help-queue"),
    Phrase::Plain("console-help-loading"),
    Phrase::Plain("console-help-download"),
    Phrase::Plain("console-help-watch"),
    Phrase::Plain("console-help-watch-off"),
    Phrase::Plain("console-help-pause"),
    Phrase::Plain("console-help-resume"),
    Phrase::Plain("console-help-cancel"),
    Phrase::Plain("console-help-lang"),
    Phrase::Plain("console-help-help"),
];

impl Phrase {
    /// The line in a language.
    pub(super) fn say(&self, lang: Lang) -> String {
        let (name, values) = self.parts();
        text::say(lang, name, &values)
    }

    /// The message's name and its values, as text: no number is to be reformatted.
    fn parts(&self) -> (&'static str, FluentArgs<'_>) {
        let mut values = FluentArgs::new();
        let name = match self {
            Phrase::Plain(name) => name,
            Phrase::DeliveredBefore { file } => {
                values.set("file", file.as_str());
                "console-delivered-before"
            }
            Phrase::Queued { url } => {
                values.set("url", url.as_str());
                "console-queued"
            }
            Phrase::PausedWaiting { url } => {
                values.set("url", url.as_str());
                "console-paused-waiting"
            }
            Phrase::Loading {
                url,
                size,
                threads,
                tenths,
            } => {
                values.set("url", url.as_str());
                values.set("size", size.to_string());
                values.set("threads", threads.to_string());
                values.set("percent", format!("{}.{}", tenths / 10, tenths % 10));
                "console-loading"
            }
            Phrase::Downloaded { url, size, file } => {
                values.set("url", url.as_str());
                values.set("size", size.to_string());
                values.set("file", file.as_str());
                "console-downloaded"
            }
            Phrase::NotDownloaded { url, why } => {
                values.set("url", url.as_str());
                values.set("why", why.as_str());
                "console-not-downloaded"
            }
            Phrase::Done { what, url } => {
                values.set("url", url.as_str());
                what
            }
            Phrase::Failed { what, why } => {
                values.set("why", why.as_str());
                what
            }
        };
        (name, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every() -> Vec<Phrase> {
        let url = || "http://h/{ $x }".to_owned();
        let done = |what| Phrase::Done { what, url: url() };
        let failed = |what| Phrase::Failed {
            what,
            why: "the disk is full".into(),
        };
        let mut all = HELP.to_vec();
        all.extend([
            SUBMITTED,
            NOTHING_ADDED,
            NOT_A_URL,
            NOT_A_FILE,
            DEAD_URL,
            BATCH_RUNNING,
            EMPTY,
            UNKNOWN_COMMAND,
            NO_SUCH_URL,
            NOT_NOW,
            Phrase::DeliveredBefore {
                file: "file:///a".into(),
            },
            Phrase::Queued { url: url() },
            Phrase::PausedWaiting { url: url() },
            Phrase::Loading {
                url: url(),
                size: 21_657_943,
                threads: 5,
                tenths: 170,
            },
            Phrase::Downloaded {
                url: url(),
                size: 21_657_943,
                file: "file:///a".into(),
            },
            Phrase::NotDownloaded {
                url: url(),
                why: "the disk is full".into(),
            },
            done("console-paused"),
            done("console-resumed"),
            done("console-cancelled"),
            failed("console-not-added"),
            failed("console-failed"),
        ]);
        all
    }

    #[test]
    fn every_phrase_is_said_in_every_language() {
        for phrase in every() {
            for lang in [Lang::Ru, Lang::En] {
                let said = phrase.say(lang);
                // How a value that is not given shows.
                assert!(!said.contains("{$"), "{said}");
            }
        }
    }

    #[test]
    fn every_line_of_the_text_files_is_used() {
        let used: Vec<&str> = every().iter().map(|phrase| phrase.parts().0).collect();
        for text in [
            include_str!("../../text/ru.ftl"),
            include_str!("../../text/en.ftl"),
        ] {
            for line in text.lines().filter(|line| line.starts_with("console-")) {
                let name = line.split(" =").next().expect("a name");
                assert!(used.contains(&name), "{name}");
            }
        }
    }

    #[test]
    fn values_are_said_as_they_are() {
        let loading = Phrase::Loading {
            url: "http://h/a".into(),
            size: 21_657_943,
            threads: 5,
            tenths: 170,
        };
        assert_eq!(
            loading.say(Lang::Ru),
            "url:http://h/a, file_amount_bytes:21657943, threads_size:5, status:17.0"
        );
        let queued = Phrase::Queued {
            url: "http://h/{ $x }\"".into(),
        };
        assert_eq!(
            queued.say(Lang::Ru),
            "url:http://h/{ $x }\", status: В очереди"
        );
    }
}
