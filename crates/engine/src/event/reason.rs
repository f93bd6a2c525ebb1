//! Why a download waits: a sentence, and what it says as a cause with its figures, for whoever speaks another
//! language. Decides nothing about waiting.

use std::ops::Deref;
use std::sync::Arc;

use crate::error::{Error, Kind};

/// Why a download waits. Reads as its sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(Arc<Said>);

#[derive(Debug, PartialEq, Eq)]
struct Said {
    cause: Option<Cause>,
    sentence: Box<str>,
}

/// What a download waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The server named a time.
    AskedToWait {
        /// Until the next try.
        seconds: u64,
        /// What it answered.
        status: Option<u16>,
    },
    /// No server can be reached: this machine has no road to anywhere.
    NoNetwork {
        /// Until the next try.
        seconds: u64,
    },
    /// A try has failed.
    Failed {
        /// How.
        kind: Kind,
        /// What the server answered, if an answer was the cause.
        status: Option<u16>,
        /// Until the next try.
        seconds: u64,
    },
    /// The host gives no more connections.
    Connections {
        /// Those that there are.
        active: u16,
        /// As many as there may be.
        most: usize,
    },
    /// There is no room on the disk.
    DiskSpace,
    /// What lies on the disk is compared with what was written there.
    Checking,
    /// Nothing: it goes on, without some of its sources.
    Sources,
}

impl Cause {
    /// The names of the causes that are no failed try, whose name is that of its [`Kind`].
    pub const CODES: [&str; 6] = [
        "asked_to_wait",
        "no_network",
        "connections",
        "disk_space",
        "checking",
        "sources",
    ];

    /// The stable, machine-readable name (`snake_case`).
    pub fn code(self) -> &'static str {
        match self {
            Cause::AskedToWait { .. } => "asked_to_wait",
            Cause::NoNetwork { .. } => "no_network",
            Cause::Failed { kind, .. } => kind.code(),
            Cause::Connections { .. } => "connections",
            Cause::DiskSpace => "disk_space",
            Cause::Checking => "checking",
            Cause::Sources => "sources",
        }
    }
}

impl Reason {
    /// The server named a time.
    pub(crate) fn asked_to_wait(seconds: u64, status: Option<u16>) -> Reason {
        let sentence = format!("server asked to wait {seconds} s");
        Reason::new(Cause::AskedToWait { seconds, status }, sentence)
    }

    /// This machine has no network.
    pub(crate) fn no_network(seconds: u64) -> Reason {
        let sentence = format!("waiting for the network; next try in {seconds} s");
        Reason::new(Cause::NoNetwork { seconds }, sentence)
    }

    /// A try has failed.
    pub(crate) fn failed(error: &Error, seconds: u64) -> Reason {
        let cause = Cause::Failed {
            kind: error.kind,
            status: error.status,
            seconds,
        };
        let sentence = format!("{}; next try in {seconds} s", error.detail);
        Reason::new(cause, sentence)
    }

    /// The host gives no more connections.
    pub(crate) fn connections(active: u16, most: usize) -> Reason {
        let sentence = format!("{active} of {most} connections allowed by this host");
        Reason::new(Cause::Connections { active, most }, sentence)
    }

    /// There is no room on the disk, as `sentence` says.
    pub(crate) fn disk_space(sentence: String) -> Reason {
        Reason::new(Cause::DiskSpace, sentence)
    }

    /// What lies on the disk is compared with what was written there.
    pub(crate) fn checking() -> Reason {
        let sentence = "checking what is on the disk".to_owned();
        Reason::new(Cause::Checking, sentence)
    }

    /// Some of its sources are not used, as `sentence` says.
    pub(crate) fn sources(sentence: String) -> Reason {
        Reason::new(Cause::Sources, sentence)
    }

    fn new(cause: Cause, sentence: String) -> Reason {
        Reason(Arc::new(Said {
            cause: Some(cause),
            sentence: sentence.into(),
        }))
    }

    /// What it waits for; `None` when there is only the sentence.
    pub fn cause(&self) -> Option<Cause> {
        self.0.cause
    }
}

impl Deref for Reason {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0.sentence
    }
}

/// Only a sentence.
impl From<&str> for Reason {
    fn from(sentence: &str) -> Reason {
        Reason(Arc::new(Said {
            cause: None,
            sentence: sentence.into(),
        }))
    }
}
