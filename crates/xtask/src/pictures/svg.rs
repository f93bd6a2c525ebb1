//! A terminal's screen over time as one animated SVG, of the kind that may stand in an `<img>`: no script, no
//! font of its own, and every text stretched to its cells, so that columns agree in any viewer. Who wants no
//! motion sees one moment. Knows nothing of terminals.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use super::screen::{GROUND, Ground, Piece, Rgb, Row};

/// Points of a cell.
const WIDE: f64 = 8.4;
const HIGH: f64 = 18.0;
/// From a cell's upper edge to the line that letters stand on.
const BASE: f64 = 13.5;
/// What blocks leave free above and below: bars of neighbouring lines do not touch.
const GAP: f64 = 2.0;
const TALL: f64 = HIGH - 2.0 * GAP;
/// Around the screen, and the bar with the title above it.
const EDGE: f64 = 12.0;
const BAR: f64 = 28.0;

/// Seconds.
const INSIDE: f64 = 0.01;

/// Whatever the system has of letters of one width.
const FONTS: &str =
    "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace";

const FRAME: Rgb = [0x3d, 0x44, 0x4d];
const TITLE: Rgb = [0x91, 0x98, 0xa1];

/// What was seen of a terminal.
pub(super) struct Film<'a> {
    /// Stands above the screen.
    pub(super) title: &'a str,
    /// What there is to see, for who cannot.
    pub(super) says: &'a str,
    pub(super) columns: u16,
    /// The screens, each as long on view as the others.
    pub(super) screens: &'a [Vec<Row>],
    pub(super) each: Duration,
    /// The one for who wants no motion.
    pub(super) still: usize,
}

/// What is drawn in one place of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark<'a> {
    Ground(&'a Ground),
    Piece(&'a Piece),
}

/// What stands in one line from one screen up to another.
struct Stay<'a> {
    line: usize,
    mark: Mark<'a>,
    from: usize,
    until: usize,
}

impl Film<'_> {
    /// The whole picture.
    pub(super) fn draw(&self) -> String {
        let lines = self.screens.iter().map(Vec::len).max().unwrap_or(0);
        let width = f64::from(self.columns) * WIDE + 2.0 * EDGE;
        let height = lines as f64 * HIGH + BAR + EDGE;
        let mut stays = self.stays(lines);
        let colours: BTreeSet<Rgb> = stays.iter().filter_map(Stay::ink).collect();
        let mut out = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" width="{width:.0}" height="{height:.0}" role="img" aria-label="{says}" font-family="{FONTS}" font-size="14">
<style>
"#,
            says = escaped(self.says)
        );
        for (at, colour) in colours.iter().enumerate() {
            let _ = writeln!(out, ".c{at}{{fill:{}}}", hex(*colour));
        }
        self.style(&stays, &mut out);
        let _ = write!(
            out,
            r#"</style>
<rect x=".5" y=".5" width="{}" height="{}" rx="8" fill="{}" stroke="{}"/>
<text x="{}" y="19" text-anchor="middle" font-size="13" fill="{}">{}</text>
<g transform="translate({EDGE} {BAR})">
"#,
            width.round() - 1.0,
            height.round() - 1.0,
            hex(GROUND),
            hex(FRAME),
            number(width / 2.0),
            hex(TITLE),
            escaped(self.title),
        );
        // What letters stand on comes first, and what is seen at the same times together.
        stays.sort_by_key(|stay| (stay.ink().is_some(), stay.from, stay.until));
        for together in stays.chunk_by(|one, other| one.times() == other.times()) {
            self.open(&together[0], &mut out);
            for stay in together {
                stay.draw(&colours, &mut out);
            }
            out.push_str("</g>\n");
        }
        out.push_str("</g>\n</svg>\n");
        out
    }

    /// Each mark from where it comes to where it goes.
    fn stays(&self, lines: usize) -> Vec<Stay<'_>> {
        let mut stays: Vec<Stay<'_>> = Vec::new();
        for line in 0..lines {
            let first = stays.len();
            for (at, screen) in self.screens.iter().enumerate() {
                for mark in screen.get(line).into_iter().flat_map(marks) {
                    let mut known = stays[first..].iter_mut();
                    match known.find(|stay| stay.until == at && stay.mark == mark) {
                        Some(stay) => stay.until = at + 1,
                        None => stays.push(Stay {
                            line,
                            mark,
                            from: at,
                            until: at + 1,
                        }),
                    }
                }
            }
        }
        stays
    }

    fn is_always(&self, stay: &Stay<'_>) -> bool {
        (stay.from, stay.until) == (0, self.screens.len())
    }

    /// One rule for each length of a stay: it is begun at another time by its delay.
    fn style(&self, stays: &[Stay<'_>], out: &mut String) {
        let moving = stays.iter().filter(|stay| !self.is_always(stay));
        let lengths: BTreeSet<usize> = moving.map(|stay| stay.until - stay.from).collect();
        if lengths.is_empty() {
            return;
        }
        let count = self.screens.len();
        let whole = self.each.as_secs_f64() * count as f64;
        // Where nothing moves, the still is what is shown.
        out.push_str(".m{visibility:hidden}.s{visibility:visible}\n@media (prefers-reduced-motion:no-preference){\n");
        let _ = writeln!(out, ".m{{animation:{}s step-end infinite}}", number(whole));
        for length in lengths {
            // Exact, so that what goes and what comes in its place are not seen together.
            let share = 100.0 * length as f64 / count as f64;
            let _ = writeln!(
                out,
                ".l{length}{{animation-name:l{length}}}@keyframes l{length}{{0%{{visibility:visible}}{share:.5}%,to{{visibility:hidden}}}}"
            );
        }
        out.push_str("}\n");
    }

    /// Begins the group of what is seen at the times of this one.
    fn open(&self, stay: &Stay<'_>, out: &mut String) {
        if self.is_always(stay) {
            out.push_str("<g>");
            return;
        }
        let (from, until) = stay.times();
        let is_still = (from..until).contains(&self.still);
        // As if it had begun in a round before this one. The first moment, which may be the only one that is
        // drawn, lies well inside the first screen and not where the last one goes.
        let begun = (self.screens.len() - from) as f64 * self.each.as_secs_f64() + INSIDE;
        let _ = write!(
            out,
            r#"<g class="m l{}{}" style="animation-delay:-{}s">"#,
            until - from,
            if is_still { " s" } else { "" },
            number(begun),
        );
    }
}

fn marks(row: &Row) -> impl Iterator<Item = Mark<'_>> {
    let grounds = row.grounds.iter().map(Mark::Ground);
    grounds.chain(row.pieces.iter().map(Mark::Piece))
}

impl Stay<'_> {
    fn times(&self) -> (usize, usize) {
        (self.from, self.until)
    }

    /// The colour of what is no ground.
    fn ink(&self) -> Option<Rgb> {
        match self.mark {
            Mark::Ground(_) => None,
            Mark::Piece(piece) => Some(piece.colour),
        }
    }

    fn draw(&self, colours: &BTreeSet<Rgb>, out: &mut String) {
        let top = self.line as f64 * HIGH;
        match self.mark {
            Mark::Ground(ground) => {
                let _ = write!(
                    out,
                    r#"<rect x="{}" y="{top}" width="{}" height="{HIGH}" fill="{}"/>"#,
                    left(ground.column),
                    left(ground.cells),
                    hex(ground.colour),
                );
            }
            Mark::Piece(piece) => {
                let class = colours.iter().position(|colour| *colour == piece.colour);
                draw_piece(piece, top, class.unwrap_or(0), out);
            }
        }
    }
}

fn draw_piece(piece: &Piece, top: f64, colour: usize, out: &mut String) {
    if piece.is_blocks {
        let _ = write!(out, r#"<path class="c{colour}" d=""#);
        for (column, sign) in (piece.column..).zip(piece.text.chars()) {
            let [x, y, width, height] = filled(sign);
            let (left, top) = (f64::from(column) * WIDE + x * WIDE, top + GAP + y * TALL);
            let (left, top) = (number(left), number(top));
            let (width, height) = (number(width * WIDE), number(height * TALL));
            let _ = write!(out, "M{left} {top}h{width}v{height}h-{width}z");
        }
        out.push_str(r#""/>"#);
        return;
    }
    let _ = write!(
        out,
        r#"<text class="c{colour}" x="{}" y="{}""#,
        left(piece.column),
        number(top + BASE)
    );
    if piece.is_bold {
        out.push_str(r#" font-weight="600""#);
    }
    if piece.cells > 1 {
        let _ = write!(out, r#" textLength="{}""#, left(piece.cells));
    }
    let _ = write!(out, ">{}</text>", escaped(&piece.text));
}

/// The part of its cell that a block fills: left, upper edge, width and height, of 1 each.
fn filled(sign: char) -> [f64; 4] {
    let code = u32::from(sign);
    match sign {
        '▁'..='█' => {
            let height = f64::from(code - 0x2580) / 8.0;
            [0.0, 1.0 - height, 1.0, height]
        }
        '▉'..='▏' => [0.0, 0.0, f64::from(0x2590 - code) / 8.0, 1.0],
        _ => [0.0, 0.5, 1.0, 1.0 / TALL],
    }
}

/// The left edge of a column, or the width of so many cells.
fn left(column: u16) -> String {
    number(f64::from(column) * WIDE)
}

/// As short as it can be written.
fn number(number: f64) -> String {
    let text = format!("{number:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.strip_prefix("0.")
        .map_or_else(|| text.to_owned(), |rest| format!(".{rest}"))
}

fn hex([red, green, blue]: Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::screen::read;
    use super::*;

    fn film(screens: &[Vec<Row>]) -> String {
        let film = Film {
            title: "a <title>",
            says: "two \"lines\"",
            columns: 10,
            screens,
            each: Duration::from_millis(500),
            still: 1,
        };
        film.draw()
    }

    #[test]
    fn a_small_screen_becomes_this_picture() {
        let first = read("\x1b[32mok\x1b[39m & so\n\x1b[7m█▌·\x1b[0m  1", 10, 2);
        let second = read("\x1b[32mok\x1b[39m & so\n██·  2", 10, 2);
        let drawn = film(&[first, second.clone(), second]);
        let wanted = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 108 76" width="108" height="76" role="img" aria-label="two &quot;lines&quot;" font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace" font-size="14">
<style>
.c0{fill:#0d1117}
.c1{fill:#56d364}
.c2{fill:#d1d9e0}
.m{visibility:hidden}.s{visibility:visible}
@media (prefers-reduced-motion:no-preference){
.m{animation:1.5s step-end infinite}
.l1{animation-name:l1}@keyframes l1{0%{visibility:visible}33.33333%,to{visibility:hidden}}
.l2{animation-name:l2}@keyframes l2{0%{visibility:visible}66.66667%,to{visibility:hidden}}
}
</style>
<rect x=".5" y=".5" width="107" height="75" rx="8" fill="#0d1117" stroke="#3d444d"/>
<text x="54" y="19" text-anchor="middle" font-size="13" fill="#9198a1">a &lt;title&gt;</text>
<g transform="translate(12 28)">
<g class="m l1" style="animation-delay:-1.51s"><rect x="0" y="18" width="25.2" height="18" fill="#d1d9e0"/><path class="c0" d="M0 20h8.4v14h-8.4zM8.4 20h4.2v14h-4.2z"/><text class="c0" x="16.8" y="31.5">·</text><text class="c2" x="42" y="31.5">1</text></g>
<g><text class="c1" x="0" y="13.5" textLength="16.8">ok</text><text class="c2" x="25.2" y="13.5" textLength="33.6">&amp; so</text></g>
<g class="m l2 s" style="animation-delay:-1.01s"><path class="c2" d="M0 20h8.4v14h-8.4zM8.4 20h8.4v14h-8.4z"/><text class="c2" x="16.8" y="31.5">·</text><text class="c2" x="42" y="31.5">2</text></g>
</g>
</svg>
"##;
        assert_eq!(drawn, wanted);
    }

    #[test]
    fn what_never_changes_does_not_move_and_blank_lines_cost_nothing() {
        let screen = read("still\n\n", 10, 3);
        let drawn = film(&[screen.clone(), screen]);
        assert!(!drawn.contains("animation"), "{drawn}");
        assert_eq!(drawn.matches("<g>").count(), 1, "{drawn}");
    }

    #[test]
    fn blocks_fill_their_cells_by_eighths() {
        assert_eq!(filled('█'), [0.0, 0.0, 1.0, 1.0]);
        assert_eq!(filled('▂'), [0.0, 0.75, 1.0, 0.25]);
        assert_eq!(filled('▏'), [0.0, 0.0, 0.125, 1.0]);
        assert_eq!(filled('▌'), [0.0, 0.0, 0.5, 1.0]);
    }
}
