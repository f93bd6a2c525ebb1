//! What a soak has shown, and which of the promises it keeps. Owns the goals; measures nothing.

use std::time::Duration;

use super::line::Line;
use super::sample::Sample;

/// Below this, caches that fill up once look like growth that goes on.
const JUDGED_FROM: usize = 20_000;

/// Memory may grow by less than this for each download, bytes.
const MOST_GROWTH: f64 = 1024.0;

/// The database may hold this much of each download, bytes.
const MOST_STORED: f64 = 2048.0;

/// So much more work may a download be at the end than after the warm-up.
const MOST_SLOWER: f64 = 1.5;

/// What was seen.
pub(super) struct Outcome {
    pub(super) downloads: usize,
    pub(super) took: Duration,
    pub(super) start: Sample,
    pub(super) samples: Vec<Sample>,
    pub(super) end: Sample,
    /// Files that are missing or wrong.
    pub(super) wrong: usize,
}

/// Something that was promised, what came of it, and whether it held.
pub(super) struct Goal {
    pub(super) name: &'static str,
    pub(super) promised: String,
    pub(super) seen: String,
    pub(super) held: bool,
}

impl Outcome {
    /// Memory over completed downloads, after the warm-up of the first fifth.
    pub(super) fn growth(&self) -> Line {
        let settled = self
            .samples
            .iter()
            .filter(|s| s.completed * 5 >= self.downloads);
        Line::through(settled.map(|s| (s.completed as f64, s.resident as f64)))
    }

    /// CPU time per download in one of five equal parts of the run, milliseconds.
    fn work_in(&self, fifth: usize) -> f64 {
        let at = |part: usize| {
            let wanted = self.downloads * part / 5;
            self.samples
                .iter()
                .find(|sample| sample.completed >= wanted)
        };
        let (Some(from), Some(to)) = (at(fifth), at(fifth + 1)) else {
            return 0.0;
        };
        let done = to.completed.saturating_sub(from.completed).max(1);
        (to.cpu_ms - from.cpu_ms) as f64 / done as f64
    }

    pub(super) fn goals(&self) -> Vec<Goal> {
        let (start, end) = (&self.start, &self.end);
        let growth = self.growth().slope;
        let stored = end.stored as f64 / self.downloads as f64;
        let (early, late) = (self.work_in(1), self.work_in(4));
        vec![
            Goal {
                name: "files",
                promised: "all there, each with its own bytes".into(),
                seen: format!(
                    "{} of {} right",
                    self.downloads - self.wrong,
                    self.downloads
                ),
                held: self.wrong == 0 && end.completed == self.downloads,
            },
            Goal {
                name: "memory",
                promised: format!(
                    "grows by less than 1 KiB per download; judged from {JUDGED_FROM} on"
                ),
                seen: format!("{growth:.0} B per download"),
                held: growth < MOST_GROWTH || self.downloads < JUDGED_FROM,
            },
            Goal {
                name: "descriptors",
                promised: "back to the start".into(),
                seen: format!("{} then {}", start.descriptors, end.descriptors),
                held: end.descriptors <= start.descriptors,
            },
            Goal {
                name: "tasks",
                promised: "back to the start".into(),
                seen: format!("{} then {}", start.tasks, end.tasks),
                held: end.tasks <= start.tasks,
            },
            Goal {
                name: "database",
                promised: "less than 2 KiB per download".into(),
                seen: format!("{stored:.0} B per download"),
                held: stored < MOST_STORED,
            },
            Goal {
                name: "work",
                promised: "a late download costs no more than 1.5 early ones".into(),
                seen: format!("{early:.2} ms of CPU then {late:.2} ms"),
                held: late <= early * MOST_SLOWER,
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(completed: usize, resident: u64) -> Sample {
        Sample {
            completed,
            failed: 0,
            tasks: 5,
            resident,
            descriptors: 20,
            threads: 7,
            cpu_ms: completed as u64,
            stored: 400 * completed as u64,
        }
    }

    fn missed(change: impl FnOnce(&mut Outcome)) -> Vec<&'static str> {
        let mut outcome = Outcome {
            downloads: 50_000,
            took: Duration::from_secs(40),
            start: sample(200, 10_000_000),
            samples: (0..=50)
                .map(|n| sample(n * 1000, 10_000_000 + n as u64 * 900_000))
                .collect(),
            end: sample(50_000, 55_000_000),
            wrong: 0,
        };
        change(&mut outcome);
        let goals = outcome.goals().into_iter();
        goals
            .filter(|goal| !goal.held)
            .map(|goal| goal.name)
            .collect()
    }

    #[test]
    fn each_goal_can_be_missed() {
        assert!(missed(|_| ()).is_empty());
        assert_eq!(missed(|outcome| outcome.wrong = 1), ["files"]);
        assert_eq!(missed(|outcome| outcome.end.completed -= 1), ["files"]);
        let leaks = |outcome: &mut Outcome| {
            outcome
                .samples
                .iter_mut()
                .for_each(|s| s.resident = 1100 * s.completed as u64);
        };
        assert_eq!(missed(leaks), ["memory"]);
        assert_eq!(
            missed(|outcome| outcome.end.descriptors += 1),
            ["descriptors"]
        );
        assert_eq!(missed(|outcome| outcome.end.tasks += 1), ["tasks"]);
        assert_eq!(missed(|outcome| outcome.end.stored *= 6), ["database"]);
        let slows_down = |outcome: &mut Outcome| {
            outcome
                .samples
                .iter_mut()
                .for_each(|s| s.cpu_ms *= s.cpu_ms);
        };
        assert_eq!(missed(slows_down), ["work"]);
    }
}
