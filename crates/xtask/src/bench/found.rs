//! What a work has found, as a table for people. Knows nothing of how it was measured.

use std::fmt::Write as _;

/// A work's figures.
pub(crate) struct Found {
    /// The heading.
    pub(crate) title: &'static str,
    /// What was done, with what, in a sentence or two.
    pub(crate) scene: String,
    pub(crate) table: Table,
    pub(crate) goals: Vec<Goal>,
    /// The figure that the work is about, for the chart and for the README. `None`: it is in the
    /// table and in the goals only.
    pub(crate) bars: Option<Bars>,
}

/// One figure of everybody, to be shown side by side.
#[derive(Debug, Clone)]
pub(crate) struct Bars {
    /// What the length of a bar says, in words: `seconds`.
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    /// In the order of the table. A program that failed has none.
    pub(crate) bars: Vec<Bar>,
    /// What cannot be beaten: the floor or the ideal, with its name.
    pub(crate) mark: Option<Bar>,
}

#[derive(Debug, Clone)]
pub(crate) struct Bar {
    pub(crate) name: String,
    /// The median.
    pub(crate) value: f64,
    pub(crate) whose: Whose,
}

/// Which end of a bar one wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Shorter,
    Longer,
}

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    Haul,
    Peer,
    /// Our own bare loop, or arithmetic.
    Floor,
}

/// Rows below a head; the first column names who is measured.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// What was to be reached, and what was.
pub(crate) struct Goal {
    pub(crate) wanted: String,
    pub(crate) measured: String,
    pub(crate) held: bool,
}

impl Goal {
    /// A ratio that is to be as great as `bound`, or less.
    pub(crate) fn at_most(wanted: &str, ratio: f64, bound: f64) -> Goal {
        Goal {
            wanted: format!("at most {wanted}"),
            measured: format!("{ratio:.2} ×"),
            held: ratio <= bound,
        }
    }

    /// A part of a whole that is to be as great as `bound`, or greater.
    pub(crate) fn at_least(wanted: &str, part: f64, bound: f64) -> Goal {
        Goal {
            wanted: format!("at least {wanted}"),
            measured: format!("{:.1} %", 100.0 * part),
            held: part >= bound,
        }
    }
}

impl Found {
    /// The section of the page: heading, scene, table, goals.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "## {}\n\n{}\n\n{}",
            self.title,
            self.scene,
            self.table.markdown()
        );
        for goal in &self.goals {
            let verdict = if goal.held { "met" } else { "**missed**" };
            let _ = write!(text, "\n- {}: {}, {verdict}", goal.wanted, goal.measured);
        }
        text.push('\n');
        text
    }
}

impl Table {
    fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut text = line(&self.head);
        text.push_str(&line(&vec!["---".to_owned(); self.head.len()]));
        self.rows.iter().for_each(|row| text.push_str(&line(row)));
        text
    }
}
