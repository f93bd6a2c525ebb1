//! What a command ends with: its exit code, and what it tells the user to do next.

use std::io;

use haul_engine::{Error, Kind};

use crate::{assemble, config};

/// Everything was done.
pub(crate) const DONE: u8 = 0;
/// Some of it failed, for several reasons or one that has no code of its own.
pub(crate) const FAILED: u8 = 1;
/// Wrong usage or configuration.
pub(crate) const USAGE: u8 = 2;
/// There is no such thing (404, 410, or no download with that id).
pub(crate) const NOT_FOUND: u8 = 3;
/// The server refuses (401, 403, 451 …).
pub(crate) const REFUSED: u8 = 4;
/// The network, or a server that is not there.
pub(crate) const NETWORK: u8 = 5;
/// The server broke the protocol.
pub(crate) const PROTOCOL: u8 = 6;
/// The disk.
pub(crate) const DISK: u8 = 7;
/// The digest is wrong.
pub(crate) const CHECKSUM: u8 = 8;
/// The remote file changed.
pub(crate) const CHANGED: u8 = 9;

/// The exit code for a download that failed with this kind and, if an answer was the cause, status.
pub(crate) fn code(kind: Kind, status: Option<u16>) -> u8 {
    match kind {
        // Only a redirect has a status here: whatever `targets` says, it cannot be followed.
        Kind::TargetRefused if status.is_some() => PROTOCOL,
        Kind::InvalidUrl | Kind::InvalidOption | Kind::TargetRefused => USAGE,
        Kind::NotFound | Kind::NoSuchDownload => NOT_FOUND,
        Kind::Refused => REFUSED,
        Kind::Dns
        | Kind::Connect
        | Kind::Tls
        | Kind::Proxy
        | Kind::Timeout
        | Kind::Disconnected
        | Kind::Busy => NETWORK,
        Kind::HttpStatus => match status {
            Some(400..=499) => REFUSED,
            // The server is there but cannot answer now, which is no different from a broken line.
            Some(500..=599) => NETWORK,
            _ => PROTOCOL,
        },
        Kind::Protocol | Kind::TooManyRedirects => PROTOCOL,
        Kind::DiskFull | Kind::DiskPermission | Kind::DiskIo | Kind::Store => DISK,
        Kind::ChecksumMismatch => CHECKSUM,
        Kind::Changed => CHANGED,
        _ => FAILED,
    }
}

/// The exit code for several downloads: that of the one cause, or [`FAILED`] when causes differ.
pub(crate) fn code_of_all(failed: impl IntoIterator<Item = u8>) -> u8 {
    let mut failed = failed.into_iter();
    let Some(first) = failed.next() else {
        return DONE;
    };
    if failed.all(|code| code == first) {
        first
    } else {
        FAILED
    }
}

/// What a user can do about a failure of this kind and, if an answer was the cause, status.
pub(crate) fn next_step(kind: Kind, status: Option<u16>) -> &'static str {
    match kind {
        Kind::TargetRefused if status.is_some() => "check the URL; a browser shows where it leads",
        Kind::InvalidUrl => "give an absolute http:// or https:// URL",
        Kind::InvalidOption => "correct the option and run the command again",
        Kind::HtmlPage => "give the file's own URL, or --accept-html to keep the page",
        Kind::Dns => "check the host's name and your network",
        Kind::Connect => "check the host, the port and your network, then run the command again",
        Kind::Tls => {
            "check the URL; for a private authority, or a certificate that signed itself, give --ca-file FILE"
        }
        Kind::TargetRefused => "give --targets any if you trust the URL",
        Kind::Proxy => "check --proxy",
        Kind::HttpStatus => "check the URL, or run the command again later",
        Kind::Timeout | Kind::Disconnected | Kind::Busy => {
            "run the command again later; it goes on where it stopped"
        }
        Kind::NotFound => "check the URL",
        Kind::Refused => "give credentials: -H 'Authorization: …', --netrc or --cookies-file",
        Kind::Protocol => "run the command again, with --threads 1 if it repeats",
        Kind::TooManyRedirects => "check the URL, perhaps it needs cookies: --cookies-file",
        Kind::Changed => "run the command again to fetch the new file",
        Kind::DiskFull => {
            "make room, or lower --min-free-space, and run the command again; it goes on where it stopped"
        }
        Kind::DiskPermission => "give a directory that you may write to: -d DIR",
        Kind::DiskIo | Kind::Store => "check the disk, then run the command again",
        Kind::ChecksumMismatch => "check the expected digest and the source",
        Kind::FileExists => "give another name with -o, or --on-conflict rename or overwrite",
        Kind::NoSuchDownload => "`haul ls` shows the ids",
        _ => "`haul show ID` shows where it stands",
    }
}

/// A command that could not do what it was asked, with the exit code and the next step.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) code: u8,
    /// What a daemon calls it, where it does.
    pub(crate) kind: Option<Kind>,
    pub(crate) message: String,
    pub(crate) next: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Failure {
        Failure {
            code,
            kind: None,
            message: message.into(),
            next: None,
        }
    }

    /// Says what to do next.
    #[must_use]
    pub(crate) fn next(mut self, step: impl Into<String>) -> Failure {
        self.next = Some(step.into());
        self
    }
}

/// The exit code and the next step for whatever ended a command; `None`: nothing to tell.
pub(crate) fn explain(error: &anyhow::Error) -> Option<(u8, String)> {
    let told = |code, next: &str| Some((code, next.to_owned()));
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return told(failure.code, failure.next.as_deref().unwrap_or_default());
    }
    if let Some(error) = error.downcast_ref::<Error>() {
        return told(
            code(error.kind, error.status),
            next_step(error.kind, error.status),
        );
    }
    if error.is::<config::Error>() {
        return told(
            USAGE,
            "`haul config --markdown` shows every key with its default",
        );
    }
    if let Some(error) = error.downcast_ref::<assemble::Error>() {
        return told(
            USAGE,
            match error {
                assemble::Error::NoDirectory { .. } => {
                    "give a directory with --dir; `haul get -o NAME` names the file in it"
                }
                assemble::Error::Taken { .. } => "stop it first, or give another --state-dir",
                assemble::Error::PortTaken { .. } => {
                    "give another one with --port, or --port 0 for any"
                }
                assemble::Error::Address { .. } => "give an address of this machine with --host",
            },
        );
    }
    // Whoever read our output has gone (`haul ls | head`): nobody is left to be told.
    let gone = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
    if error.downcast_ref::<io::Error>().is_some_and(gone) {
        return None;
    }
    told(FAILED, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_the_exit_code_that_the_contract_says() {
        for (kind, status, expected) in [
            (Kind::InvalidUrl, None, 2),
            (Kind::InvalidOption, None, 2),
            (Kind::TargetRefused, None, 2),
            (Kind::TargetRefused, Some(302), 6),
            (Kind::NotFound, Some(404), 3),
            (Kind::NotFound, Some(410), 3),
            (Kind::Refused, Some(401), 4),
            (Kind::Refused, Some(403), 4),
            (Kind::Refused, Some(451), 4),
            (Kind::HttpStatus, Some(400), 4),
            (Kind::HttpStatus, Some(500), 5),
            (Kind::HttpStatus, Some(304), 6),
            (Kind::Busy, Some(503), 5),
            (Kind::Dns, None, 5),
            (Kind::Connect, None, 5),
            (Kind::Tls, None, 5),
            (Kind::Proxy, None, 5),
            (Kind::Timeout, None, 5),
            (Kind::Disconnected, None, 5),
            (Kind::Protocol, None, 6),
            (Kind::TooManyRedirects, None, 6),
            (Kind::DiskFull, None, 7),
            (Kind::DiskPermission, None, 7),
            (Kind::DiskIo, None, 7),
            (Kind::Store, None, 7),
            (Kind::ChecksumMismatch, None, 8),
            (Kind::Changed, None, 9),
            (Kind::HtmlPage, None, 1),
            (Kind::FileExists, None, 1),
        ] {
            assert_eq!(code(kind, status), expected, "{kind:?} {status:?}");
        }
    }

    #[test]
    fn several_causes_are_one_only_when_they_agree() {
        assert_eq!(code_of_all([]), 0);
        assert_eq!(code_of_all([3]), 3);
        assert_eq!(code_of_all([5, 5]), 5);
        assert_eq!(code_of_all([3, 5]), 1);
    }

    #[test]
    fn every_kind_says_what_to_do_next() {
        for kind in Kind::ALL {
            assert!(!next_step(kind, None).is_empty(), "{kind:?}");
        }
    }

    #[test]
    fn what_cannot_help_is_not_advised() {
        let redirect = next_step(Kind::TargetRefused, Some(302));
        assert!(!redirect.contains("--targets"), "{redirect}");
        assert!(next_step(Kind::TargetRefused, None).contains("--targets any"));
        assert!(next_step(Kind::DiskFull, None).contains("--min-free-space"));
    }
}
