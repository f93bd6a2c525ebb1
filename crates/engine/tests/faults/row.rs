//! A row of the table: a fault in plain words, the knobs that make it, and what must come of it at
//! each moment. Says nothing of how it is played.

use std::time::Duration;

use haul_engine::{Config, Kind, Spec};
use haul_testkit::origin::{self, Certificate, Seen};

use crate::expect::{SEED, SIZE};
use crate::ground::Ground;
use crate::within::Within;

/// Faults of one kind.
pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) rows: Vec<Row>,
}

/// When a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// From the first request on, for ever.
    First,
    /// The first two requests.
    FirstPassing,
    /// In the middle, from one request on, for ever.
    Later,
    /// Three requests in the middle.
    LaterPassing,
    /// From resuming on, for ever.
    Resume,
    /// The same, of a file that has no validators.
    ResumeUntagged,
    /// It is a property of the server, the name or the file.
    Always,
}

/// What comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The origin's bytes.
    Right,
    /// The bytes of the version that has replaced the first one.
    New,
    /// The origin's bytes, under this name.
    Named(&'static str),
    /// An error, and no file.
    Fails(Kind),
}

/// One fault.
#[derive(Clone)]
pub(crate) struct Row {
    /// The start of its tests' names.
    pub(crate) name: &'static str,
    /// The fault in plain words, for `docs/faults.md`.
    pub(crate) fault: &'static str,
    /// What the origin does besides.
    pub(crate) base: String,
    /// The knobs that are the fault.
    pub(crate) knobs: String,
    pub(crate) path: &'static str,
    /// The query of a second source, on another host.
    pub(crate) mirror: Option<&'static str>,
    /// The host in the URL, when it is not the origin's address.
    pub(crate) host: Option<&'static str>,
    pub(crate) tls: Option<Certificate>,
    pub(crate) outcomes: Vec<(Moment, Outcome)>,
    pub(crate) within: Within,
    /// What the server's own words make it wait, at the least.
    pub(crate) not_before: Duration,
    /// The length of the version that replaces the first one.
    pub(crate) new_size: u64,
    /// Files of these names are there before, and must stay.
    pub(crate) there: &'static [&'static str],
    /// Changes the engine's configuration.
    pub(crate) tune: fn(&mut Config, &Ground),
    /// Changes what is asked for.
    pub(crate) ask: fn(&mut Spec),
    /// Whether the origin's log shows that the fault has struck.
    pub(crate) has_struck: fn(&[Seen]) -> bool,
}

/// One row at one moment.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) row: Row,
    pub(crate) moment: Moment,
    pub(crate) outcome: Outcome,
}

/// The file of most rows: sixteen blocks, with a strong validator.
pub(crate) const TAGGED: &str = "etag=%22one%22";

impl Row {
    fn new(name: &'static str, fault: &'static str, knobs: &str) -> Row {
        Row {
            name,
            fault,
            base: TAGGED.to_owned(),
            knobs: knobs.to_owned(),
            path: "/a.bin",
            mirror: None,
            host: None,
            tls: None,
            outcomes: Vec::new(),
            within: Within::SOON,
            not_before: Duration::ZERO,
            new_size: SIZE,
            there: &[],
            tune: |_, _| (),
            ask: |_| (),
            has_struck: |log| !log.is_empty(),
        }
    }

    /// A fault that can strike at any moment; the outcomes are those at the first answer, at a later
    /// block and on resuming. One that passes must not matter.
    pub(crate) fn striking(
        name: &'static str,
        fault: &'static str,
        knobs: &str,
        [first, later, resume]: [Outcome; 3],
    ) -> Row {
        Row {
            outcomes: vec![
                (Moment::First, first),
                (Moment::FirstPassing, Outcome::Right),
                (Moment::Later, later),
                (Moment::LaterPassing, Outcome::Right),
                (Moment::Resume, resume),
                (Moment::ResumeUntagged, resume),
            ],
            has_struck: |log| log.iter().any(|seen| seen.later),
            ..Row::new(name, fault, knobs)
        }
    }

    /// A fault that is there all the time.
    pub(crate) fn standing(
        name: &'static str,
        fault: &'static str,
        knobs: &str,
        outcome: Outcome,
    ) -> Row {
        Row {
            outcomes: vec![(Moment::Always, outcome)],
            ..Row::new(name, fault, knobs)
        }
    }

    /// A new version of the file that comes between blocks or between stop and resume.
    pub(crate) fn changing(
        name: &'static str,
        fault: &'static str,
        base: &str,
        knobs: &str,
    ) -> Row {
        Row {
            base: base.to_owned(),
            outcomes: vec![
                (Moment::Later, Outcome::New),
                (Moment::Resume, Outcome::New),
            ],
            has_struck: |log| log.iter().any(|seen| seen.later),
            ..Row::new(name, fault, knobs)
        }
    }

    pub(crate) fn but(mut self, moment: Moment, outcome: Outcome) -> Row {
        for (when, what) in &mut self.outcomes {
            if *when == moment {
                *what = outcome;
            }
        }
        self
    }

    pub(crate) fn within(self, within: Within) -> Row {
        Row { within, ..self }
    }

    pub(crate) fn at(&self, moment: Moment) -> Option<Outcome> {
        let mut outcomes = self.outcomes.iter();
        outcomes
            .find(|(when, _)| *when == moment)
            .map(|(_, outcome)| *outcome)
    }

    pub(crate) fn cases(&self) -> impl Iterator<Item = Case> {
        self.outcomes.iter().map(|(moment, outcome)| Case {
            row: self.clone(),
            moment: *moment,
            outcome: *outcome,
        })
    }
}

/// Gives the digest of the first version.
pub(crate) fn with_digest(spec: &mut Spec) {
    let digest = format!("sha-256={}", origin::digest(SEED, SIZE));
    spec.checksum = Some(digest.parse().expect("a digest"));
}

impl Case {
    /// The test's name.
    pub(crate) fn name(&self) -> String {
        match self.moment {
            Moment::Always => self.row.name.to_owned(),
            moment => format!("{}::{}", self.row.name, moment.slug()),
        }
    }
}

impl Moment {
    fn slug(self) -> &'static str {
        match self {
            Moment::First => "first",
            Moment::FirstPassing => "first_passing",
            Moment::Later => "later",
            Moment::LaterPassing => "later_passing",
            Moment::Resume => "resume",
            Moment::ResumeUntagged => "resume_untagged",
            Moment::Always => "always",
        }
    }
}

impl Outcome {
    pub(crate) fn shown(self) -> String {
        match self {
            Outcome::Right => "right file".to_owned(),
            Outcome::New => "right file, the new version".to_owned(),
            Outcome::Named(name) if name.len() > 40 => {
                let (start, end) = (&name[..8], &name[name.len() - 8..]);
                format!("right file as `{start}…{end}` ({} bytes)", name.len())
            }
            Outcome::Named(name) => format!("right file as `{name}`"),
            Outcome::Fails(kind) => format!("`{}`", kind.code()),
        }
    }
}
