//! One download in one line of a screen: as many columns as fit, each as wide as it must be, the name as
//! wide as it can. Knows neither where the line is drawn nor who tells of the download.

use haul_engine::Status;

use super::clip;
use super::glyphs::Glyphs;
use super::paint::Look;
use crate::human;

/// What one line tells of a download.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) status: Status,
    pub(crate) name: &'a str,
    pub(crate) done: u64,
    /// In bytes; `None` until known.
    pub(crate) size: Option<u64>,
    /// In tenths of a percent; `None` until known.
    pub(crate) tenths: Option<u16>,
    pub(crate) speed: u64,
    pub(crate) eta: Option<u64>,
    pub(crate) threads: u64,
    /// How often something was tried again.
    pub(crate) attempts: u64,
    /// Why it waits or has failed: stands in the place of figures that say nothing then.
    pub(crate) why: &'a str,
}

/// How wide each column is; 0: left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Columns {
    name: usize,
    percent: usize,
    size: usize,
    bar: usize,
    speed: usize,
    left: usize,
    threads: usize,
    /// Cells behind the last column: on a wide screen, for reasons.
    rest: usize,
}

/// A piece of a line, and how it looks.
pub(crate) type Piece = (Option<Look>, String);

const PERCENT: usize = 4;
const SIZE: usize = 10;
const SPEED: usize = 12;
const LEFT: usize = 7;
const THREADS: usize = 3;
/// What the column of the time left can say, in seconds.
const LONGEST_LEFT: u64 = 100 * 86_400 - 1;
/// The sign of the status, before the name.
const SIGN: usize = 1;
/// Narrower names tell nothing: other columns go first.
const SHORTEST_NAME: usize = 14;
/// On a screen that has room for everything; on others it is shorter.
const LEAST_BAR: usize = 10;
const WIDEST_BAR: usize = 24;
/// The eye does not find from the end of a wider column to the figures: it is so only for names that need it.
const LONGEST_NAME: usize = 64;

impl Columns {
    /// The columns for lines of so many cells. What is known the longest or matters the least goes
    /// first: threads, the bar (the percentage says the same), time left, size, speed.
    pub(crate) fn of(width: usize) -> Columns {
        let mut columns = Columns {
            name: 0,
            percent: PERCENT,
            size: SIZE,
            bar: LEAST_BAR,
            speed: SPEED,
            left: LEFT,
            threads: THREADS,
            rest: 0,
        };
        for column in [
            |c: &mut Columns| c.threads = 0,
            |c: &mut Columns| c.bar = 6,
            |c: &mut Columns| c.bar = 0,
            |c: &mut Columns| c.left = 0,
            |c: &mut Columns| c.size = 0,
            |c: &mut Columns| c.speed = 0,
            |c: &mut Columns| c.percent = 0,
        ] {
            if columns.fixed() + SHORTEST_NAME <= width {
                break;
            }
            column(&mut columns);
        }
        let free = width.saturating_sub(columns.fixed());
        // Names come first; a bar of more than its least takes a third of what they leave.
        if columns.bar == LEAST_BAR {
            columns.bar += (free.saturating_sub(28) / 3).min(WIDEST_BAR - LEAST_BAR);
        }
        let free = width.saturating_sub(columns.fixed());
        columns.name = free.min(LONGEST_NAME);
        columns.rest = free - columns.name;
        columns
    }

    /// The same with room for a longer name, as far as the screen has room that nothing else needs.
    pub(crate) fn for_names(mut self, longest: usize) -> Columns {
        let more = longest.saturating_sub(self.name).min(self.rest);
        self.name += more;
        self.rest -= more;
        self
    }

    /// All columns but the name, and the spaces between.
    fn fixed(self) -> usize {
        SIGN + 1 + self.beside_name() - self.rest
    }

    /// All that is on the right of the name, each column with the space before it.
    fn beside_name(self) -> usize {
        let others = [
            self.percent,
            self.size,
            self.bar,
            self.speed,
            self.left,
            self.threads,
        ];
        others.into_iter().map(spaced).sum::<usize>() + self.rest
    }

    /// What stands over the columns.
    pub(crate) fn heading(self) -> String {
        let mut heading = clip::left("", SIGN + 1, ' ') + &clip::left("NAME", self.name, ' ');
        for (width, title) in [
            (self.percent, "DONE"),
            (self.size, "SIZE"),
            (self.bar, ""),
            (self.speed, "SPEED"),
            (self.left, "LEFT"),
            (self.threads, "THR"),
        ] {
            if width > 0 {
                heading.push(' ');
                heading.push_str(&clip::right(title, width));
            }
        }
        heading
    }

    /// A download's line, as wide as the columns are together.
    pub(crate) fn line(self, line: &Line<'_>, glyphs: Glyphs) -> Vec<Piece> {
        let look = Look::of(line.status.name());
        let mut pieces = vec![
            (Some(look), format!("{} ", glyphs.sign(line.status))),
            (
                None,
                clip::name(&glyphs.text(line.name), self.name, glyphs.cut()),
            ),
        ];
        // While bytes come in, a reason that holds back some threads is not what matters.
        let comes_in = line.status == Status::Downloading && line.speed > 0;
        if !line.why.is_empty() && !comes_in {
            // Nor are figures that are all unknown.
            let known = line.size.is_some() || line.done > 0;
            let figures = if known {
                self.figures(line)
            } else {
                String::new()
            };
            let room = self.beside_name() - clip::width(&figures);
            pieces.push((None, figures));
            pieces.push((Some(look), words(line, room, " ", glyphs)));
            return pieces;
        }
        pieces.push((None, self.figures(line)));
        if self.bar > 0 {
            let bar = glyphs.bar(line.tenths, self.bar);
            pieces.push((Some(look), format!(" {}", bar.filled)));
            pieces.push((Some(Look::Dim), bar.empty));
        }
        pieces.push(match self.moving(line) {
            Some(moving) => (None, moving),
            None => {
                let widths = [self.speed, self.left, self.threads];
                let room = widths.into_iter().map(spaced).sum::<usize>() + self.rest;
                (Some(look), words(line, room, "  ", glyphs))
            }
        });
        pieces
    }

    /// How far it is, and how large: always true.
    fn figures(self, line: &Line<'_>) -> String {
        let mut figures = String::new();
        if self.percent > 0 {
            let percent = line.tenths.map(|tenths| format!("{}%", tenths / 10));
            push(
                &mut figures,
                percent.as_deref().unwrap_or("-"),
                self.percent,
            );
        }
        if self.size > 0 {
            // Of unknown size: what there is of it.
            let known = line.size.or((line.done > 0).then_some(line.done));
            let size = match (known, line.size) {
                (None, _) => "-".to_owned(),
                (Some(size), Some(_)) => human::size(size),
                (Some(done), None) => format!("{}+", human::size(done)),
            };
            // The plus sign makes the longest sizes fill the space before the column.
            figures.push_str(&clip::right(&size, self.size + 1));
        }
        figures
    }

    /// How fast it is; `None` where that says nothing, because it does not move.
    fn moving(self, line: &Line<'_>) -> Option<String> {
        // Without a thread it waits for its next try.
        let retries = line.threads == 0 && line.attempts > 0;
        if line.status != Status::Downloading || retries {
            return None;
        }
        let mut told = String::new();
        if self.speed > 0 {
            push(&mut told, &human::speed(line.speed), self.speed);
        }
        if self.left > 0 {
            let left = match line.eta {
                None => "-".to_owned(),
                Some(eta) if eta > LONGEST_LEFT => "> 99d".to_owned(),
                Some(eta) => human::time(eta),
            };
            push(&mut told, &left, self.left);
        }
        if self.threads > 0 {
            push(&mut told, &line.threads.to_string(), self.threads);
        }
        Some(told)
    }
}

/// The status or the reason, in the place of figures.
fn words(line: &Line<'_>, room: usize, space: &str, glyphs: Glyphs) -> String {
    let Some(room) = room.checked_sub(space.len()) else {
        return String::new();
    };
    let words = match (line.status, line.why) {
        (Status::Downloading, "") => format!("tries again, {}x so far", line.attempts),
        (status, "") => status.name().to_owned(),
        (Status::Paused, why) => format!("paused: {}", glyphs.text(why)),
        (_, why) => glyphs.text(why),
    };
    format!("{space}{}", clip::parts(&words, room, glyphs.cut()))
}

/// A column with the space before it.
fn spaced(width: usize) -> usize {
    if width > 0 { width + 1 } else { 0 }
}

fn push(line: &mut String, text: &str, width: usize) {
    line.push(' ');
    line.push_str(&clip::right(text, width));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MOVING: Line<'_> = Line {
        status: Status::Downloading,
        name: "sample-of-a-film-that-is-very-long.mp4",
        done: 3_681_850,
        size: Some(21_657_943),
        tenths: Some(170),
        speed: 1 << 20,
        eta: Some(17),
        threads: 5,
        attempts: 0,
        why: "",
    };

    fn text(width: usize, line: &Line<'_>, glyphs: Glyphs) -> String {
        let pieces = Columns::of(width).line(line, glyphs);
        pieces.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn columns_leave_one_by_one_as_a_screen_gets_narrow() {
        let shown: Vec<String> = [120, 80, 60, 40, 24]
            .into_iter()
            .flat_map(|width| {
                [
                    Columns::of(width).heading(),
                    text(width, &MOVING, Glyphs::Blocks),
                ]
            })
            .collect();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn a_reason_stands_where_figures_would_say_nothing() {
        let shown: Vec<String> = [
            Line {
                status: Status::Queued,
                tenths: None,
                size: None,
                done: 0,
                ..MOVING
            },
            Line {
                speed: 0,
                why: "server asked to wait 30 s",
                ..MOVING
            },
            Line {
                why: "2 of 16 connections allowed by this host",
                ..MOVING
            },
            Line {
                threads: 0,
                attempts: 2,
                ..MOVING
            },
            Line {
                status: Status::Paused,
                why: "waiting for disk space",
                ..MOVING
            },
            Line {
                status: Status::Failed,
                speed: 0,
                why: "the server answered 404 Not Found",
                ..MOVING
            },
            Line {
                status: Status::Failed,
                size: None,
                tenths: None,
                done: 0,
                speed: 0,
                why: "the server answered 404 Not Found",
                ..MOVING
            },
            Line {
                size: None,
                tenths: None,
                eta: None,
                ..MOVING
            },
            Line {
                size: None,
                tenths: None,
                eta: None,
                done: 1023 << 20,
                ..MOVING
            },
            Line {
                status: Status::Completed,
                tenths: Some(1000),
                name: "夏日の思い出と長い名前の映画.mp4",
                ..MOVING
            },
        ]
        .iter()
        .map(|line| text(80, line, Glyphs::Blocks))
        .collect();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn a_wide_screen_has_its_figures_near_the_names_and_room_for_a_whole_reason() {
        let failed = Line {
            status: Status::Failed,
            speed: 0,
            why: "the name a-host-with-a-long-name.example.org has no address: failure in name resolution",
            ..MOVING
        };
        let line = text(200, &failed, Glyphs::Blocks);
        assert!(line.trim_end().ends_with(failed.why), "{line}");
        let figures = text(200, &MOVING, Glyphs::Blocks).find("17%");
        assert!(figures.is_some_and(|at| at < 72), "{figures:?}");
        let long = format!("{}.mp4", "x".repeat(96));
        let line = Line {
            name: &long,
            ..MOVING
        };
        let columns = Columns::of(200).for_names(100);
        let pieces = columns.line(&line, Glyphs::Blocks);
        let shown: String = pieces.into_iter().map(|(_, text)| text).collect();
        assert!(
            shown.contains(&long) && shown.contains("1.0 MiB/s"),
            "{shown}"
        );
        let narrow = Columns::of(80);
        assert_eq!(
            narrow.for_names(100),
            narrow,
            "figures are not given up for it"
        );
    }

    proptest! {
        #[test]
        fn a_line_is_never_wider_than_its_columns(
            width in 0_usize..160,
            (name, why) in (any::<String>(), any::<String>()),
            (done, size, speed) in (any::<u64>(), any::<Option<u64>>(), any::<u64>()),
            tenths in proptest::option::of(0_u16..=1000),
            eta: Option<u64>,
            (threads, attempts) in (0_u64..=256, 0_u64..3),
            status in 0_usize..9,
        ) {
            let status = Status::ALL[status];
            let line = Line { status, name: &name, done, size, tenths, speed, eta, threads, attempts, why: &why };
            for glyphs in [Glyphs::Blocks, Glyphs::Ascii] {
                prop_assert!(clip::width(&text(width, &line, glyphs)) <= width.max(SIGN + 1));
            }
            prop_assert!(clip::width(&Columns::of(width).heading()) <= width.max(SIGN + 1));
        }
    }
}
