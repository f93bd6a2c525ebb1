//! What a caller asks for: one download's [`Spec`] and the engine's [`Config`]. Plain structs; they
//! know nothing of flags, files, environment or JSON.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use url::{ParseError, Url};

use crate::error::{Error, Kind, Result};

/// A download's name for good: 64 random bits, shown as 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Id {
    type Err = Error;

    fn from_str(text: &str) -> Result<Id> {
        let hex = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        match u64::from_str_radix(text, 16) {
            Ok(value) if hex => Ok(Id(value)),
            _ => Err(Error::new(
                Kind::NoSuchDownload,
                format!("\"{text}\" is not a download's id: 16 hex digits"),
            )),
        }
    }
}

/// One file to fetch, from one URL or several mirrors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Where to fetch it; absolute `http` or `https`.
    pub url: Url,
    /// Other places that hold the same file.
    pub mirrors: Vec<Url>,
    /// The file's name; by default the server's or the URL's.
    pub name: Option<String>,
    /// The directory for the finished file; by default [`Config::dir`].
    pub dir: Option<PathBuf>,
    /// Most threads for this download; by default [`Settings::threads`].
    pub threads: Option<u16>,
    /// Most bytes in one range request; by default [`Settings::block_size`].
    pub block_size: Option<u64>,
    /// Request headers of its own, sent to the URL's origin only.
    pub headers: Vec<(String, String)>,
    /// The digest that the whole file must have.
    pub checksum: Option<Checksum>,
    /// Most bytes per second for this download; 0 is no limit.
    pub speed_limit: u64,
    /// Higher starts first.
    pub priority: i32,
    /// Added, but not started.
    pub paused: bool,
    /// Whether an HTML page is wanted as a file.
    pub accept_html: bool,
    /// What to do when a file with that name is there.
    pub on_conflict: OnConflict,
    /// What the caller wants remembered with it, names and values; the engine never looks at it.
    pub notes: Vec<(String, String)>,
}

impl Spec {
    /// A download of `url` with every option at its default.
    pub fn new(url: Url) -> Spec {
        Spec {
            url,
            mirrors: Vec::new(),
            name: None,
            dir: None,
            threads: None,
            block_size: None,
            headers: Vec::new(),
            checksum: None,
            speed_limit: 0,
            priority: 0,
            paused: false,
            accept_html: false,
            on_conflict: OnConflict::Rename,
            notes: Vec::new(),
        }
    }

    /// Reads an absolute `http` or `https` URL with a host.
    ///
    /// ```
    /// use haul_engine::Spec;
    /// assert!(Spec::parse_url("https://example.org/a.iso").is_ok());
    /// assert!(Spec::parse_url("ftp://example.org/a.iso").is_err());
    /// assert!(Spec::parse_url("a.iso").is_err());
    /// ```
    pub fn parse_url(text: &str) -> Result<Url> {
        let refuse = |why: &str| {
            Error::new(
                Kind::InvalidUrl,
                format!(
                    "\"{}\" {why}; give an absolute http:// or https:// URL",
                    without_login(text)
                ),
            )
        };
        let url = Url::parse(text).map_err(|cause| match cause {
            ParseError::RelativeUrlWithoutBase => refuse("has no scheme"),
            cause => refuse(&format!("is not a URL ({cause})")),
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("has a scheme that haul does not speak"));
        }
        // WHATWG parsing mends "http:host" and "http:/host"; a user who typed that made a mistake.
        if !text
            .trim_start()
            .get(url.scheme().len()..)
            .is_some_and(|rest| rest.starts_with("://"))
        {
            return Err(refuse("has no \"//\" after its scheme"));
        }
        Ok(url)
    }
}

/// A text that is no URL as far as it can be shown: everything that could be user-info is left out.
fn without_login(text: &str) -> String {
    let Some((before, after)) = text.rsplit_once('@') else {
        return text.to_owned();
    };
    match before.split_once("//") {
        Some((scheme, _)) => format!("{scheme}//…@{after}"),
        None => format!("…@{after}"),
    }
}

/// What to do when a file with the wanted name exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnConflict {
    /// Deliver as `name (1).ext`.
    #[default]
    Rename,
    /// Replace the file.
    Overwrite,
    /// Fail with [`Kind::FileExists`].
    Fail,
    /// Leave the file alone and call the download completed.
    Skip,
}

/// A digest algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5: detects accidents only.
    Md5,
    /// SHA-1: detects accidents only.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// Its name as users write it.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "md5",
            Algorithm::Sha1 => "sha-1",
            Algorithm::Sha256 => "sha-256",
            Algorithm::Sha512 => "sha-512",
        }
    }

    /// The digest's length in bytes.
    pub fn digest_len(self) -> usize {
        match self {
            Algorithm::Md5 => 16,
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
            Algorithm::Sha512 => 64,
        }
    }
}

/// The digest that a whole file must have, written `sha-256=HEX`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    /// Which digest.
    pub algorithm: Algorithm,
    /// Its expected value, lower-case hex.
    pub expected: String,
}

impl FromStr for Checksum {
    type Err = Error;

    fn from_str(text: &str) -> Result<Checksum> {
        let refuse =
            |why: String| Error::new(Kind::InvalidOption, format!("checksum \"{text}\": {why}"));
        let Some((name, hex)) = text.split_once('=') else {
            return Err(refuse("write it as sha-256=HEX".into()));
        };
        let algorithm = match name.trim().to_ascii_lowercase().as_str() {
            "md5" => Algorithm::Md5,
            "sha-1" | "sha1" => Algorithm::Sha1,
            "sha-256" | "sha256" => Algorithm::Sha256,
            "sha-512" | "sha512" => Algorithm::Sha512,
            _ => {
                return Err(refuse(
                    "the algorithm is one of sha-256, sha-512, sha-1, md5".into(),
                ));
            }
        };
        let expected = hex.trim().to_ascii_lowercase();
        let digits = algorithm.digest_len() * 2;
        if expected.len() != digits || !expected.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(refuse(format!(
                "{} has {digits} hex digits",
                algorithm.name()
            )));
        }
        Ok(Checksum {
            algorithm,
            expected,
        })
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.algorithm.name(), self.expected)
    }
}

/// What a download does when the disk has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFull {
    /// Waits, says why, and goes on when there is room.
    #[default]
    Wait,
    /// Fails with [`Kind::DiskFull`]; its bytes are kept for a retry.
    Fail,
}

/// What a download that has begun does when its server cannot be reached any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnLoss {
    /// Waits, says why, and goes on when the server can be reached again, however long that takes.
    #[default]
    Wait,
    /// Fails after `retries`; its bytes are kept for a retry.
    Fail,
}

/// Which addresses may be downloaded from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Targets {
    /// Every address.
    #[default]
    Any,
    /// Public addresses only: loopback, private, link-local and metadata ones are refused.
    Public,
}

/// The caps that may change while the engine runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Most threads (parallel range requests) per download.
    pub threads: u16,
    /// Most bytes in one range request.
    pub block_size: u64,
    /// Most downloads active at once.
    pub max_downloads: usize,
    /// Most connections over all downloads.
    pub max_connections: usize,
    /// Most connections to one host (name and port) over all downloads.
    pub max_connections_per_host: usize,
    /// Most bytes per second over all downloads; 0 is no limit.
    pub speed_limit: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            threads: 8,
            block_size: 16 << 20,
            max_downloads: 5,
            max_connections: 128,
            max_connections_per_host: 16,
            speed_limit: 0,
        }
    }
}

/// New caps; `None` leaves one as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsChange {
    /// See [`Settings::threads`].
    pub threads: Option<u16>,
    /// See [`Settings::block_size`].
    pub block_size: Option<u64>,
    /// See [`Settings::max_downloads`].
    pub max_downloads: Option<usize>,
    /// See [`Settings::max_connections`].
    pub max_connections: Option<usize>,
    /// See [`Settings::max_connections_per_host`].
    pub max_connections_per_host: Option<usize>,
    /// See [`Settings::speed_limit`].
    pub speed_limit: Option<u64>,
}

impl SettingsChange {
    /// The caps after the change.
    pub fn over(&self, held: &Settings) -> Settings {
        Settings {
            threads: self.threads.unwrap_or(held.threads),
            block_size: self.block_size.unwrap_or(held.block_size),
            max_downloads: self.max_downloads.unwrap_or(held.max_downloads),
            max_connections: self.max_connections.unwrap_or(held.max_connections),
            max_connections_per_host: self
                .max_connections_per_host
                .unwrap_or(held.max_connections_per_host),
            speed_limit: self.speed_limit.unwrap_or(held.speed_limit),
        }
    }
}

/// Everything the engine is told at its start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where finished files go; absolute.
    pub dir: PathBuf,
    /// Where scratch files go when on the same file system as `dir`; absolute.
    pub state_dir: PathBuf,
    /// Where the own directory of a download has to lie when all links are followed; absolute.
    /// `None`: anywhere.
    pub root: Option<PathBuf>,
    /// The caps that may change later.
    pub settings: Settings,
    /// Longest wait for a connection, TLS included.
    pub connect_timeout: Duration,
    /// Longest wait for the next byte.
    pub read_timeout: Duration,
    /// Tries of one block beyond the first, before the download fails.
    pub retries: u32,
    /// The first wait before a new try; doubles with each.
    pub retry_wait: Duration,
    /// The longest wait before a new try.
    pub retry_wait_max: Duration,
    /// Free bytes on the disk below which downloads wait.
    pub min_free_space: u64,
    /// What downloads do below that, or when the disk is full.
    pub on_full: OnFull,
    /// What downloads do when the network is lost.
    pub on_loss: OnLoss,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// `http://`, `socks5://` proxy for every request.
    pub proxy: Option<Url>,
    /// More trusted certificate authorities, a PEM file.
    pub ca_file: Option<PathBuf>,
    /// Headers for every download, sent to the URL's origin only.
    pub headers: Vec<(String, String)>,
    /// Cookies in Netscape format.
    pub cookies_file: Option<PathBuf>,
    /// Credentials in netrc format.
    pub netrc: Option<PathBuf>,
    /// Which addresses may be downloaded from.
    pub targets: Targets,
    /// Names with their addresses, instead of those that the system finds, as in a hosts file. The
    /// target policy applies to them too.
    pub hosts: Vec<(String, Vec<IpAddr>)>,
}

impl Config {
    /// The defaults, for files in `dir` and state in `state_dir`.
    pub fn new(dir: PathBuf, state_dir: PathBuf) -> Config {
        Config {
            dir,
            state_dir,
            root: None,
            settings: Settings::default(),
            connect_timeout: Duration::from_secs(15),
            read_timeout: Duration::from_secs(30),
            retries: 8,
            retry_wait: Duration::from_millis(500),
            retry_wait_max: Duration::from_secs(60),
            min_free_space: 256 << 20,
            on_full: OnFull::Wait,
            on_loss: OnLoss::Wait,
            user_agent: concat!("haul/", env!("CARGO_PKG_VERSION")).to_owned(),
            proxy: None,
            ca_file: None,
            headers: Vec::new(),
            cookies_file: None,
            netrc: None,
            targets: Targets::Any,
            hosts: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_settings_keeps_the_rest() {
        let held = Settings::default();
        let change = SettingsChange {
            threads: Some(3),
            ..SettingsChange::default()
        };
        assert_eq!(
            change.over(&held),
            Settings {
                threads: 3,
                ..held.clone()
            }
        );
        assert_eq!(SettingsChange::default().over(&held), held);
    }

    #[test]
    fn an_id_is_sixteen_hex_digits() {
        let id: Id = "9f1c2a7be04d5566".parse().expect("an id");
        assert_eq!(id.to_string(), "9f1c2a7be04d5566");
        for wrong in [
            "",
            "9f",
            "9f1c2a7be04d556g",
            "+f1c2a7be04d5566",
            "9f1c2a7be04d55667",
        ] {
            assert!(wrong.parse::<Id>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_checksum_names_its_algorithm_and_has_its_length() {
        let hex = "AB".repeat(32);
        let sum: Checksum = format!("sha-256={hex}").parse().expect("a checksum");
        assert_eq!(sum.to_string(), format!("sha-256={}", hex.to_lowercase()));
        assert!(format!("sha-512={hex}").parse::<Checksum>().is_err());
        assert!("crc32=00".parse::<Checksum>().is_err());
        assert!(hex.parse::<Checksum>().is_err());
    }

    #[test]
    fn only_absolute_http_urls_are_urls() {
        for wrong in [
            "",
            "привет",
            "http:/host/a",
            "http:host",
            "file:///etc/passwd",
            "//host/a",
            "http://",
        ] {
            assert_eq!(
                Spec::parse_url(wrong).expect_err(wrong).kind,
                Kind::InvalidUrl
            );
        }
        assert!(Spec::parse_url("HTTP://host/a").is_ok());
    }

    #[test]
    fn a_password_in_what_is_no_url_is_not_repeated() {
        for wrong in [
            "ftp://user:s3cret@host/a",
            "http:/user:s3cret@host/a",
            "user:s3cret@host",
            "http://user:s3cret@p@ss@ho st/",
        ] {
            let error = Spec::parse_url(wrong).expect_err(wrong);
            assert!(!error.detail.contains("s3cret"), "{error}");
            assert!(error.detail.contains("…@ho"), "{error}");
        }
    }
}
