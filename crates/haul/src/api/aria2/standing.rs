//! Whether a caller may ask: by what its request has shown already, or by the token in front of each
//! call's arguments.

use super::envelope::Failure;
use crate::api::auth::Unproven;

/// How a caller stands.
pub(super) struct Standing {
    /// What its calls have to show; `None` when nothing is left to be shown.
    missing: Option<Unproven>,
    /// Whether one of its calls has shown it.
    has_shown: bool,
}

impl Standing {
    pub(super) fn new(missing: Option<Unproven>) -> Standing {
        Standing {
            missing,
            has_shown: false,
        }
    }

    /// Whether it has been told apart from anybody.
    pub(super) fn is_known(&self) -> bool {
        self.missing.is_none() || self.has_shown
    }

    /// Checks one call's token. Without a configured one any will do.
    pub(super) fn admit(&mut self, token: Option<&str>) -> Result<(), Failure> {
        let Some(missing) = &self.missing else {
            return Ok(());
        };
        if missing.admits(token) {
            self.has_shown = true;
            return Ok(());
        }
        Err(Failure::refused("Unauthorized"))
    }
}
