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
