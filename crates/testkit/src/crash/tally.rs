//! Adds up what many kills cost and what became of the files, and says whether that is within the
//! contract. It knows nothing of processes.

use std::fmt;

use super::lost::Lost;
use super::{Load, Verdict};

/// The most of one download that may be fetched again after a crash, in seconds of its bytes.
pub(super) const SECONDS_ALLOWED: u64 = 2;

/// What came of many kills.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// What was downloaded meanwhile.
    pub load: String,
    /// What repeats the same choices.
    pub seed: u64,
    /// Kills.
    pub kills: u64,
    /// How often everything was downloaded from nothing.
    pub rounds: u64,
    /// Files with the right bytes under the right name.
    pub right: usize,
    /// Files with other bytes.
    pub wrong: Vec<String>,
    /// Files and entries too many, scratch files that nobody needs.
    pub doubled: Vec<String>,
    /// Files and entries that are missing.
    pub lost: Vec<String>,
    /// Files that were changed, replaced or asked for although they were finished.
    pub touched: Vec<String>,
    /// What each kill cost: all bytes fetched again, and the most of one download.
    pub again: Vec<(u64, u64)>,
    /// The most bytes/s that one download can have.
    pub rate: u64,
}

impl Tally {
    /// Nothing yet.
    pub(super) fn new(load: &Load, seed: u64) -> Tally {
        Tally {
            load: load.name.clone(),
            seed,
            rate: load.rate,
            ..Tally::default()
        }
    }

    /// Adds a kill.
    pub(super) fn killed(&mut self, lost: Lost) {
        self.kills += 1;
        self.again.push((lost.bytes, lost.most));
        let unfounded = lost.unfounded.into_iter();
        self.wrong
            .extend(unfounded.map(|path| format!("{path} claims bytes that were never sent")));
        self.touched.extend(lost.asked_again);
    }

    /// Adds the end of a round.
    pub(super) fn judged(&mut self, verdict: Verdict) {
        self.rounds += 1;
        self.right += verdict.right;
        self.wrong.extend(verdict.wrong);
        self.doubled.extend(verdict.doubled);
        let left = verdict.left.into_iter();
        self.doubled
            .extend(left.map(|path| path.display().to_string()));
        self.lost.extend(verdict.lost);
    }

    /// The most bytes of one download that a kill has cost.
    pub fn most_again(&self) -> u64 {
        self.again.iter().map(|(_, most)| *most).max().unwrap_or(0)
    }

    /// The bytes that the kill in the middle has cost, of one download.
    pub fn median_again(&self) -> u64 {
        let mut most: Vec<u64> = self.again.iter().map(|(_, most)| *most).collect();
        most.sort_unstable();
        most.get(most.len() / 2).copied().unwrap_or(0)
    }

    /// Everything that breaks the contract, in words.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let lists = [
            ("wrong", &self.wrong),
            ("doubled", &self.doubled),
            ("lost", &self.lost),
            ("touched", &self.touched),
        ];
        for (what, list) in lists {
            complaints.extend(list.iter().map(|which| format!("{what}: {which}")));
        }
        let (most, allowed) = (self.most_again(), SECONDS_ALLOWED * self.rate);
        if most > allowed {
            complaints.push(format!(
                "{most} bytes of one download were fetched again, over {allowed}"
            ));
        }
        complaints
    }

    fn seconds(&self, bytes: u64) -> f64 {
        // Shown with two digits: what a float loses is not seen.
        bytes as f64 / self.rate as f64
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (median, most) = (self.median_again(), self.most_again());
        writeln!(f, "{} (seed {})", self.load, self.seed)?;
        writeln!(f, "  kills                    {}", self.kills)?;
        writeln!(f, "  rounds                   {}", self.rounds)?;
        writeln!(f, "  files right              {}", self.right)?;
        writeln!(f, "  files wrong              {}", self.wrong.len())?;
        writeln!(f, "  files, entries doubled   {}", self.doubled.len())?;
        writeln!(f, "  files, entries lost      {}", self.lost.len())?;
        writeln!(f, "  finished files touched   {}", self.touched.len())?;
        writeln!(f, "  fetched again, of one download, per kill")?;
        let (bytes, seconds) = (median, self.seconds(median));
        writeln!(
            f,
            "    median                 {bytes} bytes, {seconds:.2} s"
        )?;
        let (bytes, seconds) = (most, self.seconds(most));
        write!(
            f,
            "    most                   {bytes} bytes, {seconds:.2} s of {SECONDS_ALLOWED} s"
        )
    }
}
