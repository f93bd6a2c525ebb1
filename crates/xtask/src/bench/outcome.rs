//! What came of a race, as a table, as bars, and as single figures for the goals.

use super::found::{Bar, Bars, Better, Goal, Table, Whose};
use super::race::{Figures, Ran};

/// The name under which haul runs in every race.
pub(super) const HAUL: &str = "haul";

/// What came of everybody.
pub(super) struct Outcome(pub(super) Vec<Ran>);

/// A column of the table behind the name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Column {
    /// Seconds from start to end.
    Wall,
    /// How many times as long as haul.
    Times,
    /// Seconds of processor time for each GiB of so many bytes.
    CpuPerGib(u64),
    /// Seconds of processor time.
    Cpu,
    /// The most memory held, MiB.
    Peak,
    /// So many files, per second.
    Files(usize),
    /// The part of the speed with which it would take so many seconds.
    OfIdeal(f64),
}

impl Outcome {
    /// The figures of one, when it has not failed.
    pub(super) fn of(&self, name: &str) -> Option<Figures> {
        let ran = self.0.iter().find(|ran| ran.name == name)?;
        ran.figures.as_ref().ok().copied()
    }

    /// haul's.
    pub(super) fn haul(&self) -> Figures {
        self.of(HAUL).expect("a race in which haul fails ends")
    }

    /// The fastest peer and the seconds that it took.
    pub(super) fn best_peer(&self) -> Option<(&str, f64)> {
        let peers = self.0.iter().filter(|ran| ran.whose == Whose::Peer);
        peers
            .filter_map(|ran| Some((ran.name.as_str(), ran.figures.as_ref().ok()?.wall.median)))
            .min_by(|(_, one), (_, other)| one.total_cmp(other))
    }

    /// The goal to be faster than every peer. `None` without a peer.
    pub(super) fn ahead(&self) -> Option<Goal> {
        let (peer, seconds) = self.best_peer()?;
        let haul = self.haul().wall.median;
        Some(Goal {
            wanted: "ahead of every peer".into(),
            measured: format!("{haul:.2} s, {peer} {seconds:.2} s"),
            held: haul < seconds,
        })
    }

    /// A row for each program.
    pub(super) fn table(&self, columns: &[Column]) -> Table {
        let haul = self.haul();
        let mut head = vec![String::new()];
        head.extend(columns.iter().map(Column::head));
        let rows = self.0.iter().map(|ran| {
            let mut cells = vec![ran.name.clone()];
            match &ran.figures {
                Ok(figures) => {
                    cells.extend(columns.iter().map(|column| column.cell(figures, &haul)))
                }
                Err(why) => {
                    cells.push(why.clone());
                    cells.resize(columns.len() + 1, String::new());
                }
            }
            cells
        });
        Table {
            rows: rows.collect(),
            head,
        }
    }

    /// Everybody's seconds; what cannot be beaten is the mark, and no bar.
    pub(super) fn seconds(&self, mark: Option<Bar>) -> Bars {
        let is_mark = |name: &str| mark.as_ref().is_some_and(|mark| mark.name == name);
        let bars = self.0.iter().filter(|ran| !is_mark(&ran.name));
        Bars {
            unit: "seconds",
            better: Better::Shorter,
            bars: bars.filter_map(bar).collect(),
            mark,
        }
    }

    /// One of the programs as a mark.
    pub(super) fn mark(&self, name: &str) -> Option<Bar> {
        self.0.iter().find(|ran| ran.name == name).and_then(bar)
    }
}

fn bar(ran: &Ran) -> Option<Bar> {
    Some(Bar {
        name: ran.name.clone(),
        value: ran.figures.as_ref().ok()?.wall.median,
        whose: ran.whose,
    })
}

impl Column {
    fn head(&self) -> String {
        match self {
            Column::Wall => "seconds".into(),
            Column::Times => "of haul's time".into(),
            Column::CpuPerGib(_) => "CPU s per GiB".into(),
            Column::Cpu => "CPU s".into(),
            Column::Peak => "peak MiB".into(),
            Column::Files(_) => "files/s".into(),
            Column::OfIdeal(ideal) => format!("of the ideal {ideal:.2} s"),
        }
    }

    fn cell(&self, figures: &Figures, haul: &Figures) -> String {
        match self {
            Column::Wall => figures.wall.shown(2),
            Column::Times => format!("{:.2} ×", figures.wall.median / haul.wall.median),
            Column::CpuPerGib(bytes) => {
                let gib = *bytes as f64 / f64::from(1 << 30);
                figures.cpu.each(|cpu| cpu / gib).shown(2)
            }
            Column::Cpu => figures.cpu.shown(2),
            Column::Peak => figures.peak.shown(0),
            Column::Files(files) => format!("{:.0}", *files as f64 / figures.wall.median),
            Column::OfIdeal(ideal) => format!("{:.1} %", 100.0 * ideal / figures.wall.median),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::spread::Spread;
    use super::*;

    fn ran(name: &str, whose: Whose, wall: f64) -> Ran {
        let spread = |figure| Spread::of(&[figure]).expect("one run");
        let figures = Figures {
            wall: spread(wall),
            cpu: spread(1.0),
            peak: spread(20.0),
        };
        Ran {
            name: name.into(),
            whose,
            figures: Ok(figures),
        }
    }

    fn outcome() -> Outcome {
        let failed = Ran {
            figures: Err("exit 7".into()),
            ..ran("broken", Whose::Peer, 0.1)
        };
        Outcome(vec![
            ran(HAUL, Whose::Haul, 2.0),
            failed,
            ran("slow", Whose::Peer, 8.0),
            ran("quick", Whose::Peer, 3.0),
            ran("floor", Whose::Floor, 1.0),
        ])
    }

    #[test]
    fn who_failed_is_in_the_table_and_never_the_best() {
        let outcome = outcome();
        assert_eq!(outcome.best_peer(), Some(("quick", 3.0)));
        let table = outcome.table(&[Column::Wall, Column::Times, Column::OfIdeal(1.0)]);
        assert_eq!(table.rows[1], ["broken", "exit 7", "", ""]);
        assert_eq!(
            table.rows[2],
            ["slow", "8.00 (8.00–8.00)", "4.00 ×", "12.5 %"]
        );
    }

    #[test]
    fn the_mark_is_no_bar() {
        let outcome = outcome();
        let bars = outcome.seconds(outcome.mark("floor"));
        let names: Vec<&str> = bars.bars.iter().map(|bar| bar.name.as_str()).collect();
        assert_eq!(names, [HAUL, "slow", "quick"]);
        assert_eq!(bars.mark.map(|mark| mark.value), Some(1.0));
    }

    #[test]
    fn processor_time_is_per_gib() {
        let outcome = outcome();
        let table = outcome.table(&[Column::CpuPerGib(2 << 30)]);
        assert_eq!(table.rows[0][1], "0.50 (0.50–0.50)");
    }
}
