//! How long a row may take: a formula over the engine's time settings, so that the same line says
//! what a user sees with the defaults and what a test with settings a fiftieth as long asserts.

use std::time::Duration;

use haul_engine::Config;

/// What a test has on top, because the machine has other work: a hang is still a failure.
pub(crate) const SLACK: Duration = Duration::from_secs(8);

/// A bound, beside the time that the bytes themselves take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Within {
    /// How often all tries are made.
    rounds: u32,
    each: Each,
    /// What the server has named per try, which no setting shortens.
    named: Duration,
    /// What comes on top.
    fixed: Duration,
}

/// What one try takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Each {
    Nothing,
    ReadTimeout,
    ConnectTimeout,
}

impl Within {
    /// No try is made again, or only a few.
    pub(crate) const SOON: Within = Within {
        rounds: 0,
        each: Each::Nothing,
        named: Duration::ZERO,
        fixed: Duration::from_secs(5),
    };
    /// All tries of one block, with the longest waits between them.
    pub(crate) const ALL_TRIES: Within = Within {
        rounds: 1,
        each: Each::Nothing,
        named: Duration::ZERO,
        fixed: Duration::ZERO,
    };
    /// All tries, in each of which nothing arrives.
    pub(crate) const ALL_SILENT: Within = Within {
        each: Each::ReadTimeout,
        ..Within::ALL_TRIES
    };
    /// All tries, none of which gets a connection.
    pub(crate) const ALL_UNCONNECTED: Within = Within {
        each: Each::ConnectTimeout,
        ..Within::ALL_TRIES
    };

    /// All tries, with the wait that the server asks for before each.
    pub(crate) const fn naming(named: Duration) -> Within {
        Within {
            named,
            ..Within::ALL_TRIES
        }
    }

    /// The bound with these settings.
    pub(crate) fn limit(&self, config: &Config) -> Duration {
        let each = match self.each {
            Each::Nothing => Duration::ZERO,
            Each::ReadTimeout => config.read_timeout,
            Each::ConnectTimeout => config.connect_timeout,
        };
        let waits: Duration = (0..config.retries)
            .map(|n| config.retry_wait.saturating_mul(2_u32.saturating_pow(n)))
            .map(|wait| wait.min(config.retry_wait_max) + self.named)
            .sum();
        self.fixed + (each * (config.retries + 1) + waits) * self.rounds
    }

    /// The bound with the default settings, rounded up.
    pub(crate) fn shown(&self) -> String {
        let defaults = Config::new("/files".into(), "/state".into());
        let seconds = self.limit(&defaults).as_secs_f64().ceil();
        match seconds {
            ..=60.0 => format!("{seconds} s"),
            _ => format!("{} min {} s", (seconds / 60.0).floor(), seconds % 60.0),
        }
    }
}
