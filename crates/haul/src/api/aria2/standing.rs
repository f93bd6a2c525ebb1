//! Whether a caller may ask: by what its request has shown already, or by the token in front of each
//! call's arguments.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::envelope::Failure;
use super::strangers::Place;
use crate::api::auth::Unproven;

/// How a caller stands.
pub(super) struct Standing {
    /// What its calls have to show; `None` when nothing is left to be shown.
    missing: Option<Unproven>,
    has_shown: Shown,
    /// A stranger's place, until the token is shown: what it asks for then may take its time.
    place: Option<Place>,
}

/// Whether one of a caller's calls has shown the token. Others may look while the calls run.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown(Arc<AtomicBool>);

impl Shown {
    pub(super) fn is_true(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Standing {
    pub(super) fn new(missing: Option<Unproven>) -> Standing {
        Standing {
            missing,
            has_shown: Shown::default(),
            place: None,
        }
    }

    /// Holds a place for as long as this is a stranger's.
    pub(super) fn hold(&mut self, place: Place) {
        self.place = Some(place);
    }

    /// Whether it has been told apart from anybody.
    pub(super) fn is_known(&self) -> bool {
        self.missing.is_none() || self.has_shown.is_true()
    }

    /// For whoever waits until it is known.
    pub(super) fn shown(&self) -> Shown {
        self.has_shown.clone()
    }

    /// The address of a caller who has something left to show.
    pub(super) fn stranger(&self) -> Option<IpAddr> {
        let unproven = self.missing.as_ref().filter(|_| !self.is_known())?;
        // Who does not tell shares with all who do not.
        let unknown = Ipv4Addr::UNSPECIFIED.into();
        Some(unproven.address().unwrap_or(unknown))
    }

    /// Checks one call's token. Without a configured one any will do.
    pub(super) fn admit(&mut self, token: Option<&str>) -> Result<(), Failure> {
        let Some(missing) = &self.missing else {
            return Ok(());
        };
        if missing.admits(token) {
            self.has_shown.0.store(true, Ordering::Relaxed);
            self.place = None;
            return Ok(());
        }
        Err(Failure::refused("Unauthorized"))
    }
}
