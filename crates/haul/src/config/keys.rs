//! The table of keys: the single source of the flags, the environment variables, the file's keys,
//! `haul config`, the README's table and the [`Config`] struct. It knows nothing of layers.

use std::path::PathBuf;
use std::time::Duration;

use haul_engine::spec::Targets;
use serde_json::Value as Json;
use url::Url;

use super::checks::{check_filter, check_header_value, check_host, check_token};
use super::form::{Bytes, Choice, File, Form, Maybe, Secret, Text, Time, Whole};
use super::web::{Headers, Origins, Proxy};
use crate::api::{Batches, Lang};

/// What a key is about, which also says who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// How files are fetched: read by `serve` and by `get`.
    Transfers,
    /// What goes to stderr: read by `serve` and by `get`.
    Log,
    /// Where the daemon keeps its files: `get` has `-d` instead.
    Files,
    /// Who may talk to the daemon.
    Server,
}

impl Group {
    /// The heading in `--help`.
    pub(crate) fn heading(self) -> &'static str {
        match self {
            Self::Transfers => "Transfers",
            Self::Log => "Log",
            Self::Files => "Files",
            Self::Server => "Server",
        }
    }
}

/// How a format of log lines is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// What the table says of a key besides its value.
pub(crate) struct About {
    pub(crate) group: Group,
    /// The long flag, without dashes.
    pub(crate) flag: &'static str,
    /// What stands for the value in `--help`.
    pub(crate) placeholder: &'static str,
    pub(crate) short: Option<char>,
    pub(crate) alias: Option<&'static str>,
    /// The original's name for it.
    pub(crate) seed: Option<&'static str>,
    /// The default in words, where the text that is read as the default says too little.
    pub(crate) default: Option<&'static str>,
}

const fn about(group: Group, flag: &'static str, placeholder: &'static str) -> About {
    About {
        group,
        flag,
        placeholder,
        short: None,
        alias: None,
        seed: None,
        default: None,
    }
}

/// One key.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) about: About,
    /// Whether `--help` says what is allowed.
    pub(crate) narrow: bool,
    /// For lists: what separates the items inside one text.
    pub(crate) separator: Option<char>,
    help: &'static str,
    default: &'static str,
    allowed: fn() -> String,
    /// The words that it can be, where there are only a few.
    pub(crate) words: fn() -> Vec<&'static str>,
    /// A given text as errors repeat it.
    pub(crate) masked: fn(&str) -> String,
    /// Reads a value into the configuration, or says why it cannot.
    pub(crate) read: fn(&mut Config, &[String]) -> Result<(), String>,
    /// The value as `haul config` shows it.
    pub(crate) show: fn(&Config) -> String,
    /// The value as `haul config --json` shows it.
    pub(crate) json: fn(&Config) -> Json,
}

impl Key {
    /// The sentence that says what it is for.
    pub(crate) fn help(&self) -> &'static str {
        self.help.trim()
    }

    /// The default as people read it; empty when there is none.
    pub(crate) fn default(&self) -> &'static str {
        self.about.default.unwrap_or(self.default)
    }

    /// What is allowed, in a few words.
    pub(crate) fn allowed(&self) -> String {
        (self.allowed)()
    }

    /// Its environment variable.
    pub(crate) fn variable(&self) -> String {
        format!("HAUL_{}", self.name.to_ascii_uppercase())
    }
}

macro_rules! keys {
    ($(
        $(#[doc = $help:literal])+
        $name:ident: $type:ty = $form:expr, $default:expr, $about:expr;
    )*) => {
        /// The effective configuration. `None`: not set, and there is no default. It holds secrets,
        /// so it cannot be logged.
        #[derive(Clone)]
        #[allow(clippy::doc_markdown, reason = "the sentences are help texts too")]
        pub(crate) struct Config {
            $($(#[doc = $help])+ pub(crate) $name: $type,)*
        }

        /// Every key, in the order in which they are shown.
        pub(crate) static KEYS: &[Key] = &[$(Key {
            name: stringify!($name),
            about: $about,
            narrow: narrow(&$form),
            separator: separator(&$form),
            help: concat!($($help),+),
            default: $default,
            allowed: || Form::allowed(&$form),
            words: || Form::words(&$form),
            masked: |text| Form::masked(&$form, text),
            read: |config, texts| {
                config.$name = Form::read(&$form, texts)?;
                Ok(())
            },
            show: |config| Form::show(&$form, &config.$name),
            json: |config| Form::json(&$form, &config.$name),
        },)*];

        impl Config {
            /// Every key at its default.
            pub(crate) fn defaults() -> Config {
                Config {
                    $($name: Form::read(&$form, &default_texts($default))
                        .expect("the table's own defaults are allowed"),)*
                }
            }
        }
    };
}

const fn narrow<F: Form>(_: &F) -> bool {
    F::NARROW
}

const fn separator<F: Form>(_: &F) -> Option<char> {
    F::SEPARATOR
}

fn default_texts(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    vec![text.to_owned()]
}

const KIB: u64 = 1 << 10;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

const fn millis(from: u64, to: u64) -> Time {
    Time {
        min: Duration::from_millis(from),
        max: Duration::from_millis(to),
    }
}

const THREADS: Whole<u16> = Whole::new(1, 256);
const BLOCK_SIZE: Bytes = Bytes {
    min: 16 * KIB,
    max: 16 * GIB,
};
const SPEED_LIMIT: Bytes = Bytes { min: 0, max: TIB };

/// Reads the threads of one download.
///
/// # Errors
/// What is wrong, and what is allowed.
pub(crate) fn parse_threads(text: &str) -> Result<u16, String> {
    read_as(&THREADS, text)
}

/// Reads the bytes in one request of one download.
///
/// # Errors
/// What is wrong, and what is allowed.
pub(crate) fn parse_block_size(text: &str) -> Result<u64, String> {
    read_as(&BLOCK_SIZE, text)
}

/// Reads the bytes per second of one download, or of all.
///
/// # Errors
/// What is wrong, and what is allowed.
pub(crate) fn parse_speed_limit(text: &str) -> Result<u64, String> {
    read_as(&SPEED_LIMIT, text)
}

fn read_as<F: Form>(form: &F, text: &str) -> Result<F::Value, String> {
    let read = form.read(&[text.to_owned()]);
    read.map_err(|why| format!("{why}; allowed: {}", form.allowed()))
}

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

use Group::{Files, Log, Server, Transfers};

keys! {
    /// Most threads (parallel range requests) per download
    threads: u16 = THREADS, "8",
        About { seed: Some("THREADS_SIZE"), ..about(Transfers, "threads", "N") };
    /// Most bytes that a thread asks for in one request; no range request is ever longer
    block_size: u64 = BLOCK_SIZE, "16M",
        About { seed: Some("BLOCK_SIZE"), ..about(Transfers, "block-size", "SIZE") };
    /// Listening address; localhost is 127.0.0.1 and ::1
    host: String = Text { allowed: "localhost, a host name or an IP address", check: check_host }, "localhost",
        About { seed: Some("HOST"), ..about(Server, "host", "HOST") };
    /// Listening port; 0 takes any free one
    port: u16 = Whole::<u16>::new(0, 65535), "8765",
        About { seed: Some("PORT"), ..about(Server, "port", "PORT") };
    /// Where finished files go; created if missing
    dir: PathBuf = File, "files", about(Files, "dir", "DIR");
    /// Database and scratch files; deleted while stopped, it starts empty and finished files stay
    state_dir: Option<PathBuf> = Maybe(File), "",
        About { default: Some("DIR/.haul"), ..about(Files, "state-dir", "DIR") };
    /// Downloads active at once
    max_downloads: usize = Whole::<usize>::new(1, 10_000), "5",
        about(Transfers, "max-downloads", "N");
    /// Most connections over all downloads
    max_connections: usize = Whole::<usize>::new(1, 65_535), "128",
        about(Transfers, "max-connections", "N");
    /// Most connections to one host over all downloads
    max_connections_per_host: usize = Whole::<usize>::new(1, 65_535), "16",
        about(Transfers, "max-connections-per-host", "N");
    /// Most bytes per second over all downloads; 0 is no limit
    speed_limit: u64 = SPEED_LIMIT, "0",
        About { alias: Some("limit"), ..about(Transfers, "speed-limit", "SIZE") };
    /// Longest wait for a connection, TLS included
    connect_timeout: Duration = millis(100, 10 * MINUTE), "15s",
        about(Transfers, "connect-timeout", "TIME");
    /// Longest wait for the next byte
    read_timeout: Duration = millis(100, HOUR), "30s",
        about(Transfers, "read-timeout", "TIME");
    /// Tries of one block beyond the first
    retries: u32 = Whole::<u32>::new(0, 1_000), "8",
        about(Transfers, "retries", "N");
    /// The first wait before a new try; doubles with each, with full jitter
    retry_wait: Duration = millis(1, HOUR), "500ms",
        about(Transfers, "retry-wait", "TIME");
    /// The longest wait before a new try; a server's Retry-After wins
    retry_wait_max: Duration = millis(1, 24 * HOUR), "60s",
        about(Transfers, "retry-wait-max", "TIME");
    /// Free disk space below which downloads wait until it returns
    min_free_space: u64 = Bytes { min: 0, max: 1024 * TIB }, "256M",
        about(Transfers, "min-free-space", "SIZE");
    /// The User-Agent header
    user_agent: String = Text { allowed: "what a header can carry", check: check_header_value },
        concat!("haul/", env!("CARGO_PKG_VERSION")),
        About { default: Some("haul/VERSION"), ..about(Transfers, "user-agent", "TEXT") };
    /// Proxy for every request
    proxy: Option<Url> = Maybe(Proxy), "", about(Transfers, "proxy", "URL");
    /// More trusted certificate authorities, a PEM file
    ca_file: Option<PathBuf> = Maybe(File), "", about(Transfers, "ca-file", "FILE");
    /// Request headers for every download, sent to the URL's own origin only
    headers: Vec<(String, String)> = Headers, "",
        About { short: Some('H'), ..about(Transfers, "header", "NAME: VALUE") };
    /// Cookies in Netscape format
    cookies_file: Option<PathBuf> = Maybe(File), "", about(Transfers, "cookies-file", "FILE");
    /// Credentials in netrc format
    netrc: Option<PathBuf> = Maybe(File), "", about(Transfers, "netrc", "FILE");
    /// Which addresses may be downloaded from; public refuses loopback, private and metadata ones
    targets: Option<Targets> = Maybe(Choice(&[("any", Targets::Any), ("public", Targets::Public)])), "",
        About { default: Some("any; public beyond loopback"), ..about(Transfers, "targets", "WHICH") };
    /// Required of every request; beyond loopback one is made up when none is set. Of letters, digits, -, . and _ it fits everywhere, a browser's WebSocket included
    token: Option<String> = Maybe(Secret(Text { allowed: "visible ASCII characters, spaces between them", check: check_token })), "",
        about(Server, "token", "TOKEN");
    /// Origins of other web pages that may call
    allowed_origins: Vec<String> = Origins, "", about(Server, "allowed-origins", "ORIGIN");
    /// The server's certificate chain, a PEM file; with tls_key it speaks https and wss
    tls_cert: Option<PathBuf> = Maybe(File), "", about(Server, "tls-cert", "FILE");
    /// The certificate's private key, a PEM file
    tls_key: Option<PathBuf> = Maybe(File), "", about(Server, "tls-key", "FILE");
    /// Language of the text console
    lang: Lang = Choice(&[("ru", Lang::Ru), ("en", Lang::En)]), "ru", about(Server, "lang", "LANG");
    /// When the console takes URLs: any, at any time; one, not before the last batch has finished
    console_batches: Batches = Choice(&[("any", Batches::Any), ("one", Batches::One)]), "any",
        about(Server, "console-batches", "WHEN");
    /// What is logged: a level or a filter like haul_engine=debug
    log: String = Text { allowed: "off, error, warn, info, debug, trace or TARGET=LEVEL,…", check: check_filter }, "info",
        about(Log, "log", "FILTER");
    /// How log lines look
    log_format: LogFormat = Choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)]), "text",
        about(Log, "log-format", "FORMAT");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_its_key_with_dashes() {
        for key in KEYS {
            let dashed = key.name.replace('_', "-");
            // One header per flag, so its flag is in the singular.
            let expected = if key.name == "headers" {
                "header"
            } else {
                &dashed
            };
            assert_eq!(key.about.flag, expected);
        }
    }

    #[test]
    fn every_default_reads_back_as_it_is_shown() {
        let defaults = Config::defaults();
        for key in KEYS {
            let shown = (key.show)(&defaults);
            let mut config = Config::defaults();
            if !shown.is_empty() {
                (key.read)(&mut config, std::slice::from_ref(&shown)).expect(key.name);
            }
            assert_eq!((key.show)(&config), shown, "{}", key.name);
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_engine() {
        let config = Config::defaults();
        let engine = haul_engine::Config::new("d".into(), "s".into());
        assert_eq!(config.threads, engine.settings.threads);
        assert_eq!(config.block_size, engine.settings.block_size);
        assert_eq!(config.max_downloads, engine.settings.max_downloads);
        assert_eq!(config.max_connections, engine.settings.max_connections);
        assert_eq!(
            config.max_connections_per_host,
            engine.settings.max_connections_per_host
        );
        assert_eq!(config.connect_timeout, engine.connect_timeout);
        assert_eq!(config.read_timeout, engine.read_timeout);
        assert_eq!(config.retries, engine.retries);
        assert_eq!(config.retry_wait, engine.retry_wait);
        assert_eq!(config.retry_wait_max, engine.retry_wait_max);
        assert_eq!(config.min_free_space, engine.min_free_space);
        assert_eq!(config.user_agent, engine.user_agent);
    }
}
