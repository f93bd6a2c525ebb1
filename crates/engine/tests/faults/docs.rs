//! The table as people read it: renders the part of `docs/faults.md` between two marks, and checks
//! that it is there. What stands around it is written by hand.

use std::fmt::Write as _;
use std::path::Path;

use crate::row::{Group, Moment, Outcome, Row};
use crate::table;

const BEGIN: &str = "<!-- the table begins: written by `cargo xtask faults --write` -->";
const END: &str = "<!-- the table ends -->";

/// When the environment says so, the page is rewritten instead of compared.
const WRITE: &str = "HAUL_FAULTS_WRITE";

/// The columns of faults that strike at some moment.
const COLUMNS: [(Moment, &str); 5] = [
    (Moment::First, "from the first answer on"),
    (Moment::FirstPassing, "the first two answers"),
    (Moment::Later, "from a later block on"),
    (Moment::LaterPassing, "three answers in the middle"),
    (Moment::Resume, "from resuming on"),
];

/// Compares the page with the table, or rewrites it.
pub(crate) fn check() -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/faults.md");
    let shown = path.display();
    let page = std::fs::read_to_string(&path).map_err(|why| format!("{shown}: {why}"))?;
    let (before, rest) = page.split_once(BEGIN).ok_or("the page has no first mark")?;
    let (_, after) = rest.split_once(END).ok_or("the page has no second mark")?;
    let right = format!("{before}{BEGIN}\n\n{}{END}{after}", rendered());
    if page == right {
        return Ok(());
    }
    if std::env::var_os(WRITE).is_none() {
        return Err("docs/faults.md is not the table; run `cargo xtask faults --write`".to_owned());
    }
    std::fs::write(&path, right).map_err(|why| format!("{shown}: {why}"))
}

fn rendered() -> String {
    let groups = table::groups();
    groups.iter().map(group).collect()
}

fn group(group: &Group) -> String {
    let mut text = format!("### {}\n\n", group.title);
    let (standing, striking): (Vec<&Row>, Vec<&Row>) = group
        .rows
        .iter()
        .partition(|row| row.at(Moment::Always).is_some());
    let has = |moment| striking.iter().any(|row| row.at(moment).is_some());
    let columns: Vec<_> = COLUMNS
        .into_iter()
        .filter(|(moment, _)| has(*moment))
        .collect();
    table_of(&mut text, &striking, &columns);
    table_of(&mut text, &standing, &[(Moment::Always, "outcome")]);
    text
}

fn table_of(text: &mut String, rows: &[&Row], columns: &[(Moment, &str)]) {
    if rows.is_empty() {
        return;
    }
    let titles: Vec<&str> = columns.iter().map(|(_, title)| *title).collect();
    let mut line = |cells: &[&str]| {
        writeln!(text, "| {} |", cells.join(" | ")).expect("a string takes all");
    };
    line(&[&["fault"], &titles[..], &["within"]].concat());
    line(&vec!["---"; titles.len() + 2]);
    for row in rows {
        let outcomes: Vec<String> = columns
            .iter()
            .map(|(moment, _)| row.at(*moment).map_or("–".to_owned(), Outcome::shown))
            .collect();
        let outcomes: Vec<&str> = outcomes.iter().map(String::as_str).collect();
        line(&[&[row.fault], &outcomes[..], &[&row.within.shown()]].concat());
    }
    text.push('\n');
}
