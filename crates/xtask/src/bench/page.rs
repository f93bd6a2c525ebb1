//! What is kept of a benchmark: `docs/benchmarks.md` with a section and a picture for each work. A section that was not measured this time stays as it is.

use std::fmt::Write as _;
use std::fs;

use anyhow::Result;

use super::WORKS;
use super::found::{Bar, Bars, Better, Found, Whose};
use super::picture::{self, figure};
use super::programs;
use super::readme;
use crate::tools;

const INTRO: &str = "\
# Benchmarks

`cargo xtask bench --write` measures everything anew and rewrites this page, its pictures and the summary
in the README; `cargo xtask bench big small` prints some of it. A benchmark is no test: a missed goal is
shown here, and stays shown until it is met.

- Every program runs in a process of its own, with its own best settings and without anybody's
  configuration; time, processor time (user and system) and the peak of memory are the whole process's,
  start and end included, as the kernel counts them.
- The programs take turns, round after round, every other one backwards, after one round that is not
  counted. Where the server sets the pace, no round is left out and two or three are counted, and a peer
  that takes many times as long as haul may be run but once. A figure is the median, with the least and
  the greatest in brackets.
- After every run the files are compared with those on the server, byte for byte, outside of the time;
  before the next one the disk is synced. A program that fails, or writes a wrong byte, is out, and the
  table says why. Large files are then removed, small ones only at the end: for minutes ext4 keeps away
  from what was freed, and making files costs several times as much.
- Servers and clients share the machine and its cores; the server is nginx with one process and
  `sendfile`, or, where the bytes are to come slowly, a small one of ours
  (`crates/xtask/src/bench/paced.rs`), which lets the kernel pace each connection.
- The floor is a bare loop of ours: a connection for each of two threads, `recv` into 1 MiB, `pwrite`
  into a file that was allocated before. It checks nothing, cannot resume and cannot be stopped.
- haul syncs a file before it calls it done, and its time includes that. The peers do not sync.
";

/// Replaces the sections of these works on the page, draws their pictures, and brings the READMEs up to
/// date. `load` is what the machine had to do before.
pub(super) fn keep(found: &[(&str, Found)], runs: usize, load: &str) -> Result<()> {
    let docs = tools::root().join("docs");
    let page = docs.join("benchmarks.md");
    let old = fs::read_to_string(&page).unwrap_or_default();
    let names: Vec<&str> = WORKS.iter().map(|(name, _)| *name).collect();
    let how = format!(
        "`--runs {runs}` on {}, load {load} before",
        tools::machine()
    );
    let mut sections = Vec::new();
    for name in names {
        let now = found.iter().find(|(known, _)| *known == name);
        if let Some((name, found)) = now {
            if let Some(bars) = &found.bars {
                let picture = docs.join(format!("bench-{name}.svg"));
                fs::write(picture, picture::draw(found.title, bars))?;
            }
            sections.push(section(name, found, &how));
        } else {
            sections.extend(kept(&old, name));
        }
    }
    let versions = programs::versions().join(", ");
    let text = format!("{INTRO}- Versions: {versions}.\n\n{}", sections.join("\n"));
    fs::write(&page, &text)?;

    readme::keep(&text)
}

fn begin(name: &str) -> String {
    format!("<!-- {name} begin -->\n")
}

fn end(name: &str) -> String {
    format!("<!-- {name} end -->\n")
}

/// A work's part of the page.
fn section(name: &str, found: &Found, how: &str) -> String {
    let mut text = begin(name);
    if let Some(row) = found.bars.as_ref().and_then(|bars| row(found.title, bars)) {
        // The README's table is made of these, so that one work can be measured alone.
        let _ = writeln!(text, "<!-- row {row} -->");
    }
    text.push_str(&found.markdown());
    if found.bars.is_some() {
        let _ = writeln!(text, "\n![{}](bench-{name}.svg)", found.title);
    }
    let _ = writeln!(text, "\nMeasured with {how}.");
    text + &end(name)
}

/// A work's part of the page as it was.
fn kept(page: &str, name: &str) -> Option<String> {
    let from = page.find(&begin(name))?;
    let end = end(name);
    let to = page[from..].find(&end)? + end.len();
    Some(page[from..from + to].to_owned())
}

/// haul, its best peer and what cannot be beaten, as a row of a table.
fn row(title: &str, bars: &Bars) -> Option<String> {
    let of = |whose| bars.bars.iter().filter(move |bar| bar.whose == whose);
    let sorted = |one: &&Bar, other: &&Bar| match bars.better {
        Better::Shorter => one.value.total_cmp(&other.value),
        Better::Longer => other.value.total_cmp(&one.value),
    };
    let shown = |bar: &Bar| match bars.unit {
        "seconds" => format!("{} s", figure(bar.value)),
        unit => format!("{} {unit}", figure(bar.value)),
    };
    let named = |bar: &Bar| format!("{} ({})", shown(bar), bar.name);
    let haul = of(Whose::Haul).next()?;
    let peer = of(Whose::Peer).min_by(sorted).map(named);
    let mark = bars.mark.as_ref().map(named);
    Some(format!(
        "| {title} | **{}** | {} | {} |",
        shown(haul),
        peer.unwrap_or_else(|| "–".into()),
        mark.unwrap_or_else(|| "–".into())
    ))
}

#[cfg(test)]
mod tests {
    use super::super::found::Table;
    use super::super::picture::tests::bar;
    use super::*;

    fn found(haul: f64) -> Found {
        Found {
            title: "A work",
            scene: "Something is done.".into(),
            table: Table::default(),
            goals: Vec::new(),
            bars: Some(Bars {
                unit: "seconds",
                better: Better::Shorter,
                bars: vec![
                    bar("haul", haul, Whose::Haul),
                    bar("slow", 9.0, Whose::Peer),
                    bar("quick", 3.0, Whose::Peer),
                    bar("floor, durable", 1.0, Whose::Floor),
                ],
                mark: Some(bar("floor", 0.5, Whose::Floor)),
            }),
        }
    }

    #[test]
    fn the_row_names_the_best_of_the_others() {
        let mut bars = found(2.0).bars.expect("it has bars");
        let row_of = |bars: &Bars| row("A work", bars).expect("haul is there");
        let expected = "| A work | **2.00 s** | 3.00 s (quick) | 0.50 s (floor) |";
        assert_eq!(row_of(&bars), expected);
        bars.better = Better::Longer;
        bars.unit = "files/s";
        let expected = "| A work | **2.00 files/s** | 9.00 files/s (slow) | 0.50 files/s (floor) |";
        assert_eq!(row_of(&bars), expected);
    }

    #[test]
    fn a_section_that_was_not_measured_stays_as_it_was() {
        let (one, other) = (
            section("one", &found(2.0), "care"),
            section("other", &found(4.0), "care"),
        );
        let page = format!("intro\n\n{one}\n{other}");
        assert_eq!(kept(&page, "one"), Some(one.clone()));
        assert_eq!(kept(&page, "other"), Some(other.clone()));
        assert_eq!(kept(&page, "third"), None);
    }
}
