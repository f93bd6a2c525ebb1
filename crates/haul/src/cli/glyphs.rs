//! What a terminal can show: signs, bars and curves, drawn with the characters that it has. Knows no
//! colours; nothing is told by a colour that is not told by a character too.

use std::ffi::OsString;

use haul_engine::Status;

use super::clip;
use super::paint::plain;

/// Which characters a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Glyphs {
    /// All of Unicode, with blocks that fill a cell by eighths.
    Blocks,
    /// Letters of all languages, but no more signs than ASCII has: the console of Linux.
    Letters,
    /// ASCII. What is not in it could be taken for commands by a terminal that reads single bytes.
    Ascii,
}

/// A cell that is filled from the left, by eighths.
const WIDE: [char; 9] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
/// A cell that is filled from below, by eighths.
const HIGH: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const HIGH_ASCII: [char; 9] = [' ', '.', '.', ':', '-', '=', '+', '*', '#'];

impl Glyphs {
    /// What the locale and the name of the terminal promise.
    pub(crate) fn of_terminal() -> Glyphs {
        let set = |name| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
        let locale = set("LC_ALL")
            .or_else(|| set("LC_CTYPE"))
            .or_else(|| set("LANG"));
        let text =
            |value: Option<OsString>| value.unwrap_or_default().to_string_lossy().into_owned();
        Glyphs::promised(&text(locale), &text(set("TERM")))
    }

    fn promised(locale: &str, terminal: &str) -> Glyphs {
        let locale = locale.to_ascii_lowercase();
        if !locale.contains("utf-8") && !locale.contains("utf8") {
            return Glyphs::Ascii;
        }
        match terminal {
            "linux" | "dumb" => Glyphs::Letters,
            _ => Glyphs::Blocks,
        }
    }

    /// Text from elsewhere as this terminal can show it, without what it would obey.
    pub(crate) fn text(self, text: &str) -> String {
        let text = plain(text);
        match self {
            Glyphs::Ascii if !text.is_ascii() => {
                let ascii = |c: char| if c.is_ascii() { c } else { '?' };
                let text = clip::undisputed(&text, '?');
                text.chars().map(ascii).collect()
            }
            _ if text.is_ascii() => text,
            _ => clip::undisputed(&text, self.or_ascii('□', '?')),
        }
    }

    /// Stands where something was left out.
    pub(crate) fn cut(self) -> char {
        self.or_ascii('…', '~')
    }

    /// Separates facts that stand in one line.
    pub(crate) fn dot(self) -> &'static str {
        match self {
            Glyphs::Blocks => " · ",
            _ => " | ",
        }
    }

    /// A cell of a line across the screen.
    pub(crate) fn rule(self) -> char {
        self.or_ascii('─', '-')
    }

    /// The sign of a status. The status itself stands elsewhere in the same line.
    pub(crate) fn sign(self, status: Status) -> char {
        match status {
            Status::Queued => self.or_ascii('·', '.'),
            Status::Probing => '?',
            Status::Downloading => self.or_ascii('↓', 'v'),
            Status::Paused => '=',
            Status::Verifying => '#',
            Status::Delivering => self.or_ascii('→', '>'),
            Status::Completed => self.or_ascii('✓', '*'),
            Status::Failed => self.or_ascii('✗', '!'),
            Status::Cancelled => self.or_ascii('−', '-'),
        }
    }

    fn or_ascii(self, sign: char, ascii: char) -> char {
        match self {
            Glyphs::Blocks => sign,
            _ => ascii,
        }
    }

    /// A bar of so many cells; `tenths` of a percent of it are filled. Nothing is filled while it is
    /// not known how much that is.
    pub(crate) fn bar(self, tenths: Option<u16>, cells: usize) -> Bar {
        let eighths = usize::from(tenths.unwrap_or(0).min(1000)) * cells * 8 / 1000;
        let (whole, part) = (eighths / 8, eighths % 8);
        let mut filled: String = std::iter::repeat_n(self.or_ascii('█', '#'), whole).collect();
        let mut left = cells - whole;
        if self == Glyphs::Blocks && part > 0 {
            filled.push(WIDE[part]);
            left -= 1;
        }
        let empty = self.or_ascii('·', '.');
        Bar {
            filled,
            empty: std::iter::repeat_n(empty, left).collect(),
        }
    }

    /// A curve of so many cells, the newest value at the right end and the largest at full height. Where
    /// there are more values than cells, a cell shows the mean of several.
    pub(crate) fn curve(self, values: &[u64], cells: usize) -> String {
        let each = values.len().div_ceil(cells.max(1)).max(1);
        let means: Vec<u64> = values.rchunks(each).map(mean).collect();
        let most = means.iter().copied().max().unwrap_or(0).max(1);
        let heights = means.iter().rev().map(|mean| {
            // Something must not look like nothing, so it is rounded up.
            let height = (u128::from(*mean) * 8).div_ceil(u128::from(most));
            self.high(usize::try_from(height).unwrap_or(8))
        });
        let curve: String = heights.collect();
        clip::right(&curve, cells)
    }

    /// The map of filled slices, as the daemon tells it: a digit from 0 to 9 for each.
    pub(crate) fn map(self, digits: &str, cells: usize) -> String {
        let levels: Vec<usize> = digits
            .chars()
            .filter_map(|digit| usize::try_from(digit.to_digit(10)?).ok())
            .collect();
        let cells = cells.min(levels.len());
        let cell = |cell: usize| {
            let (from, to) = (
                cell * levels.len() / cells,
                (cell + 1) * levels.len() / cells,
            );
            let slices = &levels[from..to];
            let sum: usize = slices.iter().sum();
            // Only what holds all of it looks full, and only what holds nothing looks empty.
            match (sum, slices.len() * 9) {
                (0, _) => self.or_ascii('·', '.'),
                (sum, all) if sum == all => self.high(8),
                (sum, all) => self.high((sum * 7).div_ceil(all)),
            }
        };
        (0..cells).map(cell).collect()
    }

    fn high(self, eighths: usize) -> char {
        let levels = match self {
            Glyphs::Blocks => HIGH,
            _ => HIGH_ASCII,
        };
        levels[eighths.min(8)]
    }
}

fn mean(values: &[u64]) -> u64 {
    let sum: u128 = values.iter().copied().map(u128::from).sum();
    let count = u128::try_from(values.len().max(1)).unwrap_or(1);
    u64::try_from(sum / count).unwrap_or(u64::MAX)
}

/// The two parts of a bar.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) filled: String,
    pub(crate) empty: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(glyphs: Glyphs, tenths: Option<u16>, cells: usize) -> String {
        let bar = glyphs.bar(tenths, cells);
        bar.filled + &bar.empty
    }

    #[test]
    fn only_a_terminal_that_says_utf_8_gets_more_than_ascii() {
        for (locale, terminal, glyphs) in [
            ("en_GB.UTF-8", "xterm-256color", Glyphs::Blocks),
            ("C.utf8", "tmux", Glyphs::Blocks),
            ("C.UTF-8", "linux", Glyphs::Letters),
            ("", "xterm", Glyphs::Ascii),
            ("ru_RU.KOI8-R", "xterm", Glyphs::Ascii),
        ] {
            assert_eq!(
                Glyphs::promised(locale, terminal),
                glyphs,
                "{locale} {terminal}"
            );
        }
        assert_eq!(Glyphs::Ascii.text("caf\u{e9}\u{9b}2J"), "caf??2J");
        assert_eq!(Glyphs::Letters.text("夏\x1b"), "夏\u{fffd}");
        let heart = "\u{2764}\u{fe0f}";
        for (glyphs, mark) in [
            (Glyphs::Blocks, "□"),
            (Glyphs::Letters, "?"),
            (Glyphs::Ascii, "?"),
        ] {
            assert_eq!(glyphs.text(heart), mark, "{glyphs:?}");
        }
    }

    #[test]
    fn a_bar_fills_by_eighths_and_is_full_only_at_the_end() {
        assert_eq!(bar(Glyphs::Blocks, Some(0), 4), "····");
        assert_eq!(bar(Glyphs::Blocks, Some(17), 10), "▏·········");
        assert_eq!(bar(Glyphs::Blocks, Some(500), 5), "██▌··");
        assert_eq!(bar(Glyphs::Blocks, Some(999), 4), "███▉");
        assert_eq!(bar(Glyphs::Blocks, Some(1000), 4), "████");
        assert_eq!(bar(Glyphs::Ascii, Some(999), 4), "###.");
        assert_eq!(bar(Glyphs::Ascii, None, 4), "....");
        assert_eq!(bar(Glyphs::Blocks, Some(500), 0), "");
    }

    #[test]
    fn a_curve_ends_at_the_right_and_shows_even_the_least() {
        assert_eq!(Glyphs::Blocks.curve(&[0, 1, 4, 8], 6), "   ▁▄█");
        assert_eq!(Glyphs::Blocks.curve(&[1, 1_000_000], 2), "▁█");
        assert_eq!(Glyphs::Blocks.curve(&[0, 0], 2), "  ");
        assert_eq!(Glyphs::Blocks.curve(&[8, 8, 2, 6], 2), "█▄");
        assert_eq!(Glyphs::Ascii.curve(&[0, 4, 8], 3), " -#");
        assert_eq!(Glyphs::Blocks.curve(&[u64::MAX, 1], 0).trim(), "█");
    }

    #[test]
    fn a_map_shows_the_least_byte_and_the_least_gap() {
        assert_eq!(Glyphs::Blocks.map("0599", 4), "·▄██");
        assert_eq!(
            Glyphs::Blocks.map(&format!("1{}8", "0".repeat(6)), 4),
            "▁··▄"
        );
        assert_eq!(Glyphs::Blocks.map(&format!("{}8", "9".repeat(99)), 2), "█▇");
        assert_eq!(Glyphs::Ascii.map("0099", 2), ".#");
        assert_eq!(Glyphs::Blocks.map("", 10), "");
    }
}
