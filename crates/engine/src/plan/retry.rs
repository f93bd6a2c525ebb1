//! Whether to try again, and when: a function of the error's class and of how often it was tried.

use std::time::Duration;

use crate::error::{Error, Kind, Retry};

/// How patient a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Tries beyond the first.
    pub retries: u32,
    /// The first wait; doubles with each try.
    pub wait: Duration,
    /// The longest wait.
    pub wait_max: Duration,
}

impl Patience {
    /// The patience with one error: a clear no is believed after a few tries, which tell one node's
    /// opinion from the server's.
    #[must_use]
    pub fn with(self, error: &Error) -> Patience {
        let is_refusal = matches!(
            error.kind,
            Kind::NotFound | Kind::Refused | Kind::HttpStatus
        ) && error
            .status
            .is_some_and(|status| (400..500).contains(&status));
        Patience {
            retries: if is_refusal {
                self.retries.min(3)
            } else {
                self.retries
            },
            ..self
        }
    }
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Try again after this long.
    After(Duration),
    /// Trying again is pointless or has been tried enough.
    GiveUp,
}

/// Decides after the failure number `failures` (1 for the first) in a row.
///
/// `jitter` in `0.0..=1.0` spreads the waits of many threads over the whole interval ("full
/// jitter"), so that they do not return together. A time named by the server is kept to.
pub fn next(patience: &Patience, retry: Retry, failures: u32, jitter: f64) -> Next {
    if retry == Retry::Never || failures > patience.retries {
        return Next::GiveUp;
    }
    let doubled = patience
        .wait
        .saturating_mul(2u32.saturating_pow(failures.saturating_sub(1)));
    let wait = doubled
        .min(patience.wait_max)
        .mul_f64(jitter.clamp(0.0, 1.0));
    match retry {
        Retry::Never => Next::GiveUp,
        // The address has expired, the server is well: no reason to wait the first time.
        Retry::Reresolve if failures == 1 => Next::After(Duration::ZERO),
        Retry::Reresolve | Retry::Unreachable | Retry::NoNetwork | Retry::NoParts => {
            Next::After(wait)
        }
        Retry::Wait { after } | Retry::FewerConnections { after } => {
            Next::After(after.map_or(wait, |named| named + wait.min(patience.wait)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clear_no_is_believed_sooner_than_silence() {
        let refusal = Error::passing(Kind::NotFound, "404").with_status(404);
        let trouble = Error::passing(Kind::HttpStatus, "500").with_status(500);
        let silence = Error::passing(Kind::Timeout, "nothing came");
        assert_eq!(PATIENCE.with(&refusal).retries, 3);
        assert_eq!(PATIENCE.with(&trouble), PATIENCE);
        assert_eq!(PATIENCE.with(&silence), PATIENCE);
        let impatient = Patience {
            retries: 1,
            ..PATIENCE
        };
        assert_eq!(impatient.with(&refusal).retries, 1);
    }

    const PATIENCE: Patience = Patience {
        retries: 8,
        wait: Duration::from_millis(500),
        wait_max: Duration::from_secs(60),
    };
    const PASSING: Retry = Retry::Wait { after: None };

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits: Vec<_> = (1..=9)
            .map(|failures| next(&PATIENCE, PASSING, failures, 1.0))
            .collect();
        let seconds = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0];
        let expected = seconds.map(|s| Next::After(Duration::from_secs_f64(s)));
        assert_eq!(waits[..8], expected);
        assert_eq!(waits[8], Next::GiveUp);
    }

    #[test]
    fn jitter_spreads_over_the_whole_interval() {
        assert_eq!(
            next(&PATIENCE, PASSING, 4, 0.0),
            Next::After(Duration::ZERO)
        );
        assert_eq!(
            next(&PATIENCE, PASSING, 4, 0.5),
            Next::After(Duration::from_secs(2))
        );
    }

    #[test]
    fn the_time_named_by_the_server_wins() {
        let named = Retry::Wait {
            after: Some(Duration::from_secs(7)),
        };
        assert_eq!(
            next(&PATIENCE, named, 1, 0.0),
            Next::After(Duration::from_secs(7))
        );
        let Next::After(wait) = next(&PATIENCE, named, 8, 1.0) else {
            panic!("gave up")
        };
        assert!(wait >= Duration::from_secs(7) && wait <= Duration::from_millis(7500));
    }

    #[test]
    fn what_cannot_be_mended_is_not_tried_again() {
        assert_eq!(next(&PATIENCE, Retry::Never, 1, 0.0), Next::GiveUp);
    }

    #[test]
    fn an_expired_address_is_looked_up_again_at_once() {
        assert_eq!(
            next(&PATIENCE, Retry::Reresolve, 1, 1.0),
            Next::After(Duration::ZERO)
        );
    }
}
