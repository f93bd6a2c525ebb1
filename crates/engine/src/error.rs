//! What can go wrong, said once where it happens: what, where, and whether trying again can help.
//!
//! How long to wait before the next try is decided in [`crate::plan::retry`]; which HTTP status or
//! exit code a caller sees is decided at the edge, outside this crate.

use std::fmt;
use std::time::Duration;

use url::Url;

/// What went wrong. Each kind has a stable [`code`](Kind::code) that programs may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Not an absolute `http` or `https` URL.
    InvalidUrl,
    /// An option of the download is unusable (unknown checksum, a name that leaves the directory …).
    InvalidOption,
    /// The URL leads to an HTML page and HTML was not asked for.
    HtmlPage,
    /// The host name has no address.
    Dns,
    /// No connection could be made.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// The address is refused by the target policy (for example a private one).
    TargetRefused,
    /// The proxy refused or failed.
    Proxy,
    /// Nothing arrived in time.
    Timeout,
    /// The connection broke in mid-transfer.
    Disconnected,
    /// 404 or 410.
    NotFound,
    /// 401, 403, 407 or 451.
    Refused,
    /// 429 or 503: the server asks for patience.
    Busy,
    /// Any other answer that is not a success.
    HttpStatus,
    /// The answer contradicts HTTP or our request; nothing of it was kept.
    Protocol,
    /// More redirects than are followed, or a loop.
    TooManyRedirects,
    /// The remote file is no longer the one that was begun.
    Changed,
    /// No room on the disk or the quota is used up.
    DiskFull,
    /// The system refuses access to the file or directory.
    DiskPermission,
    /// Any other trouble with the disk.
    DiskIo,
    /// The digest of the whole file is not the expected one.
    ChecksumMismatch,
    /// A file with that name exists and `on_conflict` is `fail`.
    FileExists,
    /// There is no download with that id.
    NoSuchDownload,
    /// The download's state does not allow this.
    IllegalState,
    /// The key of a request was used for another request before.
    KeyReused,
    /// No more requests with a key can be remembered.
    TooManyKeys,
    /// The database failed.
    Store,
    /// The engine is stopping and takes no more work.
    Stopping,
}

impl Kind {
    /// The stable, machine-readable name (`snake_case`).
    pub fn code(self) -> &'static str {
        match self {
            Kind::InvalidUrl => "invalid_url",
            Kind::InvalidOption => "invalid_option",
            Kind::HtmlPage => "html_page",
            Kind::Dns => "dns",
            Kind::Connect => "connect",
            Kind::Tls => "tls",
            Kind::TargetRefused => "target_refused",
            Kind::Proxy => "proxy",
            Kind::Timeout => "timeout",
            Kind::Disconnected => "disconnected",
            Kind::NotFound => "not_found",
            Kind::Refused => "refused",
            Kind::Busy => "busy",
            Kind::HttpStatus => "http_status",
            Kind::Protocol => "protocol",
            Kind::TooManyRedirects => "too_many_redirects",
            Kind::Changed => "changed",
            Kind::DiskFull => "disk_full",
            Kind::DiskPermission => "disk_permission",
            Kind::DiskIo => "disk_io",
            Kind::ChecksumMismatch => "checksum_mismatch",
            Kind::FileExists => "file_exists",
            Kind::NoSuchDownload => "no_such_download",
            Kind::IllegalState => "illegal_state",
            Kind::KeyReused => "key_reused",
            Kind::TooManyKeys => "too_many_keys",
            Kind::Store => "store",
            Kind::Stopping => "stopping",
        }
    }

    /// Every kind, so that stored codes can be read back.
    pub const ALL: [Kind; 28] = [
        Kind::InvalidUrl,
        Kind::InvalidOption,
        Kind::HtmlPage,
        Kind::Dns,
        Kind::Connect,
        Kind::Tls,
        Kind::TargetRefused,
        Kind::Proxy,
        Kind::Timeout,
        Kind::Disconnected,
        Kind::NotFound,
        Kind::Refused,
        Kind::Busy,
        Kind::HttpStatus,
        Kind::Protocol,
        Kind::TooManyRedirects,
        Kind::Changed,
        Kind::DiskFull,
        Kind::DiskPermission,
        Kind::DiskIo,
        Kind::ChecksumMismatch,
        Kind::FileExists,
        Kind::NoSuchDownload,
        Kind::IllegalState,
        Kind::KeyReused,
        Kind::TooManyKeys,
        Kind::Store,
        Kind::Stopping,
    ];

    /// The kind with this [`code`](Kind::code).
    pub fn from_code(code: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// Whether another try can help, decided where the error is born.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Trying again gives the same answer.
    Never,
    /// Passing trouble: wait and try again, at least `after` when the server named a time.
    Wait {
        /// The server's `Retry-After`.
        after: Option<Duration>,
    },
    /// The server cannot be reached: it may be down, or the network is lost.
    Unreachable,
    /// No server can be reached: this machine has no road to anywhere.
    NoNetwork,
    /// The server sends the whole file when asked for a part: wait and ask again, and in the end take
    /// the whole.
    NoParts,
    /// The address reached through a redirect has expired: start again from the original URL.
    Reresolve,
    /// The server accepts fewer connections than we hold: give some up, then wait.
    FewerConnections {
        /// The server's `Retry-After`.
        after: Option<Duration>,
    },
}

/// An error of the engine: what, where, and whether to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What went wrong.
    pub kind: Kind,
    /// A sentence for a human, without secrets.
    pub detail: String,
    /// The URL concerned, without user-info and query.
    pub url: Option<String>,
    /// The HTTP status, if an answer was the cause.
    pub status: Option<u16>,
    /// Whether another try can help.
    pub retry: Retry,
}

/// The engine's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error that trying again does not mend.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Error {
        Error {
            kind,
            detail: detail.into(),
            url: None,
            status: None,
            retry: Retry::Never,
        }
    }

    /// Passing trouble: worth another try after a wait.
    pub fn passing(kind: Kind, detail: impl Into<String>) -> Error {
        Error {
            retry: Retry::Wait { after: None },
            ..Error::new(kind, detail)
        }
    }

    /// Says where it happened; secrets in the URL are left out.
    #[must_use]
    pub fn at(mut self, url: &Url) -> Error {
        self.url.get_or_insert_with(|| redacted(url));
        self
    }

    /// Says which HTTP status was the cause.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Error {
        self.status = Some(status);
        self
    }

    /// Says whether another try can help.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Error {
        self.retry = retry;
        self
    }

    /// Whether another try can help.
    pub fn retryable(&self) -> bool {
        self.retry != Retry::Never
    }

    /// Trouble with the disk, told apart by what a user can do about it.
    pub fn disk(doing: &str, path: &std::path::Path, cause: &std::io::Error) -> Error {
        use std::io::ErrorKind as Io;
        let kind = match cause.kind() {
            Io::StorageFull | Io::QuotaExceeded => Kind::DiskFull,
            Io::PermissionDenied | Io::ReadOnlyFilesystem => Kind::DiskPermission,
            _ => Kind::DiskIo,
        };
        Error::new(kind, format!("cannot {doing} {}: {cause}", path.display()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)?;
        match &self.url {
            Some(url) => write!(f, " ({url})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// The URL without user-info, query and fragment: what may appear in logs and error texts.
pub fn redacted(url: &Url) -> String {
    let mut shown = url.clone();
    // Both fail only for URLs that cannot have user-info, which then have none to hide.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_fragment(None);
    if shown.query().is_some() {
        shown.set_query(Some("…"));
    }
    shown.to_string().replace("%E2%80%A6", "…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_unique_and_reads_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_code(kind.code()), Some(kind));
        }
    }

    #[test]
    fn secrets_of_a_url_are_not_shown() {
        let url = Url::parse("https://user:pass@host/a/b?token=secret#frag").expect("a URL");
        assert_eq!(redacted(&url), "https://host/a/b?…");
    }
}
